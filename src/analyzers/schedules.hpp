#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "analyzers/arrivals.hpp"
#include "base/units.hpp"

namespace orrery::analyzers {

/// Something that runs again and again after the same time.
struct Schedule {
    double period_s = 0;
    double phase_s = 0;        ///< of a run that keeps the clock: seconds since 1970-01-01 UTC, modulo the period
    double jitter_s = 0;       ///< standard deviation of the runs about their due times (of the pauses, when it drifts)
    bool by_the_clock = true;  ///< false: each run comes so long after the one before, and lateness adds up
    bool some_hours = false;   ///< it keeps to some hours of the day or the week: next_run is in one, and what falls outside is not missed
    std::int64_t runs = 0;     ///< that were seen
    std::int64_t missed = 0;   ///< due while collecting, and not seen
    double calls_per_run = 1;  ///< median
    base::WallTime last_run{}, next_run{};
    double tolerance_s = 0;  ///< the next run is expected within this of next_run
    double evidence = 0;     ///< natural logarithm of the e-value; 9.2 is one false alarm in 10,000
};

struct ScheduleOptions {
    double false_alarm = 1e-4;  ///< probability of finding any schedule in arrivals that follow none
    std::size_t most = 4;       ///< of one series
    double shortest_period_s = 10;
};

/// Schedules among arrivals, most evident first.
///
/// Runs are bins above their local background (neighbouring ones are one run). Periods proposed by the periodogram of the runs, by the
/// pauses between them and by what people write into crontabs are compared with having no schedule: "each cycle has a run near its due
/// time, or misses it, beside a background" against Poisson arrivals whose rate may change from one few cycles to the next and, for
/// periods of hours and days, with the hour of the day and of the week, so that the daily rhythm of people is no schedule. The ratio of the
/// likelihoods, weighted by a prior over periods, phases and jitters and divided by the greatest likelihood without a schedule, is an
/// e-value: it exceeds 1/a with a probability of at most a (Wasserman, Ramdas and Balakrishnan 2020, "Universal inference"). Periods too
/// short for the bins are found by counts that vary far less than Poisson's.
/// Daylight saving moves nothing: all times are UTC. Pure; costs some milliseconds for a week of minutes.
std::vector<Schedule> find_schedules(const Arrivals& arrivals, const ScheduleOptions& options = {});

}  // namespace orrery::analyzers
