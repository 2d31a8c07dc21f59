#include "store/sqlite_store.hpp"

#include <fmt/format.h>

#include "store/migrations.hpp"
#include "store/state.hpp"

namespace orrery::store {

using base::Result;
using domain::ServerId;

SqliteStore::SqliteStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteStore::SqliteStore(SqliteStore&&) noexcept = default;
SqliteStore& SqliteStore::operator=(SqliteStore&&) noexcept = default;
SqliteStore::~SqliteStore() = default;

Result<SqliteStore> SqliteStore::open(const std::filesystem::path& file, const SqliteOptions& options) {
    base::Clock& clock = options.clock != nullptr ? *options.clock : base::system_clock();
    std::error_code failure;
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), failure);
    if (failure)
        return base::unexpected(base::ErrorKind::io, fmt::format("cannot make the folder \"{}\" of the store", file.parent_path().string()),
                                failure.message(), "Make it, or choose another file with --store.");
    ORRERY_ASSIGN(Database database, Database::open(file, options.busy_timeout, clock));
    if (auto migrated = migrate(database, migrations()); !migrated)
        return base::unexpected(migrated.error().within(fmt::format("cannot open the store \"{}\"", file.string())));
    return SqliteStore(std::make_unique<State>(State{.database = std::move(database), .clock = &clock}));
}

Result<ServerId> SqliteStore::server(const std::string& target, const std::string& system_identifier) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    // An unreadable identifier means whichever server was last seen there. One that could not be read at first and can be now
    // names the same server.
    ORRERY_ASSIGN(auto id, database.integer("SELECT id FROM servers WHERE target = ?1 AND (system_identifier IN (?2, '') OR ?2 = '') "
                                            "ORDER BY system_identifier = ?2 DESC, id DESC LIMIT 1",
                                            target, system_identifier));
    if (id) {
        ORRERY_TRY(
            database.run("UPDATE servers SET system_identifier = ?2 WHERE id = ?1 AND system_identifier = ''", *id, system_identifier));
    } else {
        ORRERY_TRY(database.run("INSERT INTO servers (target, system_identifier, first_seen_ms) VALUES (?1, ?2, ?3)", target,
                                system_identifier, state_->now_ms()));
        id = database.last_inserted();
    }
    ORRERY_TRY(transaction.commit());
    return *id;
}

}  // namespace orrery::store
