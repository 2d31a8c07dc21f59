#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "twin/relation_file.hpp"
#include "twin/target_facts.hpp"

namespace orrery::twin {

/// Stops the server and removes its files.
struct DestroyCluster {
    void operator()(pg::PrivateCluster* cluster) const;
};
using OwnedCluster = std::unique_ptr<pg::PrivateCluster, DestroyCluster>;

/// The private server under a twin, and the one database in it.
struct TwinServer {
    OwnedCluster cluster;
    pg::Session session;                    ///< superuser that may change system tables; runs no text of the target's but CREATE EXTENSION
    pg::Session owner_session;              ///< owner of everything that comes from the target, no superuser
    std::filesystem::path database_folder;  ///< holds the relations' files
    uid_t file_owner = 0;
    gid_t file_group = 0;
    std::int64_t pages_per_segment = 131072;
    std::uint32_t empty_file = 0;  ///< number of a file that is always empty
    std::uint32_t next_file = 0;   ///< number that no relation's file has

    /// A file for a relation, under a number of its own, which pg_class.relfilenode may then name. Pages of a new number are
    /// in nobody's buffers, so files may be made while the server runs.
    base::Result<std::uint32_t> add_file(std::string head, std::int64_t pages);
    [[nodiscard]] std::filesystem::path file_path(std::uint32_t number) const { return database_folder / std::to_string(number); }
};

/// Starts a server for a target of that major version, in `folder` (empty: a temporary one).
base::Result<OwnedCluster> start_cluster(int major, const std::filesystem::path& folder, const std::stop_token& stop);

/// Makes a database of the target's encoding and locale in it. What could not be matched is added to `warnings`.
base::Result<TwinServer> open_twin_server(OwnedCluster cluster, const TargetDatabase& target, std::vector<std::string>& warnings);

/// Who connects to a twin.
enum class TwinRole {
    superuser,  ///< may change system tables
    owner,      ///< what the target's functions, expressions and statements are run as: they may not reach beyond the database
};
/// A connection to the twin's database in which names and values are spelled as on a TargetSnapshot.
base::Result<pg::Session> connect_to_twin(const pg::PrivateCluster& cluster, TwinRole role);

}  // namespace orrery::twin
