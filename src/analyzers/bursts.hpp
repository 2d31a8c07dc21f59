#pragma once

#include <vector>

#include "analyzers/arrivals.hpp"
#include "analyzers/schedules.hpp"

namespace orrery::analyzers {

/// A short time with far more calls than around it.
struct Burst {
    base::WallTime start{}, end{};
    double calls = 0;        ///< beyond the usual ones
    double factor = 0;       ///< its busiest interval / the usual level around it
    bool scheduled = false;  ///< a run of one of the schedules
};
struct BurstOptions {
    double least_factor = 3;  ///< of the usual level
    double least_calls = 50;
};
/// Most calls first. The usual level is the higher of the medians of the half hours before and after; a burst rises above it by four
/// robust standard deviations and Poisson's noise.
std::vector<Burst> find_bursts(const Arrivals& arrivals, const std::vector<Schedule>& schedules, const BurstOptions& options = {});

}  // namespace orrery::analyzers
