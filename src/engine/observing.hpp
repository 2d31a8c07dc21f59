#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "engine/context.hpp"
#include "engine/lane.hpp"

/// All collectors on all targets, into one store.
namespace orrery::engine {

/// Names of what may be collected: "statements", "sessions", "metrics", "resources", "plans", "log".
const std::vector<std::string>& collector_names();

struct CollectRequest {
    std::vector<std::string> targets;
    bool once = false;
    std::chrono::milliseconds interval{60'000};         ///< of statements
    std::optional<std::chrono::milliseconds> duration;  ///< absent: until interrupted
    std::set<std::string> only;                         ///< some of collector_names(); empty = all
};

struct TargetReport {
    std::string target;
    std::vector<SourceStatus> sources;
    std::size_t statements = 0;  ///< entries seen by the last reading of pg_stat_statements
    std::size_t new_templates = 0;
    std::optional<double> coverage_percent;  ///< of the last interval
    std::optional<base::Error> failure;      ///< why the target could not be observed at all
};

struct CollectReport {
    std::vector<TargetReport> targets;
    double seconds = 0;  ///< of observing
};

/// Observes every target until the end. Each has two threads: sessions and metrics on one, what takes longer on the other. A server that
/// is away is waited for with back-off; one class of queries that fails alone does not hold up the others. A target that another process
/// is collecting is left to that one, and taken over when its lease runs out; with `once`, that is a `conflict`. Without `once` the store
/// is kept within `store.retention`. An error only when nothing at all could be observed.
base::Result<CollectReport> collect(const Context& context, const CollectRequest& request);

}  // namespace orrery::engine
