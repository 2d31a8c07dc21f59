#include "models/query_time/operators.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "models/query_time/planner_costs.hpp"

namespace orrery::models {
namespace {

using domain::PlanNode;

constexpr std::pair<std::string_view, OperatorKind> kKinds[] = {
    {"Append", OperatorKind::append},
    {"Bitmap Heap Scan", OperatorKind::bitmap_heap_scan},
    {"Bitmap Index Scan", OperatorKind::bitmap_index_scan},
    {"BitmapAnd", OperatorKind::bitmap_combine},
    {"BitmapOr", OperatorKind::bitmap_combine},
    {"CTE Scan", OperatorKind::cte_scan},
    {"Foreign Scan", OperatorKind::foreign_scan},
    {"Function Scan", OperatorKind::function_scan},
    {"Gather", OperatorKind::gather},
    {"Gather Merge", OperatorKind::gather_merge},
    {"Group", OperatorKind::group},
    {"Hash", OperatorKind::hash},
    {"Hash Join", OperatorKind::hash_join},
    {"Incremental Sort", OperatorKind::incremental_sort},
    {"Index Only Scan", OperatorKind::index_only_scan},
    {"Index Scan", OperatorKind::index_scan},
    {"Limit", OperatorKind::limit},
    {"LockRows", OperatorKind::lock_rows},
    {"Materialize", OperatorKind::materialize},
    {"Memoize", OperatorKind::memoize},
    {"Merge Append", OperatorKind::merge_append},
    {"Merge Join", OperatorKind::merge_join},
    {"ModifyTable", OperatorKind::modify_table},
    {"Named Tuplestore Scan", OperatorKind::cte_scan},
    {"Nested Loop", OperatorKind::nested_loop},
    {"ProjectSet", OperatorKind::result},
    {"Recursive Union", OperatorKind::recursive_union},
    {"Result", OperatorKind::result},
    {"Sample Scan", OperatorKind::sample_scan},
    {"Seq Scan", OperatorKind::seq_scan},
    {"SetOp", OperatorKind::set_operation},
    {"Sort", OperatorKind::sort},
    {"Subquery Scan", OperatorKind::subquery_scan},
    {"Table Function Scan", OperatorKind::function_scan},
    {"Tid Range Scan", OperatorKind::tid_scan},
    {"Tid Scan", OperatorKind::tid_scan},
    {"Unique", OperatorKind::unique},
    {"Values Scan", OperatorKind::values_scan},
    {"WindowAgg", OperatorKind::window_aggregate},
    {"WorkTable Scan", OperatorKind::work_table_scan},
};

constexpr std::size_t kSlots = 256;

constexpr std::size_t slot_of(std::string_view type) {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(type[i])); };
    return (type.size() * 31 + at(0) * 7 + at(type.size() / 2) * 13 + at(type.size() - 1) * 3) % kSlots;
}

/// Positions in kKinds plus one by slot: a node's type is compared with one or two names only.
constexpr auto kSlotted = [] {
    std::array<std::uint8_t, kSlots> slots{};
    for (std::size_t i = 0; i < std::size(kKinds); ++i) {
        std::size_t slot = slot_of(kKinds[i].first);
        while (slots[slot] != 0) slot = (slot + 1) % kSlots;
        slots[slot] = static_cast<std::uint8_t>(i + 1);
    }
    return slots;
}();

OperatorKind kind_of(const PlanNode& node) {
    if (node.type.empty()) return OperatorKind::other;
    if (node.type == "Aggregate") {
        if (node.strategy == "Hashed" || node.strategy == "Mixed") return OperatorKind::hashed_aggregate;
        return node.strategy == "Sorted" ? OperatorKind::sorted_aggregate : OperatorKind::plain_aggregate;
    }
    for (std::size_t slot = slot_of(node.type); kSlotted[slot] != 0; slot = (slot + 1) % kSlots)
        if (const auto& [name, kind] = kKinds[kSlotted[slot] - 1U]; name == node.type) return kind;
    return OperatorKind::other;
}

/// A count fit to be multiplied: finite and not negative.
double count(double value, double otherwise = 0) {
    return std::isfinite(value) && value >= 0 ? std::min(value, 1e15) : otherwise;
}

constexpr double kMostLoops = 1e18;  // of loops in loops in loops

