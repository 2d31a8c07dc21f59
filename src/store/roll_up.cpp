#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/counter_table.hpp"
#include "store/frame_rows.hpp"
#include "store/retention.hpp"
#include "store/state.hpp"

/// Retention: old history in fewer and longer steps. Each bin is replaced in a transaction of its own, which looks again at what there is:
/// killed anywhere, or run by two processes at once, nothing is lost or counted twice.
namespace orrery::store {
namespace {

using base::Result;
using domain::RollUpReport;

constexpr int kDeletedAtOnce = 500;          // so that writers wait for milliseconds only
constexpr std::int64_t kFreeTolerated = 64;  // pages
constexpr std::int64_t kFreedAtOnce = 512;   // pages

/// Bins of `width`, of which those that end after `since` and not after `until` are due. Bin b holds what ends in (b * width, (b+1) *
/// width].
struct Bins {
    std::int64_t width = 0, since = 0, until = 0;
};

std::int64_t floor_to(std::int64_t value, std::int64_t width) {
    const auto rest = value % width;
    return value - (rest < 0 ? rest + width : rest);
}

/// The first column of a query's rows.
template <typename... Values>
Result<std::vector<std::int64_t>> numbers_of(Database& database, std::string_view sql, const Values&... values) {
    ORRERY_ASSIGN(Query rows, database.query(sql, values...));
    std::vector<std::int64_t> numbers;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return numbers;
        numbers.push_back(rows.integer(0));
    }
}

Result<std::vector<domain::Frame>> frames_of_bin(Database& database, FrameBases& bases, std::int64_t stream, const Bins& bin) {
    ORRERY_ASSIGN(Query rows, database.query("SELECT start_ms, end_ms, lower_bound, readings, base, columns FROM frames "
                                             "WHERE stream = ?1 AND end_ms > ?2 AND end_ms <= ?3 ORDER BY end_ms",
                                             stream, bin.since, bin.until));
    std::vector<domain::Frame> frames;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) return frames;
        ORRERY_ASSIGN(auto frame, frame_at(rows, 0, database, bases));
        frames.push_back(std::move(frame));
    }
}

Result<void> roll_up_bin(Database& database, FrameBases& bases, std::int64_t stream, const Bins& bin, RollUpReport& report) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    bases.begin();
    ORRERY_ASSIGN(const auto frames, frames_of_bin(database, bases, stream, bin));
    if (frames.size() < 2) return {};  // another process was faster
    ORRERY_TRY(database.run("DELETE FROM frames WHERE stream = ?1 AND end_ms > ?2 AND end_ms <= ?3", stream, bin.since, bin.until));
    ORRERY_TRY(insert_frame(database, bases, stream, domain::roll_up(frames)));
    ORRERY_TRY(transaction.commit());
    bases.committed();
    report.read += static_cast<std::int64_t>(frames.size());
    report.written += 1;
    return {};
}

Result<void> roll_up_stream(Database& database, FrameBases& bases, std::int64_t stream, const Bins& bins, RollUpReport& report) {
    ORRERY_ASSIGN(const auto due, numbers_of(database,
                                             "SELECT (end_ms - 1) / ?4 FROM frames WHERE stream = ?1 AND end_ms > ?2 AND end_ms <= ?3 "
                                             "GROUP BY 1 HAVING count(*) > 1",
                                             stream, bins.since, bins.until, bins.width));
    for (const auto bin : due) {
        const auto start = bin * bins.width;
        ORRERY_TRY(roll_up_bin(database, bases, stream, {bins.width, start, start + bins.width}, report));
    }
    return {};
}

/// Intervals of one bin that follow each other without a gap, oldest first.
using Run = std::vector<std::int64_t>;

Result<std::vector<Run>> runs_of(Database& database, std::int64_t server, const Bins& bins) {
    ORRERY_ASSIGN(Query rows, database.query("SELECT id, start_ms, end_ms, (end_ms - 1) / ?4 FROM query_logs WHERE server = ?1 "
                                             "AND end_ms > ?2 AND end_ms <= ?3 ORDER BY end_ms, start_ms",
                                             server, bins.since, bins.until, bins.width));
    std::vector<Run> runs;
    std::int64_t bin = -1, end = 0;
    while (true) {
        ORRERY_ASSIGN(const bool more, rows.next());
        if (!more) break;
        const bool follows = !runs.empty() && rows.integer(3) == bin && rows.integer(1) == end;
        if (!follows) runs.emplace_back();
        runs.back().push_back(rows.integer(0));
        end = rows.integer(2);
        bin = rows.integer(3);
    }
    std::erase_if(runs, [](const Run& run) { return run.size() < 2; });
    return runs;
}

