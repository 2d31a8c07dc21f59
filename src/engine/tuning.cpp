#include "engine/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "engine/advising.hpp"
#include "engine/applying.hpp"
#include "engine/collecting.hpp"
#include "engine/measuring.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::engine {
namespace {

/// A window is read in this many parts, from whose scatter the evaluator learns how much the machine wavers.
constexpr int kParts = 5;

/// Everything that the steps of one run share.
struct Run {
    const Context& context;
    domain::Store& store;
    const TuneRequest& request;
    std::unique_ptr<Observer> observer;
    std::optional<TemplateTables> tables;
    WindowHistory history;
    std::map<domain::Fingerprint, double> mix;  ///< calls of the baseline: what all gains are measured on
    double reference_ms = 0;

    [[nodiscard]] feedback::EvaluationOptions evaluation(const domain::Recommendation& recommendation) const;
    base::Result<feedback::WindowSample> measure(std::chrono::milliseconds duration);
    base::Result<TuneStep> try_out(Applier& applier, const domain::Recommendation& recommendation);
};

feedback::EvaluationOptions Run::evaluation(const domain::Recommendation& recommendation) const {
    auto options = focused_on(recommendation, *tables, evaluation_options(context));
    options.mix = mix;
    options.reference_ms = reference_ms;
    return options;
}

base::Result<feedback::WindowSample> Run::measure(std::chrono::milliseconds duration) {
    ORRERY_ASSIGN(const auto seen, observer->observe(duration, duration / kParts));
    return window_of(store, observer->server(), seen.intervals, observer->database(), tables->application());
}

base::Result<TuneStep> Run::try_out(Applier& applier, const domain::Recommendation& recommendation) {
    TuneStep step;
    step.recommendation = recommendation;
    feedback::Trial trial;
    trial.before = history.before();
    trial.evaluation = evaluation(recommendation);
    trial.measure = [&] { return measure(request.trial); };
    auto outcome = applier.loop().try_out(recommendation, trial);
    if (!outcome) {
        const auto kind = outcome.error().kind;
        if (kind == base::ErrorKind::cancelled || kind == base::ErrorKind::io) return base::unexpected(std::move(outcome).error());
        step.error = std::move(outcome).error();
        return step;
    }
    step.action = std::move(outcome->action);
    step.evaluation = std::move(outcome->evaluation);
    step.judgement = std::move(outcome->judgement);
    step.before = std::move(trial.before);
    const auto touched = tables->touching(recommendation.spec.table);
    if (step.action->state == domain::ActionState::reverted)
        history.undone(touched, std::move(outcome->after));
    else
        history.change(touched, std::move(outcome->after));
    return step;
}

void log_step(const TuneStep& step, std::size_t number, std::size_t total) {
    const auto outcome = step.error ? "not applied: " + step.error->message
                                    : fmt::format("{}: {}", domain::to_string(step.action->state), step.judgement.reason);
    base::log_info(fmt::format("[{}/{}] {}\n      {}", number, total, step.recommendation.sql, outcome));
}

/// Largest predicted gain first: what comes early leaves a quieter machine for measuring the rest. Drops come last.
std::vector<domain::Recommendation> in_order(std::vector<domain::Recommendation> recommendations) {
    std::stable_sort(recommendations.begin(), recommendations.end(), [](const auto& a, const auto& b) {
        const bool a_drops = a.kind == domain::RecommendationKind::drop_index, b_drops = b.kind == domain::RecommendationKind::drop_index;
        return a_drops != b_drops ? b_drops : a.benefit_percent > b.benefit_percent;
    });
    return recommendations;
}

/// What looked like a gain and could not be proven while the machine was busier gets one more trial now that the rest is in place.
base::Result<void> second_chances(Run& run, Applier& applier, TuneReport& report) {
    for (std::size_t i = 0; i < report.steps.size(); ++i) {
        auto& step = report.steps[i];
        const bool undone = step.action && step.action->state == domain::ActionState::reverted && step.evaluation;
        if (!undone || step.evaluation->gain_percent <= 0 ||
            feedback::judge(step.recommendation.kind, *step.evaluation).decision != feedback::Decision::undecided)
            continue;
        auto again = run.try_out(applier, step.recommendation);
        if (!again) {
            if (again.error().kind != base::ErrorKind::cancelled) return base::unexpected(std::move(again).error());
            report.interrupted = true;
            return {};
        }
        step = *std::move(again);
        log_step(step, i + 1, report.steps.size());
    }
    return {};
}

/// What the trials could not decide is judged on the long last window. A new index that still cannot be shown to pay goes; a
/// dropped one that nothing was seen to miss stays dropped.
base::Result<void> settle(Run& run, Applier& applier, const feedback::WindowSample& last, TuneReport& report) {
    for (auto& step : report.steps) {
        if (!step.action || step.action->state != domain::ActionState::applied) continue;
        auto options = run.evaluation(step.recommendation);
        step.evaluation = feedback::evaluate(step.before, last, options);
        step.evaluation->action = step.action->id;
        step.judgement = feedback::judge(step.recommendation.kind, *step.evaluation);
        ORRERY_TRY(run.store.save_evaluation(applier.server(), *step.evaluation));
        const bool drop = step.recommendation.kind == domain::RecommendationKind::drop_index;
        const bool keep = step.judgement.decision == feedback::Decision::keep ||
                          (drop && step.judgement.decision == feedback::Decision::undecided && step.evaluation->slower.empty());
        auto settled = keep ? applier.loop().keep(step.action->id, step.judgement.reason)
                            : applier.loop().revert(step.action->id, step.judgement.reason);
        if (!settled) return base::unexpected(std::move(settled).error());
        step.action = *std::move(settled);
    }
    return {};
}

base::Result<void> apply_all(Run& run, Applier& applier, TuneReport& report) {
    const auto recommendations = in_order(report.advice.recommendations);
    for (const auto& recommendation : recommendations) {
        auto step = run.try_out(applier, recommendation);
        if (!step) {
            if (step.error().kind != base::ErrorKind::cancelled) return base::unexpected(std::move(step).error());
            report.interrupted = true;
            return {};
        }
        report.steps.push_back(*std::move(step));
        log_step(report.steps.back(), report.steps.size(), recommendations.size());
    }
    return second_chances(run, applier, report);
}

}  // namespace

