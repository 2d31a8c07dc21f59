#include "models/query_time/operators.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/plan_builder.hpp"
#include "models/query_time/planner_costs.hpp"

namespace orrery::models {
namespace {

using testing::as;
using testing::index_scan;
using testing::node;
using testing::parallel;
using testing::plan;
using testing::scan;

domain::PlanContext shop() {
    domain::PlanContext context;
    context.relations = {{"public", "orders", 100'000, 1'000, 0}, {"public", "items", 1'000'000, 12'500, 12'500}};
    context.indexes = {{"public", "items_order", "items", 1'000'000, 2'745, 2, 0.9, false},
                       {"public", "items_product", "items", 1'000'000, 2'745, 2, 0.02, false}};
    context.sort();
    return context;
}

std::vector<Operator> flat(const domain::Plan& of, const domain::PlanContext& context, RowsFrom from = RowsFrom::estimates) {
    std::vector<Operator> out;
    flatten(of, context, from, out);
    return out;
}

TEST(Operators, PreorderWithParentsAndSiblings) {
    const auto context = shop();
    const auto made = plan(node("Hash Join", {.total = 100, .rows = 10},
                                {scan("Seq Scan", "items", {.total = 50, .rows = 1'000'000}),
                                 node("Hash", {.total = 20, .rows = 5}, {scan("Seq Scan", "orders", {.total = 20, .rows = 5})})}));
    const auto ops = flat(made, context);
    ASSERT_EQ(ops.size(), 4U);
    EXPECT_EQ(ops[0].kind, OperatorKind::hash_join);
    EXPECT_EQ(ops[0].first_child, 1);
    EXPECT_EQ(ops[1].next_sibling, 2);
    EXPECT_EQ(ops[2].kind, OperatorKind::hash);
    EXPECT_EQ(ops[3].parent, 2);
    EXPECT_EQ(ops[3].node, &made.root.children[1].children[0]);
    ASSERT_NE(ops[1].relation, nullptr);
    EXPECT_EQ(ops[1].relation->tuples, 1'000'000);
}

TEST(Operators, WhatDependsOnARowAboveIsFilledAgainForEach) {
    const auto context = shop();
    const auto join = [](const char* condition) {
        return node("Hash Join", {.total = 40, .rows = 5},
                    {scan("Seq Scan", "parcels", {.total = 20, .rows = 5}),
                     node("Hash", {.total = 20, .rows = 5}, {index_scan("items", "items_order", condition, {.total = 20, .rows = 5})})});
    };
    // Of a subplan for each order, and of a join below a loop within it, whose rows the table does not depend on.
    auto outer = scan("Seq Scan", "orders", {.total = 1e6, .rows = 1000});
    outer.filter = "(total > (SubPlan 1))";
    outer.children = {as(node("Aggregate", {.total = 900, .rows = 1},
                              {node("Nested Loop", {.total = 800, .rows = 50},
                                    {scan("Seq Scan", "kinds", {.total = 10, .rows = 10}), join("(order_id = orders.id)")})}),
                         "SubPlan", "SubPlan 1")};
    const auto ops = flat(plan(outer), context);
    ASSERT_EQ(ops.size(), 8U);
    EXPECT_GE(ops[1].loops, 1000);
    EXPECT_DOUBLE_EQ(ops[4].loops, 10 * ops[1].loops);
    EXPECT_EQ(ops[6].kind, OperatorKind::hash);
    EXPECT_DOUBLE_EQ(ops[7].loops, ops[1].loops);
    outer.children[0].children[0].children[1] = join("(order_id = 7)");
    EXPECT_EQ(flat(plan(outer), context)[7].loops, 1);
    outer.children[0].children[0].children[1] = join("(order_id = kinds.id)");
    EXPECT_DOUBLE_EQ(flat(plan(outer), context)[7].loops, 10 * ops[1].loops);
}

TEST(Operators, InnerSideRunsOncePerOuterRow) {
    const auto context = shop();
    const auto ops =
        flat(plan(node("Nested Loop", {.total = 500, .rows = 400},
                       {node("Nested Loop", {.total = 100, .rows = 40},
                             {scan("Seq Scan", "orders", {.total = 30, .rows = 10}),
                              index_scan("items", "items_order", "(order_id = orders.id)", {.total = 4, .rows = 4})}),
                        node("Materialize", {.total = 20, .rows = 10}, {scan("Seq Scan", "orders", {.total = 10, .rows = 10})})})),
             context);
    EXPECT_EQ(ops[1].loops, 1);
    EXPECT_EQ(ops[3].loops, 10);
    EXPECT_EQ(ops[4].kind, OperatorKind::materialize);
    EXPECT_EQ(ops[4].loops, 40);
    EXPECT_EQ(ops[5].loops, 1);  // filled once
}

TEST(Operators, ParallelRowsAreThoseOfEachProcess) {
    const auto context = shop();
    auto gather = node("Gather", {.total = 900, .rows = 248'000},
                       {node("Nested Loop", {.total = 800, .rows = 80'000},
                             {parallel(scan("Seq Scan", "items", {.total = 700, .rows = 322'581})),
                              index_scan("orders", "orders_pkey", "(id = items.order_id)", {.total = 0.3, .rows = 1})})});
    gather.workers_planned = 3;
    const auto ops = flat(plan(std::move(gather)), context);
    EXPECT_EQ(ops[0].processes, 1);
    EXPECT_EQ(ops[1].processes, 4);
    EXPECT_TRUE(ops[2].partial);
    EXPECT_FALSE(ops[3].partial);
    // The planner divides by 3 workers and a tenth of the leader; four processes work.
    EXPECT_NEAR(ops[2].rows, 1'000'000 / 4.0, 1);
    EXPECT_NEAR(ops[2].scanned, 250'000, 1);
    EXPECT_NEAR(ops[3].loops, 250'000, 1);
    EXPECT_EQ(ops[3].rows, 1);
    EXPECT_EQ(ops[3].processes, 4);
}

TEST(Operators, WithoutLeaderOnlyWorkersCount) {
    auto context = shop();
    context.server.parallel_leader_participation = false;
    auto gather = node("Gather", {.total = 900, .rows = 100}, {parallel(scan("Seq Scan", "items", {.total = 700, .rows = 500'000}))});
    gather.workers_planned = 2;
    const auto ops = flat(plan(std::move(gather)), context);
    EXPECT_EQ(ops[1].processes, 2);
    EXPECT_EQ(ops[1].rows, 500'000);
}

TEST(Operators, SingleCopyGatherRunsInOneProcess) {
    auto gather = node("Gather", {.total = 900, .rows = 100}, {scan("Seq Scan", "orders", {.total = 700, .rows = 100})});
    gather.workers_planned = 1;
    const auto ops = flat(plan(std::move(gather)), shop());
    EXPECT_EQ(ops[1].processes, 1);
    EXPECT_EQ(ops[1].rows, 100);
}

TEST(Operators, ParallelBitmapIsFilledByOneProcess) {
    auto heap = parallel(scan("Bitmap Heap Scan", "items", {.total = 700, .rows = 10'000, .actual_rows = 9'000, .loops = 4, .ms = 50}));
    heap.children.push_back(node("Bitmap Index Scan", {.total = 90, .rows = 31'000, .actual_rows = 36'000, .loops = 1, .ms = 8}));
    heap.children[0].index = "items_product";
    auto gather = node("Gather", {.total = 900, .rows = 31'000, .actual_rows = 36'000, .loops = 1, .ms = 70}, {std::move(heap)});
    gather.workers_planned = 3;
    gather.workers_launched = 3;
    const auto made = plan(std::move(gather));
    const auto context = shop();
    for (const auto from : {RowsFrom::estimates, RowsFrom::actuals}) {
        const auto ops = flat(made, context, from);
        EXPECT_EQ(ops[1].processes, 4);
        EXPECT_EQ(ops[2].processes, 1);
        EXPECT_EQ(ops[2].loops, 1);
        EXPECT_NEAR(ops[2].rows, from == RowsFrom::actuals ? 36'000 : 31'000, 1);
        EXPECT_FALSE(ops[2].relation == nullptr);
    }
    const auto ops = flat(made, context, RowsFrom::actuals);
    const auto self = self_times(made, ops);
    EXPECT_NEAR(self[0], 20, 1e-9);
    EXPECT_NEAR(self[1], 42, 1e-9);
    EXPECT_NEAR(self[2], 8, 1e-9);
}

TEST(Operators, SubplansCorrelatedHashedInitialAndCte) {
    auto filtered = scan("Seq Scan", "orders", {.total = 100'000 * 0.02 + 1'000 + 100'000 * 5.0, .rows = 33'333});
    filtered.filter = "((hashed SubPlan 2) AND (total > (SubPlan 1)))";
    filtered.children = {as(scan("Index Scan", "items", {.total = 5, .rows = 1}), "SubPlan", "SubPlan 1"),
                         as(scan("Seq Scan", "items", {.total = 900, .rows = 50}), "SubPlan", "SubPlan 2")};
    auto root = node("Sort", {.total = 600'000, .rows = 33'333},
                     {as(scan("Seq Scan", "items", {.total = 800, .rows = 70}), "InitPlan", "CTE big"),
                      as(scan("Seq Scan", "items", {.total = 9, .rows = 1}), "InitPlan", "InitPlan 4 (returns $3)"), std::move(filtered)});
    const auto made = plan(std::move(root));
    const auto context = shop();
    const auto ops = flat(made, context);
    EXPECT_EQ(ops[1].loops, 1);
    EXPECT_EQ(ops[2].loops, 1);
    EXPECT_EQ(ops[3].scanned, 100'000);
    EXPECT_NEAR(ops[4].loops, 100'000, 1'000);
    EXPECT_EQ(ops[5].loops, 1);
    EXPECT_EQ(subplan_use(ops[3], ops[5]), SubplanUse::hashed);
    EXPECT_EQ(subplan_use(ops[3], ops[4]), SubplanUse::correlated);
    EXPECT_EQ(subplan_use(ops[0], ops[1]), SubplanUse::initial);
    EXPECT_EQ(subplan_use(ops[0], ops[3]), SubplanUse::none);
}

TEST(Operators, LimitStopsItsChildEarlyButNotASort) {
    const auto streamed = flat(plan(node("Limit", {.startup = 0, .total = 10, .rows = 100},
                                         {node("Hash Join", {.startup = 0, .total = 1'000, .rows = 10'000},
                                               {scan("Seq Scan", "items", {.total = 900, .rows = 1'000'000}),
                                                node("Hash", {.total = 50, .rows = 50}, {scan("Seq Scan", "orders", {.rows = 50})})})})),
                               shop());
    EXPECT_NEAR(streamed[1].fraction, 0.01, 1e-9);
    EXPECT_NEAR(streamed[1].rows, 100, 1e-6);
    EXPECT_NEAR(streamed[2].rows, 10'000, 1e-6);
    EXPECT_NEAR(streamed[2].scanned, 10'000, 1e-6);
    EXPECT_NEAR(streamed[3].rows, 50, 1e-9);
    EXPECT_NEAR(streamed[4].scanned, 100'000, 1e-6);
    const auto sorted = flat(plan(node("Limit", {.startup = 500, .total = 500.1, .rows = 10},
                                       {node("Sort", {.startup = 500, .total = 600, .rows = 10'000},
                                             {scan("Seq Scan", "orders", {.total = 400, .rows = 10'000})})})),
                             shop());
    EXPECT_NEAR(sorted[1].rows, 10, 1e-6);
    EXPECT_EQ(sorted[2].rows, 10'000);
}

TEST(Operators, LimitWithOffsetReadsTheOffsetToo) {
    const auto ops =
        flat(plan(node("Limit", {.startup = 50, .total = 60, .rows = 100}, {scan("Seq Scan", "orders", {.total = 1'000, .rows = 10'000})})),
             shop());
    EXPECT_NEAR(ops[1].fraction, 0.06, 1e-9);
}

TEST(Operators, SemiJoinsLookAtFewInnerRows) {
    auto join = node("Nested Loop", {.total = 900, .rows = 1'000},
                     {scan("Seq Scan", "orders", {.total = 100, .rows = 1'000}),
                      index_scan("items", "items_order", "(order_id = orders.id)", {.total = 4, .rows = 9})});
    const auto plain = flat(plan(join), shop());
    EXPECT_EQ(plain[2].rows, 9);
    join.join_type = "Semi";
    const auto ops = flat(plan(join), shop());
    EXPECT_NEAR(ops[2].rows, 1.8, 1e-9);
    EXPECT_EQ(ops[2].loops, 1'000);
}

TEST(Operators, MemoizeAnswersMostLookups) {
    // 1,000 look-ups, each charged a tenth of the child's cost.
    const auto ops = flat(plan(node("Nested Loop", {.total = 100 + 8 + 999 * (0.1 * 8 + 0.025), .rows = 1'000},
                                    {scan("Seq Scan", "items", {.total = 100, .rows = 1'000}),
                                     node("Memoize", {.total = 8, .rows = 1},
                                          {index_scan("orders", "orders_pkey", "(id = items.order_id)", {.total = 8, .rows = 1})})})),
                          shop());
    EXPECT_EQ(ops[2].loops, 1'000);
    EXPECT_NEAR(ops[3].loops, 100, 1);
}

TEST(Operators, AppendWithPrunedAndNeverExecutedParts) {
    auto append = node("Append", {.total = 20, .rows = 30, .actual_rows = 12, .loops = 1, .ms = 3},
                       {scan("Seq Scan", "p1", {.total = 10, .rows = 10, .actual_rows = 12, .loops = 1, .ms = 2}),
                        scan("Seq Scan", "p2", {.total = 10, .rows = 20, .actual_rows = 0, .loops = 0, .ms = 0})});
    append.subplans_removed = 3;
    const auto made = plan(std::move(append));
    const auto context = shop();
    const auto ops = flat(made, context, RowsFrom::actuals);
    EXPECT_FALSE(ops[1].never_executed);
    EXPECT_TRUE(ops[2].never_executed);
    EXPECT_EQ(ops[2].loops, 0);
    EXPECT_EQ(ops[2].rows, 0);
    EXPECT_EQ(ops[2].planned_rows, 20);
    EXPECT_THAT(self_times(made, ops), ::testing::ElementsAre(1, 2, 0));
}

TEST(Operators, UnknownNodesKeepTheirRows) {
    const auto ops = flat(plan(node("Quantum Scan", {.total = 10, .rows = 7}, {node("Stranger", {.rows = 3})})), shop());
    EXPECT_EQ(ops[0].kind, OperatorKind::other);
    EXPECT_EQ(ops[0].rows, 7);
    EXPECT_EQ(ops[1].rows, 3);
    EXPECT_EQ(ops[1].loops, 1);
}

TEST(Operators, EveryKindOfAggregate) {
    const auto context = shop();
    const auto kind = [&](std::string strategy, std::string partial = "Simple") {
        auto made = node("Aggregate", {.rows = 1});
        made.strategy = std::move(strategy);
        made.partial_mode = std::move(partial);
        const auto of = plan(std::move(made));
        return flat(of, context)[0].kind;
    };
    EXPECT_EQ(kind("Plain"), OperatorKind::plain_aggregate);
    EXPECT_EQ(kind("Sorted"), OperatorKind::sorted_aggregate);
    EXPECT_EQ(kind("Hashed"), OperatorKind::hashed_aggregate);
    EXPECT_EQ(kind("Mixed"), OperatorKind::hashed_aggregate);
}

TEST(Operators, RowsRoundedToNothingComeFromTheJoin) {
    auto inner = index_scan("items", "items_order", "(order_id = orders.id)",
                            {.total = 4, .rows = 4, .actual_rows = 0, .loops = 100'000, .ms = 0.004});
    inner.details.removed_by_filter = 4;
    const auto made =
        plan(node("Nested Loop", {.total = 900, .rows = 1'000, .actual_rows = 30'000, .loops = 1, .ms = 700},
                  {scan("Seq Scan", "orders", {.total = 100, .rows = 1'000, .actual_rows = 100'000, .loops = 1, .ms = 100}), inner}));
    const auto ops = flat(made, shop(), RowsFrom::actuals);
    EXPECT_NEAR(ops[2].rows, 0.3, 1e-9);
    EXPECT_NEAR(ops[2].scanned, 4.3, 1e-9);
    EXPECT_EQ(ops[2].loops, 100'000);
}

TEST(Operators, TuplesBehindAnIndexScansFilterComeFromItsCost) {
    const auto context = shop();
    auto scattered = index_scan("items", "items_product", "(product_id = 5)", {.total = 200, .rows = 1});
    const auto plain = plan(scattered);
    EXPECT_EQ(flat(plain, context)[0].scanned, 1);
    scattered.filter = "(price > 100)";
    const auto filtered = plan(scattered);
    // Some 48 pages at random_page_cost 4 fit into 200.
    EXPECT_NEAR(flat(filtered, context)[0].scanned, 48, 3);
    scattered.total_cost = base::PlannerCost(1);
    const auto cheap = plan(scattered);
    EXPECT_EQ(flat(cheap, context)[0].scanned, 1);
}

TEST(Operators, AbsurdNumbersDoNotSpread) {
    const auto ops =
        flat(plan(node("Nested Loop", {.total = std::numeric_limits<double>::infinity(), .rows = -3},
                       {scan("Seq Scan", "orders",
                             {.total = std::numeric_limits<double>::quiet_NaN(), .rows = std::numeric_limits<double>::infinity()}),
                        scan("Seq Scan", "nowhere", {.total = -5, .rows = std::numeric_limits<double>::quiet_NaN()})})),
             shop());
    for (const auto& op : ops)
        for (const double value : {op.rows, op.scanned, op.loops, op.fraction, op.planned_rows}) {
            EXPECT_TRUE(std::isfinite(value));
            EXPECT_GE(value, 0);
        }
}

TEST(Operators, ManyPartitionsAndDeepTreesAreFlattenedQuickly) {
    const auto context = shop();
    std::vector<domain::PlanNode> parts;
    for (int i = 0; i < 4'000; ++i) {
        parts.push_back(index_scan("items", "items_product", "(product_id = outer.id)", {.total = 9, .rows = 1}));
        parts.back().filter = "(price > 5)";
    }
    auto sources = parts;
    const auto wide = plan(
        node("Nested Loop", {.total = 1e6, .rows = 9},
             {node("Append", {.total = 9e4, .rows = 5}, std::move(sources)), node("Append", {.total = 9e4, .rows = 5}, std::move(parts))}));
    const auto ops = flat(wide, context);
    ASSERT_EQ(ops.size(), 8'003U);
    EXPECT_EQ(ops.back().loops, 5);
    auto deep = node("Result", {.rows = 1});
    for (int i = 0; i < 5'000; ++i) {
        std::vector<domain::PlanNode> one;
        one.push_back(std::move(deep));
        deep = node("Subquery Scan", {.rows = 1}, {});
        deep.children = std::move(one);
    }
    EXPECT_EQ(flat(plan(std::move(deep)), context).size(), 5'001U);
}

TEST(SelfTimes, SumToTheRootWithWorkersAndInitPlans) {
    auto sum = node("Aggregate", {.total = 50, .rows = 9, .actual_rows = 9, .loops = 1, .ms = 100},
                    {scan("Seq Scan", "items", {.total = 40, .rows = 90, .actual_rows = 90, .loops = 1, .ms = 30})});
    sum.strategy = "Hashed";
    sum.filter = "(sum(price) > $2)";
    auto other = node("Sort", {.total = 90, .rows = 9, .actual_rows = 9, .loops = 1, .ms = 110},
                      {as(scan("Seq Scan", "orders", {.total = 9, .rows = 1, .actual_rows = 1, .loops = 1, .ms = 40}), "InitPlan",
                          "InitPlan 1 (returns $2)"),
                       std::move(sum)});
    const auto made = plan(std::move(other));
    const auto context = shop();
    const auto self = self_times(made, flat(made, context, RowsFrom::actuals));
    EXPECT_THAT(self, ::testing::ElementsAre(10, 40, 30, 30));
    EXPECT_EQ(std::accumulate(self.begin(), self.end(), 0.0), 110);
}

TEST(SelfTimes, ACteRanInsideItsFirstReader) {
    auto reader = node("CTE Scan", {.total = 5, .rows = 5, .actual_rows = 5, .loops = 1, .ms = 60});
    reader.cte_name = "big";
    const auto made =
        plan(node("Limit", {.total = 90, .rows = 5, .actual_rows = 5, .loops = 1, .ms = 61},
                  {as(scan("Seq Scan", "items", {.total = 9, .rows = 5, .actual_rows = 5, .loops = 1, .ms = 50}), "InitPlan", "CTE big"),
                   std::move(reader)}));
    const auto context = shop();
    EXPECT_THAT(self_times(made, flat(made, context, RowsFrom::actuals)), ::testing::ElementsAre(1, 50, 10));
}

TEST(SelfTimes, NoneWithoutTiming) {
    auto root = scan("Seq Scan", "orders", {.rows = 5, .actual_rows = 5});
    root.actual_total_ms.reset();
    const auto made = plan(std::move(root));
    EXPECT_TRUE(self_times(made, flat(made, shop(), RowsFrom::actuals)).empty());
}

TEST(Conditions, OperatorsPatternsListsAndCallsAreCounted) {
    const auto counted = [](std::string_view text) {
        ConditionWork work;
        count_condition(text, work);
        return work;
    };
    const auto simple = counted("((a >= '1993-01-01'::date) AND (b < 24.5) AND (note <> '=(=)=~~ it''s'::text))");
    EXPECT_EQ(simple.comparisons, 3);
    EXPECT_EQ(simple.patterns, 0);
    EXPECT_EQ(simple.calls, 0);
    EXPECT_EQ(counted("((comment)::text !~~ '%special%requests%'::text)").patterns, 1);
    EXPECT_EQ(counted("(mode = ANY ('{AIR,\"AIR, REG\",SHIP}'::bpchar[]))").list_items, 3);
    EXPECT_EQ(counted("((a = 'x'::bpchar) AND (b < 24.5) AND (c > 5) AND (d = '7'::numeric) AND (e = '2'::integer))").dear, 3);
    EXPECT_EQ(counted("(lower(name) = 'x'::text)").calls, 1);
    EXPECT_EQ(counted("(price IS NOT NULL)").comparisons, 1);
    EXPECT_EQ(counted("((price)::numeric(15,2) > 3.0)").calls, 0);
    EXPECT_EQ(counted("(name = 'never closed").comparisons, 1);
}

TEST(PlannerCosts, PagesFetchedFollowMackertAndLohman) {
    EXPECT_EQ(pages_fetched(0, 100, 1000), 0);
    EXPECT_EQ(pages_fetched(1, 100, 1000), 1);
    EXPECT_EQ(pages_fetched(1e9, 100, 1000), 100);
    EXPECT_EQ(pages_fetched(100, 100, 1000), 67);
    EXPECT_GT(pages_fetched(10'000, 1'000, 100), 1'000);  // what does not fit is read again
    EXPECT_NEAR(parallel_divisor(3, true), 3.1, 1e-12);
    EXPECT_EQ(parallel_divisor(4, true), 4);
    EXPECT_EQ(parallel_divisor(3, false), 3);
    EXPECT_EQ(parallel_divisor(0, true), 1);
}

}  // namespace
}  // namespace orrery::models
