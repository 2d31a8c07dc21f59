#include "domain/plan.hpp"

#include <algorithm>
#include <string_view>

#include "base/random.hpp"

namespace orrery::domain {
namespace {

/// "InitPlan 1 (returns $0)" is "InitPlan 1" since 17: an upgrade alone makes no other plan.
std::string_view subplan_of(const PlanNode& node) {
    return std::string_view(node.subplan_name).substr(0, node.subplan_name.find(" (returns "));
}

void append_shape(const PlanNode& node, std::string& text) {
    text += node.type;
    for (const auto* part : {&node.strategy, &node.join_type, &node.schema, &node.relation, &node.alias, &node.index, &node.scan_direction})
        if (!part->empty()) text += "," + *part;
    if (!node.subplan_name.empty()) text.append(",").append(subplan_of(node));
    if (node.parallel_aware) text += ",parallel";
    if (node.children.empty()) return;
    text += "(";
    for (std::size_t i = 0; i < node.children.size(); ++i) {
        if (i > 0) text += ";";
        append_shape(node.children[i], text);
    }
    text += ")";
}

void collect_indexes(const PlanNode& node, std::vector<std::string>& names) {
    if (!node.index.empty()) names.push_back(node.index);
    for (const auto& child : node.children) collect_indexes(child, names);
}

}  // namespace

std::string Plan::shape() const {
    std::string text;
    append_shape(root, text);
    return text;
}

std::uint64_t Plan::shape_hash() const {
    return base::stable_hash(shape());
}

std::vector<std::string> Plan::indexes_used() const {
    std::vector<std::string> names;
    collect_indexes(root, names);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

}  // namespace orrery::domain
