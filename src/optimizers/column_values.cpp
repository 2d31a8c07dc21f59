#include "optimizers/column_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace orrery::optimizers {
namespace {

constexpr double kSecondsPerDay = 86'400;
constexpr std::chrono::sys_days kEpoch = std::chrono::sys_days(std::chrono::year(2000) / 1 / 1);

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

/// Takes digits from the front of `text`; nothing when there are none.
std::optional<int> take_digits(std::string_view& text) {
    int value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || text.empty() || text.front() == '-') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

/// "2024-01-31" as days since 2000-01-01; the rest stays in `text`.
std::optional<double> take_date(std::string_view& text) {
    const auto year = take_digits(text);
    if (!year || !take(text, '-')) return std::nullopt;
    const auto month = take_digits(text);
    if (!month || !take(text, '-')) return std::nullopt;
    const auto day = take_digits(text);
    if (!day) return std::nullopt;
    const auto date =
        std::chrono::year(*year) / std::chrono::month(static_cast<unsigned>(*month)) / std::chrono::day(static_cast<unsigned>(*day));
    if (!date.ok()) return std::nullopt;
    return static_cast<double>((std::chrono::sys_days(date) - kEpoch).count());
}

/// "12:30:05.25" as seconds.
std::optional<double> take_clock(std::string_view& text) {
    const auto hours = take_digits(text);
    if (!hours || !take(text, ':')) return std::nullopt;
    const auto minutes = take_digits(text);
    if (!minutes) return std::nullopt;
    double seconds = 0;
    if (take(text, ':')) {
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
        if (failure != std::errc()) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    }
    return *hours * 3600.0 + *minutes * 60.0 + seconds;
}

/// "+02", "-03:30" as seconds east of Greenwich.
double take_zone(std::string_view& text) {
    if (text.empty() || (text.front() != '+' && text.front() != '-')) return 0;
    const double sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const double hours = take_digits(text).value_or(0);
    const double minutes = take(text, ':') ? take_digits(text).value_or(0) : 0;
    return sign * (hours * 3600 + minutes * 60);
}

std::optional<double> time_position(std::string_view type, std::string_view text) {
    const auto days = take_date(text);
    if (!days) return std::nullopt;
    if (type == "date") return text.empty() ? days : std::nullopt;
    double seconds = *days * kSecondsPerDay;
    if (take(text, ' ')) {
        const auto clock = take_clock(text);
        if (!clock) return std::nullopt;
        seconds += *clock - take_zone(text);
    }
    return text.empty() ? std::optional(seconds) : std::nullopt;
}

std::string date_text(double days) {
    const std::chrono::year_month_day date(kEpoch + std::chrono::days(static_cast<long>(std::floor(days))));
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
}

bool is_number(std::string_view type) {
    return is_integer(type) || type.starts_with("numeric") || type == "double precision" || type == "real" || type == "oid";
}

}  // namespace

bool is_integer(std::string_view type) {
    return type == "integer" || type == "bigint" || type == "smallint";
}

bool is_time_line(std::string_view type) {
    return type == "date" || (type.starts_with("timestamp") && !type.ends_with("]"));
}

std::optional<double> value_position(std::string_view type, std::string_view text) {
    if (is_time_line(type)) return time_position(type, text);
    if (is_number(type) && !type.ends_with("]")) return number(text);
    return std::nullopt;
}

std::string value_at(std::string_view type, double position) {
    if (type == "date") return date_text(position);
    if (is_time_line(type)) {
        const double whole = std::floor(position), days = std::floor(whole / kSecondsPerDay);
        const auto rest = static_cast<long>(whole - days * kSecondsPerDay);
        const auto text = fmt::format("{} {:02}:{:02}:{:02}", date_text(days), rest / 3600, rest / 60 % 60, rest % 60);
        return type.find("with time zone") != std::string_view::npos ? text + "+00" : text;
    }
    if (is_integer(type) || type == "oid") return fmt::format("{:.0f}", position);
    if (type.starts_with("numeric")) {  // no exponent, no noise of binary fractions
        std::string text = fmt::format("{:.6f}", position);
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') text.pop_back();
        return text;
    }
    return fmt::format("{:.9g}", position);
}

std::optional<std::string> literal_text(std::string_view sql) {
    while (!sql.empty() && sql.front() == ' ') sql.remove_prefix(1);
    const auto quote = sql.find('\'');
    if (quote == std::string_view::npos) {
        if (number(sql)) return std::string(sql);
        if (const auto cast = sql.find("::"); cast != std::string_view::npos && number(sql.substr(0, cast)))
            return std::string(sql.substr(0, cast));
        if (sql == "true" || sql == "TRUE") return "t";
        if (sql == "false" || sql == "FALSE") return "f";
        return std::nullopt;
    }
    constexpr std::array<std::string_view, 4> kPrefixes{"", "date ", "timestamp ", "DATE "};
    if (std::find(kPrefixes.begin(), kPrefixes.end(), sql.substr(0, quote)) == kPrefixes.end()) return std::nullopt;
    std::string text;
    std::size_t at = quote + 1;
    for (; at < sql.size(); ++at) {
        if (sql[at] == '\'') {
            if (at + 1 >= sql.size() || sql[at + 1] != '\'') break;
            ++at;
        }
        text += sql[at];
    }
    const auto rest = at < sql.size() ? sql.substr(at + 1) : std::string_view();
    const bool only_cast = rest.empty() || (rest.starts_with("::") && rest.find_first_of("+-*/(|'$") == std::string_view::npos);
    return only_cast ? std::optional(text) : std::nullopt;
}

std::optional<std::string> quantile_value(const domain::Column& column, double share) {
    if (!column.statistics || column.statistics->histogram_bounds.empty()) return std::nullopt;
    const auto& bounds = column.statistics->histogram_bounds;
    const double place = std::clamp(share, 0.0, 1.0) * static_cast<double>(bounds.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(place), bounds.size() - 1);
    const auto above = std::min(below + 1, bounds.size() - 1);
    const auto low = value_position(column.type, bounds[below]), high = value_position(column.type, bounds[above]);
    if (!low || !high || place == static_cast<double>(below)) return bounds[below];
    return value_at(column.type, *low + (*high - *low) * (place - static_cast<double>(below)));
}

std::optional<double> histogram_position(const domain::Column& column, std::string_view value) {
    if (!column.statistics || column.statistics->histogram_bounds.size() < 2) return std::nullopt;
    const auto& bounds = column.statistics->histogram_bounds;
    const auto buckets = static_cast<double>(bounds.size() - 1);
    if (const auto position = value_position(column.type, value)) {
        std::optional<double> low;
        for (std::size_t i = 0; i < bounds.size(); ++i) {
            const auto bound = value_position(column.type, bounds[i]);
            if (!bound) return std::nullopt;
            if (*position < *bound) {
                if (!low) return 0;
                const double inside = *bound > *low ? (*position - *low) / (*bound - *low) : 0.5;
                return (static_cast<double>(i - 1) + inside) / buckets;
            }
            low = bound;
        }
        return 1;
    }
    // Without a number line: the bucket in which it falls, by bytes (the server's collation may order a little differently).
    const auto found = std::upper_bound(bounds.begin(), bounds.end(), value, [](std::string_view a, std::string_view b) { return a < b; });
    const auto place = static_cast<double>(found - bounds.begin()) - 0.5;
    return std::clamp(place / buckets, 0.0, 1.0);
}

}  // namespace orrery::optimizers
