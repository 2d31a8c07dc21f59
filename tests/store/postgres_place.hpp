#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/folder.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "store/postgres_store.hpp"
#include "store/samples.hpp"

/// PostgreSQL stores for tests: one private server for the program, a database of its own for each place.
namespace orrery::store_testing {

inline std::optional<pg::PrivateCluster>& shared_cluster() {
    static std::optional<pg::PrivateCluster> cluster;
    return cluster;
}

class ClusterEnvironment final : public testing::Environment {
public:
    void SetUp() override {
        base::reaper::start();
        auto made = pg::PrivateCluster::create({.settings = {{"max_connections", "40"}, {"max_locks_per_transaction", "256"}}});
        ASSERT_TRUE(made) << made.error().to_text();
        shared_cluster().emplace(std::move(made).value());
        const auto started = shared_cluster()->start();
        ASSERT_TRUE(started) << started.error().to_text();
    }
    void TearDown() override { shared_cluster().reset(); }
};
inline const auto* const kClusterEnvironment = testing::AddGlobalTestEnvironment(new ClusterEnvironment);

/// Runs statements as the superuser.
inline domain::SqlRows run_sql(const std::string& database, const std::string& sql) {
    auto session = pg::Session::connect(shared_cluster()->uri(database), {.safe_settings = false});
    EXPECT_TRUE(session) << session.error().to_text();
    auto rows = session->query(sql);
    EXPECT_TRUE(rows) << rows.error().to_text();
    return rows ? *rows : domain::SqlRows{};
}

class PostgresPlace final : public StorePlace {
public:
    PostgresPlace() {
        static int number = 0;
        database_ = "store_" + std::to_string(++number);
        run_sql("postgres", "CREATE DATABASE " + database_);
    }
    PostgresPlace(const PostgresPlace&) = delete;
    PostgresPlace& operator=(const PostgresPlace&) = delete;
    ~PostgresPlace() override { run_sql("postgres", "DROP DATABASE " + database_ + " WITH (FORCE)"); }

    base::Result<std::unique_ptr<domain::Store>> open(base::Clock& clock) override {
        ORRERY_ASSIGN(auto store, store::PostgresStore::open(uri(), {.clock = &clock}));
        return std::unique_ptr<domain::Store>(std::make_unique<store::PostgresStore>(std::move(store)));
    }
    [[nodiscard]] std::string uri() const { return shared_cluster()->uri(database_); }
    [[nodiscard]] const std::string& database() const { return database_; }

private:
    std::string database_;
};

}  // namespace orrery::store_testing
