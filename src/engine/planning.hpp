#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "engine/context.hpp"
#include "optimizers/advised_workload.hpp"
#include "pg/session.hpp"
#include "twin/planner_twin.hpp"

/// The twin of a target, and how true it is.
namespace orrery::engine {

base::Result<twin::PlannerTwin> build_twin(const Context& context, pg::Session& target);

/// Plans the heaviest statements of a workload on target and twin, at most `sample` of them; nothing is executed. One sentence,
/// with the likely cause, for each whose cost differs by more than twin.deviation_limit or whose plan has another shape.
base::Result<std::vector<std::string>> check_twin(const Context& context, pg::Session& target, twin::PlannerTwin& twin,
                                                  const optimizers::AdvisedWorkload& workload, std::size_t sample);

}  // namespace orrery::engine
