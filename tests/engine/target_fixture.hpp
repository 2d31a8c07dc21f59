#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/folder.hpp"
#include "domain/recommendation.hpp"
#include "engine/applying.hpp"
#include "engine/context.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

namespace orrery::engine::testing {

/// A private server with one table of 20 000 orders, made once per test program, and a fresh database and store per test.
class TargetFixture : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = pg::PrivateCluster::create({.settings = {{"shared_preload_libraries", "pg_stat_statements"}, {"autovacuum", "off"}},
                                                .durable = true});  // tests kill it and look at what it had committed
        ASSERT_TRUE(made) << made.error().to_text();
        cluster_ = std::make_unique<pg::PrivateCluster>(std::move(*made));
        const auto started = cluster_->start();
        ASSERT_TRUE(started) << started.error().to_text();
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    void SetUp() override {
        auto folder = base::TemporaryFolder::create("test");
        ASSERT_TRUE(folder);
        folder_.emplace(std::move(*folder));
        context_.store = (folder_->path() / "orrery.db").string();
        ASSERT_TRUE(context_.settings.set("feedback.lock_timeout", "500ms"));
        database_ = fmt::format("db{}", ++count_);
        auto admin = pg::Session::connect(cluster_->uri(), {.safe_settings = false});
        ASSERT_TRUE(admin) << admin.error().to_text();
        ASSERT_TRUE(admin->execute("CREATE DATABASE " + database_));
        execute("CREATE EXTENSION pg_stat_statements");
        execute("CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int NOT NULL, note text)");
        execute("INSERT INTO orders SELECT i, i % 500, 'note ' || i FROM generate_series(1, 20000) i");
        execute("ANALYZE orders");
    }

    [[nodiscard]] std::string target() const { return cluster_->uri(database_); }
    pg::Session connect() {
        auto session = pg::Session::connect(target(), {.application = "test", .safe_settings = false});
        EXPECT_TRUE(session) << session.error().to_text();
        return std::move(*session);
    }
    void execute(const std::string& sql) {
        auto session = connect();
        const auto done = session.execute(sql);
        ASSERT_TRUE(done) << sql << ": " << done.error().to_text();
    }
    std::string value(const std::string& sql) {
        auto session = connect();
        const auto rows = session.query(sql);
        EXPECT_TRUE(rows) << sql << ": " << rows.error().to_text();
        return rows && !rows->empty() ? std::string(rows->text(0, 0)) : std::string();
    }
    /// "valid", "invalid" or "" when there is none.
    std::string index(const std::string& name = "orders_customer_id_idx") {
        return value(fmt::format(
            "SELECT CASE WHEN indisvalid THEN 'valid' ELSE 'invalid' END FROM pg_index WHERE indexrelid = to_regclass('public.{}')", name));
    }
    std::unique_ptr<domain::Store> store() {
        auto opened = open_store(context_);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(*opened);
    }
    /// Saves the recommendations for this target, as advise would.
    void recommend(const std::vector<domain::Recommendation>& recommendations, const std::string& to = {}) {
        auto session = connect_observer(context_, to.empty() ? target() : to, "test");
        ASSERT_TRUE(session) << session.error().to_text();
        const auto file = store();
        const auto server = identify(*file, *session);
        ASSERT_TRUE(server);
        ASSERT_TRUE(file->save_recommendations(*server, recommendations));
    }
    static domain::Recommendation create_advice() {
        domain::Recommendation advice;
        advice.id = "idx-00000001";
        advice.spec.table = {"public", "orders"};
        advice.spec.keys.push_back({"customer_id", "", false, false, ""});
        advice.index = {"public", "orders_customer_id_idx"};
        advice.sql = advice.spec.create_sql(advice.index.name, true);
        advice.revert_sql = "DROP INDEX CONCURRENTLY public.orders_customer_id_idx";
        advice.benefit_percent = 20;
        return advice;
    }
    static domain::Recommendation drop_advice() {
        auto advice = create_advice();
        advice.id = "idx-00000002";
        advice.kind = domain::RecommendationKind::drop_index;
        std::swap(advice.sql, advice.revert_sql);
        return advice;
    }

    static inline std::unique_ptr<pg::PrivateCluster> cluster_;
    static inline int count_ = 0;
    std::optional<base::TemporaryFolder> folder_;
    Context context_;
    std::string database_;
};

}  // namespace orrery::engine::testing
