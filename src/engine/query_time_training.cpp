#include "engine/query_time_training.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "base/folder.hpp"
#include "base/log.hpp"
#include "config/model_config.hpp"
#include "engine/predicting.hpp"
#include "pg/plan_context_reader.hpp"
#include "training/data_set.hpp"
#include "training/plan_document.hpp"
#include "training/query_time_trainer.hpp"
#include "training/split.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;

constexpr std::string_view kNoEvaluation = "none";

struct Source {
    training::DataSet data;
    std::string scope;
    std::vector<training::PreparationOptions::Window> incidents;
};

base::Result<training::DataSet> read_files(const std::vector<std::string>& names) {
    const std::vector<std::filesystem::path> files(names.begin(), names.end());
    return training::read_plans(files);
}

/// Times of a server that is starting, going down or switching over are no example.
bool is_incident(const domain::Event& event) {
    static const std::set<std::string> kinds{"restart", "failover", "shutdown", "crash", "panic"};
    return kinds.contains(event.kind);
}

base::Result<Source> collected(const Context& context, const TrainQueryTimeRequest& request, std::chrono::milliseconds margin) {
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "train"));
    ORRERY_ASSIGN(auto plan_context, pg::read_plan_context(session));
    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(const auto server, identify(*store, session));
    const auto now = context.clock->now();
    const auto from = request.since.count() > 0 ? now - request.since : base::WallTime{};
    ORRERY_ASSIGN(auto sightings, store->plans(server, {}, from, now));
    const auto database = plan_context.database;
    std::erase_if(sightings, [&](const auto& sighting) { return sighting.database != database; });
    Source source;
    source.data = training::plans_from_sightings(sightings, std::make_shared<const domain::PlanContext>(std::move(plan_context)));
    source.scope = session.target();
    ORRERY_ASSIGN(const auto events, store->events(server, from, now));
    for (const auto& event : events)
        if (is_incident(event)) source.incidents.push_back({event.at - margin, event.at + margin});
    if (source.data.plans.empty())
        return base::unexpected(
            ErrorKind::missing_object, fmt::format("no executed plan of {} was collected", source.scope),
            fmt::format("{} plans were seen, none with the time that its execution took", sightings.size()),
            "Let auto_explain log plans with auto_explain.log_analyze and 'orrery collect' read the log, or record plans "
            "with 'orrery lab record' and give the file to --plans.");
    return source;
}

/// "2026-11-22T07:00:00Z/2026-11-22T08:00:00Z".
base::Result<training::PreparationOptions::Window> window_of(std::string_view text) {
    const auto middle = text.find('/');
    const auto from = training::wall_time_from(text.substr(0, middle));
    const auto to = middle == std::string_view::npos ? std::nullopt : training::wall_time_from(text.substr(middle + 1));
    if (from && to && *from <= *to) return training::PreparationOptions::Window{*from, *to};
    return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" is no window of time", text), {},
                            "Give it as FROM/TO in UTC: 2026-11-22T07:00:00Z/2026-11-22T08:00:00Z.");
}

base::Result<std::filesystem::path> checkpoint_file(std::uint64_t data, std::uint64_t options) {
    ORRERY_ASSIGN(const auto folder, base::cache_folder());
    return folder / fmt::format("training-{:016x}-{:016x}.checkpoint", data, options);
}

struct Plan {
    training::QueryTimeTraining options;
    std::optional<training::SplitKind> split;
};

base::Result<std::optional<training::SplitKind>> split_of(const TrainQueryTimeRequest& request, const config::TrainingConfig& config) {
    if (request.evaluate == kNoEvaluation || (request.evaluate.empty() && !request.test_plans.empty()))
        return std::optional<training::SplitKind>();
    const auto name = request.evaluate.empty() ? std::string(to_string(config.split)) : request.evaluate;
    ORRERY_ASSIGN(const auto kind, training::split_kind_from(name));
    return std::optional(kind);
}

