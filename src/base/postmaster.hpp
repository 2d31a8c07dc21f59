#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace orrery::base {

/// What a running server says of itself in postmaster.pid (PostgreSQL 10 and later).
struct PostmasterFile {
    pid_t pid = 0;
    int port = 0;
    std::string socket_folder;
    int shared_memory_id = -1;  ///< System V segment, -1 when none is named
    bool ready = false;         ///< accepts connections
};
/// Nothing when the file is not there or not complete. Does not look whether that process lives.
std::optional<PostmasterFile> read_postmaster_file(const std::filesystem::path& data_folder);

/// The living postgres processes that work in `data_folder` (found in /proc): the postmaster and its children.
std::vector<pid_t> server_processes(const std::filesystem::path& data_folder);

/// The postmaster of `data_folder`, verified against /proc; 0 when none runs.
pid_t find_postmaster(const std::filesystem::path& data_folder);

/// Ends all servers of these folders: SIGQUIT, after `patience` SIGKILL to every process. Returns when none is left.
void stop_servers_at_once(const std::vector<std::filesystem::path>& data_folders, std::chrono::milliseconds patience);

}  // namespace orrery::base
