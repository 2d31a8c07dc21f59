#include "twin/statistics_copy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "twin/index_facts.hpp"
#include "twin/self_check.hpp"

namespace orrery::twin {
namespace {

TEST(StatisticsLine, HasFiveSlotsAndEscapesValues) {
    domain::ColumnStatistics statistics{.null_fraction = 0.25, .average_width = 7.4, .distinct = -0.5, .correlation = 0.1};
    statistics.common_values = {"a\"b", "tab\there", "back\\slash"};
    statistics.common_frequencies = {0.5, 0.125, 0.0625};
    statistics.histogram_bounds = {"c", "d"};
    EXPECT_EQ(statistics_line({"public", "t_idx"}, "lower", 1, statistics, "text"),
              "public\tt_idx\ti\tlower\t1\tf\t0.25\t7\t-0.5"
              "\t1\t@eq\t@\t{0.5,0.125,0.0625}\t{\"a\\\\\"b\",\"tab\\there\",\"back\\\\\\\\slash\"}\ttext"
              "\t2\t@lt\t@\t\\N\t{\"c\",\"d\"}\ttext"
              "\t3\t@lt\t@\t{0.1}\t\\N\t\\N"
              "\t0\t\\N\t\\N\t\\N\t\\N\t\\N\t0\t\\N\t\\N\t\\N\t\\N\t\\N\n");
}

TEST(StatisticsLine, LeavesEmptySlotsEmpty) {
    const auto line = statistics_line({"s", "i"}, "expr", 2, {.distinct = 10}, "integer");
    EXPECT_EQ(std::count(line.begin(), line.end(), '\t'), 8 + 5 * 6);
    EXPECT_NE(line.find("\t0\t\\N\t\\N\t\\N\t\\N\t\\N\t0\t\\N\t\\N\t\\N\t\\N\t\\N\t3\t"), std::string::npos);
}

TEST(HeightFromStartupCost, IgnoresTheLogarithmOfTheRows) {
    EXPECT_EQ(height_from_startup_cost(50), 0);
    EXPECT_EQ(height_from_startup_cost(50 + 23), 0);
    EXPECT_EQ(height_from_startup_cost(100 + 17), 1);
    EXPECT_EQ(height_from_startup_cost(150 + 31), 2);
    EXPECT_EQ(height_from_startup_cost(0), 0);
}

domain::Plan plan_of(double cost, const std::string& index) {
    domain::Plan plan;
    plan.root.type = "Limit";
    plan.root.total_cost = base::PlannerCost(cost);
    plan.root.children.resize(1);
    plan.root.children[0].type = "Index Scan";
    plan.root.children[0].relation = "orders";
    plan.root.children[0].index = index;
    return plan;
}

TEST(ComparePlans, TellsEqualCloseAndOther) {
    StatementCheck check;
    check.target_plan = plan_of(1000, "a");
    compare_plans(check, plan_of(1000, "a"));
    EXPECT_TRUE(check.identical);
    EXPECT_FALSE(check.deviates());
    compare_plans(check, plan_of(1000.9, "a"));
    EXPECT_FALSE(check.identical);
    EXPECT_FALSE(check.deviates());
    compare_plans(check, plan_of(1001.1, "a"));
    EXPECT_TRUE(check.deviates());
    compare_plans(check, plan_of(1000, "b"));
    EXPECT_FALSE(check.same_shape);
    EXPECT_TRUE(check.deviates());
}

}  // namespace
}  // namespace orrery::twin
