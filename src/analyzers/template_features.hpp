#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "domain/query.hpp"
#include "domain/workload.hpp"

namespace orrery::analyzers {

/// What a template does, as numbers: always these, always in this order. Per call unless said otherwise.
enum class Feature {
    calls_per_s,
    active_sessions,  ///< executing at the same time, on average
    mean_ms,
    time_spread,  ///< standard deviation of the time / its mean
    rows,
    blocks,     ///< shared blocks, hit or read
    hit_ratio,  ///< of these blocks; NaN without any
    dirtied_blocks,
    temp_blocks,  ///< read or written
    wal_bytes,
    planning_share,  ///< planning / (planning + execution); 0 when planning is not tracked
    io_share,        ///< waiting for blocks, of the execution time; 0 without track_io_timing
    time_share,      ///< of all templates' execution time, 0..1
    call_share,      ///< of all calls, 0..1
    // from the text; NaN when it does not parse
    writes,  ///< 1 for INSERT, UPDATE, DELETE, MERGE
    tables,  ///< table uses
    joins,
    aggregates,  ///< query blocks with aggregate functions
    groupings,   ///< query blocks with GROUP BY or DISTINCT
    equalities,  ///< column = constant, IN, in all blocks
    ranges,
    subqueries,
    limited,  ///< 1 with a LIMIT
    // from the arrivals; NaN with too few intervals
    dispersion,        ///< variance / mean of the calls in an interval: 1 Poisson, below regular, above bursty
    daily_strength,    ///< share of the variance between hours that the hour of the day explains
    active_intervals,  ///< share of the intervals with calls
};
constexpr std::size_t kFeatures = 26;
std::string_view to_string(Feature feature);  ///< "calls_per_s"

struct Features {
    std::array<double, kFeatures> values{};
    double& operator[](Feature feature) { return values[static_cast<std::size_t>(feature)]; }
    double operator[](Feature feature) const { return values[static_cast<std::size_t>(feature)]; }
};

/// Counters over a stretch of time: of one interval or of many, of one template or of all. What they do not tell stays NaN.
Features counter_features(const domain::StatementCounters& counters, double seconds);
/// Adds what the text tells.
void add_text_features(Features& features, const domain::StatementFacts& facts);

/// Adds b to a.
void accumulate(domain::StatementCounters& a, const domain::StatementCounters& b);

}  // namespace orrery::analyzers
