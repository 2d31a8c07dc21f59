#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

namespace orrery::twin::testing {

/// Fails the test with the whole error when a result has none.
template <typename T>
T take(base::Result<T> result) {
    if (!result) {
        ADD_FAILURE() << result.error().to_text();
        throw std::runtime_error(result.error().message);
    }
    return std::move(result).value();
}

inline void must(const base::Result<void>& result) {
    if (!result) {
        ADD_FAILURE() << result.error().to_text();
        throw std::runtime_error(result.error().message);
    }
}

/// A private server that plays the production database.
class TargetServer {
public:
    TargetServer() : cluster_(take(pg::PrivateCluster::create({.settings = {{"autovacuum", "off"}, {"shared_buffers", "64MB"}}}))) {
        must(cluster_.start());
    }
    ~TargetServer() { (void)cluster_.destroy(); }
    TargetServer(const TargetServer&) = delete;
    TargetServer& operator=(const TargetServer&) = delete;

    /// A session that may do anything.
    pg::Session admin(const std::string& database = "postgres") {
        return take(pg::Session::connect(cluster_.uri(database), {.application = "test", .safe_settings = false}));
    }
    /// A session such as Orrery opens.
    pg::Session observer(const std::string& database, const std::string& role = {}) {
        return take(pg::Session::connect(role.empty() ? cluster_.uri(database) : cluster_.uri_as(role, database), {.application = "twin"}));
    }
    void create_database(const std::string& database, const std::string& schema) {
        auto first = admin();
        must(first.execute("CREATE DATABASE " + database));
        auto session = admin(database);
        must(session.execute(schema));
    }
    pg::PrivateCluster& cluster() { return cluster_; }

private:
    pg::PrivateCluster cluster_;
};

}  // namespace orrery::twin::testing
