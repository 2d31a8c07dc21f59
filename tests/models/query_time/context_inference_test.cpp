#include "models/query_time/context_inference.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/plan_builder.hpp"
#include "models/query_time/planner_costs.hpp"

namespace orrery::models {
namespace {

using testing::index_scan;
using testing::node;
using testing::parallel;
using testing::plan;
using testing::scan;

ExecutedPlan executed(domain::PlanNode root) {
    ExecutedPlan made;
    made.plan = plan(std::move(root));
    made.time_ms = 1;
    made.context = std::make_shared<const domain::PlanContext>();
    return made;
}

TEST(InferredContext, SizesComeFromFullScans) {
    auto gather =
        node("Gather", {.total = 9e4, .rows = 1'000, .actual_rows = 800, .loops = 1},
             {parallel(scan("Seq Scan", "items", {.total = 12'500 + 1e6 * 0.0125 / 3.1, .rows = 323, .actual_rows = 200, .loops = 4}))});
    gather.workers_planned = gather.workers_launched.emplace(3);
    gather.children[0].filter = "(price > 5)";
    gather.children[0].details.removed_by_filter = 249'800;
    std::vector<ExecutedPlan> plans;
    plans.push_back(executed(std::move(gather)));
    // A LIMIT above: not the whole table.
    plans.push_back(executed(node("Limit", {.total = 1, .rows = 5, .actual_rows = 5},
                                  {scan("Seq Scan", "orders", {.total = 2'000, .rows = 100'000, .actual_rows = 5})})));
    const auto context = infer_context(plans);
    const auto* items = context.find_relation("items");
    ASSERT_NE(items, nullptr);
    EXPECT_EQ(items->tuples, 1e6);
    EXPECT_EQ(items->pages, 12'500);
    const auto* orders = context.find_relation("orders");
    ASSERT_NE(orders, nullptr);
    EXPECT_EQ(orders->tuples, 5);
    EXPECT_EQ(context.find_relation("elsewhere"), nullptr);
}

TEST(InferredContext, OrderOfAnIndexComesFromItsCosts) {
    const auto look_up = [](const std::string& index, double correlation2) {
        const domain::ServerFacts server;
        IndexScanCost cost{.index_tuples = 1e6,
                           .index_pages = 2'741,
                           .height = 2,
                           .table_tuples = 1e6,
                           .table_pages = 12'500,
                           .correlation2 = correlation2,
                           .executions = 1,
                           .cache = 524'288,
                           .index_operators = 1,
                           .server = &server};
        cost.prepare();
        return index_scan("items", index, "(key = 5)", {.total = cost.of(300), .rows = 300, .actual_rows = 290});
    };
    std::vector<ExecutedPlan> plans;
    plans.push_back(executed(scan("Seq Scan", "items", {.total = 22'500, .rows = 1e6, .actual_rows = 1e6})));
    plans.push_back(executed(look_up("items_time", 0.81)));
    plans.push_back(executed(look_up("items_hash", 0)));
    const auto context = infer_context(plans);
    ASSERT_NE(context.find_index("items_time"), nullptr);
    EXPECT_EQ(context.find_index("items_time")->table, "items");
    EXPECT_EQ(context.find_index("items_time")->height, 2);
    EXPECT_NEAR(context.find_index("items_time")->correlation, 0.9, 0.03);
    EXPECT_NEAR(context.find_index("items_hash")->correlation, 0, 0.1);
}

TEST(InferredContext, NothingComesFromNothing) {
    EXPECT_TRUE(infer_context({}).relations.empty());
    const std::vector<ExecutedPlan> plans{executed(node("Result", {.rows = 1, .actual_rows = 1}))};
    EXPECT_TRUE(infer_context(plans).relations.empty());
    EXPECT_TRUE(infer_context(plans).indexes.empty());
}

}  // namespace
}  // namespace orrery::models
