#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/model_config.hpp"
#include "domain/plan_context.hpp"
#include "models/query_time/executed_plan.hpp"
#include "models/query_time/flat_predictor.hpp"
#include "models/query_time/node_model.hpp"
#include "models/query_time/query_time_model.hpp"
#include "training/fold_evaluation.hpp"
#include "training/forest_trainer.hpp"

/// The query time model in either design, from settings to bytes.
namespace orrery::training {

struct QueryTimeTraining {
    config::ModelConfig model;
    config::TrainingConfig training;
    const models::NodeModel* prior = nullptr;  ///< calibrated to the machine; null = the factory's
    bool unseen_only = false;                  ///< no template of the training will be asked about: trees on the rest are not needed
};
/// The settings as data sets are prepared, and what stands for the learner in reports: "physics, xgboost".
PreparationOptions preparation_of(const config::TrainingConfig& training);
std::string name_of(const config::ModelConfig& model);
/// Changes with all that changes the model made of the same data.
std::uint64_t options_hash(const QueryTimeTraining& options);

/// A trained model of one of the designs: exactly one of them is set.
struct TrainedQueryTime {
    std::shared_ptr<const models::QueryTimeModel> physics;
    std::shared_ptr<const models::FlatModel> flat;

    [[nodiscard]] std::shared_ptr<const domain::Predictor> predictor(std::shared_ptr<const domain::PlanContext> context) const;
    /// Of the names of its inputs, for the registry.
    [[nodiscard]] std::uint64_t features_hash() const;
};
/// `invalid_input` without a usable plan, `cancelled` on a stop request. The same plans in the same order and the same options give the
/// same bytes. Plans are expected to be prepared: times above zero. Where their contexts are empty, what they tell themselves is used.
base::Result<TrainedQueryTime> train_query_time(std::span<const models::ExecutedPlan> plans, const QueryTimeTraining& options,
                                                const Progress& progress = {}, const std::stop_token& stop = {});
/// The same as a step of `evaluate_folds`, whose folds ask about other templates than they train on. `options` must outlive it.
Fit query_time_fit(const QueryTimeTraining& options);

/// The payload of a model file and back. `corrupt` for damaged bytes, `unsupported` for a model of other inputs or of a newer Orrery.
std::string encode_query_time(const TrainedQueryTime& model);
base::Result<TrainedQueryTime> decode_query_time(std::string_view bytes);

/// The flat design's training: a learner on the whole plan's features, each template weighing the same; its intervals from templates left
/// out. Same errors as train_query_time.
base::Result<models::FlatModel> fit_flat(std::span<const models::ExecutedPlan> plans, const ForestOptions& options,
                                         const Progress& progress = {}, const std::stop_token& stop = {});

}  // namespace orrery::training
