#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/statistics.hpp"

namespace orrery::base {
namespace {

rc::Gen<std::vector<double>> small_numbers() {
    return rc::gen::container<std::vector<double>>(rc::gen::map(rc::gen::inRange(-100'000, 100'000), [](int n) { return n / 100.0; }));
}

Moments moments_of(const std::vector<double>& values) {
    Moments moments;
    for (const double value : values) moments.add(value);
    return moments;
}

bool close(double a, double b) {
    return std::abs(a - b) <= 1e-6 * std::max({1.0, std::abs(a), std::abs(b)});
}

RC_GTEST_PROP(MomentsProperty, MergedEqualsAllAtOnce, ()) {
    const auto a = *small_numbers(), b = *small_numbers();
    auto both = a;
    both.insert(both.end(), b.begin(), b.end());
    const Moments merged = moments_of(a) + moments_of(b);
    RC_ASSERT(merged.count == static_cast<double>(both.size()));
    RC_ASSERT(close(merged.mean(), mean(both)));
    RC_ASSERT(close(merged.variance(), variance(both)));
}

RC_GTEST_PROP(MomentsProperty, SubtractingUndoesMerging, ()) {
    const auto a = *small_numbers(), b = *small_numbers();
    const Moments left = (moments_of(a) + moments_of(b)) - moments_of(a);
    RC_ASSERT(left.count == static_cast<double>(b.size()));
    if (b.empty()) return;
    RC_ASSERT(close(left.mean(), mean(b)));
    RC_ASSERT(left.variance() >= 0);
}

RC_GTEST_PROP(QuantileProperty, LiesBetweenTheExtremesAndGrowsWithItsShare, ()) {
    const auto values = *rc::gen::nonEmpty(small_numbers());
    const double low_share = *rc::gen::inRange(0, 101) / 100.0, high_share = *rc::gen::inRange(0, 101) / 100.0;
    const double low = quantile(values, std::min(low_share, high_share)), high = quantile(values, std::max(low_share, high_share));
    RC_ASSERT(low <= high + 1e-9);
    RC_ASSERT(low >= *std::min_element(values.begin(), values.end()));
    RC_ASSERT(high <= *std::max_element(values.begin(), values.end()));
}

RC_GTEST_PROP(WelchProperty, SwappingTheSidesMirrorsTheResult, ()) {
    const auto a = moments_of(*small_numbers()), b = moments_of(*small_numbers());
    const auto forth = welch(a, b), back = welch(b, a);
    RC_ASSERT(close(forth.p_value, back.p_value));
    RC_ASSERT(close(forth.t, -back.t));
    RC_ASSERT(close(forth.difference.low, -back.difference.high));
    RC_ASSERT(forth.p_value >= 0 && forth.p_value <= 1);
}

}  // namespace
}  // namespace orrery::base
