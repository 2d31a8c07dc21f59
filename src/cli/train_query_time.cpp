#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/train.hpp"
#include "engine/json.hpp"
#include "engine/query_time_training.hpp"

namespace orrery::cli {
namespace {

struct Options {
    engine::TrainQueryTimeRequest request;
    std::string since;
    std::string design, learner;
    bool dry_run = false, keep_current = false;
};

engine::Json document(const engine::TrainQueryTimeReport& report) {
    // The evaluation's own document is the frame: scripts that compare models read it whatever else was asked for.
    const auto& shown = report.test ? report.test : report.evaluation;
    engine::Json out = shown ? engine::Json::parse(training::to_json(*shown, report.left_out)) : engine::Json{{"model", report.model}};
    if (report.test && report.evaluation) out["evaluation"] = engine::Json::parse(training::to_json(*report.evaluation, {}));
    out["scope"] = report.scope;
    out["plans"] = report.plans;
    out["templates"] = report.templates;
    out["version"] = report.record ? engine::Json(report.record->version) : engine::Json();
    out["promoted"] = report.promoted;
    out["resumed_folds"] = report.resumed;
    out["warnings"] = report.warnings;
    return out;
}

base::Result<void> print_left_out(const Invocation& invocation, const engine::TrainQueryTimeReport& report) {
    if (report.left_out.empty()) return {};
    Table table{{{"left out", Align::left, true}, {"plans", Align::right}}, {}};
    for (const auto& left : report.left_out) table.rows.push_back({left.why, fmt::format("{}", left.count)});
    ORRERY_TRY(print(invocation, table));
    return print("\n");
}

base::Result<int> show(const Invocation& invocation, const engine::TrainQueryTimeReport& report) {
    const int code = report.warnings.empty() ? kOk : kPartialResult;
    for (const auto& warning : report.warnings)
        if (!invocation.quiet) fmt::print(stderr, "WARNING:  {}\n", warning);
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return code;
    }
    if (invocation.format == Format::csv) {
        Table table{{{"template"}, {"n"}, {"q50"}, {"q90"}, {"q95"}, {"q_max"}, {"mae_ms"}, {"coverage90"}}, {}};
        const auto& shown = report.test ? report.test : report.evaluation;
        if (shown)
            for (const auto& [name, figures] : shown->groups)
                table.rows.push_back({name, fmt::format("{}", figures.n), number_cell(figures.q50, 3), number_cell(figures.q90, 3),
                                      number_cell(figures.q95, 3), number_cell(figures.q_max, 3),
                                      milliseconds_cell(figures.mean_absolute_ms), number_cell(figures.coverage90, 1)});
        ORRERY_TRY(print(invocation, table));
        return code;
    }
    ORRERY_TRY(print(fmt::format("{} learnt from {} plans of {} templates\n\n", report.model, report.plans, report.templates)));
    ORRERY_TRY(print_left_out(invocation, report));
    if (report.evaluation) ORRERY_TRY(print(training::to_text(*report.evaluation) + "\n"));
    if (report.test) ORRERY_TRY(print(training::to_text(*report.test) + "\n"));
    if (report.record)
        ORRERY_TRY(print(fmt::format("stored as version {} of \"{}\"{}\n", report.record->version, report.scope,
                                     report.promoted ? ", which is in use now" : "; 'orrery models promote' puts it to use")));
    return code;
}

base::Result<int> train(Invocation& invocation, Options options) {
    if (!options.design.empty()) ORRERY_TRY(invocation.context.settings.set("model.design", options.design));
    if (!options.learner.empty()) ORRERY_TRY(invocation.context.settings.set("model.learner", options.learner));
    ORRERY_ASSIGN(const auto since, duration_option(options.since));
    if (since && !options.request.plans.empty())
        return base::unexpected(base::ErrorKind::invalid_input, "--since goes with collected plans, not with --plans", "",
                                "Leave --since out, or --plans.");
    if (since) options.request.since = *since;
    options.request.store = !options.dry_run;
    options.request.promote = !options.keep_current;
    ORRERY_ASSIGN(const auto report, engine::train_query_time(invocation.context, options.request));
    return show(invocation, report);
}

}  // namespace

void add_train_query_time(CLI::App& train_command, Invocation& invocation) {
    auto* command =
        train_command.add_subcommand("query-time", "How long plans take: physics of operators, feedback on rows, trees on the rest");
    auto options = std::make_shared<Options>();
    auto& request = options->request;
    command->add_option("--target", request.target, "Whose collected plans are learnt from; with --plans, whose model it becomes")
        ->type_name("URI");
    command->add_option("--plans", request.plans, "Files of recorded plans, one document a line, plain or gzip; \"-\" is standard input")
        ->type_name("FILE");
    command->add_option("--test-plans", request.test_plans, "Files of plans that are only asked about")->type_name("FILE");
    command
        ->add_option("--leave-out", request.leave_out,
                     "Windows of incidents whose plans are no example, in UTC: 2026-11-22T07:00:00Z/2026-11-22T08:00:00Z")
        ->type_name("FROM/TO");
    command->add_option("--evaluate", request.evaluate, "How plans are held out; else as train.split says")
        ->check(CLI::IsMember({"leave-one-template-out", "group-kfold", "holdout-database", "none"}));
    command->add_option("--design", options->design, "physics or flat; else model.design")->check(CLI::IsMember({"physics", "flat"}));
    command->add_option("--learner", options->learner, "Else model.learner")
        ->check(CLI::IsMember({"xgboost", "random-forest", "gradient-boosting", "ensemble"}));
    command->add_option("--since", options->since, "How far back collected plans count, \"7d\"; else all")->type_name("DURATION");
    command->add_option("--scope", request.scope, "Whose model it becomes; else the target's, or \"default\"")->type_name("NAME");
    command->add_flag("--no-promote", options->keep_current, "Store the new version without putting it to use");
    command->add_flag("--dry-run", options->dry_run, "Train and evaluate, store nothing");
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return train(invocation, *options); }; });
}

}  // namespace orrery::cli
