#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/settings.hpp"
#include "domain/store.hpp"
#include "pg/session.hpp"

/// The composition root: what every command needs, made from settings.
namespace orrery::engine {

struct Context {
    config::Settings settings;
    std::string store;  ///< --store; empty = settings, else the state folder
    base::Clock* clock = &base::system_clock();
    std::stop_token stop;
};

/// The store that --store or store.path names, "orrery.db" in the state folder otherwise. Accepts a path, "sqlite:path", "sqlite://path"
/// and "postgresql://..."; one in PostgreSQL has a spool on the local disk for the time when it is away.
base::Result<std::unique_ptr<domain::Store>> open_store(const Context& context);

/// The file of that spool; nothing for a store that is a file itself.
base::Result<std::optional<std::filesystem::path>> spool_file(const Context& context);

enum class StoreAccess {
    create,    ///< made when it is not there
    existing,  ///< a file that is not there is a `missing_object` error
};
/// The store of that name, without a spool.
base::Result<std::unique_ptr<domain::Store>> open_plain_store(const Context& context, const std::string& name, StoreAccess access);
/// File, or host:port/database: never a password.
base::Result<std::string> describe_store(const std::string& name);

/// A session for looking: read-only, short timeouts, cancelled by the context's stop token. `part` shows in application_name.
base::Result<pg::Session> connect_observer(const Context& context, const std::string& target, std::string_view part);
/// A session for changing indexes, with the timeouts of the feedback settings. Cancelled by the stop token when `cancellable`.
base::Result<pg::Session> connect_applier(const Context& context, const std::string& target, bool cancellable);

/// The store's record of the server behind a session.
base::Result<domain::ServerId> identify(domain::Store& store, domain::SqlSession& session);
/// OID of the session's database: the key of its statements in the store.
base::Result<domain::Oid> database_oid(domain::SqlSession& session);

}  // namespace orrery::engine
