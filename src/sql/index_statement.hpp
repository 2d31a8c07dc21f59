#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"

namespace orrery::sql {

/// A CREATE INDEX or DROP INDEX as data.
struct IndexStatement {
    bool creates = true;
    std::string name;                           ///< of the new index; empty when the server is to choose
    domain::IndexSpec spec;                     ///< of the new index; the table is named as written
    std::vector<domain::RelationName> dropped;  ///< by DROP INDEX, named as written
};

/// Fails with invalid_input when the text does not parse or is neither, with unsupported for collations, storage parameters of
/// operator classes and NULLS NOT DISTINCT. WITH (...) and TABLESPACE are passed over: they do not change what the planner does.
base::Result<IndexStatement> parse_index_statement(const std::string& text);

}  // namespace orrery::sql
