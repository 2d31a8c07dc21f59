#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "lab/recording.hpp"
#include "lab/statement_template.hpp"
#include "pg/private_cluster.hpp"

/// Runs statements under chosen conditions and writes their plans and times down.
namespace orrery::lab {

struct RecorderOptions {
    std::string uri;
    std::string workload;          ///< its name: a recording goes on only with the same one
    std::filesystem::path output;  ///< gone on with when it exists
    RecordingGrid grid;            ///< templates are filled in
    int repeats = 3;               ///< plain runs at most; slow statements have fewer, see kEnoughRunning
    bool minimum = false;          ///< the fastest of them counts, not the median
    std::chrono::milliseconds statement_timeout{60'000};
    std::optional<std::chrono::milliseconds> time_limit;  ///< no job is begun after it
    bool allow_changes = false;             ///< data-changing statements run too, in transactions that are rolled back: labs only
    pg::PrivateCluster* cluster = nullptr;  ///< of a lab: what cold runs need
    base::Clock* clock = &base::system_clock();
};

/// After so much time in plain runs of one job no further repeat is made.
constexpr std::chrono::milliseconds kEnoughRunning{2000};

struct RecordingReport {
    std::size_t jobs = 0, recorded = 0, already_there = 0, left_out = 0;
    std::vector<std::string> problems;  ///< why statements were left out, each once
    bool interrupted = false;           ///< by a stop request
    bool out_of_time = false;           ///< by the time limit
    bool cold_as_asked = true;          ///< false: some cold runs found the system's cache filled
    double seconds = 0;
};

/// Each statement: planned, run once to warm up (not when cold), run plainly for its time, run under EXPLAIN (ANALYZE, BUFFERS,
/// SETTINGS). In transactions that are read-only (or, where changes are allowed, rolled back). Plain runs are of a prepared
/// statement, so their times hold no planning. A statement that the server refuses is left out, with all its draws; one that runs
/// into the timeout twice too. An error (lost server, full disk) leaves a valid file that the next call goes on with.
base::Result<RecordingReport> record(const std::vector<StatementTemplate>& templates, const RecorderOptions& options,
                                     const std::stop_token& stop = {});

}  // namespace orrery::lab