/// Figures that people ask for first.
std::vector<std::pair<std::string, double>> figures_of(const TrainQueryTimeReport& report) {
    std::vector<std::pair<std::string, double>> figures;
    const auto add = [&](const std::string& prefix, const training::Evaluation& evaluation) {
        figures.insert(figures.end(), {{prefix + "q50", evaluation.overall.q50},
                                       {prefix + "q95", evaluation.overall.q95},
                                       {prefix + "coverage90", evaluation.overall.coverage90},
                                       {prefix + "baseline_q50", evaluation.baseline.q50}});
    };
    if (report.evaluation) add("", *report.evaluation);
    if (report.test) add("test_", *report.test);
    return figures;
}

base::Result<void> evaluate(const Context& context, const TrainQueryTimeRequest& request, const Plan& plan, const training::DataSet& data,
                            TrainQueryTimeReport& report) {
    const auto folds = training::make_folds(data.plans, *plan.split, plan.options.training.folds, plan.options.training.seed);
    if (!folds) {
        // Asked for, it is an error; by default, too few templates only mean that nothing can be said.
        if (!request.evaluate.empty()) return base::unexpected(folds.error());
        report.warnings.push_back("Not evaluated: " + folds.error().message + ".");
        return {};
    }
    base::Progress progress(
        *plan.split == training::SplitKind::holdout_database ? "evaluating on databases left out" : "evaluating on templates left out", 1);
    training::FoldOptions options;
    options.threads = plan.options.training.threads;
    options.options_hash = training::options_hash(plan.options);
    options.stop = context.stop;
    options.progress = [&](double done) { progress.update(done); };
    if (plan.options.training.checkpoint) {
        // As when it cannot be written later: told, and no reason not to evaluate.
        if (auto file = checkpoint_file(data.hash, options.options_hash))
            options.checkpoint = *std::move(file);
        else
            report.warnings.push_back("No checkpoint was kept: " + file.error().message + ".");
    }
    const auto fit = training::query_time_fit(plan.options);
    auto evaluated = training::evaluate_folds(data.plans, *folds, fit, options);
    if (!evaluated) {
        auto error = std::move(evaluated).error();
        if (error.kind == ErrorKind::cancelled && !options.checkpoint.empty())
            error.hint = "Finished parts are kept: the same command goes on from there.";
        return base::unexpected(std::move(error));
    }
    auto& done = *evaluated;
    progress.finish();
    if (done.checkpoint_failure) report.warnings.push_back("No checkpoint was kept: " + done.checkpoint_failure->message + ".");
    report.resumed = done.resumed;
    report.evaluation = training::evaluate(done.all.outcomes, report.model, std::string(to_string(*plan.split)));
    report.left_out.insert(report.left_out.end(), done.all.left_out.begin(), done.all.left_out.end());
    std::error_code ignored;
    if (!options.checkpoint.empty()) std::filesystem::remove(options.checkpoint, ignored);
    return {};
}

base::Result<void> test(training::DataSet held_out, const training::TrainedQueryTime& trained, const training::DataSet& data,
                        TrainQueryTimeReport& report) {
    // Nothing but times that cannot be: outliers and copies are part of what is held out.
    training::PreparationOptions only_unusable;
    only_unusable.drop_copies = false;
    only_unusable.outlier_factor = 0;
    training::prepare(held_out, only_unusable);
    if (const auto known = training::shared_plans(held_out.plans, data.plans); known > 0)
        report.warnings.push_back(
            fmt::format("{} of {} test plans were learnt from: their figures say nothing of new ones.", known, held_out.plans.size()));
    const training::PredictorIn predictor = [&](std::shared_ptr<const domain::PlanContext> known) {
        return trained.predictor(std::move(known));
    };
    const auto asked = training::ask(predictor, held_out.plans, data.plans);
    report.test = training::evaluate(asked.outcomes, report.model, "held-out plans");
    for (const auto& left : held_out.left_out) report.left_out.push_back({"test: " + left.why, left.count});
    report.left_out.insert(report.left_out.end(), asked.left_out.begin(), asked.left_out.end());
    return {};
}

