#include "optimizers/index_advisor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "optimizers/fixtures.hpp"

namespace orrery::optimizers {
namespace {

using domain::RecommendationKind;
using ::testing::Contains;
using testing::CostTable;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kByCustomer = "SELECT * FROM orders WHERE customer_id = 5";
constexpr auto kCustomer = "public.orders(customer_id)";

class IndexAdvisorTest : public ::testing::Test {
protected:
    void SetUp() override {
        for (auto& item : catalog.indexes) item.scans = 5;
        options.target = "local/shop";
        options.noise_percent = 0;
    }
    void statement(const std::string& text, double calls, std::optional<double> mean_ms = {}, std::optional<double> rows = {}) {
        domain::WorkloadStatement item;
        item.fingerprint.value = workload.statements.size() + 1;
        item.text = text;
        item.calls = calls;
        item.mean_ms = mean_ms;
        item.rows_per_call = rows;
        workload.statements.push_back(std::move(item));
    }
    void plan(const std::string& part, double cost, std::vector<CostTable::Option> choices = {}, std::vector<domain::Oid> existing = {},
              std::map<domain::Oid, double> without = {}) {
        planner.statements.emplace_back(part,
                                        CostTable::Statement{cost, std::move(choices), std::move(existing), std::move(without), false});
    }
    domain::Advice advise() {
        auto advice = advise_indexes(catalog, workload, planner, options);
        EXPECT_TRUE(advice) << advice.error().to_text();
        return advice ? std::move(*advice) : domain::Advice();
    }
    static std::string rejection(const domain::Advice& advice, const std::string& part) {
        for (const auto& item : advice.rejected)
            if (item.sql.find(part) != std::string::npos) return item.why;
        return "";
    }

