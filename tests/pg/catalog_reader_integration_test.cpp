#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

namespace orrery::pg {
namespace {

using domain::Catalog;
using domain::Index;
using domain::RelationName;
using domain::Table;
using namespace std::chrono_literals;

constexpr auto kSchema = R"sql(
CREATE SCHEMA shop; CREATE SCHEMA "Odd ""One"; CREATE SCHEMA app;
CREATE COLLATION shop.plain (provider = libc, locale = 'C');
CREATE TABLE shop.customers (id bigint PRIMARY KEY, email varchar(40) NOT NULL UNIQUE, tags text[], born date, score real);
CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, dropped int, customer_id bigint NOT NULL REFERENCES shop.customers ON DELETE CASCADE,
    status text, total numeric(10,2), note text, created timestamptz NOT NULL DEFAULT now());
ALTER TABLE shop.orders DROP COLUMN dropped;
CREATE INDEX orders_two ON shop.orders (customer_id, created DESC NULLS LAST) INCLUDE (total, note);
CREATE INDEX orders_open ON shop.orders (created) WHERE status = 'open' AND total > 10;
CREATE INDEX orders_lower ON shop.orders (lower(note), (total * 2) NULLS FIRST);
CREATE INDEX orders_pattern ON shop.orders (status text_pattern_ops, note COLLATE shop.plain);
CREATE INDEX orders_hash ON shop.orders USING hash (status);
CREATE TABLE shop.events (day date NOT NULL, kind int, payload jsonb, PRIMARY KEY (day, kind)) PARTITION BY RANGE (day);
CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX events_payload ON shop.events USING gin (payload jsonb_path_ops);
CREATE TABLE shop.logins (day date, kind int, FOREIGN KEY (day, kind) REFERENCES shop.events (day, kind));
CREATE TABLE "Odd ""One"."Order Lines" ("the ""id""" int, "Größe" text);
CREATE INDEX "an ""index""" ON "Odd ""One"."Order Lines" ("the ""id""" DESC, "Größe");
CREATE VIEW shop.open_orders AS SELECT * FROM shop.orders WHERE status = 'open';
CREATE MATERIALIZED VIEW shop.totals AS SELECT customer_id, sum(total) AS total FROM shop.orders GROUP BY 1;
CREATE UNIQUE INDEX totals_key ON shop.totals (customer_id);
CREATE TABLE app.settings (name text, value text);
CREATE TABLE shop.never (x int);
CREATE TEMP TABLE hidden (x int);
INSERT INTO shop.customers SELECT g, 'user' || g || '@example.org', ARRAY['a,b', 'c"d'], '2000-01-01'::date + g % 5, g / 3.0 FROM generate_series(1, 1000) g;
INSERT INTO shop.orders (customer_id, status, total, note) SELECT 1 + g % 1000, CASE WHEN g % 10 = 0 THEN 'open' WHEN g % 3 = 0 THEN 'it''s, "odd" {x}' ELSE 'done' END, g % 100,
    CASE WHEN g % 4 = 0 THEN NULL ELSE 'note ' || g END FROM generate_series(1, 5000) g;
INSERT INTO shop.events SELECT '2024-06-01'::date + g % 400, g, '{}' FROM generate_series(1, 3000) g;
REFRESH MATERIALIZED VIEW shop.totals;
ANALYZE shop.customers, shop.orders, shop.events, shop.totals;
CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader;
CREATE ROLE stranger LOGIN;
ALTER DATABASE postgres SET search_path = shop, "Odd ""One", public;
ALTER ROLE stranger SET search_path = "$user", app;
)sql";

template <typename T>
std::string words(const base::Result<T>& result) {
    return result ? "ok" : result.error().to_text();
}

class CatalogTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = PrivateCluster::create({});
        ASSERT_TRUE(made) << words(made);
        cluster_.emplace(std::move(*made));
        ASSERT_TRUE(cluster_->start());
        auto admin = Session::connect(cluster_->uri(), {.safe_settings = false});
        ASSERT_TRUE(admin);
        const auto filled = admin->execute(kSchema);
        ASSERT_TRUE(filled) << words(filled);
        ASSERT_TRUE(admin->execute("VACUUM ANALYZE shop.orders"));
        const auto seen = read();
        ASSERT_TRUE(seen) << words(seen);
        catalog_ = *seen;
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static base::Result<Catalog> read(const std::string& role = "orrery", const CatalogOptions& options = {}) {
        auto session = Session::connect(cluster_->uri_as(role, "postgres"));
        EXPECT_TRUE(session) << words(session);
        return read_catalog(*session, options);
    }
    static const Table& table(const std::string& schema, const std::string& name) {
        const Table* found = catalog_.find_table({schema, name});
        EXPECT_NE(found, nullptr) << name;
        static const Table none;
        return found != nullptr ? *found : none;
    }
    static const Index& index(const std::string& name) {
        const auto found =
            std::find_if(catalog_.indexes.begin(), catalog_.indexes.end(), [&](const Index& i) { return i.name.name == name; });
        EXPECT_NE(found, catalog_.indexes.end()) << name;
        static const Index none;
        return found != catalog_.indexes.end() ? *found : none;
    }

    static std::optional<PrivateCluster> cluster_;
    static Catalog catalog_;
};
std::optional<PrivateCluster> CatalogTest::cluster_;
Catalog CatalogTest::catalog_;

TEST_F(CatalogTest, TablesOfEveryKind) {
    EXPECT_EQ(catalog_.database, "postgres");
    EXPECT_EQ(catalog_.block_size, 8192);
    EXPECT_GE(catalog_.server_version, 130000);
    EXPECT_EQ(table("shop", "orders").kind, 'r');
    EXPECT_EQ(table("shop", "events").kind, 'p');
    EXPECT_EQ(table("shop", "open_orders").kind, 'v');
    EXPECT_EQ(table("shop", "totals").kind, 'm');
    EXPECT_EQ(table("shop", "events_1").parent, (RelationName{"shop", "events"}));
    EXPECT_FALSE(table("shop", "orders").parent);
    EXPECT_EQ(table("shop", "never").tuples, -1);
    EXPECT_EQ(table("shop", "orders").tuples, 5000);
    EXPECT_GT(table("shop", "orders").pages.value, 0);
    EXPECT_EQ(table("shop", "orders").all_visible, table("shop", "orders").pages);
    EXPECT_EQ(table("shop", "orders").size.value, table("shop", "orders").pages.value * 8192);
    EXPECT_EQ(table("shop", "events").size.value, 0);
    for (const auto& t : catalog_.tables) {
        EXPECT_NE(t.name.schema, "pg_catalog");
        EXPECT_NE(t.name.name, "hidden");
    }
}

TEST_F(CatalogTest, ColumnsWithTheirTypes) {
    const Table& orders = table("shop", "orders");
    ASSERT_EQ(orders.columns.size(), 6U);
    EXPECT_EQ(orders.find_column("dropped"), nullptr);
    const auto* customer = orders.find_column("customer_id");
    ASSERT_NE(customer, nullptr);
    EXPECT_EQ(customer->number, 3);
    EXPECT_EQ(customer->type, "bigint");
    EXPECT_EQ(customer->type_oid, 20U);
    EXPECT_EQ(customer->type_length, 8);
    EXPECT_EQ(customer->type_alignment, 'd');
    EXPECT_EQ(customer->type_category, 'N');
    EXPECT_TRUE(customer->not_null);
    EXPECT_EQ(orders.find_column("total")->type, "numeric(10,2)");
    EXPECT_EQ(orders.find_column("total")->type_length, -1);
    EXPECT_EQ(table("shop", "customers").find_column("email")->type, "character varying(40)");
    EXPECT_EQ(table("Odd \"One", "Order Lines").columns.at(0).name, "the \"id\"");
    EXPECT_EQ(table("Odd \"One", "Order Lines").columns.at(1).name, "Größe");
}

