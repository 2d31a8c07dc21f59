#include "base/folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace orrery::base {
namespace {

namespace fs = std::filesystem;

Unexpected system_error(std::string message, int code) {
    std::string hint;
    if (code == ENOSPC || code == EDQUOT) hint = "Free some space there, or choose another place.";
    if (code == EACCES || code == EPERM || code == EROFS) hint = "Choose a place where this user may write.";
    const ErrorKind kind = code == ENOENT ? ErrorKind::missing_object : ErrorKind::io;
    return unexpected(kind, std::move(message), std::strerror(code), std::move(hint));
}

std::string random_letters(std::size_t count) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::array<unsigned char, 32> noise{};
    (void)!getrandom(noise.data(), noise.size(), 0);
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += kLetters[noise[i] % kLetters.size()];
    return text;
}

fs::path temporary_root() {
    const char* chosen = std::getenv("TMPDIR");
    return chosen != nullptr && chosen[0] == '/' ? chosen : "/tmp";
}

fs::path home() {
    if (const char* chosen = std::getenv("HOME"); chosen != nullptr && chosen[0] == '/') return chosen;
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return found->pw_dir;
    return "/";
}

Result<fs::path> standing_folder(const char* variable, std::string_view root_folder, std::string_view home_folder) {
    const char* chosen = std::getenv(variable);
    fs::path folder;
    if (chosen != nullptr && chosen[0] == '/')
        folder = fs::path(chosen) / "orrery";
    else if (geteuid() == 0)
        folder = root_folder;
    else
        folder = home() / home_folder;
    std::error_code failure;
    const bool made = fs::create_directories(folder, failure);
    if (failure) return system_error(fmt::format("cannot make the folder {}", folder.string()), failure.value());
    if (made && geteuid() == 0) chmod(folder.c_str(), 0711);  // servers run as another account and must get through
    return folder;
}

class OpenFile {
public:
    explicit OpenFile(int number) : number_(number) {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile() {
        if (number_ >= 0) close(number_);
    }
    [[nodiscard]] int get() const { return number_; }

private:
    int number_;
};

/// 0, or the code of what failed.
int write_and_sync(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t wrote = write(file, bytes.data(), bytes.size());
        if (wrote < 0 && errno != EINTR) return errno;
        if (wrote > 0) bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return fsync(file) == 0 ? 0 : errno;
}

/// The bytes, safe on disk, in a new file beside `path` with the mode of the one there.
Result<fs::path> write_neighbour(const fs::path& path, std::string_view bytes) {
    static std::atomic<std::uint64_t> count{0};
    fs::path neighbour = path;
    neighbour += fmt::format(".{}.{}.tmp", getpid(), ++count);
    const std::string failed = fmt::format("cannot write {}", path.string());
    const OpenFile file(open(neighbour.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() < 0) return system_error(failed, errno);
    struct stat before {};
    if (stat(path.c_str(), &before) == 0) (void)!fchmod(file.get(), before.st_mode & 07777);
    if (const int code = write_and_sync(file.get(), bytes); code != 0) {
        unlink(neighbour.c_str());
        return system_error(failed, code);
    }
    return neighbour;
}

void sync_folder_of(const fs::path& path) {
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const OpenFile directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.get() >= 0) (void)!fsync(directory.get());
}

}  // namespace

Result<TemporaryFolder> TemporaryFolder::create(const std::string& purpose, const std::optional<UserAccount>& account) {
    constexpr int kTries = 100;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        const fs::path path = temporary_root() / fmt::format("orrery-{}-{}", purpose, random_letters(6));
        if (std::error_code failure; fs::exists(fs::symlink_status(path, failure))) continue;
        reaper::watch_folder(path);  // before it exists, so that no death of ours can leave it
        if (mkdir(path.c_str(), 0700) != 0) {
            const int code = errno;
            reaper::forget_folder(path);
            if (code == EEXIST) continue;
            return system_error(fmt::format("cannot make the temporary folder {}", path.string()), code);
        }
        TemporaryFolder folder(path);
        if (account && chown(path.c_str(), account->uid, account->gid) != 0)
            return system_error(fmt::format("cannot hand {} to {}", path.string(), account->name), errno);
        return folder;
    }
    return unexpected(ErrorKind::io, fmt::format("cannot find a free name for a temporary folder in {}", temporary_root().string()));
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
}

TemporaryFolder::~TemporaryFolder() {
    if (path_.empty()) return;
    std::error_code failure;
    fs::remove_all(path_, failure);
    // What could not be removed now is left to the reaper.
    if (!failure) reaper::forget_folder(path_);
}

fs::path TemporaryFolder::release() {
    reaper::forget_folder(path_);
    return std::exchange(path_, {});
}

Result<fs::path> cache_folder() {
    return standing_folder("XDG_CACHE_HOME", "/var/cache/orrery", ".cache/orrery");
}
Result<fs::path> state_folder() {
    return standing_folder("XDG_STATE_HOME", "/var/lib/orrery", ".local/state/orrery");
}

Result<std::string> read_file(const fs::path& path) {
    const OpenFile file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return system_error(fmt::format("cannot read {}", path.string()), errno);
    std::string text;
    std::array<char, 65536> buffer;
    for (;;) {
        const ssize_t got = read(file.get(), buffer.data(), buffer.size());
        if (got == 0) return text;
        if (got < 0 && errno != EINTR) return system_error(fmt::format("cannot read {}", path.string()), errno);
        if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

Result<void> write_file(const fs::path& path, std::string_view bytes) {
    ORRERY_ASSIGN(const auto neighbour, write_neighbour(path, bytes));
    if (rename(neighbour.c_str(), path.c_str()) != 0) {
        const int code = errno;
        unlink(neighbour.c_str());
        return system_error(fmt::format("cannot write {}", path.string()), code);
    }
    sync_folder_of(path);
    return {};
}

Result<bool> write_new_file(const fs::path& path, std::string_view bytes) {
    ORRERY_ASSIGN(const auto neighbour, write_neighbour(path, bytes));
    const int code = link(neighbour.c_str(), path.c_str()) == 0 ? 0 : errno;
    unlink(neighbour.c_str());
    if (code == EEXIST) return false;
    if (code != 0) return system_error(fmt::format("cannot write {}", path.string()), code);
    sync_folder_of(path);
    return true;
}

}  // namespace orrery::base
