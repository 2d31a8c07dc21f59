#include "domain/plan_features.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace orrery::domain {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

enum class OperatorClass { scan, join, sort, aggregate, other };

struct Operator {
    std::string_view type, feature;
    OperatorClass kind = OperatorClass::other;
};
constexpr Operator kOperators[] = {
    {"Seq Scan", "op.seq_scan", OperatorClass::scan},
    {"Sample Scan", "op.sample_scan", OperatorClass::scan},
    {"Index Scan", "op.index_scan", OperatorClass::scan},
    {"Index Only Scan", "op.index_only_scan", OperatorClass::scan},
    {"Bitmap Index Scan", "op.bitmap_index_scan", OperatorClass::scan},
    {"Bitmap Heap Scan", "op.bitmap_heap_scan", OperatorClass::scan},
    {"BitmapAnd", "op.bitmap_and", OperatorClass::scan},
    {"BitmapOr", "op.bitmap_or", OperatorClass::scan},
    {"Tid Scan", "op.tid_scan", OperatorClass::scan},
    {"Tid Range Scan", "op.tid_range_scan", OperatorClass::scan},
    {"Subquery Scan", "op.subquery_scan"},
    {"Function Scan", "op.function_scan", OperatorClass::scan},
    {"Table Function Scan", "op.table_function_scan", OperatorClass::scan},
    {"Values Scan", "op.values_scan", OperatorClass::scan},
    {"CTE Scan", "op.cte_scan", OperatorClass::scan},
    {"Named Tuplestore Scan", "op.named_tuplestore_scan", OperatorClass::scan},
    {"WorkTable Scan", "op.work_table_scan", OperatorClass::scan},
    {"Foreign Scan", "op.foreign_scan", OperatorClass::scan},
    {"Custom Scan", "op.custom_scan", OperatorClass::scan},
    {"Nested Loop", "op.nested_loop", OperatorClass::join},
    {"Merge Join", "op.merge_join", OperatorClass::join},
    {"Hash Join", "op.hash_join", OperatorClass::join},
    {"Hash", "op.hash", OperatorClass::join},
    {"Sort", "op.sort", OperatorClass::sort},
    {"Incremental Sort", "op.incremental_sort", OperatorClass::sort},
    {"Aggregate", "op.aggregate", OperatorClass::aggregate},
    {"Group", "op.group", OperatorClass::aggregate},
    {"WindowAgg", "op.window_agg", OperatorClass::aggregate},
    {"Unique", "op.unique", OperatorClass::aggregate},
    {"SetOp", "op.set_op", OperatorClass::aggregate},
    {"Limit", "op.limit"},
    {"LockRows", "op.lock_rows"},
    {"Materialize", "op.materialize"},
    {"Memoize", "op.memoize"},
    {"Append", "op.append"},
    {"Merge Append", "op.merge_append"},
    {"Recursive Union", "op.recursive_union"},
    {"Gather", "op.gather"},
    {"Gather Merge", "op.gather_merge"},
    {"Result", "op.result"},
    {"ProjectSet", "op.project_set"},
    {"ModifyTable", "op.modify_table"},
};
constexpr std::size_t kOperatorCount = std::size(kOperators);

/// Position in kOperators; kOperatorCount for a type that is not there.
std::size_t operator_of(const std::string& type) {
    static const auto kPositions = [] {
        std::unordered_map<std::string_view, std::size_t> positions;
        for (std::size_t i = 0; i < kOperatorCount; ++i) positions.emplace(kOperators[i].type, i);
        return positions;
    }();
    const auto found = kPositions.find(type);
    return found == kPositions.end() ? kOperatorCount : found->second;
}

/// The features beside the counts of operators.
struct Sums {
    double nodes = 0, depth = 0, leaves = 0, children_max = 0, relations = 0, indexes = 0, subplans = 0;
    double cost_total = 0, cost_startup = 0, cost_scan = 0, cost_join = 0, cost_sort = 0, cost_aggregate = 0, cost_other = 0;
    double rows_root = 0, rows_sum = 0, rows_max = 0, rows_leaves = 0;
    double width_root = 0, width_max = 0, bytes_root = 0, bytes_max = 0;
    double joins = 0, joins_outer = 0, joins_semi_or_anti = 0, joins_inner_unique = 0;
    double scans = 0, scans_filtered = 0, scans_backward = 0, index_conditions = 0, recheck_conditions = 0, join_filters = 0;
    double aggregates_hashed = 0, aggregates_sorted = 0, aggregates_partial = 0, sort_keys = 0, group_keys = 0;
    double workers_planned = 0, parallel_aware = 0, disabled = 0, subplans_removed = 0, settings_changed = 0;
    double actual_rows_root = kUnknown, actual_rows_sum = kUnknown, actual_misestimate_root = kUnknown, actual_misestimate_max = kUnknown;
    double actual_execution_ms = kUnknown, actual_planning_ms = kUnknown, actual_removed_rows = kUnknown, actual_spills = kUnknown;
    double actual_shared_hit = kUnknown, actual_shared_read = kUnknown, actual_temp_blocks = kUnknown, actual_workers = kUnknown;
    double actual_jit_ms = kUnknown;
};

