#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kitchen_sink.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "target_server.hpp"
#include "twin/planner_twin.hpp"

namespace orrery::twin {
namespace {

using domain::CostUnits;
using testing::kitchen_statements;
using testing::kKitchenSink;
using testing::must;
using testing::take;
using testing::TargetServer;

/// The constants of a server at its defaults.
constexpr CostUnits kPrices{1, 4, 0.01, 0.005, 0.0025, 0.1, 1000};

double priced(const CostUnits& units) {
    double cost = 0;
    for (const auto count : {&CostUnits::seq_pages, &CostUnits::random_pages, &CostUnits::tuples, &CostUnits::index_tuples,
                             &CostUnits::operators, &CostUnits::parallel_tuples, &CostUnits::workers_set_up})
        cost += units.*count * kPrices.*count;
    return cost;
}

/// Every node's cost, startup and total, is what its units cost, to the last printed digit.
void expect_explained(const domain::PlanNode& node, const domain::PlanUnits& units, std::size_t& at, const std::string& statement) {
    constexpr double kRounding = 0.0051;
    ASSERT_LT(at, units.total.size());
    EXPECT_NEAR(priced(units.total[at]), node.total_cost.value, kRounding + 1e-9 * node.total_cost.value) << node.type << ": " << statement;
    EXPECT_NEAR(priced(units.startup[at]), node.startup_cost.value, kRounding + 1e-9 * node.startup_cost.value)
        << node.type << ": " << statement;
    ++at;
    for (const auto& child : node.children) expect_explained(child, units, at, statement);
}

domain::CountedPlan expect_explained(PlannerTwin& twin, const std::string& statement,
                                     const domain::IndexConfiguration& configuration = {}) {
    auto counted = take(twin.cost_units(statement, configuration));
    std::size_t nodes = 0;
    expect_explained(counted.answer.plan.root, counted.units, nodes, statement);
    EXPECT_EQ(nodes, counted.units.total.size());
    EXPECT_EQ(nodes, counted.units.startup.size());
    EXPECT_EQ(counted.answer.plan, take(twin.plan(statement, configuration)).plan) << statement;
    return counted;
}

class CostUnitsTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        server_ = std::make_unique<TargetServer>();
        server_->create_database("kitchen", kKitchenSink);
        for (const char* database : {"tpch", "shop"}) must(server_->admin().execute(fmt::format("CREATE DATABASE {}", database)));
        must(lab::load_tpch({.scale = 0.01, .foreign_keys = true}, server_->cluster().uri("tpch")));
        must(server_->admin().execute("CHECKPOINT"));
    }
    static void TearDownTestSuite() { server_.reset(); }
    static inline std::unique_ptr<TargetServer> server_;
};

TEST_F(CostUnitsTest, ExplainEveryCostOfTheKitchenSink) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    for (const auto& statement : kitchen_statements()) expect_explained(twin, statement);
}

TEST_F(CostUnitsTest, ExplainParallelPlansAndSpills) {
    auto admin = server_->admin("tpch");
    must(admin.execute(
        "ALTER DATABASE tpch SET max_parallel_workers_per_gather = 2; ALTER DATABASE tpch SET min_parallel_table_scan_size = 0;"
        "ALTER DATABASE tpch SET work_mem = '64kB'"));
    auto observer = server_->observer("tpch");
    auto twin = take(PlannerTwin::build(observer));
    double parallel_tuples = 0, workers = 0;
    for (const auto& query : lab::tpch_queries()) {
        const auto counted = expect_explained(twin, query.sql);
        parallel_tuples += counted.units.total[0].parallel_tuples;
        workers += counted.units.total[0].workers_set_up;
    }
    EXPECT_GT(parallel_tuples, 0);
    EXPECT_GT(workers, 0);
    must(admin.execute("ALTER DATABASE tpch RESET ALL"));
}

