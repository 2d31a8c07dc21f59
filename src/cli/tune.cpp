#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "cli/tune_report.hpp"
#include "engine/json.hpp"
#include "engine/tuning.hpp"

namespace orrery::cli {
namespace {

struct Options {
    engine::TuneRequest request;
    std::string observe = "60s", trial = "10s", budget, time_limit;
};

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(options.request.observe, config::parse_duration(options.observe));
    ORRERY_ASSIGN(options.request.trial, config::parse_duration(options.trial));
    ORRERY_ASSIGN(options.request.budget, bytes_option(options.budget));
    ORRERY_ASSIGN(options.request.time_limit, duration_option(options.time_limit));
    ORRERY_ASSIGN(const auto store, engine::open_store(invocation.context));
    ORRERY_ASSIGN(const auto report, engine::tune(invocation.context, *store, options.request));
    if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text(engine::to_json(report))));
    else
        ORRERY_TRY(print(invocation, steps_table(report)));
    if (invocation.format == Format::table) {
        ORRERY_TRY(print("\n" + tune_summary(report)));
        if (!options.request.apply && !report.advice.recommendations.empty())
            ORRERY_TRY(print("Nothing was changed. To carry these out and measure each: orrery tune --apply, or orrery apply ID.\n"));
    }
    const bool failed = std::any_of(report.steps.begin(), report.steps.end(), [](const auto& step) { return step.error.has_value(); });
    return report.interrupted || failed ? int{kPartialResult} : int{kOk};
}

}  // namespace

void add_tune(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("tune", "Observe, advise and report; with --apply also carry out, measure, keep or revert");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_flag("--apply", options->request.apply, "Change the database, one guarded step at a time");
    command->add_option("--observe", options->observe, "How long the workload is observed before, and at the end")
        ->type_name("DURATION")
        ->capture_default_str();
    command->add_option("--trial", options->trial, "How long each change is measured")->type_name("DURATION")->capture_default_str();
    command->add_option("--budget", options->budget, "Size that all new indexes together may take")->type_name("SIZE");
    command->add_option("--time-limit", options->time_limit, "How long the advisor may search")->type_name("DURATION");
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
