#include "collectors/view_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include "base/random.hpp"

namespace orrery::collectors {

using base::ErrorKind;
using base::Result;
using domain::ColumnValues;
using domain::kNullInteger;
using Role = ViewColumn::Role;

namespace {

bool is_null(std::int64_t number) {
    return number == kNullInteger;
}
bool is_null(double number) {
    return std::isnan(number);
}
template <typename Number>
Number null() {
    if constexpr (std::is_same_v<Number, double>)
        return std::numeric_limits<double>::quiet_NaN();
    else
        return kNullInteger;
}

/// Nothing when the words are no number of that type. Infinity and NaN come out as NULL: nothing can be counted with them.
template <typename Number>
std::optional<Number> number_of(const std::optional<std::string>& cell) {
    if (!cell) return null<Number>();
    Number number{};
    const auto [end, problem] = std::from_chars(cell->data(), cell->data() + cell->size(), number);
    if (problem != std::errc() || end != cell->data() + cell->size()) return std::nullopt;
    if constexpr (std::is_same_v<Number, double>)
        if (!std::isfinite(number)) return null<double>();
    return number;
}

template <typename Number>
std::optional<ColumnValues> numbers_of(const domain::SqlRows& rows, std::size_t column) {
    std::vector<Number> numbers;
    numbers.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto number = number_of<Number>(rows.cell(row, column));
        if (!number) return std::nullopt;
        numbers.push_back(*number);
    }
    return numbers;
}

std::optional<ColumnValues> values_of(ColumnType type, const domain::SqlRows& rows, std::size_t column) {
    if (type == ColumnType::integer) return numbers_of<std::int64_t>(rows, column);
    if (type == ColumnType::real) return numbers_of<double>(rows, column);
    std::vector<std::string> texts;
    texts.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) texts.emplace_back(rows.text(row, column));
    return texts;
}

/// What is known about a row's counters: how they may be compared with those before.
struct Past {
    bool known = false;        ///< there are values before
    bool began_anew = false;   ///< all counters of the row began at zero since
    bool never_reset = false;  ///< told by the server: where one went back all the same, it is not known how far it had come
};

/// The growth of one counter; `certain` is cleared when it may have been more.
template <typename Number>
Number growth(const Past& past, Number before, Number now, bool& certain) {
    const Number since_zero = is_null(now) ? now : std::max(now, Number{});
    if (past.began_anew) return since_zero;
    if (!past.known || is_null(before) || is_null(now)) {
        certain = certain && is_null(now) && (!past.known || is_null(before));
        return null<Number>();
    }
    if (now < before) {
        certain = false;
        return past.never_reset ? Number{} : since_zero;
    }
    if constexpr (std::is_same_v<Number, double>) return now - before;
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(static_cast<std::int64_t>(now), static_cast<std::int64_t>(before), &difference))
        return static_cast<Number>(difference);
    certain = false;
    return Number{};
}

template <typename Number>
bool went_back(const std::vector<Number>& before, const std::vector<Number>& now) {
    for (std::size_t i = 0; i < now.size(); ++i)
        if (!is_null(before[i]) && !is_null(now[i]) && now[i] < before[i]) return true;
    return false;
}

std::uint64_t hash_of(const domain::SqlRows& rows) {
    std::uint64_t hash = 0;
    for (const auto& cell : rows.cells) hash = base::stable_hash(cell.value_or(std::string(1, '\0')), hash);
    return hash;
}

/// Fields are parted by tabs, rows by line feeds: neither may be in a field.
std::string escaped(std::string_view field) {
    std::string text;
    for (const char c : field) switch (c) {
            case '\t': text += "\\t"; break;
            case '\n': text += "\\n"; break;
            case '\0': text += "\\0"; break;
            case '\\': text += "\\\\"; break;
            default: text += c;
        }
    return text;
}

std::string unescaped(std::string_view field) {
    std::string text;
    for (std::size_t i = 0; i < field.size(); ++i) {
        if (field[i] != '\\' || i + 1 == field.size()) {
            text += field[i];
            continue;
        }
        const char c = field[++i];
        text += c == 't' ? '\t' : c == 'n' ? '\n' : c == '0' ? '\0' : c;
    }
    return text;
}

