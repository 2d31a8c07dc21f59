#include "analyzers/template_features.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace orrery::analyzers {
namespace {

constexpr std::array<std::string_view, kFeatures> kNames{
    "calls_per_s",    "active_sessions", "mean_ms",        "time_spread", "rows",       "blocks",     "hit_ratio", "dirtied_blocks",
    "temp_blocks",    "wal_bytes",       "planning_share", "io_share",    "time_share", "call_share", "writes",    "tables",
    "joins",          "aggregates",      "groupings",      "equalities",  "ranges",     "subqueries", "limited",   "dispersion",
    "daily_strength", "active_intervals"};

double share(double part, double whole) {
    return whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
}

}  // namespace

std::string_view to_string(Feature feature) {
    return kNames[static_cast<std::size_t>(feature)];
}

Features counter_features(const domain::StatementCounters& counters, double seconds) {
    Features features;
    features.values.fill(std::numeric_limits<double>::quiet_NaN());
    const auto calls = static_cast<double>(counters.calls);
    const auto per_call = [&](std::int64_t count) { return calls > 0 ? static_cast<double>(count) / calls : 0; };
    features[Feature::calls_per_s] = seconds > 0 ? calls / seconds : 0;
    features[Feature::active_sessions] = seconds > 0 ? counters.exec_ms / 1'000 / seconds : 0;
    const double mean = calls > 0 ? counters.exec_ms / calls : 0;
    features[Feature::mean_ms] = mean;
    const double variance = calls > 0 ? std::max(0.0, counters.exec_square_ms2 / calls - mean * mean) : 0;
    features[Feature::time_spread] = mean > 0 ? std::sqrt(variance) / mean : 0;
    features[Feature::rows] = per_call(counters.rows);
    const auto blocks = counters.shared_hit + counters.shared_read;
    features[Feature::blocks] = per_call(blocks);
    if (blocks > 0) features[Feature::hit_ratio] = static_cast<double>(counters.shared_hit) / static_cast<double>(blocks);
    features[Feature::dirtied_blocks] = per_call(counters.shared_dirtied);
    features[Feature::temp_blocks] = per_call(counters.temp_read + counters.temp_written);
    features[Feature::wal_bytes] = per_call(counters.wal_bytes);
    features[Feature::planning_share] = share(counters.plan_ms, counters.plan_ms + counters.exec_ms);
    features[Feature::io_share] =
        share(counters.shared_read_ms + counters.shared_write_ms + counters.temp_read_ms + counters.temp_write_ms, counters.exec_ms);
    return features;
}

void add_text_features(Features& features, const domain::StatementFacts& facts) {
    using enum domain::StatementKind;
    features[Feature::writes] = facts.kind == insert || facts.kind == update || facts.kind == remove || facts.kind == merge ? 1 : 0;
    features[Feature::tables] = static_cast<double>(facts.tables.size());
    double joins = 0, aggregates = 0, groupings = 0, equalities = 0, ranges = 0, limited = 0;
    for (const auto& block : facts.blocks) {
        joins += static_cast<double>(block.joins.size());
        aggregates += block.aggregates ? 1 : 0;
        groupings += block.distinct || !block.group_by.empty() ? 1 : 0;
        if (block.has_limit) limited = 1;
        for (const auto& predicate : block.predicates) {
            if (predicate.kind == domain::PredicateKind::equality || predicate.kind == domain::PredicateKind::in_list) equalities += 1;
            if (predicate.kind == domain::PredicateKind::range) ranges += 1;
        }
    }
    features[Feature::joins] = joins;
    features[Feature::aggregates] = aggregates;
    features[Feature::groupings] = groupings;
    features[Feature::equalities] = equalities;
    features[Feature::ranges] = ranges;
    features[Feature::subqueries] = std::max(0.0, static_cast<double>(facts.blocks.size()) - 1);
    features[Feature::limited] = limited;
}

void accumulate(domain::StatementCounters& a, const domain::StatementCounters& b) {
    std::apply([&](auto&... sums) { std::apply([&](const auto&... growth) { ((sums += growth), ...); }, domain::fields_of(b)); },
               domain::fields_of(a));
}

}  // namespace orrery::analyzers
