#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "base/random.hpp"
#include "domain/plan_features.hpp"

// A model trained on these numbers must find them in the same places ever after.
namespace orrery::domain {
namespace {

PlanNode node(const std::string& type, double startup, double total, double rows, double width) {
    PlanNode made;
    made.type = type;
    made.startup_cost = base::PlannerCost(startup);
    made.total_cost = base::PlannerCost(total);
    made.rows = rows;
    made.width = width;
    return made;
}

void ran(PlanNode& made, double rows, double loops) {
    made.actual_rows = rows;
    made.actual_loops = loops;
}

/// A hash join under a sort, executed.
Plan executed() {
    auto scan = node("Index Scan", 0.5, 30, 200, 16);
    scan.schema = "public";
    scan.relation = "orders";
    scan.index = "orders_pkey";
    scan.scan_direction = "Backward";
    scan.index_condition = "(id < 5)";
    ran(scan, 100, 2);
    auto inner = node("Seq Scan", 0, 50, 1'000, 8);
    inner.schema = "public";
    inner.relation = "lines";
    inner.filter = "(a = 1)";
    inner.details.removed_by_filter = 4'000;
    ran(inner, 10, 1);
    auto hash = node("Hash", 50, 50, 1'000, 8);
    hash.details.hash_batches = 2;
    hash.children = {inner};
    ran(hash, 10, 1);
    auto join = node("Hash Join", 60, 100, 400, 24);
    join.join_type = "Left";
    join.inner_unique = true;
    join.children = {scan, hash};
    ran(join, 350, 1);
    Plan plan;
    plan.root = node("Sort", 120, 125, 400, 24);
    plan.root.sort_key = {"a", "b DESC"};
    plan.root.children = {join};
    plan.root.buffers = BufferUse{.shared_hit = 70, .shared_read = 30, .temp_read = 2, .temp_written = 3};
    ran(plan.root, 350, 1);
    plan.execution_ms = 12.5;
    plan.planning_ms = 0.5;
    plan.settings = {{"work_mem", "1MB"}};
    return plan;
}

std::map<std::string, double> told(const Plan& plan) {
    const auto values = plan_features(plan);
    EXPECT_EQ(values.size(), plan_feature_names().size());
    std::map<std::string, double> by_name;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (values[i] != 0 && !std::isnan(values[i])) by_name.emplace(plan_feature_names()[i], values[i]);
    return by_name;
}

TEST(PlanFeaturesGolden, NamesOfAVersionNeverMove) {
    std::string names;
    std::set<std::string_view> different;
    for (const auto name : plan_feature_names()) {
        names.append(name).append("\n");
        EXPECT_TRUE(different.insert(name).second) << name;
    }
    EXPECT_EQ(kPlanFeaturesVersion, 1);
    EXPECT_EQ(plan_feature_names().size(), 98U);
    EXPECT_EQ(base::stable_hash(names), 1416517037934018087U) << "a change of names needs another version";
}

TEST(PlanFeaturesGolden, AnExecutedPlan) {
    const std::map<std::string, double> expected{
        {"nodes", 5},
        {"depth", 4},
        {"leaves", 2},
        {"children_max", 2},
        {"relations", 2},
        {"indexes", 1},
        {"cost.total", 125},
        {"cost.startup", 120},
        {"cost.scan", 80},
        {"cost.join", 20},
        {"cost.sort", 25},
        {"rows.root", 400},
        {"rows.sum", 3'000},
        {"rows.max", 1'000},
        {"rows.leaves", 1'200},
        {"width.root", 24},
        {"width.max", 24},
        {"bytes.root", 9'600},
        {"bytes.max", 9'600},
        {"joins", 1},
        {"joins.outer", 1},
        {"joins.inner_unique", 1},
        {"scans", 2},
        {"scans.filtered", 1},
        {"scans.backward", 1},
        {"index_conditions", 1},
        {"sort_keys", 2},
        {"settings_changed", 1},
        {"actual.rows_root", 350},
        {"actual.rows_sum", 920},
        {"actual.misestimate_root", 400.0 / 350},
        {"actual.misestimate_max", 100},
        {"actual.execution_ms", 12.5},
        {"actual.planning_ms", 0.5},
        {"actual.removed_rows", 4'000},
        {"actual.spills", 1},
        {"actual.shared_hit", 70},
        {"actual.shared_read", 30},
        {"actual.temp_blocks", 5},
        {"op.index_scan", 1},
        {"op.seq_scan", 1},
        {"op.hash", 1},
        {"op.hash_join", 1},
        {"op.sort", 1},
    };
    EXPECT_EQ(told(executed()), expected);
}

TEST(PlanFeaturesGolden, APlanThatWasNotExecuted) {
    Plan plan;
    plan.root = node("Gather", 10, 20, 5, 4);
    plan.root.workers_planned = 2;
    plan.root.children = {node("Aggregate", 5, 8, 5, 4), node("A Future Node", 1, 2, 1, 4)};
    plan.root.children[0].strategy = "Hashed";
    plan.root.children[0].partial_mode = "Partial";
    plan.root.children[0].group_key = {"a"};
    plan.root.children[0].parallel_aware = true;
    plan.root.children[1].subplan_name = "InitPlan 1";
    const auto values = told(plan);
    EXPECT_EQ(values.at("workers_planned"), 2);
    EXPECT_EQ(values.at("aggregates.hashed"), 1);
    EXPECT_EQ(values.at("aggregates.partial"), 1);
    EXPECT_EQ(values.at("group_keys"), 1);
    EXPECT_EQ(values.at("parallel_aware"), 1);
    EXPECT_EQ(values.at("subplans"), 1);
    EXPECT_EQ(values.at("cost.aggregate"), 8);
    EXPECT_EQ(values.at("cost.other"), 12);
    EXPECT_EQ(values.at("op.other"), 1);
    for (const auto& [name, value] : values) EXPECT_FALSE(name.starts_with("actual.")) << name;
    const auto all = plan_features(plan);
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(std::isnan(all[i]), plan_feature_names()[i].starts_with("actual."));
}

}  // namespace
}  // namespace orrery::domain
