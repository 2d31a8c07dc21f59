#include <map>

#include "store/postgres_state.hpp"

/// Retention in a PostgreSQL store. What is merged is read first and then, in one transaction, deleted and written anew: only if all of it
/// is still there, so that two processes at once, or one that is killed, count nothing twice.
namespace orrery::store {
namespace {

using base::Result;
using base::WallTime;
using domain::Frame;
using domain::RetentionPolicy;
using domain::RollUpReport;
using domain::ServerId;
using std::chrono::milliseconds;

constexpr std::int64_t kFramesAtOnce = 500;
constexpr std::size_t kIntervalGroupsAtOnce = 50;

/// One step from a tier to the next: what ends by `horizon` is merged into bins of `width_ms`.
struct Step {
    std::int64_t width_ms = 0;
    WallTime horizon{};
    int grain = 0;  ///< of the bins: wider rows have been there, or need no merging
    [[nodiscard]] std::int64_t bin(std::int64_t end_ms) const { return (end_ms + width_ms - 1) / width_ms; }
};

struct Stretch {
    std::int64_t start_ms = 0, end_ms = 0;
};

std::pair<std::string, std::string> bounds_of(const std::vector<Stretch>& stretches) {
    std::vector<std::string> starts, ends;
    for (const auto& stretch : stretches) {
        starts.push_back(base::to_iso8601(base::from_unix_ms(stretch.start_ms)));
        ends.push_back(base::to_iso8601(base::from_unix_ms(stretch.end_ms)));
    }
    return {array_literal(starts), array_literal(ends)};
}

/// Intervals to be made one: of one bin, each beginning where the one before ended.
Result<std::vector<std::vector<Stretch>>> interval_groups(PostgresLink& link, ServerId server, const Step& step) {
    std::vector<std::vector<Stretch>> groups;
    std::vector<Stretch> group;
    const auto close = [&] {
        if (group.size() > 1) groups.push_back(group);
        group.clear();
    };
    ORRERY_TRY(link.read_rows(
        fmt::format("SELECT {}, {} FROM ml_optimization.intervals WHERE server_id = {} AND grain <= {} AND end_at <= {} "
                    "ORDER BY end_at, start_at",
                    unix_ms_of("start_at"), unix_ms_of("end_at"), server, step.grain, time_literal(step.horizon)),
        [&](const TextRow& row) -> Result<void> {
            const Stretch next{row.integer(0), row.integer(1)};
            if (!group.empty() && (group.back().end_ms != next.start_ms || step.bin(group.back().end_ms) != step.bin(next.end_ms))) close();
            group.push_back(next);
            return {};
        }));
    close();
    return groups;
}

std::string merge_logs_sql() {
    std::string sums;
    domain::StatementCounters counters;
    std::size_t position = 0;
    const auto add = [&]<typename Field>(const Field&) {
        sums += fmt::format(", sum({}){}", domain::kCounterNames[position++], std::is_integral_v<Field> ? "::bigint" : "");
    };
    std::apply([&](const auto&... field) { (add(field), ...); }, domain::fields_of(counters));
    return fmt::format(
        "WITH gone AS (DELETE FROM ml_optimization.query_logs q USING unnest($2::timestamptz[], $3::timestamptz[]) AS n (start_at, end_at) "
        "WHERE q.server_id = $1 AND q.end_at = n.end_at AND q.start_at = n.start_at RETURNING q.*) "
        "INSERT INTO ml_optimization.query_logs (server_id, start_at, end_at, grain, query_id, database_id, user_id, toplevel, "
        "lower_bound, "
        "{}) SELECT $1::bigint, $4::timestamptz, $5::timestamptz, $6::smallint, query_id, database_id, user_id, toplevel, "
        "bool_or(lower_bound){} FROM gone GROUP BY query_id, database_id, user_id, toplevel",
        postgres_counter_columns(), sums);
}

/// False when someone else has changed them meanwhile.
Result<bool> merge_intervals(PostgresLink& link, ServerId server, const std::vector<Stretch>& group) {
    static const std::string kMergeLogs = merge_logs_sql();
    const auto [starts, ends] = bounds_of(group);
    const auto start = base::from_unix_ms(group.front().start_ms), end = base::from_unix_ms(group.back().end_ms);
    const int grain = grain_of(start, end);
    ORRERY_ASSIGN(
        const auto merged,
        link.query("WITH gone AS (DELETE FROM ml_optimization.intervals i USING unnest($2::timestamptz[], $3::timestamptz[]) AS n "
                   "(start_at, end_at) WHERE i.server_id = $1 AND i.end_at = n.end_at AND i.start_at = n.start_at RETURNING i.*) "
                   "INSERT INTO ml_optimization.intervals (server_id, start_at, end_at, grain, known_exec_ms, total_exec_ms, "
                   "lower_bound) SELECT $1::bigint, $4::timestamptz, $5::timestamptz, $6::smallint, sum(known_exec_ms), "
                   "sum(total_exec_ms), bool_or(lower_bound) FROM gone HAVING count(*) = $7",
                   server, starts, ends, start, end, grain, group.size()));
    if (merged.affected == 0) return false;
    ORRERY_TRY(link.query(kMergeLogs, server, starts, ends, start, end, grain));
    return true;
}

/// Frames of one series that lie in the bins after `first` up to `last`.
struct BinRange {
    std::string series;
    std::int64_t first = 0, last = 0;
    std::int64_t frames = 0;
};

/// Runs of bins in which something is to be merged, none with too many frames at once.
Result<std::vector<BinRange>> frame_ranges(PostgresLink& link, ServerId server, const Step& step) {
    std::vector<BinRange> ranges;
    const auto sql = fmt::format(
        "SELECT series, bin, sum(frames) FROM (SELECT series, part, ({} + {}) / {} AS bin, count(*) AS frames FROM ml_optimization.frames "
        "WHERE server_id = {} AND grain <= {} AND end_at <= {} GROUP BY 1, 2, 3 HAVING count(*) > 1) AS several GROUP BY 1, 2 ORDER BY 1, "
        "2",
        unix_ms_of("end_at"), step.width_ms - 1, step.width_ms, server, step.grain, time_literal(step.horizon));
    ORRERY_TRY(link.read_rows(sql, [&](const TextRow& row) -> Result<void> {
        const auto series = row.text(0);
        const auto bin = row.integer(1), frames = row.integer(2);
        const bool joins = !ranges.empty() && ranges.back().series == series && ranges.back().last == bin - 1 &&
                           ranges.back().frames + frames <= kFramesAtOnce;
        if (!joins) ranges.push_back({.series = series, .first = bin - 1});
        ranges.back().last = bin;
        ranges.back().frames += frames;
        return {};
    }));
    return ranges;
}

struct Partitions {
    std::string table;
    std::vector<std::pair<std::string, Partition>> list;
};

/// Partitions of query_logs, frames and every series.
Result<std::vector<Partitions>> all_partitions(PostgresLink& link) {
    ORRERY_ASSIGN(const auto rows,
                  link.query("SELECT p.relname, c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class p ON p.oid "
                             "= i.inhparent JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n "
                             "ON n.oid = p.relnamespace WHERE n.nspname = 'ml_optimization' AND p.relkind = 'p' "
                             "ORDER BY 1, 2"));
    std::vector<Partitions> all;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::string table(rows.text(i, 0)), name(rows.text(i, 1));
        if (all.empty() || all.back().table != table) all.push_back({table, {}});
        if (const auto partition = partition_from_name(table, name)) all.back().list.emplace_back(name, *partition);
    }
    return all;
}

/// Drops a partition unless something is in it that ends after `cutoff`. One that is in use stays for the next time.
Result<std::int64_t> drop_partition(PostgresLink& link, const std::string& table, const std::string& name, WallTime cutoff) {
    ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(link));
    ORRERY_TRY(link.execute("SET LOCAL lock_timeout = '1s'"));
    const auto locked =
        link.execute(fmt::format("LOCK TABLE ONLY ml_optimization.{}, ONLY ml_optimization.{} IN ACCESS EXCLUSIVE MODE", table, name));
    if (!locked) return locked.error().kind == base::ErrorKind::connection ? Result<std::int64_t>(base::unexpected(locked.error())) : 0;
    ORRERY_ASSIGN(const auto content,
                  link.query(fmt::format("SELECT count(*), count(*) FILTER (WHERE end_at > $1) FROM ml_optimization.{}", name), cutoff));
    if (content.integer(0, 1) > 0) return std::int64_t{0};
    ORRERY_TRY(link.execute(fmt::format("DROP TABLE ml_optimization.{}", name)));
    ORRERY_TRY(transaction.commit());
    return content.integer(0, 0);
}

