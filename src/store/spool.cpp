#include "store/spool.hpp"

#include <fmt/format.h>

#include "store/record.hpp"

namespace orrery::store {
namespace {

using base::Result;
using domain::ServerId;

constexpr std::int64_t kApplicationId = 0x4f725370;  ///< "OrSp"
constexpr std::int64_t kVersion = 2;

constexpr const char* kTables = R"sql(
CREATE TABLE queue (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    server INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX queue_by_server ON queue (server, kind);
CREATE TABLE refused (
    number INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    server INTEGER NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL
);
CREATE TABLE states (
    server INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (server, name)
);
CREATE TABLE servers (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    system_identifier TEXT NOT NULL
);
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL
);
)sql";

// Of whose process a lease is, and until when, came with version 2.
constexpr const char* kFromOne = R"sql(
ALTER TABLE leases ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE leases ADD COLUMN until_ms INTEGER NOT NULL DEFAULT 0;
)sql";

base::Unexpected not_a_spool(const Database& database, std::string detail) {
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" cannot be used as a spool", database.file()),
                            std::move(detail), "Move the file away: a new one is made.");
}

}  // namespace

Result<Spool> Spool::open(const std::filesystem::path& file, base::Clock& clock) {
    std::error_code failure;
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), failure);
    if (failure)
        return base::unexpected(base::ErrorKind::io, fmt::format("cannot make the folder \"{}\" of the spool", file.parent_path().string()),
                                failure.message(), "XDG_STATE_HOME chooses another place.");
    auto database = Database::open(file, std::chrono::seconds(10), clock);
    if (!database) return base::unexpected(database.error().within("the spool, where data waits for the store"));
    Spool spool(std::move(database).value(), clock);
    ORRERY_TRY(spool.make_tables());
    return spool;
}

Result<void> Spool::make_tables() {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database_));
    ORRERY_ASSIGN(const auto application, database_.integer("PRAGMA application_id"));
    ORRERY_ASSIGN(const auto tables, database_.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"));
    if (application == kApplicationId) {
        ORRERY_ASSIGN(const auto version, database_.integer("PRAGMA user_version"));
        if (version == kVersion) return {};
        if (version != 1) return not_a_spool(database_, fmt::format("it is of version {}", version.value_or(0)));
        ORRERY_TRY(database_.execute(kFromOne));
        ORRERY_TRY(database_.execute(fmt::format("PRAGMA user_version = {}", kVersion)));
        return transaction.commit();
    }
    if (tables != 0) return not_a_spool(database_, "it is another program's SQLite database");
    ORRERY_TRY(database_.execute(kTables));
    ORRERY_TRY(database_.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kVersion)));
    return transaction.commit();
}

Result<void> Spool::push(Kind kind, ServerId server, std::string_view payload) {
    return database_.run("INSERT INTO queue (kind, server, payload) VALUES (?1, ?2, ?3)", static_cast<std::int64_t>(kind), server,
                         Blob{payload});
}

Result<void> Spool::push_batch(ServerId server, const domain::Batch& batch) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database_));
    ORRERY_TRY(push(Kind::batch, server, pack(batch)));
    for (const auto& [name, value] : batch.state)
        ORRERY_TRY(database_.run("INSERT OR REPLACE INTO states (server, name, value) VALUES (?1, ?2, ?3)", server, name, value));
    return transaction.commit();
}

Result<std::optional<Spool::Item>> Spool::front() {
    ORRERY_ASSIGN(Query row, database_.query("SELECT number, kind, server, payload FROM queue ORDER BY number LIMIT 1"));
    ORRERY_ASSIGN(const bool found, row.next());
    if (!found) return std::optional<Item>();
    return std::optional(Item{row.integer(0), static_cast<Kind>(row.integer(1)), row.integer(2), std::string(row.blob(3))});
}

Result<void> Spool::pop(std::int64_t number) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database_));
    ORRERY_TRY(database_.run("DELETE FROM queue WHERE number = ?1", number));
    ORRERY_TRY(forget_old_states());
    return transaction.commit();
}

/// With the last item: states would be taken for newer than the store's when something waits again.
Result<void> Spool::forget_old_states() {
    return database_.run("DELETE FROM states WHERE NOT EXISTS (SELECT 1 FROM queue)");
}

