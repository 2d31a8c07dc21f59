#pragma once

#include <chrono>
#include <optional>

#include "base/units.hpp"

namespace orrery::collectors {

struct PaceOptions {
    std::chrono::milliseconds period{60'000};      ///< wished for
    double share = 0.001;                          ///< of one core's time that this class may cost the server
    std::chrono::milliseconds longest{3'600'000};  ///< the period is never stretched beyond; goes before the share
};

/// Keeps the cost of one class of queries inside its share of time: what a run costs is paid off before the next one, out of the share of
/// the time that passes and of what cheap runs left over (ten periods' worth at most). So at each run the costs of all runs before it are
/// at most the share of the time since the first, unless a single one costs more than `longest` pays for. Runs keep to the grid of wished
/// periods that the first one begins: one that costs too much skips ticks. Pure: time comes from outside.
class Pacer {
public:
    using Instant = std::chrono::steady_clock::time_point;
    explicit Pacer(const PaceOptions& options);

    [[nodiscard]] bool due(Instant now) const { return !next_ || now >= *next_; }
    /// When it is due next; nothing before the first run.
    [[nodiscard]] std::optional<Instant> next() const { return next_; }
    /// A run that began at `start` and cost the server `cost`. Phase is kept: late runs do not shift those after them.
    void ran(Instant start, base::Milliseconds cost);
    /// A run failed, after costing `cost`: back-off, doubling from the period up to `longest`.
    void failed(Instant start, base::Milliseconds cost = {});
    /// In force: the wished one, or as long as the cost (smoothed) or failures in a row make it.
    [[nodiscard]] std::chrono::milliseconds period() const;
    /// Costs more than its share at the wished period.
    [[nodiscard]] bool slowed() const { return affordable_period() > options_.period; }
    /// Cost of a run (smoothed) over the period in force: share of a core.
    [[nodiscard]] double share() const;

private:
    [[nodiscard]] std::chrono::milliseconds affordable_period() const;
    [[nodiscard]] std::chrono::milliseconds back_off() const;
    void charge(Instant start, base::Milliseconds cost);
    void schedule(Instant start, std::chrono::nanoseconds pause);

    PaceOptions options_;
    std::optional<Instant> first_, next_, charged_;  // the grid's origin; the next tick; up to when `saved_ms_` grew
    std::optional<double> cost_ms_;                  // exponentially smoothed
    double saved_ms_ = 0;                            // negative: what is still to be paid off
    int failures_ = 0;
};

}  // namespace orrery::collectors