class RollUpRun {
public:
    RollUpRun(PostgresLink& link, PostgresTables& tables) : link_(&link), tables_(&tables) {}

    template <typename State>
    Result<void> step(State& state, ServerId server, const Step& step) {
        ORRERY_TRY(intervals(state, server, step));
        ORRERY_ASSIGN(const auto ranges, frame_ranges(*link_, server, step));
        for (const auto& range : ranges) ORRERY_TRY(frames(state, server, step, range));
        return {};
    }

    /// What the last tier need not keep.
    Result<void> expire(WallTime cutoff) {
        ORRERY_ASSIGN(const auto partitions, all_partitions(*link_));
        for (const auto& [table, list] : partitions)
            for (const auto& [name, partition] : list)
                if (partition.to <= cutoff) {
                    ORRERY_ASSIGN(const auto rows, drop_partition(*link_, table, name, cutoff));
                    if (table == "frames") report.deleted += rows;
                }
        ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(*link_));
        for (const auto& [table, list] : partitions) {
            ORRERY_ASSIGN(const auto gone, link_->query(fmt::format("DELETE FROM ml_optimization.{} WHERE end_at <= $1", table), cutoff));
            if (table == "frames") report.deleted += gone.affected;
        }
        ORRERY_ASSIGN(const auto intervals, link_->query("DELETE FROM ml_optimization.intervals WHERE end_at <= $1", cutoff));
        report.deleted += intervals.affected;
        ORRERY_TRY(link_->query("DELETE FROM ml_optimization.events WHERE at <= $1", cutoff));
        ORRERY_TRY(link_->query("DELETE FROM ml_optimization.plans WHERE seen_at <= $1", cutoff));
        return transaction.commit();
    }

    /// Partitions that the roll-up has emptied.
    Result<void> drop_empty(WallTime before) {
        ORRERY_ASSIGN(const auto partitions, all_partitions(*link_));
        for (const auto& [table, list] : partitions)
            for (const auto& [name, partition] : list) {
                if (partition.to > before) continue;
                ORRERY_ASSIGN(const auto some, link_->query(fmt::format("SELECT FROM ml_optimization.{} LIMIT 1", name)));
                if (some.affected == 0) ORRERY_TRY(drop_partition(*link_, table, name, WallTime::min()));
            }
        tables_->forget_partitions();
        return {};
    }

    RollUpReport report;

