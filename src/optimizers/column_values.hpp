#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/catalog.hpp"
#include "domain/query.hpp"

/// Values of columns as the statistics hold them (text), put on a number line where the type has one.
namespace orrery::optimizers {

/// Position of a value: the number itself, days for dates, seconds since 2000-01-01 UTC for timestamps.
/// Nothing for types without a number line (text, uuid, ...), for NULL and for text that does not parse ("infinity").
std::optional<double> value_position(std::string_view type, std::string_view text);

/// The value at a position, in the text form of the type (integers rounded, timestamps in UTC). Inverse of value_position.
std::string value_at(std::string_view type, double position);

/// Types with a number line of time: date and timestamps.
bool is_time_line(std::string_view type);
bool is_integer(std::string_view type);

/// The text inside a literal of SQL: `5`, `'x'::text`, `DATE '2024-01-01'`, `-3.5`. Nothing for anything else (parameters, calls, NULL).
std::optional<std::string> literal_text(std::string_view sql);

/// The value at share `share` (0..1) of the non-null rows in the column's order, interpolated between histogram bounds.
/// Common values are left out, as the histogram does. Nothing without a histogram.
std::optional<std::string> quantile_value(const domain::Column& column, double share);

/// Share of the histogram's rows below `value`, 0..1; nothing without a histogram.
std::optional<double> histogram_position(const domain::Column& column, std::string_view value);

}  // namespace orrery::optimizers
