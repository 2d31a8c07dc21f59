#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/query.hpp"

/// Constants for the $n of normalized statements, so that the planner can be asked about a statement whose literals are gone.
namespace orrery::optimizers {

struct DrawOptions {
    int draws = 3;
    std::uint64_t seed = 1;
    std::optional<double> rows_per_call;  ///< measured: draws whose estimated result is near are preferred where it can be told
};

/// Literals for $1..$n, one vector per draw; each is safely quoted and cast where its type is known. Without parameters there is
/// one empty draw. `types` are those that the server infers, empty when unknown.
///
/// An equality takes half of its values by their frequency and half uniformly over the values: applications ask for the rare
/// ones too. Ranges over time and over columns in physical order look at the recent end, two-sided ranges are 0.5 to 10 % wide.
/// The same statement, statistics and seed give the same draws.
std::vector<std::vector<std::string>> draw_parameters(const domain::Catalog& catalog, std::string_view text,
                                                      const domain::StatementFacts& facts, std::span<const std::string> types,
                                                      const DrawOptions& options);

}  // namespace orrery::optimizers
