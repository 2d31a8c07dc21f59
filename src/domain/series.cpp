#include "domain/series.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace orrery::domain {
namespace {

enum class Kind { integer, real, text };

Kind kind_of(const ColumnValues& values) {
    return static_cast<Kind>(values.index());
}

/// Sums that stay within the type: exact but for what no counter reaches.
std::int64_t saturating_sum(std::int64_t a, std::int64_t b) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(a, b, &sum) && sum != kNullInteger) return sum;
    return a < 0 ? kNullInteger + 1 : std::numeric_limits<std::int64_t>::max();
}

/// Neumaier's compensated sum: the error does not grow with the number of terms.
struct Sum {
    double sum = 0, lost = 0;
    void add(double value) {
        const double next = sum + value;
        lost += std::abs(sum) >= std::abs(value) ? (sum - next) + value : (value - next) + sum;
        sum = next;
    }
    [[nodiscard]] double value() const { return std::isfinite(sum) ? sum + lost : sum; }
};

/// What the rows of one key have come to in one column.
struct Cell {
    bool known = false;  ///< some value was not NULL
    std::int64_t whole = 0, weight = 0;
    Sum real;
    std::string text;
};

bool is_null(std::int64_t value) {
    return value == kNullInteger;
}
bool is_null(double value) {
    return std::isnan(value);
}
bool is_null(const std::string& value) {
    return value.empty();
}

/// Whether `value` takes the place of the one before it, where no sum or mean is made.
template <typename Value>
bool replaces(RollUp roll_up, const Value& value, const Value& before) {
    if (roll_up == RollUp::maximum) return value > before;
    if (roll_up == RollUp::minimum) return value < before;
    return true;
}

void add(Cell& cell, RollUp roll_up, std::int64_t value) {
    if (roll_up == RollUp::sum)
        cell.whole = saturating_sum(cell.whole, value);
    else if (!cell.known || replaces(roll_up, value, cell.whole))
        cell.whole = value;
}

void add(Cell& cell, RollUp roll_up, double value) {
    if (roll_up == RollUp::sum)
        cell.real.add(value);
    else if (!cell.known || replaces(roll_up, value, cell.real.sum))
        cell.real = {value, 0};
}

void add(Cell& cell, RollUp roll_up, const std::string& value) {
    if (!cell.known || replaces(roll_up, value, cell.text)) cell.text = value;
}

/// A column of the result, growing.
struct Column {
    std::string name, unit;
    RollUp roll_up = RollUp::sum;
    Kind kind = Kind::integer;
    std::vector<Cell> cells;

    [[nodiscard]] bool averages() const { return roll_up == RollUp::mean && kind != Kind::text; }

    void take(std::size_t row, const ColumnValues& values, std::size_t source, std::int64_t readings) {
        std::visit([&](const auto& list) { take_value(cells[row], list[source], readings); }, values);
    }

    [[nodiscard]] ColumnValues finish() const {
        if (kind == Kind::text) return collect<std::string>([](const Cell& cell) { return cell.text; });
        if (averages())
            return collect<double>(
                [](const Cell& cell) { return cell.known ? cell.real.value() / static_cast<double>(cell.weight) : NAN; });
        if (kind == Kind::real) return collect<double>([](const Cell& cell) { return cell.known ? cell.real.value() : NAN; });
        return collect<std::int64_t>([](const Cell& cell) { return cell.known ? cell.whole : kNullInteger; });
    }

private:
    template <typename Value>
    void take_value(Cell& cell, const Value& value, std::int64_t readings) const {
        if (is_null(value)) return;
        if constexpr (std::is_same_v<Value, std::string>) {
            if (kind != Kind::text) return;
            add(cell, roll_up, value);
        } else {
            if (kind == Kind::text) return;
            if (averages()) {
                cell.real.add(static_cast<double>(value) * static_cast<double>(readings));
                cell.weight += readings;
            } else if (kind == Kind::real) {
                add(cell, roll_up, static_cast<double>(value));
            } else if constexpr (std::is_integral_v<Value>) {
                add(cell, roll_up, value);
            }
        }
        cell.known = true;
    }

