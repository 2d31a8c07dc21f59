#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"

namespace orrery::pg {

/// The identifier of a stopped cluster, from global/pg_control.
base::Result<std::uint64_t> read_system_identifier(const std::filesystem::path& data_folder);

/// Gives a stopped cluster another identifier: copies of one data folder would else pass for one and the same server.
/// Changes pg_control (with its CRC) and the first page header of every WAL segment (xlp_sysid in access/xlog_internal.h).
base::Result<void> write_system_identifier(const std::filesystem::path& data_folder, std::uint64_t identifier);

}  // namespace orrery::pg
