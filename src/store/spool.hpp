#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "domain/store.hpp"
#include "store/database.hpp"

namespace orrery::store {

/// What waits for a store that is away, in one SQLite file: a queue in the order in which it came, and what is known of its servers. An
/// item is in the file when push() returns and stays until pop(), whoever is killed meanwhile. One thread at a time per object; many
/// processes may share the file. Errors: as of an SQLite store.
class Spool {
public:
    enum class Kind { templates = 1, known_statements, interval, cursor, batch };
    struct Item {
        std::int64_t number = 0;
        Kind kind{};
        domain::ServerId server = 0;
        std::string payload;  ///< packed, see record.hpp
    };

    /// Makes the file and its folder where absent.
    static base::Result<Spool> open(const std::filesystem::path& file, base::Clock& clock);

    base::Result<void> push(Kind kind, domain::ServerId server, std::string_view payload);
    /// A batch, whose state is what `state` finds from now on.
    base::Result<void> push_batch(domain::ServerId server, const domain::Batch& batch);
    base::Result<std::optional<Item>> front();
    base::Result<void> pop(std::int64_t number);
    /// Takes the item out of the queue and keeps it, with the reason why the store would not have it.
    base::Result<void> refuse(const Item& item, const base::Error& error);
    base::Result<std::int64_t> waiting();
    /// Gives the disk's space back once nothing waits.
    base::Result<void> shrink();

    /// Of the newest interval or cursor of the server that waits.
    base::Result<std::optional<domain::QueryLogCursor>> cursor(domain::ServerId server);
    base::Result<std::vector<domain::KnownStatement>> known_statements(domain::ServerId server);
    base::Result<std::optional<std::string>> state(domain::ServerId server, const std::string& name);

    /// Ids that the store gave to servers, so that collecting can begin while it is away.
    base::Result<void> remember_server(const domain::ServerRecord& server);
    base::Result<std::optional<domain::ServerId>> server(const std::string& target, const std::string& system_identifier);

    /// The store has given the lease to `holder`, a process of this machine.
    base::Result<void> remember_lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration);
    /// The store is away: takes or renews a lease that this machine held when it was last heard of. False while another process of the
    /// machine holds it, nothing when none did.
    base::Result<std::optional<bool>> take_lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration);
    /// `holder` gives it up: any process of this machine may take it next.
    base::Result<void> free_lease(const std::string& name, const std::string& holder);
    /// `holder` does not have it. That another process of this machine has it is forgotten when its time is over.
    base::Result<void> forget_lease(const std::string& name, const std::string& holder);

private:
    Spool(Database database, base::Clock& clock) : database_(std::move(database)), clock_(&clock) {}
    base::Result<void> make_tables();
    base::Result<void> forget_old_states();
    Database database_;
    base::Clock* clock_;
};

}  // namespace orrery::store