base::Result<TuneReport> tune(const Context& context, domain::Store& store, const TuneRequest& request) {
    TuneReport report;
    ORRERY_ASSIGN(auto observer, Observer::open(context, store, request.target, "tune"));
    Run run{context, store, request, std::move(observer), {}, {}, {}, 0};
    const auto server = run.observer->server();
    const auto database = run.observer->database();

    base::Stopwatch watch(*context.clock);
    ORRERY_ASSIGN(const auto baseline, run.observer->observe(request.observe, request.observe / (2 * kParts), "observing the workload"));
    report.coverage_percent = baseline.coverage_percent();
    ORRERY_ASSIGN(report.workload, store.workload(server, baseline.from, baseline.to, database));
    report.phases_seconds["baseline"] = watch.seconds();

    watch = base::Stopwatch(*context.clock);
    AdviseRequest advise;
    advise.target = request.target;
    advise.budget = request.budget;
    advise.time_limit = request.time_limit;
    ORRERY_ASSIGN(report.advice, advise_on(context, store, advise, report.workload));
    report.phases_seconds["advise"] = watch.seconds();
    if (!request.apply) return report;

    watch = base::Stopwatch(*context.clock);
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(run.observer->session(), {.statistics = false}));
    run.tables.emplace(report.workload, catalog);
    ORRERY_ASSIGN(auto first, window_of(store, server, baseline.intervals, database, run.tables->application()));
    run.history.add(first);
    run.mix = feedback::calls_of(first);
    run.reference_ms = feedback::total_ms(first);
    ORRERY_ASSIGN(const auto applier, Applier::open(context, store, request.target));
    ORRERY_TRY(apply_all(run, *applier, report));
    report.phases_seconds["apply"] = watch.seconds();
    if (report.interrupted) return report;

    watch = base::Stopwatch(*context.clock);
    ORRERY_ASSIGN(const auto last, run.measure(request.observe));
    ORRERY_TRY(settle(run, *applier, last, report));
    report.overall = feedback::evaluate(first, last, evaluation_options(context));
    report.phases_seconds["final"] = watch.seconds();
    ORRERY_TRY(store.save_evaluation(server, *report.overall));
    return report;
}

}  // namespace orrery::engine
