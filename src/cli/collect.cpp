#include <fmt/format.h>

#include <memory>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "engine/collecting.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

struct Options {
    engine::CollectRequest request;
    std::string interval, duration;
};

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(const auto interval, duration_option(options.interval));
    options.request.interval = interval.value_or(invocation.context.settings.duration("collect.interval"));
    ORRERY_ASSIGN(options.request.duration, duration_option(options.duration));
    ORRERY_ASSIGN(const auto report, engine::collect(invocation.context, options.request));
    if (invocation.format == Format::json) {
        ORRERY_TRY(
            print(engine::to_text({{"target", report.target},
                                   {"readings", report.readings},
                                   {"failures", report.failures},
                                   {"statements", report.statements},
                                   {"new_templates", report.new_templates},
                                   {"coverage_percent", report.coverage_percent ? engine::Json(*report.coverage_percent) : engine::Json()},
                                   {"server_ms", report.server_time.count()},
                                   {"notes", report.notes}})));
    } else {
        Table table{{{"target"},
                     {"readings", Align::right},
                     {"failures", Align::right},
                     {"statements", Align::right},
                     {"new templates", Align::right},
                     {"coverage", Align::right},
                     {"server time", Align::right}},
                    {}};
        table.rows.push_back({report.target, fmt::format("{}", report.readings), fmt::format("{}", report.failures),
                              fmt::format("{}", report.statements), fmt::format("{}", report.new_templates),
                              report.coverage_percent ? percent_cell(*report.coverage_percent) : TableCell("-", ""),
                              milliseconds_cell(report.server_time.count())});
        ORRERY_TRY(print(invocation, table));
        for (const auto& note : report.notes) base::log_warning(note);
    }
    return report.failures > 0 ? int{kPartialResult} : int{kOk};
}

}  // namespace

void add_collect(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("collect", "Read what the database has executed into the store");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_flag("--once", options->request.once, "One reading, then end");
    command->add_option("--interval", options->interval, "Time between two readings (collect.interval)")->type_name("DURATION");
    command->add_option("--duration", options->duration, "End after this time; without it, when interrupted")->type_name("DURATION");
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
