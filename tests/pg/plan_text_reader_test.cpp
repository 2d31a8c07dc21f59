#include "pg/plan_text_reader.hpp"

#include <gtest/gtest.h>

#include <string>

#include "pg/catalog_reader.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;

constexpr const char* kParallel = R"(Finalize Aggregate  (cost=217.35..217.36 rows=1 width=8) (actual time=12.345..14.001 rows=1 loops=1)
  Buffers: shared hit=90 read=7, temp read=3 written=4
  I/O Timings: shared/local read=1.250 write=0.500, temp read=0.125
  WAL: records=2 fpi=1 bytes=77
  ->  Gather  (cost=217.14..217.35 rows=2 width=8) (actual time=12.001..13.900 rows=3 loops=1)
        Workers Planned: 2
        Workers Launched: 1
        ->  Partial Aggregate  (cost=117.14..117.15 rows=1 width=8) (actual time=2.000..2.001 rows=1 loops=3)
              Worker 0:  actual time=1.000..1.001 rows=1 loops=1
                Buffers: shared hit=55
              ->  Parallel Seq Scan on public.orders o  (cost=0.00..100.00 rows=5000 width=0) (actual time=0.010..1.000 rows=6667 loops=3)
                    Filter: (o.note = 'a
b -> ''c''
  Rows Removed by Filter: 7'::text)
                    Rows Removed by Filter: 13
              ->  Index Only Scan Backward using "my index" on "My Table" "t 2"  (cost=0.15..8.17 rows=1 width=4) (never executed)
                    Index Cond: (id = 1)
                    Heap Fetches: 0
Settings: work_mem = '64kB', search_path = '"$user", it''s'
Query Identifier: -77
Planning:
  Buffers: shared hit=5
Planning Time: 0.250 ms
Trigger audit on orders: time=1.500 calls=3
Trigger for constraint orders_fk: time=0.250 calls=2
JIT:
  Functions: 9
  Options: Inlining false, Optimization false, Expressions true, Deforming true
  Timing: Generation 1.500 ms (Deform 0.500 ms), Inlining 0.000 ms, Optimization 0.750 ms, Emission 5.000 ms, Total 7.250 ms
Execution Time: 14.500 ms
)";

TEST(TextPlan, TellsWhatRanAndWhatDidNot) {
    const auto plan = parse_text_plan(kParallel);
    ASSERT_TRUE(plan) << plan.error().to_text();
    const auto& top = plan->root;
    EXPECT_EQ(top.type, "Aggregate");
    EXPECT_EQ(top.partial_mode, "Finalize");
    EXPECT_EQ(top.actual_startup_ms, 12.345);
    EXPECT_EQ(top.actual_total_ms, 14.001);
    ASSERT_TRUE(top.buffers);
    EXPECT_EQ(top.buffers->shared_hit, 90);
    EXPECT_EQ(top.buffers->shared_read, 7);
    EXPECT_EQ(top.buffers->temp_written, 4);
    EXPECT_EQ(top.buffers->read_ms, 1.25);
    EXPECT_EQ(top.buffers->write_ms, 0.5);
    EXPECT_EQ(top.buffers->temp_read_ms, 0.125);
    EXPECT_EQ(top.details.wal_bytes, 77);
    const auto& gather = top.children.at(0);
    EXPECT_EQ(gather.workers_planned, 2);
    EXPECT_EQ(gather.workers_launched, 1);
    const auto& partial = gather.children.at(0);
    ASSERT_TRUE(partial.buffers);
    EXPECT_EQ(partial.buffers->shared_hit, 0) << "those of a worker are not the node's";
    const auto& scan = partial.children.at(0);
    EXPECT_TRUE(scan.parallel_aware);
    EXPECT_EQ(scan.schema, "public");
    EXPECT_EQ(scan.alias, "o");
    EXPECT_EQ(scan.filter, "(o.note = 'a\nb -> ''c''\n  Rows Removed by Filter: 7'::text)");
    EXPECT_EQ(scan.details.removed_by_filter, 13);
    const auto& never = partial.children.at(1);
    EXPECT_EQ(never.type, "Index Only Scan");
    EXPECT_EQ(never.scan_direction, "Backward");
    EXPECT_EQ(never.index, "my index");
    EXPECT_EQ(never.relation, "My Table");
    EXPECT_EQ(never.alias, "t 2");
    EXPECT_EQ(never.actual_loops, 0);
    EXPECT_EQ(never.actual_total_ms, 0);
}

