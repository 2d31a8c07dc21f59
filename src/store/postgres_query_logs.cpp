#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <type_traits>

#include "store/postgres_state.hpp"
#include "store/record.hpp"

/// The history of statements in a PostgreSQL store: templates, known statements, intervals with their query_logs, and the cursor.
namespace orrery::store {
namespace {

using base::Result;
using domain::QueryLogCursor;
using domain::QueryLogInterval;
using domain::ServerId;
using domain::StatementDelta;

constexpr std::size_t kChunk = 1'000;  ///< items of one statement
constexpr std::size_t kKeyFields = 9;  ///< of a row of query_logs, before the counters

void write_counter(BinaryRows& rows, std::int64_t value) {
    value == 0 ? rows.null() : rows.integer(value);
}
void write_counter(BinaryRows& rows, double value) {
    value == 0 ? rows.null() : rows.real(value);
}

void write_log(BinaryRows& rows, ServerId server, const QueryLogInterval& interval, const StatementDelta& delta) {
    rows.row(kKeyFields + domain::kCounterNames.size());
    rows.integer(server);
    rows.small(static_cast<std::int16_t>(grain_of(interval.start, interval.end)));
    rows.time(interval.start);
    rows.time(interval.end);
    rows.integer(delta.key.query_id);
    rows.oid(delta.key.database);
    rows.oid(delta.key.user);
    rows.boolean(delta.key.toplevel);
    rows.boolean(delta.lower_bound);
    std::apply([&](const auto&... field) { (write_counter(rows, field), ...); }, domain::fields_of(delta.counters));
}

Result<void> insert_logs(PostgresLink& link, ServerId server, const QueryLogInterval& interval) {
    if (interval.deltas.empty()) return {};
    static const std::string kColumns =
        "server_id, grain, start_at, end_at, query_id, database_id, user_id, toplevel, lower_bound, " + postgres_counter_columns();
    std::size_t next = 0;
    ORRERY_TRY(link.copy_rows("ml_optimization.query_logs", kColumns, [&](BinaryRows& rows) {
        if (next == interval.deltas.size()) return false;
        write_log(rows, server, interval, interval.deltas[next++]);
        return true;
    }));
    return {};
}

std::string hex_of(const std::string& bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "\\x";
    text.reserve(2 + 2 * bytes.size());
    for (const char byte : bytes) {
        text += kDigits[static_cast<unsigned char>(byte) >> 4];
        text += kDigits[static_cast<unsigned char>(byte) & 0xf];
    }
    return text;
}

std::string bytes_of(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 2; i + 1 < hex.size(); i += 2) {
        unsigned value = 0;
        std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
        bytes += static_cast<char>(value);
    }
    return bytes;
}

Result<void> write_cursor(PostgresLink& link, ServerId server, const QueryLogCursor& cursor) {
    ORRERY_TRY(
        link.query("INSERT INTO ml_optimization.cursors (server_id, taken_at, scope, server_us, postmaster_us, reset_us, evictions, "
                   "database_exec_ms, packed_rows) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
                   "ON CONFLICT (server_id) DO UPDATE SET (taken_at, scope, server_us, postmaster_us, reset_us, evictions, "
                   "database_exec_ms, packed_rows) = ROW (excluded.taken_at, excluded.scope, excluded.server_us, "
                   "excluded.postmaster_us, excluded.reset_us, excluded.evictions, excluded.database_exec_ms, excluded.packed_rows)",
                   server, cursor.taken, cursor.scope, cursor.server_us, cursor.postmaster_us, cursor.reset_us, cursor.evictions,
                   cursor.database_exec_ms, hex_of(pack(cursor.rows))));
    return {};
}

void read_counter(const TextRow& row, std::size_t column, std::int64_t& value) {
    value = row.integer(column);
}
void read_counter(const TextRow& row, std::size_t column, double& value) {
    value = row.real(column);
}

}  // namespace

std::string postgres_counter_columns(std::string_view prefix) {
    std::string columns;
    for (const auto name : domain::kCounterNames) columns += fmt::format("{}{}{}", columns.empty() ? "" : ", ", prefix, name);
    return columns;
}

