#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/sql_session.hpp"

/// Index builds under way on a server.
namespace orrery::pg {

/// Invalid indexes of the session's database that somebody is still building, or may be: those on tables that are locked as builds lock
/// them, by a session that is not known to vacuum or analyze. Needs no rights: the progress of other roles' builds is hidden, their locks
/// are not.
base::Result<std::vector<domain::Oid>> indexes_being_built(domain::SqlSession& session);

/// pg_stat_progress_create_index of another backend: 0..1 with the phase's name; nothing when none is under way.
struct BuildProgress {
    double share = 0;
    std::string phase;
};
base::Result<std::optional<BuildProgress>> index_build_progress(domain::SqlSession& session, int backend_pid);

}  // namespace orrery::pg
