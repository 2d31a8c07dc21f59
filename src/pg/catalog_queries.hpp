#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "domain/sql_session.hpp"

/// Pieces of the questions to a catalog that never wait for a lock. Only for pg's own files.
namespace orrery::pg {

/// What counts as the user's (pg_namespace n, pg_class c): no system schema, no temporary table.
inline constexpr std::string_view kUserRelation =
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_' AND c.relpersistence <> 't'";

/// Relations that asking for a size or a definition would wait for, those with an exclusive lock only asked for included:
/// whoever comes after such a request queues behind it.
inline constexpr std::string_view kLocked =
    "WITH locked AS MATERIALIZED (SELECT DISTINCT relation FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND mode = "
    "'AccessExclusiveLock' "
    "AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND pid <> "
    "pg_catalog.pg_backend_pid()) ";

/// A lock may be taken, or a relation dropped, between the look at the catalog and the question: then ask again, knowing of it.
inline base::Result<domain::SqlRows> query_around_locks(domain::SqlSession& session, const std::string& sql) {
    constexpr int kTries = 3;
    const auto overtaken = [](const base::Error& error) { return error.kind == base::ErrorKind::conflict || error.sqlstate == "XX000"; };
    auto rows = session.query(sql);
    for (int attempt = 1; attempt < kTries && !rows && overtaken(rows.error()); ++attempt) rows = session.query(sql);
    return rows;
}

}  // namespace orrery::pg
