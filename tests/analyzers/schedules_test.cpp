#include "analyzers/schedules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numbers>

#include "arrival_series.hpp"

namespace orrery::analyzers {
namespace {

double unix_s(base::WallTime time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// The schedule among those found whose period is within 2 %.
const Schedule* of_period(const std::vector<Schedule>& schedules, double period) {
    for (const auto& schedule : schedules)
        if (std::abs(schedule.period_s / period - 1) < 0.02) return &schedule;
    return nullptr;
}

TEST(Schedules, AnHourlyJobIsFoundWithItsPhaseAndItsNextRun) {
    auto arrivals = silence(3);
    base::Random random(1);
    job_calls(arrivals, random, {.period = 3'600, .phase = 1'000});
    const auto found = find_schedules(arrivals);
    ASSERT_EQ(found.size(), 1U);
    const auto& hourly = found[0];
    EXPECT_DOUBLE_EQ(hourly.period_s, 3'600);
    EXPECT_TRUE(hourly.by_the_clock);
    EXPECT_NEAR(hourly.phase_s, std::fmod(unix_s(some_start()) + 1'000, 3'600), 31);
    EXPECT_NEAR(hourly.jitter_s, 0, 20);
    EXPECT_EQ(hourly.runs, 72);
    EXPECT_EQ(hourly.missed, 0);
    EXPECT_FALSE(hourly.some_hours);
    EXPECT_NEAR(unix_s(hourly.next_run), unix_s(some_start()) + 3 * 86'400 + 1'000, hourly.tolerance_s);
    EXPECT_LT(hourly.tolerance_s, 120);
}

TEST(Schedules, PeriodsOfAllLengthsUnderTenPercentJitter) {
    base::Random random(2);
    for (const double period : {25.0, 60.0, 137.0, 300.0, 777.0, 3'600.0, 5'000.0, 21'600.0, 86'400.0}) {
        auto arrivals = silence(std::max(0.25, 45 * period / 86'400));
        job_calls(arrivals, random, {.period = period, .phase = 0.4 * period, .jitter = 0.1});
        EXPECT_NE(of_period(find_schedules(arrivals), period), nullptr) << period;
    }
}

TEST(Schedules, FewRunsAreEnoughWhenTheyKeepTheClock) {
    base::Random random(3);
    auto weeks = silence(36);
    job_calls(weeks, random, {.period = 604'800, .phase = 9'000});
    const auto weekly = find_schedules(weeks);
    ASSERT_EQ(weekly.size(), 1U);
    EXPECT_DOUBLE_EQ(weekly[0].period_s, 604'800);
    EXPECT_GE(weekly[0].runs, 5);
    auto days = silence(5);
    job_calls(days, random, {.period = 86'400, .phase = 7'200, .calls = 30});
    EXPECT_NE(of_period(find_schedules(days), 86'400), nullptr);
}

TEST(Schedules, SeveralInOneSeries) {
    base::Random random(4);
    auto arrivals = silence(14);
    job_calls(arrivals, random, {.period = 3'600, .phase = 300});
    job_calls(arrivals, random, {.period = 86'400, .phase = 9'000});
    const auto found = find_schedules(arrivals);
    EXPECT_NE(of_period(found, 3'600), nullptr);
    EXPECT_NE(of_period(found, 86'400), nullptr);
    EXPECT_EQ(found.size(), 2U);
}

TEST(Schedules, ABigJobStandsOutOfTheTraffic) {
    base::Random random(5);
    auto arrivals = silence(4);
    poisson_calls(arrivals, random, 10'000);
    job_calls(arrivals, random, {.period = 1'800, .phase = 700, .jitter = 0.02, .calls = 80});
    const auto found = find_schedules(arrivals);
    ASSERT_NE(of_period(found, 1'800), nullptr);
    EXPECT_NEAR(of_period(found, 1'800)->calls_per_run, 80, 10);
}

TEST(Schedules, MissedRunsAndPausesOfTheCollectorDoNoHarm) {
    base::Random random(6);
    auto arrivals = silence(7);
    for (std::size_t i = 3'000; i < 4'000; ++i) arrivals.counts[i] = std::nan("");
    job_calls(arrivals, random, {.period = 1'200, .phase = 100, .jitter = 0.03, .missed = 0.1});
    const auto found = find_schedules(arrivals);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_DOUBLE_EQ(found[0].period_s, 1'200);
    EXPECT_FALSE(found[0].some_hours);
    EXPECT_NEAR(static_cast<double>(found[0].missed), 0.1 * 454, 25) << "what fell into the pause was not missed";
}

TEST(Schedules, AJobMayKeepToOfficeHours) {
    auto arrivals = silence(21);  // ends on a Thursday at 00:00:37
    for (double due = 300 - 37; due < arrivals.seconds(); due += 3'600) {
        const double hours = (arrivals.unix_s(0) + due) / 3'600, hour = std::fmod(hours, 24),
                     weekday = std::fmod(std::floor(hours / 24) + 3, 7);
        if (weekday < 5 && hour >= 9 && hour < 17) call(arrivals, due);
    }
    const auto found = find_schedules(arrivals);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_DOUBLE_EQ(found[0].period_s, 3'600);
    EXPECT_TRUE(found[0].some_hours);
    EXPECT_EQ(found[0].runs, 15 * 8);
    EXPECT_EQ(found[0].missed, 0);
    EXPECT_NEAR(unix_s(found[0].next_run), unix_s(some_start()) + 21 * 86'400 + 9 * 3'600 + 300 - 37, 60) << "at nine, not at once";
}

TEST(Schedules, AJobThatSleepsBetweenItsRunsDrifts) {
    base::Random random(7);
    auto arrivals = silence(10);
    for (double at = 500; at < arrivals.seconds(); at += 5'400 * (1 + 0.06 * random.normal())) call(arrivals, at);
    const auto found = find_schedules(arrivals);
    ASSERT_FALSE(found.empty());
    EXPECT_NEAR(found[0].period_s, 5'400, 108);
    EXPECT_FALSE(found[0].by_the_clock);
}

TEST(Schedules, PoissonTrafficHasNone) {
    base::Random random(8);
    for (const double per_day : {3.0, 24.0, 150.0, 1'000.0, 8'000.0})
        for (const double days : {1.0, 5.0, 14.0}) {
            auto arrivals = silence(days);
            poisson_calls(arrivals, random, per_day);
            EXPECT_TRUE(find_schedules(arrivals).empty()) << per_day << " a day for " << days;
        }
}

TEST(Schedules, TheDailyRhythmOfPeopleIsNone) {
    base::Random random(9);
    const auto wave = [](double day) { return 0.5 + 0.5 * std::sin(2 * std::numbers::pi * day); };
    const auto office = [](double day) { return day > 9 / 24.0 && day < 17 / 24.0 ? 1.0 : 0.0; };
    for (const double per_day : {3.0, 24.0, 150.0, 1'000.0, 20'000.0}) {
        auto arrivals = silence(14);
        poisson_calls(arrivals, random, 2 * per_day, wave);
        EXPECT_TRUE(find_schedules(arrivals).empty()) << per_day << " in waves";
        auto hours = silence(14);
        poisson_calls(hours, random, 3 * per_day, office);
        EXPECT_TRUE(find_schedules(hours).empty()) << per_day << " in office hours";
    }
}

TEST(Schedules, BurstsAreNone) {
    base::Random random(10);
    for (const double per_day : {1.0, 4.0, 20.0, 100.0})
        for (const double spread : {20.0, 900.0}) {
            auto arrivals = silence(14);
            for (double at = random.exponential(86'400 / per_day); at < arrivals.seconds(); at += random.exponential(86'400 / per_day))
                for (std::int64_t i = random.integer(1, 20); i > 0; --i) call(arrivals, at + random.exponential(spread));
            EXPECT_TRUE(find_schedules(arrivals).empty()) << per_day << " bursts of " << spread << " s a day";
        }
}

TEST(Schedules, NothingComesOfNothing) {
    EXPECT_TRUE(find_schedules({}).empty());
    EXPECT_TRUE(find_schedules(silence(2)).empty());
    auto dark = silence(1);
    for (auto& count : dark.counts) count = std::nan("");
    EXPECT_TRUE(find_schedules(dark).empty());
    auto once = silence(2);
    call(once, 5'000, 1'000);
    EXPECT_TRUE(find_schedules(once).empty());
}

}  // namespace
}  // namespace orrery::analyzers
