#pragma once

#include <string>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/plan.hpp"
#include "domain/sql_session.hpp"

namespace orrery::pg {

struct CatalogOptions {
    bool statistics = true;  ///< read pg_stats too (values stay in memory)
};

/// Reads tables, columns, indexes, foreign keys, write counters and statistics of the session's database.
/// Relations locked exclusively by others are not waited for: their sizes come from relpages, and their indexes have no
/// definition ("?" stands for an expression or predicate).
base::Result<domain::Catalog> read_catalog(domain::SqlSession& session, const CatalogOptions& options = {});

/// Parses the document of EXPLAIN (FORMAT JSON), with or without ANALYZE.
base::Result<domain::Plan> parse_plan(const std::string& json);

}  // namespace orrery::pg
