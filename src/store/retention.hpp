#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "store/database.hpp"

namespace orrery::store {

/// Notes that something was written that ends at `end_ms`: bins thought done must be looked at again from there. Part of the write's
/// transaction.
base::Result<void> roll_up_again_from(Database& database, std::int64_t end_ms);

}  // namespace orrery::store