TEST(TextPlan, TellsWhatStandsBelowTheTree) {
    const auto plan = parse_text_plan(kParallel);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->planning_ms, 0.25);
    EXPECT_EQ(plan->execution_ms, 14.5);
    EXPECT_EQ(plan->query_id, -77);
    EXPECT_EQ(plan->planning_buffers->shared_hit, 5);
    ASSERT_EQ(plan->settings.size(), 2U);
    EXPECT_EQ(plan->settings[0], (std::pair<std::string, std::string>("work_mem", "64kB")));
    EXPECT_EQ(plan->settings[1].second, "\"$user\", it's");
    ASSERT_EQ(plan->triggers.size(), 2U);
    EXPECT_EQ(plan->triggers[0], (domain::TriggerUse{"audit", "", "orders", 1.5, 3}));
    EXPECT_EQ(plan->triggers[1], (domain::TriggerUse{"", "orders_fk", "", 0.25, 2}));
    EXPECT_EQ(plan->jit, (domain::JitUse{9, 1.5, 0, 0.75, 5, 7.25}));
}

TEST(TextPlan, IsTheSameAsPsqlPrintsIt) {
    std::string indented = "                QUERY PLAN\n-----------------------------\n";
    std::string line;
    for (const char c : std::string(" ") + kParallel) {
        indented += c;
        if (c == '\n') indented += ' ';
    }
    const auto plan = parse_text_plan(indented);
    ASSERT_TRUE(plan) << plan.error().to_text();
    EXPECT_EQ(plan->shape(), parse_text_plan(kParallel)->shape());
    EXPECT_EQ(plan->execution_ms, 14.5);
}

TEST(TextPlan, RefusesWhatIsNone) {
    EXPECT_EQ(parse_text_plan("").error().kind, ErrorKind::corrupt);
    EXPECT_EQ(parse_text_plan("SELECT 1").error().kind, ErrorKind::corrupt);
    EXPECT_EQ(parse_text_plan("Seq Scan on t").error().kind, ErrorKind::corrupt);
    EXPECT_EQ(parse_text_plan("Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n->  Result  (cost=0.00..1.00 rows=1 width=4)").error().kind,
              ErrorKind::corrupt);
    EXPECT_EQ(parse_text_plan("Append  (cost=0.00..1.00 rows=1 width=4)\n  ->  Seq Scan on t  (cost=0.0").error().kind, ErrorKind::corrupt);
    EXPECT_EQ(parse_text_plan(std::string(9 << 20, ' ')).error().kind, ErrorKind::unsupported);
}

TEST(TextPlan, BoundsItsDepth) {
    std::string deep = "Limit  (cost=0.00..1.00 rows=1 width=4)\n";
    for (int level = 0; level < 600; ++level)
        deep += std::string(static_cast<std::size_t>(2 + 6 * level), ' ') + "->  Limit  (cost=0.00..1.00 rows=1 width=4)\n";
    EXPECT_EQ(parse_text_plan(deep).error().kind, ErrorKind::unsupported);
}

TEST(LoggedPlan, IsReadInBothFormats) {
    const auto json = parse_logged_plan(
        "\n{\n  \"Query Text\": \"SELECT \\\"a\\\"\\nFROM t\",\n  \"Plan\": {\"Node Type\": \"Seq Scan\", "
        "\"Relation Name\": \"t\", \"Alias\": \"t\", \"Total Cost\": 5.5}\n}");
    ASSERT_TRUE(json) << json.error().to_text();
    EXPECT_EQ(json->query_text, "SELECT \"a\"\nFROM t");
    const auto text = parse_logged_plan(
        "\nQuery Text: SELECT \"a\"\nFROM t\nQuery Parameters: $1 = 'secret'\n"
        "Seq Scan on t  (cost=0.00..5.50 rows=1 width=4)\n  Filter: (a > 5)\n");
    ASSERT_TRUE(text) << text.error().to_text();
    EXPECT_EQ(text->query_text, "SELECT \"a\"\nFROM t");
    EXPECT_EQ(text->plan.shape_hash(), json->plan.shape_hash());
    EXPECT_EQ(text->plan.total_cost(), json->plan.total_cost());
    EXPECT_EQ(text->plan.root.filter, "(a > 5)");
}

TEST(LoggedPlan, NamesTheSettingForOtherFormats) {
    for (const char* document :
         {"\n<explain xmlns=\"http://www.postgresql.org/2009/explain\">", "\nQuery Text: \"SELECT 1\"\nPlan: \n  Node Type: \"Result\""}) {
        const auto plan = parse_logged_plan(document);
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().kind, ErrorKind::unsupported);
        EXPECT_NE(plan.error().hint.find("auto_explain.log_format"), std::string::npos);
    }
    EXPECT_EQ(parse_logged_plan("").error().kind, ErrorKind::corrupt);
    EXPECT_EQ(parse_logged_plan("{\"Query").error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace orrery::pg
