#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "domain/catalog.hpp"

/// Indexes that could go.
namespace orrery::optimizers {

enum class DropReason { invalid, duplicate, redundant, unused };

struct DropCandidate {
    const domain::Index* index = nullptr;
    DropReason reason = DropReason::unused;
    const domain::Index* keeper = nullptr;  ///< for duplicate and redundant: the one that does its work
};

struct DropEvidence {
    std::set<domain::Oid> used;                      ///< scanned by some plan of the workload
    std::set<domain::RelationName> changed_parents;  ///< tables whose rows (or keys) the workload deletes or changes
    bool workload_known = true;                      ///< false: nothing can be called unused
};

/// Duplicates (of equals the one that backs a constraint stays, then the unique, then the older), indexes whose keys lead a wider one,
/// indexes that neither the counters nor any plan have seen used, and invalid leftovers. Never one that backs a constraint, enforces
/// uniqueness nothing else enforces, is the replica identity or the clustering order, belongs to a partitioned index, or serves the
/// check of a foreign key whose parent changes. No index that another drop relies on is dropped.
std::vector<DropCandidate> find_drops(const domain::Catalog& catalog, const DropEvidence& evidence);

/// DROP INDEX CONCURRENTLY of an index, and its definition as CREATE INDEX CONCURRENTLY.
std::string drop_sql(const domain::Index& index);
std::string recreate_sql(const domain::Index& index);

}  // namespace orrery::optimizers
