#include "collectors/session_sql.hpp"

#include <fmt/format.h>

#include <string_view>

namespace orrery::collectors {
namespace {

constexpr int kTextLength = 4'096;  ///< characters of a statement that are asked for

constexpr std::string_view kQueryId = "a.query_id", kNoQueryId = "NULL::bigint";

std::string_view query_id_of(int server_version) {
    return server_version >= 140000 ? kQueryId : kNoQueryId;
}

domain::Oid oid(const domain::SqlRows& rows, std::size_t row, std::size_t column) {
    return static_cast<domain::Oid>(rows.integer(row, column));
}

std::vector<int> pids(const domain::SqlRows& rows, std::size_t row, std::size_t column) {
    std::vector<int> found;
    for (const auto& item : rows.array(row, column)) found.push_back(static_cast<int>(std::strtol(item.c_str(), nullptr, 10)));
    return found;
}

}  // namespace

std::string sessions_sql(int server_version) {
    // A process in the background that waits for its next work is in class Activity, an extension's in class Extension; a checkpoint that
    // is ahead of its schedule, and a sender of WAL without any to send, wait for time to pass. The backend is NULL where it is hidden.
    return fmt::format(
        "SELECT a.pid = pg_catalog.pg_backend_pid() AS own, a.backend_type, a.state, a.wait_event_type, a.wait_event, {0} AS query_id, "
        "a.datid, a.usesysid, CASE WHEN {0} IS NULL AND a.backend_type = 'client backend' THEN left(a.query, {1}) END AS text, "
        "count(*) AS sessions, array_agg(a.pid) FILTER (WHERE a.wait_event_type = 'Lock') AS waiting, "
        "extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000 AS spent_ms "
        "FROM pg_catalog.pg_stat_get_activity(NULL) AS a WHERE CASE a.backend_type "
        "WHEN 'client backend' THEN a.pid = pg_catalog.pg_backend_pid() OR a.state <> 'idle' AND a.application_name NOT LIKE 'orrery/%' "
        "WHEN 'parallel worker' THEN a.application_name NOT LIKE 'orrery/%' "
        "ELSE a.wait_event_type IS NULL OR a.wait_event_type NOT IN ('Activity', 'Extension') "
        "AND a.wait_event <> 'CheckpointWriteDelay' AND a.wait_event NOT LIKE 'WalSender%' END GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9",
        query_id_of(server_version), kTextLength);
}

std::vector<SessionGroup> read_sessions(const domain::SqlRows& rows) {
    std::vector<SessionGroup> groups;
    groups.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        SessionGroup group;
        group.own = rows.boolean(row, 0);
        group.hidden = rows.is_null(row, 1);
        group.backend = rows.text(row, 1);
        group.state = rows.text(row, 2);
        group.wait_class = rows.is_null(row, 3) ? "CPU" : rows.text(row, 3);
        group.wait_event = rows.text(row, 4);
        group.query_id = rows.integer(row, 5);
        group.database = oid(rows, row, 6);
        group.user = oid(rows, row, 7);
        group.text = rows.text(row, 8);
        group.sessions = rows.integer(row, 9);
        group.waiting = pids(rows, row, 10);
        group.spent_ms = rows.real(row, 11);
        groups.push_back(std::move(group));
    }
    return groups;
}

std::string session_texts_sql() {
    return fmt::format(
        "SELECT DISTINCT ON (a.query_id) a.query_id, left(a.query, {}) FROM pg_catalog.pg_stat_get_activity(NULL) AS a "
        "WHERE a.query_id = ANY ($1::bigint[]) AND a.backend_type = 'client backend'",
        kTextLength);
}

std::string session_names_sql() {
    return "SELECT 'd' AS kind, oid, datname::text AS name FROM pg_catalog.pg_database WHERE oid = ANY ($1::oid[]) "
           "UNION ALL SELECT 'r', oid, rolname::text FROM pg_catalog.pg_roles WHERE oid = ANY ($2::oid[])";
}

std::string blocking_sql(int server_version) {
    // Who waits for a row waits for a transaction: the table is that of the row lock which it holds meanwhile.
    const std::string_view waited = server_version >= 140000 ? "max(l.waitstart) FILTER (WHERE NOT l.granted)" : "NULL::timestamptz";
    return fmt::format(
        "WITH waiting AS MATERIALIZED (SELECT w.pid, pg_catalog.pg_blocking_pids(w.pid) AS blockers FROM unnest($1::int[]) AS w(pid)), "
        "involved AS MATERIALIZED (SELECT pid FROM waiting WHERE blockers <> '{{}}' UNION SELECT unnest(blockers) FROM waiting), "
        "locks AS MATERIALIZED (SELECT l.pid, max(l.locktype) FILTER (WHERE NOT l.granted) AS locktype, "
        "max(l.mode) FILTER (WHERE NOT l.granted) AS mode, "
        "coalesce(max(l.relation) FILTER (WHERE NOT l.granted), max(l.relation)) AS relation, max(l.database) AS database, {1} AS "
        "waitstart "
        "FROM pg_catalog.pg_lock_status() AS l WHERE l.pid IN (SELECT pid FROM waiting) AND (NOT l.granted OR l.locktype = 'tuple') "
        "GROUP BY l.pid) "
        "SELECT a.pid, w.blockers, a.state, a.datid, a.usesysid, {0} AS query_id, left(a.query, {2}) AS text, a.application_name, "
        "extract(epoch FROM clock_timestamp() - a.state_change) * 1000 AS state_ms, l.locktype, l.mode, "
        "CASE WHEN l.relation IS NOT NULL THEN coalesce(quote_ident(n.nspname) || '.' || quote_ident(c.relname), 'relation ' || "
        "l.relation) "
        "END AS relation, extract(epoch FROM clock_timestamp() - l.waitstart) * 1000 AS wait_ms "
        "FROM pg_catalog.pg_stat_get_activity(NULL) AS a JOIN involved AS i ON i.pid = a.pid LEFT JOIN waiting AS w ON w.pid = a.pid "
        "LEFT JOIN locks AS l ON l.pid = a.pid LEFT JOIN pg_catalog.pg_class AS c ON c.oid = l.relation AND l.database IN "
        "(0, (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())) "
        "LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace",
        query_id_of(server_version), waited, kTextLength);
}

std::vector<InvolvedRow> read_blocking(const domain::SqlRows& rows) {
    std::vector<InvolvedRow> involved;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        InvolvedRow found;
        auto& session = found.session;
        session.pid = static_cast<int>(rows.integer(row, 0));
        session.blockers = pids(rows, row, 1);
        session.state = rows.text(row, 2);
        found.database = oid(rows, row, 3);
        found.user = oid(rows, row, 4);
        found.query_id = rows.integer(row, 5);
        found.text = rows.text(row, 6);
        session.application = rows.text(row, 7);
        session.state_ms = rows.real(row, 8);
        session.lock_type = rows.text(row, 9);
        session.mode = rows.text(row, 10);
        session.relation = rows.text(row, 11);
        session.wait_ms = rows.real(row, 12);
        involved.push_back(std::move(found));
    }
    return involved;
}

std::string array_parameter(const std::vector<std::int64_t>& items) {
    return fmt::format("{{{}}}", fmt::join(items, ","));
}

}  // namespace orrery::collectors
