#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "engine/json.hpp"
#include "engine/observing.hpp"

namespace orrery::cli {
namespace {

using engine::Json;

struct Options {
    engine::CollectRequest request;
    std::vector<std::string> only;
    std::string interval, duration;
};

Json source_json(const engine::SourceStatus& source) {
    return {{"name", source.name},
            {"rounds", source.rounds},
            {"failures", source.failures},
            {"rows", source.rows},
            {"plans", source.plans},
            {"events", source.events},
            {"server_ms", source.server_time.count()},
            {"longest_statement_ms", source.longest_statement.count()},
            {"notes", source.notes},
            {"error", source.last_error ? Json(source.last_error->message) : Json()}};
}

Json document(const engine::CollectReport& report) {
    Json targets = Json::array();
    for (const auto& target : report.targets) {
        Json sources = Json::array();
        for (const auto& source : target.sources) sources.push_back(source_json(source));
        targets.push_back({{"target", target.target},
                           {"statements", target.statements},
                           {"new_templates", target.new_templates},
                           {"coverage_percent", target.coverage_percent ? Json(*target.coverage_percent) : Json()},
                           {"sources", sources},
                           {"error", target.failure ? Json(target.failure->message) : Json()}});
    }
    return {{"seconds", report.seconds}, {"targets", targets}};
}

/// What the target spent on us, as a share of one core.
TableCell share_cell(const engine::SourceStatus& source, double seconds) {
    constexpr double kTooShort = 5;
    return seconds < kTooShort ? TableCell("-", "") : TableCell(fmt::format("{:.3f} %", source.server_time.count() / seconds / 10));
}

base::Result<void> print_target(const Invocation& invocation, const engine::TargetReport& target, double seconds) {
    const auto coverage =
        target.coverage_percent ? fmt::format(", {:.0f} % of the time explained", *target.coverage_percent) : std::string();
    ORRERY_TRY(
        print(fmt::format("{}: {} statements, {} new templates{}\n\n", target.target, target.statements, target.new_templates, coverage)));
    Table table{{{"collector"},
                 {"rounds", Align::right},
                 {"failures", Align::right},
                 {"rows", Align::right},
                 {"plans", Align::right},
                 {"events", Align::right},
                 {"server time", Align::right},
                 {"of a core", Align::right},
                 {"longest", Align::right}},
                {}};
    for (const auto& source : target.sources)
        table.rows.push_back({source.name, fmt::format("{}", source.rounds), fmt::format("{}", source.failures),
                              fmt::format("{}", source.rows), fmt::format("{}", source.plans), fmt::format("{}", source.events),
                              milliseconds_cell(source.server_time.count()), share_cell(source, seconds),
                              milliseconds_cell(source.longest_statement.count())});
    return print(invocation, table);
}

bool is_partial(const engine::TargetReport& target) {
    return target.failure ||
           std::any_of(target.sources.begin(), target.sources.end(), [](const auto& source) { return source.failures > 0; });
}

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(const auto interval, duration_option(options.interval));
    options.request.interval = interval.value_or(invocation.context.settings.duration("collect.interval"));
    ORRERY_ASSIGN(options.request.duration, duration_option(options.duration));
    options.request.only = {options.only.begin(), options.only.end()};
    if (options.request.targets.empty()) options.request.targets.emplace_back();  // of the environment
    ORRERY_ASSIGN(const auto report, engine::collect(invocation.context, options.request));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
    } else {
        for (const auto& target : report.targets) {
            if (!target.failure) {
                if (&target != &report.targets.front()) ORRERY_TRY(print("\n"));
                ORRERY_TRY(print_target(invocation, target, report.seconds));
            }
        }
    }
    for (const auto& target : report.targets)
        if (target.failure) print_error(*target.failure);
    return std::any_of(report.targets.begin(), report.targets.end(), is_partial) ? int{kPartialResult} : int{kOk};
}

}  // namespace

void add_collect(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("collect", "Read what the database has executed into the store");
    auto options = std::make_shared<Options>();
    command->add_option("--target", options->request.targets, "libpq URI or keywords of a server; repeatable. Without it: PG* variables")
        ->type_name("URI");
    command->add_option("--only", options->only, "Some of the collectors: statements, sessions, metrics, resources, plans, log")
        ->type_name("NAME,...")
        ->delimiter(',');
    command->add_flag("--once", options->request.once, "One reading, then end");
    command->add_option("--interval", options->interval, "Time between two readings (collect.interval)")->type_name("DURATION");
    command->add_option("--duration", options->duration, "End after this time; without it, when interrupted")->type_name("DURATION");
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
