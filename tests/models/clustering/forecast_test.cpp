#include "models/clustering/forecast.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "base/random.hpp"

namespace orrery::models {
namespace {

using namespace std::chrono_literals;

constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

double poisson(base::Random& random, double mean) {
    if (mean > 50) return std::max(0.0, std::round(mean + std::sqrt(mean) * random.normal()));
    double calls = 0;
    for (double at = random.exponential(1); at < mean; at += random.exponential(1)) calls += 1;
    return calls;
}

/// Monday 2026-01-05, an hour each.
ArrivalHistory hours(std::vector<double> calls) {
    return {base::from_unix_ms(1'767'571'200'000), 60min, std::move(calls)};
}

double daily_mean(std::size_t hour, double size, double weekend) {
    const double wave = std::sin(2 * std::numbers::pi * static_cast<double>(hour % 24) / 24);
    return size * std::exp(0.8 * wave) * (hour / 24 % 7 >= 5 ? weekend : 1);
}

/// Daily and weekly season, noise that lasts for hours, Poisson arrivals.
ArrivalHistory busy(std::uint64_t seed, std::size_t weeks, double size) {
    base::Random random(seed);
    std::vector<double> calls;
    double drift = 0;
    for (std::size_t i = 0; i < weeks * 168; ++i) {
        drift = 0.7 * drift + 0.1 * random.normal();
        calls.push_back(poisson(random, daily_mean(i, size, 0.4) * std::exp(drift)));
    }
    return hours(std::move(calls));
}

ArrivalHistory up_to(const ArrivalHistory& all, std::size_t size) {
    return {all.start, all.bin, {all.calls.begin(), all.calls.begin() + static_cast<std::ptrdiff_t>(size)}};
}

TEST(Forecast, IntervalsHoldNineOfTenAndErrorsAreSmallerThanTheNaiveOnes) {
    double hour_in = 0, bin_in = 0, total_in = 0, moments = 0, ours = 0, naive = 0, bins = 0;
    for (const double size : {0.7, 8.0, 300.0, 20'000.0}) {
        const auto all = busy(static_cast<std::uint64_t>(size) + 3, 7, size);
        for (std::size_t now = 5 * 168; now + 24 <= all.calls.size(); now += 13) {
            const auto known = up_to(all, now);
            const auto answer = forecast(known, 24).value();
            const auto before = seasonal_naive(known, 24);
            double sum = 0;
            for (std::size_t h = 0; h < 24; ++h) {
                const auto& point = answer.bins[h];
                const double actual = all.calls[now + h];
                sum += actual;
                bin_in += point.low <= actual && actual <= point.high ? 1 : 0;
                hour_in += h == 0 && point.low <= actual && actual <= point.high ? 1 : 0;
                ours += std::abs(point.calls - actual) / size;
                naive += std::abs(before[h] - actual) / size;
                bins += 1;
            }
            total_in += answer.total.low <= sum && sum <= answer.total.high ? 1 : 0;
            moments += 1;
        }
    }
    EXPECT_GE(hour_in / moments, 0.85);
    EXPECT_LE(hour_in / moments, 0.96);
    EXPECT_GE(bin_in / bins, 0.85);
    EXPECT_LE(bin_in / bins, 0.95);
    EXPECT_GE(total_in / moments, 0.8);
    EXPECT_LE(ours / naive, 0.8);
}

TEST(Forecast, WhatLastsIsCarriedOver) {
    // Alternates between busy and quiet stretches of eight hours, at random: the next hour is like the last one.
    base::Random random(5);
    std::vector<double> calls;
    double size = 100;
    while (calls.size() < 4 * 168) {
        if (random.chance(0.125)) size = size > 200 ? 100 : 400;
        calls.push_back(poisson(random, size));
    }
    calls.push_back(100);
    calls.push_back(100);
    const double quiet = forecast(hours(calls), 1)->total.calls;
    calls.insert(calls.end(), {400, 400});
    const double busy_hour = forecast(hours(calls), 1)->total.calls;
    EXPECT_LT(quiet, 200);
    EXPECT_GT(busy_hour, 250);
}

TEST(Forecast, AJobByTheClockIsForetoldAtItsHour) {
    std::vector<double> calls;
    for (std::size_t i = 0; i < 4 * 168; ++i) calls.push_back(i % 24 == 3 ? 500 : 0);
    const auto answer = forecast(hours(calls), 24).value();
    for (std::size_t h = 0; h < 24; ++h) {
        EXPECT_NEAR(answer.bins[h].calls, h == 3 ? 500 : 0, h == 3 ? 10 : 0.1) << h;
        EXPECT_LE(answer.bins[h].high, h == 3 ? 550 : 3) << h;
    }
    EXPECT_NEAR(answer.total.calls, 500, 5);
}

TEST(Forecast, OneMissedRunAndOneBurstMoveLittle) {
    std::vector<double> calls;
    for (std::size_t i = 0; i < 5 * 168; ++i) calls.push_back(i % 24 == 3 ? 500 : 20);
    calls[4 * 168 + 24 + 3] = 20;
    calls[4 * 168 + 60] = 5'000;
    const auto answer = forecast(hours(calls), 24).value();
    EXPECT_NEAR(answer.bins[3].calls, 500, 60);
    EXPECT_NEAR(answer.bins[12].calls, 20, 2);
}

TEST(Forecast, ANewLevelIsFollowed) {
    auto all = busy(9, 6, 100);
    for (std::size_t i = 5 * 168; i < all.calls.size(); ++i) all.calls[i] *= 3;
    const auto answer = forecast(all, 24).value();
    const double expected = 3 * 100 * 24 * 1.17;  // mean of exp(0.8 sin)
    EXPECT_NEAR(answer.total.calls, expected, 0.25 * expected);
}

TEST(Forecast, GapsAreNoZeros) {
    auto all = busy(4, 6, 200);
    const auto whole = forecast(all, 24).value();
    for (std::size_t i = 0; i < all.calls.size(); ++i)
        if (i % 17 < 4 || (i > 300 && i < 350)) all.calls[i] = kGap;
    const auto holed = forecast(all, 24).value();
    EXPECT_NEAR(holed.total.calls, whole.total.calls, 0.2 * whole.total.calls);
    for (std::size_t h = 0; h < 24; ++h) EXPECT_NEAR(holed.bins[h].calls, whole.bins[h].calls, 0.5 * whole.bins[h].calls + 5) << h;
    // What cannot be a count is a gap as well.
    all.calls[400] = -5;
    all.calls[401] = std::numeric_limits<double>::infinity();
    const auto odd = forecast(all, 24).value();
    EXPECT_TRUE(std::isfinite(odd.total.calls));
    // A gap at the end: the forecast begins after it.
    for (std::size_t i = all.calls.size() - 30; i < all.calls.size(); ++i) all.calls[i] = kGap;
    const auto late = forecast(all, 1).value();
    EXPECT_EQ(late.bins[0].start, all.start + 60min * static_cast<std::int64_t>(all.calls.size()));
    EXPECT_GT(late.bins[0].calls, 20);
}

TEST(Forecast, ShortHistoriesFallBackStepByStep) {
    const auto all = busy(7, 3, 1'000);
    for (const std::size_t size : {1, 2, 5, 20, 23, 24, 25, 30, 48, 100, 167, 168, 169, 300}) {
        const auto answer = forecast(up_to(all, size), 24).value();
        ASSERT_EQ(answer.bins.size(), 24U);
        for (std::size_t h = 0; h < 24; ++h) {
            const auto& point = answer.bins[h];
            EXPECT_TRUE(std::isfinite(point.calls) && std::isfinite(point.high)) << size;
            EXPECT_LE(point.low, point.calls) << size;
            EXPECT_LE(point.calls, point.high) << size;
            EXPECT_EQ(point.start, all.start + 60min * static_cast<std::int64_t>(size + h));
        }
        EXPECT_LE(answer.total.low, answer.total.calls);
        EXPECT_LE(answer.total.calls, answer.total.high);
    }
    // Three days are enough for the season of the day: the busiest hour is foretold far above the quietest.
    const auto day = forecast(up_to(all, 72), 24).value();
    EXPECT_GT(day.bins[6].calls, 2 * day.bins[18].calls);
    // Two hours are not: every hour is alike.
    const auto level = forecast(up_to(all, 2), 24).value();
    EXPECT_NEAR(level.bins[6].calls, level.bins[18].calls, 1e-6 * level.bins[6].calls);
}

TEST(Forecast, ConstantAndEmptyHistories) {
    const auto zeros = forecast(hours(std::vector<double>(500, 0)), 24).value();
    EXPECT_EQ(zeros.total.calls, 0);
    EXPECT_LE(zeros.bins[0].high, 2);
    const auto sevens = forecast(hours(std::vector<double>(500, 7)), 24).value();
    EXPECT_NEAR(sevens.bins[0].calls, 7, 0.1);
    EXPECT_NEAR(sevens.total.calls, 168, 3);
    for (const auto& history : {hours({}), hours({kGap, kGap})}) {
        const auto none = forecast(history, 1);
        ASSERT_FALSE(none);
        EXPECT_EQ(none.error().kind, base::ErrorKind::invalid_input);
    }
    EXPECT_FALSE(forecast(hours({1, 2, 3}), 0));
    EXPECT_FALSE(forecast({base::from_unix_ms(0), 0min, {1, 2, 3}}, 1));
}

TEST(Forecast, BinsOfOtherWidths) {
    for (const auto bin : {1min, 7min, 10min, 360min, 1'440min, 20'000min}) {
        const ArrivalHistory history{base::from_unix_ms(1'767'571'200'000), bin, std::vector<double>(400, 10)};
        const auto answer = forecast(history, 3).value();
        EXPECT_NEAR(answer.bins[2].calls, 10, 0.2) << bin.count();
        EXPECT_NEAR(answer.total.calls, 30, 1) << bin.count();
        EXPECT_EQ(answer.bins[1].start, history.start + bin * 401);
    }
}

TEST(SeasonalNaive, TheSameHourOfTheWeekOrOfTheDayBefore) {
    std::vector<double> calls;
    for (std::size_t i = 0; i < 2 * 168; ++i) calls.push_back(static_cast<double>(i));
    auto naive = seasonal_naive(hours(calls), 200);
    EXPECT_EQ(naive[0], 168);
    EXPECT_EQ(naive[167], 335);
    EXPECT_EQ(naive[168], 168);
    calls.resize(30);
    naive = seasonal_naive(hours(calls), 26);
    EXPECT_EQ(naive[0], 6);
    EXPECT_EQ(naive[23], 29);
    EXPECT_EQ(naive[24], 6);
    calls[6] = kGap;
    EXPECT_EQ(seasonal_naive(hours(calls), 1)[0], 29) << "nothing of that hour is known: the newest";
    EXPECT_EQ(seasonal_naive(hours({5}), 3), (std::vector<double>{5, 5, 5}));
    EXPECT_EQ(seasonal_naive(hours({}), 1), (std::vector<double>{0}));
}

}  // namespace
}  // namespace orrery::models
