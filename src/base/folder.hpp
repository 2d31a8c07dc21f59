#pragma once

#include <filesystem>
#include <string>

#include "base/process.hpp"
#include "base/result.hpp"

namespace orrery::base {

/// A 0700 folder that is removed with everything in it when the object goes, or when the process dies (see Reaper).
class TemporaryFolder {
public:
    /// Under $TMPDIR or /tmp, "orrery-<purpose>-XXXXXX"; owned by `account` when given.
    static Result<TemporaryFolder> create(const std::string& purpose, const std::optional<UserAccount>& account = {});
    TemporaryFolder(TemporaryFolder&& other) noexcept;
    TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
    ~TemporaryFolder();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Gives up ownership: the folder stays.
    std::filesystem::path release();

private:
    explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// Where Orrery keeps what outlives a run: templates of data directories, labs. $XDG_CACHE_HOME/orrery or ~/.cache/orrery;
/// as root /var/cache/orrery, traversable by the unprivileged account. Created when absent.
Result<std::filesystem::path> cache_folder();
/// Where the default store and the registry of labs live: $XDG_STATE_HOME/orrery or ~/.local/state/orrery; as root /var/lib/orrery.
Result<std::filesystem::path> state_folder();

Result<std::string> read_file(const std::filesystem::path& path);
/// Writes to a neighbour, fsyncs and renames: readers see the old bytes or the new, never half.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);
/// The same where nothing is yet; false, and nothing written, when the path is taken.
Result<bool> write_new_file(const std::filesystem::path& path, std::string_view bytes);

/// A small child process that outlives us just long enough to clean up: when this process ends in any way, SIGKILL
/// included, it stops the postmasters told to it (SIGQUIT, then SIGKILL) and removes the folders told to it: whole when they are named
/// "orrery-...", otherwise only when they are empty.
namespace reaper {
/// Starts it (once, early, before threads). Without it the calls below do nothing.
void start();
void watch_folder(const std::filesystem::path& path);
void forget_folder(const std::filesystem::path& path);
/// `data_folder` holds postmaster.pid; the process is only signalled when that file still names it.
void watch_postmaster(const std::filesystem::path& data_folder);
void forget_postmaster(const std::filesystem::path& data_folder);
}  // namespace reaper

}  // namespace orrery::base
