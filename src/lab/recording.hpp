#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/plan_context.hpp"

/// What is to be recorded, in which order, and the file that it goes to (docs/formats/recorded-plans.md).
namespace orrery::lab {

enum class CacheState {
    warm,  ///< the statement has just run
    cold,  ///< the server has just been started, and the system's cache emptied of its files as far as possible
};
std::string_view to_string(CacheState state);

/// Name and value of settings, in the order in which they are set.
using SettingValues = std::vector<std::pair<std::string, std::string>>;

struct RecordingGrid {
    std::vector<std::string> templates;   ///< names
    std::vector<int> most_draws;          ///< of each template; 0 = no limit
    int draws = 4;                        ///< parameter draws of each template
    std::vector<SettingValues> settings;  ///< combinations; empty = the server's own only
    std::vector<int> concurrency{1};      ///< sessions at work, the recording one included
    std::vector<CacheState> caches{CacheState::warm};
    std::uint64_t seed = 1;
};

/// One statement under one set of conditions.
struct RecordingJob {
    std::size_t statement = 0, settings = 0;  ///< positions in the grid
    int draw = 0, concurrency = 1;
    CacheState cache = CacheState::warm;
    friend bool operator==(const RecordingJob&, const RecordingJob&) = default;
};

/// Every combination once, cold ones alone on the server only. Draws from the outside in, templates shuffled inside: where the list is
/// cut short, what is done is a fair sample. The same grid gives the same order.
std::vector<RecordingJob> recording_jobs(const RecordingGrid& grid);
/// All combinations of settings' values: {"work_mem", {"4MB", "64MB"}}, ... `draws` > 0 takes so many different ones by lot.
std::vector<SettingValues> setting_combinations(std::span<const std::pair<std::string, std::vector<std::string>>> values, int draws,
                                                std::uint64_t seed);
/// Tells one recording from another: what its jobs are, and on what they ran. More draws do not make it another: they come last.
std::uint64_t recording_hash(const RecordingGrid& grid, std::string_view workload);

/// What a run of one statement gave.
struct RecordedRun {
    std::string plan_json;               ///< as EXPLAIN printed it
    std::string statement, fingerprint;  ///< template; fingerprint may be empty
    std::string database;
    std::vector<double> runs_ms;   ///< plain runs, round trip taken off
    double run_ms = 0;             ///< the one of them that counts
    std::optional<double> cpu_ms;  ///< CPU time of the session's process in them, likewise; of plans without workers, on this machine
    double cached_share = 1;
    std::string cache;  ///< "warm", "cold" or "restarted": what was really done
    SettingValues settings;
    base::WallTime at{};
};

/// The line of a context, without its newline.
std::string context_line(const domain::PlanContext& context, std::uint64_t recording);
/// The line of a run. `corrupt` when the server's text is no EXPLAIN document.
base::Result<std::string> run_line(const RecordedRun& run, const RecordingJob& job, std::size_t number);

/// The file while it is written. Each line goes out whole or not at all: after an error the file ends where the last whole one ended.
class RecordingFile {
public:
    /// Opens or makes it. A half-written last line is cut off. `invalid_input` when the file holds another recording, `corrupt` when it
    /// is none, `conflict` while another one writes it, `io` when it cannot be written.
    static base::Result<RecordingFile> open(const std::filesystem::path& path, std::uint64_t recording);
    RecordingFile(RecordingFile&& other) noexcept;
    RecordingFile& operator=(RecordingFile&&) = delete;
    ~RecordingFile();

    [[nodiscard]] bool has_context() const { return has_context_; }
    [[nodiscard]] const std::set<std::size_t>& done() const { return done_; }  ///< numbers of jobs
    base::Result<void> append(const std::string& line);

private:
    RecordingFile(std::filesystem::path path, int file) : path_(std::move(path)), file_(file) {}
    std::filesystem::path path_;
    int file_ = -1;
    std::int64_t size_ = 0;
    bool has_context_ = false;
    std::set<std::size_t> done_;
};

}  // namespace orrery::lab
