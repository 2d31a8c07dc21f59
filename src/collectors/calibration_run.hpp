#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "collectors/calibration_probes.hpp"
#include "domain/plan.hpp"
#include "domain/sql_session.hpp"

/// Runs probes within bounds.
namespace orrery::collectors {

struct CalibrationLimits {
    std::chrono::milliseconds time{10'000};          ///< for all probes
    std::int64_t pages = 400'000;                    ///< blocks touched by all runs together
    std::chrono::milliseconds probe_timeout{1'000};  ///< for one statement; less where less is foreseen
    int busy_sessions = 3;                           ///< other sessions at work, from which on nothing more is run
};

/// A probe that ran.
struct MeasuredProbe {
    Probe probe;
    domain::Plan plan;    ///< EXPLAIN (ANALYZE, BUFFERS, TIMING)
    double plain_ms = 0;  ///< the fastest run without instrumentation, planning and the way there and back taken off
};

struct SkippedProbe {
    std::string name, why;
};

struct CalibrationRun {
    std::vector<MeasuredProbe> measured;
    std::vector<SkippedProbe> skipped;  ///< no rights, a locked table, a table that is gone: the others go on
    std::string stopped;                ///< why it ended before the last probe; empty when it did not
    bool sees_sessions = true;          ///< false: the role may not see whether others are at work
    std::int64_t pages = 0;
    double seconds = 0;
};

/// Before every probe: is the server busy, does the probe fit into what is left of the budget? Each runs in a read-only transaction of its
/// own without parallel workers and JIT, three times plain and once under EXPLAIN, with a statement_timeout of what is foreseen several
/// times over; running into it ends everything. A lost connection or a stop request is an error.
base::Result<CalibrationRun> run_probes(domain::SqlSession& session, std::span<const Probe> probes, const CalibrationLimits& limits,
                                        base::Clock& clock, const std::stop_token& stop,
                                        const std::function<void(std::size_t done, const Probe& next)>& progress = {});

/// How long a probe may take at most, the first time from disk.
std::chrono::milliseconds allowed_time(const Probe& probe, const CalibrationLimits& limits);

/// The statement that measures, as it is sent.
std::string explain_sql(const Probe& probe);

}  // namespace orrery::collectors
