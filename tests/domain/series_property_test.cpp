#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <map>

#include "domain/series.hpp"

namespace orrery::domain {
namespace {

/// A frame with some of the tables, some columns missing and some values NULL; reals on a grid on which sums are exact.
Frame any_frame(std::int64_t second) {
    Frame frame{.series = "tables",
                .part = "",
                .start = base::from_unix_ms(second * 1'000),
                .end = base::from_unix_ms(second * 1'000 + 1'000),
                .lower_bound = *rc::gen::inRange(0, 8) == 0,
                .readings = *rc::gen::inRange<std::int64_t>(1, 4),
                .columns = {}};
    std::vector<std::string> names;
    for (const auto* name : {"a", "b", "c", "d"})
        if (*rc::gen::arbitrary<bool>()) names.emplace_back(name);
    const auto integers = [&] {
        return *rc::gen::container<std::vector<std::int64_t>>(
            names.size(), rc::gen::weightedOneOf<std::int64_t>(
                              {{4, rc::gen::inRange<std::int64_t>(-1'000'000, 1'000'000)}, {1, rc::gen::just(kNullInteger)}}));
    };
    std::vector<double> reals;
    for (const auto value : integers()) reals.push_back(value == kNullInteger ? NAN : static_cast<double>(value) / 256);
    frame.columns.push_back({"table", RollUp::key, "", names});
    if (*rc::gen::inRange(0, 4) != 0) frame.columns.push_back({"sum", RollUp::sum, "", integers()});
    frame.columns.push_back({"time", RollUp::sum, "ms", reals});
    if (*rc::gen::inRange(0, 4) != 0) frame.columns.push_back({"largest", RollUp::maximum, "", integers()});
    frame.columns.push_back({"smallest", RollUp::minimum, "", reals});
    frame.columns.push_back({"last", RollUp::last, "", integers()});
    return frame;
}

std::vector<Frame> any_frames() {
    std::vector<Frame> frames;
    const auto count = *rc::gen::inRange<std::int64_t>(1, 12);
    for (std::int64_t i = 0; i < count; ++i) frames.push_back(any_frame(i));
    return frames;
}

std::string cell(const SeriesColumn& column, std::size_t row) {
    return std::visit(
        [&](const auto& list) -> std::string {
            const auto& value = list[row];
            if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>)
                return value;
            else if constexpr (std::is_floating_point_v<std::decay_t<decltype(value)>>)
                return std::isnan(value) ? "null" : std::to_string(value);
            else
                return value == kNullInteger ? "null" : std::to_string(value);
        },
        column.values);
}

/// Table -> column -> value, whatever the order of rows and columns; columns without any value left out.
using Content = std::map<std::string, std::map<std::string, std::string>>;
Content content(const Frame& frame) {
    Content rows;
    for (std::size_t row = 0; row < frame.rows(); ++row)
        for (const auto& column : frame.columns) {
            const auto value = cell(column, row);
            if (value != "null") rows[cell(*frame.find("table"), row)][column.name] = value;
        }
    return rows;
}

RC_GTEST_PROP(RollUpProperty, InPartsIsAsAtOnce, ()) {
    const auto frames = any_frames();
    const auto at_once = roll_up(frames);
    std::vector<Frame> parts;
    for (std::size_t next = 0; next < frames.size();) {
        const auto length = *rc::gen::inRange<std::size_t>(1, frames.size() - next + 1);
        parts.push_back(
            roll_up({frames.begin() + static_cast<std::ptrdiff_t>(next), frames.begin() + static_cast<std::ptrdiff_t>(next + length)}));
        next += length;
    }
    const auto in_parts = roll_up(parts);
    RC_ASSERT(content(in_parts) == content(at_once));
    RC_ASSERT(in_parts.readings == at_once.readings);
    RC_ASSERT(in_parts.lower_bound == at_once.lower_bound);
    RC_ASSERT(in_parts.start == at_once.start && in_parts.end == at_once.end);
}

RC_GTEST_PROP(RollUpProperty, SumsAreThoseOfAPlainLoop, ()) {
    const auto frames = any_frames();
    std::map<std::string, std::int64_t> sums;
    std::map<std::string, double> times;
    for (const auto& frame : frames)
        for (std::size_t row = 0; row < frame.rows(); ++row) {
            const auto& name = std::get<std::vector<std::string>>(frame.find("table")->values)[row];
            if (const auto* column = frame.find("sum")) {
                const auto value = std::get<std::vector<std::int64_t>>(column->values)[row];
                if (value != kNullInteger) sums[name] += value;
            }
            const auto time = std::get<std::vector<double>>(frame.find("time")->values)[row];
            if (!std::isnan(time)) times[name] += time;
        }
    const auto rolled = roll_up(frames);
    const auto& names = std::get<std::vector<std::string>>(rolled.find("table")->values);
    for (std::size_t row = 0; row < names.size(); ++row) {
        if (sums.contains(names[row])) RC_ASSERT(std::get<std::vector<std::int64_t>>(rolled.find("sum")->values)[row] == sums[names[row]]);
        if (times.contains(names[row])) RC_ASSERT(std::get<std::vector<double>>(rolled.find("time")->values)[row] == times[names[row]]);
    }
}

RC_GTEST_PROP(RollUpProperty, AMeanIsOfAllReadingsHoweverGrouped, ()) {
    const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(-1'000, 1'000)));
    std::vector<Frame> frames;
    double sum = 0;
    for (const auto value : values) {
        frames.push_back({.series = "s", .part = "", .columns = {{"n", RollUp::mean, "", std::vector<std::int64_t>{value}}}});
        sum += static_cast<double>(value);
    }
    const auto middle = frames.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(frames.size()) + 1);
    std::vector<Frame> parts;
    if (middle != frames.begin()) parts.push_back(roll_up({frames.begin(), middle}));
    if (middle != frames.end()) parts.push_back(roll_up({middle, frames.end()}));
    const double mean = std::get<std::vector<double>>(roll_up(parts).find("n")->values).at(0);
    RC_ASSERT(std::abs(mean - sum / static_cast<double>(values.size())) < 1e-9);
}

}  // namespace
}  // namespace orrery::domain
