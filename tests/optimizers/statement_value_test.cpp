#include "optimizers/statement_value.hpp"

#include <gtest/gtest.h>

namespace orrery::optimizers {
namespace {

constexpr ValueOptions kExact{.fixed_statement_ms = 0, .noise_percent = 0, .remainder_percent = 0};

TEST(StatementValue, IsCostWhereNothingWasMeasured) {
    const auto value = value_workload({10, 1}, {{}, {}}, {5, 100}, kExact);
    EXPECT_FALSE(value.in_milliseconds);
    EXPECT_DOUBLE_EQ(value.total, 150);
    EXPECT_DOUBLE_EQ(value.statements[0].at(2), 20);
}

TEST(StatementValue, IsTimeInProportionToCost) {
    const auto value = value_workload({10, 1}, {2.0, 30.0}, {400, 1000}, kExact);
    EXPECT_TRUE(value.in_milliseconds);
    EXPECT_DOUBLE_EQ(value.total, 50);
    EXPECT_DOUBLE_EQ(value.total_cost, 5000);
    EXPECT_DOUBLE_EQ(value.statements[0].at(100), 5);
    EXPECT_DOUBLE_EQ(value.statements[1].at(2000), 60);
}

TEST(StatementValue, GivesUnmeasuredStatementsTheMeanRate) {
    const auto value = value_workload({1, 1}, {20.0, {}}, {1000, 500}, kExact);
    EXPECT_DOUBLE_EQ(value.statements[1].base(), 10);
}

TEST(StatementValue, KeepsWhatNoPlanChanges) {
    const auto value =
        value_workload({1, 1}, {0.1, 0.02}, {100, 100}, {.fixed_statement_ms = 0.02, .noise_percent = 0, .remainder_percent = 0});
    EXPECT_DOUBLE_EQ(value.statements[0].at(0), 0.02);
    EXPECT_DOUBLE_EQ(value.statements[1].at(0), 0.01);  // never more than half
}

TEST(StatementValue, OverlooksNoiseAndGrowsWithCost) {
    const auto value =
        value_workload({1}, {{}}, {1000}, {.fixed_statement_ms = 0, .noise_percent = 5, .remainder_percent = 3}).statements[0];
    EXPECT_DOUBLE_EQ(value.at(960), 1000);
    EXPECT_DOUBLE_EQ(value.at(940), 940);
    EXPECT_DOUBLE_EQ(value.at(1001), 1001);
    EXPECT_DOUBLE_EQ(value.at(30), 30);
    EXPECT_DOUBLE_EQ(value.at(10), 28);  // below 3 % only a tenth counts
    EXPECT_DOUBLE_EQ(value.proportional(10), 10);
    double before = 0;
    for (double cost = 0; cost < 1200; cost += 7) {
        EXPECT_GE(value.at(cost), before);
        before = value.at(cost);
    }
}

TEST(StatementValue, HoldsTheRemainderOfAGiantToTheOthersMeasure) {
    const auto value =
        value_workload({1, 1, 1}, {{}, {}, {}}, {100, 100, 1000000}, {.fixed_statement_ms = 0, .noise_percent = 0, .remainder_percent = 3});
    EXPECT_DOUBLE_EQ(value.statements[0].remainder_share, 0.03);
    EXPECT_NEAR(value.statements[2].remainder_share * 1000000, 0.03 * 100 * 100, 1e-6);
}

}  // namespace
}  // namespace orrery::optimizers
