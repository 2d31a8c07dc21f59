#include "models/query_time/work_terms.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "models/query_time/node_model.hpp"
#include "models/query_time/planner_costs.hpp"

namespace orrery::models {
namespace {

static_assert(static_cast<std::size_t>(Term::count) == kWorkTerms);

constexpr std::array<std::string_view, kWorkTerms> kNames{"statements",
                                                          "plan nodes",
                                                          "rows passed on",
                                                          "sequential pages",
                                                          "pages read ahead",
                                                          "sequential tuples",
                                                          "comparisons",
                                                          "pattern matches",
                                                          "list items compared",
                                                          "function calls",
                                                          "index descents",
                                                          "index entries",
                                                          "index pages",
                                                          "heap fetches",
                                                          "heap pages of index scans",
                                                          "pages read at random",
                                                          "bitmap entries",
                                                          "bitmap heap pages",
                                                          "bitmap heap tuples",
                                                          "stored rows read",
                                                          "rows stored",
                                                          "nested loop rows",
                                                          "joined pairs",
                                                          "join filter operators",
                                                          "hash builds",
                                                          "hash table bytes",
                                                          "hash probes",
                                                          "probes of large hash tables",
                                                          "hash matches",
                                                          "merge join rows",
                                                          "merge matches",
                                                          "sort comparisons",
                                                          "sorted bytes",
                                                          "temporary bytes",
                                                          "aggregated rows",
                                                          "aggregate transitions",
                                                          "grouping keys",
                                                          "rows into many groups",
                                                          "groups",
                                                          "window rows",
                                                          "memoize hits",
                                                          "memoize misses",
                                                          "workers started",
                                                          "rows from workers",
                                                          "bytes from workers",
                                                          "rows merged from queues",
                                                          "rows modified",
                                                          "index entries made",
                                                          "foreign rows",
                                                          "contention",
                                                          "comparisons of numerics and texts",
                                                          "functions compiled"};

/// The share of a condition's parts that is evaluated when `passed` of the rows pass all of them: the first false one ends it, and each
/// is taken to be as selective as the others.
double evaluated_share(double parts, double passed) {
    if (parts <= 1) return 1;
    if (passed >= 1) return 1;
    const double each = std::pow(std::max(passed, 1e-9), 1 / parts);
    return std::clamp((1 - passed) / (1 - each) / parts, 1 / parts, 1.0);
}

double log2_of(double value) {
    return std::log2(std::max(value, 1.0));
}

double tuples_per_page(const Operator& op) {
    const auto* relation = op.relation;
    const bool known = relation != nullptr && relation->tuples > 0 && relation->pages > 0;
    return known ? std::clamp(relation->tuples / relation->pages, 1.0, 1e4) : 60;
}

class Counting {
public:
    Counting(std::span<const Operator> operators, const domain::PlanContext& context, const domain::RunConditions& conditions,
             std::span<const domain::CostUnits> units)
        : operators_(operators),
          context_(context),
          cold_(1 - std::clamp(std::isfinite(conditions.cached_share) ? conditions.cached_share : 1, 0.0, 1.0)),
          units_(units.size() == operators.size() ? units : std::span<const domain::CostUnits>()) {}

    void count(std::size_t position, Work& work) {
        op_ = &operators_[position];
        work_ = &work;
        position_ = position;
        work.fill(0);
        if (position == 0) {
            constexpr double kOptimizedAbove = 500'000;  // jit_optimize_above_cost, jit_inline_above_cost
            add(Term::statement, 1);
            add(Term::compiled_functions, op_->compiled_functions * (op_->node->total_cost.value > kOptimizedAbove ? 4 : 1));
        }
        add(Term::node, 1);
        if (op_->loops <= 0) return;
        if (op_->parent >= 0) add(Term::rows_passed, op_->rows * op_->loops);
        if (!scan() && !join()) by_kind();
    }

private:
    /// Whatever a plan says (negative widths, endless loops): no work is negative, nor so much that a sum of times is not finite.
    void add(Term term, double amount) {
        constexpr double kMost = 1e30;
        if (amount > 0) (*work_)[static_cast<std::size_t>(term)] += std::min(amount, kMost);
    }

    [[nodiscard]] const Operator* input(bool outer) const {
        const int i = outer ? outer_input(operators_, position_) : inner_input(operators_, position_);
        return i < 0 ? nullptr : &operators_[static_cast<std::size_t>(i)];
    }
    /// Rows that come in, over all executions of the input.
    [[nodiscard]] static double all_rows(const Operator* op) { return op == nullptr ? 0 : op->rows * op->loops; }

