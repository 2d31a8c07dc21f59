#include <fmt/format.h>

#include <bit>
#include <tuple>
#include <unordered_set>

#include "store/state.hpp"

/// The history of statements: templates, known statements, intervals with their query_logs, and the cursor.
namespace orrery::store {
namespace {

using base::Result;
using domain::Fingerprint;
using domain::ServerId;
using domain::StatementCounters;
using domain::StatementKey;

std::int64_t column_of(Fingerprint fingerprint) {
    return std::bit_cast<std::int64_t>(fingerprint.value);
}
Fingerprint fingerprint_at(const Query& query, int column) {
    return {std::bit_cast<std::uint64_t>(query.integer(column))};
}

/// Four columns from `first` on: query_id, database, user, toplevel.
StatementKey key_at(const Query& query, int first) {
    return {.query_id = query.integer(first),
            .database = static_cast<domain::Oid>(query.integer(first + 1)),
            .user = static_cast<domain::Oid>(query.integer(first + 2)),
            .toplevel = query.integer(first + 3) != 0};
}

void read_column(const Query& query, int column, std::int64_t& value) {
    value = query.integer(column);
}
void read_column(const Query& query, int column, double& value) {
    value = query.real(column);
}

StatementCounters counters_at(const Query& query, int first) {
    StatementCounters counters;
    std::apply([&](auto&... field) { (read_column(query, first++, field), ...); }, domain::fields_of(counters));
    return counters;
}

/// The store's short number of a statement, given at first sight.
Result<std::int64_t> statement_number(Database& database, ServerId server, const StatementKey& key) {
    ORRERY_ASSIGN(const auto known,
                  database.integer("SELECT id FROM known_statements WHERE server = ?1 AND query_id = ?2 AND database = ?3 "
                                   "AND user = ?4 AND toplevel = ?5",
                                   server, key.query_id, key.database, key.user, key.toplevel));
    if (known) return *known;
    ORRERY_TRY(database.run("INSERT INTO known_statements (server, query_id, database, user, toplevel) VALUES (?1, ?2, ?3, ?4, ?5)", server,
                            key.query_id, key.database, key.user, key.toplevel));
    return database.last_inserted();
}

/// "calls, rows, ...".
std::string counter_columns() {
    return fmt::format("{}", fmt::join(domain::kCounterNames, ", "));
}

/// "?<first>, ..." for all counters.
std::string counter_places(std::size_t first) {
    std::string places;
    for (std::size_t i = 0; i < domain::kCounterNames.size(); ++i) places += fmt::format("{}?{}", i == 0 ? "" : ", ", first + i);
    return places;
}

const std::string& insert_log_sql() {
    static const std::string kSql = fmt::format("INSERT INTO query_logs (interval, statement, lower_bound, {}) VALUES (?1, ?2, ?3, {})",
                                                counter_columns(), counter_places(4));
    return kSql;
}

// A row that has not changed is not written again: most statements of a server rest between two rounds.
const std::string& upsert_cursor_sql() {
    static const std::string kSql = fmt::format(
        "INSERT INTO cursor_rows (server, statement, since_us, {0}) VALUES (?1, ?2, {1}) "
        "ON CONFLICT DO UPDATE SET (since_us, {0}) = ({1}) WHERE (since_us, {0}) IS NOT ({1})",
        counter_columns(), "?3, " + counter_places(4));
    return kSql;
}

Result<void> write_logs(Database& database, ServerId server, std::int64_t interval, std::span<const domain::StatementDelta> deltas) {
    ORRERY_ASSIGN(Query insert, database.query(insert_log_sql()));
    for (const auto& delta : deltas) {
        ORRERY_ASSIGN(const auto statement, statement_number(database, server, delta.key));
        ORRERY_TRY(std::apply([&](const auto&... field) { return insert.run(interval, statement, delta.lower_bound, field...); },
                              domain::fields_of(delta.counters)));
    }
    return {};
}

Result<void> forget_cursor_rows_but(Database& database, ServerId server, const std::unordered_set<std::int64_t>& kept) {
    std::vector<std::int64_t> gone;
    {
        ORRERY_ASSIGN(Query rows, database.query("SELECT statement FROM cursor_rows WHERE server = ?1", server));
        while (true) {
            ORRERY_ASSIGN(const bool more, rows.next());
            if (!more) break;
            if (!kept.contains(rows.integer(0))) gone.push_back(rows.integer(0));
        }
    }
    for (const auto statement : gone)
        ORRERY_TRY(database.run("DELETE FROM cursor_rows WHERE server = ?1 AND statement = ?2", server, statement));
    return {};
}

Result<void> write_cursor(Database& database, ServerId server, const domain::QueryLogCursor& cursor) {
    ORRERY_TRY(database.run(
        "INSERT OR REPLACE INTO cursors (server, taken_ms, scope, server_us, postmaster_us, reset_us, evictions, database_exec_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        server, base::to_unix_ms(cursor.taken), cursor.scope, cursor.server_us, cursor.postmaster_us, cursor.reset_us, cursor.evictions,
        cursor.database_exec_ms));
    std::unordered_set<std::int64_t> written;
    written.reserve(cursor.rows.size());
    {
        ORRERY_ASSIGN(Query upsert, database.query(upsert_cursor_sql()));
        for (const auto& row : cursor.rows) {
            ORRERY_ASSIGN(const auto statement, statement_number(database, server, row.key));
            ORRERY_TRY(std::apply([&](const auto&... field) { return upsert.run(server, statement, row.since_us, field...); },
                                  domain::fields_of(row.counters)));
            written.insert(statement);
        }
    }
    return forget_cursor_rows_but(database, server, written);
}

Result<void> refuse_overlap(Database& database, ServerId server, std::int64_t start, std::int64_t end) {
    ORRERY_ASSIGN(const auto clash, database.integer("SELECT id FROM intervals WHERE server = ?1 AND end_ms > ?2 AND start_ms < ?3 LIMIT 1",
                                                     server, start, end));
    if (!clash) return {};
    return base::unexpected(base::ErrorKind::conflict, "another process has collected this server meanwhile",
                            "an interval that overlaps this one is stored already",
                            "Let one process collect a server; the next round starts from the stored cursor.");
}

Result<std::vector<domain::StatementDelta>> read_logs(Database& database, std::int64_t interval) {
    static const std::string kSql = fmt::format(
        "SELECT k.query_id, k.database, k.user, k.toplevel, q.lower_bound, {} FROM query_logs q JOIN known_statements k ON k.id = "
        "q.statement "
        "WHERE q.interval = ?1 ORDER BY q.statement",
        counter_columns());
    ORRERY_ASSIGN(Query rows, database.query(kSql, interval));
    std::vector<domain::StatementDelta> deltas;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return deltas;
        deltas.push_back({.key = key_at(rows, 0), .counters = counters_at(rows, 5), .lower_bound = rows.integer(4) != 0});
    }
}

}  // namespace

