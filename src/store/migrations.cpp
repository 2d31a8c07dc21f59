#include "store/migrations.hpp"

#include <fmt/format.h>

#include <array>

#include "store/version_one.hpp"

namespace orrery::store {
namespace {

using base::ErrorKind;
using base::Result;

// "Orry" in PRAGMA application_id: how the `file` command, and we, know a store of ours.
constexpr std::int64_t kApplicationId = 0x4f727279;

// Version 1. In concept the schema ml_optimization, with query_logs at its centre. Times are Unix milliseconds, fingerprints the
// 64 bits as a signed integer. Statements get a small number of the store's own, so that a row of query_logs stays short.
constexpr const char* kFirst = R"sql(
CREATE TABLE servers (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    system_identifier TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    UNIQUE (target, system_identifier)
);
CREATE TABLE query_templates (
    fingerprint INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);
CREATE TABLE known_statements (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    query_id INTEGER NOT NULL,
    database INTEGER NOT NULL,
    user INTEGER NOT NULL,
    toplevel INTEGER NOT NULL,
    fingerprint INTEGER,
    UNIQUE (server, query_id, database, user, toplevel)
);
CREATE TABLE intervals (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    known_exec_ms REAL NOT NULL,
    total_exec_ms REAL NOT NULL,
    lower_bound INTEGER NOT NULL
);
CREATE INDEX intervals_by_time ON intervals (server, end_ms);
CREATE TABLE query_logs (
    interval INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    lower_bound INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    exec_ms REAL NOT NULL,
    exec_square_ms2 REAL NOT NULL,
    plan_ms REAL NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    shared_dirtied INTEGER NOT NULL,
    shared_written INTEGER NOT NULL,
    local_blocks INTEGER NOT NULL,
    temp_read INTEGER NOT NULL,
    temp_written INTEGER NOT NULL,
    io_read_ms REAL NOT NULL,
    io_write_ms REAL NOT NULL,
    wal_records INTEGER NOT NULL,
    wal_bytes INTEGER NOT NULL,
    PRIMARY KEY (interval, statement)
) WITHOUT ROWID;
CREATE TABLE cursors (
    server INTEGER PRIMARY KEY,
    taken_ms INTEGER NOT NULL,
    scope TEXT NOT NULL,
    server_us INTEGER NOT NULL,
    postmaster_us INTEGER NOT NULL,
    reset_us INTEGER NOT NULL,
    evictions INTEGER NOT NULL,
    database_exec_ms REAL NOT NULL
);
CREATE TABLE cursor_rows (
    server INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    exec_ms REAL NOT NULL,
    exec_square_ms2 REAL NOT NULL,
    plan_ms REAL NOT NULL,
    shared_hit INTEGER NOT NULL,
    shared_read INTEGER NOT NULL,
    shared_dirtied INTEGER NOT NULL,
    shared_written INTEGER NOT NULL,
    local_blocks INTEGER NOT NULL,
    temp_read INTEGER NOT NULL,
    temp_written INTEGER NOT NULL,
    io_read_ms REAL NOT NULL,
    io_write_ms REAL NOT NULL,
    wal_records INTEGER NOT NULL,
    wal_bytes INTEGER NOT NULL,
    PRIMARY KEY (server, statement)
) WITHOUT ROWID;
CREATE TABLE recommendations (
    server INTEGER NOT NULL,
    id TEXT NOT NULL,
    batch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    saved_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sql TEXT NOT NULL,
    revert_sql TEXT NOT NULL,
    index_schema TEXT NOT NULL,
    index_name TEXT NOT NULL,
    estimated_size_bytes INTEGER NOT NULL,
    benefit_cost REAL NOT NULL,
    write_cost REAL NOT NULL,
    benefit_percent REAL NOT NULL,
    why TEXT NOT NULL,
    spec_json TEXT NOT NULL,
    queries_json TEXT NOT NULL,
    PRIMARY KEY (server, id)
);
CREATE TABLE actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server INTEGER NOT NULL,
    recommendation TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    index_schema TEXT NOT NULL,
    index_name TEXT NOT NULL,
    sql TEXT NOT NULL,
    revert_sql TEXT NOT NULL,
    lock_level TEXT NOT NULL,
    state TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    predicted_percent REAL NOT NULL,
    note TEXT NOT NULL
);
CREATE TABLE evaluations (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    action INTEGER NOT NULL,
    saved_ms INTEGER NOT NULL,
    before_ms REAL NOT NULL,
    after_ms REAL NOT NULL,
    gain_percent REAL NOT NULL,
    low_percent REAL NOT NULL,
    high_percent REAL NOT NULL,
    enough_data INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    templates_json TEXT NOT NULL,
    slower_json TEXT NOT NULL
);
CREATE INDEX evaluations_by_action ON evaluations (action);
)sql";

