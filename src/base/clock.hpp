#pragma once

#include <chrono>
#include <memory>
#include <stop_token>

#include "base/units.hpp"

namespace orrery::base {

/// The seam for time: everything that reads a clock or waits takes one. Thread-safe.
class Clock {
public:
    virtual ~Clock() = default;
    /// Wall time, for records; may step.
    [[nodiscard]] virtual WallTime now() const = 0;
    /// Monotonic time, for durations and deadlines.
    [[nodiscard]] virtual std::chrono::steady_clock::time_point steady() const = 0;
    /// Waits; returns false at once when `stop` is requested (before or meanwhile).
    virtual bool sleep_for(std::chrono::nanoseconds duration, const std::stop_token& stop) = 0;
};

/// The machine's clock.
Clock& system_clock();

/// A clock that moves only when told or slept on; for tests.
class ManualClock final : public Clock {
public:
    explicit ManualClock(WallTime start = from_unix_ms(1'700'000'000'000)) : start_(start) {}
    [[nodiscard]] WallTime now() const override;
    [[nodiscard]] std::chrono::steady_clock::time_point steady() const override;
    bool sleep_for(std::chrono::nanoseconds duration, const std::stop_token& stop) override;
    void advance(std::chrono::nanoseconds duration) { elapsed_ += duration; }
    /// Sets the wall clock, back or ahead; steady time goes on.
    void step(std::chrono::nanoseconds by) { start_ += std::chrono::duration_cast<WallTime::duration>(by); }

private:
    WallTime start_;
    std::chrono::nanoseconds elapsed_{0};
};

/// Seconds of steady time since construction.
class Stopwatch {
public:
    explicit Stopwatch(const Clock& clock) : clock_(&clock), start_(clock.steady()) {}
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(clock_->steady() - start_).count(); }

private:
    const Clock* clock_;
    std::chrono::steady_clock::time_point start_;
};

}  // namespace orrery::base
