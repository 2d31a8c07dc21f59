#include "analyzers/misestimates.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

namespace orrery::analyzers {
namespace {

struct Seen {
    double log_estimated = 0, log_actual = 0;
    int executions = 0, origins = 0;
    std::set<domain::Fingerprint> templates;
};
using Key = std::tuple<std::string, std::string, std::string>;

double at_least_one(double rows) {
    return std::max(rows, 1.0);
}

double factor_of(const domain::PlanNode& node) {
    return at_least_one(node.actual_rows.value_or(0)) / at_least_one(node.rows);
}

void add_relations(const domain::PlanNode& node, std::set<std::string>& names) {
    if (!node.relation.empty()) names.insert(node.relation);
    for (const auto& child : node.children) add_relations(child, names);
}

std::string joined(const std::set<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string condition_of(const domain::PlanNode& node) {
    std::string text;
    for (const auto* part :
         {&node.index_condition, &node.hash_condition, &node.merge_condition, &node.join_filter, &node.filter, &node.one_time_filter})
        if (!part->empty()) text += (text.empty() ? "" : " AND ") + *part;
    if (text.empty() && !node.group_key.empty())
        for (const auto& key : node.group_key) text += (text.empty() ? "GROUP BY " : ", ") + key;
    return text;
}

/// Nodes that pass rows on as they are have no error of their own, and some stop early.
bool estimates_rows(const domain::PlanNode& node) {
    static const std::set<std::string> kPassing{"Sort",     "Incremental Sort",  "Hash",         "Materialize", "Memoize",     "Limit",
                                                "Gather",   "Gather Merge",      "Result",       "LockRows",    "ModifyTable", "BitmapAnd",
                                                "BitmapOr", "Bitmap Index Scan", "Subquery Scan"};
    return !kPassing.contains(node.type);
}

/// Nodes that read their inputs to the end, whatever is asked of them.
bool drains_inputs(const domain::PlanNode& node) {
    return node.type == "Sort" || node.type == "Hash" || (node.type == "Aggregate" && node.strategy != "Sorted");
}

class Walk {
public:
    Walk(std::map<Key, Seen>& seen, double least) : seen_(&seen), least_(least) {}

    /// `cut` when a node above may have stopped asking for rows. Returns whether an error was found at the node or below.
    bool visit(const domain::PlanNode& node, domain::Fingerprint fingerprint, bool cut) {
        const bool stops = node.type == "Limit" || node.join_type == "Semi" || node.join_type == "Anti" || node.type == "Merge Join";
        bool below = false;
        for (const auto& child : node.children) below = visit(child, fingerprint, (cut || stops) && !drains_inputs(node)) || below;
        if (cut || !node.actual_rows || node.actual_loops.value_or(0) <= 0 || !estimates_rows(node)) return below;
        const double factor = factor_of(node);
        if (factor < least_ && 1 / factor < least_) return below;
        std::set<std::string> relations;
        add_relations(node, relations);
        auto& seen = (*seen_)[{node.type, joined(relations), condition_of(node)}];
        seen.log_estimated += std::log(at_least_one(node.rows));
        seen.log_actual += std::log(at_least_one(*node.actual_rows));
        ++seen.executions;
        if (!below) ++seen.origins;
        seen.templates.insert(fingerprint);
        return true;
    }

private:
    std::map<Key, Seen>* seen_;
    double least_;
};

}  // namespace

std::vector<Misestimate> find_misestimates(const std::vector<ExecutedPlan>& plans, double least_factor) {
    std::map<Key, Seen> seen;
    Walk walk(seen, least_factor);
    for (const auto& executed : plans) walk.visit(executed.plan.root, executed.fingerprint, false);
    std::vector<Misestimate> found;
    for (const auto& [key, node] : seen) {
        Misestimate misestimate{.node = std::get<0>(key), .relations = std::get<1>(key), .condition = std::get<2>(key)};
        misestimate.estimated = std::exp(node.log_estimated / node.executions);
        misestimate.actual = std::exp(node.log_actual / node.executions);
        misestimate.factor = misestimate.actual / misestimate.estimated;
        misestimate.executions = node.executions;
        misestimate.templates.assign(node.templates.begin(), node.templates.end());
        misestimate.origin = 2 * node.origins > node.executions;
        found.push_back(std::move(misestimate));
    }
    const auto size = [](const Misestimate& m) { return std::abs(std::log(m.factor)); };
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return size(a) > size(b); });
    return found;
}

}  // namespace orrery::analyzers