// Version 2: every counter of pg_stat_statements, an interval's rows as one packed table (docs/formats/packed-columns.md); frames, plans,
// events, positions, leases. The rows of version 1 are packed by pack_version_one.
constexpr const char* kSecond = R"sql(
ALTER TABLE query_logs RENAME TO old_query_logs;
ALTER TABLE intervals RENAME TO old_intervals;
DROP INDEX intervals_by_time;
CREATE TABLE query_logs (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    known_exec_ms REAL NOT NULL,
    total_exec_ms REAL NOT NULL,
    lower_bound INTEGER NOT NULL,
    statements INTEGER NOT NULL,
    deltas BLOB NOT NULL
);
CREATE INDEX query_logs_by_time ON query_logs (server, end_ms, start_ms);
DROP TABLE cursor_rows;
DROP TABLE cursors;
CREATE TABLE cursors (
    server INTEGER PRIMARY KEY,
    taken_ms INTEGER NOT NULL,
    scope TEXT NOT NULL,
    server_us INTEGER NOT NULL,
    postmaster_us INTEGER NOT NULL,
    reset_us INTEGER NOT NULL,
    evictions INTEGER NOT NULL,
    database_exec_ms REAL NOT NULL,
    counters BLOB NOT NULL
);
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL,
    series TEXT NOT NULL,
    part TEXT NOT NULL,
    UNIQUE (server, series, part)
);
CREATE TABLE frame_bases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    columns BLOB NOT NULL
);
CREATE TABLE frames (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    lower_bound INTEGER NOT NULL,
    readings INTEGER NOT NULL,
    base INTEGER NOT NULL,
    columns BLOB NOT NULL,
    UNIQUE (stream, end_ms)
);
CREATE INDEX frames_by_base ON frames (base);
CREATE TABLE plans (
    server INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    shape_hash INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    database TEXT NOT NULL,
    source TEXT NOT NULL,
    total_cost REAL NOT NULL,
    execution_ms REAL,
    document BLOB NOT NULL,
    PRIMARY KEY (server, fingerprint, shape_hash, seen_ms)
);
CREATE INDEX plans_by_time ON plans (server, seen_ms);
CREATE TABLE events (
    server INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (server, at_ms, kind, subject)
) WITHOUT ROWID;
CREATE TABLE states (
    server INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (server, name)
) WITHOUT ROWID;
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE rolled_up (
    width_ms INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL
);
)sql";

base::Unexpected not_a_store(ErrorKind kind, std::string detail) {
    return base::unexpected(kind, "the file is not a store of Orrery's", std::move(detail),
                            "Choose another file with --store, or move this one away.");
}

/// Version that the file is at; 0 for a new one.
Result<int> current_version(Database& database) {
    ORRERY_ASSIGN(const auto tables, database.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
    ORRERY_ASSIGN(const auto application, database.integer("PRAGMA application_id"));
    if (tables == 0 && application == 0) return 0;
    if (application != kApplicationId)
        return not_a_store(ErrorKind::invalid_input,
                           fmt::format("it is another program's SQLite database (application_id {})", application.value_or(0)));
    ORRERY_ASSIGN(const auto recorded, database.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'"));
    if (recorded == 0) return not_a_store(ErrorKind::corrupt, "the table schema_migrations is missing");
    ORRERY_ASSIGN(Query query, database.query("SELECT count(*), coalesce(max(version), 0) FROM schema_migrations"));
    ORRERY_ASSIGN(const bool found, query.next());
    if (!found || query.integer(0) != query.integer(1) || query.integer(1) == 0)
        return not_a_store(ErrorKind::corrupt,
                           fmt::format("schema_migrations holds {} steps, the last being {}", query.integer(0), query.integer(1)));
    return static_cast<int>(query.integer(1));
}

Result<void> apply(Database& database, const Migration& step) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database, Transaction::Durability::full));
    ORRERY_ASSIGN(const int now, current_version(database));
    if (now >= step.version) return {};  // another process was faster
    if (now == 0) {
        ORRERY_TRY(database.execute(fmt::format("PRAGMA application_id = {}", kApplicationId)));
        ORRERY_TRY(database.execute(
            "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"));
    }
    ORRERY_TRY(database.execute(step.sql));
    if (step.convert != nullptr) ORRERY_TRY(step.convert(database));
    ORRERY_TRY(database.run("INSERT INTO schema_migrations (version) VALUES (?1)", step.version));
    return transaction.commit();
}

}  // namespace

std::span<const Migration> migrations() {
    static const std::array kMigrations{Migration{1, kFirst, nullptr}, Migration{2, kSecond, pack_version_one}};
    return kMigrations;
}

Result<void> migrate(Database& database, std::span<const Migration> steps) {
    ORRERY_ASSIGN(const int now, current_version(database));
    const int known = steps.empty() ? 0 : steps.back().version;
    if (now > known)
        return base::unexpected(ErrorKind::unsupported, "the store was written by a newer Orrery",
                                fmt::format("its schema is version {}, this build knows up to {}", now, known),
                                "Use that newer build, or choose another file with --store.");
    for (const auto& step : steps)
        if (step.version > now) ORRERY_TRY(apply(database, step));
    return {};
}

}  // namespace orrery::store
