#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/view.hpp"
#include "domain/sql_session.hpp"

/// The kernel's statistics, read from the texts of /proc: pure functions. Fields:
/// https://www.kernel.org/doc/html/latest/filesystems/proc.html,
/// .../admin-guide/iostats.html, .../accounting/psi.html.
namespace orrery::collectors {

/// Texts by their name below /proc ("stat", "net/dev"); one that could not be read is not there.
using ProcTexts = std::map<std::string, std::string, std::less<>>;
/// The names that the series below are made of.
std::span<const std::string_view> proc_names();

/// The host's series as views without SQL, so that ViewReading makes their frames: host_cpu, host_memory, host_disk, host_network,
/// host_pressure, host_filesystem. Counters begin at boot (reset: the boot's id): one that went back within a boot, as the kernel's
/// waiting times sometimes do and 32-bit counters must, is a lower bound.
std::span<const View> host_views();
/// The cumulative rows of one of them. What a kernel does not tell is NULL; without its texts there are no rows. Lines that make no sense
/// are passed over. No rows of host_filesystem: it is not in /proc.
domain::SqlRows host_rows(std::string_view series, const ProcTexts& texts);

/// Where a folder lives.
struct Mount {
    std::string device, point, kind;
};
/// From the text of /proc/mounts; nothing when no mount point is above it.
std::optional<Mount> mount_of(std::string_view mounts, std::string_view path);

/// Of /proc/<pid>/stat.
struct ProcessStat {
    int parent = 0;
    std::int64_t start_ticks = 0;  ///< since boot
};
std::optional<ProcessStat> parse_process_stat(std::string_view text);
constexpr std::int64_t kTicksPerSecond = 100;  ///< USER_HZ: the same on every machine that PostgreSQL runs on
/// Seconds since 1970 at which the machine was booted, from the text of /proc/stat.
std::optional<std::int64_t> boot_time(std::string_view stat);

}  // namespace orrery::collectors
