#include "models/query_time/row_observing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include "models/query_time/row_feedback.hpp"

namespace orrery::models {
namespace {

using domain::PlanNode;

double finite(std::optional<double> value) {
    return value && std::isfinite(*value) && *value > 0 ? std::min(*value, 1e15) : 0;
}

bool ran(const PlanNode& node) {
    return node.actual_rows && finite(node.actual_loops) > 0;
}

/// Reads its whole input before it gives a row.
bool blocks(const PlanNode& node) {
    return node.type == "Sort" || node.type == "Hash" || node.type == "SetOp" || (node.type == "Aggregate" && node.strategy != "Sorted");
}

bool is_gather(const PlanNode& node) {
    return node.type == "Gather" || node.type == "Gather Merge";
}

/// Whether the child was read to its end, given that the parent was.
bool reads_whole(const PlanRelations& plan, std::size_t parent, std::size_t child) {
    const auto& node = plan.node(parent);
    const auto& facts = plan[parent];
    const bool inner = static_cast<int>(child) == facts.inner;
    if (plan[child].subplan || node.type == "Limit" || node.type == "Merge Join") return false;
    if (node.type == "Nested Loop") return !inner || (!only_tests(node) && !node.inner_unique);
    if (node.type == "Hash Join" && !inner && facts.inner >= 0)  // an empty hash table ends the join at the first outer row
        return finite(plan.node(static_cast<std::size_t>(facts.inner)).actual_rows) > 0 || node.join_type == "Left" ||
               node.join_type == "Full" || node.join_type == "Anti";
    return true;
}

/// Rows that came out over all processes, per execution of the node.
double rows_of(const PlanRelations& plan, std::size_t i) {
    const auto& node = plan.node(i);
    const double rows = finite(node.actual_rows), loops = finite(node.actual_loops);
    if (!plan[i].partial) return rows;
    // A mean over the processes is rounded; the Gather above counts exactly.
    const int parent = plan.parent(i);
    if (parent >= 0 && is_gather(plan.node(static_cast<std::size_t>(parent))) &&
        finite(plan.node(static_cast<std::size_t>(parent)).actual_loops) == 1)
        return finite(plan.node(static_cast<std::size_t>(parent)).actual_rows);
    return rows * loops;
}

/// Rows that a nested loop found on its inner side, over all look-ups: the join's own rows, which are not rounded per look-up.
double found_by_look_ups(const PlanRelations& plan, std::size_t join) {
    const auto& node = plan.node(join);
    const double loops = finite(node.actual_loops);
    return rows_of(plan, join) * (plan[join].partial ? 1 : std::max(loops, 1.0));
}

/// The inner scan's rows per look-up before its filter; -1 when the plan does not show them.
double per_look_up(const PlanRelations& plan, std::size_t join, std::size_t leaf) {
    const auto& node = plan.node(join);
    const auto& scan = plan.node(leaf);
    const double look_ups = finite(scan.actual_loops);
    const bool shows = node.join_type == "Inner" && !node.inner_unique && node.join_filter.empty() && look_ups >= 1 &&
                       plan.look_up_keys(leaf).columns != 0;
    if (!shows) return -1;
    const auto inner = static_cast<std::size_t>(plan[join].inner);
    if (plan.node(inner).type == "Memoize") return -1;  // asked once for each value: not what rows find on average
    const double removed = finite(scan.details.removed_by_filter) + finite(scan.details.removed_by_index_recheck);
    return found_by_look_ups(plan, join) / look_ups + removed;
}

}  // namespace

void place_nodes(const PlanNode& root, std::vector<PlacedNode>& out) {
    out.clear();
    struct Walk {
        std::vector<PlacedNode>& out;
        void operator()(const PlanNode& node, int parent) {
            const int position = static_cast<int>(out.size());
            out.push_back({.node = &node, .parent = parent});
            for (const auto& child : node.children) (*this)(child, position);
        }
    };
    Walk{out}(root, -1);
}

void read_shown_rows(const PlanRelations& plan, std::vector<ShownRows>& out) {
    out.assign(plan.size(), {});
    std::vector<bool> asked_whole(plan.size(), true);
    for (std::size_t i = 0; i < plan.size(); ++i) {
        const auto& node = plan.node(i);
        if (plan.parent(i) >= 0) {
            const auto parent = static_cast<std::size_t>(plan.parent(i));
            asked_whole[i] = (asked_whole[parent] || blocks(plan.node(parent))) && reads_whole(plan, parent, i);
        }
        auto& shown = out[i];
        shown.per_look_up = -1;
        if (!ran(node)) continue;
        shown.rows = rows_of(plan, i);
        shown.look_ups = finite(node.actual_loops);
        shown.whole = asked_whole[i] && !plan[i].parametrized && !plan[i].overflow && plan[i].set != 0 && node.partial_mode != "Partial";
    }
    for (std::size_t i = 0; i < plan.size(); ++i) {
        if (plan.node(i).type != "Nested Loop" || !ran(plan.node(i)) || !asked_whole[i]) continue;
        const int leaf = plan.leaf(plan[i].inner);
        if (leaf >= 0) out[static_cast<std::size_t>(leaf)].per_look_up = per_look_up(plan, i, static_cast<std::size_t>(leaf));
    }
}

domain::ObservedRows observe_rows(const domain::Plan& executed) {
    std::vector<PlacedNode> nodes;
    place_nodes(executed.root, nodes);
    PlanRelations plan;
    const domain::PlanContext unknown;
    plan.read(nodes, unknown);
    std::vector<ShownRows> shown;
    read_shown_rows(plan, shown);
    domain::ObservedRows observed;
    for (std::size_t i = 0; i < plan.size(); ++i) {
        if (!shown[i].whole) continue;
        // Nodes that pass their rows on show the same; the uppermost is the least rounded.
        const int parent = plan.parent(i);
        if (parent >= 0 && !plan[i].subplan && shown[static_cast<std::size_t>(parent)].whole &&
            plan[static_cast<std::size_t>(parent)].set == plan[i].set)
            continue;
        domain::ObservedRows::Set set{.aliases = {}, .rows = shown[i].rows, .estimated_rows = plan[i].planned};
        for (std::size_t bit = 0; bit < plan.names().size(); ++bit) {
            if ((plan[i].set >> bit & 1) == 0) continue;
            const auto& name = plan.names()[bit];
            set.aliases.push_back(name.alias.empty() ? fmt::format("#{:016x}", name.derived) : std::string(name.alias));
        }
        std::sort(set.aliases.begin(), set.aliases.end());
        observed.sets.push_back(std::move(set));
    }
    return observed;
}

}  // namespace orrery::models
