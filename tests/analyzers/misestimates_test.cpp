#include "analyzers/misestimates.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace orrery::analyzers {
namespace {

domain::PlanNode node(const std::string& type, double estimated, double actual, std::vector<domain::PlanNode> children = {}) {
    domain::PlanNode made;
    made.type = type;
    made.rows = estimated;
    made.actual_rows = actual;
    made.actual_loops = 1;
    made.children = std::move(children);
    return made;
}

domain::PlanNode scan(const std::string& relation, double estimated, double actual) {
    auto made = node("Seq Scan", estimated, actual);
    made.relation = relation;
    made.filter = "(" + relation + ".state = $1)";
    return made;
}

ExecutedPlan executed(domain::PlanNode root, std::uint64_t fingerprint = 1) {
    return {{fingerprint}, {.root = std::move(root)}};
}

TEST(Misestimates, AreCollectedOverExecutions) {
    const auto found = find_misestimates({executed(scan("orders", 10, 1'000), 1), executed(scan("orders", 10, 100), 2)});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].relations, "orders");
    EXPECT_EQ(found[0].condition, "(orders.state = $1)");
    EXPECT_NEAR(found[0].factor, std::sqrt(100.0 * 10.0), 1e-9);
    EXPECT_EQ(found[0].executions, 2);
    EXPECT_EQ(found[0].templates.size(), 2U);
    EXPECT_TRUE(found[0].origin);
}

TEST(Misestimates, TheErrorIsToldWhereItArises) {
    auto join = node("Hash Join", 10, 1'000, {scan("orders", 10, 1'000), node("Hash", 5, 5, {scan("users", 5, 5)})});
    join.hash_condition = "(orders.user_id = users.id)";
    const auto found = find_misestimates({executed(join)});
    ASSERT_EQ(found.size(), 2U);
    for (const auto& one : found) EXPECT_EQ(one.origin, one.node == "Seq Scan");
}

TEST(Misestimates, WellEstimatedNeverRunAndCutShortNodesAreLeftOut) {
    EXPECT_TRUE(find_misestimates({executed(scan("orders", 100, 120))}).empty());
    auto never = scan("orders", 100, 0);
    never.actual_loops = 0;
    EXPECT_TRUE(find_misestimates({executed(never)}).empty());
    EXPECT_TRUE(find_misestimates({executed(node("Limit", 10, 10, {scan("orders", 100'000, 10)}))}).empty());
    EXPECT_EQ(find_misestimates({executed(node("Limit", 10, 10, {node("Sort", 9, 10, {scan("orders", 100'000, 10)})}))}).size(), 1U)
        << "a sort reads all of its input";
    auto unexecuted = scan("orders", 1, 1'000);
    unexecuted.actual_rows.reset();
    EXPECT_TRUE(find_misestimates({executed(unexecuted)}).empty());
}

TEST(Misestimates, LargestFirstEitherWay) {
    const auto found = find_misestimates({executed(scan("a", 10, 40)), executed(scan("b", 10'000, 10)), executed(scan("c", 1, 100))});
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].relations, "b");
    EXPECT_LT(found[0].factor, 1);
    EXPECT_EQ(found[1].relations, "c");
    EXPECT_EQ(found[2].relations, "a");
}

}  // namespace
}  // namespace orrery::analyzers
