#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/context.hpp"
#include "lab/recorder.hpp"

namespace orrery::engine {

/// What orrery lab record is asked for.
struct RecordRequest {
    std::string lab;       ///< id or folder; empty = the newest, unless a target is named
    std::string target;    ///< any server instead of a lab: needs a workload
    std::string workload;  ///< file or folder; empty = the lab's own
    std::filesystem::path output;
    int draws = 4, repeats = 3;
    bool minimum = false;  ///< the fastest of the repeats counts, not the median
    std::vector<int> concurrency{1};
    std::vector<std::string> settings;        ///< "work_mem=4MB,64MB"
    int setting_draws = 0;                    ///< so many of their combinations, by lot; 0 = all
    std::vector<std::string> caches{"warm"};  ///< "warm", "cold"
    std::chrono::milliseconds statement_timeout{60'000};
    std::optional<std::chrono::milliseconds> time_limit;
    std::uint64_t seed = 1;
};

struct RecordReport {
    std::string where;  ///< lab's id, or host:port/database
    lab::RecordingReport recording;
};

/// Runs a workload on a lab, or on any server, and writes its plans and times down (docs/formats/recorded-plans.md).
base::Result<RecordReport> lab_record(const Context& context, const RecordRequest& request);

}  // namespace orrery::engine
