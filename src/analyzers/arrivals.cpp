#include "analyzers/arrivals.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/statistics.hpp"

namespace orrery::analyzers {
namespace {

constexpr double kNotCollected = std::numeric_limits<double>::quiet_NaN();
constexpr double kTooLong = 2.5;         ///< times the usual length
constexpr double kMostBins = 1'000'000;  ///< nearly two years of minutes; longer histories get wider bins

double seconds_between(base::WallTime from, base::WallTime to) {
    return std::chrono::duration<double>(to - from).count();
}

base::WallTime later(base::WallTime time, double seconds) {
    return time + std::chrono::duration_cast<base::WallTime::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

double Arrivals::covered_seconds() const {
    return width_s * static_cast<double>(std::count_if(counts.begin(), counts.end(), [](double c) { return !std::isnan(c); }));
}

double Arrivals::total() const {
    double sum = 0;
    for (const double count : counts)
        if (!std::isnan(count)) sum += count;
    return sum;
}

double Arrivals::unix_s(double bins) const {
    return std::chrono::duration<double>(start.time_since_epoch()).count() + bins * width_s;
}

ArrivalGrid::ArrivalGrid(std::span<const domain::QueryLogInterval> intervals) {
    bin_of_.assign(intervals.size(), kNoBin);
    std::vector<double> lengths;
    for (const auto& interval : intervals) {
        const double length = seconds_between(interval.start, interval.end);
        if (length > 0) lengths.push_back(length);
    }
    if (lengths.empty()) return;
    const double usual = base::median(lengths);
    base::WallTime end = base::WallTime::min();
    start_ = base::WallTime::max();
    // Without the old ones that were rolled up into longer ones: a year of gaps costs as much as a year of minutes.
    for (const auto& interval : intervals)
        if (seconds_between(interval.start, interval.end) <= kTooLong * usual)
            start_ = std::min(start_, interval.start), end = std::max(end, interval.end);
    const double whole = seconds_between(start_, end);
    width_s_ = std::max({usual, whole / kMostBins, 0.001});
    const auto bins = static_cast<std::size_t>(std::max(1.0, std::round(whole / width_s_)));
    std::vector<double> seconds(bins, 0);  // collected in each bin
    for (std::size_t i = 0; i < intervals.size(); ++i) {
        const double from = seconds_between(start_, intervals[i].start), to = seconds_between(start_, intervals[i].end);
        if (from < 0 || to <= from || to - from > kTooLong * width_s_ || from >= whole) continue;
        bin_of_[i] = std::min(static_cast<std::size_t>((from + to) / 2 / width_s_), bins - 1);
        for (auto bin = static_cast<std::size_t>(from / width_s_); bin < bins; ++bin) {
            const double low = static_cast<double>(bin) * width_s_;
            if (low >= to) break;
            seconds[bin] += std::min(to, low + width_s_) - std::max(from, low);
        }
    }
    covered_.resize(bins);
    for (std::size_t bin = 0; bin < bins; ++bin) covered_[bin] = seconds[bin] >= width_s_ / 2;
    for (const auto bin : bin_of_)
        if (bin != kNoBin) covered_[bin] = true;
}

Arrivals ArrivalGrid::nothing_yet() const {
    Arrivals arrivals{start_, width_s_, std::vector<double>(covered_.size(), 0)};
    for (std::size_t bin = 0; bin < covered_.size(); ++bin)
        if (!covered_[bin]) arrivals.counts[bin] = kNotCollected;
    return arrivals;
}

Arrivals coarser(const Arrivals& arrivals, double width_s) {
    Arrivals result;
    result.width_s = width_s;
    if (arrivals.counts.empty()) return result;
    const double first = std::floor(arrivals.unix_s(0) / width_s);
    const double last = std::ceil(arrivals.unix_s(static_cast<double>(arrivals.counts.size())) / width_s);
    result.start = later(base::WallTime{}, first * width_s);
    const auto bins = static_cast<std::size_t>(std::max(1.0, last - first));
    std::vector<double> covered(bins, 0);
    result.counts.assign(bins, 0);
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i) {
        if (std::isnan(arrivals.counts[i])) continue;
        const double centre = arrivals.unix_s(static_cast<double>(i) + 0.5);
        const auto bin = std::min(static_cast<std::size_t>(std::max(0.0, std::floor(centre / width_s) - first)), bins - 1);
        result.counts[bin] += arrivals.counts[i];
        covered[bin] += arrivals.width_s;
    }
    for (std::size_t bin = 0; bin < bins; ++bin)
        result.counts[bin] = covered[bin] < width_s / 2 ? kNotCollected : result.counts[bin] * width_s / covered[bin];
    return result;
}

}  // namespace orrery::analyzers
