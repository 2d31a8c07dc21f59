#pragma once

#include <optional>
#include <string_view>

#include "domain/catalog.hpp"
#include "domain/query.hpp"

/// Shares of a table's rows, estimated from column statistics. They order candidates and weigh constants; costs come from the planner.
namespace orrery::optimizers {

/// Rows now: reltuples scaled to the present size, or a guess from width and size when the table was never analyzed.
double table_rows(const domain::Table& table, int block_size);
/// Pages now.
base::Pages table_pages(const domain::Table& table, int block_size);
/// Bytes of a row's data by the columns' average widths, header left out.
double row_width(const domain::Table& table);

/// column = value; without a value the average over the column's values (1 / distinct of the non-null rows).
double equality_selectivity(const domain::Column& column, double rows, std::optional<std::string_view> value);
/// Share of the rarest value known: what an equality can come down to.
double rarest_selectivity(const domain::Column& column, double rows);
/// column < value (or <=: no difference is made).
double below_selectivity(const domain::Column& column, std::string_view value);

/// Of one predicate: with its constant where that is a literal, with a typical one where it is a parameter.
/// `column` is null for expressions and unknown columns: PostgreSQL's own defaults then.
double predicate_selectivity(const domain::Predicate& predicate, const domain::Column* column, double rows);

}  // namespace orrery::optimizers
