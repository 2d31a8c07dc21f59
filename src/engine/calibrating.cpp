#include "engine/calibrating.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/random.hpp"
#include "engine/predicting.hpp"
#include "lab/registry.hpp"
#include "models/query_time/query_time_model.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;

constexpr std::size_t kFewestProbes = 10;

struct Prepared {
    pg::Session session;
    domain::PlanContext context;
    CalibrationPlan plan;
};

base::Result<Prepared> prepare(const Context& context, const CalibrateRequest& request) {
    ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "calibrate"));
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(session, {.statistics = false}));
    ORRERY_ASSIGN(auto facts, pg::read_plan_context(session));
    CalibrationPlan plan;
    plan.target = session.target();
    plan.probes = collectors::choose_probes(catalog, facts);
    plan.limits = {.time = request.time.value_or(context.settings.duration("calibrate.time")),
                   .pages = request.pages.value_or(context.settings.integer("calibrate.pages")),
                   .probe_timeout = context.settings.duration("calibrate.probe_timeout"),
                   .busy_sessions = static_cast<int>(context.settings.integer("calibrate.busy_sessions"))};
    return Prepared{std::move(session), std::move(facts), std::move(plan)};
}

/// Probes that the calibration in use rests on; 0 without one.
base::Result<std::size_t> probes_in_use(const training::Registry& registry, const std::string& scope) {
    ORRERY_ASSIGN(const auto version, registry.current(kNodeModelKind, scope));
    if (!version) return std::size_t{0};
    const auto stored = registry.load(kNodeModelKind, scope, *version);
    if (!stored) return std::size_t{0};  // a damaged one is no reason to keep it in use
    for (const auto& [name, value] : stored->record.made_of)
        if (name == "probes") return static_cast<std::size_t>(std::strtoull(value.c_str(), nullptr, 10));
    return std::size_t{0};
}

base::Result<training::ModelRecord> store_model(const Context& context, training::Registry& registry, CalibrateReport& report,
                                                const models::NodeModel& model, int server_version) {
    training::ModelRecord record;
    record.kind = kNodeModelKind;
    record.scope = calibration_scope(report.target);
    record.created = context.clock->now();
    record.features_hash = models::node_model_hash();
    for (const auto& measured : report.run.measured)
        record.data_hash = base::stable_hash(fmt::format("{} {}", measured.probe.sql, measured.plain_ms), record.data_hash);
    record.figures = {{"q50", report.error_after}, {"q50_factory", report.error_before}, {"seconds", report.run.seconds}};
    record.made_of = {{"probes", std::to_string(report.run.measured.size())},
                      {"pages", std::to_string(report.run.pages)},
                      {"server", fmt::format("{}.{}", server_version / 10000, server_version % 10000)}};
    base::ByteWriter bytes;
    models::encode(model, bytes);
    ORRERY_ASSIGN(const auto before, probes_in_use(registry, record.scope));
    ORRERY_ASSIGN(auto stored, registry.add(std::move(record), bytes.bytes()));
    // One that was cut short says less than a whole one from before.
    report.promoted = report.run.measured.size() * 2 >= before;
    if (report.promoted) ORRERY_TRY(registry.promote(stored.kind, stored.scope, stored.version));
    return stored;
}

}  // namespace

std::string calibration_scope(const std::string& target) {
    return target.substr(0, target.rfind('/'));
}

base::Result<bool> is_lab(const std::string& target) {
    const auto labs = lab::lab_list();
    if (!labs) return false;  // records that cannot be read make no server a lab
    ORRERY_ASSIGN(const auto asked, pg::describe_target(target));
    for (const auto& lab : *labs) {
        ORRERY_ASSIGN(const auto described, pg::describe_target(lab.uri));
        if (calibration_scope(described) == calibration_scope(asked)) return true;
    }
    return false;
}

base::Result<CalibrationPlan> plan_calibration(const Context& context, const CalibrateRequest& request) {
    ORRERY_ASSIGN(auto prepared, prepare(context, request));
    return std::move(prepared.plan);
}

base::Result<CalibrateReport> calibrate(const Context& context, const CalibrateRequest& request) {
    ORRERY_ASSIGN(const bool lab, is_lab(request.target));
    if (!lab && !request.confirmed)
        return base::unexpected(ErrorKind::permission, "calibration runs statements on the server, and this one is no lab",
                                "The statements are read-only, small and bounded in number, time and pages.",
                                "See them with --dry-run, then say --yes.");
    ORRERY_ASSIGN(auto registry, open_registry(context));  // before anything runs that could not be kept
    ORRERY_ASSIGN(auto prepared, prepare(context, request));
    CalibrateReport report;
    report.target = prepared.plan.target;
    report.planned = prepared.plan.probes.size();
    {
        base::Progress progress("calibrate", static_cast<double>(report.planned));
        ORRERY_ASSIGN(report.run, collectors::run_probes(prepared.session, prepared.plan.probes, prepared.plan.limits, *context.clock,
                                                         context.stop, [&](std::size_t done, const collectors::Probe& next) {
                                                             progress.update(static_cast<double>(done), next.name);
                                                         }));
        progress.finish(fmt::format("{} probes", report.run.measured.size()));
    }
    if (report.run.measured.size() < kFewestProbes)
        return base::unexpected(
            ErrorKind::conflict, fmt::format("only {} probes ran: too few to calibrate by", report.run.measured.size()),
            report.run.stopped.empty() ? report.run.skipped.empty() ? "" : report.run.skipped.front().why : report.run.stopped,
            "Try again when the server is quieter, or with more --time and --pages.");
    ORRERY_ASSIGN(auto fit, fit_calibration(report.run.measured, prepared.context));
    report.terms = std::move(fit.terms);
    report.error_before = fit.error_before;
    report.error_after = fit.error_after;
    if (report.error_after < report.error_before) {
        ORRERY_ASSIGN(report.stored, store_model(context, registry, report, fit.model, prepared.session.server_version()));
    }
    return report;
}

}  // namespace orrery::engine
