#include "store/postgres_store.hpp"

#include "store/postgres_state.hpp"

namespace orrery::store {

using base::Result;
using domain::ServerId;

PostgresStore::PostgresStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
PostgresStore::PostgresStore(PostgresStore&&) noexcept = default;
PostgresStore& PostgresStore::operator=(PostgresStore&&) noexcept = default;
PostgresStore::~PostgresStore() = default;

Result<PostgresStore> PostgresStore::open(const std::string& target, const PostgresOptions& options) {
    pg::SessionOptions session;
    session.application = "store";
    session.read_only = false;
    session.connect_timeout = options.connect_timeout;
    session.lock_timeout = options.lock_timeout;
    session.statement_timeout = options.statement_timeout;
    session.settings = {{"TimeZone", "UTC"}, {"jit", "off"}};
    auto connected = pg::Session::connect(target, session);
    if (!connected) return base::unexpected(connected.error().within("cannot open the store"));
    auto state = std::make_unique<State>(State{.link = PostgresLink(std::move(connected).value()),
                                               .tables = {},
                                               .clock = options.clock != nullptr ? options.clock : &base::system_clock(),
                                               .servers_own_time = options.clock == nullptr});
    if (auto migrated = migrate(state->link); !migrated)
        return base::unexpected(migrated.error().within(fmt::format("cannot open the store {}", state->link.target())));
    return PostgresStore(std::move(state));
}

Result<ServerId> PostgresStore::server(const std::string& target, const std::string& system_identifier) {
    auto& link = state_->link;
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
    // Servers are seldom met for the first time: those who do queue up.
    ORRERY_TRY(link.query("SELECT pg_catalog.pg_advisory_xact_lock(1332900473, 3)"));
    // An unreadable identifier means whichever server was last seen there. One that could not be read at first and can be now
    // names the same server.
    ORRERY_ASSIGN(auto found, link.query("SELECT id FROM ml_optimization.servers WHERE target = $1 AND (system_identifier IN ($2, '') OR "
                                         "$2 = '') ORDER BY system_identifier = $2 DESC, id DESC LIMIT 1",
                                         target, system_identifier));
    if (!found.empty()) {
        ORRERY_TRY(
            link.query("UPDATE ml_optimization.servers SET system_identifier = $2 WHERE id = $1 AND system_identifier = '' "
                       "AND $2 <> ''",
                       found.integer(0, 0), system_identifier));
    } else {
        ORRERY_ASSIGN(found, link.query("INSERT INTO ml_optimization.servers (target, system_identifier, first_seen_at) "
                                        "VALUES ($1, $2, $3) RETURNING id",
                                        target, system_identifier, state_->clock->now()));
    }
    ORRERY_TRY(transaction.commit());
    return found.integer(0, 0);
}

Result<std::optional<std::string>> PostgresStore::state(ServerId server, const std::string& name) {
    ORRERY_ASSIGN(const auto found,
                  state_->link.query("SELECT value FROM ml_optimization.states WHERE server_id = $1 AND name = $2", server, name));
    return found.empty() ? std::nullopt : std::optional(original_text(found.text(0, 0)));
}

Result<bool> PostgresStore::lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) {
    // Collectors' clocks differ, the store's is one; tests bring a clock of their own.
    const std::string now = state_->servers_own_time ? "clock_timestamp()" : time_literal(state_->clock->now());
    ORRERY_ASSIGN(const auto taken,
                  state_->link.query(fmt::format("INSERT INTO ml_optimization.leases AS l (name, holder, until_at) "
                                                 "VALUES ($1, $2, {0} + $3::double precision * interval '1 millisecond') "
                                                 "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at "
                                                 "WHERE l.holder = excluded.holder OR l.until_at <= {0}",
                                                 now),
                                     name, holder, duration.count()));
    return taken.affected == 1;
}

Result<void> PostgresStore::release(const std::string& name, const std::string& holder) {
    ORRERY_TRY(state_->link.query("DELETE FROM ml_optimization.leases WHERE name = $1 AND holder = $2", name, holder));
    return {};
}

}  // namespace orrery::store
