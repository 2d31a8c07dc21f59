#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "pg/session.hpp"
#include "twin/target_facts.hpp"

namespace orrery::twin {

/// What the target's planner reads inside an index.
struct IndexFacts {
    int height = 0;        ///< of a B-tree: levels above the leaves
    std::string metapage;  ///< of a GIN or BRIN index; empty when it could not be read
    bool guessed = false;  ///< a GIN index whose metapage could not be read, or is older than the index
};

/// By the target's OID. Heights are had from the planner itself (EXPLAIN under settings that make the height visible), else from
/// the metapage, else by formula; `twin` provides the indexes' definitions.
base::Result<std::map<domain::Oid, IndexFacts>> read_index_facts(TargetSnapshot& snapshot, pg::Session& twin,
                                                                 const TargetDatabase& database,
                                                                 const std::vector<TargetRelation>& relations);

/// Height from the start-up cost of an index scan under those settings: ceil(log2(tuples)) + (height + 1) * 50.
int height_from_startup_cost(double startup_cost);

}  // namespace orrery::twin
