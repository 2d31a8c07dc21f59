#pragma once

#include <string>
#include <vector>

#include "domain/plan.hpp"
#include "domain/query.hpp"

/// Where executed plans found other numbers of rows than the planner expected. Pure.
namespace orrery::analyzers {

struct ExecutedPlan {
    domain::Fingerprint fingerprint;
    domain::Plan plan;
};

struct Misestimate {
    std::string node;                  ///< "Index Scan", "Hash Join"
    std::string relations;             ///< of the subtree, by name, comma-separated
    std::string condition;             ///< filter, index or join condition, as EXPLAIN tells it
    double estimated = 0, actual = 0;  ///< rows per loop, geometric means over executions
    double factor = 1;                 ///< actual / estimated: above 1 too few were expected
    int executions = 0;
    std::vector<domain::Fingerprint> templates;
    bool origin = true;  ///< the error arises here: the inputs were estimated well
};

/// Nodes whose rows were off by `least_factor` or more either way, largest first. Nodes never executed and those cut short by a LIMIT above
/// them are left out.
std::vector<Misestimate> find_misestimates(const std::vector<ExecutedPlan>& plans, double least_factor = 3);

}  // namespace orrery::analyzers