Result<void> PostgresStore::save_templates(std::span<const domain::QueryTemplate> templates) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
    for (; !templates.empty(); templates = templates.subspan(std::min(kChunk, templates.size()))) {
        std::vector<std::string> fingerprints, texts;
        for (const auto& item : templates.first(std::min(kChunk, templates.size()))) {
            fingerprints.push_back(fmt::format("{}", column_of(item.fingerprint.value)));
            texts.push_back(item.text);
        }
        // A text withheld earlier may be given later, not the other way round. In one order, so that two writers do not deadlock.
        ORRERY_TRY(
            link.query("INSERT INTO ml_optimization.query_templates AS t (fingerprint, text) SELECT DISTINCT ON (n.fingerprint) "
                       "n.fingerprint, n.text FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS n (fingerprint, text, position) "
                       "ORDER BY n.fingerprint, n.text = '', n.position "
                       "ON CONFLICT (fingerprint) DO UPDATE SET text = excluded.text WHERE t.text = '' AND excluded.text <> ''",
                       array_literal(fingerprints), array_literal(texts)));
    }
    return transaction.commit();
}

Result<void> PostgresStore::save_known_statements(ServerId server, std::span<const domain::KnownStatement> statements) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
    ORRERY_TRY(state_->lock_server(server));
    for (; !statements.empty(); statements = statements.subspan(std::min(kChunk, statements.size()))) {
        std::array<std::vector<std::string>, 5> columns;
        for (const auto& statement : statements.first(std::min(kChunk, statements.size()))) {
            columns[0].push_back(fmt::format("{}", statement.key.query_id));
            columns[1].push_back(fmt::format("{}", statement.key.database));
            columns[2].push_back(fmt::format("{}", statement.key.user));
            columns[3].emplace_back(statement.key.toplevel ? "t" : "f");
            columns[4].push_back(fmt::format("{}", column_of(statement.fingerprint.value)));
        }
        ORRERY_TRY(link.query(
            "INSERT INTO ml_optimization.known_statements (server_id, query_id, database_id, user_id, toplevel, fingerprint) "
            "SELECT $1, query_id, database_id, user_id, toplevel, fingerprint FROM (SELECT DISTINCT ON (query_id, database_id, user_id, "
            "toplevel) * FROM unnest($2::bigint[], $3::oid[], $4::oid[], $5::boolean[], $6::bigint[]) WITH ORDINALITY AS n (query_id, "
            "database_id, user_id, toplevel, fingerprint, position) ORDER BY query_id, database_id, user_id, toplevel, position DESC) AS "
            "last "
            "ORDER BY position ON CONFLICT (server_id, query_id, database_id, user_id, toplevel) DO UPDATE SET fingerprint = "
            "excluded.fingerprint",
            server, array_literal(columns[0]), array_literal(columns[1]), array_literal(columns[2]), array_literal(columns[3]),
            array_literal(columns[4])));
    }
    return transaction.commit();
}

Result<std::vector<domain::KnownStatement>> PostgresStore::known_statements(ServerId server) {
    std::vector<domain::KnownStatement> statements;
    ORRERY_TRY(state_->link.read_rows(fmt::format("SELECT query_id, database_id, user_id, toplevel, fingerprint FROM "
                                                  "ml_optimization.known_statements WHERE server_id = {} ORDER BY learnt",
                                                  server),
                                      [&](const TextRow& row) -> Result<void> {
                                          statements.push_back({{.query_id = row.integer(0),
                                                                 .database = static_cast<domain::Oid>(row.integer(1)),
                                                                 .user = static_cast<domain::Oid>(row.integer(2)),
                                                                 .toplevel = row.boolean(3)},
                                                                {bits_of(row.integer(4))}});
                                          return {};
                                      }));
    return statements;
}

