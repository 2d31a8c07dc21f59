#include "models/query_time/plan_relations.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <string_view>

#include "models/query_time/planner_costs.hpp"

namespace orrery::models {
namespace {

using domain::PlanNode;

bool is_base_scan(const PlanNode& node) {
    return !node.relation.empty() && node.type != "Bitmap Index Scan" && node.type != "ModifyTable";
}

bool is_subplan(const PlanNode& node) {
    return node.parent_relationship == "InitPlan" || node.parent_relationship == "SubPlan";
}

/// A node whose rows are no longer those of the relations below: what it made of them gets a name of its own.
std::uint64_t derived_from(const PlanNode& node) {
    const std::string_view type = node.type;
    const bool derives = is_grouping(node) || type == "Limit" || type == "Unique" || type == "SetOp" || type == "ProjectSet" ||
                         type == "Recursive Union" || (type == "Result" && !(node.one_time_filter.empty() && node.filter.empty()));
    if (!derives) return 0;
    std::uint64_t hash = hash_text(type == "Group" ? "Aggregate" : type);
    if (is_grouping(node)) hash = hash_pair(hash, node.filter.empty() ? 1 : 2);
    if (node.partial_mode == "Partial") hash = hash_pair(hash, 3);
    std::uint64_t keys = 0;  // a sorted grouping may take its keys in another order
    for (const auto& key : node.group_key) keys += hash_pair(hash_text(key), 4);
    return hash_pair(hash, keys) | 1;
}

double finite(double value) {
    return std::isfinite(value) && value > 0 ? std::min(value, 1e15) : 0;
}

/// A partition's alias is its parent's with a number.
std::string_view parent_alias(std::string_view alias) {
    const auto end = alias.find_last_not_of("0123456789");
    if (end == std::string_view::npos || end + 1 == alias.size() || alias[end] != '_' || end == 0) return alias;
    return alias.substr(0, end);
}

bool is_append(const PlanNode& node) {
    return node.type == "Append" || node.type == "Merge Append";
}

/// True when the children are parts of one table, each under the table's alias with a number.
bool appends_parts(const PlanNode& append) {
    if (append.children.empty()) return false;
    const std::string_view alias = parent_alias(append.children.front().alias);
    return std::all_of(append.children.begin(), append.children.end(), [&](const PlanNode& child) {
        return is_subplan(child) ||
               (is_base_scan(child) && !child.alias.empty() && parent_alias(child.alias) == alias && child.alias != alias);
    });
}

/// Workers that the planner gives a scan of so many pages (compute_parallel_worker with the default min_parallel_table_scan_size of 8 MB):
/// one, and one more with each threefold size.
int workers_for(double pages) {
    int workers = 1;
    for (double threshold = 3072; pages >= threshold && workers < 1024; threshold *= 3) ++workers;
    return workers;
}

std::uint64_t key_of(std::uint64_t hash, bool depends_on_values) {
    return (hash & ~std::uint64_t{1}) | (depends_on_values ? 1 : 0);
}

bool is_gather(const PlanNode& node) {
    return node.type == "Gather" || node.type == "Gather Merge";
}

}  // namespace

bool is_join(const PlanNode& node) {
    return node.type == "Nested Loop" || node.type == "Hash Join" || node.type == "Merge Join";
}

bool is_grouping(const PlanNode& node) {
    return node.type == "Aggregate" || node.type == "Group";
}

bool only_tests(const PlanNode& join) {
    return join.join_type == "Semi" || join.join_type == "Anti";
}

void PlanRelations::read(std::span<const PlacedNode> nodes, const domain::PlanContext& context) {
    context_ = &context;
    nodes_.assign(nodes.begin(), nodes.end());
    facts_.assign(nodes_.size(), {});
    workers_.assign(nodes_.size(), 0);
    conjuncts_.clear();
    names_.clear();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        auto& facts = facts_[i];
        facts.subplan = nodes_[i].parent >= 0 && is_subplan(node(i));
        if (nodes_[i].parent >= 0) {
            const auto parent = static_cast<std::size_t>(nodes_[i].parent);
            workers_[i] = is_gather(node(parent)) ? std::clamp(node(parent).workers_planned, 0, 1024) : workers_[parent];
            if (!facts.subplan) {
                if (facts_[parent].outer < 0)
                    facts_[parent].outer = static_cast<int>(i);
                else if (facts_[parent].inner < 0)
                    facts_[parent].inner = static_cast<int>(i);
            }
        }
        read_names(i);
    }
    for (std::size_t i = 0; i < nodes_.size(); ++i) read_conditions(i);
    signatures_.assign(names_.size(), 0);
    for (auto i = nodes_.size(); i-- > 0;) combine(i);
}

