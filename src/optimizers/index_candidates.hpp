#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/query.hpp"
#include "domain/recommendation.hpp"
#include "optimizers/table_needs.hpp"

/// Which indexes are worth asking the planner about.
namespace orrery::optimizers {

struct CandidateOptions {
    int max_width = 3;               ///< key columns
    int max_include = 5;             ///< INCLUDE columns
    base::Pages tiny_table{16};      ///< smaller tables are read faster than looked up
    base::Pages covering_from{128};  ///< index-only variants from this table size on
    base::Pages brin_from{1280};     ///< BRIN variants from this table size on
    double partial_below = 0.6;      ///< partial variants when the condition keeps less than this share
    double selective_below = 0.1;    ///< one equality key that keeps more than this even at best is not worth an index of its own
    std::size_t most_per_table = 120;
};

/// A statement (or a check that it causes) for which candidates are wanted.
struct CandidateSource {
    int statement = 0;
    double weight = 1;  ///< share of the workload, for cutting off and for ordering keys
    std::vector<TableNeeds> needs;
};

struct IndexCandidate {
    domain::IndexSpec spec;
    std::vector<int> statements;       ///< for which it was thought of, ascending
    double predicate_selectivity = 1;  ///< share of the rows that a partial index keeps
};

struct CandidateProposals {
    std::vector<IndexCandidate> candidates;
    std::vector<domain::RejectedCandidate> rejected;  ///< not worth asking about: tiny table, served already, not selective
};

/// Composite keys in reasoned order (equalities first, those shared with other statements and the selective ones leading; then one
/// range or the ORDER BY), join keys, GROUP BY and DISTINCT keys, index-only variants with INCLUDE, partial ones for conditions
/// without parameters, expressions, pattern classes, GIN for containment, BRIN for ranges in physical order; and, for pairs of
/// them, key orders that serve both.
CandidateProposals propose_candidates(const domain::Catalog& catalog, std::span<const CandidateSource> sources,
                                      const CandidateOptions& options);

/// An existing valid index that does all that `spec` would do: the same keys or more behind them, read in either direction.
const domain::Index* serving_index(const domain::Catalog& catalog, const domain::IndexSpec& spec);

/// True when `wide` offers everything that `narrow` does to the planner: same table, method and predicate, the keys of `narrow` leading
/// in one and the same or the exactly opposite direction, its INCLUDE columns present.
bool offers_all_of(const domain::IndexSpec& wide, const domain::IndexSpec& narrow);

}  // namespace orrery::optimizers
