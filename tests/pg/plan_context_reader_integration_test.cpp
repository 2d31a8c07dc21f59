#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

namespace orrery::pg {
namespace {

constexpr auto kSchema = R"sql(
CREATE SCHEMA other;
CREATE TABLE orders (id bigint PRIMARY KEY, customer int NOT NULL, note text);
CREATE INDEX orders_customer ON orders (customer, id);
CREATE INDEX orders_note ON orders (lower(note)) WHERE id % 2 = 0;
CREATE INDEX orders_hash ON orders USING hash (customer);
CREATE TABLE other.orders (id int);
CREATE TABLE never (x int);
CREATE TABLE parts (x int) PARTITION BY RANGE (x);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE INDEX parts_x ON parts (x);
CREATE TEMP TABLE hidden (x int);
INSERT INTO orders SELECT g, (g * 7919) % 1000, 'note ' || g FROM generate_series(1, 200000) g;
INSERT INTO parts SELECT g FROM generate_series(1, 900) g;
VACUUM ANALYZE;
INSERT INTO orders SELECT g, g % 1000, 'late' FROM generate_series(200001, 220000) g;
CREATE ROLE stranger LOGIN;
)sql";

template <typename T>
std::string words(const base::Result<T>& result) {
    return result ? "ok" : result.error().to_text();
}

class PlanContextTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = PrivateCluster::create({});
        ASSERT_TRUE(made) << words(made);
        cluster_.emplace(std::move(*made));
        ASSERT_TRUE(cluster_->start());
        auto admin = connect("orrery", false);
        for (std::string sql(kSchema); !sql.empty();) {  // one at a time: VACUUM takes no company
            const auto end = sql.find(";\n");
            const auto done = admin.execute(sql.substr(0, end));
            ASSERT_TRUE(done) << words(done);
            sql.erase(0, end == std::string::npos ? end : end + 2);
        }
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static Session connect(const std::string& role = "orrery", bool safe = true) {
        auto session = Session::connect(cluster_->uri_as(role, "postgres"), {.safe_settings = safe});
        EXPECT_TRUE(session) << words(session);
        return std::move(*session);
    }

    static std::optional<PrivateCluster> cluster_;
};
std::optional<PrivateCluster> PlanContextTest::cluster_;

