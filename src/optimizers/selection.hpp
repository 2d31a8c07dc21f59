#pragma once

#include <cstdint>
#include <functional>
#include <vector>

/// Which candidates to take: a budgeted choice over a cost oracle. Knows nothing of SQL. Costs are in any one unit
/// (milliseconds per window, or planner cost), weighted by calls.
namespace orrery::optimizers {

/// Positions of candidates, ascending, each once.
using CandidateSet = std::vector<int>;

/// What one candidate adds to the cost of one writing statement.
struct WriteCharge {
    int statement = 0;
    double cost = 0;
};

struct SelectionProblem {
    std::vector<std::int64_t> sizes;                ///< bytes, by candidate
    std::vector<std::vector<WriteCharge>> charges;  ///< by candidate
    std::vector<double> other_upkeep;               ///< by candidate: writes that no statement of the workload shows
    std::vector<std::vector<int>> relevant;         ///< by statement: candidates that can change its cost, ascending
    std::vector<double> growth_limits;              ///< by statement: by how much its cost may grow, charges included
    std::vector<CandidateSet> packages;             ///< sets seen working together in one plan
    std::int64_t budget = 0;                        ///< bytes
    double minimum_gain = 0;                        ///< what every chosen candidate must save, upkeep taken off
    double byte_price = 0;                          ///< what it must save beyond that for each byte it takes
    double minimum_gain_share = 0;                  ///< what it must save as a share of the cost of the statements it helps
    std::uint64_t seed = 1;                         ///< of the order in which sets are torn down and rebuilt
    int ruin_rounds = 24;                           ///< how often, while the budget binds; 0 leaves forced insertions out too
};

/// Costs of statements. `cost` may be dear (it asks a planner); `floor` must be cheap and never above `cost` for the same arguments;
/// without one, `cost` is taken for cheap. Neither may change its answers during a search.
/// Both take only relevant candidates.
struct CostOracle {
    std::function<double(int statement, const CandidateSet& candidates)> cost;
    std::function<double(int statement, const CandidateSet& candidates)> floor;
};

struct Selection {
    CandidateSet chosen;
    double cost = 0;        ///< of all statements under `chosen`, upkeep included
    std::int64_t size = 0;  ///< bytes
    bool finished = true;   ///< false: stopped early; `chosen` is still valid
};

/// Greedy by net gain per byte over single candidates and packages; swaps, removals and two-for-one exchanges; while the
/// budget binds, forced insertions and rounds of ruin and recreate (Schrimpf et al. 2000); then a pruning pass in which every chosen
/// candidate must still pay. Never over the budget, never dearer than nothing, no statement beyond its limit. Ties go to fewer and smaller
/// candidates. `stop` is asked often.
Selection select_candidates(const SelectionProblem& problem, const CostOracle& oracle, const std::function<bool()>& stop);

/// Only the last pass: takes out of `chosen` what does not pay beside the others.
Selection prune_candidates(const SelectionProblem& problem, const CostOracle& oracle, const CandidateSet& chosen);

/// The candidates of `set` that `statement` can notice.
CandidateSet relevant_part(const SelectionProblem& problem, int statement, const CandidateSet& set);

/// Upkeep of one candidate: all its charges.
double upkeep(const SelectionProblem& problem, int candidate);

/// Cost of all statements and the upkeep under a set.
double total_cost(const SelectionProblem& problem, const CostOracle& oracle, const CandidateSet& set);

/// What the search minimises: total_cost plus, for every candidate, minimum_gain and the price of its bytes.
double priced_cost(const SelectionProblem& problem, const CostOracle& oracle, const CandidateSet& set);

}  // namespace orrery::optimizers