private:
    template <typename State>
    Result<void> intervals(State& state, ServerId server, const Step& step) {
        ORRERY_ASSIGN(const auto groups, interval_groups(*link_, server, step));
        for (std::size_t next = 0; next < groups.size();) {
            const auto end = std::min(next + kIntervalGroupsAtOnce, groups.size());
            for (auto i = next; i < end; ++i) {
                const auto from = base::from_unix_ms(groups[i].front().start_ms), to = base::from_unix_ms(groups[i].back().end_ms);
                ORRERY_TRY(tables_->ensure_partition(*link_, "query_logs", grain_of(from, to), to));
            }
            ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(*link_));
            ORRERY_TRY(state.lock_server(server));
            RollUpReport part;
            bool unchanged = true;
            for (; next < end && unchanged; ++next) {
                ORRERY_ASSIGN(unchanged, merge_intervals(*link_, server, groups[next]));
                part.read += static_cast<std::int64_t>(groups[next].size());
                ++part.written;
            }
            if (!unchanged) return {};  // the other process goes on with it
            ORRERY_TRY(transaction.commit());
            report.read += part.read;
            report.written += part.written;
        }
        return {};
    }

    template <typename State>
    Result<void> frames(State& state, ServerId server, const Step& step, const BinRange& range) {
        std::map<std::pair<std::string, std::int64_t>, std::vector<Frame>> bins;
        const auto inside = fmt::format("f.grain <= {} AND f.end_at > {} AND f.end_at <= {}", step.grain,
                                        time_literal(base::from_unix_ms(range.first * step.width_ms)),
                                        time_literal(base::from_unix_ms(range.last * step.width_ms)));
        ORRERY_TRY(state.visit_frames(server, range.series, inside, [&](Frame&& frame) -> Result<void> {
            const std::pair key{frame.part, step.bin(base::to_unix_ms(frame.end))};
            bins[key].push_back(std::move(frame));
            return {};
        }));
        std::vector<Frame> merged;
        std::vector<Stretch> old;
        std::vector<std::string> parts;
        for (const auto& [key, group] : bins) {
            if (group.size() < 2) continue;
            for (const auto& frame : group) {
                old.push_back({base::to_unix_ms(frame.start), base::to_unix_ms(frame.end)});
                parts.push_back(storable_text(frame.part));
            }
            merged.push_back(domain::roll_up(group));
        }
        if (merged.empty()) return {};
        return replace(state, server,
                       {.series = range.series, .old = std::move(old), .parts = std::move(parts), .merged = std::move(merged)});
    }

    struct Replacement {
        std::string series;
        std::vector<Stretch> old;
        std::vector<std::string> parts;  ///< of the old ones
        std::vector<Frame> merged;
    };

    template <typename State>
    Result<void> replace(State& state, ServerId server, const Replacement& replacement) {
        std::vector<const Frame*> merged;
        for (const auto& frame : replacement.merged) merged.push_back(&frame);
        ORRERY_TRY(state.prepare_frames(merged));
        ORRERY_ASSIGN(const auto* table, tables_->series(*link_, replacement.series));
        const auto [starts, ends] = bounds_of(replacement.old);
        const auto parts = array_literal(replacement.parts);
        constexpr std::string_view kDelete =
            "DELETE FROM ml_optimization.\"{}\" f USING unnest($2::timestamptz[], $3::timestamptz[], $4::text[]) AS n (start_at, end_at, "
            "part) "
            "WHERE f.server_id = $1 AND f.end_at = n.end_at AND f.start_at = n.start_at AND f.part = n.part";
        ORRERY_ASSIGN(auto transaction, PostgresTransaction::begin(*link_));
        ORRERY_TRY(state.lock_server(server));
        ORRERY_ASSIGN(const auto gone,
                      link_->query(fmt::format(kDelete, "frames") + " AND f.series = $5", server, starts, ends, parts, replacement.series));
        if (gone.affected != static_cast<std::int64_t>(replacement.old.size())) return {};  // another process is at it
        ORRERY_TRY(link_->query(fmt::format(kDelete, table->name), server, starts, ends, parts));
        ORRERY_TRY(state.insert_frames(server, merged));
        ORRERY_TRY(transaction.commit());
        report.read += gone.affected;
        report.written += static_cast<std::int64_t>(merged.size());
        return {};
    }

    PostgresLink* link_;
    PostgresTables* tables_;
};

}  // namespace

Result<RollUpReport> PostgresStore::roll_up(const RetentionPolicy& policy) {
    RollUpRun run(state_->link, state_->tables);
    if (policy.empty()) return run.report;
    state_->tables.forget_partitions();  // another process may have dropped some since
    const auto now = state_->clock->now();
    ORRERY_ASSIGN(const auto servers, state_->link.query("SELECT id FROM ml_optimization.servers ORDER BY id"));
    for (std::size_t tier = 0; tier + 1 < policy.size(); ++tier) {
        const auto width = policy[tier + 1].width.count();
        const auto horizon = base::from_unix_ms(base::to_unix_ms(now - policy[tier].keep) / width * width);
        const Step step{.width_ms = width, .horizon = horizon, .grain = grain_of(base::from_unix_ms(0), base::from_unix_ms(width))};
        for (std::size_t i = 0; i < servers.size(); ++i) ORRERY_TRY(run.step(*state_, servers.integer(i, 0), step));
    }
    ORRERY_TRY(run.expire(now - policy.back().keep));
    ORRERY_TRY(run.drop_empty(now - policy.front().keep - std::chrono::days(1)));
    return run.report;
}

}  // namespace orrery::store
