#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "base/folder.hpp"
#include "base/postmaster.hpp"

namespace orrery::base {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::size_t kLongestMessage = 4096;  // one command letter and a path
constexpr char kWatchFolder = 'F', kForgetFolder = 'f', kWatchPostmaster = 'P', kForgetPostmaster = 'p';

// A socket of whole messages. What was sent before our death is still delivered, then comes the end of file.
std::atomic<int> to_reaper_{-1};

void send(char command, const fs::path& path) {
    const int socket = to_reaper_.load();
    if (socket < 0) return;
    std::error_code failure;
    const std::string message = command + fs::absolute(path, failure).lexically_normal().string();
    if (failure || message.size() > kLongestMessage) return;
    while (::send(socket, message.data(), message.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

struct Watched {
    std::vector<fs::path> folders, postmasters;
};

void obey(Watched& watched, std::string_view message) {
    const fs::path path(message.substr(1));
    const char command = message.front();
    auto& list = command == kWatchFolder || command == kForgetFolder ? watched.folders : watched.postmasters;
    std::erase(list, path);
    if (command == kWatchFolder || command == kWatchPostmaster) list.push_back(path);
}

/// The last safety: nothing but a folder that one of us has named is ever removed.
bool ours(const fs::path& folder) {
    return folder.is_absolute() && folder.filename().string().starts_with("orrery-");
}

void clean_up(const Watched& watched) {
    // A child of the process that ended may still be on its way out, or a server on its way in: look again.
    constexpr int kRounds = 40;
    for (int round = 0; round < kRounds; ++round) {
        stop_servers_at_once(watched.postmasters, 5s);
        bool left = false;
        for (const auto& folder : watched.folders) {
            std::error_code failure;
            if (!ours(folder)) {  // one that the user named: only when it is empty
                if (fs::is_directory(folder, failure)) fs::remove(folder, failure);
                continue;
            }
            fs::remove_all(folder, failure);
            left = left || fs::exists(fs::symlink_status(folder, failure));
        }
        const auto runs = [](const fs::path& data) { return !server_processes(data).empty(); };
        if (!left && std::none_of(watched.postmasters.begin(), watched.postmasters.end(), runs)) return;
        std::this_thread::sleep_for(50ms);
    }
}

[[noreturn]] void serve(int socket) {
    setsid();
    prctl(PR_SET_NAME, "orrery-reaper");
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU})
        sigaction(number, &ignore, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    (void)!chdir("/");

    // Nobody who reads our output to its end may have to wait for this process.
    const int nothing = open("/dev/null", O_RDWR);
    for (int standard = 0; standard < 3; ++standard) dup2(nothing, standard);
    constexpr int kSocket = 3;
    if (socket != kSocket) dup2(socket, kSocket);
    syscall(SYS_close_range, 4U, ~0U, 0U);

    Watched watched;
    std::array<char, kLongestMessage> message;
    for (;;) {
        const ssize_t got = recv(kSocket, message.data(), message.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        obey(watched, {message.data(), static_cast<std::size_t>(got)});
    }
    clean_up(watched);
    _exit(0);
}

}  // namespace

namespace reaper {

void start() {
    if (to_reaper_.load() >= 0) return;
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    const pid_t child = fork();
    if (child == 0) serve(ends[0]);
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        return;
    }
    to_reaper_ = ends[1];
}

void watch_folder(const fs::path& path) {
    send(kWatchFolder, path);
}
void forget_folder(const fs::path& path) {
    send(kForgetFolder, path);
}
void watch_postmaster(const fs::path& data_folder) {
    send(kWatchPostmaster, data_folder);
}
void forget_postmaster(const fs::path& data_folder) {
    send(kForgetPostmaster, data_folder);
}

}  // namespace reaper
}  // namespace orrery::base
