#include "models/query_time/flat_predictor.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/random.hpp"
#include "domain/plan_features.hpp"

namespace orrery::models {
namespace {

using domain::PlanContext;
using domain::PlanQuestion;

constexpr std::array<std::string_view, 5> kSurroundings{"condition.concurrent_sessions", "condition.cached_share", "server.work_mem",
                                                        "server.shared_buffers", "server.effective_cache_size"};

// Of a year in ms and of a nanosecond: beyond them an exponent is nonsense, and may not be finite.
constexpr double kLongestLog = 25, kShortestLog = -14;

/// What is only known once the plan has run may not be looked at.
bool is_known_before(std::string_view feature) {
    return !feature.starts_with("actual.");
}

std::vector<std::string> make_names() {
    std::vector<std::string> names;
    for (const auto name : domain::plan_feature_names())
        if (is_known_before(name)) names.emplace_back(name);
    names.insert(names.end(), kSurroundings.begin(), kSurroundings.end());
    return names;
}

float input(double value) {
    const auto rounded = static_cast<float>(value);
    return std::isfinite(rounded) ? rounded : std::numeric_limits<float>::quiet_NaN();
}

double bounded(double log_ms) {
    return std::clamp(log_ms, kShortestLog, kLongestLog);
}

domain::TimePrediction prediction_of(const FlatModel& model, std::span<const float> row) {
    domain::TimePrediction prediction;
    prediction.ms = std::exp(bounded(static_cast<double>(predict(model.forest, row))));
    prediction.low_ms = prediction.ms * std::exp(-model.unseen_error);
    prediction.high_ms = prediction.ms * std::exp(model.unseen_error);
    prediction.route = domain::PredictionRoute::trees;
    prediction.why = "the trees alone answer, whatever the plan";
    return prediction;
}

void share_by_cost(const domain::PlanNode& node, std::vector<domain::TimeShare>& shares) {
    double below = 0;
    for (const auto& child : node.children) below += child.total_cost.value;
    const double added = std::max(node.total_cost.value - below, 0.0);
    const std::string& on = node.relation.empty() ? node.cte_name : node.relation;
    shares.push_back({on.empty() ? node.type : node.type + " on " + on, static_cast<int>(shares.size()), std::isfinite(added) ? added : 0});
    for (const auto& child : node.children) share_by_cost(child, shares);
}

/// Turns shares in any unit into shares of `ms`; without any, the first node has it all.
void scale(std::vector<domain::TimeShare>& shares, double ms) {
    double sum = 0;
    for (const auto& share : shares) sum += share.ms;
    for (auto& share : shares) share.ms = sum > 0 ? share.ms / sum * ms : 0;
    if (sum <= 0 && !shares.empty()) shares.front().ms = ms;
}

}  // namespace

std::span<const std::string> flat_feature_names() {
    static const std::vector<std::string> names = make_names();
    return names;
}

std::uint64_t flat_features_hash() {
    static const std::uint64_t hash = base::stable_hash_of(
        flat_feature_names(), base::stable_hash("query-time flat", static_cast<std::uint64_t>(domain::kPlanFeaturesVersion)));
    return hash;
}

base::Result<void> flat_features(const PlanQuestion& question, const PlanContext& context, std::vector<float>& row) {
    if (question.plan == nullptr) return base::unexpected(base::ErrorKind::invalid_input, "there is no plan to predict");
    row.clear();
    const auto values = domain::plan_features(*question.plan);
    const auto names = domain::plan_feature_names();
    for (std::size_t i = 0; i < values.size(); ++i)
        if (is_known_before(names[i])) row.push_back(input(values[i]));
    const auto& server = context.server;
    row.push_back(input(question.conditions.concurrent_sessions));
    row.push_back(input(question.conditions.cached_share));
    for (const auto bytes : {server.work_mem, server.shared_buffers, server.effective_cache_size})
        row.push_back(input(static_cast<double>(bytes.value)));
    return {};
}

void encode(const FlatModel& model, base::ByteWriter& out) {
    encode(model.forest, out);
    out.f64(model.unseen_error);
}

base::Result<FlatModel> decode_flat_model(base::ByteReader& in) {
    FlatModel model;
    ORRERY_ASSIGN(model.forest, decode_forest(in));
    model.unseen_error = in.f64();
    if (model.forest.features != flat_feature_names().size() || !std::isfinite(model.unseen_error) || model.unseen_error < 0) in.fail();
    if (in.failed())
        return base::unexpected(base::ErrorKind::corrupt, "the model of query times cannot be read",
                                "Its bytes end early or hold impossible values.", "Train it again with 'orrery train query-time'.");
    return model;
}

base::Result<domain::TimePrediction> FlatPredictor::predict(const PlanQuestion& question) const {
    thread_local std::vector<float> row;
    ORRERY_TRY(flat_features(question, *context_, row));
    return prediction_of(*model_, row);
}

base::Result<domain::TimeExplanation> FlatPredictor::explain(const PlanQuestion& question) const {
    std::vector<float> row;
    ORRERY_TRY(flat_features(question, *context_, row));
    domain::TimeExplanation explanation;
    explanation.prediction = prediction_of(*model_, row);
    const double ms = explanation.prediction.ms;

    std::vector<double> values(row.size());
    ShapWorkspace workspace;
    const double expectation = shap(model_->forest, row, values, workspace);
    const double base_ms = std::exp(bounded(expectation)), log = std::log(ms / base_ms);
    // The logarithmic mean turns shares of a logarithm into shares of the time.
    const double per_log = std::abs(log) < 1e-9 ? ms : (ms - base_ms) / log;
    const auto names = flat_feature_names();
    double given = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] == 0) continue;
        explanation.features.push_back({names[i], -1, values[i] * per_log});
        given += explanation.features.back().ms;
    }
    // Not as the explanation's base: operators have no part in it, and would share out what is less than nothing. What single precision
    // rounds away goes here as well.
    explanation.features.push_back({"an average plan", -1, ms - given});
    std::stable_sort(explanation.features.begin(), explanation.features.end(),
                     [](const auto& a, const auto& b) { return std::abs(a.ms) > std::abs(b.ms); });

    share_by_cost(question.plan->root, explanation.operators);
    scale(explanation.operators, ms);
    return explanation;
}

}  // namespace orrery::models