TEST_F(PlanContextTest, SizesAreThoseThatThePlannerTakes) {
    auto session = connect();
    const auto context = read_plan_context(session);
    ASSERT_TRUE(context) << words(context);
    EXPECT_EQ(context->database, "postgres");
    const auto* orders = context->find_relation("orders", "public");
    ASSERT_NE(orders, nullptr);
    // The rows that came after ANALYZE are in the file, and the planner counts them by density.
    const auto rows = session.query("EXPLAIN (FORMAT JSON) SELECT * FROM public.orders");
    ASSERT_TRUE(rows);
    const auto plan = parse_plan(std::string(rows->text(0, 0)));
    ASSERT_TRUE(plan);
    EXPECT_GT(orders->tuples, 205'000);
    EXPECT_NEAR(orders->tuples, plan->root.rows, 1);
    EXPECT_GT(orders->all_visible_pages, 0);
    EXPECT_LT(orders->all_visible_pages, orders->pages);
    ASSERT_NE(context->find_relation("orders", "other"), nullptr);
    EXPECT_EQ(context->find_relation("orders", "other")->tuples, 0);
    EXPECT_EQ(context->find_relation("never")->tuples, 0);
    EXPECT_EQ(context->find_relation("parts_1")->tuples, 900);
    EXPECT_EQ(context->find_relation("parts"), nullptr) << "has no rows of its own";
    EXPECT_EQ(context->find_relation("hidden"), nullptr);
    EXPECT_EQ(context->find_relation("pg_class"), nullptr);
}

TEST_F(PlanContextTest, IndexesHaveCorrelationAndHeight) {
    auto session = connect();
    const auto context = read_plan_context(session);
    ASSERT_TRUE(context) << words(context);
    const auto* key = context->find_index("orders_pkey");
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(key->table, "orders");
    EXPECT_TRUE(key->unique);
    EXPECT_GT(key->correlation, 0.99);
    EXPECT_GT(key->pages, 500);
    EXPECT_EQ(key->tuples, context->find_relation("orders", "public")->tuples);
    const auto* customer = context->find_index("orders_customer");
    ASSERT_NE(customer, nullptr);
    EXPECT_LT(customer->correlation, 0.2);
    EXPECT_FALSE(customer->unique);
    const auto* note = context->find_index("orders_note");
    ASSERT_NE(note, nullptr);
    EXPECT_NEAR(note->tuples, 100'000, 20'000) << "partial: half the rows";
    EXPECT_GT(note->correlation, 0) << "statistics of the expression";
    EXPECT_EQ(context->find_index("orders_hash")->height, 0);
    EXPECT_EQ(context->find_index("parts_x"), nullptr) << "has no pages of its own";
}

TEST_F(PlanContextTest, EstimatedHeightsAreThoseOfTheMetapage) {
    auto session = connect();
    const auto estimated = read_plan_context(session);
    ASSERT_TRUE(estimated) << words(estimated);
    auto admin = connect("orrery", false);
    if (!admin.execute("CREATE EXTENSION pageinspect")) GTEST_SKIP() << "this installation has no pageinspect";
    const auto exact = read_plan_context(session);
    ASSERT_TRUE(admin.execute("DROP EXTENSION pageinspect"));
    ASSERT_TRUE(exact) << words(exact);
    ASSERT_EQ(exact->indexes.size(), estimated->indexes.size());
    for (std::size_t i = 0; i < exact->indexes.size(); ++i)
        EXPECT_EQ(exact->indexes[i].height, estimated->indexes[i].height) << exact->indexes[i].name;
    EXPECT_EQ(exact->find_index("orders_pkey")->height, 2);
}

TEST_F(PlanContextTest, SettingsAreThoseOfTheSession) {
    auto session = connect();
    ASSERT_TRUE(
        session.execute("SET work_mem = '12MB'; SET hash_mem_multiplier = 3; SET random_page_cost = 1.1; "
                        "SET parallel_leader_participation = off; SET effective_cache_size = '3GB'"));
    const auto context = read_plan_context(session);
    ASSERT_TRUE(context) << words(context);
    EXPECT_GE(context->server.version, 130000);
    EXPECT_EQ(context->server.block_size, 8192);
    EXPECT_EQ(context->server.work_mem.value, 12 << 20);
    EXPECT_EQ(context->server.effective_cache_size.value, std::int64_t{3} << 30);
    EXPECT_GE(context->server.shared_buffers.value, 1 << 20);
    EXPECT_EQ(context->server.hash_mem_multiplier, 3);
    EXPECT_EQ(context->server.random_page_cost, 1.1);
    EXPECT_FALSE(context->server.parallel_leader_participation);
}

TEST_F(PlanContextTest, LocksAreNotWaitedForAndFewRightsSuffice) {
    auto admin = connect("orrery", false);
    ASSERT_TRUE(admin.execute("BEGIN; LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE"));
    auto session = connect("stranger");
    const auto context = read_plan_context(session);
    ASSERT_TRUE(admin.execute("ROLLBACK"));
    ASSERT_TRUE(context) << words(context);
    ASSERT_NE(context->find_relation("orders", "public"), nullptr);
    EXPECT_EQ(context->find_relation("orders", "public")->tuples, 200'000) << "those of pg_class";
    ASSERT_NE(context->find_index("orders_pkey"), nullptr);
    EXPECT_EQ(context->find_index("orders_pkey")->correlation, 0) << "statistics that the role may not read";
}

TEST(BtreeHeight, GrowsWithPagesAndKeys) {
    EXPECT_EQ(estimated_btree_height(0, 8), 0);
    EXPECT_EQ(estimated_btree_height(2, 8), 0);
    EXPECT_EQ(estimated_btree_height(3, 8), 1);
    EXPECT_EQ(estimated_btree_height(280, 8), 1);
    EXPECT_EQ(estimated_btree_height(300, 8), 2);
    EXPECT_EQ(estimated_btree_height(280, 100), 2);
    EXPECT_EQ(estimated_btree_height(100'000, 8), 3);
}

}  // namespace
}  // namespace orrery::pg
