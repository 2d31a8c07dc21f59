#include "analyzers/column_shape.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace orrery::analyzers {
namespace {

domain::ColumnStatistics with_bounds(const std::vector<double>& bounds) {
    domain::ColumnStatistics statistics;
    for (const double bound : bounds) statistics.histogram_bounds.push_back(fmt::format("{}", bound));
    return statistics;
}

std::vector<double> bounds_of(double (*shape)(double)) {
    std::vector<double> bounds;
    for (int i = 0; i <= 100; ++i) bounds.push_back(1'000 * shape(i / 100.0));
    return bounds;
}

TEST(ScaleOf, ReadsNumbersDatesAndTimes) {
    EXPECT_EQ(scale_of("12.5"), 12.5);
    EXPECT_EQ(scale_of("-3"), -3);
    EXPECT_EQ(scale_of("1970-01-02"), 86'400);
    EXPECT_EQ(scale_of("1970-01-01 01:00:05"), 3'605);
    EXPECT_EQ(scale_of("1970-01-01 01:00:05.25+00"), 3'605);
    for (const char* other : {"", "abc", "12a", "2024-13-01", "2024-02-30", "NaN", "1970-01-01 0x:00:00"})
        EXPECT_EQ(scale_of(other), std::nullopt) << other;
}

TEST(ColumnShape, NamesWhereTheRowsLie) {
    const auto shape = [](double (*f)(double)) { return shape_of(with_bounds(bounds_of(f)), 1'000, 10'000).shape; };
    EXPECT_EQ(shape([](double x) { return x; }), HistogramShape::uniform);
    EXPECT_EQ(shape([](double x) { return x * x * x; }), HistogramShape::left_heavy);
    EXPECT_EQ(shape([](double x) { return 1 - std::pow(1 - x, 3); }), HistogramShape::right_heavy);
    EXPECT_EQ(shape([](double x) { return 0.5 + 4 * std::pow(x - 0.5, 3); }), HistogramShape::centred);
    EXPECT_EQ(shape([](double x) { return x < 0.5 ? 2 * x * x : 1 - 2 * (1 - x) * (1 - x); }), HistogramShape::edges);
}

TEST(ColumnShape, DensitiesAreSharesOfTheRows) {
    auto statistics = with_bounds({0, 10, 20, 30, 40});
    statistics.null_fraction = 0.2;
    statistics.common_values = {"5"};
    statistics.common_frequencies = {0.4};
    const auto shape = shape_of(statistics, 100, 1'000);
    ASSERT_EQ(shape.densities.size(), 16U);
    EXPECT_NEAR(std::accumulate(shape.densities.begin(), shape.densities.end(), 0.0), 0.8, 1e-9);
    EXPECT_NEAR(shape.densities[2], 0.4 + 0.4 / 16, 1e-9);
}

TEST(ColumnShape, TextsHaveNoScale) {
    domain::ColumnStatistics statistics;
    statistics.histogram_bounds = {"alpha", "beta", "gamma"};
    const auto shape = shape_of(statistics, 3, 100);
    EXPECT_TRUE(shape.densities.empty());
    EXPECT_EQ(shape.shape, HistogramShape::unknown);
}

TEST(ColumnShape, HeavyHittersAreFarAboveTheAverage) {
    domain::ColumnStatistics statistics;
    statistics.common_values = {"a", "b", "c"};
    statistics.common_frequencies = {0.5, 0.2, 0.001};
    const auto shape = shape_of(statistics, 1'000, 100'000);
    EXPECT_EQ(shape.heavy_hitters, (std::vector<double>{0.5, 0.2}));
    EXPECT_NEAR(shape.heavy_share, 0.7, 1e-12);
}

TEST(ColumnShape, EntropyIsThatOfTheDistribution) {
    domain::ColumnStatistics even;
    even.common_values = {"a", "b", "c", "d"};
    even.common_frequencies = {0.25, 0.25, 0.25, 0.25};
    EXPECT_NEAR(shape_of(even, 4, 1'000).entropy_bits, 2, 1e-9);
    EXPECT_NEAR(shape_of(even, 4, 1'000).entropy_share, 1, 1e-9);
    EXPECT_NEAR(shape_of(even, 4, 1'000).skew, 0, 1e-9);

    domain::ColumnStatistics unique;  // no statistics but the number of values
    EXPECT_NEAR(shape_of(unique, 1'024, 1'024).entropy_bits, 10, 1e-9);

    domain::ColumnStatistics skewed;
    for (int rank = 1; rank <= 20; ++rank) {
        skewed.common_values.push_back(fmt::format("v{}", rank));
        skewed.common_frequencies.push_back(0.25 / rank);
    }
    EXPECT_NEAR(shape_of(skewed, 20, 1'000).skew, 1, 1e-6);
    EXPECT_LT(shape_of(skewed, 20, 1'000).entropy_share, 0.95);
}

TEST(KeyGrowth, RecentRowsComeFaster) {
    domain::Column column{.name = "created_at", .type = "timestamp", .type_category = 'D'};
    column.statistics.emplace();
    for (int day = 1; day <= 9; ++day) column.statistics->histogram_bounds.push_back(fmt::format("2024-01-0{} 00:00:00", day));
    for (const char* hour : {"12", "18"}) column.statistics->histogram_bounds.push_back(fmt::format("2024-01-09 {}:00:00", hour));
    const auto growth = key_growth(column, 10'000);
    ASSERT_TRUE(growth.has_value());
    EXPECT_NEAR(growth->rows_per_day, 10'000 / 8.75, 1);
    EXPECT_NEAR(growth->recent_rows_per_day, 1'000 / 0.25, 1);

    column.type_category = 'N';
    EXPECT_FALSE(key_growth(column, 10'000).has_value());
}

}  // namespace
}  // namespace orrery::analyzers
