#include "cli/sparkline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace orrery::cli {
namespace {

constexpr std::array<std::string_view, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> kAsciiBlocks{"_", ".", "-", "=", "+", "*", "%", "#"};
constexpr std::array<std::string_view, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
constexpr std::array<std::string_view, 5> kShades{" ", "░", "▒", "▓", "█"};
constexpr std::array<std::string_view, 5> kAsciiShades{" ", "-", "+", "*", "#"};
constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/// Mean of the known values of each of at most `width` equal pieces; NaN where none is known.
std::vector<double> averaged(std::span<const double> values, std::size_t width) {
    const std::size_t columns = std::min(width, values.size());
    std::vector<double> result;
    for (std::size_t i = 0; i < columns; ++i) {
        double sum = 0, known = 0;
        for (std::size_t j = i * values.size() / columns; j < (i + 1) * values.size() / columns; ++j)
            if (!std::isnan(values[j])) sum += values[j], known += 1;
        result.push_back(known > 0 ? sum / known : std::numeric_limits<double>::quiet_NaN());
    }
    return result;
}

struct Range {
    double low = 0, high = 0;  ///< of the finite values and zero
};

template <typename Values>
Range range_of(const Values& values) {
    Range range;
    for (const double value : values)
        if (std::isfinite(value)) range.low = std::min(range.low, value), range.high = std::max(range.high, value);
    return range;
}

/// 0..levels-1.
std::size_t level(double value, const Range& range, std::size_t levels) {
    if (std::isinf(value)) return value > 0 ? levels - 1 : 0;
    const double share = range.high > range.low ? (value - range.low) / (range.high - range.low) : 0;
    return static_cast<std::size_t>(std::clamp(std::ceil(share * static_cast<double>(levels)) - 1, 0.0, static_cast<double>(levels - 1)));
}

}  // namespace

Glyphs terminal_glyphs() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        std::string locale(value);
        std::erase(locale, '-');
        std::transform(locale.begin(), locale.end(), locale.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return locale.find("utf8") != std::string::npos ? Glyphs::unicode : Glyphs::ascii;
    }
    return Glyphs::ascii;
}

std::string sparkline(std::span<const double> values, std::size_t width, Glyphs glyphs) {
    const auto columns = averaged(values, width);
    const auto range = range_of(columns);
    const auto& blocks = glyphs == Glyphs::unicode ? kBlocks : kAsciiBlocks;
    std::string line;
    for (const double value : columns) line += std::isnan(value) ? " " : blocks[level(value, range, blocks.size())];
    return line;
}

std::string bar(double share, std::size_t width, Glyphs glyphs) {
    const double columns = std::isnan(share) ? 0 : std::clamp(share, 0.0, 1.0) * static_cast<double>(width);
    if (glyphs == Glyphs::ascii) {
        const auto full = static_cast<std::size_t>(std::lround(columns));
        return std::string(full, '#') + std::string(width - full, ' ');
    }
    const auto eighths = static_cast<std::size_t>(std::lround(8 * columns));
    std::string line;
    for (std::size_t i = 0; i < eighths / 8; ++i) line += kBlocks.back();
    line += kEighths[eighths % 8];
    return line + std::string(width - eighths / 8 - (eighths % 8 > 0 ? 1 : 0), ' ');
}

std::vector<std::string> week_map(const std::array<std::array<double, 24>, 7>& week, std::size_t width, Glyphs glyphs) {
    constexpr std::size_t kNames = 4;
    const std::size_t each = std::min<std::size_t>(3, width > kNames ? (width - kNames) / 24 : 0);  // columns of an hour
    Range range;
    bool known = false;
    for (const auto& day : week) {
        const auto of_day = range_of(day);
        range = {std::min(range.low, of_day.low), std::max(range.high, of_day.high)};
        known = known || std::any_of(day.begin(), day.end(), [](double value) { return !std::isnan(value); });
    }
    if (each == 0 || width < 30 || !known) return {};
    std::vector<std::string> lines(1, std::string(kNames, ' '));
    for (std::size_t hour = 0; hour < 24; hour += 6) lines[0] += fmt::format("{:<{}}", fmt::format("{:02}", hour), 6 * each);
    lines[0].erase(lines[0].find_last_not_of(' ') + 1);
    const auto& shades = glyphs == Glyphs::unicode ? kShades : kAsciiShades;
    for (std::size_t day = 0; day < week.size(); ++day) {
        std::string line = std::string(kDays[day]) + " ";
        for (const double value : week[day])
            for (std::size_t i = 0; i < each; ++i) line += std::isnan(value) ? "." : shades[level(value, range, shades.size())];
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace orrery::cli
