#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "analyzers/workload_analyzer.hpp"
#include "base/result.hpp"
#include "domain/store.hpp"
#include "engine/context.hpp"

namespace orrery::engine {

struct WorkloadRequest {
    std::string target;
    std::optional<std::chrono::milliseconds> since;  ///< how far back; absent = all that is stored
};

struct WorkloadReport {
    std::string target;
    analyzers::WorkloadSummary summary;
    /// Average sessions in each of the columns' stretches, by class of wait, largest class first; empty when sessions were not sampled.
    struct WaitClass {
        std::string name;
        double sessions = 0;                  ///< over the whole time
        std::vector<double> active_sessions;  ///< NaN where nothing was sampled
    };
    std::vector<WaitClass> waits;
};

/// Adds the intervals that lie wholly inside [from, to] to the history, a few hours of them in memory at a time, or as many as a gap in
/// the collecting is long.
base::Result<void> read_intervals(domain::Store& store, domain::ServerId server, base::WallTime from, base::WallTime to,
                                  analyzers::WorkloadHistory& history);

/// What kind of workload the server of a target has, as collected.
base::Result<WorkloadReport> analyze_workload(const Context& context, const WorkloadRequest& request);

}  // namespace orrery::engine