TEST_F(CatalogTest, StatisticsInTheUnitsOfPgStats) {
    const auto& status = table("shop", "orders").find_column("status")->statistics;
    ASSERT_TRUE(status);
    EXPECT_EQ(status->common_values, (std::vector<std::string>{"done", "it's, \"odd\" {x}", "open"}));
    ASSERT_EQ(status->common_frequencies.size(), 3U);
    EXPECT_NEAR(status->common_frequencies[0], 0.6, 0.01);
    EXPECT_NEAR(status->common_frequencies[2], 0.1, 0.01);
    EXPECT_EQ(status->distinct, 3);
    const auto& note = table("shop", "orders").find_column("note")->statistics;
    ASSERT_TRUE(note);
    EXPECT_NEAR(note->null_fraction, 0.25, 0.01);
    EXPECT_LT(note->distinct, 0);
    EXPECT_EQ(note->histogram_bounds.size(), 101U);
    EXPECT_TRUE(note->histogram_bounds.front().starts_with("note "));
    EXPECT_NEAR(table("shop", "orders").find_column("id")->statistics->correlation, 1, 0.001);
    const auto& tags = table("shop", "customers").find_column("tags")->statistics;
    ASSERT_TRUE(tags);
    EXPECT_EQ(tags->common_values, std::vector<std::string>{R"({"a,b","c\"d"})"});
    // A partitioned table has the statistics of its tree.
    ASSERT_TRUE(table("shop", "events").find_column("day")->statistics);
    EXPECT_NEAR(table("shop", "events").find_column("day")->statistics->distinct_count(3000), 400, 0.01);
    EXPECT_FALSE(table("shop", "never").find_column("x")->statistics);
    const auto bare = read("orrery", {.statistics = false});
    ASSERT_TRUE(bare);
    EXPECT_FALSE(bare->find_table({"shop", "orders"})->find_column("status")->statistics);
}

TEST_F(CatalogTest, IndexesWithTheirKeys) {
    const Index& two = index("orders_two");
    EXPECT_EQ(two.spec.table, (RelationName{"shop", "orders"}));
    EXPECT_EQ(two.spec.method, "btree");
    ASSERT_EQ(two.spec.keys.size(), 2U);
    EXPECT_EQ(two.spec.keys[0].column, "customer_id");
    EXPECT_FALSE(two.spec.keys[0].descending);
    EXPECT_TRUE(two.spec.keys[1].descending);
    EXPECT_FALSE(two.spec.keys[1].nulls_first);
    EXPECT_EQ(two.spec.include, (std::vector<std::string>{"total", "note"}));
    EXPECT_FALSE(two.spec.unique);
    EXPECT_GT(two.size.value, 0);
    EXPECT_EQ(two.tuples, 5000);

    const Index& open = index("orders_open");
    EXPECT_EQ(open.spec.predicate, "(status = 'open'::text) AND (total > (10)::numeric)");
    EXPECT_NE(open.definition.find("CREATE INDEX orders_open"), std::string::npos);

    const Index& lower = index("orders_lower");
    ASSERT_EQ(lower.spec.keys.size(), 2U);
    EXPECT_EQ(lower.spec.keys[0].expression, "lower(note)");
    EXPECT_TRUE(lower.spec.keys[0].column.empty());
    EXPECT_EQ(lower.spec.keys[1].expression, "total * 2::numeric");
    EXPECT_TRUE(lower.spec.keys[1].nulls_first);

    const Index& pattern = index("orders_pattern");
    EXPECT_EQ(pattern.spec.keys.at(0).opclass, "text_pattern_ops");
    EXPECT_EQ(pattern.spec.keys.at(0).collation, "");
    EXPECT_EQ(pattern.spec.keys.at(1).opclass, "");
    EXPECT_EQ(pattern.spec.keys.at(1).collation, "shop.plain");
    EXPECT_EQ(index("orders_hash").spec.method, "hash");
    EXPECT_EQ(index("events_payload").spec.keys.at(0).opclass, "jsonb_path_ops");
    EXPECT_EQ(index("an \"index\"").spec.keys.at(0).column, "the \"id\"");
    EXPECT_TRUE(index("an \"index\"").spec.keys.at(0).descending);
    EXPECT_TRUE(index("an \"index\"").spec.keys.at(0).nulls_first);
}

