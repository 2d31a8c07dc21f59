#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "domain/plan_context.hpp"
#include "models/query_time/operators.hpp"

/// PostgreSQL's cost formulas read backwards: what a plan's printed costs tell of work that it does not print.
namespace orrery::models {

/// Comparisons, pattern matches and function calls in the text of a condition.
struct ConditionWork {
    double comparisons = 0;  ///< =, <, <>, IS NULL, ...: one operator each
    double dear = 0;         ///< of the comparisons, those with a literal numeric or text: several times an integer's work
    double patterns = 0;     ///< LIKE, regular expressions
    double list_items = 0;   ///< of = ANY (...), <> ALL (...)
    double calls = 0;        ///< functions, casts of columns, subplan look-ups
    [[nodiscard]] double operators() const { return comparisons + patterns + 0.5 * list_items + calls; }
};
/// Adds what the text holds. Literals are skipped; a text cut off in the middle is counted as far as it goes.
void count_condition(std::string_view condition, ConditionWork& work);

/// Distinct pages that fetching `tuples` at random from a relation of `pages` touches, with `cache` pages to keep them in
/// (Mackert and Lohman 1989, as in PostgreSQL's index_pages_fetched).
double pages_fetched(double tuples, double pages, double cache);

/// How often a Hash or Materialize at that position is filled: once, unless it depends on rows of a relation above it (a correlated
/// subplan, a lateral join); what is before it in the list must have its loops.
double fillings(std::span<const Operator> operators, std::size_t root);

/// By how much the planner divides a partial node's rows: its workers and a shrinking share of the leader.
double parallel_divisor(int workers, bool leader_participates);

/// The same for an operator of a plan: 1 for one that is not partial.
double planner_divisor(std::span<const Operator> operators, const Operator& op, const domain::PlanContext& context);

/// An index scan as the planner prices it (genericcostestimate, btcostestimate, cost_index), per execution.
struct IndexScanCost {
    double index_tuples = 1, index_pages = 1, height = 0, table_tuples = 1, table_pages = 1;
    double correlation2 = 0;  ///< square of the correlation between index and table order
    double executions = 1;    ///< that share the pages
    double cache = 1;         ///< pages of effective_cache_size
    double divisor = 1;       ///< of the processing, when it is partial
    double index_operators = 0, filter_operators = 0;
    double unseen_share = 1;  ///< of the heap pages that must be visited
    const domain::ServerFacts* server = nullptr;
    double descent = 0;  ///< of the tree: `prepare` fills it in
    void prepare();
    [[nodiscard]] double of(double tuples) const;
};

/// Executions among which the planner shared the pages of an index scan: the rows of the smallest relation that its condition names.
double planned_executions(std::span<const Operator> operators, std::size_t scan, const domain::PlanContext& context);

/// Tuples that the index conditions of an index (only) scan leave before its filter, per execution over all processes: those for which
/// the planner's formula gives the node's cost. Never below `rows`, its estimate after the filter. `executions`: the loops that the
/// planner shared the pages among.
double tuples_behind_filter(const Operator& scan, const domain::PlanContext& context, double rows, double executions);

/// Tuples of a sequential scan, over all processes: the relation's, or what its cost says when the relation is not known.
double tuples_of_full_scan(const Operator& scan, const domain::PlanContext& context, double rows, double divisor);

}  // namespace orrery::models
