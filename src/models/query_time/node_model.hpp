#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "domain/plan_context.hpp"
#include "models/query_time/executed_plan.hpp"
#include "models/query_time/operators.hpp"

/// The physics: what each operator's work costs in time, on one machine.
namespace orrery::models {

/// Kinds of work. Names by position, as in model files: "sequential tuples", "heap fetches", "hash probes", ...
constexpr std::size_t kWorkTerms = 52;
std::span<const std::string_view> work_term_names();
using Work = std::array<double, kWorkTerms>;

/// How much of each kind of work an operator does in one process, over all its loops: every entry >= 0, and more rows or loops never mean
/// less. Heap pages of index scans are not shared among loops, and weigh as much as the table is large. The list is matched to `units`
/// (of the whole plan, in preorder, or empty), which say how many pages and operators the planner counted; see also `use_units`.
void count_work(std::span<const Operator> operators, const domain::PlanContext& context, const domain::RunConditions& conditions,
                std::span<const domain::CostUnits> units, std::vector<Work>& out);

/// Time per unit of each kind of work: always positive, so that more work never takes less time.
constexpr int kWorkTermsVersion = 1;
struct NodeModel {
    int terms_version = kWorkTermsVersion;  ///< of the meaning of the terms: a model of another version is refused
    std::array<double, kWorkTerms> ns{};    ///< nanoseconds per unit
};
NodeModel factory_node_model();  ///< of an ordinary machine with its data in memory: the prior of every fit

/// Milliseconds of each operator, per process; returns their sum, the plan's time.
double operator_times(const NodeModel& model, std::span<const Work> work, std::span<double> ms);

struct NodeFitOptions {
    double shrinkage = 0.02;       ///< weight of (log theta - log prior)^2
    double operator_weight = 0.5;  ///< of operators' own times beside the plans' totals
    double huber_slope = 0.5;
    const NodeModel* prior = nullptr;  ///< null = the factory's
};
/// Minimizes pseudo-Huber(log predicted - log actual) over plans and their operators with L-BFGS; each group (template) weighs the same.
/// Rows are the actual ones. `invalid_input` without a usable plan.
base::Result<NodeModel> fit_node_model(std::span<const ExecutedPlan> plans, const NodeFitOptions& options = {});

void encode(const NodeModel& model, base::ByteWriter& out);
base::Result<NodeModel> decode_node_model(base::ByteReader& in);

}  // namespace orrery::models
