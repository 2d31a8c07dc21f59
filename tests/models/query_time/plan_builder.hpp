#pragma once

#include <string>
#include <utility>
#include <vector>

#include "domain/plan.hpp"

/// Small plans by hand.
namespace orrery::models::testing {

struct Numbers {
    double startup = 0, total = 0, rows = 0, width = 8;
    double actual_rows = -1, loops = 1, ms = 0;  ///< actual_rows < 0: not executed with ANALYZE
};

inline domain::PlanNode node(std::string type, const Numbers& numbers, std::vector<domain::PlanNode> children = {}) {
    domain::PlanNode made;
    made.type = std::move(type);
    made.startup_cost = base::PlannerCost(numbers.startup);
    made.total_cost = base::PlannerCost(numbers.total);
    made.rows = numbers.rows;
    made.width = numbers.width;
    if (numbers.actual_rows >= 0) {
        made.actual_rows = numbers.actual_rows;
        made.actual_loops = numbers.loops;
        made.actual_total_ms = numbers.ms;
        made.actual_startup_ms = 0;
    }
    made.children = std::move(children);
    return made;
}

inline domain::PlanNode scan(std::string type, std::string relation, const Numbers& numbers) {
    auto made = node(std::move(type), numbers);
    made.relation = relation;
    made.alias = std::move(relation);
    return made;
}

inline domain::PlanNode index_scan(std::string relation, std::string index, std::string condition, const Numbers& numbers) {
    auto made = scan("Index Scan", std::move(relation), numbers);
    made.index = std::move(index);
    made.index_condition = std::move(condition);
    return made;
}

inline domain::PlanNode as(domain::PlanNode node, std::string relationship, std::string name = {}) {
    node.parent_relationship = std::move(relationship);
    node.subplan_name = std::move(name);
    return node;
}

inline domain::PlanNode parallel(domain::PlanNode node) {
    node.parallel_aware = true;
    return node;
}

inline domain::Plan plan(domain::PlanNode root) {
    domain::Plan made;
    made.root = std::move(root);
    return made;
}

}  // namespace orrery::models::testing