/// What a run of intervals comes to.
struct IntervalSum {
    std::int64_t server = 0, start = std::numeric_limits<std::int64_t>::max(), end = std::numeric_limits<std::int64_t>::min();
    CounterSum times;  ///< known time as exec_ms, total as plan_ms: they want the same care
    bool lower_bound = false;
    struct Statement {
        CounterSum sum;
        bool lower_bound = false;
    };
    std::unordered_map<std::int64_t, Statement> statements;
};

/// False when the interval is gone.
Result<bool> add_interval(Database& database, std::int64_t id, IntervalSum& sum) {
    ORRERY_ASSIGN(Query row, database.query("SELECT server, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound, deltas "
                                            "FROM query_logs WHERE id = ?1",
                                            id));
    ORRERY_ASSIGN(const bool found, row.next());
    if (!found) return false;
    sum.server = row.integer(0);
    sum.start = std::min(sum.start, row.integer(1));
    sum.end = std::max(sum.end, row.integer(2));
    sum.times.add({.exec_ms = row.real(3), .plan_ms = row.real(4)});
    sum.lower_bound = sum.lower_bound || row.integer(5) != 0;
    ORRERY_ASSIGN(const auto table, unpack_counters(row.blob(6)));
    for (std::size_t i = 0; i < table.statements.size(); ++i) {
        auto& statement = sum.statements[table.statements[i]];
        statement.sum.add(table.counters[i]);
        statement.lower_bound = statement.lower_bound || table.marks[i] != 0;
    }
    return true;
}

