#include "analyzers/sequences.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/random.hpp"
#include "sql/facts.hpp"

namespace orrery::analyzers {
namespace {

constexpr std::size_t kIntervals = 120;

/// A list of orders and the look-up of their customers, in an application whose load swings.
class Sequences : public ::testing::Test {
protected:
    std::int64_t poisson(double mean) {
        std::int64_t count = -1;
        for (double time = 0; time <= mean; ++count) time += random.exponential(1);
        return count;
    }
    double load(std::size_t i) { return 1 + 0.6 * std::sin(2 * std::numbers::pi * static_cast<double>(i) / 60); }

    base::Random random{1};
    domain::StatementFacts list = *sql::extract_facts("SELECT * FROM orders WHERE state = $1 LIMIT 10");
    domain::StatementFacts lookup = *sql::extract_facts("SELECT * FROM customers WHERE id = $1");
    domain::StatementFacts report = *sql::extract_facts("SELECT count(*) FROM customers");
    SequenceTemplate parent{{1}, &list, 10, std::vector<double>(kIntervals)};
    SequenceTemplate child{{2}, &lookup, 1, std::vector<double>(kIntervals)};
};

TEST_F(Sequences, ALookupForEachRowOfAList) {
    for (std::size_t i = 0; i < kIntervals; ++i) {
        parent.calls[i] = static_cast<double>(poisson(30 * load(i)));
        for (int call = 0; call < static_cast<int>(parent.calls[i]); ++call) child.calls[i] += static_cast<double>(random.integer(8, 10));
    }
    const auto found = find_repeated_lookups(std::vector{parent, child});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].parent.value, 1U);
    EXPECT_EQ(found[0].child.value, 2U);
    EXPECT_NEAR(found[0].per_call, 9, 0.1);
    EXPECT_DOUBLE_EQ(found[0].parent_rows, 10);
    EXPECT_LT(found[0].unexplained, 0.1);
    EXPECT_GT(found[0].confidence, 0.9);
}

TEST_F(Sequences, RisingAndFallingTogetherIsNoSequence) {
    for (std::size_t i = 0; i < kIntervals; ++i) {
        const double jump = random.chance(0.1) ? 3 : 1;  // sudden load for all
        parent.calls[i] = static_cast<double>(poisson(30 * load(i) * jump));
        child.calls[i] = static_cast<double>(poisson(270 * load(i) * jump));
    }
    EXPECT_TRUE(find_repeated_lookups(std::vector{parent, child}).empty());
}

TEST_F(Sequences, AnEvenLoadTellsNothing) {
    for (std::size_t i = 0; i < kIntervals; ++i) parent.calls[i] = 30 + static_cast<double>(i % 2), child.calls[i] = 9 * parent.calls[i];
    EXPECT_TRUE(find_repeated_lookups(std::vector{parent, child}).empty());
}

TEST_F(Sequences, OnlyListsAndLookupsByEqualityCount) {
    for (std::size_t i = 0; i < kIntervals; ++i) parent.calls[i] = static_cast<double>(poisson(30)), child.calls[i] = 9 * parent.calls[i];
    child.facts = &report;
    EXPECT_TRUE(find_repeated_lookups(std::vector{parent, child}).empty());
    child.facts = nullptr;
    EXPECT_TRUE(find_repeated_lookups(std::vector{parent, child}).empty());
    child.facts = &lookup;
    EXPECT_EQ(find_repeated_lookups(std::vector{parent, child}).size(), 1U);
    parent.rows_per_call = 1;
    EXPECT_TRUE(find_repeated_lookups(std::vector{parent, child}).empty()) << "one row needs no nine look-ups";
    EXPECT_TRUE(find_repeated_lookups({}).empty());
}

}  // namespace
}  // namespace orrery::analyzers
