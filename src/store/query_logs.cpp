#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>
#include <utility>

#include "store/counter_table.hpp"
#include "store/retention.hpp"
#include "store/state.hpp"

/// The history of statements: templates, known statements, intervals with their query_logs, and the cursor.
namespace orrery::store {
namespace {

using base::Result;
using domain::Fingerprint;
using domain::ServerId;
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

Result<void> write_interval(Database& database, StatementNumbers& numbers, ServerId server, const domain::QueryLogInterval& interval) {
    CounterTable table;
    for (const auto& delta : interval.deltas) {
        ORRERY_ASSIGN(const auto number, numbers.number(database, server, delta.key));
        table.statements.push_back(number);
        table.marks.push_back(delta.lower_bound ? 1 : 0);
        table.counters.push_back(delta.counters);
    }
    ORRERY_ASSIGN(const auto packed, pack_counters(table, kLogsLevel));
    return database.run(
        "INSERT INTO query_logs (server, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound, statements, deltas) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        server, base::to_unix_ms(interval.start), base::to_unix_ms(interval.end), interval.known_exec_ms, interval.total_exec_ms,
        interval.lower_bound, interval.deltas.size(), Blob{packed});
}

Result<void> write_cursor(Database& database, StatementNumbers& numbers, ServerId server, const domain::QueryLogCursor& cursor) {
    CounterTable table;
    for (const auto& row : cursor.rows) {
        ORRERY_ASSIGN(const auto number, numbers.number(database, server, row.key));
        table.statements.push_back(number);
        table.marks.push_back(row.since_us);
        table.counters.push_back(row.counters);
    }
    ORRERY_ASSIGN(const auto packed, pack_counters(table, kCursorLevel));
    return database.run(
        "INSERT OR REPLACE INTO cursors (server, taken_ms, scope, server_us, postmaster_us, reset_us, evictions, database_exec_ms, "
        "counters) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        server, base::to_unix_ms(cursor.taken), cursor.scope, cursor.server_us, cursor.postmaster_us, cursor.reset_us, cursor.evictions,
        cursor.database_exec_ms, Blob{packed});
}

Result<void> refuse_overlap(Database& database, ServerId server, std::int64_t start, std::int64_t end) {
    ORRERY_ASSIGN(
        const auto clash,
        database.integer("SELECT id FROM query_logs WHERE server = ?1 AND end_ms > ?2 AND start_ms < ?3 LIMIT 1", server, start, end));
    if (!clash) return {};
    return base::unexpected(base::ErrorKind::conflict, "another process has collected this server meanwhile",
                            "an interval that overlaps this one is stored already",
                            "Let one process collect a server; the next round starts from the stored cursor.");
}

Result<std::vector<domain::StatementDelta>> read_deltas(Database& database, StatementNumbers& numbers, std::string_view packed) {
    ORRERY_ASSIGN(const auto table, unpack_counters(packed));
    std::vector<domain::StatementDelta> deltas;
    deltas.reserve(table.statements.size());
    for (std::size_t row = 0; row < table.statements.size(); ++row) {
        ORRERY_ASSIGN(const auto key, numbers.key(database, table.statements[row]));
        deltas.push_back({.key = key, .counters = table.counters[row], .lower_bound = table.marks[row] != 0});
    }
    return deltas;
}

/// Templates of a server's statements, by number; those without one, and Orrery's own, are left out.
Result<std::unordered_map<std::int64_t, Fingerprint>> workload_statements(Database& database, ServerId server, domain::Oid only) {
    ORRERY_ASSIGN(Query rows, database.query("SELECT id, fingerprint FROM known_statements WHERE server = ?1 AND (?2 = 0 OR database = ?2) "
                                             "AND fingerprint <> 0",
                                             server, only));
    std::unordered_map<std::int64_t, Fingerprint> found;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return found;
        found.emplace(rows.integer(0), fingerprint_at(rows, 1));
    }
}

struct TemplateSum {
    std::int64_t calls = 0, rows = 0;
    double exec_ms = 0;
};
using TemplateSums = std::map<Fingerprint, TemplateSum>;

Result<void> add_up(const std::unordered_map<std::int64_t, Fingerprint>& statements, std::string_view packed, TemplateSums& sums) {
    ORRERY_ASSIGN(const auto table, unpack_counters(packed));
    for (std::size_t row = 0; row < table.statements.size(); ++row) {
        const auto statement = statements.find(table.statements[row]);
        if (statement == statements.end()) continue;
        auto& sum = sums[statement->second];
        sum.calls += table.counters[row].calls;
        sum.rows += table.counters[row].rows;
        sum.exec_ms += table.counters[row].exec_ms;
    }
    return {};
}

Result<std::string> text_of(Database& database, Fingerprint fingerprint) {
    ORRERY_ASSIGN(Query row, database.query("SELECT text FROM query_templates WHERE fingerprint = ?1", column_of(fingerprint)));
    ORRERY_ASSIGN(const bool found, row.next());
    return found ? row.text(0) : std::string();
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
    state_->numbers.begin();
    ORRERY_TRY(refuse_overlap(database, server, start, end));
    ORRERY_TRY(write_interval(database, state_->numbers, server, interval));
    ORRERY_TRY(write_cursor(database, state_->numbers, server, next));
    ORRERY_TRY(roll_up_again_from(database, end));
    ORRERY_TRY(transaction.commit());
    state_->numbers.committed();
    return {};
}

Result<void> SqliteStore::save_cursor(ServerId server, const domain::QueryLogCursor& cursor) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(state_->database));
    state_->numbers.begin();
    ORRERY_TRY(write_cursor(state_->database, state_->numbers, server, cursor));
    ORRERY_TRY(transaction.commit());
    state_->numbers.committed();
    return {};
}

