#include "analyzers/arrivals.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <complex>

#include "analyzers/periodogram.hpp"

namespace orrery::analyzers {
namespace {

domain::QueryLogInterval interval(double from_s, double to_s) {
    domain::QueryLogInterval result;
    result.start = base::from_unix_ms(static_cast<std::int64_t>(from_s * 1'000));
    result.end = base::from_unix_ms(static_cast<std::int64_t>(to_s * 1'000));
    return result;
}

TEST(ArrivalGrid, IntervalsOfAboutOneLengthGetABinEach) {
    const std::vector<domain::QueryLogInterval> intervals{interval(1'000, 1'060.2), interval(1'060.2, 1'120), interval(1'120, 1'180.1)};
    const ArrivalGrid grid(intervals);
    EXPECT_EQ(grid.bins(), 3U);
    EXPECT_NEAR(grid.width_s(), 60.1, 0.2);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(grid.bin(i), i);
    EXPECT_DOUBLE_EQ(grid.nothing_yet().total(), 0);
    EXPECT_NEAR(grid.nothing_yet().covered_seconds(), 180, 1);
}

TEST(ArrivalGrid, PausesAndOverlongIntervalsAreGaps) {
    std::vector<domain::QueryLogInterval> intervals;
    for (int i = 0; i < 10; ++i) intervals.push_back(interval(60.0 * i, 60.0 * i + 60));
    intervals.push_back(interval(600, 1'200));  // the collector was away: who knows when it happened
    for (int i = 20; i < 25; ++i) intervals.push_back(interval(60.0 * i, 60.0 * i + 60));
    for (int i = 30; i < 35; ++i) intervals.push_back(interval(60.0 * i, 60.0 * i + 60));
    const ArrivalGrid grid(intervals);
    EXPECT_EQ(grid.bins(), 35U);
    EXPECT_EQ(grid.bin(10), ArrivalGrid::kNoBin);
    EXPECT_EQ(grid.bin(11), 20U);
    const auto empty = grid.nothing_yet();
    EXPECT_TRUE(std::isnan(empty.counts[15]));
    EXPECT_TRUE(std::isnan(empty.counts[27]));
    EXPECT_DOUBLE_EQ(empty.counts[31], 0);
    EXPECT_EQ(ArrivalGrid({}).bins(), 0U);
}

TEST(ArrivalGrid, WhatWasRolledUpDoesNotStretchTheGrid) {
    std::vector<domain::QueryLogInterval> intervals;
    for (int day = 0; day < 365; ++day) intervals.push_back(interval(86'400.0 * day, 86'400.0 * day + 86'400));
    const double recent = 86'400.0 * 365;
    for (int i = 0; i < 1'000; ++i) intervals.push_back(interval(recent + 60.0 * i, recent + 60.0 * i + 60));
    const ArrivalGrid grid(intervals);
    EXPECT_EQ(grid.bins(), 1'000U) << "a year of minutes would be half a million";
    EXPECT_EQ(grid.bin(0), ArrivalGrid::kNoBin);
    EXPECT_EQ(grid.bin(364), ArrivalGrid::kNoBin);
    EXPECT_EQ(grid.bin(365), 0U);
    EXPECT_DOUBLE_EQ(grid.nothing_yet().unix_s(0), recent);
}

TEST(Arrivals, CoarserBinsAddUpAndScaleForWhatIsMissing) {
    Arrivals minutes{base::from_unix_ms(3'600'000 * 5 - 600'000), 60, std::vector<double>(10 + 60 + 60, 2)};
    for (std::size_t i = 70; i < 90; ++i) minutes.counts[i] = std::nan("");
    const auto hours = coarser(minutes, 3'600);
    ASSERT_EQ(hours.counts.size(), 3U);
    EXPECT_EQ(base::to_unix_ms(hours.start), 3'600'000 * 4);
    EXPECT_TRUE(std::isnan(hours.counts[0])) << "only ten minutes of it";
    EXPECT_DOUBLE_EQ(hours.counts[1], 120);
    EXPECT_DOUBLE_EQ(hours.counts[2], 120) << "forty minutes of 80, scaled up";
}

TEST(Periodogram, FindsAWave) {
    std::vector<double> wave;
    for (int i = 0; i < 500; ++i) wave.push_back(3 + std::sin(2 * 3.14159265358979 * i / 23.7));
    const auto peaks = strongest_frequencies(wave, 0.001, 0.5, 3);
    ASSERT_FALSE(peaks.empty());
    EXPECT_NEAR(1 / peaks[0], 23.7, 0.1);
    EXPECT_TRUE(strongest_frequencies(std::vector<double>{1, 2}, 0, 0.5, 3).empty());
}

TEST(Periodogram, TheTransformIsTheSumOfWaves) {
    std::vector<std::complex<double>> values{1, 2, 0, -1, 4, 0.5, 1, 1};
    const auto original = values;
    fourier(values);
    for (std::size_t k = 0; k < 8; ++k) {
        std::complex<double> sum = 0;
        for (std::size_t i = 0; i < 8; ++i) sum += original[i] * std::polar(1.0, -2 * 3.14159265358979 * static_cast<double>(i * k) / 8);
        EXPECT_NEAR(std::abs(values[k] - sum), 0, 1e-9);
    }
}

}  // namespace
}  // namespace orrery::analyzers
