#include "store/counter_table.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <tuple>
#include <type_traits>
#include <utility>

#include "domain/series.hpp"
#include "store/packing.hpp"

namespace orrery::store {
namespace {

using base::Result;
using domain::ColumnValues;
using domain::kCounterNames;
using domain::SeriesColumn;
using domain::StatementCounters;

constexpr auto kFields = std::make_index_sequence<kCounterNames.size()>{};

template <std::size_t Field>
using FieldType = std::remove_cvref_t<std::tuple_element_t<Field, decltype(domain::fields_of(std::declval<StatementCounters&>()))>>;

bool is_zero(std::int64_t value) {
    return value == 0;
}
bool is_zero(double value) {
    return std::bit_cast<std::uint64_t>(value) == 0;
}

std::vector<std::int64_t> in_order(const std::vector<std::int64_t>& values, const std::vector<std::size_t>& order) {
    std::vector<std::int64_t> sorted;
    sorted.reserve(values.size());
    for (const auto row : order) sorted.push_back(values[row]);
    return sorted;
}

template <std::size_t Field>
void add_column(std::vector<SeriesColumn>& columns, const CounterTable& table, const std::vector<std::size_t>& order) {
    std::vector<FieldType<Field>> values;
    values.reserve(order.size());
    bool used = false;
    for (const auto row : order) {
        values.push_back(std::get<Field>(domain::fields_of(table.counters[row])));
        used = used || !is_zero(values.back());
    }
    if (used) columns.push_back({std::string(kCounterNames[Field]), domain::RollUp::sum, "", std::move(values)});
}

template <std::size_t Field>
bool read_column(const SeriesColumn& column, std::vector<StatementCounters>& counters) {
    if (column.name != kCounterNames[Field]) return true;
    const auto* values = std::get_if<std::vector<FieldType<Field>>>(&column.values);
    if (values == nullptr) return false;
    for (std::size_t row = 0; row < counters.size(); ++row) std::get<Field>(domain::fields_of(counters[row])) = (*values)[row];
    return true;
}

base::Unexpected damaged(const char* detail) {
    return base::unexpected(base::ErrorKind::corrupt, "stored counters are damaged", detail,
                            "Move the store away and let a new one be made; \"sqlite3 FILE .recover\" may save the rest of it.");
}

bool take_integers(std::vector<SeriesColumn>& columns, std::size_t place, std::string_view name, std::vector<std::int64_t>& into) {
    if (columns.size() <= place || columns[place].name != name) return false;
    auto* values = std::get_if<std::vector<std::int64_t>>(&columns[place].values);
    if (values == nullptr) return false;
    into = std::move(*values);
    return true;
}

void add_field(std::int64_t& sum, std::int64_t&, std::int64_t value) {
    sum += value;
}
void add_field(double& sum, double& lost, double value) {
    const double next = sum + value;
    lost += std::abs(sum) >= std::abs(value) ? (sum - next) + value : (value - next) + sum;
    sum = next;
}

}  // namespace

Result<std::string> pack_counters(const CounterTable& table, int level) {
    std::vector<std::size_t> order(table.statements.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return table.statements[a] < table.statements[b]; });
    std::vector<SeriesColumn> columns;
    columns.push_back({"statement", domain::RollUp::key, "", in_order(table.statements, order)});
    columns.push_back({"mark", domain::RollUp::last, "", in_order(table.marks, order)});
    [&]<std::size_t... Field>(std::index_sequence<Field...>) {
        (add_column<Field>(columns, table, order), ...);
    }
    (kFields);
    ORRERY_ASSIGN(const auto packed, pack(columns));
    return compress(packed, {}, level);
}

Result<CounterTable> unpack_counters(std::string_view packed) {
    ORRERY_ASSIGN(const auto bytes, decompress(packed, {}));
    ORRERY_ASSIGN(auto columns, unpack(bytes));
    CounterTable table;
    if (!take_integers(columns, 0, "statement", table.statements) || !take_integers(columns, 1, "mark", table.marks))
        return damaged("the first columns are not those of counters");
    table.counters.resize(table.statements.size());
    for (std::size_t i = 2; i < columns.size(); ++i) {
        const bool fits = [&]<std::size_t... Field>(std::index_sequence<Field...>) {
            return (read_column<Field>(columns[i], table.counters) && ...);
        }
        (kFields);
        if (!fits) return damaged("a counter is of another type");
    }
    return table;
}

void CounterSum::add(const StatementCounters& counters) {
    [&]<std::size_t... Field>(std::index_sequence<Field...>) {
        (add_field(std::get<Field>(domain::fields_of(sum_)), std::get<Field>(domain::fields_of(lost_)),
                   std::get<Field>(domain::fields_of(counters))),
         ...);
    }
    (kFields);
}

StatementCounters CounterSum::value() const {
    StatementCounters total = sum_;
    [&]<std::size_t... Field>(std::index_sequence<Field...>) {
        ((std::get<Field>(domain::fields_of(total)) += std::get<Field>(domain::fields_of(lost_))), ...);
    }
    (kFields);
    return total;
}

}  // namespace orrery::store
