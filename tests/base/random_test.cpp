#include "base/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace orrery::base {
namespace {

TEST(Random, IsXoshiro256StarStarSeededBySplitMix) {
    Random zero(0), other(1234567);
    EXPECT_EQ(zero.next(), 0x99ec5f36cb75f2b4ULL);
    EXPECT_EQ(zero.next(), 13793997310169335082ULL);
    EXPECT_EQ(other.next(), 3504822795582309479ULL);
    EXPECT_EQ(other.next(), 1819558768956484042ULL);
    EXPECT_EQ(other.next(), 1250851346055027673ULL);
}

TEST(Random, IntegersReachBothBoundsAndNothingElse) {
    Random random(1);
    std::map<std::int64_t, int> seen;
    for (int i = 0; i < 6000; ++i) ++seen[random.integer(-2, 3)];
    ASSERT_EQ(seen.size(), 6U);
    EXPECT_EQ(seen.begin()->first, -2);
    EXPECT_EQ(seen.rbegin()->first, 3);
    for (const auto& [value, count] : seen) EXPECT_NEAR(count, 1000, 150) << value;
}

TEST(Random, IntegersOfTheWholeRangeDoNotOverflow) {
    Random random(2);
    constexpr auto kLow = std::numeric_limits<std::int64_t>::min(), kHigh = std::numeric_limits<std::int64_t>::max();
    bool negative = false, positive = false;
    for (int i = 0; i < 100; ++i) {
        const auto value = random.integer(kLow, kHigh);
        negative = negative || value < 0;
        positive = positive || value > 0;
    }
    EXPECT_TRUE(negative && positive);
    EXPECT_EQ(random.integer(kHigh, kHigh), kHigh);
}

TEST(Random, DistributionsHaveTheirMoments) {
    Random random(3);
    constexpr int kDraws = 40'000;
    double uniform = 0, normal = 0, normal_squares = 0, exponential = 0;
    for (int i = 0; i < kDraws; ++i) {
        const double u = random.uniform(), n = random.normal(), e = random.exponential(3);
        ASSERT_TRUE(u >= 0 && u < 1);
        ASSERT_GE(e, 0);
        uniform += u / kDraws;
        normal += n / kDraws;
        normal_squares += n * n / kDraws;
        exponential += e / kDraws;
    }
    EXPECT_NEAR(uniform, 0.5, 0.01);
    EXPECT_NEAR(normal, 0, 0.02);
    EXPECT_NEAR(normal_squares, 1, 0.03);
    EXPECT_NEAR(exponential, 3, 0.06);
}

TEST(Random, AForkDependsOnSeedAndPurposeOnly) {
    Random one(9);
    Random fork = one.fork("orders");
    const auto first = fork.next();
    one.next();
    EXPECT_EQ(one.fork("orders").next(), first) << "what was drawn before does not matter";
    EXPECT_NE(one.fork("customers").next(), first);
    EXPECT_NE(Random(10).fork("orders").next(), first);
}

TEST(Random, ShuffleKeepsTheItemsAndMovesThem) {
    Random random(4);
    std::vector<int> items(50);
    std::iota(items.begin(), items.end(), 0);
    const auto before = items;
    random.shuffle(items);
    EXPECT_NE(items, before);
    std::sort(items.begin(), items.end());
    EXPECT_EQ(items, before);
}

/// Share of each rank by the definition, 1/k^s.
std::vector<double> zipf_shares(int n, double s) {
    std::vector<double> shares;
    for (int k = 1; k <= n; ++k) shares.push_back(std::pow(k, -s));
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    for (auto& share : shares) share /= sum;
    return shares;
}

TEST(Zipf, FrequenciesFollowThePowerLaw) {
    constexpr int kRanks = 20, kDraws = 60'000;
    for (const double s : {0.0, 0.5, 1.0, 1.3, 2.5}) {
        Random random(5);
        const Zipf zipf(kRanks, s);
        std::vector<int> counts(kRanks);
        for (int i = 0; i < kDraws; ++i) {
            const auto rank = zipf(random);
            ASSERT_TRUE(rank >= 1 && rank <= kRanks) << rank;
            ++counts[static_cast<std::size_t>(rank - 1)];
        }
        const auto shares = zipf_shares(kRanks, s);
        double chi_square = 0;
        for (std::size_t k = 0; k < shares.size(); ++k) {
            const double expected = shares[k] * kDraws;
            chi_square += (counts[k] - expected) * (counts[k] - expected) / expected;
        }
        EXPECT_LT(chi_square, 43.8) << "s = " << s << ": beyond the 99.9 % quantile of chi-square with 19 degrees of freedom";
    }
}

TEST(Zipf, OneRankAndManyRanksWork) {
    Random random(6);
    const Zipf one(1, 1), many(1'000'000'000'000, 1.1);
    EXPECT_EQ(one(random), 1);
    for (int i = 0; i < 1000; ++i) {
        const auto rank = many(random);
        ASSERT_TRUE(rank >= 1 && rank <= 1'000'000'000'000);
    }
}

TEST(StableHash, IsTheSameOnEveryMachine) {
    EXPECT_EQ(stable_hash(""), 0xaebe53f85cdc3c4cULL);
    EXPECT_EQ(stable_hash("orders(customer_id)"), 0x492ec3b3b78af0f8ULL);
    EXPECT_EQ(stable_hash("a", 7), 0xaaa17f3a74deff39ULL);
    EXPECT_NE(stable_hash("a"), stable_hash("b"));
}

}  // namespace
}  // namespace orrery::base
