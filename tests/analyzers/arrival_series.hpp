#pragma once

#include <cmath>
#include <cstdint>
#include <functional>

#include "analyzers/arrivals.hpp"
#include "base/random.hpp"

namespace orrery::analyzers {

/// 2026-01-01 00:00:37 UTC, a Thursday.
inline base::WallTime some_start() {
    return base::from_unix_ms(1'767'225'637'000);
}

inline Arrivals silence(double days, double width_s = 60) {
    return {some_start(), width_s, std::vector<double>(static_cast<std::size_t>(days * 86'400 / width_s), 0)};
}

/// Calls at so many seconds after the start; outside of the series and where nothing was collected they are lost.
inline void call(Arrivals& arrivals, double at, double calls = 1) {
    if (at >= 0 && at < arrivals.seconds()) arrivals.counts[static_cast<std::size_t>(at / arrivals.width_s)] += calls;
}

/// Poisson calls; `shape` thins them out by the time of day (0..1), at most 1.
inline void poisson_calls(
    Arrivals& arrivals, base::Random& random, double per_day, const std::function<double(double)>& shape = [](double) { return 1.0; }) {
    for (double at = random.exponential(86'400 / per_day); at < arrivals.seconds(); at += random.exponential(86'400 / per_day))
        if (random.uniform() < shape(std::fmod(arrivals.unix_s(0) + at, 86'400) / 86'400)) call(arrivals, at);
}

/// Runs every `period` from `phase` on, late or early by `jitter` of the period at most, a share of them missing.
struct Job {
    double period = 3'600, phase = 0, jitter = 0, missed = 0, calls = 1;
};
inline void job_calls(Arrivals& arrivals, base::Random& random, const Job& job) {
    for (double due = job.phase; due < arrivals.seconds() + job.period; due += job.period)
        if (!random.chance(job.missed)) call(arrivals, due + job.jitter * job.period * (2 * random.uniform() - 1), job.calls);
}

}  // namespace orrery::analyzers