bool is_index_scan(OperatorKind kind) {
    return kind == OperatorKind::index_scan || kind == OperatorKind::index_only_scan;
}

bool is_join(OperatorKind kind) {
    return kind == OperatorKind::nested_loop || kind == OperatorKind::hash_join || kind == OperatorKind::merge_join;
}

bool is_aggregate(OperatorKind kind) {
    return kind == OperatorKind::plain_aggregate || kind == OperatorKind::sorted_aggregate || kind == OperatorKind::hashed_aggregate ||
           kind == OperatorKind::group;
}

bool stops_at_first_match(const PlanNode& join) {
    return join.join_type == "Semi" || join.join_type == "Anti";
}

/// Nodes that read all their input before they give the first row: a LIMIT above does not spare them work below.
bool reads_all_first(OperatorKind kind) {
    switch (kind) {
        case OperatorKind::sort:
        case OperatorKind::hash:
        case OperatorKind::plain_aggregate:
        case OperatorKind::hashed_aggregate:
        case OperatorKind::set_operation:
        case OperatorKind::recursive_union:
        case OperatorKind::bitmap_index_scan:
        case OperatorKind::bitmap_combine: return true;
        default: return false;
    }
}

class Flattening {
public:
    Flattening(const domain::Plan& plan, const domain::PlanContext& context, RowsFrom from, std::vector<Operator>& out)
        : context_(context), from_(from), out_(out) {
        out_.clear();
        append(plan.root, -1);
        for (auto i = out_.size(); i-- > 0;) out_[i].partial = is_partial(out_[i]);
        for (std::size_t i = 0; i < out_.size(); ++i) {
            place(out_[i]);
            fill(out_[i]);
        }
        if (from_ == RowsFrom::actuals)
            for (auto& op : out_) mend_rounded_inner(op);
        if (plan.jit) {
            double processes = 1;  // an executed plan counts the functions of all of them
            if (from_ == RowsFrom::actuals && plan.root.actual_rows)
                for (const auto& op : out_) processes = std::max(processes, op.processes);
            out_.front().compiled_functions = count(plan.jit->functions) / processes;
        }
    }

private:
    /// Apart from `append`, whose frame must stay small: trees may be thousands of nodes deep.
    [[gnu::noinline]] void add(const PlanNode& node, int parent) {
        Operator op;
        op.node = &node;
        op.kind = kind_of(node);
        op.parent = parent;
        if (!node.relation.empty()) op.relation = context_.find_relation(node.relation, node.schema);
        if (!node.index.empty()) {
            op.index = context_.find_index(node.index, node.schema);
            if (op.relation == nullptr && op.index != nullptr) op.relation = context_.find_relation(op.index->table, op.index->schema);
        }
        out_.push_back(op);
    }

    int append(const PlanNode& node, int parent) {
        const int position = static_cast<int>(out_.size());
        add(node, parent);
        int previous = -1;
        for (const auto& child : node.children) {
            const int added = append(child, position);
            (previous < 0 ? out_[static_cast<std::size_t>(position)].first_child : out_[static_cast<std::size_t>(previous)].next_sibling) =
                added;
            previous = added;
        }
        return position;
    }

    Operator& at(int position) { return out_[static_cast<std::size_t>(position)]; }

    Operator* outer_of(const Operator& op) {
        const int i = outer_input(out_, static_cast<std::size_t>(&op - out_.data()));
        return i < 0 ? nullptr : &at(i);
    }
    Operator* inner_of(const Operator& op) {
        const int i = inner_input(out_, static_cast<std::size_t>(&op - out_.data()));
        return i < 0 ? nullptr : &at(i);
    }

    bool is_partial(const Operator& op) {
        switch (op.kind) {
            case OperatorKind::gather:
            case OperatorKind::gather_merge:
            case OperatorKind::bitmap_index_scan:
            case OperatorKind::bitmap_combine: return false;
            default: break;
        }
        if (op.node->parallel_aware) return true;
        const auto* outer = outer_of(op);
        return outer != nullptr && outer->partial;
    }

