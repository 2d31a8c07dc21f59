#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "models/query_time/node_model.hpp"
#include "models/query_time/operators.hpp"
#include "models/query_time/plan_builder.hpp"

/// Times of a few plans under the factory's prices, written down when these were set: a change of flattening, counting or prices shows
/// here, and is meant or a mistake.
namespace orrery::models {
namespace {

using testing::index_scan;
using testing::node;
using testing::parallel;
using testing::plan;
using testing::scan;

domain::PlanContext shop() {
    domain::PlanContext context;
    context.relations = {{"public", "orders", 1'500'000, 26'000, 26'000}, {"public", "items", 6'000'000, 112'500, 112'500}};
    context.indexes = {{"public", "items_order", "items", 6'000'000, 16'500, 2, 1.0, false},
                       {"public", "items_product", "items", 6'000'000, 16'500, 2, 0.01, false},
                       {"public", "orders_key", "orders", 1'500'000, 4'115, 2, 1.0, true}};
    context.sort();
    return context;
}

double factory_ms(domain::PlanNode root) {
    const auto context = shop();
    const auto made = plan(std::move(root));
    std::vector<Operator> operators;
    std::vector<Work> work;
    flatten(made, context, RowsFrom::estimates, operators);
    count_work(operators, context, {}, {}, work);
    std::vector<double> ms(work.size());
    return operator_times(factory_node_model(), work, ms);
}

TEST(PhysicsGolden, LookUpByKey) {
    EXPECT_NEAR(factory_ms(index_scan("orders", "orders_key", "(id = 5)", {.startup = 0.43, .total = 8.45, .rows = 1})), 0.006164,
                0.000001);
}

TEST(PhysicsGolden, SequentialScanWithAFilter) {
    auto filtered = scan("Seq Scan", "items", {.total = 187'500, .rows = 60'000});
    filtered.filter = "(shipped > '1998-01-01'::date)";
    EXPECT_NEAR(factory_ms(filtered), 427.5035, 0.001);
}

TEST(PhysicsGolden, ParallelAggregate) {
    auto partial = node("Aggregate", {.total = 150'001, .rows = 1, .width = 32},
                        {parallel(scan("Seq Scan", "items", {.total = 130'000, .rows = 1'500'000, .width = 16}))});
    partial.strategy = "Plain";
    partial.partial_mode = "Partial";
    auto gather = node("Gather", {.total = 151'002, .rows = 4, .width = 32}, {std::move(partial)});
    gather.workers_planned = 4;
    auto final = node("Aggregate", {.total = 151'003, .rows = 1, .width = 32}, {std::move(gather)});
    final.strategy = "Plain";
    final.partial_mode = "Finalize";
    EXPECT_NEAR(factory_ms(final), 323.1108, 0.001);
}

/// The same fetches, in the table's order and across it: the second takes several times as long.
TEST(PhysicsGolden, NestedLoopInAndAcrossTheTablesOrder) {
    const auto join = [](const char* index) {
        return node("Nested Loop", {.total = 2e5, .rows = 200'000},
                    {scan("Seq Scan", "orders", {.total = 41'000, .rows = 50'000}),
                     index_scan("items", index, "(order_id = orders.id)", {.total = 3, .rows = 4})});
    };
    const double ordered = factory_ms(join("items_order")), across = factory_ms(join("items_product"));
    EXPECT_NEAR(ordered, 293.59, 0.5);
    EXPECT_NEAR(across, 593.94, 0.5);
}

}  // namespace
}  // namespace orrery::models
