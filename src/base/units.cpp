#include "base/units.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <cmath>

namespace orrery::base {

std::string to_text(Bytes size) {
    constexpr std::array<const char*, 6> kNames{"bytes", "kB", "MB", "GB", "TB", "PB"};
    double amount = static_cast<double>(size.value);
    std::size_t step = 0;
    while (std::abs(amount) >= 1024 && step + 1 < kNames.size()) {
        amount /= 1024;
        ++step;
    }
    const bool whole = step == 0 || std::abs(amount) >= 10;
    return whole ? fmt::format("{:.0f} {}", amount, kNames[step]) : fmt::format("{:.1f} {}", amount, kNames[step]);
}

std::string to_text(Milliseconds duration) {
    const double ms = duration.count();
    if (ms != 0 && std::abs(ms) < 0.1) return fmt::format("{:.{}f} µs", 1000 * ms, std::abs(ms) < 0.01 ? 2 : 1);
    if (std::abs(ms) < 10) return fmt::format("{:.2f} ms", ms);
    if (std::abs(ms) < 1000) return fmt::format("{:.0f} ms", ms);
    if (std::abs(ms) < 60'000) return fmt::format("{:.1f} s", ms / 1000);
    const auto seconds = static_cast<std::int64_t>(std::llround(ms / 1000));
    return fmt::format("{} min {} s", seconds / 60, std::abs(seconds % 60));
}

std::string to_iso8601(WallTime time) {
    const auto ms = to_unix_ms(time);
    const auto second = ms >= 0 ? ms / 1000 : (ms - 999) / 1000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(second)), ms - second * 1000);
}

std::int64_t to_unix_ms(WallTime time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

WallTime from_unix_ms(std::int64_t milliseconds) {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::milliseconds(milliseconds)));
}

}  // namespace orrery::base
