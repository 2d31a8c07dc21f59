#include "analyzers/column_shape.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>

namespace orrery::analyzers {
namespace {

constexpr std::size_t kParts = 16;
constexpr double kHeavy = 10;  // times the average frequency

std::optional<double> number_of(std::string_view text) {
    double number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
    return number;
}

/// Unix seconds of "2024-01-31", "2024-01-31 10:20:30.5" and the same with "+02".
std::optional<double> time_of(std::string_view text) {
    std::array<int, 6> parts{};
    const auto read = [&](std::size_t begin, std::size_t length, int& part) {
        if (begin + length > text.size()) return false;
        const auto [end, failure] = std::from_chars(text.data() + begin, text.data() + begin + length, part);
        return failure == std::errc() && end == text.data() + begin + length;
    };
    if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    if (!read(0, 4, parts[0]) || !read(5, 2, parts[1]) || !read(8, 2, parts[2])) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(parts[0]), std::chrono::month(static_cast<unsigned>(parts[1])),
                                           std::chrono::day(static_cast<unsigned>(parts[2]))};
    if (!date.ok()) return std::nullopt;
    double seconds = static_cast<double>(std::chrono::sys_days(date).time_since_epoch().count()) * 86'400;
    if (text.size() == 10) return seconds;
    if (text.size() < 19 || text[13] != ':' || text[16] != ':') return std::nullopt;
    if (!read(11, 2, parts[3]) || !read(14, 2, parts[4]) || !read(17, 2, parts[5])) return std::nullopt;
    return seconds + parts[3] * 3'600 + parts[4] * 60 + parts[5];
}

/// Spreads `share` of the rows over [low, high] of the range's parts.
void spread(std::vector<double>& parts, double low, double high, double share) {
    const auto last = static_cast<double>(kParts);
    low = std::clamp(low * last, 0.0, last);
    high = std::clamp(high * last, 0.0, last);
    if (high - low < 1e-9) {
        parts[std::min(kParts - 1, static_cast<std::size_t>(low))] += share;
        return;
    }
    for (auto part = static_cast<std::size_t>(low); part < kParts && static_cast<double>(part) < high; ++part) {
        const double from = std::max(low, static_cast<double>(part)), to = std::min(high, static_cast<double>(part + 1));
        parts[part] += share * (to - from) / (high - low);
    }
}

std::vector<double> densities_of(const domain::ColumnStatistics& statistics) {
    std::vector<double> bounds, common;
    for (const auto& bound : statistics.histogram_bounds)
        if (const auto place = scale_of(bound)) bounds.push_back(*place);
    for (const auto& value : statistics.common_values)
        if (const auto place = scale_of(value)) common.push_back(*place);
    if (bounds.size() != statistics.histogram_bounds.size() || common.size() != statistics.common_values.size()) return {};
    if (bounds.empty() && common.empty()) return {};
    std::vector<double> all = bounds;
    all.insert(all.end(), common.begin(), common.end());
    const auto [least, largest] = std::minmax_element(all.begin(), all.end());
    const double low = *least, width = *largest - *least;
    if (width <= 0) return {};

    std::vector<double> parts(kParts, 0);
    double rest = 1 - statistics.null_fraction;
    for (std::size_t i = 0; i < common.size(); ++i) {
        spread(parts, (common[i] - low) / width, (common[i] - low) / width, statistics.common_frequencies[i]);
        rest -= statistics.common_frequencies[i];
    }
    for (std::size_t i = 1; i < bounds.size(); ++i)
        spread(parts, (bounds[i - 1] - low) / width, (bounds[i] - low) / width,
               std::max(rest, 0.0) / static_cast<double>(bounds.size() - 1));
    return parts;
}

HistogramShape name_of(const std::vector<double>& densities) {
    if (densities.empty()) return HistogramShape::unknown;
    double sum = 0, mean = 0;
    for (std::size_t i = 0; i < kParts; ++i) {
        sum += densities[i];
        mean += densities[i] * static_cast<double>(i);
    }
    if (sum <= 0) return HistogramShape::unknown;
    mean /= sum;
    double variance = 0, distance = 0, turns = 0;
    for (std::size_t i = 0; i < kParts; ++i) {
        const double share = densities[i] / sum;
        variance += share * (static_cast<double>(i) - mean) * (static_cast<double>(i) - mean);
        distance += std::abs(share - 1.0 / kParts) / 2;
        if (i >= 2 && (densities[i] - densities[i - 1]) * (densities[i - 1] - densities[i - 2]) < 0 &&
            std::abs(densities[i] - densities[i - 1]) > 0.3 * sum / kParts)
            ++turns;
    }
    constexpr double kEvenVariance = (kParts * kParts - 1) / 12.0, kMiddle = (kParts - 1) / 2.0;
    if (distance < 0.12) return HistogramShape::uniform;
    if (turns >= 6) return HistogramShape::lumpy;
    if (variance > 1.4 * kEvenVariance) return HistogramShape::edges;
    if (mean < kMiddle - 1.5) return HistogramShape::left_heavy;
    if (mean > kMiddle + 1.5) return HistogramShape::right_heavy;
    return variance < 0.7 * kEvenVariance ? HistogramShape::centred : HistogramShape::lumpy;
}

/// Slope of log frequency over log rank, turned positive.
double zipf_exponent(const std::vector<double>& frequencies) {
    if (frequencies.size() < 3) return 0;
    double n = 0, x_sum = 0, y_sum = 0, xx = 0, xy = 0;
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        if (frequencies[i] <= 0) continue;
        const double x = std::log(static_cast<double>(i + 1)), y = std::log(frequencies[i]);
        n += 1;
        x_sum += x;
        y_sum += y;
        xx += x * x;
        xy += x * y;
    }
    const double spread = n * xx - x_sum * x_sum;
    return spread > 0 ? std::max(0.0, -(n * xy - x_sum * y_sum) / spread) : 0;
}

