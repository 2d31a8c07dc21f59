#include "collectors/query_log_sql.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <tuple>

#include "collectors/query_log_events.hpp"
#include "domain/catalog.hpp"

namespace orrery::collectors {
namespace {

using domain::SqlRows;

/// Unix microseconds of a timestamp expression; 0 for NULL.
std::string microseconds(const std::string& expression) {
    return fmt::format("coalesce((extract(epoch FROM {}) * 1000000)::bigint, 0)", expression);
}

/// Where a counter comes from: the column that the extension's version has, the first of the names that exists.
struct CounterSource {
    std::string_view counter;
    std::array<std::string_view, 2> columns;
};
constexpr std::string_view kSquares = "exec_square_ms2";  // no column: made of three
constexpr auto kSources = std::to_array<CounterSource>({
    {"calls", {"calls"}},
    {"rows", {"rows"}},
    {"exec_ms", {"total_exec_time"}},
    {kSquares, {}},
    {"plans", {"plans"}},
    {"plan_ms", {"total_plan_time"}},
    {"shared_hit", {"shared_blks_hit"}},
    {"shared_read", {"shared_blks_read"}},
    {"shared_dirtied", {"shared_blks_dirtied"}},
    {"shared_written", {"shared_blks_written"}},
    {"local_hit", {"local_blks_hit"}},
    {"local_read", {"local_blks_read"}},
    {"local_dirtied", {"local_blks_dirtied"}},
    {"local_written", {"local_blks_written"}},
    {"temp_read", {"temp_blks_read"}},
    {"temp_written", {"temp_blks_written"}},
    {"shared_read_ms", {"blk_read_time", "shared_blk_read_time"}},
    {"shared_write_ms", {"blk_write_time", "shared_blk_write_time"}},
    {"local_read_ms", {"local_blk_read_time"}},
    {"local_write_ms", {"local_blk_write_time"}},
    {"temp_read_ms", {"temp_blk_read_time"}},
    {"temp_write_ms", {"temp_blk_write_time"}},
    {"wal_records", {"wal_records"}},
    {"wal_fpi", {"wal_fpi"}},
    {"wal_bytes", {"wal_bytes"}},
    {"wal_buffers_full", {"wal_buffers_full"}},
    {"jit_functions", {"jit_functions"}},
    {"jit_generation_ms", {"jit_generation_time"}},
    {"jit_inlinings", {"jit_inlining_count"}},
    {"jit_inlining_ms", {"jit_inlining_time"}},
    {"jit_optimizations", {"jit_optimization_count"}},
    {"jit_optimization_ms", {"jit_optimization_time"}},
    {"jit_emissions", {"jit_emission_count"}},
    {"jit_emission_ms", {"jit_emission_time"}},
    {"jit_deforms", {"jit_deform_count"}},
    {"jit_deform_ms", {"jit_deform_time"}},
    {"parallel_workers_to_launch", {"parallel_workers_to_launch"}},
    {"parallel_workers_launched", {"parallel_workers_launched"}},
});
static_assert(std::equal(kSources.begin(), kSources.end(), domain::kCounterNames.begin(), domain::kCounterNames.end(),
                         [](const CounterSource& source, std::string_view name) { return source.counter == name; }));

/// One expression per counter, in the order of domain::kCounterNames; "0" where the extension has none.
std::string counter_columns(const StatementsExtension& extension) {
    std::string list;
    for (const auto& source : kSources) {
        const auto found = std::find_if(source.columns.begin(), source.columns.end(),
                                        [&](std::string_view column) { return extension.has(std::string(column)); });
        if (!list.empty()) list += ", ";
        if (source.counter == kSquares)  // stddev_exec_time is the population's, so that this is the sum of squares
            list += "s.calls * (s.stddev_exec_time * s.stddev_exec_time + s.mean_exec_time * s.mean_exec_time)";
        else
            list += found == source.columns.end() ? "0" : "s." + std::string(*found);
    }
    return list;
}

void read_cell(const SqlRows& rows, std::size_t row, std::size_t column, std::int64_t& value) {
    value = rows.integer(row, column);
}
void read_cell(const SqlRows& rows, std::size_t row, std::size_t column, double& value) {
    value = rows.real(row, column);
}

domain::StatementCounters counters_at(const SqlRows& rows, std::size_t row, std::size_t first) {
    domain::StatementCounters counters;
    std::apply([&](auto&... field) { (read_cell(rows, row, first++, field), ...); }, domain::fields_of(counters));
    return counters;
}

std::string info_columns(const StatementsExtension& extension) {
    return extension.info ? microseconds("i.stats_reset") + ", i.dealloc" : "0, 0";
}

std::string info_source(const StatementsExtension& extension) {
    return extension.info ? fmt::format(" FROM {}.pg_stat_statements_info() i", extension.schema) : "";
}

std::string key_columns(const StatementsExtension& extension) {
    return fmt::format("s.queryid, s.dbid, s.userid, {}", extension.has("toplevel") ? "s.toplevel" : "true");
}

/// What tells an entry from another one of the same key: see QueryLogCursor::Row::since_us.
std::string birth_of(const StatementsExtension& extension) {
    if (extension.has("stats_since")) return microseconds("s.stats_since");
    return "-1 - ((pg_catalog.hashfloat8extended(s.min_exec_time, 0) # pg_catalog.hashfloat8extended(s.max_exec_time, 1)) & "
           "9223372036854775807)";
}

/// The file that WAL goes to begins with the timeline; a standby writes none.
constexpr auto kTimeline =
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby' "
    "ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END";

/// "5 123.5 0,16384 7 1700000000000000": database, time, reset.
std::vector<DatabaseTime> database_times(std::string_view list) {
    std::vector<DatabaseTime> times;
    const char* at = list.data();
    const char* const end = at + list.size();
    while (at < end) {
        DatabaseTime time;
        at = std::from_chars(at, end, time.database).ptr;
        if (at < end) at = std::from_chars(at + 1, end, time.active_ms).ptr;
        if (at < end) at = std::from_chars(at + 1, end, time.reset_us).ptr;
        times.push_back(time);
        while (at < end && *at++ != ',') {}
    }
    return times;
}

/// Bytes from encode(..., 'escape'): "\\351" is a byte, "\\\\" a backslash.
std::string unescaped(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;
        if (text[i] != '\\' || i + 1 >= text.size()) {
            out += text[i];
        } else if (i + 3 < text.size() && std::from_chars(&text[i + 1], &text[i + 4], byte, 8).ptr == &text[i + 1] + 3) {
            out += static_cast<char>(byte);
            i += 3;
        } else {
            out += text[++i];
        }
    }
    return out;
}

domain::StatementKey key_at(const SqlRows& rows, std::size_t row) {
    return {.query_id = rows.integer(row, 0),
            .database = static_cast<domain::Oid>(rows.integer(row, 1)),
            .user = static_cast<domain::Oid>(rows.integer(row, 2)),
            .toplevel = rows.boolean(row, 3)};
}

}  // namespace

