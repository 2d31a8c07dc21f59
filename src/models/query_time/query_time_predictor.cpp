#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "models/query_time/query_time_model.hpp"

namespace orrery::models {
namespace {

// Fewer executions than these are hearsay.
constexpr double kLearntFrom = 5;
constexpr double kSeenOften = 20;
constexpr double kMostlyForeign = 0.5;
// Times the longest execution that was learnt from: beyond, neither row counts nor prices have shown that they hold.
constexpr double kOutOfRange = 100;
constexpr double kShortestMs = 1e-4;

const TemplateTimes* find_template(const QueryTimeModel& model, domain::Fingerprint fingerprint) {
    if (fingerprint.value == 0) return nullptr;
    const auto at = std::lower_bound(model.templates.begin(), model.templates.end(), fingerprint.value,
                                     [](const TemplateTimes& t, std::uint64_t key) { return t.key < key; });
    return at != model.templates.end() && at->key == fingerprint.value ? &*at : nullptr;
}

bool foretells(const TemplateTimes& t, std::uint64_t shape) {
    return t.steady && t.executions >= kSeenOften && std::binary_search(t.shapes.begin(), t.shapes.end(), shape);
}

domain::TimePrediction around(double ms, double log_error, domain::PredictionRoute route, std::string why) {
    ms = std::clamp(ms, kShortestMs, kLongestMs);
    return {ms, ms * std::exp(-log_error), std::min(ms * std::exp(log_error), kLongestMs), route, std::move(why)};
}

std::string node_name(const domain::PlanNode& node) {
    if (!node.index.empty() && !node.relation.empty()) return fmt::format("{} using {} on {}", node.type, node.index, node.relation);
    if (!node.relation.empty()) return fmt::format("{} on {}", node.type, node.relation);
    if (!node.cte_name.empty()) return fmt::format("{} on {}", node.type, node.cte_name);
    return node.type;
}

/// The prediction over the operators, in proportion to what physics says of each.
std::vector<domain::TimeShare> by_operator(const PlanReading& reading, double ms) {
    std::vector<domain::TimeShare> shares;
    const double scale = reading.physics_ms > 0 ? ms / reading.physics_ms : 0;
    for (std::size_t i = 0; i < reading.operators.size(); ++i)
        shares.push_back({node_name(*reading.operators[i].node), static_cast<int>(i), reading.ms[i] * scale});
    return shares;
}

/// Each kind of work at its price: the exact Shapley values of a sum.
void add_work(const NodeModel& nodes, const PlanReading& reading, double ms_in_all, std::vector<domain::TimeShare>& shares) {
    const auto names = work_term_names();
    std::vector<double> ms(reading.operators.size());
    double given = 0;
    for (std::size_t term = 0; term < kWorkTerms; ++term) {
        NodeModel only;
        only.ns.fill(0);
        only.ns[term] = nodes.ns[term];
        const double share = operator_times(only, reading.work, ms);
        given += share;
        if (share > 0) shares.push_back({std::string(names[term]), -1, share});
    }
    // What the sum rounds away, and what a time too short to be true is lengthened by.
    if (!shares.empty()) shares.front().ms += ms_in_all - given;
}

/// The trees that correct the physics of a template, and how much they count.
struct Correction {
    const Forest* trees = nullptr;  ///< null: none
    double weight = 1;
    /// Of the physics' time, on a log scale.
    [[nodiscard]] double log(const PlanReading& reading) const {
        return weight * static_cast<double>(models::predict(*trees, reading.features));
    }
};

Correction correction_of(const QueryTimeModel& model, const TemplateTimes* known, const PlanReading& reading) {
    if (reading.features.empty()) return {};
    if (known != nullptr && known->executions >= kLearntFrom && !model.residual.roots.empty()) return {&model.residual, 1};
    if (model.newcomers.weight > 0 && !model.newcomers.forest.roots.empty() && reading.foreign_share <= kMostlyForeign)
        return {&model.newcomers.forest, model.newcomers.weight};
    return {};
}

void add_residual(const Correction& correction, const PlanReading& reading, double ms, std::vector<domain::TimeShare>& shares) {
    thread_local ShapWorkspace workspace;
    std::vector<double> values(correction.trees->features);
    const double expectation = shap(*correction.trees, reading.features, values, workspace);
    // The logarithmic mean of both times, which turns shares of a log ratio into shares of a difference, exactly.
    const double log = correction.log(reading);
    const double per_log = correction.weight * (std::abs(log) < 1e-9 ? ms : (ms - reading.physics_ms) / log);
    const auto names = residual_feature_names();
    double given = 0;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] != 0) {
            shares.push_back({"correction by " + names[i], -1, values[i] * per_log});
            given += shares.back().ms;
        }
    // Nearly expectation * per_log: the rest is what single precision rounds away in the forest's answer, which stands.
    shares.push_back({expectation < 0 ? "learnt correction, on average (faster)" : "learnt correction, on average", -1,
                      ms - reading.physics_ms - given});
}

}  // namespace

