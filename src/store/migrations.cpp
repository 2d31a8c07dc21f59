#include "store/migrations.hpp"

#include <fmt/format.h>

#include <array>

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

// Version 2: every counter of pg_stat_statements. Version 1's sum of local blocks goes on as their hits.
constexpr const char* kSecond = R"sql(
ALTER TABLE query_logs RENAME COLUMN local_blocks TO local_hit;
ALTER TABLE query_logs RENAME COLUMN io_read_ms TO shared_read_ms;
ALTER TABLE query_logs RENAME COLUMN io_write_ms TO shared_write_ms;
ALTER TABLE query_logs ADD COLUMN plans INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN local_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN local_dirtied INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN local_written INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN local_read_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN local_write_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN temp_read_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN temp_write_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN wal_fpi INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN wal_buffers_full INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_functions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_generation_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_inlinings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_inlining_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_optimizations INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_optimization_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_emissions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_emission_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_deforms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN jit_deform_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN parallel_workers_to_launch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE query_logs ADD COLUMN parallel_workers_launched INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows RENAME COLUMN local_blocks TO local_hit;
ALTER TABLE cursor_rows RENAME COLUMN io_read_ms TO shared_read_ms;
ALTER TABLE cursor_rows RENAME COLUMN io_write_ms TO shared_write_ms;
ALTER TABLE cursor_rows ADD COLUMN plans INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN local_read INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN local_dirtied INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN local_written INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN local_read_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN local_write_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN temp_read_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN temp_write_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN wal_fpi INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN wal_buffers_full INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_functions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_generation_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_inlinings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_inlining_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_optimizations INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_optimization_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_emissions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_emission_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_deforms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN jit_deform_ms REAL NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN parallel_workers_to_launch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor_rows ADD COLUMN parallel_workers_launched INTEGER NOT NULL DEFAULT 0;
DELETE FROM cursor_rows;
DELETE FROM cursors;
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
    ORRERY_TRY(database.run("INSERT INTO schema_migrations (version) VALUES (?1)", step.version));
    return transaction.commit();
}

}  // namespace

std::span<const Migration> migrations() {
    static const std::array kMigrations{Migration{1, kFirst}, Migration{2, kSecond}};
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