    /// Processes, loops and the fraction that is asked for, from the parent and the siblings before it.
    void place(Operator& op) {
        if (op.parent < 0) {
            op.processes = 1;
            op.loops = 1;
            return;
        }
        const Operator& parent = at(op.parent);
        const auto use = subplan_use(parent, op);
        op.processes = parent.processes;
        op.loops = parent.loops;
        op.fraction = reads_all_first(parent.kind) ? 1 : parent.fraction;
        if (use != SubplanUse::none) {
            op.fraction = 1;
            op.loops = use == SubplanUse::correlated ? parent.loops * evaluations(parent, op) : 1;
        } else if (parent.kind == OperatorKind::gather || parent.kind == OperatorKind::gather_merge) {
            place_below_gather(parent, op);
        } else if (parent.kind == OperatorKind::nested_loop) {
            place_below_nested_loop(parent, op);
        } else if (parent.kind == OperatorKind::limit) {
            op.fraction = parent.fraction * limited_share(parent, op);
        } else {
            place_elsewhere(parent, op);
        }
        op.loops = std::min(op.loops, kMostLoops);
    }

    void place_below_gather(const Operator& gather, Operator& op) {
        const auto& node = *gather.node;
        const bool ran = from_ == RowsFrom::actuals && node.workers_launched.has_value();
        const int workers = std::clamp(ran ? *node.workers_launched : node.workers_planned, 0, 1024);
        // Without a partial child the one worker runs all of it ("single copy").
        op.processes = op.partial ? std::max(1, workers + (context_.server.parallel_leader_participation ? 1 : 0)) : 1;
    }

    void place_below_nested_loop(const Operator& join, Operator& op) {
        const Operator* outer = outer_of(join);
        if (outer == &op || outer == nullptr) return;
        op.loops = join.loops * outer->rows;
        op.fraction = stops_at_first_match(*join.node) ? first_match_share(join, *outer, op) : 1;
    }

    void place_elsewhere(const Operator& parent, Operator& op) {
        const bool is_first = outer_of(parent) == &op;
        switch (parent.kind) {
            case OperatorKind::materialize:
            case OperatorKind::hash:
                if (from_ == RowsFrom::estimates || !op.node->actual_loops)
                    op.loops = parent.loops > 1 ? fillings(out_, static_cast<std::size_t>(&parent - out_.data())) : 1;
                break;
            case OperatorKind::memoize: op.loops = parent.loops * miss_share(parent, op); break;
            case OperatorKind::hash_join:
                if (!is_first) op.fraction = 1;
                break;
            case OperatorKind::recursive_union:
                if (!is_first) op.loops = parent.loops * 10;  // the planner's own guess
                break;
            case OperatorKind::append:
                if (parent.node->parallel_aware && !op.partial) op.loops = parent.loops / parent.processes;
                break;
            case OperatorKind::bitmap_heap_scan:
                op.fraction = 1;
                if (parent.node->parallel_aware) op.processes = 1;  // one process fills the bitmap, the others wait for it
                break;
            default: break;
        }
    }

    /// How often a correlated subplan runs for one execution of its parent.
    double evaluations(const Operator& parent, const Operator& op) {
        const Operator* input = outer_of(parent);
        const double below = input != nullptr ? input->node->total_cost.value : 0;
        const double cost = op.node->total_cost.value;
        const double charged = parent.node->total_cost.value - std::max(parent.node->startup_cost.value, below);
        if (is_join(parent.kind)) return std::max(3 * parent.rows, 1.0);
        return std::max({cost > 0 ? count(charged / cost) * parent.fraction : 0, parent.rows, 1.0});
    }

    /// The share of the child's rows that a LIMIT takes: rows with its OFFSET, as its cost shows.
    double limited_share(const Operator& limit, const Operator& op) {
        const auto& child = *op.node;
        const double run = child.total_cost.value - child.startup_cost.value;
        const double by_rows = child.rows > 0 ? limit.node->rows / child.rows : 1;
        const double by_cost =
            run > 1e-6 * child.total_cost.value ? (limit.node->total_cost.value - child.startup_cost.value) / run : by_rows;
        return std::clamp(std::max(count(by_cost, 1), count(by_rows, 1)), 1e-9, 1.0);
    }

