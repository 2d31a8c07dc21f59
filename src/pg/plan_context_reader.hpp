#pragma once

#include "base/result.hpp"
#include "domain/plan_context.hpp"
#include "domain/sql_session.hpp"

namespace orrery::pg {

/// Reads what plans do not say about the session's database: sizes of ordinary tables, materialized views, partitions and indexes as the
/// planner sees them (the file's pages, rows by the density of pg_class), correlation of each index's first key from pg_stats (0 where
/// the role may not read it or nothing was analyzed), and the session's own planner settings. System schemas and temporary tables are
/// left out. Relations that others lock exclusively are not waited for: their sizes are those of pg_class.
/// Heights of B-trees are those of their metapage where pageinspect is installed and the role is a superuser, else estimated from the
/// pages and the width of the first key.
base::Result<domain::PlanContext> read_plan_context(domain::SqlSession& session);

/// Levels above the leaves of a B-tree of that many pages (its metapage included) whose first key takes `key_width` bytes, when its inner
/// pages are as full as an index build leaves them.
int estimated_btree_height(double pages, double key_width, int block_size = 8192);

}  // namespace orrery::pg
