#include "optimizers/statement_value.hpp"

#include <algorithm>

#include "base/statistics.hpp"

namespace orrery::optimizers {

WorkloadValue value_workload(const std::vector<double>& calls, const std::vector<std::optional<double>>& mean_ms,
                             const std::vector<double>& base_costs, const ValueOptions& options) {
    WorkloadValue result;
    double measured_ms = 0, measured_cost = 0;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        result.total_cost += calls[i] * base_costs[i];
        if (!mean_ms[i]) continue;
        result.in_milliseconds = true;
        measured_ms += calls[i] * *mean_ms[i];
        measured_cost += calls[i] * base_costs[i];
    }
    const double ratio = measured_cost > 0 ? measured_ms / measured_cost : 1;
    for (std::size_t i = 0; i < calls.size(); ++i) {
        StatementValue value;
        value.calls = calls[i];
        value.base_cost = base_costs[i];
        value.mean_ms = mean_ms[i];
        if (mean_ms[i]) value.fixed_ms = std::min(options.fixed_statement_ms, *mean_ms[i] / 2);
        value.unit = result.in_milliseconds ? ratio : 1;
        value.noise_share = options.noise_percent / 100;
        value.remainder_share = options.remainder_percent / 100;
        result.total += value.base();
        result.statements.push_back(value);
    }
    // What is left of a giant can still be more than all others together: its remainder is held to the measure of a common statement.
    constexpr double kGiant = 100;
    std::vector<double> values;
    for (const auto& value : result.statements)
        if (value.base() > 0) values.push_back(value.base());
    const double common = base::median(values);
    for (auto& value : result.statements)
        if (value.base() > kGiant * common) value.remainder_share *= kGiant * common / value.base();
    return result;
}

}  // namespace orrery::optimizers
