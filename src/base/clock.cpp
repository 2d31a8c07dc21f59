#include "base/clock.hpp"

#include <condition_variable>
#include <mutex>

namespace orrery::base {
namespace {

class SystemClock final : public Clock {
public:
    [[nodiscard]] WallTime now() const override { return std::chrono::system_clock::now(); }
    [[nodiscard]] std::chrono::steady_clock::time_point steady() const override { return std::chrono::steady_clock::now(); }
    bool sleep_for(std::chrono::nanoseconds duration, const std::stop_token& stop) override {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        wake.wait_for(lock, stop, duration, [] { return false; });
        return !stop.stop_requested();
    }
};

}  // namespace

Clock& system_clock() {
    static SystemClock clock;
    return clock;
}

WallTime ManualClock::now() const {
    return start_ + std::chrono::duration_cast<WallTime::duration>(elapsed_);
}

std::chrono::steady_clock::time_point ManualClock::steady() const {
    return std::chrono::steady_clock::time_point(std::chrono::duration_cast<std::chrono::steady_clock::duration>(elapsed_));
}

bool ManualClock::sleep_for(std::chrono::nanoseconds duration, const std::stop_token& stop) {
    if (stop.stop_requested()) return false;
    elapsed_ += duration;
    return true;
}

}  // namespace orrery::base
