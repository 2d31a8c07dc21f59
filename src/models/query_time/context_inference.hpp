#pragma once

#include <span>

#include "domain/plan_context.hpp"
#include "models/query_time/executed_plan.hpp"

namespace orrery::models {

/// What the plans themselves tell of their database, for recordings that came without a context: sizes of relations from full scans (rows
/// and rows removed, and the pages in their costs), correlations of indexes from the costs of index scans. Settings are the defaults. What
/// no plan tells is left out. A model may only be judged on plans that were not given here.
domain::PlanContext infer_context(std::span<const ExecutedPlan> plans);

}  // namespace orrery::models
