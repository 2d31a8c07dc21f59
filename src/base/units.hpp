#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace orrery::base {

/// A number that cannot be mixed up with a number of another unit.
template <typename Tag, typename Rep>
struct Quantity {
    Rep value{};

    constexpr Quantity() = default;
    constexpr explicit Quantity(Rep number) : value(number) {}

    friend constexpr auto operator<=>(Quantity, Quantity) = default;
    friend constexpr Quantity operator+(Quantity a, Quantity b) { return Quantity(a.value + b.value); }
    friend constexpr Quantity operator-(Quantity a, Quantity b) { return Quantity(a.value - b.value); }
    constexpr Quantity& operator+=(Quantity other) {
        value += other.value;
        return *this;
    }
    constexpr Quantity& operator-=(Quantity other) {
        value -= other.value;
        return *this;
    }
};

using Bytes = Quantity<struct BytesTag, std::int64_t>;        ///< octets
using Pages = Quantity<struct PagesTag, std::int64_t>;        ///< blocks of the server's block size (8 KiB unless built otherwise)
using PlannerCost = Quantity<struct PlannerCostTag, double>;  ///< PostgreSQL's cost units (1 = one sequential page)
using Milliseconds = std::chrono::duration<double, std::milli>;
using WallTime = std::chrono::system_clock::time_point;

/// "12 MB", "1.4 GB": powers of 1024 with the names PostgreSQL uses, at most one decimal.
std::string to_text(Bytes size);
/// "0.42 ms", "13 ms", "4.2 s", "3 min 5 s".
std::string to_text(Milliseconds duration);
/// "2026-11-22T07:48:00.123Z" (UTC, milliseconds).
std::string to_iso8601(WallTime time);
/// Milliseconds since 1970-01-01 UTC, the stores' time column, and back.
std::int64_t to_unix_ms(WallTime time);
WallTime from_unix_ms(std::int64_t milliseconds);

}  // namespace orrery::base