    /// The share of the inner rows that a Semi or Anti join looks at, on average over its outer rows.
    double first_match_share(const Operator& join, const Operator& outer, const Operator& inner) {
        const double rows = count(inner.node->rows);
        if (rows <= 1) return 1;
        const double joined = outer.node->rows > 0 ? std::clamp(count(join.node->rows / outer.node->rows), 0.0, 1.0) : 1;
        const double matched = std::max(join.node->join_type == "Anti" ? 1 - joined : joined, 0.05);
        // By an index, rows come for those that match only, and the first of them ends the scan.
        if (!inner.node->index_condition.empty()) return std::min(1.0, 2 / (rows / matched + 1));
        const double pairs = outer.node->rows * rows * (context_.server.cpu_tuple_cost + context_.server.cpu_operator_cost);
        const double charged = join.node->total_cost.value - outer.node->total_cost.value - inner.node->total_cost.value;
        return pairs > 0 ? std::clamp(charged / pairs, std::min(1.0, 2 / (rows + 1)), 1.0) : 1;
    }

    /// Share of a Memoize's look-ups that its child answers, from what the join above was charged for a look-up.
    double miss_share(const Operator& memoize, const Operator& op) {
        if (memoize.parent < 0) return 1;
        const Operator& join = at(memoize.parent);
        const Operator* outer = join.kind == OperatorKind::nested_loop ? outer_of(join) : nullptr;
        const double lookups = outer == nullptr ? 0 : outer->node->rows;
        const double child_cost = op.node->total_cost.value;
        if (!(lookups > 1) || !(child_cost > 0)) return 1;
        const auto& server = context_.server;
        const double rows = count(memoize.node->rows);
        const double charged =
            (join.node->total_cost.value - outer->node->total_cost.value - memoize.node->total_cost.value) / (lookups - 1);
        const double of_rows = rows * server.cpu_tuple_cost * 2 + server.cpu_operator_cost * 2;
        return std::clamp((charged - of_rows) / child_cost, 1 / lookups, 1.0);
    }

    /// Rows out of it and before its filter.
    void fill(Operator& op) {
        const auto& node = *op.node;
        const bool ran = from_ == RowsFrom::actuals && node.actual_rows.has_value() && node.actual_loops.has_value();
        op.planned_rows = count(node.rows) * division(op);
        if (is_aggregate(op.kind) && node.partial_mode == "Partial") op.planned_rows = count(node.rows);
        op.planned_rows *= op.fraction;
        if (ran) {
            fill_actual(op);
            return;
        }
        op.rows = op.planned_rows;
        op.scanned = op.rows;
        if (op.kind == OperatorKind::seq_scan || op.kind == OperatorKind::sample_scan) {
            const double divisor = planner_divisor(out_, op, context_);
            const double tuples = tuples_of_full_scan(op, context_, count(node.rows) * divisor, divisor);
            op.scanned = std::max(op.rows, tuples / (op.partial ? op.processes : 1) * op.fraction);
        } else if (is_index_scan(op.kind)) {
            const double divisor = planner_divisor(out_, op, context_);
            const double tuples = tuples_behind_filter(op, context_, count(node.rows) * divisor,
                                                       planned_executions(out_, static_cast<std::size_t>(&op - out_.data()), context_));
            op.scanned = std::max(op.rows, tuples / (op.partial ? op.processes : 1) * op.fraction);
        } else if (!node.filter.empty() && is_aggregate(op.kind)) {
            op.scanned = 3 * op.rows;  // the planner's default for HAVING
        } else if (!node.join_filter.empty()) {
            op.scanned = 3 * op.rows;
        } else if (op.kind == OperatorKind::cte_scan) {
            op.scanned = std::max(op.rows, rows_of_cte(node.cte_name) * op.fraction);
        }
        if (op.kind == OperatorKind::bitmap_heap_scan) op.scanned = std::max(op.rows, bitmap_rows(op));
    }

    void fill_actual(Operator& op) {
        const auto& node = *op.node;
        const double loops = count(*node.actual_loops);
        op.loops = loops / op.processes;
        op.never_executed = loops == 0;
        op.rows = op.never_executed ? 0 : count(*node.actual_rows);
        const auto& details = node.details;
        op.scanned = op.rows;
        for (const auto& removed : {details.removed_by_filter, details.removed_by_index_recheck, details.removed_by_join_filter})
            if (removed && !op.never_executed) op.scanned += count(*removed);
    }

