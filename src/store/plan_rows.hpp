#pragma once

#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "domain/observation.hpp"
#include "store/database.hpp"

namespace orrery::store {

/// Writes the sightings that are not there yet, and keeps the first and the newest 20 of each template and shape. Within a transaction.
base::Result<void> write_plans(Database& database, std::int64_t server, const std::vector<domain::PlanSighting>& plans);

}  // namespace orrery::store
