#include "analyzers/bursts.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "analyzers/runs.hpp"

namespace orrery::analyzers {
namespace {

base::WallTime wall(const Arrivals& arrivals, double seconds) {
    return arrivals.start + std::chrono::duration_cast<base::WallTime::duration>(std::chrono::duration<double>(seconds));
}

bool runs_at(const Schedule& schedule, double unix_s) {
    if (!schedule.by_the_clock) return false;
    const double periods = (unix_s - schedule.phase_s) / schedule.period_s;
    return std::abs(periods - std::round(periods)) * schedule.period_s <= schedule.tolerance_s;
}

}  // namespace

std::vector<Burst> find_bursts(const Arrivals& arrivals, const std::vector<Schedule>& schedules, const BurstOptions& options) {
    std::vector<Burst> bursts;
    for (const auto& run : runs_above_background(arrivals)) {
        const double usual = std::max(run.background, 1.0);
        if (run.size < options.least_calls || run.peak < options.least_factor * usual) continue;
        Burst burst;
        burst.start = wall(arrivals, run.at - arrivals.width_s / 2);
        burst.end = wall(arrivals, run.until);
        burst.calls = run.size;
        burst.factor = run.peak / usual;
        burst.scheduled = std::any_of(schedules.begin(), schedules.end(),
                                      [&](const Schedule& schedule) { return runs_at(schedule, arrivals.unix_s(0) + run.at); });
        bursts.push_back(burst);
    }
    std::stable_sort(bursts.begin(), bursts.end(), [](const Burst& a, const Burst& b) { return a.calls > b.calls; });
    return bursts;
}

}  // namespace orrery::analyzers
