#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collectors/query_log_diff.hpp"
#include "domain/sql_session.hpp"

/// The statements that read pg_stat_statements, made for the columns that its installed version has, and the reading of their answers.
/// Columns: https://www.postgresql.org/docs/current/pgstatstatements.html (versions 1.8 to 1.12, PostgreSQL 13 to 18).
namespace orrery::collectors {

/// How pg_stat_statements is installed in the session's database.
struct StatementsExtension {
    bool installed = false;
    std::string role;  ///< that reads; quoted, as all names here
    std::string schema;
    std::vector<std::string> columns;  ///< of the view, sorted
    bool info = false;                 ///< has pg_stat_statements_info (1.9)
    bool active_time = false;          ///< the server's pg_stat_database has active_time (14)
    int major = 0;                     ///< of the server
    bool any_bytes = false;            ///< its database is in SQL_ASCII: texts are no text of any encoding
    bool system = false;               ///< the system identifier may be read
    bool timeline = false;             ///< ... and the timeline

    [[nodiscard]] bool has(const std::string& column) const;
};

/// One row.
std::string extension_sql();
StatementsExtension read_extension(const domain::SqlRows& rows, int server_version);

/// One row each, or an error where the role may not ask.
std::string system_sql();
std::string timeline_sql();

/// One row: the server's clocks, resets, evictions, identity and the time of its databases; read before the counters.
std::string head_sql(const StatementsExtension& extension);
void read_head(const StatementsExtension& extension, const domain::SqlRows& rows, QueryLogSnapshot& snapshot);

/// One row per statement, without its text.
std::string counters_sql(const StatementsExtension& extension);
/// Fills cursor.rows; returns how many rows belong to other roles and may not be seen.
std::size_t read_counters(const domain::SqlRows& rows, domain::QueryLogCursor& cursor);

/// One row: reset and evictions once more, read after the counters. Empty before 1.9.
std::string tail_sql(const StatementsExtension& extension);

/// Texts of the statements whose query ids are in $1 (bigint[]), slowest first, until $2 bytes are passed. A text longer than $3 bytes is
/// NULL with its length told. The server reads its whole file of texts for this, however few are asked for.
std::string texts_sql(const StatementsExtension& extension);
struct StatementText {
    domain::StatementKey key;
    std::string text;  ///< empty when too long
    std::int64_t length = 0;
};
/// Texts that the server could not read (its file is being rewritten) are left out.
std::vector<StatementText> read_texts(const StatementsExtension& extension, const domain::SqlRows& rows);

}  // namespace orrery::collectors
