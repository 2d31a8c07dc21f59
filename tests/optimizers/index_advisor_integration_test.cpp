#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/statistics.hpp"
#include "lab/load_driver.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "optimizers/index_advisor.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "sql/statement.hpp"
#include "support/reaper.hpp"
#include "twin/planner_twin.hpp"

/// The advisor on the planner twin of real servers: shops with planted problems, and TPC-H.
namespace orrery::optimizers {
namespace {

struct Server {
    pg::PrivateCluster cluster;
    pg::Session session;
};

Server start(const std::map<std::string, std::string>& settings) {
    pg::ClusterOptions options;
    options.settings = settings;
    auto cluster = pg::PrivateCluster::create(options);
    if (!cluster || !cluster->start()) throw std::runtime_error("no server");
    auto session = pg::Session::connect(cluster->uri(), {.safe_settings = false});
    if (!session) throw std::runtime_error(session.error().to_text());
    return {std::move(*cluster), std::move(*session)};
}

/// What pg_stat_statements saw since its last reset.
domain::Workload observed(pg::Session& session, double seconds) {
    domain::Workload workload;
    workload.observed_seconds = seconds;
    const auto rows = session.query(
        "SELECT query, sum(calls), sum(total_exec_time) / sum(calls), sum(rows)::float8 / sum(calls) FROM pg_stat_statements "
        "WHERE toplevel AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY queryid, query HAVING "
        "sum(calls) > 0");
    EXPECT_TRUE(rows) << rows.error().to_text();
    for (std::size_t i = 0; rows && i < rows->size(); ++i) {
        domain::WorkloadStatement statement;
        statement.text = rows->text(i, 0);
        const auto fingerprint = sql::fingerprint(statement.text);
        if (!fingerprint) continue;
        statement.fingerprint = *fingerprint;
        statement.calls = rows->real(i, 1);
        statement.mean_ms = rows->real(i, 2);
        statement.rows_per_call = rows->real(i, 3);
        workload.statements.push_back(std::move(statement));
    }
    return workload;
}

class ShopAdviceIntegration : public ::testing::TestWithParam<int> {};

TEST_P(ShopAdviceIntegration, FindsThePlantedProblemsAndNoDecoy) {
    constexpr double kSeconds = 12;
    lab::ShopOptions options;
    options.seed = static_cast<std::uint64_t>(GetParam());
    options.scale = 0.15;
    options.reference = base::system_clock().now();
    const auto shop = lab::make_shop(options);
    auto server = start(lab::shop_settings());
    ASSERT_TRUE(lab::load_shop(shop, server.cluster.uri()));
    ASSERT_TRUE(server.session.query("SELECT pg_stat_statements_reset()"));
    auto driver = lab::LoadDriver::start(server.cluster.uri(), shop);
    ASSERT_TRUE(driver) << driver.error().to_text();
    base::system_clock().sleep_for(std::chrono::milliseconds(static_cast<int>(kSeconds * 1000)), {});
    driver->stop();

    const auto catalog = pg::read_catalog(server.session);
    ASSERT_TRUE(catalog) << catalog.error().to_text();
    const auto workload = observed(server.session, kSeconds);
    auto twin = twin::PlannerTwin::build(server.session);
    ASSERT_TRUE(twin) << twin.error().to_text();
    const auto advice = advise_indexes(*catalog, workload, *twin, {});
    ASSERT_TRUE(advice) << advice.error().to_text();

    const auto score = lab::score(shop.truth, advice->recommendations);
    fmt::print("seed {}: {} of {} problems, {} of {} decoys, {} what-ifs in {:.1f} s\n", GetParam(), score.found, score.total,
               score.decoys_taken, score.decoys_total, advice->what_if_calls, advice->wall_seconds);
    for (const auto& id : score.missed_ids) fmt::print("  missed {}\n", id);
    EXPECT_GE(score.found, 0.9 * score.total);
    EXPECT_EQ(score.decoys_taken, 0);
    EXPECT_LT(advice->final_cost.value, 0.25 * advice->baseline_cost.value);
    EXPECT_LE(advice->lower_bound_cost.value, advice->final_cost.value);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShopAdviceIntegration, ::testing::Values(1, 3));

TEST(TpchAdviceIntegration, AdvicePaysAndPredictedPlansAndSizesComeTrue) {
    auto server = start(lab::tpch_settings());
    lab::TpchOptions options;
    options.scale = 0.1;
    ASSERT_TRUE(lab::load_tpch(options, server.cluster.uri()));
    domain::Workload workload;
    for (const auto& query : lab::tpch_queries({.scale = options.scale})) {
        if (query.number == 17 || query.number == 20) continue;  // their cost without indexes dwarfs all others
        domain::WorkloadStatement statement;
        statement.text = query.sql;
        statement.fingerprint = sql::fingerprint(query.sql).value_or(domain::Fingerprint());
        workload.statements.push_back(std::move(statement));
    }
    const auto catalog = pg::read_catalog(server.session);
    ASSERT_TRUE(catalog);
    auto twin = twin::PlannerTwin::build(server.session);
    ASSERT_TRUE(twin) << twin.error().to_text();
    IndexAdvisorOptions advising;
    advising.budget = base::Bytes(50 << 20);
    const auto advice = advise_indexes(*catalog, workload, *twin, advising);
    ASSERT_TRUE(advice) << advice.error().to_text();
    EXPECT_LT(advice->final_cost.value, 0.8 * advice->baseline_cost.value);

    double bytes = 0;
    std::vector<double> errors;
    for (const auto& item : advice->recommendations) {
        if (item.kind != domain::RecommendationKind::create_index) continue;
        bytes += static_cast<double>(item.estimated_size.value);
        ASSERT_TRUE(server.session.execute(item.spec.create_sql(item.index.name, false)));
        const auto size = server.session.query("SELECT pg_relation_size('" + item.index.sql() + "')");
        ASSERT_TRUE(size);
        errors.push_back(std::abs(static_cast<double>(item.estimated_size.value) - size->real(0, 0)) / size->real(0, 0));
        fmt::print("{:60.60} estimated {:>8} real {:>8}\n", item.spec.label(), base::to_text(item.estimated_size),
                   base::to_text(base::Bytes(size->integer(0, 0))));
    }
    EXPECT_LE(bytes, static_cast<double>(advising.budget.value));
    EXPECT_LT(base::median(errors), 0.10);

    double real = 0;
    for (const auto& statement : workload.statements) {
        const auto rows = server.session.query("EXPLAIN (FORMAT JSON) " + statement.text);
        ASSERT_TRUE(rows);
        const auto plan = pg::parse_plan(std::string(rows->text(0, 0)));
        ASSERT_TRUE(plan);
        real += plan->total_cost().value;
    }
    fmt::print("predicted {:.0f}, with the indexes built {:.0f}, before {:.0f}\n", advice->final_cost.value, real,
               advice->baseline_cost.value);
    EXPECT_NEAR(real, advice->final_cost.value, 0.05 * advice->final_cost.value);
}

}  // namespace
}  // namespace orrery::optimizers