    /// Rows that the bitmap below promises; lower nodes are not yet filled, so from the plan itself.
    double bitmap_rows(const Operator& op) {
        const auto* bitmap = outer_of(op);
        if (bitmap == nullptr) return 0;
        return count(bitmap->node->rows) / (op.partial ? op.processes : 1) * op.fraction;
    }

    double rows_of_cte(std::string_view name) {
        for (const auto& op : out_) {
            const std::string_view subplan = op.node->subplan_name;
            if (subplan.size() == name.size() + 4 && subplan.substr(0, 4) == "CTE " && subplan.substr(4) == name)
                return op.kind == OperatorKind::modify_table ? 0 : std::max(op.rows, count(op.node->rows));
        }
        return 0;
    }

    /// From the planner's share of a process to the real one.
    double division(const Operator& op) { return op.partial && op.processes > 1 ? planner_divisor(out_, op, context_) / op.processes : 1; }

    /// The server prints rows per loop as whole numbers; the join above knows how many its inner side gave in all.
    void mend_rounded_inner(Operator& join) {
        if (join.kind != OperatorKind::nested_loop || join.never_executed || !join.node->actual_rows) return;
        Operator* inner = inner_of(join);
        Operator* outer = outer_of(join);
        if (inner == nullptr || inner->never_executed || !inner->node->actual_rows || inner->loops < 20 * join.loops) return;
        const double printed = inner->rows;
        if (printed > 50 || printed != std::floor(printed)) return;
        const double before_filter = join.scanned * join.loops;
        double total = before_filter;
        if (join.node->join_type == "Anti") total = std::max(0.0, outer->rows * outer->loops - join.rows * join.loops);
        if (join.node->join_type == "Left") total = std::min(before_filter, inner->loops * (printed + 0.5));
        const double removed = inner->scanned - inner->rows;
        inner->rows = std::clamp(total / inner->loops, std::max(0.0, printed - 0.5), printed + 0.5);
        inner->scanned = inner->rows + removed;
    }

    const domain::PlanContext& context_;
    RowsFrom from_;
    std::vector<Operator>& out_;
};

/// Whether the text names the parameter "$2" itself and not "$21".
bool names_parameter(std::string_view text, std::string_view parameter) {
    for (auto at = text.find(parameter); at != std::string_view::npos; at = text.find(parameter, at + 1)) {
        const auto behind = at + parameter.size();
        if (behind >= text.size() || std::isdigit(static_cast<unsigned char>(text[behind])) == 0) return true;
    }
    return false;
}

bool mentions(const PlanNode& node, std::string_view parameter) {
    for (const auto* text : {&node.filter, &node.index_condition, &node.join_filter, &node.recheck_condition, &node.hash_condition,
                             &node.merge_condition, &node.one_time_filter, &node.tid_condition})
        if (names_parameter(*text, parameter)) return true;
    return false;
}

/// Position of the operator during whose time a subplan that runs once really ran.
std::size_t consumer_of(std::span<const Operator> operators, std::size_t subplan) {
    const std::string_view name = operators[subplan].node->subplan_name;
    const auto parent = static_cast<std::size_t>(operators[subplan].parent);
    if (name.substr(0, 4) == "CTE ") {
        std::size_t longest = parent;
        double most = -1;
        for (std::size_t i = 0; i < operators.size(); ++i)
            if (operators[i].kind == OperatorKind::cte_scan && operators[i].node->cte_name == name.substr(4) &&
                operators[i].node->actual_total_ms.value_or(0) * operators[i].loops > most) {
                most = operators[i].node->actual_total_ms.value_or(0) * operators[i].loops;
                longest = i;
            }
        return longest;
    }
    // "InitPlan 1 (returns $0)"; 17+: "InitPlan 1", which conditions call "(InitPlan 1).col1".
    auto from = name.find('$');
    std::string_view parameter = from == std::string_view::npos ? name : name.substr(from);
    parameter = parameter.substr(0, parameter.find_first_of(",)"));
    if (parameter.empty()) return parent;
    for (std::size_t i = parent; i < operators.size(); ++i) {
        if (i == subplan || !mentions(*operators[i].node, parameter)) continue;
        // Before workers start, the leader computes what they will need.
        for (int above = operators[i].parent; above >= 0; above = operators[static_cast<std::size_t>(above)].parent) {
            const auto kind = operators[static_cast<std::size_t>(above)].kind;
            if (kind == OperatorKind::gather || kind == OperatorKind::gather_merge) return static_cast<std::size_t>(above);
        }
        return i;
    }
    return parent;
}

}  // namespace

