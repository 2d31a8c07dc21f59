#include "collectors/plan_sampler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/scripted_session.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using testing::ScriptedSession;

const std::string kSeqScan =
    R"json([{"Plan": {"Node Type": "Seq Scan", "Relation Name": "orders", "Total Cost": 100, "Filter": "(a = 'x')"},
    "Settings": {"plan_cache_mode": "force_generic_plan", "work_mem": "64MB"}}])json";
const std::string kIndexScan = R"([{"Plan": {"Node Type": "Index Scan", "Relation Name": "orders", "Index Name": "i", "Total Cost": 5}}])";

domain::WorkloadStatement statement(std::uint64_t fingerprint, const std::string& text, double calls = 1, double mean_ms = 1) {
    return {.fingerprint = {fingerprint}, .text = text, .calls = calls, .mean_ms = mean_ms, .rows_per_call = {}};
}

class PlanSamplerTest : public ::testing::Test {
protected:
    void SetUp() override {
        for (auto* server : {&old_server, &new_server}) {
            server->answer("BEGIN /* orrery */", {});
            server->answer("ROLLBACK", {});
            server->answer("pg_db_role_setting", {{"\"$user\", public"}});
            server->answer("set_config('orrery.statement'", {{"", "", "", "", "", ""}});
            server->answer("DO /* orrery */", {});
            server->answer("SELECT /* orrery */ pg_catalog.current_setting", {{kSeqScan}});
        }
    }
    PlanSamplerOptions options() const {
        PlanSamplerOptions made;
        made.database = "shop";
        made.application_role = "web";
        return made;
    }
    /// Statements that were planned, in order.
    static std::vector<std::string> planned(const ScriptedSession& server) {
        std::vector<std::string> texts;
        for (const auto& parameters : server.parameters())
            if (parameters.size() == 4) texts.push_back(*parameters[0]);
        return texts;
    }
    base::ManualClock clock;
    ScriptedSession old_server{150'000}, new_server{170'000};
    PlanSampler sampler{clock, options()};
};

TEST_F(PlanSamplerTest, ASampleIsARedactedPlanOfARolledBackTransaction) {
    const auto reading = sampler.sample(new_server, {"", {statement(1, "SELECT * FROM orders WHERE a = $1")}, 60});
    EXPECT_TRUE(reading.failures.empty());
    ASSERT_EQ(reading.batch.plans.size(), 1U);
    const auto& plan = reading.batch.plans[0];
    EXPECT_EQ(plan.fingerprint.value, 1U);
    EXPECT_EQ(plan.database, "shop");
    EXPECT_EQ(plan.source, "explain");
    EXPECT_EQ(plan.total_cost, 100);
    EXPECT_EQ(plan.seen, clock.now());
    EXPECT_EQ(plan.document.find("'x'"), std::string::npos);
    EXPECT_EQ(plan.document.find("plan_cache_mode"), std::string::npos);
    EXPECT_NE(plan.document.find("work_mem"), std::string::npos);
    const auto& asked = new_server.asked();
    EXPECT_NE(asked[1].find("READ ONLY"), std::string::npos);
    EXPECT_NE(asked.back().find("ROLLBACK"), std::string::npos);
    for (const auto& sql : asked) EXPECT_TRUE(domain::is_marked_own(sql)) << sql;
    const auto settings =
        std::find_if(new_server.parameters().begin(), new_server.parameters().end(), [](const auto& p) { return p.size() == 4; });
    EXPECT_EQ((*settings)[2], "web, public");
    EXPECT_EQ((*settings)[3], "500");
}

TEST_F(PlanSamplerTest, GenericPlansComeFromExplainOrFromAPreparedStatement) {
    const domain::Workload workload{"", {statement(1, "SELECT * FROM orders WHERE a = $1 AND b = $2")}, 60};
    sampler.sample(new_server, workload);
    const auto has = [](const ScriptedSession& server, const std::string& words) {
        return std::any_of(server.asked().begin(), server.asked().end(),
                           [&](const auto& sql) { return sql.find(words) != std::string::npos; });
    };
    EXPECT_TRUE(has(new_server, "GENERIC_PLAN"));
    EXPECT_FALSE(has(new_server, "PREPARE"));
    PlanSampler other(clock, options());
    other.sample(old_server, workload);
    EXPECT_TRUE(has(old_server, "PREPARE"));
    EXPECT_FALSE(has(old_server, "GENERIC_PLAN"));
    const auto settings =
        std::find_if(old_server.parameters().begin(), old_server.parameters().end(), [](const auto& p) { return p.size() == 4; });
    EXPECT_EQ((*settings)[1], "(NULL, NULL)");
    for (const auto& sql : old_server.asked()) EXPECT_EQ(sql.find("ANALYZE"), std::string::npos);
}

