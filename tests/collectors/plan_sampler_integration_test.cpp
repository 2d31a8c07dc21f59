#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "collectors/plan_sampler.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

// The sampler on a real server.
namespace orrery::collectors {
namespace {

domain::WorkloadStatement statement(std::uint64_t fingerprint, const std::string& text) {
    return {.fingerprint = {fingerprint}, .text = text, .calls = 1, .mean_ms = 1, .rows_per_call = {}};
}

class PlanSamplerOnServer : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = pg::PrivateCluster::create({});
        ASSERT_TRUE(made) << made.error().to_text();
        cluster.emplace(std::move(made).value());
        ASSERT_TRUE(cluster->start());
    }
    static void TearDownTestSuite() { cluster.reset(); }
    void SetUp() override {
        pg::SessionOptions as_application;
        as_application.safe_settings = false;
        application.emplace(connect("orrery", as_application));
        run("DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA IF EXISTS other CASCADE; DROP ROLE IF EXISTS web; CREATE ROLE web LOGIN;"
            "CREATE SCHEMA app; CREATE TABLE app.orders (id int PRIMARY KEY, customer int, at date, note text);"
            "INSERT INTO app.orders SELECT i, i % 100, date '2024-01-01' + i % 500, 'note' FROM generate_series(1, 20000) i;"
            "CREATE INDEX orders_customer ON app.orders (customer); ANALYZE app.orders;"
            "ALTER ROLE web SET search_path = app; DROP EXTENSION IF EXISTS pg_stat_statements; CREATE EXTENSION pg_stat_statements;");
        PlanSamplerOptions options;
        options.database = "postgres";
        options.application_role = "web";
        options.statement_timeout = std::chrono::seconds(10);  // a busy machine is no slow planner
        options.round_cost = base::Milliseconds(20'000);
        sampler.emplace(base::system_clock(), options);
        session.emplace(connect("orrery", {}));
    }
    pg::Session connect(const std::string& role, const pg::SessionOptions& options) const {
        auto opened = pg::Session::connect(cluster->uri_as(role, "postgres"), options);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void run(const std::string& sql) {
        const auto done = application->execute(sql);
        ASSERT_TRUE(done) << done.error().to_text();
    }
    /// The plans of one round, by template; every statement must have been planned.
    std::map<std::uint64_t, domain::Plan> plans(const std::vector<std::string>& texts) {
        domain::Workload workload;
        for (std::size_t i = 0; i < texts.size(); ++i) workload.statements.push_back(statement(i + 1, texts[i]));
        const auto reading = sampler->sample(*session, workload);
        EXPECT_TRUE(reading.failures.empty());
        std::map<std::uint64_t, domain::Plan> found;
        for (const auto& sighting : reading.batch.plans) {
            auto plan = pg::parse_plan(sighting.document);
            EXPECT_TRUE(plan) << sighting.document;
            if (plan) found.emplace(sighting.fingerprint.value, *std::move(plan));
        }
        return found;
    }
    std::string value(const std::string& sql) {
        const auto rows = application->query(sql);
        EXPECT_TRUE(rows) << rows.error().to_text();
        return rows ? std::string(rows->text(0, 0)) : "";
    }

    static inline std::optional<pg::PrivateCluster> cluster;
    std::optional<pg::Session> application, session;
    std::optional<PlanSampler> sampler;
};

TEST_F(PlanSamplerOnServer, PlansTemplatesOfTheApplicationsSearchPath) {
    const auto found = plans({"SELECT * FROM orders WHERE id = $1", "SELECT count(*) FROM orders WHERE customer = $1 AND at > date $2",
                              "INSERT INTO orders VALUES ($1, $2, $3, $4)", "UPDATE orders SET note = $1 WHERE id = $2",
                              "DELETE FROM orders WHERE customer IN ($1 /*, ... */)", "SELECT $1", "SELECT 1"});
    ASSERT_EQ(found.size(), 7U);
    EXPECT_EQ(found.at(1).root.type, "Index Scan");
    EXPECT_EQ(found.at(1).root.index, "orders_pkey");
    EXPECT_EQ(found.at(1).root.schema, "app");
    EXPECT_EQ(found.at(1).root.index_condition, "(orders.id = $1)");
    EXPECT_TRUE(found.at(1).planning_ms);
    EXPECT_FALSE(found.at(1).root.actual_rows) << "nothing was executed";
    EXPECT_EQ(found.at(2).indexes_used(), std::vector<std::string>{"orders_customer"});
    EXPECT_EQ(found.at(3).root.operation, "Insert");
    EXPECT_EQ(found.at(4).root.operation, "Update");
    EXPECT_EQ(found.at(5).root.operation, "Delete");
    EXPECT_EQ(value("SELECT count(*) FROM app.orders"), "20000");
    for (const auto& [fingerprint, plan] : found)
        for (const auto& [name, set] : plan.settings) EXPECT_NE(name, "plan_cache_mode");
}

TEST_F(PlanSamplerOnServer, ADroppedIndexIsAFlip) {
    const domain::Workload workload{"", {statement(1, "SELECT * FROM orders WHERE customer = $1")}, 60};
    const auto before = sampler->sample(*session, workload);
    ASSERT_EQ(before.batch.plans.size(), 1U);
    run("DROP INDEX app.orders_customer");
    PlanSamplerOptions options;
    options.database = "postgres";
    options.application_role = "web";
    options.statement_timeout = std::chrono::seconds(10);
    PlanSampler later(base::system_clock(), options);
    auto stored = before.batch.plans;
    stored[0].seen -= std::chrono::hours(7);
    later.remember(stored);
    const auto after = later.sample(*session, workload);
    ASSERT_EQ(after.batch.plans.size(), 1U);
    ASSERT_EQ(after.batch.events.size(), 1U);
    EXPECT_EQ(after.batch.events[0].kind, "plan_flip");
}

TEST_F(PlanSamplerOnServer, NothingIsWrittenNothingStaysAndTheLogOfStatementsIsNotFilled) {
    // A function that lies about being harmless is evaluated by the planner: it must not be able to write.
    run("CREATE TABLE app.traces (at timestamptz);"
        "CREATE FUNCTION app.liar() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN INSERT INTO app.traces VALUES (now()); RETURN 1; "
        "END $$;"
        "CREATE FUNCTION app.unsetter() RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
        "PERFORM set_config('default_transaction_read_only', 'off', false); RETURN 1; END $$");
    std::vector<std::string> texts{"SELECT * FROM orders WHERE id = liar()", "SELECT * FROM orders WHERE id = unsetter()",
                                   "SELECT nextval('nothing')", "SELECT * FROM missing WHERE a = $1"};
    for (int i = 0; i < 15; ++i) texts.push_back(fmt::format("SELECT id AS column_{} FROM orders WHERE id = $1", i));
    const auto found = plans(texts);
    EXPECT_EQ(found.size(), 16U) << "the writing one is refused, and two name what does not exist";
    EXPECT_EQ(value("SELECT count(*) FROM app.traces"), "0");
    const auto read_only = session->query("SHOW default_transaction_read_only");
    ASSERT_TRUE(read_only);
    EXPECT_EQ(read_only->text(0, 0), "on");
    const auto path = session->query("SHOW search_path");
    EXPECT_EQ(path->text(0, 0), "pg_catalog");
    EXPECT_EQ(session->query("SELECT count(*) FROM pg_prepared_statements WHERE name = 'orrery_plan'")->integer(0, 0), 0);
    EXPECT_EQ(value("SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%column\\_%' AND query NOT LIKE '%LIKE%'"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM pg_stat_statements WHERE query LIKE 'DO %orrery%'"), "1");
}

TEST_F(PlanSamplerOnServer, LockedTablesAndMissingRightsAreNotWaitedFor) {
    run("BEGIN; LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE");
    EXPECT_TRUE(plans({"SELECT * FROM orders WHERE id = $1"}).empty());
    run("ROLLBACK");
    run("GRANT USAGE ON SCHEMA app TO web");
    session.emplace(connect("web", {}));
    const auto reading = sampler->sample(*session, {"", {statement(99, "SELECT * FROM orders WHERE id = $1 AND note = $2")}, 60});
    EXPECT_TRUE(reading.batch.plans.empty());
    ASSERT_EQ(reading.notes.size(), 1U);
}

}  // namespace
}  // namespace orrery::collectors
