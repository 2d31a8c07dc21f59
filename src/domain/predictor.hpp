#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/plan.hpp"
#include "domain/plan_context.hpp"
#include "domain/query.hpp"

namespace orrery::domain {

/// True row counts of sets of relations, seen in one execution of a statement: what a plan that joins them in another order must give.
struct ObservedRows {
    struct Set {
        std::vector<std::string> aliases;  ///< sorted: the relations that the node joins (one: a scan with its filters)
        double rows = 0;                   ///< out of the node, over all loops and processes
        double estimated_rows = 0;         ///< the planner's for the same
    };
    std::vector<Set> sets;
};

/// A plan whose time is asked for: executed before, only planned, or planned by a twin with what does not exist.
struct PlanQuestion {
    const Plan* plan = nullptr;
    Fingerprint fingerprint{};  ///< of the statement; zero = not known
    RunConditions conditions{};
    std::span<const CostUnits> units{};      ///< by node in preorder, cumulative; empty = reconstructed from the costs
    const ObservedRows* observed = nullptr;  ///< of an earlier execution of this statement; null = none
};

/// Who answered.
enum class PredictionRoute {
    recent_times,     ///< the template's own times: seen often, and lately
    residual,         ///< physics with the trees' correction: the template was learnt from
    physics,          ///< the node model on corrected rows
    calibrated_cost,  ///< the plan is out of what was learnt: the planner's cost, fitted to time
    trees,            ///< trees alone, on features of the whole plan
};
std::string_view to_string(PredictionRoute route);

struct TimePrediction {
    double ms = 0;
    double low_ms = 0, high_ms = 0;  ///< 90 % interval
    PredictionRoute route = PredictionRoute::physics;
    std::string why;  ///< one sentence: why this route
};

/// A share of a predicted time. Of one list, all shares and the base sum to the prediction.
struct TimeShare {
    std::string name;  ///< "Seq Scan on orders" or "rows read sequentially"
    int node = -1;     ///< position of the node in preorder; -1 for a feature
    double ms = 0;
};

struct TimeExplanation {
    TimePrediction prediction;
    double base_ms = 0;                ///< before anything is known of this plan
    std::vector<TimeShare> operators;  ///< in preorder; base + operators = prediction
    std::vector<TimeShare> features;   ///< largest first; base + features = prediction
};

/// Tells how long a plan would take. Const use is thread-safe.
class Predictor {
public:
    virtual ~Predictor() = default;
    [[nodiscard]] virtual base::Result<TimePrediction> predict(const PlanQuestion& question) const = 0;
    [[nodiscard]] virtual base::Result<TimeExplanation> explain(const PlanQuestion& question) const = 0;
};

}  // namespace orrery::domain
