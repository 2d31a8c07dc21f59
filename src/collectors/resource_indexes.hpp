#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/sql_session.hpp"

namespace orrery::collectors {

/// An index as the view `index_definitions` tells it; what is equal is equal in words.
struct IndexDefinition {
    std::int64_t oid = 0;
    std::string schema, table, name;
    std::int64_t table_oid = 0;
    bool valid = true;
    bool unique = false;
    bool kept = false;        ///< serves a constraint, a replica identity, the clustering order or a partitioned index: cannot just go
    std::int64_t scans = 0;   ///< since counters began
    std::int64_t method = 0;  ///< access method's oid
    std::vector<std::string> keys;  ///< column (0: expression), operator class, collation, options
    std::string rest;               ///< included columns, expressions and condition
};
/// Answers of the view; `corrupt` when they do not fit.
base::Result<std::vector<IndexDefinition>> read_index_definitions(const domain::SqlRows& rows);

/// What speaks for dropping an index, as facts; the advice is made elsewhere, with the workload at hand.
struct IndexFinding {
    bool unused = false;         ///< never scanned since counters began, and neither unique nor kept
    std::int64_t duplicate = 0;  ///< oid of one that is equal and would stay: one that is kept, else the unique, else the older
    std::int64_t covered = 0;    ///< oid of a wider B-tree that begins with all its keys (and has the same expressions and condition)
};
/// In the order of `indexes`. Invalid ones neither duplicate nor cover any.
std::vector<IndexFinding> find_superfluous(std::span<const IndexDefinition> indexes);

}  // namespace orrery::collectors
