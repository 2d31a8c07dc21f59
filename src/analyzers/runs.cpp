#include "analyzers/runs.hpp"

#include <algorithm>
#include <cmath>

#include "base/statistics.hpp"

namespace orrery::analyzers {
namespace {

constexpr double kMostActive = 0.35;        ///< runs fill at most this share of the bins, or they are no runs
constexpr std::ptrdiff_t kNeighbours = 30;  ///< bins on each side that make the background
constexpr double kDeviations = 4;
constexpr double kLeastNoise = 3;   ///< arrivals that are never a run above a background
constexpr double kLongestRun = 20;  ///< bins above a background

/// The median, the values put into another order.
double middle_of(std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

std::vector<Run> runs_over(const Arrivals& arrivals, const std::vector<double>& background, const std::vector<double>& threshold) {
    std::vector<Run> runs;
    double active = 0, covered = 0;
    bool before = false;
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i) {
        const double count = arrivals.counts[i];
        const bool here = count > threshold[i];  // false for NaN
        covered += std::isnan(count) ? 0 : 1;
        active += here ? 1 : 0;
        const double start = static_cast<double>(i) * arrivals.width_s;
        if (here && !before) runs.push_back({start + arrivals.width_s / 2});
        if (here) {
            auto& run = runs.back();
            run.until = start + arrivals.width_s;
            run.size += count - background[i];
            if (count > run.peak) run.peak = count, run.background = background[i];
        }
        before = here;
    }
    if (active > kMostActive * covered) runs.clear();
    return runs;
}

}  // namespace

std::vector<Run> runs_in_silence(const Arrivals& arrivals) {
    const std::vector<double> zero(arrivals.counts.size(), 0);
    return runs_over(arrivals, zero, zero);
}

std::vector<Run> runs_above_background(const Arrivals& arrivals) {
    const auto n = static_cast<std::ptrdiff_t>(arrivals.counts.size());
    std::vector<double> background(arrivals.counts.size(), 0), threshold(arrivals.counts.size(), kLeastNoise), near;
    // The higher of both sides: where a busy time begins, its first minutes are no run.
    const auto side = [&](std::ptrdiff_t first, std::ptrdiff_t last, std::size_t at) {
        near.clear();
        for (std::ptrdiff_t j = std::max<std::ptrdiff_t>(0, first); j < std::min(n, last); ++j)
            if (!std::isnan(arrivals.counts[static_cast<std::size_t>(j)])) near.push_back(arrivals.counts[static_cast<std::size_t>(j)]);
        if (near.empty()) return;
        const double median = middle_of(near);
        for (double& count : near) count = std::abs(count - median);
        const double noise = std::max(kDeviations * 1.4826 * middle_of(near), kDeviations * std::sqrt(median) + kLeastNoise);
        background[at] = std::max(background[at], median);
        threshold[at] = std::max(threshold[at], median + noise);
    };
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        if (!(arrivals.counts[static_cast<std::size_t>(i)] > kLeastNoise)) continue;
        side(i - kNeighbours, i + 1, static_cast<std::size_t>(i));
        side(i, i + kNeighbours + 1, static_cast<std::size_t>(i));
    }
    auto runs = runs_over(arrivals, background, threshold);
    // A longer one is the background that has risen, and the median not yet.
    std::erase_if(runs, [&](const Run& run) { return run.until - run.at > kLongestRun * arrivals.width_s; });
    return runs;
}

Coverage::Coverage(const Arrivals& arrivals) : width_s_(arrivals.width_s), unix_s_(arrivals.unix_s(0)) {
    upto_.push_back(0);
    for (const double count : arrivals.counts) upto_.push_back(upto_.back() + (std::isnan(count) ? 0 : width_s_));
}

double Coverage::before(double time) const {
    const double bins = std::clamp(time / width_s_, 0.0, static_cast<double>(upto_.size() - 1));
    const auto bin = std::min(static_cast<std::size_t>(bins), upto_.size() - 1);
    const double next = bin + 1 < upto_.size() ? upto_[bin + 1] : upto_[bin];
    return upto_[bin] + (bins - static_cast<double>(bin)) * (next - upto_[bin]);
}

double Coverage::between(double from, double to) const {
    return to > from ? before(to) - before(from) : 0;
}

}  // namespace orrery::analyzers
