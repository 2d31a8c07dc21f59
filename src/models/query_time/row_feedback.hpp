#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "domain/predictor.hpp"
#include "models/query_time/executed_plan.hpp"
#include "models/query_time/operators.hpp"

/// What earlier executions teach about row counts of plans that come.
namespace orrery::models {

/// The sets of relations whose true row counts an executed plan shows (Semi and Anti inners, LIMITed parts left out). Parallel plans
/// summed over processes.
domain::ObservedRows observe_rows(const domain::Plan& executed);

/// Learnt over all executed plans of a database; keys are relation and column names, never values.
struct RowFeedback {
    struct FanOut {
        std::uint64_t key = 0;  ///< stable hash of relation, index and columns of the condition
        double log_ratio = 0;   ///< mean of log(actual rows per look-up / estimate)
        double rows = 0;        ///< geometric mean of actual rows per look-up
        double weight = 0;      ///< executions
    };
    struct Correction {
        std::uint64_t key = 0;  ///< of the relation and the shape of its filter, or of the joined pair and its condition
        double log_ratio = 0;   ///< shrunk mean of log(actual / estimate), of a join beyond that of its inputs
        double weight = 0;
    };
    std::vector<FanOut> fan_outs;          ///< sorted by key
    std::vector<Correction> scans, joins;  ///< sorted by key
};

RowFeedback learn_rows(std::span<const ExecutedPlan> plans);

/// Corrects `rows`, `scanned` and `loops` in place, from the leaves up:
/// 1. sets of relations in `observed` get their true counts, or the estimate times the product of actual/estimate over the largest known
///    disjoint subsets; 2. learnt fan-outs, scans and joins; 3. consistency: the inner side of a nested loop returns at least the join's
///    rows, a unique join at least its outer rows' share. What is not known keeps the planner's estimate. `observed` may be null.
void correct_rows(std::vector<Operator>& operators, const domain::PlanContext& context, const RowFeedback& feedback,
                  const domain::ObservedRows* observed);

void encode(const RowFeedback& feedback, base::ByteWriter& out);
base::Result<RowFeedback> decode_row_feedback(base::ByteReader& in);

}  // namespace orrery::models