bool StatementsExtension::has(const std::string& column) const {
    return std::binary_search(columns.begin(), columns.end(), column);
}

std::string extension_sql() {
    return domain::mark_own(
        "SELECT n.nspname, current_user, ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = "
        "a.attrelid "
        "WHERE c.relname = 'pg_stat_statements' AND c.relnamespace = n.oid AND a.attnum > 0 AND NOT a.attisdropped), "
        "EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = 'pg_stat_statements_info' AND c.relnamespace = n.oid), "
        "pg_catalog.current_setting('server_encoding') = 'SQL_ASCII' "
        "FROM (SELECT) always LEFT JOIN pg_catalog.pg_extension e ON e.extname = 'pg_stat_statements' "
        "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace");
}

StatementsExtension read_extension(const SqlRows& rows, int server_version) {
    StatementsExtension extension{.installed = !rows.is_null(0, 0),
                                  .role = domain::quote_identifier(rows.text(0, 1)),
                                  .schema = domain::quote_identifier(rows.text(0, 0)),
                                  .columns = rows.array(0, 2),
                                  .info = rows.boolean(0, 3),
                                  .active_time = server_version >= 140'000,
                                  .major = server_version / 10'000,
                                  .any_bytes = rows.boolean(0, 4)};
    std::sort(extension.columns.begin(), extension.columns.end());
    return extension;
}

std::string system_sql() {
    return domain::mark_own("SELECT system_identifier FROM pg_catalog.pg_control_system()");
}

