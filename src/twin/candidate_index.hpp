#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/what_if_planner.hpp"
#include "pg/session.hpp"
#include "twin/twin_server.hpp"

namespace orrery::twin {

/// One index relation that stands for a candidate, or for its share in one partition.
struct CandidatePart {
    domain::Oid oid = 0;
    domain::RelationName name;
};

/// Creates an index that does not exist on the target as a real one on the twin, while its table's file is swapped for an empty
/// one: in a millisecond, whatever the table's size. It is left hidden (pg_index.indisvalid and indislive are false).
/// On a partitioned table each leaf partition gets an index of its own, with its share of the size.
/// A definition that PostgreSQL refuses is an `invalid_input` error and leaves nothing behind.
/// `planner` owns the tables and has the application's search path.
base::Result<std::vector<CandidatePart>> create_candidate(TwinServer& twin, pg::Session& planner, const domain::HypotheticalIndex& index,
                                                          const std::string& index_name);

/// DROP INDEX for all of them.
base::Result<void> drop_candidates(pg::Session& planner, const std::vector<CandidatePart>& parts);

}  // namespace orrery::twin