TEST_F(CostUnitsTest, ExplainPlansWithIndexesThatDoNotExist) {
    auto observer = server_->observer("tpch");
    auto twin = take(PlannerTwin::build(observer));
    domain::IndexConfiguration with;
    for (const char* column : {"l_suppkey", "l_shipdate", "l_partkey"})
        with.visible.push_back(
            take(twin.add_candidate({{.table = {"public", "lineitem"}, .keys = {{.column = column}}}, base::Pages(70), 1, 60000})));
    bool used = false;
    for (const auto& query : lab::tpch_queries()) {
        used = !expect_explained(twin, query.sql, with).answer.used.empty() || used;
    }
    EXPECT_TRUE(used);
}

TEST_F(CostUnitsTest, PenaltiesOfSwitchedOffNodesDrownNothing) {
    auto admin = server_->admin("tpch");
    must(admin.execute("ALTER DATABASE tpch SET enable_seqscan = off; ALTER DATABASE tpch SET enable_hashjoin = off"));
    auto observer = server_->observer("tpch");
    auto twin = take(PlannerTwin::build(observer));
    const auto lineitem = take(observer.query("SELECT relpages, reltuples FROM pg_class WHERE relname = 'lineitem'"));
    const auto counted = take(twin.cost_units("SELECT * FROM lineitem WHERE l_comment LIKE '%x'", {}));
    EXPECT_GT(counted.answer.plan.total_cost().value, 1e10);
    EXPECT_NEAR(counted.units.total[0].seq_pages, lineitem.real(0, 0), 0.01);
    EXPECT_NEAR(counted.units.total[0].tuples, lineitem.real(0, 1), 0.5);
    int counted_queries = 0;
    for (const auto& query : lab::tpch_queries()) counted_queries += twin.cost_units(query.sql, {}).has_value() ? 1 : 0;
    EXPECT_GE(counted_queries, 18);
    must(admin.execute("ALTER DATABASE tpch RESET ALL"));
}

TEST_F(CostUnitsTest, ExplainEveryPlanOfTheShop) {
    const auto shop = lab::make_shop({.scale = 0.01, .reference = base::WallTime(std::chrono::seconds(1'700'000'000))});
    must(lab::load_shop(shop, server_->cluster().uri("shop")));
    auto observer = server_->observer("shop");
    auto twin = take(PlannerTwin::build(observer));
    base::Random random(1);
    for (const auto& statement : shop.statements) {
        std::string sql = statement.sql;
        for (std::size_t i = statement.parameters.size(); i > 0; --i) {
            const auto value = lab::ValueSource(statement.parameters[i - 1], shop.reference).draw(random);
            const std::string mark = fmt::format("${}", i), text = value ? domain::quote_literal(*value) : "NULL";
            for (auto at = sql.find(mark); at != std::string::npos; at = sql.find(mark)) sql.replace(at, mark.size(), text);
        }
        expect_explained(twin, sql);
    }
    EXPECT_GT(shop.statements.size(), 20U);
}

TEST_F(CostUnitsTest, RefusalsAreThoseOfPlanning) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    for (const char* statement : {"DROP TABLE lonely", "SELECT * FROM absent", "SELECT $1 + 1", "SELECT 1; DROP TABLE lonely"}) {
        const auto refused = twin.cost_units(statement, {});
        ASSERT_FALSE(refused.has_value()) << statement;
        EXPECT_THAT(refused.error().kind, ::testing::AnyOf(base::ErrorKind::invalid_input, base::ErrorKind::missing_object))
            << refused.error().to_text();
    }
    EXPECT_EQ(take(twin.plan("SELECT * FROM lonely WHERE only_row = 7", {})).plan.root.relation, "lonely");
    const auto before = twin.calls();
    take(twin.cost_units("SELECT * FROM lonely", {}));
    EXPECT_LE(twin.calls() - before, 6) << "no index, no worker: their constants are not asked for";
}

}  // namespace
}  // namespace orrery::twin
