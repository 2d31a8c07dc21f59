#include "engine/demo.hpp"

#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "cli/tune_report.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

base::Result<int> show(const Invocation& invocation, const engine::DemoRequest& request) {
    ORRERY_ASSIGN(const auto report, engine::demo(invocation.context, request));
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(engine::to_json(report))));
        return int{kOk};
    }
    ORRERY_TRY(print(invocation, steps_table(report.tuned)));
    if (invocation.format == Format::csv) return int{kOk};
    ORRERY_TRY(print("\n" + tune_summary(report.tuned)));
    const auto& planted = report.planted;
    std::string text =
        fmt::format("Planted problems found: {} of {}; decoys taken: {}.\n", planted.found, planted.total, planted.decoys_taken);
    for (const auto& id : planted.missed) text += fmt::format("  missed: {}\n", id);
    for (const auto& id : planted.decoys) text += fmt::format("  decoy taken: {}\n", id);
    text += "Time went to:";
    for (const auto& [phase, seconds] : report.phases_seconds) text += fmt::format(" {} {:.1f} s;", phase, seconds);
    text.back() = '.';
    text += '\n';
    if (!report.uri.empty())
        text += fmt::format("The server still runs: {}\n  end it with: kill -INT {} && sleep 1 && rm -r {}\n", report.uri,
                            report.postmaster, report.folder);
    ORRERY_TRY(print(text));
    return int{kOk};
}

}  // namespace

void add_demo(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("demo", "Run the whole loop on a private PostgreSQL with planted problems");
    auto request = std::make_shared<engine::DemoRequest>();
    command->add_option("--seed", request->seed, "Another seed is another shop: names, data and problems")
        ->type_name("N")
        ->capture_default_str();
    command->add_option("--scale", request->scale, "Size of the data; 1 is about 2.5 million rows")
        ->check(CLI::Range(0.001, 100.0))
        ->option_text("N=1");
    command->add_flag("--keep", request->keep, "Leave the server running at the end");
    command->callback([&invocation, request] { invocation.command = [&invocation, request] { return show(invocation, *request); }; });
}

}  // namespace orrery::cli
