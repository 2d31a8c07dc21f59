#include "analyzers/workload_class.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace orrery::analyzers {
namespace {

// Fitted by `analyze_bench --fit` (ridge 0.05): see docs/concepts/workload.md.
constexpr std::array<double, kClassInputs> kTemplateModel{-2.021, -0.707, 0.978, 0.177, -4.273, 0.353, 3.068, 1.928, -1.967, 0.018};
constexpr std::array<double, kMixInputs> kMixedModel{-0.004, 0.833, -0.273};
constexpr std::array<double, kMixInputs> kOlapModel{-0.522, 1.278, 0.546};

double known(double value) {
    return std::isnan(value) ? 0 : value;
}

double odds(double share) {
    const double bounded = std::clamp(share, 1e-6, 1 - 1e-6);
    return std::log(bounded / (1 - bounded));
}

template <std::size_t n>
double dot(const std::array<double, n>& a, const std::array<double, n>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

const std::array<std::string_view, kClassInputs> kClassInputNames{
    "constant",       "log10(1 + rows)", "log10(1 + blocks)",   "log10(1 + ms)", "writes",
    "joins, up to 4", "aggregates",      "groups or sorts all", "point look-up", "temporary files"};

std::string_view to_string(WorkloadKind kind) {
    constexpr std::array<std::string_view, 3> kNames{"OLTP", "mixed", "OLAP"};
    return kNames[static_cast<std::size_t>(kind)];
}

std::array<double, kClassInputs> class_inputs(const Features& features) {
    using enum Feature;
    const double joined = known(features[joins]);
    const bool groups = known(features[groupings]) > 0;
    const bool point = known(features[equalities]) > 0 && joined == 0 && known(features[aggregates]) == 0 && !groups;
    return {1,
            std::log10(1 + known(features[rows])),
            std::log10(1 + known(features[blocks])),
            std::log10(1 + known(features[mean_ms])),
            known(features[writes]),
            std::min(joined, 4.0),
            std::min(known(features[aggregates]), 1.0),
            groups ? 1.0 : 0.0,
            point ? 1.0 : 0.0,
            known(features[temp_blocks]) > 0 ? 1.0 : 0.0};
}

double olap_probability(const Features& features) {
    return 1 / (1 + std::exp(-dot(kTemplateModel, class_inputs(features))));
}

WorkloadKind KindProbabilities::kind() const {
    if (olap >= mixed && olap >= oltp) return WorkloadKind::olap;
    return mixed >= oltp ? WorkloadKind::mixed : WorkloadKind::oltp;
}

double KindProbabilities::probability() const {
    return std::max({oltp, mixed, olap});
}

std::array<double, kMixInputs> mix_inputs(double olap_time_share, double olap_call_share) {
    return {1, odds(olap_time_share), odds(olap_call_share)};
}

KindProbabilities workload_kind(double olap_time_share, double olap_call_share) {
    const auto inputs = mix_inputs(olap_time_share, olap_call_share);
    const double mixed = dot(kMixedModel, inputs), olap = dot(kOlapModel, inputs), top = std::max({0.0, mixed, olap});
    const double whole = std::exp(-top) + std::exp(mixed - top) + std::exp(olap - top);
    return {std::exp(-top) / whole, std::exp(mixed - top) / whole, std::exp(olap - top) / whole};
}

bool is_heavy(const Features& features) {
    return features[Feature::mean_ms] >= 50 || features[Feature::blocks] >= 5'000 || features[Feature::temp_blocks] > 0;
}

}  // namespace orrery::analyzers
