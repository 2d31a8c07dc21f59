#pragma once

#include "base/result.hpp"
#include "pg/private_cluster.hpp"

namespace orrery::lab {

/// Restarts the cluster with nothing of its data in memory: its files are written out and the system is asked to forget them (those
/// alone: no rights are needed, and nothing else on the machine slows down). True when the system did; false when more than a
/// twentieth of the data is still in its cache (memory file systems, foreign files), so that only the server's own cache is empty.
base::Result<bool> start_cold(pg::PrivateCluster& cluster);

}  // namespace orrery::lab