std::string timeline_sql() {
    return domain::mark_own(fmt::format("SELECT {}", kTimeline));
}

std::string head_sql(const StatementsExtension& extension) {
    // statement_timestamp(), not clock_timestamp(): it is earlier than everything read here.
    return domain::mark_own(fmt::format(
        "SELECT {}, {}, {}, CASE WHEN pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') THEN 'all' "
        "ELSE 'role ' || (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) END, {}, {}, {}{}",
        microseconds("pg_catalog.statement_timestamp()"), microseconds("pg_catalog.pg_postmaster_start_time()"), info_columns(extension),
        extension.system ? "(SELECT system_identifier FROM pg_catalog.pg_control_system())" : "''", extension.timeline ? kTimeline : "''",
        extension.active_time ? fmt::format("(SELECT pg_catalog.string_agg(datid || ' ' || active_time || ' ' || {}, ',') FROM "
                                            "pg_catalog.pg_stat_database WHERE active_time > 0)",
                                            microseconds("stats_reset"))
                              : "''",
        info_source(extension)));
}

void read_head(const StatementsExtension& extension, const SqlRows& rows, QueryLogSnapshot& snapshot) {
    auto& cursor = snapshot.cursor;
    cursor.server_us = rows.integer(0, 0);
    cursor.postmaster_us = rows.integer(0, 1);
    cursor.reset_us = rows.integer(0, 2);
    cursor.evictions = rows.integer(0, 3);
    snapshot.system_identifier = rows.text(0, 5);
    cursor.scope = ServerScope{.rights = std::string(rows.text(0, 4)),
                               .system = snapshot.system_identifier,
                               .timeline = std::string(rows.text(0, 6)),
                               .major = extension.major,
                               .columns = extension.columns.size()}
                       .text();
    snapshot.databases = database_times(rows.text(0, 7));
    cursor.database_exec_ms = 0;
    for (const auto& database : snapshot.databases) cursor.database_exec_ms += database.active_ms;
}

std::string counters_sql(const StatementsExtension& extension) {
    return domain::mark_own(fmt::format("SELECT {}, {}, {} FROM {}.pg_stat_statements(false) s", key_columns(extension),
                                        birth_of(extension), counter_columns(extension), extension.schema));
}

std::size_t read_counters(const SqlRows& rows, domain::QueryLogCursor& cursor) {
    std::size_t hidden = 0;
    cursor.rows.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (rows.is_null(row, 0)) {
            ++hidden;
            continue;
        }
        cursor.rows.push_back({.key = key_at(rows, row), .counters = counters_at(rows, row, 5), .since_us = rows.integer(row, 4)});
    }
    return hidden;
}

std::string tail_sql(const StatementsExtension& extension) {
    return extension.info ? domain::mark_own("SELECT " + info_columns(extension) + info_source(extension)) : "";
}

std::string texts_sql(const StatementsExtension& extension) {
    return domain::mark_own(fmt::format(
        "SELECT t.queryid, t.dbid, t.userid, t.toplevel, CASE WHEN t.length <= $3::bigint THEN {} END, t.length FROM ("
        "SELECT {}{}, s.query, octet_length(s.query)::bigint AS length, sum(least(octet_length(s.query), $3::bigint)) OVER (ORDER BY "
        "s.total_exec_time DESC ROWS UNBOUNDED PRECEDING) - octet_length(s.query) AS before FROM {}.pg_stat_statements(true) s "
        "WHERE s.queryid = ANY ($1::bigint[])) t WHERE t.before < $2::bigint",
        // The server sends no bytes that are not of the client's encoding.
        extension.any_bytes ? "pg_catalog.encode(pg_catalog.convert_to(t.query, 'SQL_ASCII'), 'escape')" : "t.query",
        key_columns(extension), extension.has("toplevel") ? "" : " AS toplevel", extension.schema));
}

std::vector<StatementText> read_texts(const StatementsExtension& extension, const SqlRows& rows) {
    std::vector<StatementText> texts;
    texts.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        if (rows.is_null(row, 5)) continue;
        const auto text = rows.text(row, 4);
        texts.push_back({key_at(rows, row), extension.any_bytes ? unescaped(text) : std::string(text), rows.integer(row, 5)});
    }
    return texts;
}

}  // namespace orrery::collectors
