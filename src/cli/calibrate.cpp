#include <fmt/format.h>

#include <memory>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "engine/calibrating.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

struct Options {
    engine::CalibrateRequest request;
    std::string time;
    std::int64_t pages = 0;
    bool dry_run = false;
};

engine::Json document(const engine::CalibrateReport& report) {
    engine::Json terms = engine::Json::array(), skipped = engine::Json::array(), probes = engine::Json::array();
    for (const auto& term : report.terms)
        terms.push_back({{"term", term.name},
                         {"factory_ns", term.factory_ns},
                         {"fitted_ns", term.fitted_ns},
                         {"probes", term.probes},
                         {"share", term.share}});
    for (const auto& probe : report.run.skipped) skipped.push_back({{"name", probe.name}, {"why", probe.why}});
    for (const auto& measured : report.run.measured)
        probes.push_back({{"name", measured.probe.name}, {"sql", measured.probe.sql}, {"ms", measured.plain_ms}});
    return {{"target", report.target},
            {"probes_planned", report.planned},
            {"stopped", report.run.stopped.empty() ? engine::Json() : engine::Json(report.run.stopped)},
            {"seconds", report.run.seconds},
            {"pages", report.run.pages},
            {"median_error_before", report.error_before},
            {"median_error_after", report.error_after},
            {"promoted", report.promoted},
            {"version", report.stored ? engine::Json(report.stored->version) : engine::Json()},
            {"terms", terms},
            {"probes", probes},
            {"skipped", skipped}};
}

base::Result<int> show_plan(const Invocation& invocation, const engine::CalibrateRequest& request) {
    ORRERY_ASSIGN(const auto plan, engine::plan_calibration(invocation.context, request));
    if (invocation.format == Format::json) {
        engine::Json probes = engine::Json::array();
        for (const auto& probe : plan.probes)
            probes.push_back({{"name", probe.name},
                              {"table", probe.table.name.empty() ? engine::Json() : engine::Json(probe.table.sql())},
                              {"pages", probe.pages},
                              {"rows", probe.rows},
                              {"switched_off", probe.switched_off},
                              {"sql", probe.sql}});
        ORRERY_TRY(print(engine::to_text({{"target", plan.target},
                                          {"seconds", static_cast<double>(plan.limits.time.count()) / 1000},
                                          {"pages", plan.limits.pages},
                                          {"probes", probes}})));
        return int{kOk};
    }
    if (invocation.format == Format::csv) {
        Table table{{{"probe"}, {"table"}, {"pages", Align::right}, {"rows", Align::right}, {"sql"}}, {}};
        for (const auto& probe : plan.probes)
            table.rows.push_back({probe.name, probe.table.name.empty() ? "" : probe.table.sql(), number_cell(probe.pages, 0),
                                  number_cell(probe.rows, 0), probe.sql});
        ORRERY_TRY(print(invocation, table));
        return int{kOk};
    }
    for (const auto& probe : plan.probes)
        ORRERY_TRY(print(fmt::format("-- {} (up to {:.0f} pages, {:.0f} rows)\n{};\n", probe.name, probe.pages, probe.rows, probe.sql)));
    ORRERY_TRY(
        print(fmt::format("-- {} statements, each three times and once under EXPLAIN ANALYZE, within {} s and {} pages. Nothing was run.\n",
                          plan.probes.size(), static_cast<double>(plan.limits.time.count()) / 1000, plan.limits.pages)));
    return int{kOk};
}

base::Result<int> show(const Invocation& invocation, Options options) {
    ORRERY_ASSIGN(options.request.time, duration_option(options.time));
    if (options.pages > 0) options.request.pages = options.pages;
    if (options.dry_run) return show_plan(invocation, options.request);
    ORRERY_ASSIGN(const auto report, engine::calibrate(invocation.context, options.request));
    const int code = report.run.stopped.empty() ? kOk : kPartialResult;
    for (const auto& probe : report.run.skipped) base::log_warning(fmt::format("skipped: {}: {}", probe.name, probe.why));
    if (!report.run.stopped.empty())
        base::log_warning(fmt::format("stopped after {} of {} probes: {}", report.run.measured.size(), report.planned, report.run.stopped));
    if (!report.run.sees_sessions) base::log_warning("this role may not see whether other sessions are at work; GRANT pg_monitor lets it");
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return code;
    }
    Table table{
        {{"term"}, {"factory ns", Align::right}, {"fitted ns", Align::right}, {"probes", Align::right}, {"share of time", Align::right}},
        {}};
    for (const auto& term : report.terms) {
        const bool known = term.probes > 0;
        table.rows.push_back({term.name, number_cell(term.factory_ns, 2), number_cell(term.fitted_ns, 2),
                              known ? TableCell(std::to_string(term.probes)) : TableCell("-", "0"), percent_cell(100 * term.share)});
    }
    ORRERY_TRY(print(invocation, table));
    if (invocation.format == Format::table) {
        ORRERY_TRY(
            print(fmt::format("\n{} probes in {:.1f} s, {} looks at pages. Median error of their times: {:.2f} before, {:.2f} after.\n",
                              report.run.measured.size(), report.run.seconds, report.run.pages, report.error_before, report.error_after)));
        ORRERY_TRY(print(
            report.stored
                ? fmt::format(fmt::runtime(report.promoted
                                               ? "Version {} of the node model of {} is in use.\n"
                                               : "Version {} of the node model of {} is stored, but not in use: the one in use rests on "
                                                 "more than twice the probes.\n"),
                              report.stored->version, report.stored->scope)
                : std::string("Nothing was stored: the model as it was fits no worse.\n")));
    }
    return code;
}

}  // namespace

void add_calibrate(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("calibrate", "Fit the time model to the target's machine with small read-only statements");
    auto options = std::make_shared<Options>();
    add_target(*command, options->request.target);
    command->add_flag("--yes", options->request.confirmed, "Run on a server that is no lab");
    command->add_flag("--dry-run", options->dry_run, "Only print the statements");
    command->add_option("--time", options->time, "How long it may take (calibrate.time)")->type_name("DURATION");
    command->add_option("--pages", options->pages, "Looks at pages that all statements together may take (calibrate.pages)")
        ->type_name("N");
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
