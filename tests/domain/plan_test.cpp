#include "domain/plan.hpp"

#include <gtest/gtest.h>

namespace orrery::domain {
namespace {

PlanNode scan(const std::string& type, const std::string& relation, const std::string& index = "") {
    PlanNode node;
    node.type = type;
    node.relation = relation;
    node.alias = relation;
    node.index = index;
    return node;
}

Plan join_plan() {
    Plan plan;
    plan.root.type = "Hash Join";
    plan.root.join_type = "Inner";
    plan.root.total_cost = base::PlannerCost(10);
    plan.root.children = {scan("Index Scan", "orders", "orders_b_idx"), scan("Bitmap Heap Scan", "lines")};
    plan.root.children[1].children = {scan("Bitmap Index Scan", "", "lines_a_idx"), scan("Bitmap Index Scan", "", "orders_b_idx")};
    return plan;
}

TEST(Plan, ShapeLeavesNumbersOut) {
    Plan other = join_plan();
    other.root.total_cost = base::PlannerCost(99);
    other.root.rows = 5;
    other.root.children[0].filter = "(a > 3)";
    other.root.workers_planned = 2;
    EXPECT_EQ(join_plan().shape(), other.shape());
    EXPECT_EQ(join_plan().shape_hash(), other.shape_hash());
    EXPECT_EQ(other.total_cost(), base::PlannerCost(99));
}

TEST(Plan, ShapeSeesWhatMakesAnotherPlan) {
    const std::string shape = join_plan().shape();
    const auto changed = [&](auto change) {
        Plan plan = join_plan();
        change(plan.root);
        EXPECT_NE(plan.shape(), shape);
        EXPECT_NE(plan.shape_hash(), join_plan().shape_hash());
    };
    changed([](PlanNode& root) { root.type = "Merge Join"; });
    changed([](PlanNode& root) { root.join_type = "Left"; });
    changed([](PlanNode& root) { root.strategy = "Hashed"; });
    changed([](PlanNode& root) { root.parallel_aware = true; });
    changed([](PlanNode& root) { std::swap(root.children[0], root.children[1]); });
    changed([](PlanNode& root) { root.children[0].index = "orders_c_idx"; });
    changed([](PlanNode& root) { root.children[0].scan_direction = "Backward"; });
    changed([](PlanNode& root) { root.children[0].schema = "audit"; });
    changed([](PlanNode& root) { root.children.pop_back(); });
    changed([](PlanNode& root) { root.children[1].subplan_name = "InitPlan 1"; });
}

TEST(Plan, ShapeIsTheSameBeforeAndAfterSeventeen) {
    Plan before = join_plan(), after = join_plan();
    before.root.children[1].subplan_name = "InitPlan 1 (returns $0)";
    after.root.children[1].subplan_name = "InitPlan 1";
    EXPECT_EQ(before.shape(), after.shape());
}

TEST(Plan, ShapeSeesNesting) {
    Plan flat, deep;
    flat.root = deep.root = scan("Append", "");
    flat.root.children = {scan("Sort", ""), scan("Seq Scan", "t")};
    deep.root.children = {scan("Sort", "")};
    deep.root.children[0].children = {scan("Seq Scan", "t")};
    EXPECT_NE(flat.shape(), deep.shape());
}

TEST(Plan, IndexesUsedAreSortedAndNamedOnce) {
    EXPECT_EQ(join_plan().indexes_used(), (std::vector<std::string>{"lines_a_idx", "orders_b_idx"}));
    EXPECT_TRUE(Plan{}.indexes_used().empty());
}

}  // namespace
}  // namespace orrery::domain
