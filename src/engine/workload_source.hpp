#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/store.hpp"
#include "domain/workload.hpp"

/// Where the statements to be advised on come from.
namespace orrery::engine {

struct LoadedWorkload {
    domain::Workload workload;
    std::vector<std::string> places;    ///< "q.sql:12", of each statement
    std::vector<std::string> left_out;  ///< statements that cannot be used, with file, line and reason
};

/// A .sql file, or all of a folder's in the order of their names (not those of folders inside it). No usable statement at all is an error.
base::Result<LoadedWorkload> load_workload(const std::filesystem::path& path);

/// Everything collected of one database between two times. Nothing collected is an error that says how to collect.
base::Result<domain::Workload> collected_workload(domain::Store& store, domain::ServerId server, base::WallTime from, base::WallTime to,
                                                  domain::Oid database);

}  // namespace orrery::engine
