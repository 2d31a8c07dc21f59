#pragma once

#include <string_view>
#include <vector>

#include "domain/catalog.hpp"

namespace orrery::optimizers {

/// Columns of a table that are named in an expression or predicate, found as whole words, in the table's order.
std::vector<const domain::Column*> columns_named(const domain::Table& table, std::string_view sql);

/// Columns that an index reads: keys, INCLUDE, expressions and predicate.
std::vector<const domain::Column*> columns_of(const domain::Table& table, const domain::IndexSpec& spec);

}  // namespace orrery::optimizers
