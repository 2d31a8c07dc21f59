#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/analyze.hpp"
#include "cli/cluster_profiles.hpp"
#include "cli/commands.hpp"
#include "cli/sparkline.hpp"

namespace orrery::cli {
namespace {

using engine::Json;

struct Options {
    engine::ClustersRequest request;
    ClusterChoices choices;
    std::string since;
    std::size_t top = 15;
};

constexpr std::size_t kPastShown = 168;  // hours

Json point_json(const models::ForecastPoint& point) {
    return {{"start", base::to_iso8601(point.start)}, {"calls", point.calls}, {"low", point.low}, {"high", point.high}};
}

Json forecast_json(const std::optional<models::Forecast>& forecast) {
    if (!forecast) return {};
    Json hours = Json::array();
    for (const auto& point : forecast->bins) hours.push_back(point_json(point));
    return {{"next_hour", point_json(forecast->bins.front())}, {"next_day", point_json(forecast->total)}, {"hours", hours}};
}

Json cluster_json(const engine::ClustersReport::Cluster& cluster) {
    auto document = profile_json(cluster.profile);
    document["calls"] = cluster.calls;
    document["ms"] = cluster.ms;
    document["trained_time_share"] = cluster.trained_time_share;
    Json past = Json::array();
    const auto first = cluster.past.size() - std::min(cluster.past.size(), kPastShown);
    for (auto i = first; i < cluster.past.size(); ++i) past.push_back(std::isfinite(cluster.past[i]) ? Json(cluster.past[i]) : Json());
    document["past_hours"] = past;
    document["forecast"] = forecast_json(cluster.forecast);
    return document;
}

Json document(const engine::ClustersReport& report) {
    Json clusters = Json::array(), strangers = Json::array();
    for (const auto& cluster : report.clusters) clusters.push_back(cluster_json(cluster));
    for (const auto& item : report.strangers)
        strangers.push_back({{"fingerprint", item.fingerprint.hex()},
                             {"text", item.text},
                             {"calls", item.calls},
                             {"ms", item.ms},
                             {"time_share", item.time_share},
                             {"distance", item.distance},
                             {"new", !item.in_training}});
    return {{"target", report.target},
            {"view", report.view},
            {"method", report.method},
            {"version", report.version > 0 ? Json(report.version) : Json()},
            {"trained", report.version > 0 ? Json(base::to_iso8601(report.trained)) : Json()},
            {"remark", report.remark},
            {"start", base::to_iso8601(report.start)},
            {"end", base::to_iso8601(report.end)},
            {"templates", report.templates},
            {"silhouette", report.silhouette},
            {"clusters", clusters},
            {"new_kinds", strangers},
            {"drift", {{"moved_share", report.moved_share}, {"new_kinds_share", report.stranger_share}, {"outdated", report.outdated}}},
            {"left_out", left_out_json(report.left_out)}};
}

/// "120 (80 to 170)", with the middle alone for CSV.
TableCell expected_cell(const std::optional<models::Forecast>& forecast, bool day) {
    if (!forecast) return {"-", ""};
    const auto& point = day ? forecast->total : forecast->bins.front();
    return {fmt::format("{:.0f} ({:.0f} to {:.0f})", point.calls, std::floor(point.low), std::ceil(point.high)),
            fmt::format("{:.10g}", point.calls)};
}

Table clusters_table(const engine::ClustersReport& report) {
    Table table{{{"id", Align::right},
                 {"cluster", Align::left, true},
                 {"templates", Align::right},
                 {"time", Align::right},
                 {"calls", Align::right},
                 {"next hour", Align::right},
                 {"next day", Align::right},
                 {"what sets it apart", Align::left, true}},
                {}};
    for (const auto& cluster : report.clusters)
        table.rows.push_back({fmt::format("{}", cluster.profile.id), cluster.profile.name, fmt::format("{}", cluster.profile.templates),
                              percent_cell(100 * cluster.profile.time_share), number_cell(cluster.calls, 0),
                              expected_cell(cluster.forecast, false), expected_cell(cluster.forecast, true),
                              traits_in_words(cluster.profile, 2)});
    return table;
}

base::Result<void> print_past(const engine::ClustersReport& report) {
    const auto glyphs = terminal_glyphs();
    for (const auto& cluster : report.clusters) {
        if (cluster.past.size() < 2) continue;
        const auto shown = std::min(cluster.past.size(), kPastShown);
        const std::vector<double> past(cluster.past.end() - static_cast<std::ptrdiff_t>(shown), cluster.past.end());
        double highest = 0;
        for (const double calls : past)
            if (calls > highest) highest = calls;
        ORRERY_TRY(print(
            fmt::format("{:>4}  {}  {} hours, up to {:.0f} calls\n", cluster.profile.id, sparkline(past, 56, glyphs), shown, highest)));
    }
    return {};
}

std::string one_line(const std::string& text) {
    std::string line = text.substr(0, 120);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
    return line;
}

Table strangers_table(const engine::ClustersReport& report, std::size_t top) {
    Table table{{{"fits no cluster"}, {"seen"}, {"time", Align::right}, {"calls", Align::right}, {"text", Align::left, true}}, {}};
    for (std::size_t i = 0; i < std::min(top, report.strangers.size()); ++i) {
        const auto& item = report.strangers[i];
        table.rows.push_back({item.fingerprint.hex(), item.in_training ? "before" : "new", percent_cell(100 * item.time_share),
                              number_cell(item.calls, 0), one_line(item.text)});
    }
    return table;
}

base::Result<void> print_report(const Invocation& invocation, const engine::ClustersReport& report, std::size_t top) {
    if (report.version > 0)
        ORRERY_TRY(print(fmt::format("{} clusters of version {}, trained {}\n\n", report.clusters.size(), report.version,
                                     base::to_iso8601(report.trained).substr(0, 16))));
    else
        ORRERY_TRY(print(fmt::format("{} clusters, found just now: {} ('orrery train clusters' keeps them and their ids)\n\n",
                                     report.clusters.size(), report.remark)));
    ORRERY_TRY(print(invocation, clusters_table(report)));
    ORRERY_TRY(print("\n"));
    ORRERY_TRY(print_past(report));
    if (!report.strangers.empty()) {
        ORRERY_TRY(print("\n"));
        ORRERY_TRY(print(invocation, strangers_table(report, top)));
    }
    for (const auto& left : report.left_out) ORRERY_TRY(print(in_words(left) + "\n"));
    if (report.version > 0)
        ORRERY_TRY(print(fmt::format(
            "\nSince the training {:.1f} % of the time moved to other clusters, {:.1f} % is in queries that fit none{}\n",
            100 * report.moved_share, 100 * report.stranger_share, report.outdated ? ": train again (orrery train clusters)." : ".")));
    return {};
}

base::Result<int> show(Invocation& invocation, Options options) {
    ORRERY_TRY(apply(options.choices, invocation.context.settings));
    ORRERY_ASSIGN(options.request.since, duration_option(options.since));
    ORRERY_ASSIGN(const auto report, engine::analyze_clusters(invocation.context, options.request));
    if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text(document(report))));
    else if (invocation.format == Format::csv)
        ORRERY_TRY(print(invocation, clusters_table(report)));
    else
        ORRERY_TRY(print_report(invocation, report, options.top));
    return int{kOk};
}

}  // namespace

void add_analyze_clusters(CLI::App& analyze, Invocation& invocation) {
    auto* command = analyze.add_subcommand("clusters", "Which queries behave alike, how many will come, and which are new");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_option("--view", options->choices.view, "what (a query is) or when (it comes); else model.cluster_view")
        ->check(CLI::IsMember({"what", "when"}));
    command->add_option("--since", options->since, "Only what was collected in this last while; else 12 weeks")->type_name("DURATION");
    command->add_option("--top", options->top, "Lines of the table of queries that fit no cluster")->type_name("N")->capture_default_str();
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