Result<void> PostgresStore::append(ServerId server, const QueryLogInterval& interval, const QueryLogCursor& next) {
    if (interval.end < interval.start)
        return base::unexpected(base::ErrorKind::internal, "an interval of query_logs ends before it starts");
    auto& link = state_->link;
    const int grain = grain_of(interval.start, interval.end);
    return state_->with_partitions([&]() -> Result<void> {
        ORRERY_TRY(state_->tables.ensure_partition(link, "query_logs", grain, interval.end));
        ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
        ORRERY_TRY(state_->lock_server(server));
        ORRERY_ASSIGN(
            const auto inserted,
            link.query("INSERT INTO ml_optimization.intervals (server_id, grain, start_at, end_at, known_exec_ms, total_exec_ms, "
                       "lower_bound) SELECT $1::bigint, $2::smallint, $3::timestamptz, $4::timestamptz, $5::double precision, $6::double "
                       "precision, $7::boolean WHERE NOT EXISTS (SELECT FROM ml_optimization.intervals "
                       "WHERE server_id = $1 AND end_at > $3 AND start_at < $4) ON CONFLICT DO NOTHING",
                       server, grain, interval.start, interval.end, interval.known_exec_ms, interval.total_exec_ms, interval.lower_bound));
        if (inserted.affected == 0)
            return base::unexpected(base::ErrorKind::conflict, "another process has collected this server meanwhile",
                                    "an interval that overlaps this one is stored already",
                                    "Let one process collect a server; the next round starts from the stored cursor.");
        ORRERY_TRY(insert_logs(link, server, interval));
        ORRERY_TRY(write_cursor(link, server, next));
        return transaction.commit();
    });
}

Result<void> PostgresStore::save_cursor(ServerId server, const QueryLogCursor& cursor) {
    return write_cursor(state_->link, server, cursor);
}

Result<std::optional<QueryLogCursor>> PostgresStore::cursor(ServerId server) {
    ORRERY_ASSIGN(const auto found,
                  state_->link.query(fmt::format("SELECT {}, scope, server_us, postmaster_us, reset_us, evictions, database_exec_ms, "
                                                 "packed_rows FROM ml_optimization.cursors WHERE server_id = $1",
                                                 unix_ms_of("taken_at")),
                                     server));
    if (found.empty()) return std::optional<QueryLogCursor>();
    QueryLogCursor cursor{.taken = base::from_unix_ms(found.integer(0, 0)),
                          .scope = original_text(found.text(0, 1)),
                          .server_us = found.integer(0, 2),
                          .postmaster_us = found.integer(0, 3),
                          .reset_us = found.integer(0, 4),
                          .evictions = found.integer(0, 5),
                          .database_exec_ms = found.real(0, 6),
                          .rows = {}};
    ORRERY_ASSIGN(cursor.rows, unpack_cursor_rows(bytes_of(found.text(0, 7))));
    return std::optional(std::move(cursor));
}

Result<domain::Workload> PostgresStore::workload(ServerId server, base::WallTime from, base::WallTime to, domain::Oid database) {
    auto& link = state_->link;
    ORRERY_ASSIGN(const auto snapshot, PostgresTransaction::begin_reading(link));
    ORRERY_ASSIGN(const auto observed, link.query(fmt::format("SELECT coalesce(sum({} - {}), 0) FROM ml_optimization.intervals "
                                                              "WHERE server_id = $1 AND start_at >= $2 AND end_at <= $3 AND end_at >= $2",
                                                              unix_ms_of("end_at"), unix_ms_of("start_at")),
                                                  server, from, to));
    domain::Workload workload{.source = fmt::format("collected {} .. {}", base::to_iso8601(from), base::to_iso8601(to)),
                              .statements = {},
                              .observed_seconds = observed.real(0, 0) / 1000};
    ORRERY_ASSIGN(
        const auto rows,
        link.query(
            "WITH logs AS (SELECT query_id, database_id, user_id, toplevel, sum(calls) AS calls, sum(exec_ms) AS exec_ms, "
            "sum(rows) AS rows FROM ml_optimization.query_logs WHERE server_id = $1 AND start_at >= $2 AND end_at <= $3 "
            "AND end_at >= $2 AND ($4::bigint = 0 OR database_id = $4::bigint::oid) GROUP BY query_id, database_id, user_id, toplevel), "
            "sums AS (SELECT k.fingerprint, sum(l.calls) AS calls, coalesce(sum(l.exec_ms), 0) AS exec_ms, "
            "coalesce(sum(l.rows), 0) AS rows FROM logs l JOIN ml_optimization.known_statements k ON k.server_id = $1 "
            "AND k.query_id = l.query_id AND k.database_id = l.database_id AND k.user_id = l.user_id "
            "AND k.toplevel = l.toplevel WHERE k.fingerprint <> 0 GROUP BY k.fingerprint HAVING sum(l.calls) > 0) "
            "SELECT s.fingerprint, coalesce(t.text, ''), s.calls, s.exec_ms, s.rows FROM sums s "
            "LEFT JOIN ml_optimization.query_templates t ON t.fingerprint = s.fingerprint "
            "ORDER BY s.exec_ms DESC, s.fingerprint",
            server, from, to, static_cast<std::int64_t>(database)));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const double calls = rows.real(i, 2);
        workload.statements.push_back({.fingerprint = {bits_of(rows.integer(i, 0))},
                                       .text = original_text(rows.text(i, 1)),
                                       .calls = calls,
                                       .mean_ms = rows.real(i, 3) / calls,
                                       .rows_per_call = rows.real(i, 4) / calls});
    }
    return workload;
}

