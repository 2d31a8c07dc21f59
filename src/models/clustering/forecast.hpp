#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

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

/// Of one bin, or of several together.
struct ForecastPoint {
    base::WallTime start{};
    double calls = 0;          ///< a whole number, as likely exceeded as not: the mean absolute error is least for it
    double low = 0, high = 0;  ///< 90 % interval, from how far past forecasts were off; never negative
};

/// What comes after the history: each of the next bins, and all of them together.
struct Forecast {
    std::vector<ForecastPoint> bins;
    ForecastPoint total;  ///< its interval is narrower than the sum of theirs
};

/// The next `bins` bins (at least one). A level that moves slowly, seasons of the day, the weekday and the week, and what lasts of the
/// newest deviation (exponential smoothing with several seasons, after Taylor 2003, on the logarithm of calls; the mean of several
/// speeds and seasons, weighted by how well each did in the past). Falls back, in this order, on a day's season and on the recent level,
/// when history is too short. Negative and infinite counts are gaps. `invalid_input` without any observed bin.
base::Result<Forecast> forecast(const ArrivalHistory& history, std::size_t bins);
/// What the same hour of the day (or of the week, when there is more than one) before had: the forecast to beat.
std::vector<double> seasonal_naive(const ArrivalHistory& history, std::size_t bins);

}  // namespace orrery::models
