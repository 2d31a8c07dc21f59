#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "domain/query.hpp"

namespace orrery::domain {

/// Identity of a row of pg_stat_statements.
struct StatementKey {
    std::int64_t query_id = 0;
    Oid database = 0;
    Oid user = 0;
    bool toplevel = true;
    friend auto operator<=>(const StatementKey&, const StatementKey&) = default;
};

/// The cumulative counters of pg_stat_statements that Orrery uses. Times in milliseconds, blocks of the server's size.
struct StatementCounters {
    std::int64_t calls = 0;
    std::int64_t rows = 0;
    double exec_ms = 0;          ///< total_exec_time
    double exec_square_ms2 = 0;  ///< sum of squared execution times, from calls, mean and stddev_exec_time
    double plan_ms = 0;
    std::int64_t shared_hit = 0, shared_read = 0, shared_dirtied = 0, shared_written = 0;
    std::int64_t local_blocks = 0;  ///< hit + read + dirtied + written
    std::int64_t temp_read = 0, temp_written = 0;
    double io_read_ms = 0, io_write_ms = 0;  ///< zero without track_io_timing
    std::int64_t wal_records = 0, wal_bytes = 0;
    friend bool operator==(const StatementCounters&, const StatementCounters&) = default;
};

/// What happened to one statement between two snapshots.
struct StatementDelta {
    StatementKey key;
    StatementCounters counters;
    bool lower_bound = false;  ///< a reset, eviction or restart lies inside: at least this much happened
};

/// A template with its text: literals replaced by $n, nothing of the data left in it.
struct QueryTemplate {
    Fingerprint fingerprint;
    std::string text;
};

/// A template and how much it weighs. The unit that the advisors work on.
struct WorkloadStatement {
    Fingerprint fingerprint;
    std::string text;  ///< with $n (collected) or with literals (from a file)
    double calls = 1;
    std::optional<double> mean_ms;        ///< measured; absent for files without it
    std::optional<double> rows_per_call;  ///< measured
};

struct Workload {
    std::string source;  ///< "collected 2026-... .. 2026-...", or the file's name
    std::vector<WorkloadStatement> statements;
    double observed_seconds = 0;  ///< length of the window that `calls` covers; 0 when not measured
};

}  // namespace orrery::domain
