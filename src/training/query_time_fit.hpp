#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>

#include "base/result.hpp"
#include "models/query_time/executed_plan.hpp"
#include "models/query_time/query_time_model.hpp"
#include "training/forest_trainer.hpp"

/// From executed plans to a query time model.
namespace orrery::training {

struct QueryTimeFitOptions {
    ForestOptions residual{.trees = 300, .depth = 5, .learning_rate = 0.08};
    bool with_residual = true;                 ///< trees on what physics leaves
    bool with_feedback = true;                 ///< row corrections learnt from the executions
    std::size_t most_per_template = 60;        ///< plans that physics and feedback look at, evenly chosen
    std::size_t inner_folds = 20;              ///< of templates, for the intervals; each is fitted without the templates it is tested on
    std::size_t recent = 100;                  ///< executions that count as a template's recent times
    const models::NodeModel* prior = nullptr;  ///< calibrated to the machine; null = the factory's
    std::uint64_t seed = 1;
};

/// Fits physics, feedback, residual trees, the templates' own times and the intervals. `invalid_input` without a usable plan; with few
/// templates the intervals are the factory's, and wide. The same plans, in the same order, and options give the same model.
base::Result<models::QueryTimeModel> fit_query_time(std::span<const models::ExecutedPlan> plans, const QueryTimeFitOptions& options,
                                                    const Progress& progress = {}, const std::stop_token& stop = {});

/// The question about an executed plan as if it had not been executed: its template, conditions, nothing observed.
domain::PlanQuestion question_of(const models::ExecutedPlan& executed);

/// Least squares on logs over groups of equal weight.
models::CostFit fit_cost(std::span<const models::ExecutedPlan> plans);

}  // namespace orrery::training