Result<void> SqliteStore::save_templates(std::span<const domain::QueryTemplate> templates) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    for (const auto& item : templates)  // a text withheld earlier may be given later, not the other way round
        ORRERY_TRY(
            database.run("INSERT INTO query_templates (fingerprint, text) VALUES (?1, ?2) "
                         "ON CONFLICT DO UPDATE SET text = ?2 WHERE text = ''",
                         column_of(item.fingerprint), item.text));
    return transaction.commit();
}

Result<void> SqliteStore::save_known_statements(ServerId server, std::span<const domain::KnownStatement> statements) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    for (const auto& statement : statements)
        ORRERY_TRY(
            database.run("INSERT INTO known_statements (server, query_id, database, user, toplevel, fingerprint) "
                         "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET fingerprint = ?6",
                         server, statement.key.query_id, statement.key.database, statement.key.user, statement.key.toplevel,
                         column_of(statement.fingerprint)));
    return transaction.commit();
}

Result<std::vector<domain::KnownStatement>> SqliteStore::known_statements(ServerId server) {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT query_id, database, user, toplevel, fingerprint FROM known_statements "
                                                     "WHERE server = ?1 AND fingerprint IS NOT NULL ORDER BY id",
                                                     server));
    std::vector<domain::KnownStatement> statements;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return statements;
        statements.push_back({key_at(rows, 0), fingerprint_at(rows, 4)});
    }
}

Result<void> SqliteStore::append(ServerId server, const domain::QueryLogInterval& interval, const domain::QueryLogCursor& next) {
    auto& database = state_->database;
    const auto start = base::to_unix_ms(interval.start), end = base::to_unix_ms(interval.end);
    if (end < start) return base::unexpected(base::ErrorKind::internal, "an interval of query_logs ends before it starts");
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    ORRERY_TRY(refuse_overlap(database, server, start, end));
    ORRERY_TRY(
        database.run("INSERT INTO intervals (server, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                     server, start, end, interval.known_exec_ms, interval.total_exec_ms, interval.lower_bound));
    ORRERY_TRY(write_logs(database, server, database.last_inserted(), interval.deltas));
    ORRERY_TRY(write_cursor(database, server, next));
    return transaction.commit();
}

Result<void> SqliteStore::save_cursor(ServerId server, const domain::QueryLogCursor& cursor) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(state_->database));
    ORRERY_TRY(write_cursor(state_->database, server, cursor));
    return transaction.commit();
}

