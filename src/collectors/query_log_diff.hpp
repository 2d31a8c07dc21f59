#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>

#include "domain/store.hpp"
#include "domain/workload.hpp"

namespace orrery::collectors {

struct StatementKeyHash {
    std::size_t operator()(const domain::StatementKey& key) const;
};
using StatementKeySet = std::unordered_set<domain::StatementKey, StatementKeyHash>;

/// One reading of a server's counters.
struct QueryLogSnapshot {
    domain::QueryLogCursor cursor;     ///< its `evictions` was read before the rows ...
    std::int64_t evictions_after = 0;  ///< ... and this after them: an eviction in between falls into both neighbouring intervals
};

/// What happened between two readings, as exactly as the counters allow:
/// - a delta is never negative and never more than really happened;
/// - `lower_bound` is set on a delta when some of its calls may be missing (reset, eviction, crash), and on the interval when anything may
/// be;
/// - statements in `own` are left out, and their time is taken off the total;
/// - a clean restart, over which pg_stat_statements keeps its counters, costs nothing.
/// Nothing is returned when the two readings cannot be compared: they saw other statements (`scope`), or come from different servers.
/// known_exec_ms is the time of top-level deltas (nested statements are part of their caller's); total_exec_ms the time the databases spent
/// in statements by pg_stat_database, ours taken off, and never less than what is known.
///
/// Before 14 no count of evictions and no time of reset is told: a vanished row then stands for an eviction, and a reset that a statement
/// has outgrown since its last reading passes unseen (the delta is too small, never too large).
std::optional<domain::QueryLogInterval> diff(const domain::QueryLogCursor& previous, const QueryLogSnapshot& now,
                                             const StatementKeySet& own);

}  // namespace orrery::collectors
