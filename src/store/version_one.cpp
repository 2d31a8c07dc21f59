#include "store/version_one.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "store/counter_table.hpp"

namespace orrery::store {
namespace {

using base::Result;

/// The column of version 1 that a counter continues; "0" for one that it did not have.
std::string_view old_column(std::string_view counter) {
    constexpr std::array<std::string_view, 13> kUnchanged{"calls",        "rows",        "exec_ms",        "exec_square_ms2", "plan_ms",
                                                          "shared_hit",   "shared_read", "shared_dirtied", "shared_written",  "temp_read",
                                                          "temp_written", "wal_records", "wal_bytes"};
    if (counter == "local_hit") return "local_blocks";
    if (counter == "shared_read_ms") return "io_read_ms";
    if (counter == "shared_write_ms") return "io_write_ms";
    return std::find(kUnchanged.begin(), kUnchanged.end(), counter) != kUnchanged.end() ? counter : "0";
}

std::string select_sql() {
    std::string sql = "SELECT statement, lower_bound";
    for (const auto counter : domain::kCounterNames) sql += fmt::format(", {}", old_column(counter));
    return sql + " FROM old_query_logs WHERE interval = ?1 ORDER BY statement";
}

void read_column(const Query& query, int column, std::int64_t& value) {
    value = query.integer(column);
}
void read_column(const Query& query, int column, double& value) {
    value = query.real(column);
}

Result<CounterTable> read_logs(Database& database, std::int64_t interval) {
    static const std::string kSql = select_sql();
    ORRERY_ASSIGN(Query rows, database.query(kSql, interval));
    CounterTable table;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return table;
        table.statements.push_back(rows.integer(0));
        table.marks.push_back(rows.integer(1));
        int column = 2;
        std::apply([&](auto&... field) { (read_column(rows, column++, field), ...); }, domain::fields_of(table.counters.emplace_back()));
    }
}

}  // namespace

Result<void> pack_version_one(Database& database) {
    {
        ORRERY_ASSIGN(Query intervals,
                      database.query("SELECT id, server, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound FROM old_intervals"));
        while (true) {
            ORRERY_ASSIGN(const bool more, intervals.next());
            if (!more) break;
            ORRERY_ASSIGN(const auto table, read_logs(database, intervals.integer(0)));
            ORRERY_ASSIGN(const auto packed, pack_counters(table, kLogsLevel));
            ORRERY_TRY(
                database.run("INSERT INTO query_logs (id, server, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound, statements, "
                             "deltas) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                             intervals.integer(0), intervals.integer(1), intervals.integer(2), intervals.integer(3), intervals.real(4),
                             intervals.real(5), intervals.integer(6), table.statements.size(), Blob{packed}));
        }
    }
    return database.execute("DROP TABLE old_query_logs; DROP TABLE old_intervals;");
}

}  // namespace orrery::store