    [[nodiscard]] double memory(bool hash) const {
        const auto& server = context_.server;
        const double bytes = static_cast<double>(std::max<std::int64_t>(server.work_mem.value, 65'536));
        return hash ? bytes * std::max(1.0, server.hash_mem_multiplier) : bytes;
    }
    void spill(double bytes, double limit, double all_bytes, double times) {
        if (bytes > limit) add(Term::temporary_bytes, 2 * all_bytes * times);
    }

    void conditions(double tuples) {
        ConditionWork counted;
        const auto& node = *op_->node;
        count_condition(node.filter, counted);
        count_condition(node.recheck_condition, counted);
        const double passed = op_->scanned > 0 ? std::min(op_->rows / op_->scanned, 1.0) : 1;
        const double times = tuples * evaluated_share(counted.comparisons + counted.patterns, passed);
        add(Term::comparisons, times * counted.comparisons);
        add(Term::dear_comparisons, times * counted.dear);
        add(Term::patterns, times * counted.patterns);
        add(Term::list_items, times * counted.list_items);
        add(Term::calls, times * counted.calls);
    }

    bool scan() {
        const double tuples = op_->scanned * op_->loops;
        switch (op_->kind) {
            case OperatorKind::seq_scan:
            case OperatorKind::sample_scan: sequential(tuples); break;
            case OperatorKind::index_scan:
            case OperatorKind::index_only_scan: by_index(tuples); break;
            case OperatorKind::bitmap_index_scan:
                add(Term::descents, op_->loops * height());
                add(Term::bitmap_entries, op_->rows * op_->loops);
                break;
            case OperatorKind::bitmap_heap_scan: by_bitmap(tuples); break;
            case OperatorKind::tid_scan:
                add(Term::heap_fetches, tuples);
                add(Term::heap_pages, tuples * heat());
                break;
            case OperatorKind::subquery_scan: break;
            case OperatorKind::cte_scan:
            case OperatorKind::work_table_scan:
            case OperatorKind::values_scan:
            case OperatorKind::function_scan: add(Term::stored_rows, tuples); break;
            case OperatorKind::foreign_scan: add(Term::foreign_rows, tuples); break;
            default: return false;
        }
        if (op_->kind != OperatorKind::bitmap_index_scan) conditions(tuples);
        return true;
    }

    void sequential(double tuples) {
        double pages = tuples / tuples_per_page(*op_);
        // A subplan below a scan adds its own pages to the scan's, for each evaluation.
        if (!units_.empty() && op_->first_child < 0 && units_[position_].seq_pages > 0) pages = page_units() * op_->loops;
        add(Term::sequential_tuples, tuples);
        add(Term::sequential_pages, pages);
        add(Term::pages_read_ahead, pages * cold_);
    }

    /// Sequential pages of one process for one execution, from the planner's count.
    [[nodiscard]] double page_units() const {
        return std::max(0.0, units_[position_].seq_pages) * op_->fraction / (op_->partial ? std::max(op_->processes, 1.0) : 1.0);
    }

    [[nodiscard]] double height() const {
        if (op_->index != nullptr && op_->index->height > 0) return (op_->index->height + 1) / 3.0;
        const double tuples = op_->relation != nullptr ? op_->relation->tuples : 1e5;
        return std::max(1.0, std::ceil(log2_of(tuples) / log2_of(300))) / 3.0;
    }
    [[nodiscard]] double heat() const {
        const double pages = op_->relation != nullptr && op_->relation->pages > 0 ? op_->relation->pages : 4000;
        return pages / (pages + 8000);
    }

    void by_index(double tuples) {
        const double loops = op_->loops;
        const double each = op_->scanned;
        const double ordered_share = op_->index != nullptr ? op_->index->correlation * op_->index->correlation : 0.25;
        const double table_pages = op_->relation != nullptr && op_->relation->pages > 0 ? op_->relation->pages : 4000;
        const double in_order = std::min(each, 1 + each / tuples_per_page(*op_));
        const double scattered = std::min(each, 2 * table_pages * each / (2 * table_pages + each));
        double heap_share = 1;
        if (op_->kind == OperatorKind::index_only_scan)
            heap_share = op_->relation != nullptr ? 1 - std::clamp(op_->relation->all_visible_pages / table_pages, 0.0, 1.0) : 0.1;
        const double pages = loops * (ordered_share * in_order + (1 - ordered_share) * std::max(scattered, in_order)) * heap_share;
        const double leaves = loops * (each / 300);
        add(Term::descents, loops * height() / (op_->partial ? std::max(op_->processes, 1.0) : 1.0));
        add(Term::index_tuples, tuples);
        add(Term::index_pages, leaves);
        add(Term::heap_fetches, tuples * heap_share);
        add(Term::heap_pages, pages * heat());
        add(Term::pages_read_random, (pages + leaves + loops) * heat() * cold_);
    }

    void by_bitmap(double tuples) {
        const double processes = op_->partial ? std::max(op_->processes, 1.0) : 1.0;
        const double table_pages = op_->relation != nullptr && op_->relation->pages > 0 ? op_->relation->pages : tuples * processes;
        const double all = op_->scanned * processes;
        const double pages = 2 * table_pages * all / std::max(2 * table_pages + all, 1e-9);
        const double own = std::min(pages, table_pages) / processes * op_->loops;
        add(Term::bitmap_pages, own);
        add(Term::pages_read_random, own * cold_);
        add(Term::bitmap_tuples, tuples);
    }

    bool join() {
        switch (op_->kind) {
            case OperatorKind::nested_loop: nested_loop(); break;
            case OperatorKind::hash_join: hash_join(); break;
            case OperatorKind::merge_join: {
                const double matches = std::max(op_->scanned, op_->rows) * op_->loops;
                add(Term::merges, all_rows(input(true)) + all_rows(input(false)));
                add(Term::merge_matches, matches);
                join_filter(matches);
                break;
            }
            default: return false;
        }
        return true;
    }

    void join_filter(double pairs) {
        const auto& node = *op_->node;
        if (node.join_filter.empty() && node.filter.empty()) return;
        ConditionWork counted;
        count_condition(node.join_filter, counted);
        count_condition(node.filter, counted);
        const double passed = pairs > 0 ? std::min(op_->rows * op_->loops / pairs, 1.0) : 1;
        const double share = evaluated_share(counted.comparisons + counted.patterns, passed);
        add(Term::join_filters, pairs * share * (counted.comparisons + counted.patterns + counted.list_items + counted.calls));
    }

    void nested_loop() {
        const double pairs = all_rows(input(false));
        add(Term::nested_loops, all_rows(input(true)));
        add(Term::pairs, pairs);
        join_filter(pairs);
    }

    void hash_join() {
        const auto* outer = input(true);
        const auto* hash = input(false);
        const double probes = all_rows(outer);
        const double shared = hash != nullptr && hash->partial ? std::max(hash->processes, 1.0) : 1.0;
        const double table = hash == nullptr ? 0 : hash->rows * shared;
        const double matches = std::max(op_->scanned, op_->rows) * op_->loops;
        add(Term::hash_probes, probes);
        add(Term::large_probes, probes * std::log2(1 + table / 1e4));
        add(Term::hash_matches, matches);
        join_filter(matches);
        if (hash == nullptr || outer == nullptr) return;
        const double bytes = table * (hash->node->width + 40);
        spill(bytes, memory(true) * shared, bytes / shared * hash->loops + probes * (outer->node->width + 24),
              1 - memory(true) * shared / std::max(bytes, 1.0));
    }

    void by_kind() {
        const auto& node = *op_->node;
        const auto* outer = input(true);
        const double in = all_rows(outer);
        const double out = op_->rows * op_->loops;
        switch (op_->kind) {
            case OperatorKind::hash:
                add(Term::hash_builds, in);
                add(Term::hash_bytes, in * (node.width + 16));
                break;
            case OperatorKind::sort:
            case OperatorKind::incremental_sort: sort(outer, in); break;
            case OperatorKind::unique:
            case OperatorKind::group:
            case OperatorKind::set_operation:
                add(Term::aggregated_rows, in);
                add(Term::group_keys, in);
                break;
            case OperatorKind::plain_aggregate:
            case OperatorKind::sorted_aggregate:
            case OperatorKind::hashed_aggregate: aggregate(outer, in); break;
            case OperatorKind::window_aggregate: add(Term::window_rows, in); break;
            case OperatorKind::materialize:
                add(Term::rows_stored, in);
                add(Term::stored_rows, out);
                spill(op_->rows * (node.width + 24), memory(false), op_->rows * (node.width + 24),
                      outer == nullptr ? 1 : std::max(outer->loops, 1.0));
                break;
            case OperatorKind::memoize: {
                const double misses = outer == nullptr ? 0 : std::min(outer->loops, op_->loops);
                add(Term::memoize_hits, op_->loops);
                add(Term::memoize_misses, misses);
                break;
            }
            case OperatorKind::gather:
            case OperatorKind::gather_merge: gather(outer, out); break;
            case OperatorKind::merge_append: add(Term::merged_queues, out * log2_of(static_cast<double>(node.children.size()))); break;
            case OperatorKind::recursive_union: add(Term::rows_stored, out); break;
            case OperatorKind::bitmap_combine: add(Term::bitmap_entries, 0.1 * in); break;
            case OperatorKind::lock_rows: add(Term::rows_modified, in); break;
            case OperatorKind::modify_table: modify(in); break;
            case OperatorKind::append:
            case OperatorKind::limit:
            case OperatorKind::result: conditions(std::max(in, out)); break;
            default: add(Term::foreign_rows, in + out); break;
        }
    }

    void sort(const Operator* outer, double in) {
        const double times = outer == nullptr ? 1 : std::max(outer->loops, 1e-9);
        const double rows = in / times;
        const double keys = 1 + 0.3 * std::max(0.0, static_cast<double>(op_->node->sort_key.size()) - 1);
        const double bytes = rows * (op_->node->width + 24);
        // Below a LIMIT only the best rows are kept, in a heap.
        const auto* above = op_->parent >= 0 ? &operators_[static_cast<std::size_t>(op_->parent)] : nullptr;
        const bool top = above != nullptr && above->kind == OperatorKind::limit && op_->rows < 0.5 * rows;
        double kept = top ? 2 * op_->rows : rows;
        if (op_->kind == OperatorKind::incremental_sort) kept = std::min(rows, 64.0);
        add(Term::sorted_rows, in * log2_of(1 + kept) * keys);
        if (top) return;
        add(Term::sorted_bytes, bytes * times);
        if (op_->kind == OperatorKind::sort) spill(bytes, memory(false), bytes, times);
    }

    void aggregate(const Operator* outer, double in) {
        const auto& node = *op_->node;
        const double keys = static_cast<double>(node.group_key.size());
        const double made = std::max(op_->scanned, op_->rows);
        const double groups = op_->kind == OperatorKind::plain_aggregate ? 1 : made;
        const double input_width = outer == nullptr ? 0 : outer->node->width;
        // Each aggregate's result takes 8 to 32 bytes of the row; grouping columns are a part of the input.
        const double results = std::max(node.width - (keys > 0 ? std::min(input_width, node.width) * keys / (keys + 1) : 0.0), 4.0);
        add(Term::aggregated_rows, in);
        add(Term::transitions, in * results / 30);
        add(Term::groups, groups * op_->loops);
        ConditionWork having;
        count_condition(node.filter, having);
        add(Term::comparisons, groups * op_->loops * having.operators());
        if (keys == 0) return;
        add(Term::group_keys, in * keys);
        if (op_->kind != OperatorKind::hashed_aggregate) return;
        add(Term::large_groups, in * std::log2(1 + groups / 1e4));
        const double bytes = groups * (node.width + 64);
        spill(bytes, memory(true), in * (input_width + 24), 1 - memory(true) / std::max(bytes, 1.0));
    }

    void gather(const Operator* outer, double out) {
        const double processes = outer == nullptr ? 1 : std::max(outer->processes, 1.0);
        const double workers = std::max(1.0, processes - (context_.server.parallel_leader_participation ? 1 : 0));
        add(Term::workers, workers * op_->loops);
        const double queued = out * workers / processes;
        add(Term::queued_rows, queued);
        add(Term::queued_bytes, queued * (op_->node->width + 16));
        if (op_->kind == OperatorKind::gather_merge) add(Term::merged_queues, out * log2_of(processes));
    }

    void modify(double in) {
        const auto& node = *op_->node;
        add(Term::rows_modified, in);
        if (node.operation == "Delete") return;
        double indexes = 0;
        const std::string_view schema = op_->relation != nullptr ? op_->relation->schema : std::string_view(node.schema);
        for (const auto& index : context_.indexes)
            indexes += index.table == node.relation && (schema.empty() || index.schema.empty() || index.schema == schema) ? 1 : 0;
        // Half of all updates change no indexed column and stay on their page.
        add(Term::index_entries_made, in * indexes * (node.operation == "Update" ? 0.5 : 1.0));
    }

    std::span<const Operator> operators_;
    const domain::PlanContext& context_;
    double cold_;
    std::span<const domain::CostUnits> units_;
    const Operator* op_ = nullptr;
    Work* work_ = nullptr;
    std::size_t position_ = 0;
};

double ordinary_ns(const Work& work) {
    static const NodeModel kOrdinary = factory_node_model();
    double ns = 0;
    for (std::size_t term = 0; term < kWorkTerms; ++term) ns += work[term] * kOrdinary.ns[term];
    return ns;
}

}  // namespace

std::span<const std::string_view> work_term_names() {
    return kNames;
}

void count_work(std::span<const Operator> operators, const domain::PlanContext& context, const domain::RunConditions& conditions,
                std::span<const domain::CostUnits> units, std::vector<Work>& out) {
    out.resize(operators.size());
    Counting counting(operators, context, conditions, units);
    const double others = std::isfinite(conditions.concurrent_sessions) ? std::clamp(conditions.concurrent_sessions - 1, 0.0, 1e4) : 0;
    for (std::size_t i = 0; i < operators.size(); ++i) {
        counting.count(i, out[i]);
        if (others > 0) out[i][static_cast<std::size_t>(Term::contention)] = ordinary_ns(out[i]) / 1000 * others;
    }
}

}  // namespace orrery::models
