#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "twin/index_facts.hpp"
#include "twin/target_facts.hpp"
#include "twin/twin_server.hpp"

namespace orrery::twin {

/// A relation of the target and the one that stands for it on the twin.
struct RelationPair {
    TargetRelation target;
    domain::Oid twin = 0;
};
/// Matches by schema and name; target relations without a counterpart are left out.
base::Result<std::vector<RelationPair>> pair_relations(pg::Session& twin, const std::vector<TargetRelation>& relations);

/// Gives the twin's relations the sizes, row counts and inner structure of the target's: new files are written, then pg_class
/// is pointed at them in one transaction.
base::Result<void> set_sizes(TwinServer& twin, const std::vector<RelationPair>& pairs, const std::map<domain::Oid, IndexFacts>& facts);

}  // namespace orrery::twin
