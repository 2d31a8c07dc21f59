#include "analyzers/seasons.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/statistics.hpp"

namespace orrery::analyzers {
namespace {

constexpr double kHour = 3'600, kDay = 86'400;
constexpr double kSure = 4;  ///< standard deviations of the strength under chance

struct Slot {
    int weekday = 0, hour = 0;  ///< Monday 0
};
Slot slot_of(const Arrivals& hourly, std::size_t bin) {
    const auto hours = static_cast<std::int64_t>(std::llround(hourly.unix_s(static_cast<double>(bin)) / kHour));
    return {static_cast<int>((hours / 24 + 3) % 7), static_cast<int>(hours % 24)};  // 1970-01-01 was a Thursday
}

/// Groups of a one-way analysis of variance.
class Groups {
public:
    explicit Groups(std::size_t count) : groups_(count) {}
    void add(std::size_t group, double value) {
        groups_[group].add(value);
        all_.add(value);
    }
    /// Adjusted R squared.
    [[nodiscard]] double strength() const {
        double within = 0, used = 0;
        for (const auto& group : groups_) {
            if (group.count == 0) continue;
            used += 1;
            within += std::max(0.0, group.square_sum - group.sum * group.sum / group.count);
        }
        const double whole = all_.variance() * (all_.count - 1);
        if (whole <= 0 || all_.count <= used) return 0;
        return std::clamp(1 - within / whole * (all_.count - 1) / (all_.count - used), 0.0, 1.0);
    }
    [[nodiscard]] double level(std::size_t group) const {
        return groups_[group].count > 0 && all_.sum > 0 ? groups_[group].mean() / all_.mean() : std::numeric_limits<double>::quiet_NaN();
    }

private:
    std::vector<base::Moments> groups_;
    base::Moments all_;
};

/// Standard deviation of the strength when the groups mean nothing.
double chance(double values, double groups) {
    return values > groups + 1 ? std::sqrt(2 * (groups - 1)) / (values - groups) : 1;
}

void judge_week(const Arrivals& arrivals, Rhythm& rhythm) {
    const auto daily = coarser(arrivals, kDay);
    Groups weekdays(7);
    base::Moments weekend, work;
    double days = 0;
    for (std::size_t i = 0; i < daily.counts.size(); ++i) {
        if (std::isnan(daily.counts[i])) continue;
        const auto weekday = static_cast<std::size_t>((std::llround(daily.unix_s(static_cast<double>(i)) / kDay) + 3) % 7);
        weekdays.add(weekday, daily.counts[i]);
        (weekday >= 5 ? weekend : work).add(daily.counts[i]);
        days += 1;
    }
    for (std::size_t i = 0; i < 7; ++i) rhythm.weekdays[i] = weekdays.level(i);
    if (days < 13) return;
    rhythm.weekly_strength = weekdays.strength();
    const auto contrast = base::welch(work, weekend);
    const bool weekend_differs = contrast.p_value < 0.001 && rhythm.weekly_strength > 0.3;
    rhythm.weekly = weekend_differs || (days >= 21 && rhythm.weekly_strength > 0.3 + kSure * chance(days, 7));
    rhythm.quiet_weekend = weekend_differs && weekend.mean() < work.mean();
}

}  // namespace

Rhythm find_rhythm(const Arrivals& arrivals) {
    Rhythm rhythm;
    const auto hourly = coarser(arrivals, kHour);
    Groups hours(24), week(168);
    double seen = 0;
    for (std::size_t i = 0; i < hourly.counts.size(); ++i) {
        if (std::isnan(hourly.counts[i])) continue;
        const auto slot = slot_of(hourly, i);
        hours.add(static_cast<std::size_t>(slot.hour), hourly.counts[i]);
        week.add(static_cast<std::size_t>(slot.weekday * 24 + slot.hour), hourly.counts[i]);
        seen += 1;
    }
    double highest = 0;
    for (std::size_t i = 0; i < 24; ++i) {
        rhythm.hours[i] = hours.level(i);
        if (rhythm.hours[i] > highest) highest = rhythm.hours[i];
        for (std::size_t day = 0; day < 7; ++day) rhythm.week[day][i] = week.level(day * 24 + i);
    }
    rhythm.days = arrivals.covered_seconds() / kDay;
    if (rhythm.days >= 2.9) {
        rhythm.daily_strength = hours.strength();
        rhythm.daily = rhythm.daily_strength > 0.15 + kSure * chance(seen, 24);
    }
    for (int hour = 0; rhythm.daily && hour < 24; ++hour)
        if (rhythm.hours[static_cast<std::size_t>(hour)] >= 0.9 * highest) rhythm.peak_hours.push_back(hour);
    judge_week(arrivals, rhythm);
    return rhythm;
}

std::optional<Growth> find_growth(const Arrivals& arrivals) {
    const auto daily = coarser(arrivals, kDay);
    // A day scaled up from a little of it would tell the time of day, not the day.
    std::vector<double> covered(daily.counts.size(), 0);
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i) {
        const double day = std::floor(arrivals.unix_s(static_cast<double>(i) + 0.5) / kDay) - std::round(daily.unix_s(0) / kDay);
        if (!std::isnan(arrivals.counts[i]) && day >= 0 && day < static_cast<double>(covered.size()))
            covered[static_cast<std::size_t>(day)] += arrivals.width_s;
    }
    std::vector<std::pair<double, double>> days;
    std::vector<double> values;
    for (std::size_t i = 0; i < daily.counts.size(); ++i) {
        if (covered[i] < 0.8 * kDay) continue;
        days.emplace_back(static_cast<double>(i), daily.counts[i]);
        values.push_back(daily.counts[i]);
    }
    const auto n = static_cast<double>(days.size());
    const double usual = base::median(values);
    if (days.size() < 6 || usual <= 0) return std::nullopt;
    std::vector<double> slopes;
    double concordance = 0;
    for (std::size_t i = 0; i < days.size(); ++i)
        for (std::size_t j = i + 1; j < days.size(); ++j) {
            const double rise = days[j].second - days[i].second;
            slopes.push_back(rise / (days[j].first - days[i].first) / usual);
            concordance += rise > 0 ? 1 : rise < 0 ? -1 : 0;
        }
    const double deviation = std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
    const double reach = base::normal_quantile(0.975) * deviation / 2 / static_cast<double>(slopes.size());
    Growth growth;
    growth.per_day = base::median(slopes);
    growth.low = base::quantile(slopes, std::max(0.0, 0.5 - reach));
    growth.high = base::quantile(slopes, std::min(1.0, 0.5 + reach));
    const double z = std::max(0.0, std::abs(concordance) - 1) / deviation;
    growth.p_value = std::erfc(z / std::sqrt(2.0));
    growth.days = static_cast<int>(days.size());
    return growth;
}

}  // namespace orrery::analyzers