/// What stands before the next `end`; it is taken off the text.
std::string_view next_field(std::string_view& text, char end) {
    const auto place = text.find(end);
    const auto field = text.substr(0, place);
    text = place == std::string_view::npos ? std::string_view() : text.substr(place + 1);
    return field;
}

template <typename Number>
bool read_numbers(std::string_view list, std::vector<Number>& numbers) {
    while (!list.empty()) {
        const auto word = next_field(list, ',');
        Number number{};
        const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (problem != std::errc() || end != word.data() + word.size()) return false;
        numbers.push_back(number);
    }
    return true;
}

ColumnValues only(const ColumnValues& values, const std::vector<std::size_t>& rows) {
    return std::visit(
        [&](const auto& cells) -> ColumnValues {
            std::decay_t<decltype(cells)> kept;
            kept.reserve(rows.size());
            for (const auto row : rows) kept.push_back(cells[row]);
            return kept;
        },
        values);
}

}  // namespace

/// An answer, read; its counters become growth one row after the other.
struct ViewReading::Answer {
    std::vector<ColumnValues> columns;
    std::vector<std::string> keys;
    std::vector<Row> rows;
    bool certain = true;

    static Result<Answer> read(const View& view, const domain::SqlRows& rows);
};

Result<ViewReading::Answer> ViewReading::Answer::read(const View& view, const domain::SqlRows& rows) {
    const auto misfit = [&](const std::string& why) {
        return base::unexpected(ErrorKind::corrupt, fmt::format("the answer does not fit the view {}", view.series), why);
    };
    if (!rows.empty() && rows.columns.size() != view.columns.size())
        return misfit(fmt::format("It has {} columns in place of {}.", rows.columns.size(), view.columns.size()));
    Answer answer;
    answer.keys.resize(rows.size());
    answer.rows.resize(rows.size());
    for (std::size_t i = 0; i < view.columns.size(); ++i) {
        const auto& column = view.columns[i];
        auto values = values_of(column.type, rows, i);
        if (!values) return misfit(fmt::format("A value of {} is not of its type.", column.name));
        for (std::size_t row = 0; row < rows.size(); ++row) {
            if (column.role == Role::key) answer.keys[row].append(rows.text(row, i)).push_back('\0');
            if (column.role == Role::reset) answer.rows[row].reset = rows.text(row, i);
            if (column.role != Role::counter) continue;
            if (column.type == ColumnType::integer) answer.rows[row].integers.push_back(std::get<0>(*values)[row]);
            if (column.type == ColumnType::real) answer.rows[row].reals.push_back(std::get<1>(*values)[row]);
        }
        answer.columns.push_back(std::move(*values));
    }
    std::unordered_set<std::string_view> seen;
    for (const auto& key : answer.keys)
        if (!seen.insert(key).second) return misfit("Two rows have the same keys.");
    return answer;
}

ViewReading::ViewReading(const View& view, std::string part) : view_(&view), part_(std::move(part)) {}

void ViewReading::begin_anew() {
    previous_.clear();
    baseline_ = false;
    disturbed_ = taken_.has_value();
}

/// Puts growth in the place of a row's counters; false when none grew.
bool ViewReading::grow(Answer& answer, std::size_t row, const Row& now) const {
    static const Row kNothing;
    const auto found = previous_.find(answer.keys[row]);
    const Row& before = found == previous_.end() ? kNothing : found->second;
    Past past;
    past.known = found != previous_.end();
    if (past.known) {
        const bool reset = before.reset != now.reset;
        if (reset) answer.certain = false;
        past.began_anew = reset && (went_back(before.integers, now.integers) || went_back(before.reals, now.reals));
        past.never_reset = !reset && !now.reset.empty();
    } else {
        past.began_anew = baseline_ && view_->all_rows;
        if (!now.reset.empty()) answer.certain = false;  // it may have been reset since its birth
    }
    bool grew = false;
    std::size_t integers = 0, reals = 0;
    const auto put = [&](auto& cell, const auto& numbers, const auto& old, std::size_t index) {
        cell = growth(past, past.known ? old[index] : null<std::decay_t<decltype(cell)>>(), numbers[index], answer.certain);
        grew = grew || (!is_null(cell) && cell > 0);
    };
    for (std::size_t i = 0; i < view_->columns.size(); ++i) {
        if (view_->columns[i].role != Role::counter) continue;
        if (view_->columns[i].type == ColumnType::integer)
            put(std::get<0>(answer.columns[i])[row], now.integers, before.integers, integers++);
        else
            put(std::get<1>(answer.columns[i])[row], now.reals, before.reals, reals++);
    }
    return grew;
}