double surprise(double share) {
    return share > 0 ? -share * std::log2(share) : 0;
}

}  // namespace

std::string_view to_string(HistogramShape shape) {
    switch (shape) {
        case HistogramShape::unknown: return "unknown";
        case HistogramShape::single_value: return "single value";
        case HistogramShape::uniform: return "uniform";
        case HistogramShape::left_heavy: return "mostly small";
        case HistogramShape::right_heavy: return "mostly large";
        case HistogramShape::centred: return "centred";
        case HistogramShape::edges: return "at both ends";
        case HistogramShape::lumpy: return "lumpy";
    }
    return "unknown";
}

std::optional<double> scale_of(std::string_view value) {
    if (const auto time = time_of(value)) return time;
    return number_of(value);
}

ColumnShape shape_of(const domain::ColumnStatistics& statistics, double distinct, double rows) {
    ColumnShape shape;
    const double filled = 1 - statistics.null_fraction;
    distinct = std::max(distinct, 1.0);
    double common = 0;
    shape.entropy_bits = surprise(statistics.null_fraction);
    for (const double frequency : statistics.common_frequencies) {
        common += frequency;
        shape.entropy_bits += surprise(frequency);
        if (frequency * distinct > kHeavy * filled) {
            shape.heavy_hitters.push_back(frequency);
            shape.heavy_share += frequency;
        }
    }
    const double others = distinct - static_cast<double>(statistics.common_frequencies.size());
    const double rest = std::max(0.0, filled - common);
    if (others >= 1 && rest > 0) shape.entropy_bits += others * surprise(rest / others);
    const double possible = std::log2(std::min(distinct + (statistics.null_fraction > 0 ? 1 : 0), std::max(rows, 2.0)));
    shape.entropy_share = possible > 0 ? std::clamp(shape.entropy_bits / possible, 0.0, 1.0) : 0;
    shape.skew = zipf_exponent(statistics.common_frequencies);
    shape.densities = densities_of(statistics);
    shape.shape = distinct <= 1 ? HistogramShape::single_value : name_of(shape.densities);
    return shape;
}

std::optional<KeyGrowth> key_growth(const domain::Column& column, double rows) {
    if (!column.statistics || column.type_category != 'D' || column.statistics->histogram_bounds.size() < 11) return std::nullopt;
    std::vector<double> times;
    for (const auto& bound : column.statistics->histogram_bounds) {
        const auto time = time_of(bound);
        if (!time) return std::nullopt;
        times.push_back(*time);
    }
    constexpr double kDay = 86'400;
    const double days = (times.back() - times.front()) / kDay;
    if (days <= 1) return std::nullopt;
    double in_histogram = 1 - column.statistics->null_fraction;
    for (const double frequency : column.statistics->common_frequencies) in_histogram -= frequency;
    const double histogram_rows = rows * std::max(in_histogram, 0.0);
    const std::size_t tenth = std::max<std::size_t>(1, (times.size() - 1) / 10);
    const double recent_days = std::max((times.back() - times[times.size() - 1 - tenth]) / kDay, 1.0 / 24);
    return KeyGrowth{
        .column = column.name,
        .rows_per_day = rows * (1 - column.statistics->null_fraction) / days,
        .recent_rows_per_day = histogram_rows * static_cast<double>(tenth) / static_cast<double>(times.size() - 1) / recent_days,
        .newest = times.back()};
}

}  // namespace orrery::analyzers
