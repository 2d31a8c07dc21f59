#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "domain/query.hpp"

/// What a statement is, as numbers for a model: a fixed vector of counts and flags.
namespace orrery::sql {

/// Grows whenever the names, their order or their meaning change; stored beside each vector.
constexpr int kFeatureVersion = 1;

constexpr std::array<std::string_view, 47> kFeatureNames{
    // what it does: 0 or 1
    "select", "insert", "update", "delete", "merge", "utility",
    // what it reads
    "table_uses",   ///< self joins count twice
    "tables",       ///< different names
    "self_joins",   ///< uses beyond the first of a name in one block
    "blocks",       ///< SELECT levels
    "block_depth",  ///< of nesting, 1 for a plain statement
    "joins_inner",  ///< pairs of columns joined within a block
    "joins_outer",
    "joins_unequal",   ///< by another operator than =
    "correlations",    ///< conditions that tie a block to an outer one
    "cross_products",  ///< tables of a block that no join reaches, beyond the first
    // predicates by kind
    "equality", "in_list", "range", "not_equal", "null_tests", "boolean", "like_prefix", "like_other", "contains", "other_predicates",
    "predicates_in_or",  ///< of all these, not to be relied on alone
    "predicates_negated", "predicates_on_expressions",
    "filtered_columns",  ///< different columns with a predicate
    "longest_in_list",
    // what becomes of the rows
    "group_by_columns", "grouped_blocks", "aggregate_blocks", "distinct_blocks", "order_by_columns", "ordered_blocks", "descending_columns",
    "limited_blocks",
    "ordered_and_limited",  ///< blocks with both: the first rows of an order
    "extremes",             ///< min or max of a column without grouping
    "projected_columns", "stars",
    // what it writes
    "assigned_columns", "target_tables",
    // how it is asked
    "parameters",
    "unresolved_columns",  ///< uses of columns whose table is not known
};
constexpr std::size_t kFeatureCount = kFeatureNames.size();
using Features = std::array<float, kFeatureCount>;

/// The vector of a statement, in the order of kFeatureNames.
Features features(const domain::StatementFacts& facts);

}  // namespace orrery::sql
