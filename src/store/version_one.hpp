#pragma once

#include "base/result.hpp"
#include "store/database.hpp"

namespace orrery::store {

/// Packs the intervals and query_logs that version 1 kept row by row (in old_intervals and old_query_logs now), and drops the old tables.
/// Its sum of local blocks goes on as their hits, its times of I/O as those of shared blocks. Its cursors are not taken over: counters
/// that it did not read would seem to have grown from nought.
base::Result<void> pack_version_one(Database& database);

}  // namespace orrery::store
