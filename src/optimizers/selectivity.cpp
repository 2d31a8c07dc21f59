#include "optimizers/selectivity.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "optimizers/column_values.hpp"

namespace orrery::optimizers {
namespace {

// PostgreSQL's defaults for the unknown (src/include/utils/selfuncs.h).
constexpr double kDefaultEquality = 0.005;
constexpr double kDefaultRange = 1.0 / 3;
constexpr double kDefaultMatch = 0.005;
constexpr double kDefaultContains = 0.01;

std::string_view without_blanks(std::string_view text) {
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

double common_share(const domain::ColumnStatistics& statistics) {
    return std::accumulate(statistics.common_frequencies.begin(), statistics.common_frequencies.end(), 0.0);
}

double rest_value_share(const domain::ColumnStatistics& statistics, double rows) {
    const double rest = std::max(0.0, 1 - statistics.null_fraction - common_share(statistics));
    const double values = std::max(1.0, statistics.distinct_count(rows) - static_cast<double>(statistics.common_values.size()));
    return rest / values;
}

double literal_range(const domain::Predicate& predicate, const domain::Column& column, std::string_view value) {
    const double below = below_selectivity(column, value);
    const double not_null = 1 - column.statistics->null_fraction;
    return predicate.op.starts_with(">") ? std::max(0.0, not_null - below) : below;
}

}  // namespace

base::Pages table_pages(const domain::Table& table, int block_size) {
    return base::Pages(std::max(table.pages.value, (table.size.value + block_size - 1) / block_size));
}

double row_width(const domain::Table& table) {
    double width = 0;
    for (const auto& column : table.columns) {
        if (column.statistics)
            width += column.statistics->average_width * (1 - column.statistics->null_fraction);
        else
            width += column.type_length > 0 ? column.type_length : 32;
    }
    return width;
}

double table_rows(const domain::Table& table, int block_size) {
    const auto pages_now = static_cast<double>((table.size.value + block_size - 1) / block_size);
    if (table.tuples >= 0 && table.pages.value > 0) {
        const double density = table.tuples / static_cast<double>(table.pages.value);
        return std::max(table.kind == 'p' ? table.tuples : 0.0, pages_now > 0 ? std::round(density * pages_now) : table.tuples);
    }
    if (table.tuples > 0) return table.tuples;
    constexpr double kTupleOverhead = 28;  // header and line pointer
    return std::round(pages_now * block_size / (row_width(table) + kTupleOverhead));
}

double equality_selectivity(const domain::Column& column, double rows, std::optional<std::string_view> value) {
    if (!column.statistics) return kDefaultEquality;
    const auto& statistics = *column.statistics;
    if (!value) return std::min(1.0, (1 - statistics.null_fraction) / statistics.distinct_count(rows));
    // character(n) is padded in the statistics and compared without its trailing blanks.
    const bool padded = column.type == "character" || column.type.starts_with("character(");
    const auto found = std::find_if(statistics.common_values.begin(), statistics.common_values.end(), [&](std::string_view common) {
        return padded ? without_blanks(common) == without_blanks(*value) : common == *value;
    });
    const auto place = static_cast<std::size_t>(found - statistics.common_values.begin());
    if (place < statistics.common_frequencies.size()) return statistics.common_frequencies[place];
    return rest_value_share(statistics, rows);
}

double rarest_selectivity(const domain::Column& column, double rows) {
    if (!column.statistics) return kDefaultEquality;
    const auto& statistics = *column.statistics;
    double rarest = equality_selectivity(column, rows, std::nullopt);
    for (const double frequency : statistics.common_frequencies) rarest = std::min(rarest, frequency);
    const double unlisted = statistics.distinct_count(rows) - static_cast<double>(statistics.common_values.size());
    return unlisted >= 1 ? std::min(rarest, rest_value_share(statistics, rows)) : rarest;
}

double below_selectivity(const domain::Column& column, std::string_view value) {
    if (!column.statistics) return kDefaultRange;
    const auto& statistics = *column.statistics;
    const auto position = value_position(column.type, value);
    double share = 0;
    for (std::size_t i = 0; i < statistics.common_values.size() && i < statistics.common_frequencies.size(); ++i) {
        const auto other = value_position(column.type, statistics.common_values[i]);
        const bool below = position && other ? *other < *position : statistics.common_values[i] < value;
        if (below) share += statistics.common_frequencies[i];
    }
    const double rest = std::max(0.0, 1 - statistics.null_fraction - common_share(statistics));
    const auto inside = histogram_position(column, value);
    if (!inside && statistics.common_values.empty()) return kDefaultRange;
    return std::clamp(share + rest * inside.value_or(0.5), 0.0, 1.0);
}

double predicate_selectivity(const domain::Predicate& predicate, const domain::Column* column, double rows) {
    using enum domain::PredicateKind;
    const bool known = column != nullptr && column->statistics && predicate.use.expression.empty();
    const auto value = literal_text(predicate.constant);
    double share = 1;
    switch (predicate.kind) {
        case equality: share = known ? equality_selectivity(*column, rows, value) : kDefaultEquality; break;
        case in_list: {
            const double items = predicate.list.empty() ? 5 : static_cast<double>(predicate.list.size());
            share = std::min(1.0, items * (known ? equality_selectivity(*column, rows, std::nullopt) : kDefaultEquality));
            break;
        }
        case range: share = known && value ? literal_range(predicate, *column, *value) : kDefaultRange; break;
        case not_equal: share = 1 - (known ? equality_selectivity(*column, rows, value) : kDefaultEquality); break;
        case is_null: share = known ? column->statistics->null_fraction : kDefaultEquality; break;
        case is_not_null: share = known ? 1 - column->statistics->null_fraction : 1 - kDefaultEquality; break;
        case boolean:
            if (!known) return 0.5;
            return equality_selectivity(*column, rows, predicate.negated ? "f" : "t");
        case like_prefix: share = kDefaultMatch * 4; break;
        case like_other: share = kDefaultMatch * 20; break;
        case contains: share = kDefaultContains; break;
        case other: return 0.5;
    }
    return predicate.negated ? 1 - share : share;
}

}  // namespace orrery::optimizers
