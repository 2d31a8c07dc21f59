#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/catalog.hpp"

/// How the values of one column are spread, from the planner's statistics. Pure.
namespace orrery::analyzers {

enum class HistogramShape { unknown, single_value, uniform, left_heavy, right_heavy, centred, edges, lumpy };
std::string_view to_string(HistogramShape shape);

struct ColumnShape {
    HistogramShape shape = HistogramShape::unknown;
    std::vector<double> densities;      ///< share of rows in 16 equal parts of the range from least to largest; empty for what has no scale
    std::vector<double> heavy_hitters;  ///< shares of all rows, of values at least ten times as frequent as the average, largest first
    double heavy_share = 0;             ///< their sum
    double skew = 0;                    ///< exponent of a Zipf law fitted to the common values; 0 = even
    double entropy_bits = 0;            ///< of a row drawn at random, NULL counting as a value
    double entropy_share = 0;           ///< of the entropy that as many distinct values could have, 0..1
};

/// `distinct` is the number of distinct values (of the sample, or the planner's), `rows` of the table.
ColumnShape shape_of(const domain::ColumnStatistics& statistics, double distinct, double rows);

/// A number that is ordered as the value is: numbers, dates and times; nothing for other texts.
std::optional<double> scale_of(std::string_view value);

/// Rows for each stretch of a column's range, where keys grow with time: how fast the table grows.
struct KeyGrowth {
    std::string column;
    double rows_per_day = 0;         ///< over the whole range
    double recent_rows_per_day = 0;  ///< over the newest tenth of the rows
    double newest = 0;               ///< largest value: Unix seconds
};
/// Only for date and timestamp columns with a histogram that reaches over more than a day.
std::optional<KeyGrowth> key_growth(const domain::Column& column, double rows);

}  // namespace orrery::analyzers
