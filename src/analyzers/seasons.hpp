#pragma once

#include <array>
#include <optional>
#include <vector>

#include "analyzers/arrivals.hpp"

namespace orrery::analyzers {

/// The rhythm of days and weeks, in UTC. Levels are relative to the mean: 2 is twice as much as usual; NaN where nothing is known.
struct Rhythm {
    std::array<double, 24> hours{};                  ///< level by hour of the day
    std::array<double, 7> weekdays{};                ///< Monday first
    std::array<std::array<double, 24>, 7> week{};    ///< by weekday and hour
    double days = 0;                                 ///< that were seen, gaps left out
    double daily_strength = 0, weekly_strength = 0;  ///< share of the variance explained (adjusted R squared), 0..1
    bool daily = false, weekly = false;              ///< stronger than chance would have it
    std::vector<int> peak_hours;                     ///< of a daily rhythm: hours within 10 % of the highest level, in order of the day
    bool quiet_weekend = false;                      ///< of a weekly rhythm
};
/// Strengths by one-way analysis of variance of the hours (days), told only from three days (two weeks) on.
Rhythm find_rhythm(const Arrivals& arrivals);

/// Change from day to day: the median of the slopes between all pairs of days (Theil 1950, Sen 1968), relative to the median day, with
/// its 95 % interval; the p-value is that of Mann and Kendall's test.
struct Growth {
    double per_day = 0;  ///< 0.01 is 1 % of a median day, each day
    double low = 0, high = 0;
    double p_value = 1;
    int days = 0;
    [[nodiscard]] bool significant() const { return p_value < 0.01 && (low > 0 || high < 0); }
};
/// Nothing with fewer than six days of which at least four fifths were collected.
std::optional<Growth> find_growth(const Arrivals& arrivals);

}  // namespace orrery::analyzers
