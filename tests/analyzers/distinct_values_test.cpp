#include "analyzers/distinct_values.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "base/random.hpp"

namespace orrery::analyzers {
namespace {

/// A table of pages filled by `value(row)`, of which a share is drawn.
struct Drawn {
    std::vector<std::int64_t> seen_in;
    double truth = 0;
    PageSample sample;
};

Drawn draw(std::int64_t rows, std::int64_t rows_per_page, double share, std::uint64_t seed,
           const std::function<std::int64_t(std::int64_t)>& value) {
    base::Random random(seed);
    std::set<std::int64_t> all;
    std::map<std::int64_t, std::set<std::int64_t>> pages_of;
    const std::int64_t pages = (rows + rows_per_page - 1) / rows_per_page;
    std::vector<std::int64_t> order(static_cast<std::size_t>(pages));
    for (std::int64_t i = 0; i < pages; ++i) order[static_cast<std::size_t>(i)] = i;
    random.shuffle(order);
    const auto drawn = static_cast<std::size_t>(std::max(1.0, std::round(share * static_cast<double>(pages))));
    const std::set<std::int64_t> chosen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(drawn));
    double sampled_rows = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
        const auto v = value(row);
        all.insert(v);
        if (!chosen.contains(row / rows_per_page)) continue;
        sampled_rows += 1;
        pages_of[v].insert(row / rows_per_page);
    }
    Drawn found;
    for (const auto& [v, its_pages] : pages_of) {
        if (found.seen_in.size() < its_pages.size()) found.seen_in.resize(its_pages.size(), 0);
        ++found.seen_in[its_pages.size() - 1];
    }
    found.truth = static_cast<double>(all.size());
    found.sample = {found.seen_in, static_cast<double>(drawn), static_cast<double>(pages), sampled_rows, static_cast<double>(rows)};
    return found;
}

double q_error(double a, double b) {
    return std::max(a / b, b / a);
}

TEST(DistinctValues, AWholeTableIsCounted) {
    const auto drawn = draw(1'000, 50, 1, 1, [](std::int64_t row) { return row % 37; });
    const auto estimate = estimate_distinct(drawn.sample);
    EXPECT_EQ(estimate.count, 37);
    EXPECT_EQ(estimate.low, 37);
    EXPECT_EQ(estimate.high, 37);
    EXPECT_EQ(estimate.method, DistinctMethod::counted);
}

TEST(DistinctValues, NothingSampledIsNothingKnown) {
    EXPECT_EQ(estimate_distinct({{}, 10, 100, 0, 0}).count, 0);
}

TEST(DistinctValues, AColumnWithoutRepetitionsHasAsManyAsRows) {
    const auto drawn = draw(100'000, 50, 0.01, 1, [](std::int64_t row) { return row; });
    const auto estimate = estimate_distinct(drawn.sample);
    EXPECT_EQ(estimate.method, DistinctMethod::all_unique);
    EXPECT_NEAR(estimate.count, 100'000, 1);
    EXPECT_LT(estimate.low, 100'000);
}

TEST(DistinctValues, EvenlySpreadValuesAreFoundFromOnePercent) {
    int covered = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        base::Random values(seed * 7);
        const auto drawn = draw(200'000, 60, 0.02, seed, [&](std::int64_t) { return values.integer(1, 10'000); });
        const auto estimate = estimate_distinct(drawn.sample);
        EXPECT_LT(q_error(estimate.count, drawn.truth), 1.2) << seed;
        covered += estimate.low <= drawn.truth && drawn.truth <= estimate.high ? 1 : 0;
    }
    EXPECT_GE(covered, 9);
}

TEST(DistinctValues, RowsThatStandTogetherDoNotMislead) {
    // Four rows of each order lie on one page: by rows every value seems to come again, by pages none does.
    const auto drawn = draw(400'000, 60, 0.01, 3, [](std::int64_t row) { return row / 4; });
    EXPECT_LT(q_error(estimate_distinct(drawn.sample).count, 100'000), 1.15);
}

TEST(DistinctValues, SkewedValuesAreFoundWithinAFactor) {
    int within = 0, covered = 0;
    constexpr int kRuns = 10;
    for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
        base::Random values(seed);
        const base::Zipf zipf(30'000, 0.9 + 0.02 * static_cast<double>(seed % 10));
        const auto drawn = draw(100'000, 60, 0.1, seed, [&](std::int64_t) { return zipf(values); });
        const auto estimate = estimate_distinct(drawn.sample);
        within += q_error(estimate.count, drawn.truth) <= 1.5 ? 1 : 0;
        covered += estimate.low <= drawn.truth && drawn.truth <= estimate.high ? 1 : 0;
    }
    EXPECT_GE(within, 9);
    EXPECT_GE(covered, 9);
}

TEST(DistinctValues, BoundsHoldTheEstimateAndWhatIsPossible) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        base::Random random(seed);
        const auto domain = random.integer(1, 5'000);
        const auto rows = random.integer(100, 20'000);
        const auto drawn = draw(rows, 40, 0.02 + 0.5 * random.uniform(), seed, [&](std::int64_t) { return random.integer(1, domain); });
        const auto estimate = estimate_distinct(drawn.sample);
        double seen = 0;
        for (const auto values : drawn.seen_in) seen += static_cast<double>(values);
        EXPECT_LE(seen, estimate.low + 1e-9);
        EXPECT_LE(estimate.low, estimate.count);
        EXPECT_LE(estimate.count, estimate.high);
        EXPECT_LE(estimate.high, static_cast<double>(rows) * 1.5);
    }
}

}  // namespace
}  // namespace orrery::analyzers