Result<std::optional<domain::QueryLogCursor>> SqliteStore::cursor(ServerId server) {
    auto& database = state_->database;
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(database));
    ORRERY_ASSIGN(Query head,
                  database.query("SELECT taken_ms, scope, server_us, postmaster_us, reset_us, evictions, database_exec_ms, counters "
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
    ORRERY_ASSIGN(const auto table, unpack_counters(head.blob(7)));
    cursor.rows.reserve(table.statements.size());
    for (std::size_t row = 0; row < table.statements.size(); ++row) {
        ORRERY_ASSIGN(const auto key, state_->numbers.key(database, table.statements[row]));
        cursor.rows.push_back({.key = key, .counters = table.counters[row], .since_us = table.marks[row]});
    }
    return std::optional(std::move(cursor));
}

Result<domain::Workload> SqliteStore::workload(ServerId server, base::WallTime from, base::WallTime to, domain::Oid database_oid) {
    auto& database = state_->database;
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(database));
    ORRERY_ASSIGN(const auto statements, workload_statements(database, server, database_oid));
    ORRERY_ASSIGN(Query rows, database.query("SELECT end_ms - start_ms, deltas FROM query_logs WHERE server = ?1 AND start_ms >= ?2 "
                                             "AND end_ms >= ?2 AND end_ms <= ?3 ORDER BY end_ms",
                                             server, base::to_unix_ms(from), base::to_unix_ms(to)));
    std::int64_t observed_ms = 0;
    TemplateSums sums;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) break;
        observed_ms += rows.integer(0);
        ORRERY_TRY(add_up(statements, rows.blob(1), sums));
    }
    domain::Workload workload{.source = fmt::format("collected {} .. {}", base::to_iso8601(from), base::to_iso8601(to)),
                              .statements = {},
                              .observed_seconds = static_cast<double>(observed_ms) / 1000};
    std::vector<std::pair<Fingerprint, TemplateSum>> heaviest(sums.begin(), sums.end());
    std::erase_if(heaviest, [](const auto& sum) { return sum.second.calls <= 0; });
    std::stable_sort(heaviest.begin(), heaviest.end(), [](const auto& a, const auto& b) { return a.second.exec_ms > b.second.exec_ms; });
    for (const auto& [fingerprint, sum] : heaviest) {
        ORRERY_ASSIGN(auto text, text_of(database, fingerprint));
        const auto calls = static_cast<double>(sum.calls);
        workload.statements.push_back({.fingerprint = fingerprint,
                                       .text = std::move(text),
                                       .calls = calls,
                                       .mean_ms = sum.exec_ms / calls,
                                       .rows_per_call = static_cast<double>(sum.rows) / calls});
    }
    return workload;
}

Result<std::vector<domain::QueryLogInterval>> SqliteStore::intervals(ServerId server, base::WallTime from, base::WallTime to) {
    auto& database = state_->database;
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(database));
    ORRERY_ASSIGN(Query rows, database.query("SELECT start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound, deltas FROM query_logs "
                                             "WHERE server = ?1 AND start_ms >= ?2 AND end_ms >= ?2 AND end_ms <= ?3 ORDER BY start_ms, "
                                             "end_ms",
                                             server, base::to_unix_ms(from), base::to_unix_ms(to)));
    std::vector<domain::QueryLogInterval> intervals;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return intervals;
        domain::QueryLogInterval interval{.start = base::from_unix_ms(rows.integer(0)),
                                          .end = base::from_unix_ms(rows.integer(1)),
                                          .known_exec_ms = rows.real(2),
                                          .total_exec_ms = rows.real(3),
                                          .lower_bound = rows.integer(4) != 0,
                                          .deltas = {}};
        ORRERY_ASSIGN(interval.deltas, read_deltas(database, state_->numbers, rows.blob(5)));
        intervals.push_back(std::move(interval));
    }
}

}  // namespace orrery::store
