#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "domain/plan.hpp"
#include "domain/plan_context.hpp"
#include "pg/session.hpp"

namespace orrery::pg {

struct PlanWithUnits {
    domain::Plan plan;
    domain::PlanUnits units;
    int explains = 0;  ///< asked of the server
};

/// Plans a statement without executing it and counts, per node, how often the planner applied each of its cost constants. A cost is a
/// linear function of the constants as long as the plan stays: with all of them scaled up, so that the two printed decimals become many,
/// one is raised a little, and the difference is its count. Two round trips of transactions that are rolled back; `settings` hold inside.
/// `unsupported` when the plan will not stay, or is priced by more than the constants (page costs of a tablespace). What foreign tables and
/// penalties of switched off nodes add to a cost is in no count. The session must not be in a transaction.
/// https://www.postgresql.org/docs/current/runtime-config-query.html#RUNTIME-CONFIG-QUERY-CONSTANTS
base::Result<PlanWithUnits> count_cost_units(Session& session, const std::string& statement,
                                             const std::vector<std::pair<std::string, std::string>>& settings = {});

}  // namespace orrery::pg
