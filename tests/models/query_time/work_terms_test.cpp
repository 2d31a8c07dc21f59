#include "models/query_time/work_terms.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/node_model.hpp"
#include "models/query_time/operators.hpp"
#include "models/query_time/plan_builder.hpp"

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
    context.relations = {{"public", "orders", 100'000, 1'000, 0}, {"public", "items", 1'000'000, 20'000, 20'000}};
    context.indexes = {{"public", "items_order", "items", 1'000'000, 2'745, 2, 1.0, false},
                       {"public", "items_product", "items", 1'000'000, 2'745, 2, 0, false}};
    context.server.work_mem = base::Bytes(1 << 20);
    context.sort();
    return context;
}

/// The work of each node of a plan, on the planner's rows.
struct Counted {
    explicit Counted(domain::PlanNode root, domain::RunConditions conditions = {}, std::vector<domain::CostUnits> units = {})
        : context(shop()), made(plan(std::move(root))) {
        flatten(made, context, RowsFrom::estimates, operators);
        use_units(units, operators);
        count_work(operators, context, conditions, units, work);
    }
    [[nodiscard]] double at(std::size_t node, Term term) const { return work[node][static_cast<std::size_t>(term)]; }

    domain::PlanContext context;
    domain::Plan made;
    std::vector<Operator> operators;
    std::vector<Work> work;
};

TEST(WorkTerms, StaysFiniteAndPositiveWhateverThePlanSays) {
    auto deep = scan("Seq Scan", "orders", {.total = 1, .rows = 1e15});
    for (int i = 0; i < 40; ++i)
        deep = node("Nested Loop", {.total = 1, .rows = i % 2 == 0 ? 1e15 : 0},
                    {scan("Seq Scan", "orders", {.total = 1, .rows = 1e15}), deep});
    auto narrow =
        node("Sort", {.total = 5, .rows = 1000, .width = -1e9}, {scan("Seq Scan", "orders", {.total = 1, .rows = 1000, .width = -500})});
    narrow.sort_key = {"a"};
    auto hashed = node("Hash Join", {.total = 9, .rows = 100, .width = -1e4},
                       {scan("Seq Scan", "orders", {.total = 1, .rows = 1000, .width = -500}),
                        node("Hash", {.total = 5, .rows = 1e9, .width = -100}, {scan("Seq Scan", "items", {.total = 1, .rows = 1e9})})});
    for (const auto& root : {deep, narrow, hashed}) {
        const Counted counted(root);
        for (const auto& one : counted.work)
            for (const double amount : one) EXPECT_TRUE(std::isfinite(amount) && amount >= 0) << amount;
        for (const auto& op : counted.operators) EXPECT_TRUE(std::isfinite(op.loops));
    }
}

TEST(WorkTerms, PagesOfASubplanAreNotCountedForItsScanToo) {
    auto outer = scan("Seq Scan", "orders", {.total = 1e6, .rows = 100});
    outer.filter = "(total > (SubPlan 1))";
    outer.children = {as(scan("Seq Scan", "items", {.total = 30'000, .rows = 1}), "SubPlan", "SubPlan 1")};
    domain::CostUnits inner_units, outer_units;
    inner_units.seq_pages = 20'000;
    outer_units.seq_pages = 1'000 + 100'000 * inner_units.seq_pages;  // the counts of a node hold those below it
    const Counted counted(outer, {}, {outer_units, inner_units});
    EXPECT_NEAR(counted.at(0, Term::sequential_pages), 1'000, 1);
}

TEST(WorkTerms, ASampleIsNotTheWholeTable) {
    // SYSTEM (1): 200 of the pages at random, 10,000 rows.
    const Counted counted(scan("Sample Scan", "items", {.total = 200 * 4 + 10'000 * 0.01, .rows = 10'000}));
    EXPECT_LT(counted.at(0, Term::sequential_tuples), 50'000);
    EXPECT_GE(counted.at(0, Term::sequential_tuples), 10'000);
}

TEST(WorkTerms, IndexesOfATableOfTheSameNameElsewhereAreNotMaintained) {
    auto insert = scan("ModifyTable", "items", {.total = 100, .rows = 0});
    insert.schema = "public";
    insert.operation = "Insert";
    insert.children = {node("Values Scan", {.total = 10, .rows = 1000})};
    Counted counted(insert);
    EXPECT_EQ(counted.at(0, Term::index_entries_made), 2000);
    counted.context.indexes.push_back({"other", "items_key", "items", 10, 1, 0, 1, true});
    counted.context.sort();
    flatten(counted.made, counted.context, RowsFrom::estimates, counted.operators);
    count_work(counted.operators, counted.context, {}, {}, counted.work);
    EXPECT_EQ(counted.at(0, Term::index_entries_made), 2000);
}

TEST(WorkTerms, SequentialScanReadsAllPagesAndEvaluatesItsFilter) {
    auto filtered = scan("Seq Scan", "items", {.total = 30'000, .rows = 10'000});
    filtered.filter = "((price > 9.5) AND (name ~~ '%x%'::text) AND (kind = ANY ('{1,2,3,4}'::integer[])))";
    const Counted counted(filtered);
    EXPECT_EQ(counted.at(0, Term::statement), 1);
    EXPECT_NEAR(counted.at(0, Term::sequential_tuples), 1e6, 1);
    EXPECT_NEAR(counted.at(0, Term::sequential_pages), 20'000, 1);
    // One in a hundred passes three parts: the second is evaluated for one in 4.6, the third for one in 21.5.
    const double share = 1 + std::pow(0.01, 1 / 3.0) + std::pow(0.01, 2 / 3.0);
    EXPECT_NEAR(counted.at(0, Term::comparisons), 1e6 * share / 3 * 2, 1);
    EXPECT_NEAR(counted.at(0, Term::dear_comparisons), 1e6 * share / 3, 1);
    EXPECT_NEAR(counted.at(0, Term::patterns), 1e6 * share / 3, 1);
    EXPECT_NEAR(counted.at(0, Term::list_items), 1e6 * share / 3 * 4, 1);
    EXPECT_EQ(counted.at(0, Term::pages_read_ahead), 0);
    const Counted cold(filtered, {.concurrent_sessions = 1, .cached_share = 0.25});
    EXPECT_NEAR(cold.at(0, Term::pages_read_ahead), 15'000, 1);
}

TEST(WorkTerms, HeapFetchesAreCountedForEachLoopAndPagesByOrder) {
    const auto join = [](const std::string& index) {
        return node("Nested Loop", {.total = 9e4, .rows = 40'000},
                    {scan("Seq Scan", "orders", {.total = 900, .rows = 10'000}),
                     index_scan("items", index, "(key = orders.id)", {.total = 4, .rows = 4})});
    };
    const Counted ordered(join("items_order")), scattered(join("items_product"));
    for (const auto* counted : {&ordered, &scattered}) {
        EXPECT_NEAR(counted->at(2, Term::descents), 10'000, 1e-6);
        EXPECT_NEAR(counted->at(2, Term::heap_fetches), 40'000, 1e-6);
        EXPECT_NEAR(counted->at(2, Term::index_tuples), 40'000, 1e-6);
        EXPECT_NEAR(counted->at(0, Term::nested_loops), 10'000, 1e-6);
        EXPECT_NEAR(counted->at(0, Term::pairs), 40'000, 1e-6);
    }
    const double heat = 20'000.0 / 28'000;
    EXPECT_NEAR(ordered.at(2, Term::heap_pages), 10'000 * (1 + 4 / 50.0) * heat, 1);
    EXPECT_NEAR(scattered.at(2, Term::heap_pages), 40'000 * heat, 10);  // more than the table has: not shared among loops
}

TEST(WorkTerms, IndexOnlyScansFetchWhatIsNotAllVisible) {
    auto only = index_scan("items", "items_order", "(key = 5)", {.total = 9, .rows = 100});
    only.type = "Index Only Scan";
    EXPECT_EQ(Counted(only).at(0, Term::heap_fetches), 0);
    only.relation = "orders";
    EXPECT_EQ(Counted(only).at(0, Term::heap_fetches), 100);
}

TEST(WorkTerms, HashJoinsBuildProbeAndSpill) {
    const auto join = [](double width) {
        return node(
            "Hash Join", {.total = 9e4, .rows = 500},
            {scan("Seq Scan", "items", {.total = 900, .rows = 1'000'000}),
             node("Hash", {.total = 900, .rows = 50'000, .width = width}, {scan("Seq Scan", "orders", {.total = 900, .rows = 50'000})})});
    };
    const Counted small(join(1)), large(join(200));
    EXPECT_NEAR(small.at(0, Term::hash_probes), 1e6, 1);
    EXPECT_NEAR(small.at(0, Term::large_probes), 1e6 * std::log2(6), 10);
    EXPECT_EQ(small.at(2, Term::hash_builds), 50'000);
    EXPECT_EQ(large.at(2, Term::hash_bytes), 50'000 * 216);
    EXPECT_EQ(small.at(0, Term::temporary_bytes), 0);
    EXPECT_GT(large.at(0, Term::temporary_bytes), 1e7);
}

TEST(WorkTerms, SortsCountComparisonsBytesAndSpillButATopOfFewRowsDoesNot) {
    auto sort = node("Sort", {.startup = 900, .total = 950, .rows = 100'000, .width = 76},
                     {scan("Seq Scan", "orders", {.total = 900, .rows = 100'000})});
    sort.sort_key = {"a"};
    const Counted whole(sort);
    EXPECT_NEAR(whole.at(0, Term::sorted_rows), 1e5 * std::log2(100'001), 1);
    EXPECT_EQ(whole.at(0, Term::sorted_bytes), 1e7);
    EXPECT_EQ(whole.at(0, Term::temporary_bytes), 2e7);
    const Counted top(node("Limit", {.startup = 900, .total = 900.005, .rows = 10}, {std::move(sort)}));
    EXPECT_NEAR(top.at(1, Term::sorted_rows), 1e5 * std::log2(21), 1e-3 * 1e5);
    EXPECT_EQ(top.at(1, Term::sorted_bytes), 0);
    EXPECT_EQ(top.at(1, Term::temporary_bytes), 0);
}

TEST(WorkTerms, AggregatesCountRowsResultsAndGroups) {
    auto sum = node("Aggregate", {.total = 950, .rows = 1, .width = 60}, {scan("Seq Scan", "orders", {.total = 900, .rows = 100'000})});
    sum.strategy = "Plain";
    const Counted plain(sum);
    EXPECT_EQ(plain.at(0, Term::aggregated_rows), 100'000);
    EXPECT_EQ(plain.at(0, Term::transitions), 200'000);
    EXPECT_EQ(plain.at(0, Term::groups), 1);
    sum.strategy = "Hashed";
    sum.group_key = {"a", "b"};
    sum.rows = 30'000;
    const Counted hashed(sum);
    EXPECT_EQ(hashed.at(0, Term::group_keys), 200'000);
    EXPECT_EQ(hashed.at(0, Term::groups), 30'000);
    EXPECT_NEAR(hashed.at(0, Term::large_groups), 1e5 * 2, 1e-6);
    EXPECT_GT(hashed.at(0, Term::temporary_bytes), 0);  // 3.7 MB of groups in 2 MB
    sum.filter = "(sum(x) > 5)";
    EXPECT_EQ(Counted(sum).at(0, Term::groups), 90'000);
}

TEST(WorkTerms, GatherStartsWorkersAndMovesTheirShare) {
    auto gather =
        node("Gather", {.total = 900, .rows = 1'000, .width = 84}, {parallel(scan("Seq Scan", "items", {.total = 800, .rows = 323}))});
    gather.workers_planned = 3;
    const Counted counted(gather);
    EXPECT_EQ(counted.at(0, Term::workers), 3);
    EXPECT_EQ(counted.at(0, Term::queued_rows), 750);
    EXPECT_EQ(counted.at(0, Term::queued_bytes), 75'000);
    EXPECT_EQ(counted.at(0, Term::merged_queues), 0);
    gather.type = "Gather Merge";
    EXPECT_EQ(Counted(gather).at(0, Term::merged_queues), 2'000);
}

TEST(WorkTerms, ChangesMaintainTheTablesIndexes) {
    auto change = node("ModifyTable", {.total = 900, .rows = 0}, {scan("Seq Scan", "items", {.total = 800, .rows = 1'000})});
    change.relation = "items";
    change.operation = "Insert";
    const Counted inserted(change);
    EXPECT_EQ(inserted.at(0, Term::rows_modified), 1'000);
    EXPECT_EQ(inserted.at(0, Term::index_entries_made), 2'000);
    change.operation = "Update";
    EXPECT_EQ(Counted(change).at(0, Term::index_entries_made), 1'000);
    change.operation = "Delete";
    EXPECT_EQ(Counted(change).at(0, Term::index_entries_made), 0);
}

TEST(WorkTerms, BitmapsVisitEachPageOnce) {
    auto heap = scan("Bitmap Heap Scan", "items", {.total = 700, .rows = 10'000});
    heap.children.push_back(node("Bitmap Index Scan", {.total = 90, .rows = 10'000}));
    heap.children[0].index = "items_product";
    const Counted counted(heap);
    EXPECT_NEAR(counted.at(0, Term::bitmap_pages), 8'000, 1);
    EXPECT_EQ(counted.at(0, Term::bitmap_tuples), 10'000);
    EXPECT_EQ(counted.at(1, Term::bitmap_entries), 10'000);
    EXPECT_EQ(counted.at(1, Term::descents), 1);
}

TEST(WorkTerms, UnitsOfThePlannerReplaceGuesses) {
    auto look_up = index_scan("items", "items_product", "(key = 5)", {.total = 200, .rows = 2});
    look_up.filter = "(price > 5)";
    const std::vector<domain::CostUnits> units{{.random_pages = 80, .tuples = 77, .index_tuples = 77, .operators = 154}};
    EXPECT_EQ(Counted(look_up, {}, units).at(0, Term::heap_fetches), 77);
    // Of another plan: not used.
    EXPECT_LT(Counted(look_up, {}, {{}, {}}).at(0, Term::heap_fetches), 60);
    const std::vector<domain::CostUnits> pages{{.seq_pages = 31'000, .tuples = 1'000'000}};
    EXPECT_EQ(Counted(scan("Seq Scan", "items", {.total = 41'000, .rows = 1'000'000}), {}, pages).at(0, Term::sequential_pages), 31'000);
}

TEST(WorkTerms, OtherSessionsAddToEachOperator) {
    const auto root = scan("Seq Scan", "items", {.total = 30'000, .rows = 10'000});
    const Counted busy(root, {.concurrent_sessions = 5});
    const Counted alone(root);
    EXPECT_EQ(alone.at(0, Term::contention), 0);
    std::vector<double> ms(1);
    EXPECT_NEAR(busy.at(0, Term::contention), 4 * 1000 * operator_times(factory_node_model(), alone.work, ms), 1e-6);
}

TEST(WorkTerms, CompiledFunctionsAreCountedOnce) {
    auto made = plan(node("Sort", {.total = 600'000, .rows = 5}, {scan("Seq Scan", "items", {.total = 500'000, .rows = 5})}));
    made.jit.emplace();
    made.jit->functions = 6;
    std::vector<Operator> operators;
    std::vector<Work> work;
    const auto context = shop();
    flatten(made, context, RowsFrom::estimates, operators);
    count_work(operators, context, {}, {}, work);
    EXPECT_EQ(work[0][static_cast<std::size_t>(Term::compiled_functions)], 24);
    EXPECT_EQ(work[1][static_cast<std::size_t>(Term::compiled_functions)], 0);
}

TEST(WorkTerms, NodesThatNeverRanDoNoWork) {
    const auto made = plan(node("Append", {.total = 20, .rows = 30, .actual_rows = 1, .loops = 1, .ms = 3},
                                {scan("Seq Scan", "items", {.total = 10, .rows = 20, .actual_rows = 0, .loops = 0, .ms = 0})}));
    std::vector<Operator> operators;
    std::vector<Work> work;
    const auto context = shop();
    flatten(made, context, RowsFrom::actuals, operators);
    count_work(operators, context, {}, {}, work);
    for (std::size_t term = 0; term < kWorkTerms; ++term) EXPECT_EQ(work[1][term], term == static_cast<std::size_t>(Term::node) ? 1 : 0);
}

}  // namespace
}  // namespace orrery::models
