#include <fmt/format.h>

#include <memory>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "engine/advising.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

struct Options {
    engine::AdviseRequest request;
    std::string budget, time_limit, since;
    bool explain = false;
};

Table recommendations_table(const domain::Advice& advice, bool explain) {
    Table table{{{"id"}, {"gain", Align::right}, {"size", Align::right}, {"queries", Align::right}, {"sql", Align::left, true}}, {}};
    if (explain) table.columns.push_back({"why", Align::left, true});
    for (const auto& r : advice.recommendations) {
        table.rows.push_back(
            {r.id, percent_cell(r.benefit_percent), bytes_cell(r.estimated_size), fmt::format("{}", r.queries.size()), r.sql});
        if (explain) table.rows.back().emplace_back(r.why);
    }
    return table;
}

std::string summary(const domain::Advice& advice) {
    if (advice.recommendations.empty()) return "No index would pay for itself.\n";
    const double saved = advice.baseline_cost.value > 0 ? 100 * (1 - advice.final_cost.value / advice.baseline_cost.value) : 0;
    return fmt::format("Together they cut the planner's cost of the workload by {:.1f} % ({} what-if plans, {:.1f} s).\n", saved,
                       advice.what_if_calls, advice.wall_seconds);
}

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(options.request.budget, bytes_option(options.budget));
    ORRERY_ASSIGN(options.request.time_limit, duration_option(options.time_limit));
    ORRERY_ASSIGN(options.request.since, duration_option(options.since));
    ORRERY_ASSIGN(const auto advised, engine::advise_indexes(invocation.context, options.request));
    const auto& advice = advised.advice;
    const int code = advised.partial ? kPartialResult : kOk;
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(engine::to_json(advice))));
        return code;
    }
    ORRERY_TRY(print(invocation, recommendations_table(advice, options.explain)));
    if (invocation.format == Format::table) ORRERY_TRY(print("\n" + summary(advice)));
    if (options.explain)
        for (const auto& rejected : advice.rejected) base::log_info(fmt::format("not taken: {}\n      {}", rejected.sql, rejected.why));
    for (const auto& warning : advice.warnings) base::log_warning(warning);
    return code;
}

}  // namespace

void add_advise(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("advise", "Propose changes, with their predicted gain");
    command->require_subcommand(1);
    auto* indexes = command->add_subcommand("indexes", "Indexes to create and to drop");
    auto options = std::make_shared<Options>();
    add_target(*indexes, options->request.target);
    indexes->add_option("--workload", options->request.workload, "A .sql file, or a folder of them; else what was collected")
        ->type_name("FILE|DIR");
    indexes->add_option("--since", options->since, "Only what was collected in this last while")
        ->type_name("DURATION")
        ->excludes("--workload");
    indexes->add_option("--budget", options->budget, "Size that all new indexes together may take (advise.budget)")->type_name("SIZE");
    indexes->add_option("--time-limit", options->time_limit, "How long to search (advise.time_limit)")->type_name("DURATION");
    indexes->add_flag("--explain", options->explain, "Say why, and what was not taken");
    indexes->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
