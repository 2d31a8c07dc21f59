#pragma once

#include <vector>

#include "analyzers/arrivals.hpp"

namespace orrery::analyzers {

/// A stretch of bins with more arrivals than around it. Times in seconds since the first bin's start.
struct Run {
    double at = 0;                    ///< middle of its first bin
    double until = 0;                 ///< end of its last bin
    double size = 0;                  ///< arrivals above the background
    double peak = 0, background = 0;  ///< of its fullest bin
};

/// Runs against an empty background: every bin with arrivals; none when more than 35 % of the bins have some.
std::vector<Run> runs_in_silence(const Arrivals& arrivals);
/// Runs above the local background: the median of half an hour of bins on each side, by four robust deviations and Poisson's noise.
std::vector<Run> runs_above_background(const Arrivals& arrivals);

/// When something was collected, for questions about stretches of time.
class Coverage {
public:
    explicit Coverage(const Arrivals& arrivals);
    /// Seconds collected in [from, to], both in seconds since the first bin's start.
    [[nodiscard]] double between(double from, double to) const;
    [[nodiscard]] double whole() const { return upto_.back(); }
    [[nodiscard]] double seconds() const { return width_s_ * static_cast<double>(upto_.size() - 1); }
    [[nodiscard]] double width_s() const { return width_s_; }
    [[nodiscard]] double unix_s() const { return unix_s_; }  ///< of the first bin's start

private:
    [[nodiscard]] double before(double time) const;
    double width_s_, unix_s_;
    std::vector<double> upto_;  ///< collected before each bin
};

}  // namespace orrery::analyzers