    domain::Catalog catalog = testing::shop();
    domain::Workload workload;
    CostTable planner;
    IndexAdvisorOptions options;
};

TEST_F(IndexAdvisorTest, AdvisesTheIndexThatPaysWithAllThatBelongsToIt) {
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    const auto& item = advice.recommendations[0];
    EXPECT_EQ(item.kind, RecommendationKind::create_index);
    EXPECT_EQ(item.sql, "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders USING btree (customer_id)");
    EXPECT_EQ(item.revert_sql, "DROP INDEX CONCURRENTLY IF EXISTS public.orders_customer_id_idx");
    EXPECT_EQ(item.index, (domain::RelationName{"public", "orders_customer_id_idx"}));
    EXPECT_THAT(item.id, ::testing::MatchesRegex("idx-[0-9a-f]{8}"));
    EXPECT_GT(item.estimated_size.value, 5 << 20);
    EXPECT_NEAR(item.benefit_percent, 99, 1);
    ASSERT_THAT(item.queries, SizeIs(1));
    EXPECT_EQ(item.queries[0].fingerprint.value, 1U);
    EXPECT_EQ(item.queries[0].cost_before.value, 20000);
    EXPECT_EQ(item.queries[0].cost_after.value, 80);
    EXPECT_THAT(item.why, HasSubstr("Seq Scan"));
    EXPECT_EQ(advice.target, "local/shop");
    EXPECT_EQ(advice.baseline_cost.value, 2e7);
    EXPECT_EQ(advice.final_cost.value, 80000);
    EXPECT_EQ(advice.lower_bound_cost.value, 80000);
    EXPECT_EQ(advice.gap_percent, 0);
    EXPECT_EQ(advice.what_if_calls, planner.calls());
}

TEST_F(IndexAdvisorTest, GivesTheSameAdviceTheSameId) {
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    const auto first = advise(), second = advise();
    ASSERT_THAT(first.recommendations, SizeIs(1));
    ASSERT_THAT(second.recommendations, SizeIs(1));
    EXPECT_EQ(first.recommendations[0].id, second.recommendations[0].id);
}

TEST_F(IndexAdvisorTest, WeighsStatementsByTheirMeasuredTime) {
    statement(kByCustomer, 10, 50.0);
    statement("SELECT * FROM orders WHERE total = 3", 10, 1.0);  // the same cost, a fiftieth of the time
    plan("customer_id = 5", 20000, {{{kCustomer}, 100}});
    plan("total = 3", 20000, {{{"public.orders(total)"}, 100}});
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(2));
    EXPECT_NEAR(advice.recommendations[0].benefit_percent, 98 * 0.99, 1);
    EXPECT_NEAR(advice.recommendations[1].benefit_percent, 2, 0.3);
}

TEST_F(IndexAdvisorTest, RefusesWhatWritesMakeDearer) {
    statement(kByCustomer, 10, 5.0);
    statement("INSERT INTO orders (id, customer_id) VALUES (1, 2)", 1000000, 0.1, 1.0);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    plan("INSERT", 0.01);
    const auto advice = advise();
    EXPECT_THAT(advice.recommendations, IsEmpty());
    EXPECT_THAT(rejection(advice, "(customer_id)"), HasSubstr("writes cost more than reads save"));
}

TEST_F(IndexAdvisorTest, RefusesToTakeUpdatesOffHot) {
    statement("SELECT * FROM orders WHERE total = 3", 200, 4.0);
    statement("UPDATE orders SET total = 3 WHERE id = 4", 100000, 0.03, 1.0);
    catalog.tables[1].activity.updated = 100000;
    catalog.tables[1].activity.hot_updated = 99000;
    catalog.indexes.push_back(testing::index("orders_customer", "orders", {"customer_id"}));
    catalog.indexes.back().scans = 5;
    plan("SELECT * FROM orders WHERE total = 3", 20000, {{{"public.orders(total)"}, 80}});
    plan("UPDATE", 8);
    EXPECT_THAT(advise().recommendations, IsEmpty());
}

TEST_F(IndexAdvisorTest, GivesRunOnceStatementsNoIndexWhenTheWorkloadWasCollected) {
    statement(kByCustomer, 1, 500.0);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    EXPECT_THAT(advise().recommendations, SizeIs(1));
    workload.observed_seconds = 600;
    const auto advice = advise();
    EXPECT_THAT(advice.recommendations, IsEmpty());
    EXPECT_THAT(rejection(advice, "(customer_id)"), HasSubstr("ran once"));
}

TEST_F(IndexAdvisorTest, StaysWithinTheBudget) {
    statement(kByCustomer, 1000);
    statement("SELECT * FROM orders WHERE total = 3", 10);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    plan("total = 3", 20000, {{{"public.orders(total)"}, 80}});
    EXPECT_THAT(advise().recommendations, SizeIs(2));
    options.budget = base::Bytes(10 << 20);
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    EXPECT_EQ(advice.recommendations[0].spec.label(), kCustomer);
    EXPECT_THAT(rejection(advice, "(total)"), HasSubstr("over the budget"));
    EXPECT_GT(advice.gap_percent, 0);
    options.budget = base::Bytes(0);
    EXPECT_THAT(advise().recommendations, IsEmpty());
}

TEST_F(IndexAdvisorTest, NamesIndexesAsNothingElseIs) {
    catalog.indexes.push_back(testing::index("orders_customer_id_idx", "items", {"quantity"}));
    catalog.indexes.back().scans = 5;
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    EXPECT_EQ(advice.recommendations[0].index.name, "orders_customer_id_idx1");
}

TEST_F(IndexAdvisorTest, CountsTheLookUpsThatForeignKeysMakeUnseen) {
    statement("DELETE FROM customers WHERE id = 7", 100, 40.0, 1.0);
    plan("DELETE", 8);
    plan("FROM ONLY public.orders x WHERE customer_id", 20000, {{{kCustomer}, 8}});
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    EXPECT_EQ(advice.recommendations[0].spec.label(), kCustomer);
    EXPECT_THAT(advice.recommendations[0].why, HasSubstr("foreign key"));
}

TEST_F(IndexAdvisorTest, AveragesOverTheDrawsOfAParameter) {
    statement("SELECT count(comment) FROM orders WHERE status = $1", 100);
    planner.types = {"text"};
    plan("'done'", 20000);
    plan("'", 20000, {{{"public.orders(status)"}, 200}});
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    EXPECT_GT(advice.recommendations[0].benefit_percent, 20);
    EXPECT_LT(advice.recommendations[0].benefit_percent, 80);
}

TEST_F(IndexAdvisorTest, TurnsUnusableStatementsIntoWarnings) {
    statement("SELECT FROM WHERE", 5);
    statement("SELECT * FROM orders WHERE nosuch(customer_id) = 5", 5);
    statement("VACUUM orders", 5);
    statement("SELECT * FROM pg_class", 5);
    const auto advice = advise();
    EXPECT_THAT(advice.warnings, SizeIs(2));
    EXPECT_THAT(advice.recommendations, IsEmpty());
    EXPECT_EQ(advice.baseline_cost.value, 0);
}

TEST_F(IndexAdvisorTest, ReportsWhatTheServerRefuses) {
    statement("SELECT * FROM customers WHERE lower(email) = 'x'", 1000);
    plan("lower(email)", 2000, {{{"public.customers((lower(email)))"}, 8}});
    planner.refused = {"public.customers((lower(email)))"};
    const auto advice = advise();
    EXPECT_THAT(advice.recommendations, IsEmpty());
    EXPECT_THAT(rejection(advice, "lower(email)"), HasSubstr("IMMUTABLE"));
}

TEST_F(IndexAdvisorTest, DropsWhatNobodyMissesAndSaysHowToGetItBack) {
    catalog.indexes.push_back(testing::index("orders_idle", "orders", {"comment"}));
    catalog.indexes.back().definition = "CREATE INDEX orders_idle ON public.orders USING btree (comment)";
    statement("INSERT INTO orders (id) VALUES (1)", 1000, 0.05, 1.0);
    plan("INSERT", 0.01);
    const auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    const auto& item = advice.recommendations[0];
    EXPECT_EQ(item.kind, RecommendationKind::drop_index);
    EXPECT_EQ(item.sql, "DROP INDEX CONCURRENTLY IF EXISTS public.orders_idle");
    EXPECT_EQ(item.revert_sql, "CREATE INDEX CONCURRENTLY orders_idle ON public.orders USING btree (comment)");
    EXPECT_EQ(item.estimated_size.value, 10 << 20);
    EXPECT_GT(item.write_cost.value, 0);
    EXPECT_GT(item.benefit_percent, 0);

    options.scan_counters_tell = false;  // counted for too short a time to say so
    EXPECT_THAT(advise().recommendations, IsEmpty());
}

TEST_F(IndexAdvisorTest, KeepsARedundantIndexThatAStatementWouldMiss) {
    catalog.indexes.push_back(testing::index("narrow", "orders", {"customer_id"}));
    catalog.indexes.push_back(testing::index("wide", "orders", {"customer_id", "comment"}));
    for (auto& item : catalog.indexes) item.scans = 5;
    const auto narrow = catalog.indexes[4].oid;
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 100, {}, {narrow}, {{narrow, 100.5}});
    auto advice = advise();
    ASSERT_THAT(advice.recommendations, SizeIs(1));
    EXPECT_EQ(advice.recommendations[0].index.name, "narrow");
    planner.statements[0].second.cost_without[narrow] = 300;
    advice = advise();
    EXPECT_THAT(advice.recommendations, IsEmpty());
    EXPECT_THAT(rejection(advice, "narrow"), HasSubstr("dearer"));
}

