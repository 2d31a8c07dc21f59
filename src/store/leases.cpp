#include "store/state.hpp"

/// Leases: which of many collectors looks after a server.
namespace orrery::store {

using base::Result;

Result<bool> SqliteStore::lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) {
    auto& database = state_->database;
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    // The clock is read when the file is ours: waiting for it must not shorten anyone's lease.
    const auto now = state_->now_ms();
    ORRERY_TRY(
        database.run("INSERT INTO leases (name, holder, until_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET holder = ?2, until_ms = ?3 "
                     "WHERE holder = ?2 OR until_ms <= ?4",
                     name, holder, now + duration.count(), now));
    const bool held = database.changed() > 0;
    ORRERY_TRY(transaction.commit());
    return held;
}

Result<void> SqliteStore::release(const std::string& name, const std::string& holder) {
    return state_->database.run("DELETE FROM leases WHERE name = ?1 AND holder = ?2", name, holder);
}

}  // namespace orrery::store