Result<std::optional<domain::Frame>> ViewReading::add(const domain::SqlRows& rows, base::WallTime taken) {
    ORRERY_ASSIGN(auto answer, Answer::read(*view_, rows));
    const bool counts = view_->has(Role::counter), gauges = view_->has(Role::gauge);
    std::vector<std::size_t> kept;
    std::unordered_map<std::string, Row> next;
    next.reserve(answer.rows.size());
    std::size_t known = 0;
    for (std::size_t row = 0; row < answer.rows.size(); ++row) {
        const bool grew = counts && grow(answer, row, answer.rows[row]);
        if (gauges || grew) kept.push_back(row);
        if (!counts) continue;
        known += previous_.count(answer.keys[row]);
        next.emplace(std::move(answer.keys[row]), std::move(answer.rows[row]));
    }
    // A first answer has nothing to be compared with; that is no loss, unless it stands for another server's.
    const bool uncertain = disturbed_ || (baseline_ && (!answer.certain || known < previous_.size()));
    domain::Frame frame{.series = view_->series,
                        .part = part_,
                        .start = std::min(taken_.value_or(taken), taken),
                        .end = taken,
                        .lower_bound = counts && uncertain};
    for (std::size_t i = 0; i < view_->columns.size(); ++i) {
        const auto& column = view_->columns[i];
        if (column.role != Role::reset) frame.columns.push_back({column.name, column.roll_up, column.unit, only(answer.columns[i], kept)});
    }
    const auto hash = view_->only_changes ? hash_of(rows) : 0;
    const bool same = view_->only_changes && baseline_ && hash == answer_hash_ && !frame.lower_bound;
    answer_hash_ = hash;
    previous_ = std::move(next);
    taken_ = taken;
    baseline_ = true;
    disturbed_ = false;
    if (same || (frame.rows() == 0 && !frame.lower_bound)) return std::nullopt;
    return frame;
}

std::uint64_t ViewReading::shape() const {
    std::uint64_t hash = base::stable_hash(view_->series);
    for (const auto& column : view_->columns)
        hash = base::stable_hash(fmt::format("{} {} {}", column.name, static_cast<int>(column.type), static_cast<int>(column.role)), hash);
    return hash;
}

std::string ViewReading::save() const {
    if (!taken_ || !baseline_) return {};
    std::string text = fmt::format("{}\t{}\t{}\t{}\n", shape(), base::to_unix_ms(*taken_), answer_hash_, disturbed_ ? 1 : 0);
    for (const auto& [key, row] : previous_)
        text += fmt::format("{}\t{}\t{}\t{}\n", escaped(key), escaped(row.reset), fmt::join(row.integers, ","), fmt::join(row.reals, ","));
    return text;
}

bool ViewReading::restore(std::string_view text) {
    auto head = next_field(text, '\n');
    std::vector<std::uint64_t> numbers;
    std::uint64_t columns[2] = {0, 0};
    while (!head.empty())
        if (!read_numbers(next_field(head, '\t'), numbers)) return false;
    if (numbers.size() != 4 || numbers[0] != shape()) return false;
    for (const auto& column : view_->columns)
        if (column.role == Role::counter) ++columns[column.type == ColumnType::real ? 1 : 0];
    std::unordered_map<std::string, Row> rows;
    while (!text.empty()) {
        auto line = next_field(text, '\n');
        auto key = unescaped(next_field(line, '\t'));
        Row row;
        row.reset = unescaped(next_field(line, '\t'));
        if (!read_numbers(next_field(line, '\t'), row.integers) || !read_numbers(line, row.reals)) return false;
        if (row.integers.size() != columns[0] || row.reals.size() != columns[1]) return false;
        rows.insert_or_assign(std::move(key), std::move(row));
    }
    previous_ = std::move(rows);
    taken_ = base::from_unix_ms(static_cast<std::int64_t>(numbers[1]));
    answer_hash_ = numbers[2];
    disturbed_ = numbers[3] != 0;
    baseline_ = true;
    return true;
}

}  // namespace orrery::collectors
