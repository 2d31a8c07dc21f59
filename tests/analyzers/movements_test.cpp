#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numbers>

#include "analyzers/bursts.hpp"
#include "analyzers/seasons.hpp"
#include "arrival_series.hpp"

namespace orrery::analyzers {
namespace {

using ::testing::ElementsAre;

/// Office hours, 9 to 17 UTC, on weekdays; a tenth of it otherwise.
Arrivals office_weeks(double days, base::Random& random) {
    auto arrivals = silence(days, 600);
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i) {
        const double hours = arrivals.unix_s(static_cast<double>(i) + 0.5) / 3'600, hour = std::fmod(hours, 24);
        const double weekday = std::fmod(std::floor(hours / 24) + 3, 7);
        const bool busy = weekday < 5 && hour >= 9 && hour < 17;
        arrivals.counts[i] = std::max(0.0, (busy ? 1'000 : 100) * (1 + 0.1 * random.normal()));
    }
    return arrivals;
}

TEST(Seasons, DaysAndWeeksOfAnOffice) {
    base::Random random(1);
    const auto rhythm = find_rhythm(office_weeks(28, random));
    EXPECT_TRUE(rhythm.daily);
    EXPECT_GT(rhythm.daily_strength, 0.4);
    EXPECT_THAT(rhythm.peak_hours, ElementsAre(9, 10, 11, 12, 13, 14, 15, 16));
    EXPECT_GT(rhythm.hours[12], 5 * rhythm.hours[3]);
    EXPECT_TRUE(rhythm.weekly);
    EXPECT_TRUE(rhythm.quiet_weekend);
    EXPECT_LT(rhythm.weekdays[5], 0.5);
    EXPECT_GT(rhythm.week[0][10], 2);
    EXPECT_LT(rhythm.week[6][10], 0.5);
    EXPECT_NEAR(rhythm.days, 28, 0.1);
}

TEST(Seasons, NoiseHasNone) {
    base::Random random(2);
    for (const double days : {2.0, 4.0, 10.0, 30.0}) {
        auto arrivals = silence(days, 600);
        poisson_calls(arrivals, random, 20'000);
        const auto rhythm = find_rhythm(arrivals);
        EXPECT_FALSE(rhythm.daily) << days;
        EXPECT_FALSE(rhythm.weekly) << days;
        EXPECT_TRUE(rhythm.peak_hours.empty());
    }
    const auto nothing = find_rhythm({});
    EXPECT_FALSE(nothing.daily);
    EXPECT_TRUE(std::isnan(nothing.hours[0]));
}

TEST(Seasons, GapsAreNoQuietHours) {
    auto arrivals = silence(7, 600);
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i) {
        const double hour = std::fmod(arrivals.unix_s(static_cast<double>(i)) / 3'600, 24);
        arrivals.counts[i] = hour < 6 ? std::nan("") : 50;
    }
    const auto rhythm = find_rhythm(arrivals);
    EXPECT_FALSE(rhythm.daily);
    EXPECT_TRUE(std::isnan(rhythm.hours[2]));
    EXPECT_NEAR(rhythm.hours[12], 1, 0.01);
}

TEST(Growth, ATrendIsFoundWithItsInterval) {
    base::Random random(3);
    auto arrivals = silence(20, 600);
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i)
        arrivals.counts[i] = 100 * (1 + 0.03 * static_cast<double>(i) / 144) * (1 + 0.1 * random.normal());
    const auto growth = find_growth(arrivals);
    ASSERT_TRUE(growth.has_value());
    EXPECT_TRUE(growth->significant());
    EXPECT_NEAR(growth->per_day, 0.03 / 1.3, 0.003);
    EXPECT_LT(growth->low, growth->per_day);
    EXPECT_GT(growth->high, growth->per_day);
    EXPECT_GE(growth->days, 19);
    EXPECT_LE(growth->days, 20);
}

TEST(Growth, NoTrendInNoiseAndNoneInFewDays) {
    base::Random random(4);
    int found = 0;
    for (int i = 0; i < 50; ++i) {
        auto arrivals = silence(14, 3'600);
        poisson_calls(arrivals, random, 3'000);
        const auto growth = find_growth(arrivals);
        ASSERT_TRUE(growth.has_value());
        found += growth->significant() ? 1 : 0;
    }
    EXPECT_LE(found, 3);
    auto few = silence(4);
    poisson_calls(few, random, 3'000);
    EXPECT_FALSE(find_growth(few).has_value());
}

TEST(Bursts, AreFoundAboveTheNoise) {
    base::Random random(5);
    auto arrivals = silence(1);
    poisson_calls(arrivals, random, 20'000);
    for (int minute = 0; minute < 3; ++minute) call(arrivals, 40'000 + 60.0 * minute, 300);
    const auto bursts = find_bursts(arrivals, {});
    ASSERT_EQ(bursts.size(), 1U);
    EXPECT_NEAR(bursts[0].calls, 900, 60);
    EXPECT_GT(bursts[0].factor, 10);
    EXPECT_NEAR(std::chrono::duration<double>(bursts[0].end - bursts[0].start).count(), 180, 61);
    EXPECT_FALSE(bursts[0].scheduled);
}

TEST(Bursts, KnowTheirSchedule) {
    base::Random random(6);
    auto arrivals = silence(2);
    poisson_calls(arrivals, random, 3'000);
    job_calls(arrivals, random, {.period = 3'600, .phase = 600, .calls = 200});
    call(arrivals, 70'000, 500);
    const auto bursts = find_bursts(arrivals, find_schedules(arrivals));
    ASSERT_GT(bursts.size(), 40U);
    EXPECT_FALSE(bursts[0].scheduled) << "the biggest is not of the job";
    EXPECT_TRUE(bursts[1].scheduled);
}

}  // namespace
}  // namespace orrery::analyzers