struct Feature {
    std::string_view name;
    double Sums::*value;
};
constexpr Feature kSums[] = {
    {"nodes", &Sums::nodes},
    {"depth", &Sums::depth},
    {"leaves", &Sums::leaves},
    {"children_max", &Sums::children_max},
    {"relations", &Sums::relations},
    {"indexes", &Sums::indexes},
    {"subplans", &Sums::subplans},
    {"cost.total", &Sums::cost_total},
    {"cost.startup", &Sums::cost_startup},
    {"cost.scan", &Sums::cost_scan},
    {"cost.join", &Sums::cost_join},
    {"cost.sort", &Sums::cost_sort},
    {"cost.aggregate", &Sums::cost_aggregate},
    {"cost.other", &Sums::cost_other},
    {"rows.root", &Sums::rows_root},
    {"rows.sum", &Sums::rows_sum},
    {"rows.max", &Sums::rows_max},
    {"rows.leaves", &Sums::rows_leaves},
    {"width.root", &Sums::width_root},
    {"width.max", &Sums::width_max},
    {"bytes.root", &Sums::bytes_root},
    {"bytes.max", &Sums::bytes_max},
    {"joins", &Sums::joins},
    {"joins.outer", &Sums::joins_outer},
    {"joins.semi_or_anti", &Sums::joins_semi_or_anti},
    {"joins.inner_unique", &Sums::joins_inner_unique},
    {"scans", &Sums::scans},
    {"scans.filtered", &Sums::scans_filtered},
    {"scans.backward", &Sums::scans_backward},
    {"index_conditions", &Sums::index_conditions},
    {"recheck_conditions", &Sums::recheck_conditions},
    {"join_filters", &Sums::join_filters},
    {"aggregates.hashed", &Sums::aggregates_hashed},
    {"aggregates.sorted", &Sums::aggregates_sorted},
    {"aggregates.partial", &Sums::aggregates_partial},
    {"sort_keys", &Sums::sort_keys},
    {"group_keys", &Sums::group_keys},
    {"workers_planned", &Sums::workers_planned},
    {"parallel_aware", &Sums::parallel_aware},
    {"disabled", &Sums::disabled},
    {"subplans_removed", &Sums::subplans_removed},
    {"settings_changed", &Sums::settings_changed},
    {"actual.rows_root", &Sums::actual_rows_root},
    {"actual.rows_sum", &Sums::actual_rows_sum},
    {"actual.misestimate_root", &Sums::actual_misestimate_root},
    {"actual.misestimate_max", &Sums::actual_misestimate_max},
    {"actual.execution_ms", &Sums::actual_execution_ms},
    {"actual.planning_ms", &Sums::actual_planning_ms},
    {"actual.removed_rows", &Sums::actual_removed_rows},
    {"actual.spills", &Sums::actual_spills},
    {"actual.shared_hit", &Sums::actual_shared_hit},
    {"actual.shared_read", &Sums::actual_shared_read},
    {"actual.temp_blocks", &Sums::actual_temp_blocks},
    {"actual.workers", &Sums::actual_workers},
    {"actual.jit_ms", &Sums::actual_jit_ms},
};

/// Adds to a sum that is unknown until there is something to add.
void add(double& sum, double value) {
    sum = std::isnan(sum) ? value : sum + value;
}

double misestimate(const PlanNode& node) {
    const double estimated = std::max(node.rows, 1.0), actual = std::max(*node.actual_rows, 1.0);
    return std::max(estimated / actual, actual / estimated);
}

class Walk {
public:
    Sums sums;
    std::array<double, kOperatorCount + 1> operators{};  // the last: types not in the table

