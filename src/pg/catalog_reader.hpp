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

/// Parses the document of EXPLAIN (FORMAT JSON) of PostgreSQL 13 to 18, with or without ANALYZE, BUFFERS, VERBOSE and SETTINGS. Bytes that
/// are no UTF-8 become U+FFFD. `corrupt` when it is no plan, `unsupported` beyond 8 MiB or 20,000 nodes.
base::Result<domain::Plan> parse_plan(const std::string& json);
/// The same as compact JSON, from which `parse_plan` makes the same Plan (numbers that are not finite are left out).
std::string write_plan(const domain::Plan& plan);

}  // namespace orrery::pg
