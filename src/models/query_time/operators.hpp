#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "domain/plan.hpp"
#include "domain/plan_context.hpp"

/// A plan as a list of operators that say how often each runs, in how many processes, over how many rows.
namespace orrery::models {

enum class OperatorKind : std::uint8_t {
    seq_scan,
    index_scan,
    index_only_scan,
    bitmap_index_scan,
    bitmap_heap_scan,
    tid_scan,
    sample_scan,
    function_scan,
    values_scan,
    cte_scan,
    work_table_scan,
    subquery_scan,
    foreign_scan,
    result,
    nested_loop,
    hash_join,
    merge_join,
    hash,
    materialize,
    memoize,
    sort,
    incremental_sort,
    unique,
    group,
    plain_aggregate,
    sorted_aggregate,
    hashed_aggregate,
    window_aggregate,
    set_operation,
    limit,
    gather,
    gather_merge,
    append,
    merge_append,
    recursive_union,
    bitmap_combine,
    lock_rows,
    modify_table,
    other,  ///< a node that this version does not know: priced by its rows alone
};

/// One node. All row counts are per execution and per process, as real numbers (an average may be below one).
struct Operator {
    const domain::PlanNode* node = nullptr;
    OperatorKind kind = OperatorKind::other;
    int parent = -1;       ///< position in the list; -1 for the root
    int first_child = -1;  ///< children follow in preorder: next_sibling chains them
    int next_sibling = -1;
    double processes = 1;           ///< that run it at the same time, the leader included
    double loops = 1;               ///< executions per process
    double rows = 0;                ///< that come out
    double scanned = 0;             ///< before the node's own filter; of an index scan: what the index conditions leave
    double planned_rows = 0;        ///< the planner's estimate of `rows`, kept when `rows` is corrected
    double fraction = 1;            ///< share of its rows that the plan expects to be asked for (LIMIT, EXISTS); the estimates have it in
    bool partial = false;           ///< each process does a part of it; else, below a Gather, every process does all of it
    bool never_executed = false;    ///< actual rows only
    double compiled_functions = 0;  ///< of the root: by JIT, in each process
    const domain::RelationFacts* relation = nullptr;  ///< of the context: what it scans or changes; null when not known
    const domain::IndexFacts* index = nullptr;
};

enum class RowsFrom {
    estimates,
    actuals,  ///< needs ANALYZE; nodes without actual rows fall back to estimates
};

/// The plan's nodes in preorder. PostgreSQL's per-process division of rows is undone: what is counted is what each process really does.
/// Parallel plans, correlated and hashed subplans, init plans, nested loops' inner sides are told apart. `out` is overwritten, its memory
/// reused. The operators point into `plan` and `context`.
void flatten(const domain::Plan& plan, const domain::PlanContext& context, RowsFrom rows, std::vector<Operator>& out);

/// Sets `scanned` of the scans to the tuples that the planner really counted, as `units` (in preorder, cumulative; empty changes nothing)
/// show. To be called before rows are corrected.
void use_units(std::span<const domain::CostUnits> units, std::vector<Operator>& operators);

/// The input of a node, and the second one of a join: children that are no subplans. -1 when there is none.
int outer_input(std::span<const Operator> operators, std::size_t position);
int inner_input(std::span<const Operator> operators, std::size_t position);

/// Of a subplan: how it is evaluated.
enum class SubplanUse {
    none,        ///< an ordinary child
    initial,     ///< InitPlan, CTE: at most once
    hashed,      ///< once, into a hash table
    correlated,  ///< for each row of its parent
};
SubplanUse subplan_use(const Operator& parent, const Operator& child);

/// Milliseconds that each operator took itself, without its children and summing (nearly) to the execution time; from actual times.
/// Empty when the plan was not executed with timing.
std::vector<double> self_times(const domain::Plan& plan, std::span<const Operator> operators);

}  // namespace orrery::models
