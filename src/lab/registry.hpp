#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "pg/private_cluster.hpp"

/// Labs: private clusters with a generated workload that stay up until they are taken down.
namespace orrery::lab {

enum class LabWorkload { shop, tpch, star };
std::string_view to_string(LabWorkload workload);
base::Result<LabWorkload> lab_workload_from(std::string_view text);

struct LabOptions {
    LabWorkload workload = LabWorkload::shop;
    double scale = 1;
    std::uint64_t seed = 1;
    std::filesystem::path folder;      ///< empty = a new one among Orrery's files; else an empty or a new folder
    std::filesystem::path registry;    ///< where labs are recorded; empty = the state folder
    int connections = 2;               ///< that load the data
    std::optional<bool> foreign_keys;  ///< nothing: those of a shop, none for the others
};

struct LabInfo {
    std::string id;  ///< "shop-3f2a"
    LabWorkload workload = LabWorkload::shop;
    double scale = 1;
    std::uint64_t seed = 1;
    base::WallTime reference{};  ///< what the shop's data leads up to; with scale and seed it makes the same shop again
    std::filesystem::path folder;
    std::string uri;
    std::filesystem::path truth_file;  ///< ground truth of a shop; empty for the others
    bool running = false;              ///< filled in when read
};

/// Makes, starts and fills a cluster. When it fails or the process dies on the way, nothing of it stays.
base::Result<LabInfo> lab_up(const LabOptions& options, const std::stop_token& stop = {});

/// All recorded labs, oldest first.
base::Result<std::vector<LabInfo>> lab_list(const std::filesystem::path& registry = {});

/// The lab's cluster, to restart it; it stays up when the object goes.
base::Result<pg::PrivateCluster> lab_cluster(const LabInfo& lab);

/// Stops and removes the lab with this id, or folder, or all when `which` is empty. Returns the ids taken down.
base::Result<std::vector<std::string>> lab_down(const std::string& which, const std::filesystem::path& registry = {});

}  // namespace orrery::lab
