#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "domain/plan_context.hpp"
#include "domain/predictor.hpp"
#include "models/forest/forest.hpp"

/// The plain design: trees on features of the whole plan, with no physics and no memory of templates. Learners are compared in it.
namespace orrery::models {

/// Its inputs by position: the plan's features that are known without running it, conditions, memory settings.
std::span<const std::string> flat_feature_names();
std::uint64_t flat_features_hash();

/// The inputs of one plan, overwriting `row`. What the plan does not tell, or tells as infinite, is NaN. Only an absent plan is an error.
base::Result<void> flat_features(const domain::PlanQuestion& question, const domain::PlanContext& context, std::vector<float>& row);

struct FlatModel {
    Forest forest;              ///< log ms
    double unseen_error = 2.5;  ///< 90 % quantile of |log(actual / predicted)| on templates that were not learnt from
};
void encode(const FlatModel& model, base::ByteWriter& out);
base::Result<FlatModel> decode_flat_model(base::ByteReader& in);

/// Answers from the trees alone. Operators share the time as the planner's costs do. Const use is thread-safe.
class FlatPredictor final : public domain::Predictor {
public:
    FlatPredictor(std::shared_ptr<const FlatModel> model, std::shared_ptr<const domain::PlanContext> context)
        : model_(std::move(model)), context_(std::move(context)) {}

    [[nodiscard]] base::Result<domain::TimePrediction> predict(const domain::PlanQuestion& question) const override;
    [[nodiscard]] base::Result<domain::TimeExplanation> explain(const domain::PlanQuestion& question) const override;

private:
    std::shared_ptr<const FlatModel> model_;
    std::shared_ptr<const domain::PlanContext> context_;
};

}  // namespace orrery::models