void PlanRelations::read_names(std::size_t i) {
    auto& facts = facts_[i];
    const auto& n = node(i);
    facts.is_scan = is_base_scan(n);
    std::string_view alias = n.alias;
    const bool part = nodes_[i].parent >= 0 && !facts.subplan && is_append(node(static_cast<std::size_t>(nodes_[i].parent))) &&
                      appends_parts(node(static_cast<std::size_t>(nodes_[i].parent)));
    if (part) return;  // only all of them together are the table
    if (facts.is_scan && alias.empty()) alias = n.relation;
    if (is_append(n) && appends_parts(n)) alias = parent_alias(n.children.front().alias);
    if (!alias.empty() && n.type != "ModifyTable") {
        facts.set = names_.add(alias, n.relation.empty() ? hash_text(n.type) : hash_text(n.relation));
        facts.overflow = facts.set == 0;
    } else if (const auto derived = derived_from(n); derived != 0) {
        facts.set = names_.add_derived(derived);
        facts.overflow = facts.set == 0;
    }
}

void PlanRelations::read_conditions(std::size_t i) {
    auto& facts = facts_[i];
    const auto& n = node(i);
    const bool scan = facts.is_scan;
    const ScanName own = scan ? ScanName{.alias = n.alias, .relation = hash_text(n.relation)} : ScanName{};
    facts.first_conjunct = static_cast<std::uint32_t>(conjuncts_.size());
    const auto take = [&](const Conjunct& c) {
        facts.named |= c.relations;
        conjuncts_.push_back(c);
    };
    if (scan || n.type == "Bitmap Index Scan") {
        read_condition(n.index_condition, names_, own, take);
        read_condition(n.recheck_condition, names_, own, take);
        read_condition(n.tid_condition, names_, own, take);
        facts.index_conjuncts = static_cast<std::uint32_t>(conjuncts_.size()) - facts.first_conjunct;
        read_condition(n.filter, names_, own, [&](const Conjunct& c) {
            facts.foreign_filter = facts.foreign_filter || c.foreign;
            take(c);
        });
    } else if (is_join(n)) {
        read_condition(n.hash_condition, names_, own, take);
        read_condition(n.merge_condition, names_, own, take);
        read_condition(n.join_filter, names_, own, take);
    } else if (!n.filter.empty() && !is_grouping(n)) {
        read_condition(n.filter, names_, own, take);
    }
    facts.conjuncts = static_cast<std::uint32_t>(conjuncts_.size()) - facts.first_conjunct;
}

void PlanRelations::combine(std::size_t i) {
    auto& facts = facts_[i];
    const auto& n = node(i);
    // Children come after their parent: theirs is complete here.
    if (is_gather(n) || n.type == "Bitmap Index Scan" || n.type == "BitmapAnd" || n.type == "BitmapOr")
        facts.partial = false;
    else
        facts.partial = n.parallel_aware || (facts.outer >= 0 && facts_[static_cast<std::size_t>(facts.outer)].partial);
    divide(i);
    facts.planned = finite(n.rows) * facts.divisor;
    if (facts.is_scan && facts.set != 0) signatures_[static_cast<std::size_t>(std::countr_zero(facts.set))] = signature(i);
    facts.parametrized = (facts.named & ~facts.set) != 0;
    if (nodes_[i].parent < 0 || facts.subplan) return;
    if (n.type == "Bitmap Index Scan" || n.type == "BitmapAnd" || n.type == "BitmapOr") return;
    auto& parent = facts_[static_cast<std::size_t>(nodes_[i].parent)];
    parent.set |= facts.set;
    parent.overflow = parent.overflow || facts.overflow;
    // What a nested loop's inner side asks for comes from its outer side, unless that has not got it either.
    parent.named |= facts.named & ~facts.set;
}