TEST_F(CatalogTest, WhatAnIndexIsFor) {
    EXPECT_TRUE(index("orders_pkey").primary);
    EXPECT_TRUE(index("orders_pkey").constraint);
    EXPECT_TRUE(index("customers_email_key").constraint);
    EXPECT_FALSE(index("customers_email_key").primary);
    EXPECT_TRUE(index("customers_email_key").spec.unique);
    EXPECT_TRUE(index("totals_key").spec.unique);
    EXPECT_FALSE(index("totals_key").constraint);
    EXPECT_TRUE(index("events_1_pkey").partition_child);
    EXPECT_FALSE(index("events_pkey").partition_child);
    EXPECT_EQ(index("events_pkey").size.value, 0);
    EXPECT_TRUE(index("orders_two").valid);
    EXPECT_TRUE(index("orders_two").ready);
}

TEST_F(CatalogTest, EveryDefinitionIsAcceptedAgain) {
    auto session = Session::connect(cluster_->uri(), {.read_only = false, .search_path = ""});
    ASSERT_TRUE(session);
    for (const Index& each : catalog_.indexes) {
        if (each.partition_child || each.spec.table.name.starts_with("events")) continue;
        const auto sql = each.spec.create_sql("again", false);
        ASSERT_TRUE(session->execute("BEGIN"));
        const auto made = session->execute(sql);
        EXPECT_TRUE(made) << sql << words(made);
        if (made) {
            const auto seen = read_catalog(*session, {.statistics = false});
            ASSERT_TRUE(seen);
            const auto copy =
                std::find_if(seen->indexes.begin(), seen->indexes.end(), [](const Index& i) { return i.name.name == "again"; });
            ASSERT_NE(copy, seen->indexes.end());
            EXPECT_EQ(copy->spec, each.spec) << sql;
        }
        ASSERT_TRUE(session->execute("ROLLBACK"));
    }
}

TEST_F(CatalogTest, ForeignKeysOnceEach) {
    ASSERT_EQ(catalog_.foreign_keys.size(), 2U);
    const auto& logins = catalog_.foreign_keys[0];
    EXPECT_EQ(logins.table, (RelationName{"shop", "logins"}));
    EXPECT_EQ(logins.columns, (std::vector<std::string>{"day", "kind"}));
    EXPECT_EQ(logins.referenced_table, (RelationName{"shop", "events"}));
    const auto& orders = catalog_.foreign_keys[1];
    EXPECT_EQ(orders.name, "orders_customer_id_fkey");
    EXPECT_EQ(orders.columns, std::vector<std::string>{"customer_id"});
    EXPECT_EQ(orders.referenced_columns, std::vector<std::string>{"id"});
    EXPECT_EQ(orders.on_delete, 'c');
    EXPECT_EQ(logins.on_delete, 'a');
}

TEST_F(CatalogTest, TheSearchPathIsTheApplications) {
    EXPECT_EQ(catalog_.search_path, (std::vector<std::string>{"shop", "Odd \"One", "public", "app"}));
    EXPECT_NE(catalog_.find_table({"", "Order Lines"}), nullptr);
}

