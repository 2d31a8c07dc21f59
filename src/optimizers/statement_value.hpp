#pragma once

#include <optional>
#include <vector>

namespace orrery::optimizers {

/// Turns a statement's planner cost into what it is worth in the window: milliseconds where times were measured, else cost.
struct StatementValue {
    double calls = 1;
    double base_cost = 0;           ///< per call, without any candidate
    std::optional<double> mean_ms;  ///< measured with the indexes of today
    double fixed_ms = 0;            ///< part of mean_ms that no plan changes
    double unit = 1;                ///< of one cost unit when nothing was measured
    double noise_share = 0;         ///< smaller savings than this share do not count
    double remainder_share = 0;     ///< what is left below this share counts for a tenth

    /// In the window. Grows with cost; a cost within the noise below the base counts as the base, and near nothing it hardly
    /// matters any more: which of two good plans is the better one shall not decide over a larger index.
    [[nodiscard]] double at(double cost) const {
        constexpr double kRemainderSlope = 0.1;
        const bool unchanged = cost > base_cost * (1 - noise_share) && cost < base_cost;
        const double remainder = base_cost * remainder_share;
        return proportional(unchanged ? base_cost : cost < remainder ? remainder - kRemainderSlope * (remainder - cost) : cost);
    }
    /// The same without these thresholds.
    [[nodiscard]] double proportional(double cost) const {
        if (!mean_ms) return calls * cost * unit;
        if (base_cost <= 0) return calls * *mean_ms;
        return calls * (fixed_ms + (*mean_ms - fixed_ms) * cost / base_cost);
    }
    [[nodiscard]] double base() const { return at(base_cost); }
};

struct ValueOptions {
    double fixed_statement_ms = 0.02;
    double noise_percent = 5;
    double remainder_percent = 3;
};

/// The unit of a workload and the values of its statements. Statements without a time take the mean ratio of time to cost of the others.
struct WorkloadValue {
    std::vector<StatementValue> statements;
    bool in_milliseconds = false;
    double total = 0;       ///< of all statements today
    double total_cost = 0;  ///< the same in planner cost, weighted by calls
};

/// `calls`, `mean_ms` and `base_costs` by statement.
WorkloadValue value_workload(const std::vector<double>& calls, const std::vector<std::optional<double>>& mean_ms,
                             const std::vector<double>& base_costs, const ValueOptions& options);

}  // namespace orrery::optimizers