Result<void> insert_sum(Database& database, const IntervalSum& sum) {
    CounterTable table;
    for (const auto& [number, statement] : sum.statements) {
        table.statements.push_back(number);
        table.marks.push_back(statement.lower_bound ? 1 : 0);
        table.counters.push_back(statement.sum.value());
    }
    ORRERY_ASSIGN(const auto packed, pack_counters(table, kLogsLevel));
    const auto times = sum.times.value();
    return database.run(
        "INSERT INTO query_logs (server, start_ms, end_ms, known_exec_ms, total_exec_ms, lower_bound, statements, deltas) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        sum.server, sum.start, sum.end, times.exec_ms, times.plan_ms, sum.lower_bound, table.statements.size(), Blob{packed});
}

Result<void> roll_up_run(Database& database, const Run& run, RollUpReport& report) {
    ORRERY_ASSIGN(Transaction transaction, Transaction::begin(database));
    IntervalSum sum;
    for (const auto id : run) {
        ORRERY_ASSIGN(const bool found, add_interval(database, id, sum));
        if (!found) return {};  // another process was faster
        ORRERY_TRY(database.run("DELETE FROM query_logs WHERE id = ?1", id));
    }
    ORRERY_TRY(insert_sum(database, sum));
    ORRERY_TRY(transaction.commit());
    report.read += static_cast<std::int64_t>(run.size());
    report.written += 1;
    return {};
}

Result<void> roll_up_bins(Database& database, FrameBases& bases, const Bins& bins, RollUpReport& report) {
    ORRERY_ASSIGN(const auto streams, numbers_of(database, "SELECT id FROM streams"));
    for (const auto stream : streams) ORRERY_TRY(roll_up_stream(database, bases, stream, bins, report));
    ORRERY_ASSIGN(const auto servers, numbers_of(database, "SELECT id FROM servers"));
    for (const auto server : servers) {
        ORRERY_ASSIGN(const auto runs, runs_of(database, server, bins));
        for (const auto& run : runs) ORRERY_TRY(roll_up_run(database, run, report));
    }
    return {};
}

/// The bins of a tier that have become due since they were last rolled up.
Result<void> roll_up_tier(Database& database, FrameBases& bases, std::int64_t width, std::int64_t older_than, RollUpReport& report) {
    ORRERY_ASSIGN(const auto done, database.integer("SELECT until_ms FROM rolled_up WHERE width_ms = ?1", width));
    const Bins bins{.width = width, .since = done.value_or(0), .until = floor_to(older_than, width)};
    if (bins.until <= bins.since) return {};
    ORRERY_TRY(roll_up_bins(database, bases, bins, report));
    // Unless something that ends earlier was written meanwhile.
    return database.run(
        "INSERT INTO rolled_up (width_ms, until_ms) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET until_ms = ?2 WHERE until_ms = ?3", width,
        bins.until, bins.since);
}

/// What one stream or server (`owner`) has in a table until then; a few rows at a time.
Result<std::int64_t> delete_old(Database& database, const std::string& sql, std::int64_t owner, std::int64_t until) {
    std::int64_t deleted = 0;
    while (true) {
        ORRERY_TRY(database.run(sql, owner, until, kDeletedAtOnce));
        deleted += database.changed();
        if (database.changed() < kDeletedAtOnce) return deleted;
    }
}

Result<std::int64_t> delete_all_old(Database& database, std::int64_t until) {
    std::int64_t deleted = 0;
    ORRERY_ASSIGN(const auto streams, numbers_of(database, "SELECT id FROM streams"));
    for (const auto stream : streams) {
        ORRERY_ASSIGN(
            const auto frames,
            delete_old(database, "DELETE FROM frames WHERE id IN (SELECT id FROM frames WHERE stream = ?1 AND end_ms <= ?2 LIMIT ?3)",
                       stream, until));
        deleted += frames;
    }
    ORRERY_ASSIGN(const auto servers, numbers_of(database, "SELECT id FROM servers"));
    for (const auto server : servers) {
        ORRERY_ASSIGN(
            const auto intervals,
            delete_old(database,
                       "DELETE FROM query_logs WHERE id IN (SELECT id FROM query_logs WHERE server = ?1 AND end_ms <= ?2 LIMIT ?3)", server,
                       until));
        deleted += intervals;
    }
    return deleted;
}

/// Gives free pages back to the file system, a few at a time.
Result<void> shrink(Database& database) {
    ORRERY_ASSIGN(const auto mode, database.integer("PRAGMA auto_vacuum"));
    while (true) {
        ORRERY_ASSIGN(const auto free, database.integer("PRAGMA freelist_count"));
        ORRERY_ASSIGN(const auto all, database.integer("PRAGMA page_count"));
        if (free.value_or(0) <= kFreeTolerated || *free < all.value_or(0) / 8) return {};
        // A file of an older build is made anew once; that needs it alone, and can wait.
        if (mode == 0) {
            const auto made_anew = database.execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;");
            return made_anew || made_anew.error().kind != base::ErrorKind::conflict ? made_anew : Result<void>();
        }
        ORRERY_TRY(database.execute(fmt::format("PRAGMA incremental_vacuum({})", kFreedAtOnce)));
        ORRERY_ASSIGN(const auto left, database.integer("PRAGMA freelist_count"));
        if (left >= free) return {};
    }
}

}  // namespace

Result<void> roll_up_again_from(Database& database, std::int64_t end_ms) {
    return database.run("UPDATE rolled_up SET until_ms = (?1 - 1) - (?1 - 1) % width_ms WHERE until_ms > (?1 - 1) - (?1 - 1) % width_ms",
                        end_ms);
}

Result<RollUpReport> SqliteStore::roll_up(const domain::RetentionPolicy& policy) {
    auto& database = state_->database;
    RollUpReport report;
    if (policy.empty()) return report;
    const auto now = state_->now_ms();
    for (std::size_t tier = 0; tier + 1 < policy.size(); ++tier)
        if (const auto width = policy[tier + 1].width.count(); width > 0)
            ORRERY_TRY(roll_up_tier(database, state_->bases, width, now - policy[tier].keep.count(), report));
    const auto until = now - policy.back().keep.count();
    ORRERY_ASSIGN(report.deleted, delete_all_old(database, until));
    ORRERY_TRY(database.run("DELETE FROM events WHERE at_ms <= ?1", until));
    ORRERY_TRY(database.run("DELETE FROM plans WHERE seen_ms <= ?1", until));
    if (report.read + report.deleted > 0) {
        ORRERY_TRY(database.run("DELETE FROM frame_bases WHERE NOT EXISTS (SELECT 1 FROM frames WHERE base = frame_bases.id)"));
        ORRERY_TRY(shrink(database));
    }
    return report;
}

}  // namespace orrery::store
