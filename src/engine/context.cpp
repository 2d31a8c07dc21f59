#include "engine/context.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/folder.hpp"
#include "store/sqlite_store.hpp"

namespace orrery::engine {
namespace {

base::Result<std::filesystem::path> store_file(const Context& context) {
    std::string name = context.store.empty() ? context.settings.text("store.path") : context.store;
    if (name.empty()) {
        ORRERY_ASSIGN(const auto folder, base::state_folder());
        return folder / "orrery.db";
    }
    if (name.starts_with("postgresql://") || name.starts_with("postgres://"))
        return base::unexpected(base::ErrorKind::unsupported, "a PostgreSQL store is not supported by this build", "",
                                "Give the path of an SQLite file: --store /var/lib/orrery/orrery.db");
    for (const std::string_view scheme : {"sqlite://", "sqlite:"})
        if (name.starts_with(scheme)) {
            name.erase(0, scheme.size());
            break;
        }
    if (name.find("://") != std::string::npos)
        return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" is not a store", name), "",
                                "Give the path of an SQLite file, or sqlite:PATH.");
    return std::filesystem::path(name);
}

}  // namespace

base::Result<std::unique_ptr<domain::Store>> open_store(const Context& context) {
    ORRERY_ASSIGN(const auto file, store_file(context));
    ORRERY_ASSIGN(auto store, store::SqliteStore::open(file, {.clock = context.clock}));
    return std::unique_ptr<domain::Store>(std::make_unique<store::SqliteStore>(std::move(store)));
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
