#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "domain/predictor.hpp"
#include "models/forest/forest.hpp"
#include "models/query_time/node_model.hpp"
#include "models/query_time/row_feedback.hpp"

/// All that a trained query time model knows, and the predictor that answers from it.
namespace orrery::models {

/// log ms = intercept + slope * log cost: what planner costs alone tell.
struct CostFit {
    double intercept = -4, slope = 1;
    [[nodiscard]] double ms(double cost) const;
};

/// What a template's own executions say.
struct TemplateTimes {
    std::uint64_t key = 0;  ///< template_key of its name
    double executions = 0;
    double log_median = 0;              ///< of its recent times, log ms
    double log_low = 0, log_high = 0;   ///< its 5 % and 95 % quantiles, widened for few executions
    double trees_spread = 0;            ///< 90 % quantile of |log error| that trees made on executions they had not seen
    bool steady = false;                ///< its own times foretell the next one better than the trees do
    std::vector<std::uint64_t> shapes;  ///< of its plans, sorted: another shape is news
};

/// 90 % quantiles of |log(actual / predicted)| on templates that the fit had not seen, per unit of `uncertainty`.
struct UnseenErrors {
    double physics = 1.5;
    double cost = 2.5;
};

/// Trees on the residual for templates that were not learnt from. They are only asked where templates left out of the training showed that
/// they help: on a dozen templates they learn these by heart and nothing else.
struct NewcomerTrees {
    Forest forest;      ///< log(actual / physics)
    double weight = 0;  ///< of their answer, 0..1; 0 = not asked
};

struct QueryTimeModel {
    NodeModel nodes;
    RowFeedback rows;
    Forest residual;  ///< log(actual / physics); no trees = none
    NewcomerTrees newcomers;
    std::vector<TemplateTimes> templates;  ///< sorted by key
    CostFit cost;
    UnseenErrors unseen;
    std::vector<domain::PlanContext> inferred;  ///< sizes that recordings without a context tell themselves, by database
    double largest_ms = 0;                      ///< longest execution that it learnt from; 0 = none
};

/// Templates go by their fingerprint; data that names them otherwise ("tpch_q01") gets a key of the name.
domain::Fingerprint template_key(std::string_view group);

/// Names of the residual trees' inputs, by position. Their hash is what the registry checks.
std::span<const std::string> residual_feature_names();
std::uint64_t query_time_features_hash();
/// The same for a node model on its own, of kind "node": the names of its kinds of work.
std::uint64_t node_model_hash();

void encode(const QueryTimeModel& model, base::ByteWriter& out);
base::Result<QueryTimeModel> decode_query_time_model(base::ByteReader& in);

/// Predictions and the ends of their intervals stay below: there is room for the factors by which they are corrected.
inline constexpr double kLongestMs = 1e200;

/// Everything about one plan that routes and learners look at. Reused from plan to plan, it does not allocate once warm.
struct PlanReading {
    std::vector<Operator> operators;
    std::vector<Work> work;
    std::vector<double> ms;  ///< of each operator
    double physics_ms = 0;
    double uncertainty = 1;    ///< >= 1: how much less is known of this plan's rows than of an ordinary one's
    double foreign_share = 0;  ///< of the planner's cost in nodes that the physics does not know, 0..1
    std::uint64_t shape = 0;
    std::vector<float> features;  ///< residual_feature_names
};
/// Fills `features` and `shape`, which only templates that were learnt from need, when asked. `invalid_input` for a plan without a finite
/// cost, or of rows beyond any time.
base::Result<void> read_plan(const NodeModel& nodes, const RowFeedback& rows, const domain::PlanContext& context,
                             const domain::PlanQuestion& question, bool with_features, PlanReading& out);

/// QueryTimePredictor: physics, feedback, trees and routing behind the port. Without a context, or with one that knows no relation, what
/// recordings of the same database (else of the first) told of sizes stands in. Const use is thread-safe.
class QueryTimePredictor final : public domain::Predictor {
public:
    QueryTimePredictor(std::shared_ptr<const QueryTimeModel> model, std::shared_ptr<const domain::PlanContext> context);

    [[nodiscard]] base::Result<domain::TimePrediction> predict(const domain::PlanQuestion& question) const override;
    [[nodiscard]] base::Result<domain::TimeExplanation> explain(const domain::PlanQuestion& question) const override;
    /// The same from a reading that is already there.
    [[nodiscard]] domain::TimePrediction predict(const PlanReading& reading, domain::Fingerprint fingerprint) const;

private:
    std::shared_ptr<const QueryTimeModel> model_;
    std::shared_ptr<const domain::PlanContext> context_;
};

}  // namespace orrery::models
