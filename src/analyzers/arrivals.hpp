#pragma once

#include <span>
#include <vector>

#include "base/units.hpp"
#include "domain/store.hpp"

namespace orrery::analyzers {

/// How often something happened, bin by bin: counts on an even grid, with gaps where nothing was collected.
struct Arrivals {
    base::WallTime start{};      ///< of the first bin
    double width_s = 60;         ///< of each bin
    std::vector<double> counts;  ///< NaN: not collected

    [[nodiscard]] double seconds() const { return width_s * static_cast<double>(counts.size()); }
    [[nodiscard]] double covered_seconds() const;
    [[nodiscard]] double total() const;  ///< of what was collected
    /// Start of a bin in seconds since 1970-01-01 UTC.
    [[nodiscard]] double unix_s(double bins) const;
};

/// The even grid on which intervals of about one length lie. Intervals more than 2.5 times as long as the usual one say too little about
/// when something happened: they are gaps. The grid reaches from the first of the others to the last.
class ArrivalGrid {
public:
    explicit ArrivalGrid(std::span<const domain::QueryLogInterval> intervals);

    static constexpr std::size_t kNoBin = static_cast<std::size_t>(-1);
    /// The bin of an interval, by its number in the span; kNoBin for one that is too long.
    [[nodiscard]] std::size_t bin(std::size_t interval) const { return bin_of_[interval]; }
    [[nodiscard]] std::size_t bins() const { return covered_.size(); }
    [[nodiscard]] double width_s() const { return width_s_; }
    /// Zeros where something was collected.
    [[nodiscard]] Arrivals nothing_yet() const;

private:
    base::WallTime start_{};
    double width_s_ = 60;
    std::vector<std::size_t> bin_of_;
    std::vector<bool> covered_;
};

/// Several bins in one: counts are added, scaled up by what is missing; NaN where less than half was collected. The first bin begins at a
/// multiple of `width_s` since 1970-01-01 UTC.
Arrivals coarser(const Arrivals& arrivals, double width_s);

}  // namespace orrery::analyzers
