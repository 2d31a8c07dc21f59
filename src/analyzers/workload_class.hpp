#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "analyzers/template_features.hpp"

namespace orrery::analyzers {

enum class WorkloadKind { oltp, mixed, olap };
std::string_view to_string(WorkloadKind kind);  ///< "OLTP", "mixed", "OLAP"

/// What the model of templates reads: a constant 1, then logarithms of rows, blocks and time, and marks of the text. What is unknown is 0.
constexpr std::size_t kClassInputs = 10;
extern const std::array<std::string_view, kClassInputs> kClassInputNames;
std::array<double, kClassInputs> class_inputs(const Features& features);

/// Probability that the template is analytical rather than transactional: logistic regression on `class_inputs`. Coefficients were fitted
/// by `analyze_bench --fit` to counters that PostgreSQL 15 kept of pgbench's, a shop's and TPC-H's statements.
double olap_probability(const Features& features);

struct KindProbabilities {
    double oltp = 0, mixed = 0, olap = 0;  ///< their sum is 1
    [[nodiscard]] WorkloadKind kind() const;
    [[nodiscard]] double probability() const;  ///< of kind()
};

/// What the model of workloads reads: a constant 1, then the log odds of the analytical share of the time and of the calls.
constexpr std::size_t kMixInputs = 3;
std::array<double, kMixInputs> mix_inputs(double olap_time_share, double olap_call_share);
/// Multinomial logistic regression on the shares of time and calls that analytical templates take, fitted by the same program to mixes of
/// the same statements.
KindProbabilities workload_kind(double olap_time_share, double olap_call_share);

/// Whether one call is dear: 50 ms, 5,000 blocks or temporary files.
bool is_heavy(const Features& features);

}  // namespace orrery::analyzers