TEST_F(CatalogTest, CountersOfWritesAndScans) {
    auto admin = Session::connect(cluster_->uri(), {.read_only = false, .search_path = ""});
    ASSERT_TRUE(admin);
    ASSERT_TRUE(admin->execute("CREATE TABLE shop.counted (id int PRIMARY KEY, v int)"));
    ASSERT_TRUE(admin->execute("INSERT INTO shop.counted SELECT g, g FROM generate_series(1, 100) g"));
    ASSERT_TRUE(admin->execute("UPDATE shop.counted SET v = 0 WHERE id <= 10"));
    ASSERT_TRUE(admin->execute("DELETE FROM shop.counted WHERE id > 95"));
    ASSERT_TRUE(admin->execute("SET enable_seqscan = off; SELECT * FROM shop.counted WHERE id = 5"));
    ASSERT_TRUE(admin->reconnect());  // a backend that ends has told all its counters
    std::optional<Catalog> after;
    const Table* counted = nullptr;
    for (int i = 0; i < 100 && (counted == nullptr || counted->activity.deleted == 0); ++i) {
        after = read().value();
        counted = after->find_table({"shop", "counted"});
        ASSERT_NE(counted, nullptr);
    }
    EXPECT_EQ(counted->activity.inserted, 100);
    EXPECT_EQ(counted->activity.updated, 10);
    EXPECT_EQ(counted->activity.hot_updated, 10);
    EXPECT_EQ(counted->activity.deleted, 5);
    EXPECT_GE(counted->activity.index_scans, 1);
    ASSERT_TRUE(admin->execute("DROP TABLE shop.counted"));
}

TEST_F(CatalogTest, ALockedTableDoesNotBlock) {
    auto holder = Session::connect(cluster_->uri(), {.read_only = false, .search_path = ""});
    ASSERT_TRUE(holder);
    ASSERT_TRUE(holder->execute("BEGIN; LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE"));
    const auto start = std::chrono::steady_clock::now();
    const auto seen = read();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    ASSERT_TRUE(seen) << words(seen);
    const Table* orders = seen->find_table({"shop", "orders"});
    ASSERT_NE(orders, nullptr);
    EXPECT_EQ(orders->size.value, orders->pages.value * 8192);
    EXPECT_EQ(orders->columns.size(), 6U);
    const Index* two = seen->find_index({"shop", "orders_two"});
    ASSERT_NE(two, nullptr);
    EXPECT_EQ(two->spec, index("orders_two").spec);
    EXPECT_TRUE(two->definition.empty());
    EXPECT_GT(two->size.value, 0);
    EXPECT_EQ(seen->find_index({"shop", "orders_lower"})->spec.keys.at(0).expression, "?");
    EXPECT_EQ(seen->find_index({"shop", "orders_open"})->spec.predicate, "?");
    EXPECT_EQ(seen->find_index({"shop", "totals_key"})->definition, index("totals_key").definition);
    ASSERT_TRUE(holder->execute("ROLLBACK"));
}

TEST_F(CatalogTest, SmallRightsGiveAPartialPicture) {
    const auto reader = read("reader");
    ASSERT_TRUE(reader) << words(reader);
    EXPECT_TRUE(reader->find_table({"shop", "orders"})->find_column("status")->statistics);
    const auto stranger = read("stranger");
    ASSERT_TRUE(stranger) << words(stranger);
    EXPECT_EQ(stranger->tables.size(), catalog_.tables.size());
    EXPECT_EQ(stranger->indexes.size(), catalog_.indexes.size());
    EXPECT_FALSE(stranger->find_table({"shop", "orders"})->find_column("status")->statistics);
    EXPECT_GT(stranger->find_table({"shop", "orders"})->size.value, 0);
    EXPECT_EQ(stranger->search_path, (std::vector<std::string>{"app", "shop", "Odd \"One", "public"}));
}

TEST_F(CatalogTest, RealPlansAreParsed) {
    auto session = Session::connect(cluster_->uri(), {.read_only = false, .search_path = "shop"});
    ASSERT_TRUE(session);
    const auto explained = session->query(
        "EXPLAIN (FORMAT JSON, ANALYZE) SELECT *, (SELECT max(id) FROM customers) FROM orders WHERE customer_id = 7 ORDER BY created DESC "
        "NULLS LAST");
    ASSERT_TRUE(explained);
    const auto plan = parse_plan(std::string(explained->text(0, 0)));
    ASSERT_TRUE(plan) << words(plan);
    EXPECT_TRUE(plan->execution_ms);
    EXPECT_TRUE(plan->root.actual_rows);
    EXPECT_GT(plan->total_cost().value, 0);
    const auto used = plan->indexes_used();
    EXPECT_NE(std::find(used.begin(), used.end(), "customers_pkey"), used.end());
}

}  // namespace
}  // namespace orrery::pg
