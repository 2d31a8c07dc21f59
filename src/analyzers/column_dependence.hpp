#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "analyzers/table_sample.hpp"

/// Columns of one table that tell something about each other: what the planner, who multiplies selectivities, does not know.
namespace orrery::analyzers {

struct ColumnDependence {
    std::string left, right;
    double left_gives_right = 0;  ///< share of rows whose right value follows from the left one, beyond chance: 0..1
    double right_gives_left = 0;
    double strength = 0;     ///< Cramer's V of the two, in classes: 0..1
    double pairs = 0;        ///< different pairs of values in the table, about
    double misestimate = 1;  ///< rows found by `left = a AND right = b` over the rows that independence foretells; mean over rows
};

struct DependenceOptions {
    double least_strength = 0.3;    ///< of V, or of either direction
    double least_misestimate = 2;   ///< or its inverse
    std::size_t most_columns = 40;  ///< of a table; the first ones
};

/// Pairs of columns that depend on each other, strongest misestimate first. Pairs with a column that is nearly unique or has one value are
/// left out: nothing is gained there. After Ilyas et al., SIGMOD 2004 (CORDS): chi-square on classes of a sample, functional dependencies
/// by counting; pages, not rows, count as independent where rows of one page are alike.
std::vector<ColumnDependence> find_dependences(const TableSample& sample, const DependenceOptions& options = {});

}  // namespace orrery::analyzers
