#pragma once

#include <span>
#include <vector>

#include "models/query_time/plan_relations.hpp"

/// What an executed plan shows of row counts, node by node.
namespace orrery::models {

struct ShownRows {
    bool whole = false;      ///< `rows` is the full result of the node's relations and conditions: nothing stopped it early
    double rows = 0;         ///< over all processes, per execution
    double look_ups = 0;     ///< executions, over all processes
    double per_look_up = 0;  ///< of a scan that an outer row asks: rows before its filter, per look-up; < 0 = not shown
};

/// The nodes of a plan in preorder.
void place_nodes(const domain::PlanNode& root, std::vector<PlacedNode>& out);

/// One entry per node.
void read_shown_rows(const PlanRelations& plan, std::vector<ShownRows>& out);

}  // namespace orrery::models