SubplanUse subplan_use(const Operator& parent, const Operator& child) {
    const auto& node = *child.node;
    if (node.parent_relationship == "InitPlan") return SubplanUse::initial;
    if (node.parent_relationship != "SubPlan") {
        if (node.subplan_name.empty()) return SubplanUse::none;
        const std::string_view name = node.subplan_name;
        if (name.substr(0, 4) == "CTE " || name.substr(0, 8) == "InitPlan") return SubplanUse::initial;
        if (name.substr(0, 7) != "SubPlan") return SubplanUse::none;
    }
    const std::string_view name = node.subplan_name;
    if (name.substr(0, 4) == "CTE ") return SubplanUse::initial;
    for (const auto* text : {&parent.node->filter, &parent.node->join_filter, &parent.node->one_time_filter})
        for (auto at = text->find("hashed "); at != std::string::npos; at = text->find("hashed ", at + 1))
            if (std::string_view(*text).substr(at + 7, name.size()) == name) return SubplanUse::hashed;
    return SubplanUse::correlated;
}

int outer_input(std::span<const Operator> operators, std::size_t position) {
    const auto& op = operators[position];
    for (int i = op.first_child; i >= 0; i = operators[static_cast<std::size_t>(i)].next_sibling)
        if (subplan_use(op, operators[static_cast<std::size_t>(i)]) == SubplanUse::none) return i;
    return -1;
}

int inner_input(std::span<const Operator> operators, std::size_t position) {
    const int outer = outer_input(operators, position);
    if (outer < 0) return -1;
    for (int i = operators[static_cast<std::size_t>(outer)].next_sibling; i >= 0; i = operators[static_cast<std::size_t>(i)].next_sibling)
        if (subplan_use(operators[position], operators[static_cast<std::size_t>(i)]) == SubplanUse::none) return i;
    return -1;
}

void use_units(std::span<const domain::CostUnits> units, std::vector<Operator>& operators) {
    if (units.size() != operators.size()) return;
    for (std::size_t i = 0; i < operators.size(); ++i) {
        auto& op = operators[i];
        // A subplan below a scan adds its own tuples to the scan's.
        if (op.first_child >= 0 && op.kind != OperatorKind::bitmap_heap_scan) continue;
        const bool scans = op.kind == OperatorKind::seq_scan || op.kind == OperatorKind::index_scan ||
                           op.kind == OperatorKind::sample_scan || op.kind == OperatorKind::index_only_scan ||
                           op.kind == OperatorKind::bitmap_heap_scan;
        const double tuples = count(units[i].tuples);
        if (!scans || !(tuples > 0)) continue;
        // Charged once for each row of the planner's share of a process, as `planned_rows` before it was brought to the real share.
        const double share = op.node->rows > 0 && op.planned_rows > 0 ? op.planned_rows / op.node->rows : op.fraction;
        op.scanned = std::max(op.rows, tuples * share);
    }
}

void flatten(const domain::Plan& plan, const domain::PlanContext& context, RowsFrom rows, std::vector<Operator>& out) {
    Flattening(plan, context, rows, out);
}

std::vector<double> self_times(const domain::Plan& plan, std::span<const Operator> operators) {
    if (operators.empty() || !plan.root.actual_total_ms) return {};
    std::vector<double> own(operators.size());
    for (std::size_t i = 0; i < operators.size(); ++i) {
        const auto& op = operators[i];
        own[i] = count(op.node->actual_total_ms.value_or(0)) * count(op.node->actual_loops.value_or(0)) / std::max(op.processes, 1.0);
    }
    std::vector<double> self = own;
    for (std::size_t i = 1; i < operators.size(); ++i) {
        const auto parent = static_cast<std::size_t>(operators[i].parent);
        const bool initial = subplan_use(operators[parent], operators[i]) == SubplanUse::initial;
        self[initial ? consumer_of(operators, i) : parent] -= own[i];
    }
    for (auto& time : self) time = std::max(time, 0.0);
    return self;
}

}  // namespace orrery::models
