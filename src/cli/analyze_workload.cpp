#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/analyze.hpp"
#include "cli/commands.hpp"
#include "cli/sparkline.hpp"
#include "engine/json.hpp"
#include "engine/workload_analysis.hpp"

namespace orrery::cli {
namespace {

using engine::Json;

struct Options {
    engine::WorkloadRequest request;
    std::string since;
    std::size_t top = 15;
};

/// JSON has no NaN.
Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json();
}

Json features_json(const analyzers::Features& features) {
    Json all = Json::object();
    for (std::size_t i = 0; i < analyzers::kFeatures; ++i)
        all[std::string(analyzers::to_string(static_cast<analyzers::Feature>(i)))] = number(features.values[i]);
    return all;
}

Json schedule_json(const analyzers::Schedule& schedule) {
    return {{"period_s", schedule.period_s},
            {"phase_s", schedule.phase_s},
            {"jitter_s", schedule.jitter_s},
            {"by_the_clock", schedule.by_the_clock},
            {"runs", schedule.runs},
            {"missed", schedule.missed},
            {"calls_per_run", schedule.calls_per_run},
            {"last_run", base::to_iso8601(schedule.last_run)},
            {"next_run", base::to_iso8601(schedule.next_run)},
            {"tolerance_s", schedule.tolerance_s}};
}

Json rhythm_json(const analyzers::Rhythm& rhythm) {
    Json hours = Json::array(), weekdays = Json::array();
    for (const double level : rhythm.hours) hours.push_back(number(level));
    for (const double level : rhythm.weekdays) weekdays.push_back(number(level));
    return {{"days", rhythm.days},
            {"daily", rhythm.daily},
            {"weekly", rhythm.weekly},
            {"daily_strength", number(rhythm.daily_strength)},
            {"weekly_strength", number(rhythm.weekly_strength)},
            {"peak_hours", rhythm.peak_hours},
            {"hours", hours},
            {"weekdays", weekdays}};
}

Json growth_json(const std::optional<analyzers::Growth>& growth) {
    if (!growth) return {};
    return {{"per_day", growth->per_day}, {"low", growth->low},   {"high", growth->high},
            {"p_value", growth->p_value}, {"days", growth->days}, {"significant", growth->significant()}};
}

Json bursts_json(const std::vector<analyzers::Burst>& bursts) {
    Json all = Json::array();
    for (const auto& burst : bursts)
        all.push_back({{"start", base::to_iso8601(burst.start)},
                       {"end", base::to_iso8601(burst.end)},
                       {"calls", burst.calls},
                       {"factor", number(burst.factor)},
                       {"scheduled", burst.scheduled}});
    return all;
}

Json template_json(const analyzers::TemplateSummary& item) {
    Json schedules = Json::array();
    for (const auto& schedule : item.schedules) schedules.push_back(schedule_json(schedule));
    return {{"fingerprint", item.fingerprint.hex()},
            {"text", item.text},
            {"calls", item.calls},
            {"ms", item.ms},
            {"olap_probability", item.olap_probability},
            {"heavy", item.heavy},
            {"recurrence", analyzers::to_string(item.recurrence)},
            {"schedules", schedules},
            {"growth", growth_json(item.growth)},
            {"bursts", bursts_json(item.bursts)},
            {"features", features_json(item.features)}};
}

Json document(const engine::WorkloadReport& report) {
    const auto& s = report.summary;
    Json templates = Json::array(), intervals = Json::array(), lookups = Json::array(), orms = Json::array(), hints = Json::array(),
         waits = Json::array();
    for (const auto& item : s.templates) templates.push_back(template_json(item));
    for (const auto& item : s.intervals)
        intervals.push_back({{"start", base::to_iso8601(item.start)},
                             {"end", base::to_iso8601(item.end)},
                             {"write_share", number(item.write_share)},
                             {"coverage", number(item.coverage)},
                             {"lower_bound", item.lower_bound},
                             {"features", features_json(item.features)}});
    for (const auto& item : s.repeated_lookups)
        lookups.push_back({{"parent", item.parent.hex()},
                           {"child", item.child.hex()},
                           {"per_call", item.per_call},
                           {"parent_rows", item.parent_rows},
                           {"confidence", item.confidence}});
    for (const auto& item : s.orms)
        orms.push_back({{"orm", item.orm}, {"confidence", item.confidence}, {"templates", item.templates}, {"why", item.why}});
    for (const auto& item : s.hints)
        hints.push_back({{"kind", item.kind},
                         {"fingerprint", item.fingerprint ? Json(item.fingerprint->hex()) : Json()},
                         {"share", number(item.share)},
                         {"text", item.text}});
    for (const auto& item : report.waits) waits.push_back({{"class", item.name}, {"average_sessions", item.sessions}});
    return {
        {"target", report.target},
        {"start", base::to_iso8601(s.start)},
        {"end", base::to_iso8601(s.end)},
        {"seconds", s.seconds},
        {"coverage", number(s.coverage)},
        {"lower_bound", s.lower_bound},
        {"calls", s.calls},
        {"ms", s.ms},
        {"kind", analyzers::to_string(s.kind.kind())},
        {"probabilities", {{"oltp", s.kind.oltp}, {"mixed", s.kind.mixed}, {"olap", s.kind.olap}}},
        {"heavy", s.heavy},
        {"heavy_probability", number(s.heavy_probability)},
        {"recurrence", {{"application", s.recurrence.application}, {"scheduled", s.recurrence.scheduled}, {"ad_hoc", s.recurrence.ad_hoc}}},
        {"features", features_json(s.features)},
        {"rhythm", rhythm_json(s.rhythm)},
        {"calls_growth", growth_json(s.calls_growth)},
        {"time_growth", growth_json(s.time_growth)},
        {"bursts", bursts_json(s.bursts)},
        {"repeated_lookups", lookups},
        {"orms", orms},
        {"hints", hints},
        {"waits", waits},
        {"templates", templates},
        {"intervals", intervals},
        {"summary", s.sentences}};
}

std::string one_line(const std::string& text) {
    std::string line = text.substr(0, 120);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
    return line;
}

Table templates_table(const analyzers::WorkloadSummary& summary, std::size_t top) {
    Table table{{{"template"},
                 {"share", Align::right},
                 {"calls/s", Align::right},
                 {"mean ms", Align::right},
                 {"rows", Align::right},
                 {"OLAP", Align::right},
                 {"runs"},
                 {"text", Align::left, true}},
                {}};
    for (std::size_t i = 0; i < std::min(top, summary.templates.size()); ++i) {
        const auto& item = summary.templates[i];
        const auto runs = item.schedules.empty()
                              ? std::string(analyzers::to_string(item.recurrence))
                              : fmt::format("every {}", base::to_text(base::Milliseconds(1'000 * item.schedules[0].period_s)));
        table.rows.push_back({item.fingerprint.hex(), percent_cell(100 * item.features[analyzers::Feature::time_share]),
                              number_cell(item.features[analyzers::Feature::calls_per_s], 2),
                              number_cell(item.features[analyzers::Feature::mean_ms], 2),
                              number_cell(item.features[analyzers::Feature::rows], 1), percent_cell(100 * item.olap_probability), runs,
                              one_line(item.text)});
    }
    return table;
}

/// Calls and sessions over time, as far as the terminal is wide.
base::Result<void> print_plots(const engine::WorkloadReport& report) {
    const auto glyphs = terminal_glyphs();
    constexpr std::size_t kWidth = 60;
    std::vector<double> calls, time;
    for (const auto& interval : report.summary.intervals) {
        calls.push_back(interval.features[analyzers::Feature::calls_per_s]);
        time.push_back(interval.features[analyzers::Feature::active_sessions]);
    }
    const auto highest = [](const std::vector<double>& values) {
        double most = 0;
        for (const double value : values)
            if (value > most) most = value;
        return most;
    };
    ORRERY_TRY(print(fmt::format("calls/s    {}  up to {:.1f}\n", sparkline(calls, kWidth, glyphs), highest(calls))));
    ORRERY_TRY(print(fmt::format("executing  {}  up to {:.2f} sessions\n", sparkline(time, kWidth, glyphs), highest(time))));
    for (const auto& wait : report.waits)
        ORRERY_TRY(print(fmt::format("{:<10} {}  {:.2f} sessions on average\n", wait.name.substr(0, 10),
                                     sparkline(wait.active_sessions, kWidth, glyphs), wait.sessions)));
    if (report.summary.rhythm.days >= 2) {
        ORRERY_TRY(print("\n"));
        for (const auto& line : week_map(report.summary.rhythm.week, output_width(), glyphs)) ORRERY_TRY(print(line + "\n"));
    }
    return print("\n");
}

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(options.request.since, duration_option(options.since));
    ORRERY_ASSIGN(const auto report, engine::analyze_workload(invocation.context, options.request));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return int{kOk};
    }
    if (invocation.format == Format::table) {
        for (const auto& sentence : report.summary.sentences) ORRERY_TRY(print(sentence + "\n"));
        ORRERY_TRY(print("\n"));
        ORRERY_TRY(print_plots(report));
    }
    ORRERY_TRY(print(invocation, templates_table(report.summary, options.top)));
    return int{kOk};
}

}  // namespace

void add_analyze_workload(CLI::App& analyze, Invocation& invocation) {
    auto* command = analyze.add_subcommand("workload", "What kind of workload it is, its schedules, rhythm, growth, bursts and oddities");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_option("--since", options->since, "Only what was collected in this last while")->type_name("DURATION");
    command->add_option("--top", options->top, "Lines of the table of templates")->type_name("N")->capture_default_str();
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
