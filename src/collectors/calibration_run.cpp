#include "collectors/calibration_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pg/catalog_reader.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;

constexpr int kPlainRuns = 3;

/// What concerns one table, or one statement, and not the server.
bool concerns_one(const base::Error& error) {
    return error.kind == ErrorKind::permission || error.kind == ErrorKind::missing_object || error.kind == ErrorKind::conflict ||
           error.kind == ErrorKind::invalid_input || error.kind == ErrorKind::unsupported;
}

class Run {
public:
    Run(domain::SqlSession& session, const CalibrationLimits& limits, base::Clock& clock)
        : session_(session), limits_(limits), clock_(clock) {}

    /// How long an empty statement takes to go there and back.
    base::Result<void> measure_way() {
        for (int i = 0; i < 5; ++i) {
            ORRERY_ASSIGN(const double ms, timed("SELECT 1"));
            way_ms_ = i == 0 ? ms : std::min(way_ms_, ms);
        }
        return {};
    }

    /// Other sessions at work; nothing when the role may not see them.
    base::Result<std::optional<std::int64_t>> others_at_work() {
        ORRERY_ASSIGN(const auto rows, session_.query(domain::mark_own(
                                           "SELECT count(*) FILTER (WHERE state = 'active'), count(*) FILTER (WHERE state IS NULL) FROM "
                                           "pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid() AND datid IS NOT NULL AND "
                                           "coalesce(backend_type, 'client backend') IN ('client backend', 'parallel worker')")));
        if (rows.integer(0, 0) == 0 && rows.integer(0, 1) > 0) return std::optional<std::int64_t>();
        return std::optional(rows.integer(0, 0));
    }

    base::Result<MeasuredProbe> measure(const Probe& probe) {
        auto measured = inside_transaction(probe);
        auto ended = session_.query(domain::mark_own("ROLLBACK"));
        if (!measured) return base::unexpected(std::move(measured).error());
        if (!ended) return base::unexpected(std::move(ended).error());
        return measured;
    }

private:
    base::Result<double> timed(const std::string& sql) {
        const base::Stopwatch watch(clock_);
        ORRERY_ASSIGN([[maybe_unused]] const auto rows, session_.query(domain::mark_own(sql)));
        return watch.seconds() * 1000;
    }

    base::Result<MeasuredProbe> inside_transaction(const Probe& probe) {
        ORRERY_ASSIGN([[maybe_unused]] const auto begun, session_.query(domain::mark_own("BEGIN READ ONLY")));
        // A statement that row security would change is refused, not run with a policy's functions. Settings that this version lacks are
        // skipped.
        std::string settings = fmt::format(
            "('statement_timeout', '{}'), ('row_security', 'off'), ('jit', 'off'), "
            "('max_parallel_workers_per_gather', '0'), ('synchronize_seqscans', 'off')",
            allowed_time(probe, limits_).count());
        for (const auto& name : probe.switched_off) settings += fmt::format(", ('{}', 'off')", name);
        ORRERY_ASSIGN(
            [[maybe_unused]] const auto set,
            session_.query(domain::mark_own(fmt::format("SELECT set_config(v.name, v.value, true) FROM (VALUES {}) v(name, value) "
                                                        "WHERE v.name IN (SELECT s.name FROM pg_catalog.pg_settings s)",
                                                        settings))));
        MeasuredProbe measured{probe, {}, 0};
        ORRERY_ASSIGN([[maybe_unused]] const auto warmed, timed(probe.sql));
        ORRERY_ASSIGN(const auto rows, session_.query(explain_sql(probe)));
        ORRERY_ASSIGN(measured.plan, pg::parse_plan(std::string(rows.text(0, 0))));
        double fastest = warmed;
        for (int i = 1; i < kPlainRuns; ++i) {
            ORRERY_ASSIGN(const double ms, timed(probe.sql));
            fastest = std::min(fastest, ms);
        }
        // Counting rows and looking at the clock only adds: a plain run that seems slower had company.
        const double counted = measured.plan.execution_ms.value_or(fastest);
        const double plain = fastest - way_ms_ - measured.plan.planning_ms.value_or(0);
        measured.plain_ms = std::clamp(plain, 0.2 * counted, counted);
        return measured;
    }

