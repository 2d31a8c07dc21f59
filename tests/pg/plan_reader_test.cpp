#include <gtest/gtest.h>

#include <string>

#include "pg/catalog_reader.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;

TEST(ParsePlan, ReadsAScanWithoutAnalyze) {
    const auto plan = parse_plan(R"json([{"Plan": {"Node Type": "Index Scan", "Parallel Aware": false, "Async Capable": false,
        "Scan Direction": "Backward", "Index Name": "orders_pkey", "Relation Name": "orders", "Schema": "public", "Alias": "o",
        "Startup Cost": 0.29, "Total Cost": 8.31, "Plan Rows": 1, "Plan Width": 36,
        "Index Cond": "(o.id = 1)", "Filter": "(o.total > '10'::numeric)"}}])json");
    ASSERT_TRUE(plan) << plan.error().to_text();
    const auto& root = plan->root;
    EXPECT_EQ(root.type, "Index Scan");
    EXPECT_EQ(root.scan_direction, "Backward");
    EXPECT_EQ(root.index, "orders_pkey");
    EXPECT_EQ(root.relation, "orders");
    EXPECT_EQ(root.schema, "public");
    EXPECT_EQ(root.alias, "o");
    EXPECT_EQ(root.startup_cost.value, 0.29);
    EXPECT_EQ(plan->total_cost().value, 8.31);
    EXPECT_EQ(root.rows, 1);
    EXPECT_EQ(root.width, 36);
    EXPECT_EQ(root.index_condition, "(o.id = 1)");
    EXPECT_EQ(root.filter, "(o.total > '10'::numeric)");
    EXPECT_FALSE(root.parallel_aware);
    EXPECT_FALSE(root.actual_rows);
    EXPECT_FALSE(plan->execution_ms);
}

TEST(ParsePlan, ReadsATreeWithAnalyzeParallelWorkersAndSubplans) {
    const auto plan = parse_plan(R"json([{"Plan": {"Node Type": "Gather", "Workers Planned": 2, "Workers Launched": 2, "Single Copy": false,
        "Startup Cost": 1000, "Total Cost": 2000.5, "Plan Rows": 10, "Plan Width": 8,
        "Actual Startup Time": 0.1, "Actual Total Time": 12.5, "Actual Rows": 9.5, "Actual Loops": 1,
        "Plans": [
          {"Node Type": "Aggregate", "Strategy": "Plain", "Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"},
          {"Node Type": "Hash Join", "Parent Relationship": "Outer", "Parallel Aware": true, "Join Type": "Inner", "Hash Cond": "(a.x = b.x)",
           "Join Filter": "(a.y < b.y)", "Plans": [
             {"Node Type": "Seq Scan", "Relation Name": "a"},
             {"Node Type": "Hash", "Plans": [{"Node Type": "Sort", "Sort Key": ["b.x", "b.y DESC"]}]}]},
          {"Node Type": "Bitmap Heap Scan", "Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 2", "Recheck Cond": "(c.z = a.x)",
           "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "c_z_idx"}]}],
        "Some Future Key": {"nested": [1, 2, {"deep": null}]}},
        "Planning Time": 0.25, "Triggers": [], "Execution Time": 13.75}])json");
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->planning_ms, 0.25);
    EXPECT_EQ(plan->execution_ms, 13.75);
    EXPECT_EQ(plan->root.workers_planned, 2);
    EXPECT_EQ(plan->root.actual_rows, 9.5);
    EXPECT_EQ(plan->root.actual_loops, 1);
    EXPECT_EQ(plan->root.actual_total_ms, 12.5);
    ASSERT_EQ(plan->root.children.size(), 3U);
    EXPECT_EQ(plan->root.children[0].subplan_name, "InitPlan 1 (returns $0)");
    EXPECT_EQ(plan->root.children[0].parent_relationship, "InitPlan");
    EXPECT_EQ(plan->root.children[0].strategy, "Plain");
    const auto& join = plan->root.children[1];
    EXPECT_TRUE(join.parallel_aware);
    EXPECT_EQ(join.join_type, "Inner");
    EXPECT_EQ(join.hash_condition, "(a.x = b.x)");
    EXPECT_EQ(join.join_filter, "(a.y < b.y)");
    ASSERT_EQ(join.children.size(), 2U);
    EXPECT_EQ(join.children[1].children.at(0).sort_key, (std::vector<std::string>{"b.x", "b.y DESC"}));
    EXPECT_EQ(plan->root.children[2].recheck_condition, "(c.z = a.x)");
    EXPECT_EQ(plan->indexes_used(), std::vector<std::string>{"c_z_idx"});
}

TEST(ParsePlan, TakesTheBareObjectOfAutoExplainAndUnicodeNames) {
    const auto plan = parse_plan(
        R"({"Query Text": "select 1", "Plan": {"Node Type": "Seq Scan", "Relation Name": "na\u00efve \"t\"", "Total Cost": 1e10}})");
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->root.relation, "na\u00efve \"t\"");
    EXPECT_EQ(plan->root.total_cost.value, 1e10);
}

TEST(ParsePlan, WrongTypesOfUnimportantFieldsAreLeftOut) {
    const auto plan =
        parse_plan(R"json([{"Plan": {"Node Type": "Result", "Total Cost": "high", "Sort Key": "x", "Parallel Aware": 1}}])json");
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->root.total_cost.value, 0);
    EXPECT_TRUE(plan->root.sort_key.empty());
    EXPECT_FALSE(plan->root.parallel_aware);
}

TEST(ParsePlan, DamagedDocumentsAreErrors) {
    const std::string whole = R"([{"Plan": {"Node Type": "Append", "Total Cost": 2.5, "Plans": [{"Node Type": "Result"}]}}])";
    ASSERT_TRUE(parse_plan(whole));
    for (std::size_t length = 0; length < whole.size(); ++length) {
        const auto plan = parse_plan(whole.substr(0, length));
        ASSERT_FALSE(plan) << whole.substr(0, length);
        EXPECT_EQ(plan.error().kind, ErrorKind::corrupt);
        EXPECT_FALSE(plan.error().hint.empty());
    }
    for (const std::string text : {"null", "[]", "[[]]", "{}", "7", R"([{"Plan": []}])", R"([{"Plan": {}}])", R"(["Utility Statement"])",
                                   R"([{"Plan": {"Node Type": 5}}])", R"([{"Plan": {"Node Type": "Append", "Plans": {}}}])",
                                   R"([{"Plan": {"Node Type": "Append", "Plans": [1]}}])", "[{\"Plan\": {\"Node Type\": \"\xff\"}}]"}) {
        const auto plan = parse_plan(text);
        ASSERT_FALSE(plan) << text;
        EXPECT_EQ(plan.error().kind, ErrorKind::corrupt) << text;
    }
}

TEST(ParsePlan, EndlessNestingIsAnError) {
    std::string text = R"([{"Plan": )";
    for (int i = 0; i < 100'000; ++i) text += R"({"Node Type": "Append", "Plans": [)";
    EXPECT_FALSE(parse_plan(text));
    std::string closed = R"([{"Plan": )";
    constexpr int kDepth = 20'000;
    for (int i = 0; i < kDepth; ++i) closed += R"({"Node Type": "Append", "Plans": [)";
    closed += R"({"Node Type": "Result"})";
    for (int i = 0; i < kDepth; ++i) closed += "]}";
    closed += "}]";
    const auto plan = parse_plan(closed);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace orrery::pg
