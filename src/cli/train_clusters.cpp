#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <memory>

#include "cli/cluster_profiles.hpp"
#include "cli/commands.hpp"
#include "cli/train.hpp"

namespace orrery::cli {
namespace {

using engine::Json;

struct Options {
    engine::TrainClustersRequest request;
    ClusterChoices choices;
    std::string since;
    bool keep_current = false;
};

Json document(const engine::TrainClustersReport& report) {
    Json clusters = Json::array();
    for (const auto& profile : report.profiles) clusters.push_back(profile_json(profile));
    return {{"target", report.target},
            {"kind", report.kind},
            {"view", report.view},
            {"method", report.method},
            {"version", report.version > 0 ? Json(report.version) : Json()},
            {"parent", report.parent > 0 ? Json(report.parent) : Json()},
            {"promoted", report.promoted},
            {"start", base::to_iso8601(report.start)},
            {"end", base::to_iso8601(report.end)},
            {"templates", report.templates},
            {"kept_ids", report.kept_ids},
            {"silhouette", report.silhouette},
            {"noise_time_share", report.noise_time_share},
            {"clusters", clusters},
            {"left_out", left_out_json(report.left_out)}};
}

Table profiles_table(const engine::TrainClustersReport& report) {
    Table table{{{"id", Align::right},
                 {"cluster", Align::left, true},
                 {"templates", Align::right},
                 {"time", Align::right},
                 {"calls", Align::right},
                 {"what sets it apart", Align::left, true}},
                {}};
    for (const auto& profile : report.profiles)
        table.rows.push_back({fmt::format("{}", profile.id), profile.name, fmt::format("{}", profile.templates),
                              percent_cell(100 * profile.time_share), percent_cell(100 * profile.call_share), traits_in_words(profile, 3)});
    return table;
}

base::Result<int> train(Invocation& invocation, Options options) {
    ORRERY_TRY(apply(options.choices, invocation.context.settings));
    ORRERY_ASSIGN(options.request.since, duration_option(options.since));
    options.request.promote = !options.keep_current;
    ORRERY_ASSIGN(const auto report, engine::train_clusters(invocation.context, options.request));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return int{kOk};
    }
    ORRERY_TRY(print(invocation, profiles_table(report)));
    if (invocation.format != Format::table) return int{kOk};
    ORRERY_TRY(print(fmt::format("\n{} clusters of {} templates, silhouette {:.2f}, {:.1f} % of the time fits none\n",
                                 report.profiles.size(), report.templates, report.silhouette, 100 * report.noise_time_share)));
    for (const auto& left : report.left_out) ORRERY_TRY(print(in_words(left) + "\n"));
    if (report.parent > 0)
        ORRERY_TRY(print(fmt::format("{} of them are those of version {} and keep its ids\n", report.kept_ids, report.parent)));
    if (report.version > 0)
        ORRERY_TRY(print(fmt::format("stored as version {} of \"{}\"{}\n", report.version, report.target,
                                     report.promoted ? ", which is in use now" : "; 'orrery models promote' puts it to use")));
    return int{kOk};
}

}  // namespace

void add_train_clusters(CLI::App& train_command, Invocation& invocation) {
    auto* command = train_command.add_subcommand("clusters", "Which queries behave alike, and what sets each group apart");
    auto options = std::make_shared<Options>();
    auto& request = options->request;
    auto& choices = options->choices;
    add_target(*command, request.target);
    command->add_option("--view", choices.view, "what (a query is) or when (it comes); else model.cluster_view")
        ->check(CLI::IsMember({"what", "when"}));
    command->add_option("--method", choices.method, "kmeans or dbscan; else model.cluster_method")
        ->check(CLI::IsMember({"kmeans", "dbscan"}));
    command->add_option("--clusters", choices.clusters, "How many, of kmeans; 0 finds the number; else model.clusters")
        ->type_name("K")
        ->check(CLI::Range(0, 1000));
    command->add_option("--since", options->since, "Only what was collected in this last while; else 12 weeks")->type_name("DURATION");
    command->add_option("--seed", choices.seed, "Else train.seed")
        ->type_name("N")
        ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
    command->add_flag("--no-promote", options->keep_current, "Store the new version without putting it to use");
    command->add_flag("--dry-run", request.dry_run, "Find clusters, store nothing");
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return train(invocation, *options); }; });
}

}  // namespace orrery::cli
