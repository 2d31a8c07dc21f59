#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
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

/// The cumulative counters of pg_stat_statements (versions 1.8 to 1.12, PostgreSQL 13 to 18); zero where the server's version has none.
/// Times in milliseconds, blocks of the server's size. min_exec_time and max_exec_time are since the last reset, no counters, and left out.
struct StatementCounters {
    std::int64_t calls = 0;
    std::int64_t rows = 0;
    double exec_ms = 0;          ///< total_exec_time
    double exec_square_ms2 = 0;  ///< sum of squared execution times, from calls, mean and stddev_exec_time
    std::int64_t plans = 0;      ///< zero without track_planning, as is plan_ms
    double plan_ms = 0;
    std::int64_t shared_hit = 0, shared_read = 0, shared_dirtied = 0, shared_written = 0;
    std::int64_t local_hit = 0, local_read = 0, local_dirtied = 0, local_written = 0;
    std::int64_t temp_read = 0, temp_written = 0;
    double shared_read_ms = 0, shared_write_ms = 0;  ///< zero without track_io_timing; before 17 the local blocks' time too
    double local_read_ms = 0, local_write_ms = 0;    ///< 17
    double temp_read_ms = 0, temp_write_ms = 0;      ///< 15
    std::int64_t wal_records = 0, wal_fpi = 0, wal_bytes = 0;
    std::int64_t wal_buffers_full = 0;  ///< 18
    std::int64_t jit_functions = 0;     ///< this and the following: 15
    double jit_generation_ms = 0;
    std::int64_t jit_inlinings = 0;
    double jit_inlining_ms = 0;
    std::int64_t jit_optimizations = 0;
    double jit_optimization_ms = 0;
    std::int64_t jit_emissions = 0;
    double jit_emission_ms = 0;
    std::int64_t jit_deforms = 0;  ///< 17
    double jit_deform_ms = 0;
    std::int64_t parallel_workers_to_launch = 0, parallel_workers_launched = 0;  ///< 18
    friend bool operator==(const StatementCounters&, const StatementCounters&) = default;
};

/// Names of the counters, as in the stores and in what is printed.
inline constexpr std::array kCounterNames = std::to_array<std::string_view>({"calls",
                                                                             "rows",
                                                                             "exec_ms",
                                                                             "exec_square_ms2",
                                                                             "plans",
                                                                             "plan_ms",
                                                                             "shared_hit",
                                                                             "shared_read",
                                                                             "shared_dirtied",
                                                                             "shared_written",
                                                                             "local_hit",
                                                                             "local_read",
                                                                             "local_dirtied",
                                                                             "local_written",
                                                                             "temp_read",
                                                                             "temp_written",
                                                                             "shared_read_ms",
                                                                             "shared_write_ms",
                                                                             "local_read_ms",
                                                                             "local_write_ms",
                                                                             "temp_read_ms",
                                                                             "temp_write_ms",
                                                                             "wal_records",
                                                                             "wal_fpi",
                                                                             "wal_bytes",
                                                                             "wal_buffers_full",
                                                                             "jit_functions",
                                                                             "jit_generation_ms",
                                                                             "jit_inlinings",
                                                                             "jit_inlining_ms",
                                                                             "jit_optimizations",
                                                                             "jit_optimization_ms",
                                                                             "jit_emissions",
                                                                             "jit_emission_ms",
                                                                             "jit_deforms",
                                                                             "jit_deform_ms",
                                                                             "parallel_workers_to_launch",
                                                                             "parallel_workers_launched"});

/// References to all counters of a StatementCounters (const or not), in the order of kCounterNames: for whoever treats them alike.
template <typename Counters>
constexpr auto fields_of(Counters& c) {
    return std::tie(c.calls, c.rows, c.exec_ms, c.exec_square_ms2, c.plans, c.plan_ms, c.shared_hit, c.shared_read, c.shared_dirtied,
                    c.shared_written, c.local_hit, c.local_read, c.local_dirtied, c.local_written, c.temp_read, c.temp_written,
                    c.shared_read_ms, c.shared_write_ms, c.local_read_ms, c.local_write_ms, c.temp_read_ms, c.temp_write_ms, c.wal_records,
                    c.wal_fpi, c.wal_bytes, c.wal_buffers_full, c.jit_functions, c.jit_generation_ms, c.jit_inlinings, c.jit_inlining_ms,
                    c.jit_optimizations, c.jit_optimization_ms, c.jit_emissions, c.jit_emission_ms, c.jit_deforms, c.jit_deform_ms,
                    c.parallel_workers_to_launch, c.parallel_workers_launched);
}
static_assert(std::tuple_size_v<decltype(fields_of(std::declval<StatementCounters&>()))> == kCounterNames.size());

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