TEST_F(IndexAdvisorTest, StopsWhenAsked) {
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    std::stop_source source;
    source.request_stop();
    AdvisorRun run;
    run.stop = source.get_token();
    const auto advice = advise_indexes(catalog, workload, planner, options, run);
    ASSERT_FALSE(advice);
    EXPECT_EQ(advice.error().kind, base::ErrorKind::cancelled);
}

TEST_F(IndexAdvisorTest, AnswersWithWhatItHasWhenTimeIsUp) {
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    options.time_limit = std::chrono::milliseconds(-1);
    const auto advice = advise();
    EXPECT_THAT(advice.recommendations, IsEmpty());
    EXPECT_THAT(advice.warnings, Contains(HasSubstr("time limit")));
    EXPECT_EQ(advice.final_cost.value, 2e7);
    EXPECT_LE(advice.lower_bound_cost.value, advice.final_cost.value);
}

TEST_F(IndexAdvisorTest, ReportsItsProgressInOrder) {
    statement(kByCustomer, 1000);
    plan("customer_id = 5", 20000, {{{kCustomer}, 80}});
    std::vector<double> shares;
    AdvisorRun run;
    run.progress = [&](double share, std::string_view) { shares.push_back(share); };
    ASSERT_TRUE(advise_indexes(catalog, workload, planner, options, run));
    ASSERT_GE(shares.size(), 4U);
    EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
    EXPECT_EQ(shares.back(), 1);
}

TEST(IndexAdvisorOptionsTest, ComeFromTheSettings) {
    config::Settings settings;
    ASSERT_TRUE(settings.set("advise.budget", "64MB"));
    ASSERT_TRUE(settings.set("advise.max_index_width", "2"));
    const auto options = index_advisor_options(settings);
    EXPECT_EQ(options.budget.value, 64 << 20);
    EXPECT_EQ(options.candidates.max_width, 2);
    EXPECT_EQ(options.time_limit, std::chrono::seconds(60));
}

}  // namespace
}  // namespace orrery::optimizers
