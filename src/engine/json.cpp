#include "engine/json.hpp"

#include "base/units.hpp"

namespace orrery::engine {
namespace {

/// -0 would look odd.
double plain(double number) {
    return number == 0 ? 0 : number;
}

Json columns_of(const domain::IndexSpec& spec) {
    Json columns = Json::array();
    for (const auto& key : spec.keys) columns.push_back(key.sql());
    return columns;
}

Json step_json(const TuneStep& step) {
    const auto& r = step.recommendation;
    Json row{{"id", r.id}, {"kind", domain::to_string(r.kind)}, {"sql", r.sql}, {"predicted_percent", r.benefit_percent}};
    row["measured_percent"] = step.evaluation ? Json(step.evaluation->gain_percent) : Json();
    row["ci_percent"] = step.evaluation ? Json({step.evaluation->low_percent, step.evaluation->high_percent}) : Json();
    row["outcome"] = outcome_of(step);
    row["queries"] = r.queries.size();
    row["slower"] = Json::array();
    if (step.evaluation)
        for (const auto& fingerprint : step.evaluation->slower) row["slower"].push_back(fingerprint.hex());
    row["reason"] = step.error ? step.error->to_text() : step.judgement.reason;
    return row;
}

Json workload_json(const TuneReport& report) {
    if (!report.overall) return nullptr;
    const auto& o = *report.overall;
    Json slower = Json::array();
    for (const auto& fingerprint : o.slower) slower.push_back(fingerprint.hex());
    return {{"before_ms", o.before_ms},
            {"after_ms", o.after_ms},
            {"ci_percent", {o.low_percent, o.high_percent}},
            {"templates_slower", std::move(slower)}};
}

}  // namespace

Json to_json(const domain::Recommendation& r) {
    Json queries = Json::array();
    for (const auto& effect : r.queries)
        queries.push_back({{"fingerprint", effect.fingerprint.hex()},
                           {"cost_before", effect.cost_before.value},
                           {"cost_after", effect.cost_after.value}});
    return {{"id", r.id},
            {"kind", domain::to_string(r.kind)},
            {"sql", r.sql},
            {"revert_sql", r.revert_sql},
            {"table", r.spec.table.sql()},
            {"index", r.index.sql()},
            {"columns", columns_of(r.spec)},
            {"include", r.spec.include},
            {"predicate", r.spec.predicate.empty() ? Json() : Json(r.spec.predicate)},
            {"method", r.spec.method},
            {"unique", r.spec.unique},
            {"estimated_size_bytes", r.estimated_size.value},
            {"benefit_cost", plain(r.benefit_cost.value)},
            {"benefit_percent", plain(r.benefit_percent)},
            {"write_cost", plain(r.write_cost.value)},
            {"queries", std::move(queries)},
            {"why", r.why}};
}

Json to_json(const domain::Advice& advice) {
    Json recommendations = Json::array(), rejected = Json::array();
    for (const auto& r : advice.recommendations) recommendations.push_back(to_json(r));
    for (const auto& r : advice.rejected) rejected.push_back({{"sql", r.sql}, {"why", r.why}});
    return {{"target", advice.target},
            {"baseline_cost", advice.baseline_cost.value},
            {"final_cost", advice.final_cost.value},
            {"lower_bound_cost", advice.lower_bound_cost.value},
            {"gap_percent", advice.gap_percent},
            {"what_if_calls", advice.what_if_calls},
            {"wall_seconds", advice.wall_seconds},
            {"budget_bytes", advice.budget.value},
            {"recommendations", std::move(recommendations)},
            {"rejected", std::move(rejected)},
            {"warnings", advice.warnings}};
}

Json to_json(const domain::Action& action) {
    return {{"id", action.id},
            {"recommendation", action.recommendation_id},
            {"target", action.target},
            {"kind", domain::to_string(action.kind)},
            {"state", domain::to_string(action.state)},
            {"index", action.index.sql()},
            {"sql", action.sql},
            {"revert_sql", action.revert_sql},
            {"lock_level", action.lock_level},
            {"created", base::to_iso8601(action.created)},
            {"changed", base::to_iso8601(action.changed)},
            {"predicted_percent", action.predicted_percent},
            {"note", action.note}};
}

Json to_json(const domain::Evaluation& evaluation) {
    Json templates = Json::array(), slower = Json::array();
    for (const auto& t : evaluation.templates)
        templates.push_back({{"fingerprint", t.fingerprint.hex()},
                             {"calls_before", t.calls_before},
                             {"calls_after", t.calls_after},
                             {"mean_before_ms", t.mean_before_ms},
                             {"mean_after_ms", t.mean_after_ms},
                             {"p_value", t.p_value}});
    for (const auto& fingerprint : evaluation.slower) slower.push_back(fingerprint.hex());
    return {{"action", evaluation.action == 0 ? Json() : Json(evaluation.action)},
            {"before_ms", evaluation.before_ms},
            {"after_ms", evaluation.after_ms},
            {"gain_percent", evaluation.gain_percent},
            {"ci_percent", {evaluation.low_percent, evaluation.high_percent}},
            {"enough_data", evaluation.enough_data},
            {"slower", std::move(slower)},
            {"templates", std::move(templates)},
            {"verdict", evaluation.verdict}};
}

std::string_view outcome_of(const TuneStep& step) {
    if (!step.action) return "failed";
    return domain::to_string(step.action->state);
}

Json to_json(const TuneReport& report) {
    Json steps = Json::array();
    for (const auto& step : report.steps) steps.push_back(step_json(step));
    if (report.steps.empty())
        for (const auto& r : report.advice.recommendations)
            steps.push_back({{"id", r.id},
                             {"kind", domain::to_string(r.kind)},
                             {"sql", r.sql},
                             {"predicted_percent", r.benefit_percent},
                             {"outcome", "proposed"}});
    Json document{
        {"target", report.advice.target},      {"workload", workload_json(report)},       {"coverage_percent", report.coverage_percent},
        {"recommendations", std::move(steps)}, {"phases_seconds", report.phases_seconds}, {"interrupted", report.interrupted},
        {"warnings", report.advice.warnings}};
    return document;
}

Json to_json(const DemoReport& report) {
    Json document = to_json(report.tuned);
    const auto& planted = report.planted;
    document["planted"] = {{"found", planted.found},   {"total", planted.total},   {"decoys_taken", planted.decoys_taken},
                           {"missed", planted.missed}, {"decoys", planted.decoys}, {"other", planted.other}};
    document["phases_seconds"] = report.phases_seconds;
    if (!report.uri.empty()) document["uri"] = report.uri;
    return document;
}

std::string to_text(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace orrery::engine
