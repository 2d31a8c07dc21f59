#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/random.hpp"

namespace orrery::base {

/// Count, mean and variance without the samples; two can be merged or, as cumulative counters, subtracted.
struct Moments {
    double count = 0;
    double sum = 0;
    double square_sum = 0;

    void add(double value) {
        count += 1;
        sum += value;
        square_sum += value * value;
    }
    [[nodiscard]] double mean() const;      ///< 0 when empty
    [[nodiscard]] double variance() const;  ///< unbiased; 0 below two values; never negative
    friend Moments operator+(Moments a, Moments b) { return {a.count + b.count, a.sum + b.sum, a.square_sum + b.square_sum}; }
    friend Moments operator-(Moments a, Moments b) { return {a.count - b.count, a.sum - b.sum, a.square_sum - b.square_sum}; }
};

double mean(std::span<const double> values);      ///< 0 when empty
double variance(std::span<const double> values);  ///< unbiased; 0 below two values
/// Linear interpolation between order statistics (Hyndman and Fan's type 7). `share` in [0, 1]; 0 for no values.
double quantile(std::span<const double> values, double share);
double median(std::span<const double> values);

struct Interval {
    double low = 0, high = 0;
};

struct WelchResult {
    double t = 0;
    double degrees_of_freedom = 0;  ///< Welch-Satterthwaite
    double p_value = 1;             ///< two-sided; 1 when either side has fewer than two values
    Interval difference;            ///< confidence interval of mean(a) - mean(b)
};
/// Welch's unequal-variances t-test of mean(a) = mean(b).
WelchResult welch(const Moments& a, const Moments& b, double confidence = 0.95);

/// Percentile bootstrap of a statistic over resampled `values` (Efron 1979). Seeded by `random`.
Interval bootstrap(std::span<const double> values, const std::function<double(std::span<const double>)>& statistic, Random& random,
                   int resamples = 2000, double confidence = 0.95);

/// Quantile of Student's t and of the standard normal distribution.
double student_t_quantile(double probability, double degrees_of_freedom);
double normal_quantile(double probability);

}  // namespace orrery::base
