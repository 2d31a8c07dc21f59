#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/sql_session.hpp"

namespace orrery::feedback {

/// An index as the catalog shows it this moment.
struct IndexState {
    bool valid = false;
    bool constraint = false;  ///< backs a constraint
    domain::RelationName table;
    std::string definition;  ///< pg_get_indexdef
};
/// Nothing when there is no index of that name.
base::Result<std::optional<IndexState>> index_state(domain::SqlSession& session, const domain::RelationName& index);

/// "CREATE INDEX a ON ..." as pg_get_indexdef prints it, made concurrent.
std::string concurrently(const std::string& definition);

struct ChangeOptions {
    std::chrono::milliseconds lock_timeout{3'000};  ///< of the first try; doubles with each further one
    std::chrono::milliseconds statement_timeout{7'200'000};
    int tries = 5;
    std::chrono::milliseconds pause{500};  ///< before the second try; doubles
};

/// Opens a connection that no stop request cancels: cleaning up must get through.
using Connect = std::function<base::Result<std::unique_ptr<domain::SqlSession>>()>;

/// What a CREATE or DROP INDEX CONCURRENTLY works with.
struct ChangeContext {
    domain::SqlSession& session;
    const Connect& connect;
    base::Clock& clock;
    const ChangeOptions& options;
    std::stop_token stop;
};

/// Runs CREATE INDEX CONCURRENTLY to a valid index. A try that fails on a lock is cleaned up and repeated, waiting longer each
/// time. On any other failure nothing is left of the index, unless the error is `connection`: then nobody knows yet.
base::Result<void> build_index(const ChangeContext& context, const domain::RelationName& index, const std::string& sql);

/// Runs DROP INDEX CONCURRENTLY until the index is gone. After a failure that left it invalid the error says so.
base::Result<void> drop_index(const ChangeContext& context, const domain::RelationName& index, const std::string& sql);

/// Drops what a broken build left: only an index that is INVALID. True when there was one.
base::Result<bool> drop_invalid(domain::SqlSession& session, const domain::RelationName& index, const ChangeContext& context);

/// Who has the longest transaction open: "pid 4711 (psql), open for 00:12:01"; empty when nobody.
std::string longest_transaction(domain::SqlSession& session);

}  // namespace orrery::feedback