    template <typename Value, typename Take>
    [[nodiscard]] std::vector<Value> collect(const Take& take_from) const {
        std::vector<Value> list;
        list.reserve(cells.size());
        for (const auto& cell : cells) list.push_back(take_from(cell));
        return list;
    }
};

/// Columns in the order in which they first occur, as the newest frame that has them describes them; real when any of them is, and text
/// only when the newest is.
std::vector<Column> columns_of(const std::vector<Frame>& frames) {
    std::vector<Column> columns;
    std::map<std::string, std::size_t, std::less<>> places;
    for (const auto& frame : frames)
        for (const auto& column : frame.columns) {
            const auto kind = kind_of(column.values);
            const auto [place, fresh] = places.try_emplace(column.name, columns.size());
            if (fresh) columns.push_back({.name = column.name, .unit = {}, .kind = kind, .cells = {}});
            auto& known = columns[place->second];
            known.unit = column.unit;
            known.roll_up = column.roll_up;
            if (kind == Kind::text || known.kind == Kind::text || known.kind == Kind::integer) known.kind = kind;
        }
    return columns;
}

void append_key(std::string& key, const SeriesColumn* column, std::size_t row) {
    if (column == nullptr) {
        key += '\0';
        return;
    }
    std::visit(
        [&](const auto& list) {
            const auto& value = list[row];
            if (is_null(value)) {
                key += '\0';
            } else if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
                const auto length = value.size();
                key += '\1';
                key.append(reinterpret_cast<const char*>(&length), sizeof length);
                key += value;
            } else {
                key += '\2';
                key.append(reinterpret_cast<const char*>(&value), sizeof value);
            }
        },
        column->values);
}

}  // namespace

std::string_view to_string(RollUp roll_up) {
    switch (roll_up) {
        case RollUp::key: return "key";
        case RollUp::sum: return "sum";
        case RollUp::mean: return "mean";
        case RollUp::maximum: return "maximum";
        case RollUp::minimum: return "minimum";
        case RollUp::last: return "last";
    }
    return "last";
}

std::optional<RollUp> roll_up_from(std::string_view text) {
    for (const auto roll_up : {RollUp::key, RollUp::sum, RollUp::mean, RollUp::maximum, RollUp::minimum, RollUp::last})
        if (text == to_string(roll_up)) return roll_up;
    return std::nullopt;
}

std::size_t SeriesColumn::size() const {
    return std::visit([](const auto& cells) { return cells.size(); }, values);
}

const SeriesColumn* Frame::find(std::string_view column) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const SeriesColumn& c) { return c.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

Frame roll_up(const std::vector<Frame>& frames) {
    if (frames.empty()) return {};
    Frame result{.series = frames.front().series,
                 .part = frames.front().part,
                 .start = frames.front().start,
                 .end = frames.front().end,
                 .readings = 0,
                 .columns = {}};
    auto columns = columns_of(frames);
    std::unordered_map<std::string, std::size_t> rows;
    std::string key;
    for (const auto& frame : frames) {
        result.start = std::min(result.start, frame.start);
        result.end = std::max(result.end, frame.end);
        result.lower_bound = result.lower_bound || frame.lower_bound;
        result.readings += frame.readings;
        std::vector<const SeriesColumn*> sources;
        for (const auto& column : columns) sources.push_back(frame.find(column.name));
        for (std::size_t row = 0; row < frame.rows(); ++row) {
            key.clear();
            for (std::size_t i = 0; i < columns.size(); ++i)
                if (columns[i].roll_up == RollUp::key) append_key(key, sources[i], row);
            const auto [place, fresh] = rows.try_emplace(key, rows.size());
            for (std::size_t i = 0; i < columns.size(); ++i) {
                if (fresh) columns[i].cells.emplace_back();
                if (sources[i] != nullptr) columns[i].take(place->second, sources[i]->values, row, frame.readings);
            }
        }
    }
    for (const auto& column : columns) result.columns.push_back({column.name, column.roll_up, column.unit, column.finish()});
    return result;
}

}  // namespace orrery::domain
