#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.hpp"
#include "domain/plan_context.hpp"
#include "domain/predictor.hpp"
#include "models/query_time/executed_plan.hpp"
#include "training/data_set.hpp"
#include "training/evaluation.hpp"
#include "training/forest_trainer.hpp"
#include "training/split.hpp"

/// Training on one part of the data and asking about the other, fold by fold.
namespace orrery::training {

/// What a training gives: a predictor for plans of any context.
using PredictorIn = std::function<std::shared_ptr<const domain::Predictor>(std::shared_ptr<const domain::PlanContext>)>;
/// Trains on the plans. Is called from several threads at once.
using Fit = std::function<base::Result<PredictorIn>(std::vector<models::ExecutedPlan> train, const Progress&, const std::stop_token&)>;

struct Outcomes {
    std::vector<Outcome> outcomes;  ///< in the order of the plans that were asked about; sentences (`why`) are left out
    std::vector<LeftOut> left_out;  ///< plans that could not be predicted
};

/// Asks about plans as if they had not been executed. The baseline is the planner's cost, fitted on `train`.
Outcomes ask(const PredictorIn& predictor, std::span<const models::ExecutedPlan> test, std::span<const models::ExecutedPlan> train);

struct FoldOptions {
    int threads = 1;                   ///< folds at a time; outcomes do not depend on it
    std::filesystem::path checkpoint;  ///< file of finished folds; empty = none is kept
    std::uint64_t options_hash = 0;    ///< of all that changes what `fit` makes of the data: a checkpoint of others is not used
    Progress progress;                 ///< called from several threads, one at a time
    std::stop_token stop;
};
struct FoldsDone {
    Outcomes all;                                   ///< fold by fold
    std::size_t resumed = 0;                        ///< folds that a checkpoint already had
    std::optional<base::Error> checkpoint_failure;  ///< the evaluation went on without
};

/// Trains and asks for each fold. When it is stopped (`cancelled`) or killed, finished folds stay in the checkpoint and are not done again
/// by the next call with the same data, folds and options; a checkpoint that cannot be read is as none. Of several folds that fail, the
/// first one's error is returned.
base::Result<FoldsDone> evaluate_folds(std::span<const models::ExecutedPlan> plans, std::span<const Fold> folds, const Fit& fit,
                                       const FoldOptions& options);

}  // namespace orrery::training
