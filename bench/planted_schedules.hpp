#pragma once

#include <fmt/format.h>

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "analyzers/schedules.hpp"
#include "base/random.hpp"

/// Series of calls with a schedule in them, and series without.
namespace orrery::bench {

inline analyzers::Arrivals empty_series(double days) {
    return {base::from_unix_ms(1'767'225'637'000), 60, std::vector<double>(static_cast<std::size_t>(days * 1'440), 0)};
}

inline void call(analyzers::Arrivals& arrivals, double at, double calls = 1) {
    if (at >= 0 && at < arrivals.seconds()) arrivals.counts[static_cast<std::size_t>(at / arrivals.width_s)] += calls;
}

enum class Traffic { steady, waves, office, bursts };

/// So many Poisson calls a day: even, in daily waves, in office hours, or in bursts.
inline void traffic(analyzers::Arrivals& arrivals, base::Random& random, double per_day, Traffic kind) {
    const double busiest = kind == Traffic::waves ? 2 : kind == Traffic::office ? 4.2 : kind == Traffic::bursts ? 0.125 : 1;
    const double pause = 86'400 / (per_day * busiest), spread = random.chance(0.5) ? 30 : 900;
    for (double at = random.exponential(pause); at < arrivals.seconds(); at += random.exponential(pause)) {
        const double days = (arrivals.unix_s(0) + at) / 86'400, day = days - std::floor(days), weekday = std::fmod(std::floor(days) + 3, 7);
        if (kind == Traffic::waves && random.uniform() > 0.5 + 0.5 * std::sin(2 * std::numbers::pi * day)) continue;
        if (kind == Traffic::office && (day < 9 / 24.0 || day > 17 / 24.0 || weekday >= 5)) continue;
        call(arrivals, at);
        if (kind == Traffic::bursts)
            for (std::int64_t i = random.integer(0, 14); i > 0; --i) call(arrivals, at + random.exponential(spread));
    }
}

struct Planted {
    analyzers::Arrivals arrivals;
    std::vector<double> periods;
    std::string what;
};

/// A job with a period between a minute and six hours (or a day or a week, fewer runs and less jitter), up to 10 % jitter, 2 % missed runs,
/// sometimes a pause of the collector, a second job, or the traffic of people around it.
inline Planted plant(base::Random& random) {
    Planted planted;
    const double kind = random.uniform();
    double period = 60 * std::pow(360, random.uniform()), jitter = 0.1, runs = 40 + 60 * random.uniform();
    bool normal = random.chance(0.3);  // jitter as a standard deviation; else the greatest
    if (kind > 0.9)
        period = 604'800, jitter = 0.0005, runs = 6;
    else if (kind > 0.8)
        period = 86'400, jitter = 0.01, runs = 14;
    const double days = std::max(0.5, runs * period / 86'400);
    planted.arrivals = empty_series(days);
    const bool crowded = random.chance(0.3) && period >= 300;
    const double calls = crowded ? 50 : 1;
    const auto job = [&](double every, double late, double size) {
        for (double due = random.uniform() * every; due < planted.arrivals.seconds(); due += every)
            if (!random.chance(every < 180 ? 0.002 : 0.02))
                call(planted.arrivals, due + late * every * (normal ? random.normal() : 2 * random.uniform() - 1), size);
        planted.periods.push_back(every);
    };
    job(period, jitter, calls);
    if (kind > 0.7 && kind <= 0.8 && period > 600 && period < 8'000) job(86'400, 0.0005, calls), normal = false;
    if (planted.periods.size() == 2 && days < 8) planted.periods.pop_back();  // too few days to tell
    if (crowded) traffic(planted.arrivals, random, 5'000, random.chance(0.5) ? Traffic::steady : Traffic::waves);
    if (random.chance(0.2)) {
        const auto from = static_cast<std::size_t>(random.uniform() * 0.9 * static_cast<double>(planted.arrivals.counts.size()));
        const auto length = planted.arrivals.counts.size() / 12;
        for (std::size_t i = from; i < std::min(from + length, planted.arrivals.counts.size()); ++i)
            planted.arrivals.counts[i] = std::nan("");
    }
    planted.what = fmt::format("period {:.0f} s, {:.0f} runs, jitter {}{}{}", period, runs, jitter, normal ? " (normal)" : "",
                               crowded ? ", crowded" : "");
    return planted;
}

}  // namespace orrery::bench
