#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/plan_context.hpp"

/// What is run on a server to learn how long its operators take: statements that read little and answer with one row.
namespace orrery::collectors {

struct Probe {
    std::string name;                       ///< "look-ups by key in orders": shown, and the template of its executions
    std::string sql;                        ///< one SELECT, every name qualified
    std::vector<std::string> switched_off;  ///< planner settings (enable_...) that are off for it, so that its plan is the wanted one
    domain::RelationName table;             ///< that it reads; empty for those that read none
    double pages = 0, rows = 0;             ///< foreseen, at most: looks at blocks and rows handled, in one run
};

struct ProbeLimits {
    int tables = 3;                   ///< read by probes
    double pages_per_probe = 20'000;  ///< a larger table is read in part
    double rows_per_probe = 200'000;
    std::uint64_t seed = 1;  ///< of the places that are looked at
};

/// Probes for this database: some need no table (sorts, joins and aggregates of generated numbers); the others read a large, a medium and a
/// small table by key, by place (ctid), along indexes and from end to end, each within the limits. Only columns of built-in types are
/// compared, so that no code of the database's runs. Never analyzed and nearly empty tables are left out. Deterministic.
std::vector<Probe> choose_probes(const domain::Catalog& catalog, const domain::PlanContext& context, const ProbeLimits& limits = {});

}  // namespace orrery::collectors
