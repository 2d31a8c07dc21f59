#include <fmt/format.h>
#include <simdjson.h>

#include <string>
#include <string_view>

#include "pg/catalog_reader.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using domain::PlanNode;
using simdjson::dom::element;
using simdjson::dom::object;

base::Unexpected corrupt(std::string why) {
    return base::unexpected(ErrorKind::corrupt, "cannot read the plan", std::move(why),
                            "It must be the output of EXPLAIN (FORMAT JSON), whole and unchanged.");
}

std::string text_of(element value) {
    std::string_view text;
    return value.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

/// Keys with plain text, and where they go.
struct TextField {
    std::string_view key;
    std::string PlanNode::*member;
};
constexpr TextField kTexts[] = {
    {"Node Type", &PlanNode::type},
    {"Join Type", &PlanNode::join_type},
    {"Strategy", &PlanNode::strategy},
    {"Parent Relationship", &PlanNode::parent_relationship},
    {"Relation Name", &PlanNode::relation},
    {"Schema", &PlanNode::schema},
    {"Alias", &PlanNode::alias},
    {"Index Name", &PlanNode::index},
    {"Scan Direction", &PlanNode::scan_direction},
    {"Index Cond", &PlanNode::index_condition},
    {"Filter", &PlanNode::filter},
    {"Join Filter", &PlanNode::join_filter},
    {"Hash Cond", &PlanNode::hash_condition},
    {"Merge Cond", &PlanNode::merge_condition},
    {"Recheck Cond", &PlanNode::recheck_condition},
    {"Subplan Name", &PlanNode::subplan_name},
};

bool take_text(std::string_view key, element value, PlanNode& node) {
    for (const auto& field : kTexts) {
        if (field.key != key) continue;
        node.*field.member = text_of(value);
        return true;
    }
    return false;
}

void take_number(std::string_view key, element value, PlanNode& node) {
    double number = 0;
    if (value.get(number) != simdjson::SUCCESS) return;
    if (key == "Startup Cost")
        node.startup_cost = base::PlannerCost(number);
    else if (key == "Total Cost")
        node.total_cost = base::PlannerCost(number);
    else if (key == "Plan Rows")
        node.rows = number;
    else if (key == "Plan Width")
        node.width = number;
    else if (key == "Workers Planned")
        node.workers_planned = static_cast<int>(number);
    else if (key == "Actual Rows")
        node.actual_rows = number;
    else if (key == "Actual Loops")
        node.actual_loops = number;
    else if (key == "Actual Total Time")
        node.actual_total_ms = number;
}

/// simdjson bounds how deep a document nests, and with it this recursion.
base::Result<PlanNode> read_node(object fields) {
    PlanNode node;
    for (const auto& [key, value] : fields) {
        if (take_text(key, value, node)) continue;
        if (key == "Parallel Aware") {
            bool parallel = false;
            node.parallel_aware = value.get(parallel) == simdjson::SUCCESS && parallel;
        } else if (key == "Sort Key") {
            simdjson::dom::array items;
            if (value.get(items) != simdjson::SUCCESS) continue;
            for (const auto item : items) node.sort_key.push_back(text_of(item));
        } else if (key == "Plans") {
            simdjson::dom::array plans;
            if (value.get(plans) != simdjson::SUCCESS) return corrupt("\"Plans\" is not an array");
            for (const auto plan : plans) {
                object child;
                if (plan.get(child) != simdjson::SUCCESS) return corrupt("a child plan is not an object");
                ORRERY_ASSIGN(auto read, read_node(child));
                node.children.push_back(std::move(read));
            }
        } else {
            take_number(key, value, node);
        }
    }
    if (node.type.empty()) return corrupt("a node has no \"Node Type\"");
    return node;
}

std::optional<double> number_at(object fields, std::string_view key) {
    double number = 0;
    if (fields[key].get(number) != simdjson::SUCCESS) return {};
    return number;
}

}  // namespace

base::Result<domain::Plan> parse_plan(const std::string& json) {
    simdjson::dom::parser parser;
    element document;
    if (const auto error = parser.parse(json).get(document); error != simdjson::SUCCESS) return corrupt(simdjson::error_message(error));
    // EXPLAIN prints an array of one; auto_explain logs the object alone.
    if (simdjson::dom::array plans; document.get(plans) == simdjson::SUCCESS) {
        if (plans.size() == 0) return corrupt("the array is empty");
        document = *plans.begin();
    }
    object top, root;
    if (document.get(top) != simdjson::SUCCESS) return corrupt("there is no object with a \"Plan\"");
    if (top["Plan"].get(root) != simdjson::SUCCESS) return corrupt("there is no \"Plan\"");
    domain::Plan plan;
    ORRERY_ASSIGN(plan.root, read_node(root));
    plan.planning_ms = number_at(top, "Planning Time");
    plan.execution_ms = number_at(top, "Execution Time");
    return plan;
}

}  // namespace orrery::pg
