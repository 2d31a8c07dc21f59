#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "analyzers/query_pattern_analyzer.hpp"
#include "base/result.hpp"
#include "engine/context.hpp"

namespace orrery::engine {

struct PatternsRequest {
    std::string target;
    std::string workload;                            ///< a .sql file or a folder of them; empty = what was collected
    std::optional<std::chrono::milliseconds> since;  ///< how far back the collected workload reaches; absent = all of it
};

struct PatternsReport {
    std::string target;
    std::string source;  ///< of the workload
    analyzers::QueryPatterns patterns;
    std::vector<std::string> left_out;
};

/// Templates, tables, columns and joins of a workload, heaviest first.
base::Result<PatternsReport> analyze_patterns(const Context& context, const PatternsRequest& request);

}  // namespace orrery::engine