/// A partial node's rows were divided by the workers of the path that it belongs to: a small table's scan asks for fewer than the Gather
/// has, and below a Parallel Hash that shows.
void PlanRelations::divide(std::size_t i) {
    auto& facts = facts_[i];
    const auto& n = node(i);
    if (!facts.partial) return;
    const bool leader = context_->server.parallel_leader_participation;
    facts.gather_divisor = parallel_divisor(workers_[i], leader);
    if (facts.outer >= 0 && facts_[static_cast<std::size_t>(facts.outer)].partial) {
        facts.divisor = facts_[static_cast<std::size_t>(facts.outer)].divisor;
    } else if (n.type == "Seq Scan") {
        const auto* relation = context_->find_relation(n.relation, n.schema);
        // Without the context: the cost of a scan is its pages and about a third as much for its rows.
        const double pages = relation != nullptr && relation->pages > 0 ? relation->pages : 0.8 * finite(n.total_cost.value);
        facts.divisor = parallel_divisor(std::min(workers_[i], workers_for(pages)), leader);
    } else {
        facts.divisor = facts.gather_divisor;
    }
}

std::uint64_t PlanRelations::signature(std::size_t scan) const {
    std::uint64_t sum = 0;
    for (const auto& c : conjuncts(scan))
        if (!c.foreign) sum += hash_pair(c.shape, 7);
    return sum;
}

int PlanRelations::leaf(int at) const {
    while (at >= 0) {
        const auto& facts = facts_[static_cast<std::size_t>(at)];
        if (facts.is_scan) return at;
        if (facts.inner >= 0) return -1;
        at = facts.outer;
    }
    return -1;
}

LookUpKeys PlanRelations::look_up_keys(std::size_t scan) const {
    LookUpKeys keys;
    for (const auto& c : conjuncts(scan)) {
        if (c.equal_column == 0) continue;
        keys.columns += hash_pair(c.equal_column, 11);
        keys.from += hash_pair(hash_pair(c.equal_column, 13), c.equal_foreign);
    }
    return keys;
}

void PlanRelations::scan_keys(std::size_t scan, bool of_index, std::vector<std::uint64_t>& keys) const {
    const auto& facts = facts_[scan];
    std::uint64_t all = 0;
    int parts = 0;
    bool values = false;
    for (std::uint32_t k = 0; k < (of_index ? facts.index_conjuncts : facts.conjuncts); ++k) {
        const auto& c = conjuncts_[facts.first_conjunct + k];
        if (c.foreign) continue;
        keys.push_back(key_of(hash_pair(c.shape, 17), c.has_constant));
        values = values || c.has_constant;
        all += hash_pair(c.shape, 7);
        ++parts;
    }
    if (parts > 1) keys.push_back(key_of(hash_pair(all, 19), values));
}

void PlanRelations::join_keys(std::size_t join, std::vector<std::uint64_t>& keys) const {
    std::uint64_t pair = 0, named = 0;
    const auto take = [&](std::size_t from) {
        for (const auto& c : conjuncts(from)) {
            if (!c.equality || !c.foreign) continue;
            pair += hash_pair(c.shape, 23);
            named |= c.relations;
        }
    };
    take(join);
    if (const int inner = node(join).type == "Nested Loop" ? leaf(facts_[join].inner) : -1; inner >= 0) {
        take(static_cast<std::size_t>(inner));
        named |= facts_[static_cast<std::size_t>(inner)].set;
    }
    if (pair == 0) return;
    if (only_tests(node(join))) pair = hash_pair(pair, hash_text(node(join).join_type));
    keys.push_back(key_of(hash_pair(pair, 29), true));
    std::uint64_t conditions = 0;
    for (named &= facts_[join].set; named != 0; named &= named - 1)
        conditions += signatures_[static_cast<std::size_t>(std::countr_zero(named))];
    keys.push_back(key_of(hash_pair(hash_pair(pair, 31), conditions), conditions != 0));
}

}  // namespace orrery::models
