#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace orrery::domain {

/// A node of EXPLAIN's tree.
struct PlanNode {
    std::string type;  ///< "Index Scan", "Hash Join", ...
    std::string join_type, strategy, parent_relationship;
    std::string relation, schema, alias, index;
    std::string scan_direction;  ///< "Forward", "Backward"
    std::string index_condition, filter, join_filter, hash_condition, merge_condition, recheck_condition;
    std::vector<std::string> sort_key;
    std::string subplan_name;
    bool parallel_aware = false;
    int workers_planned = 0;
    base::PlannerCost startup_cost, total_cost;
    double rows = 0;                                                   ///< estimated, per loop
    double width = 0;                                                  ///< bytes
    std::optional<double> actual_rows, actual_loops, actual_total_ms;  ///< per loop, from ANALYZE
    std::vector<PlanNode> children;
};

struct Plan {
    PlanNode root;
    std::optional<double> planning_ms, execution_ms;

    [[nodiscard]] base::PlannerCost total_cost() const { return root.total_cost; }
    /// Node types, relations, indexes and nesting, without numbers: equal exactly when two plans have one shape.
    [[nodiscard]] std::string shape() const;
    [[nodiscard]] std::uint64_t shape_hash() const;
    /// Names of the indexes the plan scans, sorted, each once.
    [[nodiscard]] std::vector<std::string> indexes_used() const;
};

}  // namespace orrery::domain