    domain::SqlSession& session_;
    const CalibrationLimits& limits_;
    base::Clock& clock_;
    double way_ms_ = 0;
};

std::int64_t touched(const domain::Plan& plan) {
    const auto& use = plan.root.buffers;
    return use ? use->shared_hit + use->shared_read : 0;
}

/// Why this probe is not begun; empty when nothing speaks against it.
base::Result<std::string> objection(Run& run, const Probe& probe, const CalibrationLimits& limits, CalibrationRun& report) {
    if (report.seconds * 1000 + static_cast<double>(allowed_time(probe, limits).count()) > static_cast<double>(limits.time.count()))
        return std::string("the time was up");
    if (static_cast<double>(report.pages) + probe.pages * (kPlainRuns + 1) > static_cast<double>(limits.pages))
        return std::string("the pages that may be read were read");
    ORRERY_ASSIGN(const auto others, run.others_at_work());
    if (!others) report.sees_sessions = false;
    if (others && *others >= limits.busy_sessions) return fmt::format("{} other sessions were at work", *others);
    return std::string();
}

}  // namespace

std::chrono::milliseconds allowed_time(const Probe& probe, const CalibrationLimits& limits) {
    constexpr double kGrace = 60, kPerRow = 0.005, kPerPage = 0.5;  // ms: an idle server with a slow disk
    const auto foreseen = std::chrono::milliseconds(static_cast<std::int64_t>(kGrace + kPerRow * probe.rows + kPerPage * probe.pages));
    return std::min(foreseen, limits.probe_timeout);
}

std::string explain_sql(const Probe& probe) {
    return domain::mark_own("EXPLAIN (ANALYZE, BUFFERS, TIMING, FORMAT JSON) " + probe.sql);
}

base::Result<CalibrationRun> run_probes(domain::SqlSession& session, std::span<const Probe> probes, const CalibrationLimits& limits,
                                        base::Clock& clock, const std::stop_token& stop,
                                        const std::function<void(std::size_t done, const Probe& next)>& progress) {
    CalibrationRun report;
    Run run(session, limits, clock);
    const base::Stopwatch watch(clock);
    ORRERY_TRY(run.measure_way());
    std::vector<domain::RelationName> given_up;
    for (std::size_t i = 0; i < probes.size(); ++i) {
        const auto& probe = probes[i];
        if (stop.stop_requested()) return base::unexpected(ErrorKind::cancelled, "the calibration was stopped");
        if (!probe.table.name.empty() && std::find(given_up.begin(), given_up.end(), probe.table) != given_up.end()) continue;
        if (progress) progress(i, probe);
        report.seconds = watch.seconds();
        ORRERY_ASSIGN(report.stopped, objection(run, probe, limits, report));
        if (!report.stopped.empty()) break;
        auto measured = run.measure(probe);
        if (measured) {
            report.pages += touched(measured->plan) * (kPlainRuns + 1);
            report.measured.push_back(std::move(measured).value());
            continue;
        }
        const auto& error = measured.error();
        if (error.kind == ErrorKind::timeout) {
            report.stopped = fmt::format("{} took longer than foreseen ({} ms)", probe.name, allowed_time(probe, limits).count());
            break;
        }
        if (!concerns_one(error)) return base::unexpected(error);
        report.skipped.push_back({probe.name, error.message});
        // Without rights or behind a lock, all of the table's probes would meet the same.
        if (error.kind == ErrorKind::permission || error.kind == ErrorKind::missing_object || error.kind == ErrorKind::conflict)
            given_up.push_back(probe.table);
    }
    report.seconds = watch.seconds();
    return report;
}

}  // namespace orrery::collectors