Result<void> PostgresStore::State::visit_intervals(ServerId server, const std::string& condition,
                                                   const domain::Take<QueryLogInterval>& take) {
    const auto sql = fmt::format(
        "SELECT {}, {}, i.known_exec_ms, i.total_exec_ms, i.lower_bound, q.query_id, q.database_id, q.user_id, q.toplevel, q.lower_bound, "
        "{} "
        "FROM ml_optimization.intervals i LEFT JOIN ml_optimization.query_logs q ON q.server_id = i.server_id AND q.end_at = i.end_at "
        "AND q.start_at = i.start_at AND q.grain = i.grain WHERE i.server_id = {} AND {} "
        "ORDER BY i.end_at, i.start_at, q.query_id, q.database_id, q.user_id, q.toplevel DESC",
        unix_ms_of("i.start_at"), unix_ms_of("i.end_at"), postgres_counter_columns("q."), server, condition);
    std::optional<QueryLogInterval> current;
    const auto consume = [&](const TextRow& row) -> Result<void> {
        const auto start = base::from_unix_ms(row.integer(0)), end = base::from_unix_ms(row.integer(1));
        if (!current || current->start != start || current->end != end) {
            if (current) ORRERY_TRY(take(std::move(*current)));
            current = QueryLogInterval{.start = start,
                                       .end = end,
                                       .known_exec_ms = row.real(2),
                                       .total_exec_ms = row.real(3),
                                       .lower_bound = row.boolean(4),
                                       .deltas = {}};
        }
        if (row.is_null(5)) return {};
        StatementDelta delta{.key = {.query_id = row.integer(5),
                                     .database = static_cast<domain::Oid>(row.integer(6)),
                                     .user = static_cast<domain::Oid>(row.integer(7)),
                                     .toplevel = row.boolean(8)},
                             .counters = {},
                             .lower_bound = row.boolean(9)};
        std::size_t column = 10;
        std::apply([&](auto&... field) { (read_counter(row, column++, field), ...); }, domain::fields_of(delta.counters));
        current->deltas.push_back(delta);
        return {};
    };
    ORRERY_TRY(link.read_rows(sql, consume));
    if (current) ORRERY_TRY(take(std::move(*current)));
    return {};
}

Result<std::vector<QueryLogInterval>> PostgresStore::intervals(ServerId server, base::WallTime from, base::WallTime to) {
    std::vector<QueryLogInterval> intervals;
    ORRERY_TRY(state_->visit_intervals(
        server, fmt::format("i.start_at >= {0} AND i.end_at >= {0} AND i.end_at <= {1}", time_literal(from), time_literal(to)),
        [&](QueryLogInterval&& interval) -> Result<void> {
            intervals.push_back(std::move(interval));
            return {};
        }));
    return intervals;
}

}  // namespace orrery::store
