#include "collectors/query_log_diff.hpp"

#include <algorithm>
#include <functional>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace orrery::collectors {
namespace {

using domain::QueryLogCursor;
using domain::StatementCounters;

using Rows = std::unordered_map<domain::StatementKey, const QueryLogCursor::Row*, StatementKeyHash>;

// The sum of squares is computed by the server's running mean and deviation, and wavers in its last digits.
constexpr double kSquareTolerance = 1e-7;

/// Least sum of squares that `calls` executions of `exec_ms` together can have (all equally long).
double least_square(double calls, double exec_ms) {
    return calls > 0 ? exec_ms * exec_ms / calls : 0;
}

/// True when no counter went back. The squares are held to their own, weaker rule.
bool grows(const StatementCounters& before, const StatementCounters& now) {
    StatementCounters then = before;
    then.exec_square_ms2 = now.exec_square_ms2;
    return std::apply(
        [&](const auto&... old) {
            return std::apply([&](const auto&... value) { return ((value >= old) && ...); }, domain::fields_of(now));
        },
        domain::fields_of(then));
}

/// False when the entry has begun anew: a counter went back, or the growth cannot be that of real calls (time without calls, or squares too
/// small).
bool continues(const StatementCounters& before, const StatementCounters& now) {
    if (!grows(before, now)) return false;
    if (now.calls == before.calls) return now.exec_ms == before.exec_ms && now.rows == before.rows;
    const double least = least_square(static_cast<double>(now.calls - before.calls), now.exec_ms - before.exec_ms);
    return now.exec_square_ms2 * (1 + kSquareTolerance) - before.exec_square_ms2 >= least;
}

StatementCounters operator-(const StatementCounters& now, const StatementCounters& before) {
    StatementCounters delta = now;
    std::apply([&](auto&... field) { std::apply([&](const auto&... old) { ((field -= old), ...); }, domain::fields_of(before)); },
               domain::fields_of(delta));
    delta.exec_square_ms2 = 0;
    if (delta.calls > 0)  // large sums may differ by less than their last digits
        delta.exec_square_ms2 =
            std::max(now.exec_square_ms2 - before.exec_square_ms2, least_square(static_cast<double>(delta.calls), delta.exec_ms));
    return delta;
}

bool both_known(std::int64_t a, std::int64_t b) {
    return a != 0 && b != 0;
}

/// The postmaster, or the reset, is another one than at the last reading and yet older than it. Without times of resets any other
/// postmaster may be another server's, with counters of its own.
bool other_server(const QueryLogCursor& before, const QueryLogCursor& now) {
    const bool resets_told = both_known(now.reset_us, before.reset_us);
    const bool other_postmaster = now.postmaster_us != before.postmaster_us && (now.postmaster_us <= before.server_us || !resets_told);
    const bool other_reset = resets_told && now.reset_us != before.reset_us && now.reset_us <= before.server_us;
    return other_postmaster || other_reset;
}

/// What befell all statements between two readings.
struct Disturbance {
    bool reset = false;     ///< all counters began anew
    bool unseen = false;    ///< single ones may have, and grown past their old values since
    bool vanished = false;  ///< some are gone
};

Disturbance disturbance(const QueryLogCursor& before, const QueryLogSnapshot& now, const Rows& earlier) {
    Disturbance found;
    const auto still_there =
        std::count_if(now.cursor.rows.begin(), now.cursor.rows.end(), [&](const auto& row) { return earlier.contains(row.key); });
    found.vanished = static_cast<std::size_t>(still_there) < earlier.size();
    if (both_known(before.reset_us, now.cursor.reset_us)) {
        found.reset = before.reset_us != now.cursor.reset_us;
        // A restart with a smaller pg_stat_statements.max evicts without counting it.
        const bool restarted = before.postmaster_us != now.cursor.postmaster_us;
        found.unseen = before.evictions != now.evictions_after || (restarted && found.vanished);
    } else {
        found.unseen = found.vanished;
    }
    return found;
}

domain::StatementDelta delta_of(const QueryLogCursor::Row* before, const QueryLogCursor::Row& now, const Disturbance& disturbed) {
    if (before == nullptr || disturbed.reset) return {now.key, now.counters, disturbed.reset || disturbed.unseen};
    const bool told = before->since_us > 0 && now.since_us > 0;
    const bool same_mark = before->since_us != 0 && before->since_us == now.since_us;
    const bool same_entry = (!told || same_mark) && continues(before->counters, now.counters);
    if (!same_entry) return {now.key, now.counters, true};
    return {now.key, now.counters - before->counters, disturbed.unseen && !same_mark};
}

}  // namespace

double database_growth_ms(const std::vector<DatabaseTime>& before, const std::vector<DatabaseTime>& now) {
    std::unordered_map<domain::Oid, const DatabaseTime*> earlier;
    for (const auto& database : before) earlier.emplace(database.database, &database);
    double growth = 0;
    for (const auto& database : now) {
        const auto found = earlier.find(database.database);
        const bool goes_on =
            found != earlier.end() && found->second->reset_us == database.reset_us && database.active_ms >= found->second->active_ms;
        growth += database.active_ms - (goes_on ? found->second->active_ms : 0);
    }
    return growth;
}

std::size_t StatementKeyHash::operator()(const domain::StatementKey& key) const {
    // The server's query_id is a hash already; the others only have to move it.
    auto mixed = static_cast<std::uint64_t>(key.query_id);
    mixed ^= (std::uint64_t{key.database} << 32 | key.user) * 0x9e3779b97f4a7c15U;
    return std::hash<std::uint64_t>{}(mixed * 2 + (key.toplevel ? 1 : 0));
}

std::optional<domain::QueryLogInterval> diff(const QueryLogCursor& previous, const QueryLogSnapshot& now, const StatementKeySet& own) {
    if (previous.scope != now.cursor.scope || other_server(previous, now.cursor)) return std::nullopt;

    Rows earlier;
    earlier.reserve(previous.rows.size());
    for (const auto& row : previous.rows) earlier.emplace(row.key, &row);
    const auto disturbed = disturbance(previous, now, earlier);

    domain::QueryLogInterval interval{.start = previous.taken,
                                      .end = std::max(previous.taken, now.cursor.taken),  // our clock may have been set back
                                      .lower_bound = disturbed.reset || disturbed.unseen || disturbed.vanished,
                                      .deltas = {}};
    double own_ms = 0;
    for (const auto& row : now.cursor.rows) {
        const auto before = earlier.find(row.key);
        auto delta = delta_of(before == earlier.end() ? nullptr : before->second, row, disturbed);
        if (delta.counters == StatementCounters{}) continue;
        const double top_level_ms = row.key.toplevel ? delta.counters.exec_ms : 0;
        if (own.contains(row.key)) {
            own_ms += top_level_ms;
            continue;
        }
        interval.known_exec_ms += top_level_ms;
        interval.lower_bound = interval.lower_bound || delta.lower_bound;
        interval.deltas.push_back(std::move(delta));
    }
    const double summed = std::max(0.0, now.cursor.database_exec_ms - previous.database_exec_ms);  // less when a database was dropped
    // Started and reset since: where system identifiers cannot be read, that may be another server, whose databases did not grow here.
    const bool begun_anew = disturbed.reset && previous.postmaster_us != now.cursor.postmaster_us;
    const double database_ms = begun_anew ? 0 : now.database_growth_ms.value_or(summed);
    interval.total_exec_ms = std::max(interval.known_exec_ms, database_ms - own_ms);
    return interval;
}

}  // namespace orrery::collectors
