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
                                   R"([{"Plan": {"Node Type": "Append", "Plans": [1]}}])", "[{\"Plan\": {\"Node Type\": \"\xff}}]"}) {
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

TEST(ParsePlan, ReadsWhatAnalyzeTellsOfScansSortsAndHashes) {
    const auto plan = parse_plan(R"json([{"Plan": {"Node Type": "Sort", "Actual Startup Time": 1.5, "Actual Rows": 2.50, "Actual Loops": 4,
        "Disabled": true, "Sort Key": ["o.a"], "Presorted Key": ["o.b"], "Sort Method": "external merge", "Sort Space Used": 1024,
        "Sort Space Type": "Disk", "Shared Hit Blocks": 7, "Temp Written Blocks": 9, "Shared I/O Read Time": 1.25, "Local I/O Read Time": 0.5,
        "WAL Records": 3, "Plans": [
        {"Node Type": "Index Only Scan", "Heap Fetches": 12, "Index Searches": 5, "Rows Removed by Filter": 100,
         "Rows Removed by Index Recheck": 3},
        {"Node Type": "Hash", "Hash Buckets": 2048, "Original Hash Buckets": 1024, "Hash Batches": 4, "Peak Memory Usage": 33,
         "Workers Launched": 0},
        {"Node Type": "Bitmap Heap Scan", "Exact Heap Blocks": 5, "Lossy Heap Blocks": 6},
        {"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Partial", "Group Key": ["a", "b"], "Planned Partitions": 4,
         "HashAgg Batches": 5, "Disk Usage": 80},
        {"Node Type": "Nested Loop", "Inner Unique": true, "Rows Removed by Join Filter": 8},
        {"Node Type": "Memoize", "Cache Key": "o.id", "Cache Hits": 90, "Cache Misses": 10},
        {"Node Type": "CTE Scan", "CTE Name": "recent", "Storage": "Memory", "Maximum Storage": 17},
        {"Node Type": "Result", "One-Time Filter": "(1 = $1)"}]}}])json");
    ASSERT_TRUE(plan) << plan.error().to_text();
    const auto& sort = plan->root;
    EXPECT_TRUE(sort.disabled);
    EXPECT_EQ(sort.actual_startup_ms, 1.5);
    EXPECT_EQ(sort.actual_rows, 2.5);
    EXPECT_EQ(sort.presorted_key, std::vector<std::string>{"o.b"});
    EXPECT_EQ(sort.details.sort_method, "external merge");
    EXPECT_EQ(sort.details.sort_space_kb, 1024);
    EXPECT_EQ(sort.details.sort_space_type, "Disk");
    EXPECT_EQ(sort.details.wal_records, 3);
    ASSERT_TRUE(sort.buffers);
    EXPECT_EQ(sort.buffers->shared_hit, 7);
    EXPECT_EQ(sort.buffers->temp_written, 9);
    EXPECT_EQ(sort.buffers->read_ms, 1.75);
    const auto& below = sort.children;
    EXPECT_EQ(below[0].details.heap_fetches, 12);
    EXPECT_EQ(below[0].details.index_searches, 5);
    EXPECT_EQ(below[0].details.removed_by_filter, 100);
    EXPECT_EQ(below[0].details.removed_by_index_recheck, 3);
    EXPECT_FALSE(below[0].buffers);
    EXPECT_EQ(below[1].details.hash_buckets, 2048);
    EXPECT_EQ(below[1].details.hash_buckets_planned, 1024);
    EXPECT_EQ(below[1].details.hash_batches, 4);
    EXPECT_EQ(below[1].details.peak_memory_kb, 33);
    EXPECT_EQ(below[1].workers_launched, 0);
    EXPECT_EQ(below[2].details.exact_heap_blocks, 5);
    EXPECT_EQ(below[2].details.lossy_heap_blocks, 6);
    EXPECT_EQ(below[3].group_key, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(below[3].partial_mode, "Partial");
    EXPECT_EQ(below[3].details.planned_partitions, 4);
    EXPECT_EQ(below[3].details.aggregate_batches, 5);
    EXPECT_EQ(below[3].details.disk_kb, 80);
    EXPECT_TRUE(below[4].inner_unique);
    EXPECT_EQ(below[4].details.removed_by_join_filter, 8);
    EXPECT_EQ(below[5].cache_key, "o.id");
    EXPECT_EQ(below[5].details.cache_hits, 90);
    EXPECT_EQ(below[5].details.cache_misses, 10);
    EXPECT_EQ(below[6].cte_name, "recent");
    EXPECT_EQ(below[6].details.storage, "Memory");
    EXPECT_EQ(below[6].details.storage_kb, 17);
    EXPECT_EQ(below[7].one_time_filter, "(1 = $1)");
}

