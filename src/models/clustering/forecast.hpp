#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "base/units.hpp"

/// How many calls will come.
namespace orrery::models {

/// Calls per bin of equal width, without gaps; NaN where nothing was observed.
struct ArrivalHistory {
    base::WallTime start{};
    std::chrono::minutes bin{60};
    std::vector<double> calls;
};

struct ForecastPoint {
    base::WallTime start{};
    double calls = 0, low = 0, high = 0;  ///< 90 % interval; never negative
};

/// The next `bins` bins. Falls back, in this order, on a week's season, a day's season, the recent level, when history is too short.
/// `invalid_input` without any observed bin.
base::Result<std::vector<ForecastPoint>> forecast(const ArrivalHistory& history, std::size_t bins);
/// What the same hour of the day (or of the week, when there is more than one) before had: the forecast to beat.
std::vector<double> seasonal_naive(const ArrivalHistory& history, std::size_t bins);

}  // namespace orrery::models