Result<void> Spool::refuse(const Item& item, const base::Error& error) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database_));
    ORRERY_TRY(database_.run("INSERT OR REPLACE INTO refused (number, kind, server, payload, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
                             item.number, static_cast<std::int64_t>(item.kind), item.server, Blob{item.payload}, error.to_text()));
    ORRERY_TRY(database_.run("DELETE FROM queue WHERE number = ?1", item.number));
    ORRERY_TRY(forget_old_states());
    return transaction.commit();
}

Result<std::int64_t> Spool::waiting() {
    ORRERY_ASSIGN(const auto count, database_.integer("SELECT count(*) FROM queue"));
    return count.value_or(0);
}

Result<void> Spool::shrink() {
    ORRERY_ASSIGN(const auto left, waiting());
    if (left > 0) return {};
    ORRERY_TRY(database_.execute("VACUUM"));
    return database_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

Result<std::optional<domain::QueryLogCursor>> Spool::cursor(ServerId server) {
    ORRERY_ASSIGN(Query row, database_.query("SELECT kind, payload FROM queue WHERE server = ?1 AND kind IN (?2, ?3) "
                                             "ORDER BY number DESC LIMIT 1",
                                             server, static_cast<std::int64_t>(Kind::interval), static_cast<std::int64_t>(Kind::cursor)));
    ORRERY_ASSIGN(const bool found, row.next());
    if (!found) return std::optional<domain::QueryLogCursor>();
    if (static_cast<Kind>(row.integer(0)) == Kind::cursor) {
        ORRERY_ASSIGN(auto cursor, unpack_cursor(row.blob(1)));
        return std::optional(std::move(cursor));
    }
    ORRERY_ASSIGN(auto both, unpack_interval(row.blob(1)));
    return std::optional(std::move(both.next));
}

Result<std::vector<domain::KnownStatement>> Spool::known_statements(ServerId server) {
    ORRERY_ASSIGN(Query rows, database_.query("SELECT payload FROM queue WHERE server = ?1 AND kind = ?2 ORDER BY number", server,
                                              static_cast<std::int64_t>(Kind::known_statements)));
    std::vector<domain::KnownStatement> all;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return all;
        ORRERY_ASSIGN(const auto some, unpack_known_statements(rows.blob(0)));
        all.insert(all.end(), some.begin(), some.end());
    }
}

Result<std::optional<std::string>> Spool::state(ServerId server, const std::string& name) {
    ORRERY_ASSIGN(Query row, database_.query("SELECT value FROM states WHERE server = ?1 AND name = ?2", server, name));
    ORRERY_ASSIGN(const bool found, row.next());
    return found ? std::optional(row.text(0)) : std::nullopt;
}

Result<void> Spool::remember_server(const domain::ServerRecord& server) {
    return database_.run("INSERT OR REPLACE INTO servers (id, target, system_identifier) VALUES (?1, ?2, ?3)", server.id, server.target,
                         server.system_identifier);
}

Result<std::optional<ServerId>> Spool::server(const std::string& target, const std::string& system_identifier) {
    return database_.integer("SELECT id FROM servers WHERE target = ?1 AND (system_identifier = ?2 OR ?2 = '') ORDER BY id DESC LIMIT 1",
                             target, system_identifier);
}

Result<void> Spool::remember_lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) {
    return database_.run("INSERT OR REPLACE INTO leases (name, holder, until_ms) VALUES (?1, ?2, ?3)", name, holder,
                         base::to_unix_ms(clock_->now()) + duration.count());
}

Result<std::optional<bool>> Spool::take_lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database_));
    const auto now = base::to_unix_ms(clock_->now());
    ORRERY_TRY(database_.run("UPDATE leases SET holder = ?2, until_ms = ?3 WHERE name = ?1 AND (holder = ?2 OR until_ms <= ?4)", name,
                             holder, now + duration.count(), now));
    const bool taken = database_.changed() > 0;
    ORRERY_ASSIGN(const auto known, database_.integer("SELECT count(*) FROM leases WHERE name = ?1", name));
    ORRERY_TRY(transaction.commit());
    return known.value_or(0) > 0 ? std::optional(taken) : std::nullopt;
}

Result<void> Spool::free_lease(const std::string& name, const std::string& holder) {
    return database_.run("UPDATE leases SET until_ms = 0 WHERE name = ?1 AND holder = ?2", name, holder);
}

Result<void> Spool::forget_lease(const std::string& name, const std::string& holder) {
    return database_.run("DELETE FROM leases WHERE name = ?1 AND (holder = ?2 OR until_ms <= ?3)", name, holder,
                         base::to_unix_ms(clock_->now()));
}

}  // namespace orrery::store