TEST(ParsePlan, ReadsIncrementalSortByItsLargestGroup) {
    const auto plan = parse_plan(R"json([{"Plan": {"Node Type": "Incremental Sort",
        "Full-sort Groups": {"Group Count": 2, "Sort Methods Used": ["quicksort"], "Sort Space Memory": {"Average Sort Space Used": 26,
        "Peak Sort Space Used": 27}},
        "Pre-sorted Groups": {"Group Count": 3, "Sort Methods Used": ["external merge"], "Sort Space Disk": {"Peak Sort Space Used": 500}}}}])json");
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->root.details.sort_method, "external merge");
    EXPECT_EQ(plan->root.details.sort_space_kb, 500);
    EXPECT_EQ(plan->root.details.sort_space_type, "Disk");
}

TEST(ParsePlan, ReadsWhatStandsBesideTheTree) {
    const auto plan = parse_plan(R"json([{"Plan": {"Node Type": "ModifyTable", "Operation": "Update"},
        "Settings": {"work_mem": "64MB", "random_page_cost": "1.1"}, "Query Identifier": -7716172031083000001,
        "Planning": {"Shared Hit Blocks": 11, "Shared Read Blocks": 2}, "Planning Time": 0.5,
        "Triggers": [{"Trigger Name": "audit", "Relation": "orders", "Time": 3.25, "Calls": 10}],
        "JIT": {"Functions": 6, "Options": {"Inlining": false},
                "Timing": {"Generation": {"Deform": 0.1, "Total": 0.7}, "Inlining": 0, "Optimization": 1.5, "Emission": 2.5, "Total": 4.7}},
        "Execution Time": 30.5}])json");
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->root.operation, "Update");
    EXPECT_EQ(plan->settings, (std::vector<std::pair<std::string, std::string>>{{"work_mem", "64MB"}, {"random_page_cost", "1.1"}}));
    EXPECT_EQ(plan->query_id, -7716172031083000001);
    ASSERT_TRUE(plan->planning_buffers);
    EXPECT_EQ(plan->planning_buffers->shared_hit, 11);
    EXPECT_EQ(plan->planning_buffers->shared_read, 2);
    EXPECT_EQ(plan->triggers, (std::vector<domain::TriggerUse>{{"audit", "", "orders", 3.25, 10}}));
    EXPECT_EQ(plan->jit, (domain::JitUse{6, 0.7, 0, 1.5, 2.5, 4.7}));
}

TEST(ParsePlan, BytesThatAreNoUtf8AreReplaced) {
    const auto plan = parse_plan("[{\"Plan\": {\"Node Type\": \"Seq Scan\", \"Filter\": \"(name = 'caf\xe9'::text)\"}}]");
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->root.filter, "(name = 'caf\uFFFD'::text)");
}

TEST(ParsePlan, HugeDocumentsAndTreesAreRefused) {
    const auto spaces = parse_plan(std::string(10'000'000, ' ') + R"([{"Plan": {"Node Type": "Result"}}])");
    ASSERT_FALSE(spaces);
    EXPECT_EQ(spaces.error().kind, ErrorKind::unsupported);
    std::string wide = R"([{"Plan": {"Node Type": "Append", "Plans": [{"Node Type": "Result"})";
    for (int i = 0; i < 20'000; ++i) wide += R"(,{"Node Type": "Result"})";
    const auto plan = parse_plan(wide + "]}}]");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().kind, ErrorKind::unsupported);
    EXPECT_NE(plan.error().detail.find("20000 nodes"), std::string::npos) << plan.error().to_text();
}

}  // namespace
}  // namespace orrery::pg