QueryTimePredictor::QueryTimePredictor(std::shared_ptr<const QueryTimeModel> model, std::shared_ptr<const domain::PlanContext> context)
    : model_(std::move(model)), context_(std::move(context)) {
    if (context_ != nullptr && (!context_->relations.empty() || model_->inferred.empty())) return;
    static const auto nothing = std::make_shared<const domain::PlanContext>();
    const auto& inferred = model_->inferred;
    auto known = std::find_if(inferred.begin(), inferred.end(),
                              [&](const auto& c) { return context_ != nullptr && c.database == context_->database; });
    if (known == inferred.end()) known = inferred.begin();
    context_ = known == inferred.end() ? nothing : std::shared_ptr<const domain::PlanContext>(model_, &*known);
}

domain::TimePrediction QueryTimePredictor::predict(const PlanReading& reading, domain::Fingerprint fingerprint) const {
    const auto& model = *model_;
    const auto* known = find_template(model, fingerprint);
    if (known != nullptr && foretells(*known, reading.shape))
        return {std::exp(known->log_median), std::exp(known->log_low), std::exp(known->log_high), domain::PredictionRoute::recent_times,
                fmt::format("its {:.0f} executions took steady times with this plan", known->executions)};
    const auto correction = correction_of(model, known, reading);
    if (correction.trees == &model.residual)
        return around(reading.physics_ms * std::exp(correction.log(reading)), known->trees_spread, domain::PredictionRoute::residual,
                      fmt::format("{:.0f} executions of this template were learnt from", known->executions));
    if (reading.foreign_share > kMostlyForeign)
        return around(
            model.cost.ms(reading.operators.front().node->total_cost.value), model.unseen.cost, domain::PredictionRoute::calibrated_cost,
            fmt::format("{:.0f} % of the planner's cost is in nodes whose work the plan does not show", 100 * reading.foreign_share));
    if (model.largest_ms > 0 && reading.physics_ms > kOutOfRange * model.largest_ms) {
        const double by_cost = model.cost.ms(reading.operators.front().node->total_cost.value);
        const double apart = std::abs(std::log(std::max(by_cost, kShortestMs) / reading.physics_ms));
        return around(by_cost, std::max(model.unseen.cost, apart), domain::PredictionRoute::calibrated_cost,
                      fmt::format("physics says more than {:.0f} times the longest execution that was learnt from", kOutOfRange));
    }
    if (correction.trees != nullptr)
        return around(reading.physics_ms * std::exp(correction.log(reading)), model.unseen.physics * reading.uncertainty,
                      domain::PredictionRoute::residual, "this template is new; the trees helped on templates left out of the training");
    return around(reading.physics_ms, model.unseen.physics * reading.uncertainty, domain::PredictionRoute::physics,
                  known == nullptr ? "this template was not learnt from" : "too few executions of this template were learnt from");
}

base::Result<domain::TimePrediction> QueryTimePredictor::predict(const domain::PlanQuestion& question) const {
    thread_local PlanReading reading;
    const bool with_features = model_->newcomers.weight > 0 || find_template(*model_, question.fingerprint) != nullptr;
    ORRERY_TRY(read_plan(model_->nodes, model_->rows, *context_, question, with_features, reading));
    if (!with_features) reading.features.clear();
    return predict(reading, question.fingerprint);
}

base::Result<domain::TimeExplanation> QueryTimePredictor::explain(const domain::PlanQuestion& question) const {
    PlanReading reading;
    ORRERY_TRY(read_plan(model_->nodes, model_->rows, *context_, question, true, reading));
    domain::TimeExplanation explanation;
    explanation.prediction = predict(reading, question.fingerprint);
    const double ms = explanation.prediction.ms;
    explanation.operators = by_operator(reading, ms);
    auto& features = explanation.features;
    switch (explanation.prediction.route) {
        case domain::PredictionRoute::recent_times: features.push_back({"its own recent times", -1, ms}); break;
        case domain::PredictionRoute::calibrated_cost: features.push_back({"the planner's cost", -1, ms}); break;
        case domain::PredictionRoute::residual:
            add_work(model_->nodes, reading, reading.physics_ms, features);
            add_residual(correction_of(*model_, find_template(*model_, question.fingerprint), reading), reading, ms, features);
            break;
        case domain::PredictionRoute::physics:
        case domain::PredictionRoute::trees: add_work(model_->nodes, reading, ms, features); break;
    }
    std::stable_sort(features.begin(), features.end(), [](const auto& a, const auto& b) { return std::abs(a.ms) > std::abs(b.ms); });
    return explanation;
}

}  // namespace orrery::models
