#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>

#include "store/state.hpp"

/// All that an SQLite store holds, for a look at it and for its transfer.
namespace orrery::store {
namespace {

using base::Result;
using domain::HistoryExtent;
using domain::ServerId;

constexpr std::size_t kAtOnce = 200;  ///< frames or plans in memory

struct Stretch {
    std::int64_t start_ms = 0, end_ms = 0;
};

Result<std::vector<Stretch>> stretches_of(Query rows) {
    std::vector<Stretch> stretches;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return stretches;
        stretches.push_back({rows.integer(0), rows.integer(1)});
    }
}

/// Number of the tier that rows of this width belong to, as SQL. Merged rows may be a little narrower than their tier's bins.
std::string tier_sql(const domain::RetentionPolicy& policy) {
    std::string sql = "0";
    for (std::size_t i = 1; i < policy.size(); ++i) sql += fmt::format(" + (end_ms - start_ms >= {})", policy[i].width.count() * 3 / 4);
    return sql;
}

/// Counts by tier from column `first` on: tier, count, oldest, newest.
void add(HistoryExtent& extent, const domain::RetentionPolicy& policy, const Query& row, int first) {
    const auto oldest = base::from_unix_ms(row.integer(first + 2)), newest = base::from_unix_ms(row.integer(first + 3));
    extent.oldest = extent.count == 0 ? oldest : std::min(extent.oldest, oldest);
    extent.newest = extent.count == 0 ? newest : std::max(extent.newest, newest);
    extent.count += row.integer(first + 1);
    extent.tiers.resize(std::max<std::size_t>(policy.size(), 1));
    extent.tiers[static_cast<std::size_t>(row.integer(first))] += row.integer(first + 1);
}

/// Calls `read` for runs of items that end at distinct times, so that no run is cut in the middle of one time.
template <typename Read>
Result<void> in_runs(const std::vector<Stretch>& stretches, Read read) {
    for (std::size_t first = 0; first < stretches.size();) {
        auto last = std::min(first + kAtOnce, stretches.size());
        while (last < stretches.size() && stretches[last].end_ms == stretches[last - 1].end_ms) ++last;
        auto from = stretches[first].start_ms;
        for (auto i = first; i < last; ++i) from = std::min(from, stretches[i].start_ms);
        ORRERY_TRY(read(from, stretches[first].end_ms, stretches[last - 1].end_ms));
        first = last;
    }
    return {};
}

}  // namespace

Result<std::vector<domain::ServerRecord>> SqliteStore::servers() {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT id, target, system_identifier FROM servers ORDER BY id"));
    std::vector<domain::ServerRecord> servers;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return servers;
        servers.push_back({rows.integer(0), rows.text(1), rows.text(2)});
    }
}

Result<std::vector<domain::QueryTemplate>> SqliteStore::templates() {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT fingerprint, text FROM query_templates ORDER BY fingerprint"));
    std::vector<domain::QueryTemplate> templates;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return templates;
        templates.push_back({{std::bit_cast<std::uint64_t>(rows.integer(0))}, rows.text(1)});
    }
}

Result<void> SqliteStore::each_interval(ServerId server, const domain::Take<domain::QueryLogInterval>& take) {
    ORRERY_ASSIGN(Query rows,
                  state_->database.query("SELECT start_ms, end_ms FROM query_logs WHERE server = ?1 ORDER BY end_ms, start_ms", server));
    ORRERY_ASSIGN(const auto stretches, stretches_of(std::move(rows)));
    for (const auto& stretch : stretches) {
        const auto start = base::from_unix_ms(stretch.start_ms), end = base::from_unix_ms(stretch.end_ms);
        ORRERY_ASSIGN(auto found, intervals(server, start, end));
        for (auto& interval : found)
            if (interval.start == start && interval.end == end) ORRERY_TRY(take(std::move(interval)));
    }
    return {};
}

Result<void> SqliteStore::each_frame(ServerId server, const std::string& series, const domain::Take<domain::Frame>& take) {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT f.start_ms, f.end_ms FROM streams s JOIN frames f ON f.stream = s.id "
                                                     "WHERE s.server = ?1 AND s.series = ?2 ORDER BY f.end_ms",
                                                     server, series));
    ORRERY_ASSIGN(const auto stretches, stretches_of(std::move(rows)));
    return in_runs(stretches, [&](std::int64_t from, std::int64_t first_end, std::int64_t last_end) -> Result<void> {
        ORRERY_ASSIGN(auto found, frames(server, series, base::from_unix_ms(from), base::from_unix_ms(last_end)));
        for (auto& frame : found)
            if (base::to_unix_ms(frame.end) >= first_end) ORRERY_TRY(take(std::move(frame)));
        return {};
    });
}

Result<void> SqliteStore::each_plan(ServerId server, const domain::Take<domain::PlanSighting>& take) {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT seen_ms, seen_ms FROM plans WHERE server = ?1 ORDER BY seen_ms", server));
    ORRERY_ASSIGN(const auto stretches, stretches_of(std::move(rows)));
    return in_runs(stretches, [&](std::int64_t from, std::int64_t, std::int64_t to) -> Result<void> {
        ORRERY_ASSIGN(auto found, plans(server, std::nullopt, base::from_unix_ms(from), base::from_unix_ms(to)));
        for (auto& plan : found) ORRERY_TRY(take(std::move(plan)));
        return {};
    });
}

Result<std::vector<std::pair<std::string, std::string>>> SqliteStore::states(ServerId server) {
    ORRERY_ASSIGN(Query rows, state_->database.query("SELECT name, value FROM states WHERE server = ?1 ORDER BY name", server));
    std::vector<std::pair<std::string, std::string>> states;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return states;
        states.emplace_back(rows.text(0), rows.text(1));
    }
}

Result<domain::StoreSummary> SqliteStore::summary(const domain::RetentionPolicy& policy) {
    auto& database = state_->database;
    domain::StoreSummary summary{.kind = "sqlite", .place = database.file(), .size = {}, .servers = {}};
    ORRERY_ASSIGN(const auto records, servers());
    ORRERY_ASSIGN(const Transaction snapshot, Transaction::begin_reading(database));
    ORRERY_ASSIGN(const auto pages, database.integer("PRAGMA page_count"));
    ORRERY_ASSIGN(const auto page_size, database.integer("PRAGMA page_size"));
    summary.size = base::Bytes(pages.value_or(0) * page_size.value_or(0));
    const auto figures = fmt::format("{}, count(*), min(start_ms), max(end_ms)", tier_sql(policy));
    std::map<ServerId, HistoryExtent> intervals;
    std::map<ServerId, std::map<std::string, HistoryExtent>> series;
    ORRERY_ASSIGN(Query rows, database.query(fmt::format("SELECT server, {} FROM query_logs GROUP BY 1, 2", figures)));
    for (;;) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) break;
        add(intervals[rows.integer(0)], policy, rows, 1);
    }
    ORRERY_ASSIGN(Query frames, database.query(fmt::format("SELECT s.server, s.series, {} FROM streams s JOIN frames f ON f.stream = s.id "
                                                           "GROUP BY 1, 2, 3",
                                                           figures)));
    for (;;) {
        ORRERY_ASSIGN(const bool more, frames.next());
        if (!more) break;
        add(series[frames.integer(0)][frames.text(1)], policy, frames, 2);
    }
    for (const auto& record : records) {
        const auto& known = series[record.id];
        summary.servers.push_back({record, intervals[record.id], {known.begin(), known.end()}});
    }
    return summary;
}

}  // namespace orrery::store
