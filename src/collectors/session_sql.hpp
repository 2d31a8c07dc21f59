#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/blocking_tree.hpp"
#include "domain/sql_session.hpp"

/// The statements that look at a server's sessions, and the reading of their answers. They call the functions below pg_stat_activity and
/// pg_locks, not the views: those join names to every session, idle ones too, for more than twice the price.
/// Columns: https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW
namespace orrery::collectors {

/// Sessions that were in the same situation at one moment.
struct SessionGroup {
    bool own = false;           ///< the session that asks; always there, not to be counted
    bool hidden = false;        ///< of roles whose activity may not be seen, idle ones included
    std::string backend;        ///< "client backend", "autovacuum worker", ...
    std::string state;          ///< "active", "idle in transaction", ...
    std::string wait_class;     ///< "CPU" when nothing is waited for
    std::string wait_event;     ///< empty then
    std::int64_t query_id = 0;  ///< 0 when the server computes none
    domain::Oid database = 0, user = 0;
    std::string text;  ///< of the statement (its beginning), when there is no query id
    std::int64_t sessions = 0;
    std::vector<int> waiting;  ///< pids, when they wait for a lock
    double spent_ms = 0;       ///< by the server on the statement
};

/// Groups of client sessions that are not idle and of background processes that do something or wait for something other than work.
/// Sessions of Orrery's own are left out. Without parameters, so that it can be prepared.
std::string sessions_sql(int server_version);
std::vector<SessionGroup> read_sessions(const domain::SqlRows& rows);

/// Texts of the statements under way whose query ids are in $1 (bigint[]): one row each, query id and text.
std::string session_texts_sql();

/// Names of the databases in $1 and of the roles in $2 (oid[]): rows of kind ("d" or "r"), oid, name.
std::string session_names_sql();

/// Sessions that wait for a lock, of the pids in $1 (int[]), and those that block them.
std::string blocking_sql(int server_version);
/// Databases and users as OIDs: their names, and the fingerprints, are for the caller to fill in.
struct InvolvedRow {
    InvolvedSession session;
    domain::Oid database = 0, user = 0;
    std::int64_t query_id = 0;
    std::string text;
};
std::vector<InvolvedRow> read_blocking(const domain::SqlRows& rows);

/// "{1,2}": an array parameter.
std::string array_parameter(const std::vector<std::int64_t>& items);

}  // namespace orrery::collectors
