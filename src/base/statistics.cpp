#include "base/statistics.hpp"

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>

namespace orrery::base {

double Moments::mean() const {
    return count > 0 ? sum / count : 0;
}

double Moments::variance() const {
    if (count < 2) return 0;
    return std::max(0.0, (square_sum - sum * sum / count) / (count - 1));
}

double mean(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
    if (values.size() < 2) return 0;
    const double centre = mean(values);
    double squares = 0;
    for (const double value : values) squares += (value - centre) * (value - centre);
    return squares / static_cast<double>(values.size() - 1);
}

double quantile(std::span<const double> values, double share) {
    if (values.empty()) return 0;
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    const double position = std::clamp(share, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const auto above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double median(std::span<const double> values) {
    return quantile(values, 0.5);
}

WelchResult welch(const Moments& a, const Moments& b, double confidence) {
    WelchResult result;
    const double difference = a.mean() - b.mean();
    result.difference = {difference, difference};
    if (a.count < 2 || b.count < 2) return result;
    const double share_a = a.variance() / a.count, share_b = b.variance() / b.count;
    const double error = std::sqrt(share_a + share_b);
    if (error <= 0) {
        result.p_value = difference == 0 ? 1 : 0;
        return result;
    }
    result.t = difference / error;
    result.degrees_of_freedom =
        (share_a + share_b) * (share_a + share_b) / (share_a * share_a / (a.count - 1) + share_b * share_b / (b.count - 1));
    const boost::math::students_t distribution(result.degrees_of_freedom);
    result.p_value = 2 * boost::math::cdf(boost::math::complement(distribution, std::abs(result.t)));
    const double reach = error * boost::math::quantile(distribution, 0.5 + confidence / 2);
    result.difference = {difference - reach, difference + reach};
    return result;
}

Interval bootstrap(std::span<const double> values, const std::function<double(std::span<const double>)>& statistic, Random& random,
                   int resamples, double confidence) {
    if (values.empty()) return {};
    std::vector<double> sample(values.size()), outcomes;
    outcomes.reserve(static_cast<std::size_t>(resamples));
    for (int round = 0; round < resamples; ++round) {
        for (auto& value : sample) value = random.pick(values);
        outcomes.push_back(statistic(sample));
    }
    return {quantile(outcomes, (1 - confidence) / 2), quantile(outcomes, (1 + confidence) / 2)};
}

double student_t_quantile(double probability, double degrees_of_freedom) {
    return boost::math::quantile(boost::math::students_t(degrees_of_freedom), probability);
}

double normal_quantile(double probability) {
    return boost::math::quantile(boost::math::normal(), probability);
}

}  // namespace orrery::base