TEST_F(PlanSamplerTest, OnlySingleQueriesArePlanned) {
    const domain::Workload workload{
        "",
        {statement(1, "VACUUM orders"), statement(2, "SELECT 1; DROP TABLE orders"), statement(3, "EXPLAIN ANALYZE SELECT 1"),
         statement(4, "SELECT * INTO copy FROM orders"), statement(5, "CALL cleanup($1)"), statement(6, "not SQL at all"), statement(7, ""),
         statement(8, "SELECT " + std::string(200'000, '1')), statement(9, "DO $$ BEGIN END $$"), statement(10, "SET work_mem = '1GB'"),
         statement(11, "EXECUTE p"), statement(12, "COPY orders TO PROGRAM 'x'"), statement(13, "INSERT INTO orders VALUES ($1)"),
         statement(14, "UPDATE orders SET a = $1"), statement(15, "DELETE FROM orders"),
         statement(16, "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d")},
        60};
    sampler.sample(new_server, workload);
    EXPECT_THAT(planned(new_server),
                ::testing::UnorderedElementsAre("INSERT INTO orders VALUES ($1)", "UPDATE orders SET a = $1", "DELETE FROM orders",
                                                "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d"));
}

TEST_F(PlanSamplerTest, NewOnesByTheirTimeFirstThenThoseNotSeenLongest) {
    auto some = options();
    some.templates_per_round = 2;
    PlanSampler few(clock, some);
    domain::Workload workload{"", {statement(1, "SELECT 1", 1, 1), statement(2, "SELECT 2", 10, 5), statement(3, "SELECT 3", 2, 10)}, 60};
    few.sample(new_server, workload);
    EXPECT_THAT(planned(new_server), ::testing::ElementsAre("SELECT 2", "SELECT 3"));
    clock.advance(std::chrono::minutes(1));
    workload.statements.push_back(statement(4, "SELECT 4", 100, 100));
    few.sample(new_server, workload);
    EXPECT_THAT(planned(new_server), ::testing::ElementsAre("SELECT 2", "SELECT 3", "SELECT 4", "SELECT 1"));
    clock.advance(std::chrono::minutes(1));
    few.sample(new_server, workload);
    EXPECT_EQ(planned(new_server).size(), 4U) << "all were planned a moment ago";
    clock.advance(std::chrono::hours(6));
    few.sample(new_server, workload);
    EXPECT_THAT(planned(new_server), ::testing::ElementsAre("SELECT 2", "SELECT 3", "SELECT 4", "SELECT 1", "SELECT 2", "SELECT 3"));
}

TEST_F(PlanSamplerTest, AFlipIsAnEvent) {
    const domain::Workload workload{"", {statement(1, "SELECT * FROM orders WHERE a = $1")}, 60};
    EXPECT_TRUE(sampler.sample(new_server, workload).batch.events.empty());
    new_server.answer("SELECT /* orrery */ pg_catalog.current_setting", {{kIndexScan}});
    clock.advance(std::chrono::hours(7));
    const auto reading = sampler.sample(new_server, workload);
    ASSERT_EQ(reading.batch.events.size(), 1U);
    EXPECT_EQ(reading.batch.events[0].kind, "plan_flip");
}

TEST_F(PlanSamplerTest, WhatIsStoredIsNotNewAndItsFlipIsSeen) {
    const domain::Workload workload{"", {statement(1, "SELECT * FROM orders WHERE a = $1")}, 60};
    domain::Plan earlier;
    earlier.root.type = "Index Scan";
    const std::vector<domain::PlanSighting> stored{sighting_of(earlier, {{1}, "shop", "explain", clock.now() - std::chrono::hours(5)})};
    sampler.remember(stored);
    EXPECT_TRUE(sampler.sample(new_server, workload).batch.plans.empty());
    clock.advance(std::chrono::hours(2));
    EXPECT_EQ(sampler.sample(new_server, workload).batch.events.size(), 1U);
}

TEST_F(PlanSamplerTest, ATemplateThatCannotBePlannedIsLeftAloneForADay) {
    new_server.fail("DO /* orrery */", ErrorKind::permission);
    const domain::Workload workload{"", {statement(1, "SELECT * FROM secrets"), statement(2, "SELECT * FROM secrets, orders")}, 60};
    const auto reading = sampler.sample(new_server, workload);
    EXPECT_TRUE(reading.failures.empty());
    ASSERT_EQ(reading.notes.size(), 1U);
    EXPECT_NE(reading.notes[0].find("2 templates of shop"), std::string::npos);
    EXPECT_NE(reading.notes[0].find("GRANT pg_read_all_data"), std::string::npos);
    EXPECT_NE(new_server.asked().back().find("ROLLBACK"), std::string::npos);
    new_server.answer("DO /* orrery */", {});
    clock.advance(std::chrono::hours(7));
    EXPECT_TRUE(sampler.sample(new_server, workload).batch.plans.empty());
    clock.advance(std::chrono::hours(18));
    EXPECT_EQ(sampler.sample(new_server, workload).batch.plans.size(), 2U);
}

TEST_F(PlanSamplerTest, ALostConnectionEndsTheRoundAndBacksOff) {
    new_server.fail("BEGIN /* orrery */", ErrorKind::connection);
    const domain::Workload workload{"", {statement(1, "SELECT 1"), statement(2, "SELECT 2")}, 60};
    const auto reading = sampler.sample(new_server, workload);
    ASSERT_EQ(reading.failures.size(), 1U);
    EXPECT_EQ(reading.failures[0].what, "plans");
    EXPECT_EQ(std::count_if(new_server.asked().begin(), new_server.asked().end(), [](const auto& sql) { return sql.starts_with("BEGIN"); }),
              1);
    EXPECT_FALSE(sampler.due());
    new_server.answer("BEGIN /* orrery */", {});
    clock.advance(std::chrono::minutes(2));
    EXPECT_TRUE(sampler.due());
    EXPECT_EQ(sampler.sample(new_server, workload).batch.plans.size(), 2U);
}

TEST_F(PlanSamplerTest, TypedConstantsBecomeCasts) {
    const domain::Workload workload{"", {statement(1, "SELECT * FROM orders WHERE at > date $1 - interval $2 AND b < $3")}, 60};
    sampler.sample(new_server, workload);
    EXPECT_THAT(planned(new_server), ::testing::ElementsAre("SELECT * FROM orders WHERE at > $1::date - $2::interval AND b < $3"));
}

}  // namespace
}  // namespace orrery::collectors
