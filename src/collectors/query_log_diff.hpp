#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "domain/store.hpp"
#include "domain/workload.hpp"

namespace orrery::collectors {

struct StatementKeyHash {
    std::size_t operator()(const domain::StatementKey& key) const;
};
using StatementKeySet = std::unordered_set<domain::StatementKey, StatementKeyHash>;

/// What a server has spent in the statements of one database (pg_stat_database, 14 and later).
struct DatabaseTime {
    domain::Oid database = 0;
    double active_ms = 0;
    std::int64_t reset_us = 0;  ///< stats_reset; 0 when never
};
/// Time that was spent between two readings, also when databases were made, dropped or had their statistics reset: what is counted really
/// happened, what a reset swallowed is not counted.
double database_growth_ms(const std::vector<DatabaseTime>& before, const std::vector<DatabaseTime>& now);

/// One reading of a server's counters.
struct QueryLogSnapshot {
    domain::QueryLogCursor cursor;     ///< its `evictions` was read before the rows ...
    std::int64_t evictions_after = 0;  ///< ... and this after them: an eviction in between falls into both neighbouring intervals
    std::string system_identifier;     ///< empty when it may not be read
    std::vector<DatabaseTime> databases;
    std::optional<double> database_growth_ms;  ///< since the previous reading; without it the difference of the sums must do
};

/// What happened between two readings, as exactly as the counters allow:
/// - a delta is never negative and never more than really happened;
/// - `lower_bound` is set on a delta when some of its calls may be missing (reset, eviction, crash), and on the interval when anything may
/// be;
/// - an entry is known to be the one read before by its `since_us`: from 17 on its birth; before, that neither the shortest nor the longest
/// of its times changed (to the nanosecond, so chance plays no part);
/// - statements in `own` are left out, and their time is taken off the total;
/// - a clean restart, over which pg_stat_statements keeps its counters, costs nothing.
/// Nothing is returned when the two readings cannot be compared: they come from different servers or timelines, or were read with other
/// rights or columns (`scope`).
/// known_exec_ms is the time of top-level deltas (nested statements are part of their caller's); total_exec_ms the time the databases spent
/// in statements by pg_stat_database, ours taken off, and never less than what is known.
///
/// Before 14 no count of evictions and no time of reset is told: a vanished row then stands for an eviction, a reset that a statement has
/// outgrown since its last reading passes unseen (the delta is too small, never too large), and a restart, which may have been a crash or a
/// move to another server, ends the comparison.
std::optional<domain::QueryLogInterval> diff(const domain::QueryLogCursor& previous, const QueryLogSnapshot& now,
                                             const StatementKeySet& own);

}  // namespace orrery::collectors
