#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/units.hpp"

namespace orrery::collectors {

struct PaceOptions {
    std::chrono::milliseconds period{60'000};      ///< wished for
    double share = 0.001;                          ///< of one core's time that this class may cost the server
    std::chrono::milliseconds longest{3'600'000};  ///< the period is never stretched beyond
};

/// Keeps the cost of one class of queries inside its share of time: measures what each run costs the server and stretches the period
/// when the running average would exceed the share; goes back to the wished period when it is cheap again. Pure: time comes from outside.
class Pacer {
public:
    using Instant = std::chrono::steady_clock::time_point;
    explicit Pacer(const PaceOptions& options) : options_(options) {}

    [[nodiscard]] bool due(Instant now) const { return !next_ || now >= *next_; }
    /// When it is due next; nothing before the first run.
    [[nodiscard]] std::optional<Instant> next() const { return next_; }
    /// A run that began at `start` and cost the server `cost`. Phase is kept: late runs do not shift those after them.
    void ran(Instant start, base::Milliseconds cost);
    /// A run failed: back-off, doubling from the period up to `longest`.
    void failed(Instant start);
    [[nodiscard]] std::chrono::milliseconds period() const;  ///< in force
    [[nodiscard]] bool slowed() const { return period() > options_.period; }
    /// Cost of a run (smoothed) over the period in force: share of a core.
    [[nodiscard]] double share() const;

private:
    PaceOptions options_;
    std::optional<Instant> next_;
    std::optional<double> cost_ms_;  // exponentially smoothed
    int failures_ = 0;
};

}  // namespace orrery::collectors
