#include "base/postmaster.hpp"

#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace orrery::base {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Empty when it cannot be read. A process may end between the opening of its files in /proc and the reading: an iterator
/// over the stream's buffer would throw then, the operator sets a flag.
std::string bytes_of(const fs::path& path) {
    const std::ifstream file(path, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return bytes.str();
}

std::string real_path(const fs::path& path) {
    std::error_code failure;
    const auto result = fs::weakly_canonical(path, failure);
    return failure ? path.string() : result.string();
}

/// State letter of a process; 'X' when it is gone.
char state_of(const fs::path& process) {
    const std::string text = bytes_of(process / "stat");
    const auto end_of_name = text.rfind(") ");
    return end_of_name == std::string::npos || end_of_name + 2 >= text.size() ? 'X' : text[end_of_name + 2];
}

/// Does a process of /proc belong to the server of `data_folder`? Servers stand in it; before they do, -D names it.
bool belongs(const fs::path& process, const std::string& data_folder) {
    if (bytes_of(process / "comm") != "postgres\n") return false;
    const char state = state_of(process);
    if (state == 'Z' || state == 'X') return false;
    std::error_code failure;
    std::string standing = fs::read_symlink(process / "cwd", failure).string();
    constexpr std::string_view kDeleted = " (deleted)";
    if (standing.ends_with(kDeleted)) standing.resize(standing.size() - kDeleted.size());
    if (standing == data_folder) return true;
    std::istringstream words(bytes_of(process / "cmdline"));
    bool after_option = false;
    for (std::string word; std::getline(words, word, '\0');) {
        if (after_option && real_path(word) == data_folder) return true;
        after_option = word == "-D";
    }
    return false;
}

std::optional<pid_t> number(std::string_view text) {
    pid_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

bool alive(pid_t pid) {
    waitpid(pid, nullptr, WNOHANG);  // when it is a child of ours
    const char state = state_of(fs::path("/proc") / std::to_string(pid));
    return state != 'X' && state != 'Z';
}

/// Waits until none of the processes is left.
bool wait_until_gone(std::vector<pid_t>& processes, std::chrono::steady_clock::time_point deadline) {
    for (;;) {
        std::erase_if(processes, [](pid_t pid) { return !alive(pid); });
        if (processes.empty()) return true;
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(5ms);
    }
}

}  // namespace

std::optional<PostmasterFile> read_postmaster_file(const fs::path& data_folder) {
    // Lines: pid, data folder, start time, port, socket folder, listen address, shared memory key and id, status.
    std::vector<std::string> lines;
    std::istringstream text(bytes_of(data_folder / "postmaster.pid"));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    if (lines.size() < 5) return std::nullopt;
    PostmasterFile file;
    const auto pid = number(lines[0]), port = number(lines[3]);
    if (!pid || *pid <= 1 || !port) return std::nullopt;
    file.pid = *pid;
    file.port = *port;
    file.socket_folder = lines[4];
    if (lines.size() > 6) {
        std::istringstream words(lines[6]);
        long key = 0;
        words >> key >> file.shared_memory_id;
        if (!words) file.shared_memory_id = -1;
    }
    file.ready = lines.size() > 7 && lines[7].starts_with("ready");
    return file;
}

std::vector<pid_t> server_processes(const fs::path& data_folder) {
    const std::string folder = real_path(data_folder);
    std::vector<pid_t> found;
    std::error_code failure;
    for (fs::directory_iterator entry("/proc", failure), end; !failure && entry != end; entry.increment(failure)) {
        const auto pid = number(entry->path().filename().string());
        if (pid && belongs(entry->path(), folder)) found.push_back(*pid);
    }
    return found;
}

pid_t find_postmaster(const fs::path& data_folder) {
    const auto file = read_postmaster_file(data_folder);
    return file && belongs(fs::path("/proc") / std::to_string(file->pid), real_path(data_folder)) ? file->pid : 0;
}

void stop_servers_at_once(const std::vector<fs::path>& data_folders, std::chrono::milliseconds patience) {
    std::vector<pid_t> processes;
    std::vector<int> segments;
    for (const auto& folder : data_folders) {
        const auto found = server_processes(folder);
        if (found.empty()) continue;
        const pid_t postmaster = find_postmaster(folder);
        if (postmaster != 0) {
            if (const auto file = read_postmaster_file(folder); file && file->shared_memory_id >= 0)
                segments.push_back(file->shared_memory_id);
            kill(postmaster, SIGQUIT);
        } else {
            for (const pid_t pid : found) kill(pid, SIGQUIT);  // just starting, or orphans of a postmaster that was killed
        }
        processes.insert(processes.end(), found.begin(), found.end());
    }
    if (wait_until_gone(processes, std::chrono::steady_clock::now() + patience)) return;
    for (const auto& folder : data_folders)
        for (const pid_t pid : server_processes(folder)) kill(pid, SIGKILL);
    wait_until_gone(processes, std::chrono::steady_clock::now() + 2s);
    for (const int segment : segments) shmctl(segment, IPC_RMID, nullptr);
}

}  // namespace orrery::base
