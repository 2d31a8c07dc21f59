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

/// Learnt over all executed plans of a database; keys are hashes of relation and column names and operators, never of values.
struct RowFeedback {
    struct FanOut {
        std::uint64_t key = 0;  ///< of the relation and the columns that are compared with an outer row's, with or without those
        double log_ratio = 0;   ///< log(rows / the planner's estimate of them); its largest, which no filter made smaller
        double rows = 0;        ///< geometric mean of actual rows per look-up, before the scan's own filter
        double weight = 0;      ///< templates that it was seen in; the executions of one count as no more than one
    };
    struct Correction {
        std::uint64_t key = 0;  ///< of the relation and a part of its conditions or all of them, or of the joined columns
        double log_ratio = 0;   ///< shrunk mean of log(actual / estimate), of a join beyond that of its inputs
        double weight = 0;
    };
    struct Table {
        std::uint64_t key = 0;  ///< of the relation's name
        double rows = 0;        ///< as full scans counted them: for plans that come without a context
    };
    std::vector<FanOut> fan_outs;          ///< sorted by key
    std::vector<Correction> scans, joins;  ///< sorted by key; a scan's (a join's) correction is the sum of those of its keys
    std::vector<Table> tables;             ///< sorted by key
};

struct RowLearningOptions {
    double scan_shrinkage = 1.5;  ///< templates' worth of evidence for the planner's own estimate of a scan's conditions
    double join_shrinkage = 6;    ///< the same for a join's increment
    bool joins = true;
};
/// A template counts once, however often it ran; what only one of them showed is shrunk the most.
RowFeedback learn_rows(std::span<const ExecutedPlan> plans, const RowLearningOptions& options = {});

/// Corrects `rows`, `scanned` and `loops` in place, from the leaves up:
/// 1. sets of relations in `observed` get their true counts, or the estimate times the product of actual/estimate over the largest known
///    disjoint subsets; 2. learnt fan-outs, scans and joins; 3. consistency: the inner side of a nested loop returns at least the join's
///    rows, a unique join at least its outer rows' share. What is not known keeps the planner's estimate. `observed` may be null.
void correct_rows(std::vector<Operator>& operators, const domain::PlanContext& context, const RowFeedback& feedback,
                  const domain::ObservedRows* observed);

void encode(const RowFeedback& feedback, base::ByteWriter& out);
base::Result<RowFeedback> decode_row_feedback(base::ByteReader& in);

}  // namespace orrery::models
