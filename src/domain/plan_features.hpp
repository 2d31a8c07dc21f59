#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "domain/plan.hpp"

namespace orrery::domain {

/// Changes whenever a feature is added, renamed or counted in another way; names of one version never move.
constexpr int kPlanFeaturesVersion = 1;

/// Names by position: "nodes", "depth", "op.seq_scan", "cost.total", "actual.misestimate_max", ...
std::span<const std::string_view> plan_feature_names();

/// A plan as one number per name, for models. Counts are of nodes; `cost.*` are planner's units, `cost.scan` and its like what nodes of
/// that kind add to their children; `rows.*` and `width.*` are estimates; bytes are rows times width. `actual.*` are NaN without ANALYZE:
/// misestimates are q-errors, max(estimated / actual, actual / estimated) with both at least one row, of nodes that ran at all.
std::vector<double> plan_features(const Plan& plan);

}  // namespace orrery::domain
