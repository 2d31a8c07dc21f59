#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "models/clustering/forecast.hpp"

namespace orrery::models {
namespace {

ArrivalHistory drawn(std::uint64_t seed, std::size_t size, double mean) {
    base::Random random(seed);
    ArrivalHistory history{base::from_unix_ms(static_cast<std::int64_t>(seed % 1'000'000) * 60'000), std::chrono::minutes(60), {}};
    for (std::size_t i = 0; i < size; ++i) {
        const double kind = random.uniform();
        history.calls.push_back(kind < 0.05   ? std::nan("")
                                : kind < 0.1  ? 0
                                : kind < 0.12 ? mean * 100
                                              : mean * std::exp(random.normal() + std::sin(static_cast<double>(i) / 4)));
    }
    history.calls.front() = mean;
    return history;
}

RC_GTEST_PROP(ForecastProperty, IsFiniteOrderedAndNeverNegative, ()) {
    const auto size = *rc::gen::inRange<std::size_t>(1, 500);
    const double mean = std::pow(10, *rc::gen::inRange(-3, 9));
    const auto history = drawn(*rc::gen::arbitrary<std::uint64_t>(), size, mean);
    const auto answer = forecast(history, 24).value();
    auto points = answer.bins;
    points.push_back(answer.total);
    for (const auto& point : points) {
        RC_ASSERT(point.low >= 0 && point.low <= point.calls && point.calls <= point.high);
        RC_ASSERT(std::isfinite(point.high));
    }
}

RC_GTEST_PROP(ForecastProperty, TheSameHistoryGivesTheSameBits, ()) {
    const auto history = drawn(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::inRange<std::size_t>(1, 400), 50);
    const auto one = forecast(history, 6).value(), two = forecast(history, 6).value();
    for (std::size_t i = 0; i < 6; ++i) RC_ASSERT(one.bins[i].calls == two.bins[i].calls && one.bins[i].high == two.bins[i].high);
}

RC_GTEST_PROP(ForecastProperty, TenTimesTheCallsGiveTenTimesTheForecast, ()) {
    // Where counts are large: few calls vary more, in proportion, than many.
    base::Random random(*rc::gen::arbitrary<std::uint64_t>());
    ArrivalHistory history{base::from_unix_ms(0), std::chrono::minutes(60), {}};
    for (std::size_t i = 0; i < 600; ++i)
        history.calls.push_back(5'000 * std::exp(std::sin(static_cast<double>(i % 24) / 3.82) + 0.2 * random.normal()));
    const auto before = forecast(history, 24).value();
    for (double& calls : history.calls) calls *= 10;
    const auto after = forecast(history, 24).value();
    for (std::size_t i = 0; i < 24; ++i) {
        RC_ASSERT(std::abs(after.bins[i].calls / before.bins[i].calls - 10) < 0.1);
        RC_ASSERT(std::abs(after.bins[i].high / before.bins[i].high - 10) < 0.1);
    }
    RC_ASSERT(std::abs(after.total.calls / before.total.calls - 10) < 0.1);
}

}  // namespace
}  // namespace orrery::models