    void visit(const PlanNode& node, int depth) {
        const auto position = operator_of(node.type);
        const auto kind = position < kOperatorCount ? kOperators[position].kind : OperatorClass::other;
        ++operators[position];
        count_tree(node, depth);
        count_cost(node, kind);
        if (kind == OperatorClass::scan) count_scan(node);
        if (!node.join_type.empty()) count_join(node);
        count_keys(node);
        if (node.actual_loops && node.actual_rows) count_actuals(node);
        for (const auto& child : node.children) visit(child, depth + 1);
    }
    void finish(const Plan& plan) {
        const auto& root = plan.root;
        sums.relations = static_cast<double>(relations_.size());
        sums.indexes = static_cast<double>(plan.indexes_used().size());
        sums.cost_total = root.total_cost.value;
        sums.cost_startup = root.startup_cost.value;
        sums.rows_root = root.rows;
        sums.width_root = root.width;
        sums.bytes_root = root.rows * root.width;
        sums.settings_changed = static_cast<double>(plan.settings.size());
        sums.actual_execution_ms = plan.execution_ms.value_or(kUnknown);
        sums.actual_planning_ms = plan.planning_ms.value_or(kUnknown);
        if (plan.jit) sums.actual_jit_ms = plan.jit->total_ms;
        if (root.actual_rows) sums.actual_rows_root = *root.actual_rows;
        if (root.actual_rows && root.actual_loops.value_or(0) > 0) sums.actual_misestimate_root = misestimate(root);
        if (!root.buffers) return;
        sums.actual_shared_hit = static_cast<double>(root.buffers->shared_hit);
        sums.actual_shared_read = static_cast<double>(root.buffers->shared_read);
        sums.actual_temp_blocks = static_cast<double>(root.buffers->temp_read + root.buffers->temp_written);
    }

private:
    void count_tree(const PlanNode& node, int depth) {
        ++sums.nodes;
        sums.depth = std::max(sums.depth, static_cast<double>(depth));
        sums.children_max = std::max(sums.children_max, static_cast<double>(node.children.size()));
        if (node.children.empty()) {
            ++sums.leaves;
            sums.rows_leaves += node.rows;
        }
        if (!node.subplan_name.empty()) ++sums.subplans;
        if (!node.relation.empty()) relations_.emplace(node.schema, node.relation);
        if (node.parallel_aware) ++sums.parallel_aware;
        if (node.disabled) ++sums.disabled;
        sums.workers_planned = std::max(sums.workers_planned, static_cast<double>(node.workers_planned));
        sums.subplans_removed += node.subplans_removed;
    }
    void count_cost(const PlanNode& node, OperatorClass kind) {
        double below = 0;
        for (const auto& child : node.children) below += child.total_cost.value;
        const double added = std::max(node.total_cost.value - below, 0.0);  // a LIMIT stops its child early
        switch (kind) {
            case OperatorClass::scan: sums.cost_scan += added; break;
            case OperatorClass::join: sums.cost_join += added; break;
            case OperatorClass::sort: sums.cost_sort += added; break;
            case OperatorClass::aggregate: sums.cost_aggregate += added; break;
            case OperatorClass::other: sums.cost_other += added; break;
        }
        sums.rows_sum += node.rows;
        sums.rows_max = std::max(sums.rows_max, node.rows);
        sums.width_max = std::max(sums.width_max, node.width);
        sums.bytes_max = std::max(sums.bytes_max, node.rows * node.width);
    }
    void count_scan(const PlanNode& node) {
        ++sums.scans;
        if (!node.filter.empty()) ++sums.scans_filtered;
        if (node.scan_direction == "Backward") ++sums.scans_backward;
        if (!node.index_condition.empty()) ++sums.index_conditions;
        if (!node.recheck_condition.empty()) ++sums.recheck_conditions;
    }
    void count_join(const PlanNode& node) {
        ++sums.joins;
        const auto& type = node.join_type;
        if (type == "Left" || type == "Right" || type == "Full") ++sums.joins_outer;
        if (type.ends_with("Semi") || type.ends_with("Anti")) ++sums.joins_semi_or_anti;
        if (node.inner_unique) ++sums.joins_inner_unique;
        if (!node.join_filter.empty()) ++sums.join_filters;
    }
    void count_keys(const PlanNode& node) {
        sums.sort_keys += static_cast<double>(node.sort_key.size());
        sums.group_keys += static_cast<double>(node.group_key.size());
        if (node.type != "Aggregate") return;
        if (node.strategy == "Hashed" || node.strategy == "Mixed") ++sums.aggregates_hashed;
        if (node.strategy == "Sorted") ++sums.aggregates_sorted;
        if (node.partial_mode == "Partial") ++sums.aggregates_partial;
    }
    void count_actuals(const PlanNode& node) {
        const double loops = *node.actual_loops;
        const auto& details = node.details;
        add(sums.actual_rows_sum, *node.actual_rows * loops);
        if (loops > 0) sums.actual_misestimate_max = std::fmax(sums.actual_misestimate_max, misestimate(node));
        double removed = 0;
        for (const auto& rows : {details.removed_by_filter, details.removed_by_index_recheck, details.removed_by_join_filter})
            removed += rows.value_or(0) * loops;
        add(sums.actual_removed_rows, removed);
        const bool spilled = details.sort_space_type == "Disk" || details.storage == "Disk" || details.hash_batches.value_or(1) > 1 ||
                             details.aggregate_batches.value_or(1) > 1;
        add(sums.actual_spills, spilled ? 1 : 0);
        add(sums.actual_workers, node.workers_launched.value_or(0));
    }

    std::set<std::pair<std::string_view, std::string_view>> relations_;
};

}  // namespace

std::span<const std::string_view> plan_feature_names() {
    static const auto kNames = [] {
        std::vector<std::string_view> names;
        for (const auto& feature : kSums) names.push_back(feature.name);
        for (const auto& known : kOperators) names.push_back(known.feature);
        names.emplace_back("op.other");
        return names;
    }();
    return kNames;
}

std::vector<double> plan_features(const Plan& plan) {
    Walk walk;
    walk.visit(plan.root, 1);
    walk.finish(plan);
    std::vector<double> values;
    values.reserve(plan_feature_names().size());
    for (const auto& feature : kSums) values.push_back(walk.sums.*feature.value);
    values.insert(values.end(), walk.operators.begin(), walk.operators.end());
    return values;
}

}  // namespace orrery::domain