base::Result<void> keep(const Context& context, const TrainQueryTimeRequest& request, const Plan& plan,
                        const training::TrainedQueryTime& trained, std::uint64_t data_hash, TrainQueryTimeReport& report) {
    ORRERY_ASSIGN(auto registry, open_registry(context));
    ORRERY_ASSIGN(const auto parent, registry.current("query-time", report.scope));
    training::ModelRecord record;
    record.kind = "query-time";
    record.scope = report.scope;
    record.created = context.clock->now();
    record.data_hash = data_hash;
    record.features_hash = trained.features_hash();
    record.seed = plan.options.training.seed;
    record.parent = parent.value_or(0);
    record.figures = figures_of(report);
    record.made_of = {{"design and learner", report.model},
                      {"plans", std::to_string(report.plans)},
                      {"templates", std::to_string(report.templates)},
                      {"prior", plan.options.prior != nullptr ? "calibrated" : "factory"}};
    if (!report.majors.empty()) record.made_of.emplace_back(kServerMajors, report.majors);
    ORRERY_ASSIGN(report.record, registry.add(std::move(record), training::encode_query_time(trained)));
    if (request.promote) {
        ORRERY_TRY(registry.promote("query-time", report.scope, report.record->version));
        report.promoted = true;
    }
    return {};
}

}  // namespace

base::Result<TrainQueryTimeReport> train_query_time(const Context& context, const TrainQueryTimeRequest& request) {
    Plan plan;
    ORRERY_ASSIGN(plan.options.model, config::model_config(context.settings));
    ORRERY_ASSIGN(plan.options.training, config::training_config(context.settings));
    ORRERY_ASSIGN(plan.split, split_of(request, plan.options.training));
    if (request.target.empty() && request.plans.empty())
        return base::unexpected(ErrorKind::invalid_input, "there is nothing to learn from", {},
                                "Give --target, or files of plans to --plans.");

    Source source;
    if (request.plans.empty()) {
        ORRERY_ASSIGN(source, collected(context, request, plan.options.training.incident_margin));
    } else {
        ORRERY_ASSIGN(source.data, read_files(request.plans));
        source.scope = kDefaultScope;
        if (!request.target.empty()) {
            ORRERY_ASSIGN(source.scope, pg::describe_target(request.target));
        }
    }
    if (!request.scope.empty()) source.scope = request.scope;
    // Before the training: a name that is misspelt should not cost its time.
    training::DataSet held_out;
    if (!request.test_plans.empty()) {
        ORRERY_ASSIGN(held_out, read_files(request.test_plans));
    }
    auto preparation = training::preparation_of(plan.options.training);
    preparation.incidents = source.incidents;
    const auto margin = plan.options.training.incident_margin;
    for (const auto& text : request.leave_out) {
        ORRERY_ASSIGN(const auto window, window_of(text));
        preparation.incidents.push_back({window.from - margin, window.to + margin});
    }
    training::prepare(source.data, preparation);

    std::optional<models::NodeModel> prior;
    if (!request.target.empty()) {
        ORRERY_ASSIGN(const auto registry, open_registry(context));
        ORRERY_ASSIGN(prior, find_calibration(registry, source.scope));
        if (prior) plan.options.prior = &*prior;
    }

    TrainQueryTimeReport report;
    report.model = training::name_of(plan.options.model);
    report.scope = source.scope;
    report.plans = source.data.plans.size();
    std::set<std::string> templates;
    std::set<int> majors;
    for (const auto& executed : source.data.plans) {
        templates.insert(executed.group);
        if (executed.context->server.version > 0) majors.insert(executed.context->server.version / 10'000);
    }
    report.majors = fmt::format("{}", fmt::join(majors, ", "));
    report.templates = templates.size();
    report.left_out = source.data.left_out;
    if (plan.split) ORRERY_TRY(evaluate(context, request, plan, source.data, report));

    base::Progress progress("training", 1);
    ORRERY_ASSIGN(const auto trained, training::train_query_time(
                                          source.data.plans, plan.options, [&](double done) { progress.update(done); }, context.stop));
    progress.finish();
    if (!request.test_plans.empty()) ORRERY_TRY(test(std::move(held_out), trained, source.data, report));
    if (request.store) ORRERY_TRY(keep(context, request, plan, trained, source.data.hash, report));
    return report;
}

}  // namespace orrery::engine
