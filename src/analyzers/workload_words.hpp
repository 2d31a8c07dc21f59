#pragma once

#include <string>
#include <vector>

#include "analyzers/workload_summary.hpp"

namespace orrery::analyzers {

/// A summary as short English sentences, the most important first.
std::vector<std::string> in_words(const WorkloadSummary& summary);
/// "every hour, at minute 5", "every 7 min 30 s", "each day at 02:30 UTC".
std::string schedule_words(const Schedule& schedule);

}  // namespace orrery::analyzers