Result<std::optional<domain::QueryLogCursor>> SqliteStore::cursor(ServerId server) {
    static const std::string kSql = fmt::format(
        "SELECT k.query_id, k.database, k.user, k.toplevel, since_us, {} FROM cursor_rows c JOIN known_statements k ON k.id = c.statement "
        "WHERE c.server = ?1 ORDER BY c.statement",
        counter_columns());
    auto& database = state_->database;
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(database));
    ORRERY_ASSIGN(Query head, database.query("SELECT taken_ms, scope, server_us, postmaster_us, reset_us, evictions, database_exec_ms "
                                             "FROM cursors WHERE server = ?1",
                                             server));
    ORRERY_ASSIGN(const bool found, head.next());
    if (!found) return std::optional<domain::QueryLogCursor>();
    domain::QueryLogCursor cursor{.taken = base::from_unix_ms(head.integer(0)),
                                  .scope = head.text(1),
                                  .server_us = head.integer(2),
                                  .postmaster_us = head.integer(3),
                                  .reset_us = head.integer(4),
                                  .evictions = head.integer(5),
                                  .database_exec_ms = head.real(6),
                                  .rows = {}};
    ORRERY_ASSIGN(Query rows, database.query(kSql, server));
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return std::optional(std::move(cursor));
        cursor.rows.push_back({.key = key_at(rows, 0), .counters = counters_at(rows, 5), .since_us = rows.integer(4)});
    }
}

Result<domain::Workload> SqliteStore::workload(ServerId server, base::WallTime from, base::WallTime to, domain::Oid database) {
    const auto from_ms = base::to_unix_ms(from), to_ms = base::to_unix_ms(to);
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(state_->database));
    ORRERY_ASSIGN(const auto observed_ms, state_->database.integer("SELECT coalesce(sum(end_ms - start_ms), 0) FROM intervals "
                                                                   "WHERE server = ?1 AND start_ms >= ?2 AND end_ms <= ?3",
                                                                   server, from_ms, to_ms));
    domain::Workload workload{.source = fmt::format("collected {} .. {}", base::to_iso8601(from), base::to_iso8601(to)),
                              .statements = {},
                              .observed_seconds = static_cast<double>(observed_ms.value_or(0)) / 1000};
    ORRERY_ASSIGN(
        Query rows,
        state_->database.query("WITH sums AS (SELECT k.fingerprint, sum(q.calls) AS calls, sum(q.exec_ms) AS exec_ms, sum(q.rows) AS rows "
                               "FROM intervals i JOIN query_logs q ON q.interval = i.id JOIN known_statements k ON k.id = q.statement "
                               "WHERE i.server = ?1 AND i.start_ms >= ?2 AND i.end_ms <= ?3 AND (?4 = 0 OR k.database = ?4) "
                               "AND k.fingerprint <> 0 GROUP BY k.fingerprint HAVING sum(q.calls) > 0) "
                               "SELECT s.fingerprint, coalesce(t.text, ''), s.calls, s.exec_ms, s.rows FROM sums s "
                               "LEFT JOIN query_templates t ON t.fingerprint = s.fingerprint ORDER BY s.exec_ms DESC, s.fingerprint",
                               server, from_ms, to_ms, database));
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return workload;
        const double calls = rows.real(2);
        workload.statements.push_back({.fingerprint = fingerprint_at(rows, 0),
                                       .text = rows.text(1),
                                       .calls = calls,
                                       .mean_ms = rows.real(3) / calls,
                                       .rows_per_call = rows.real(4) / calls});
    }
}

Result<std::vector<domain::QueryLogInterval>> SqliteStore::intervals(ServerId server, base::WallTime from, base::WallTime to) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Query rows, database.query("SELECT id, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound FROM intervals "
                                             "WHERE server = ?1 AND start_ms >= ?2 AND end_ms <= ?3 ORDER BY start_ms, id",
                                             server, base::to_unix_ms(from), base::to_unix_ms(to)));
    std::vector<domain::QueryLogInterval> intervals;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return intervals;
        domain::QueryLogInterval interval{.start = base::from_unix_ms(rows.integer(1)),
                                          .end = base::from_unix_ms(rows.integer(2)),
                                          .known_exec_ms = rows.real(3),
                                          .total_exec_ms = rows.real(4),
                                          .lower_bound = rows.integer(5) != 0,
                                          .deltas = {}};
        ORRERY_ASSIGN(interval.deltas, read_logs(database, rows.integer(0)));
        intervals.push_back(std::move(interval));
    }
}

}  // namespace orrery::store
