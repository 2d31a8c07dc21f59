#include "engine/context.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/folder.hpp"
#include "base/random.hpp"
#include "store/postgres_store.hpp"
#include "store/spooling_store.hpp"
#include "store/sqlite_store.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;

bool in_postgresql(std::string_view name) {
    return name.starts_with("postgresql://") || name.starts_with("postgres://");
}

std::string store_name(const Context& context) {
    return context.store.empty() ? context.settings.text("store.path") : context.store;
}

base::Result<std::filesystem::path> store_file(std::string name) {
    if (name.empty()) {
        ORRERY_ASSIGN(const auto folder, base::state_folder());
        return folder / "orrery.db";
    }
    for (const std::string_view scheme : {"sqlite://", "sqlite:"})
        if (name.starts_with(scheme)) {
            name.erase(0, scheme.size());
            break;
        }
    // Only the scheme is repeated: what follows may hold a password.
    if (const auto scheme = name.find("://"); scheme != std::string::npos)
        return base::unexpected(ErrorKind::invalid_input, fmt::format("\"{}\" is no kind of store", name.substr(0, scheme + 3)), "",
                                "Give the path of an SQLite file, sqlite:PATH or postgresql://HOST/DATABASE.");
    return std::filesystem::path(name);
}

/// Leases go by the store's own clock, unless a test has brought one.
base::Clock* clock_for_leases(const Context& context) {
    return context.clock == &base::system_clock() ? nullptr : context.clock;
}

base::Result<std::unique_ptr<domain::Store>> open_postgres(const std::string& name, base::Clock* clock) {
    ORRERY_ASSIGN(auto store, store::PostgresStore::open(name, {.clock = clock}));
    return std::unique_ptr<domain::Store>(std::make_unique<store::PostgresStore>(std::move(store)));
}

}  // namespace

base::Result<std::string> describe_store(const std::string& name) {
    if (in_postgresql(name)) return pg::describe_target(name);
    ORRERY_ASSIGN(const auto file, store_file(name));
    std::error_code ignored;
    return std::filesystem::absolute(file, ignored).lexically_normal().string();
}

base::Result<std::optional<std::filesystem::path>> spool_file(const Context& context) {
    const auto name = store_name(context);
    if (!in_postgresql(name)) return std::optional<std::filesystem::path>();
    ORRERY_ASSIGN(const auto target, pg::describe_target(name));
    ORRERY_ASSIGN(const auto folder, base::state_folder());
    return std::optional(folder / fmt::format("spool-{:016x}.db", base::stable_hash(target)));
}

base::Result<std::unique_ptr<domain::Store>> open_plain_store(const Context& context, const std::string& name, StoreAccess access) {
    if (in_postgresql(name)) return open_postgres(name, clock_for_leases(context));
    ORRERY_ASSIGN(const auto file, store_file(name));
    std::error_code ignored;
    if (access == StoreAccess::existing && !std::filesystem::exists(file, ignored))
        return base::unexpected(ErrorKind::missing_object, fmt::format("there is no store \"{}\"", file.string()), "",
                                "Give the file that --store or store.path names.");
    ORRERY_ASSIGN(auto store, store::SqliteStore::open(file, {.clock = context.clock}));
    return std::unique_ptr<domain::Store>(std::make_unique<store::SqliteStore>(std::move(store)));
}

base::Result<std::unique_ptr<domain::Store>> open_store(const Context& context) {
    const auto name = store_name(context);
    ORRERY_ASSIGN(const auto spool, spool_file(context));
    if (!spool) return open_plain_store(context, name, StoreAccess::create);
    const auto open_remote = [name, clock = clock_for_leases(context)] { return open_postgres(name, clock); };
    ORRERY_ASSIGN(auto store, store::SpoolingStore::open(open_remote, {.file = *spool, .clock = context.clock}));
    return std::unique_ptr<domain::Store>(std::make_unique<store::SpoolingStore>(std::move(store)));
}

base::Result<pg::Session> connect_observer(const Context& context, const std::string& target, std::string_view part) {
    pg::SessionOptions options;
    options.application = part;
    options.statement_timeout = context.settings.duration("session.statement_timeout");
    options.lock_timeout = context.settings.duration("session.lock_timeout");
    ORRERY_ASSIGN(auto session, pg::Session::connect(target, options));
    session.cancel_on(context.stop);
    return session;
}

base::Result<pg::Session> connect_applier(const Context& context, const std::string& target, bool cancellable) {
    pg::SessionOptions options;
    options.application = "apply";
    options.read_only = false;
    options.statement_timeout = context.settings.duration("feedback.build_timeout");
    options.lock_timeout = context.settings.duration("feedback.lock_timeout");
    options.search_path.clear();
    ORRERY_ASSIGN(auto session, pg::Session::connect(target, options));
    if (cancellable) session.cancel_on(context.stop);
    return session;
}

base::Result<domain::ServerId> identify(domain::Store& store, domain::SqlSession& session) {
    // Readable by everyone unless an administrator took it away; without it the address alone identifies the server.
    const auto rows = session.query("SELECT system_identifier FROM pg_catalog.pg_control_system()");
    const std::string identifier = rows && !rows->empty() ? std::string(rows->text(0, 0)) : std::string();
    return store.server(session.target(), identifier);
}

base::Result<domain::Oid> database_oid(domain::SqlSession& session) {
    ORRERY_ASSIGN(const auto rows, session.query("SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"));
    return rows.empty() ? domain::Oid{0} : static_cast<domain::Oid>(rows.integer(0, 0));
}

}  // namespace orrery::engine
