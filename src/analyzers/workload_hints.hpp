#pragma once

#include <span>
#include <vector>

#include "analyzers/workload_summary.hpp"
#include "domain/series.hpp"

namespace orrery::analyzers {

/// Habits that cost: of the workload and of its templates. Reads the summary's totals, templates and features.
std::vector<Hint> find_hints(const WorkloadSummary& summary, std::span<const domain::Frame> sessions);

}  // namespace orrery::analyzers
