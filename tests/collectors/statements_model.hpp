#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "collectors/query_log_diff.hpp"
#include "collectors/query_log_events.hpp"

/// A model of servers with pg_stat_statements that knows what really happened, against which differences of readings are held.
namespace orrery::collectors::model {

using domain::QueryLogCursor;
using domain::StatementCounters;
using domain::StatementKey;

constexpr std::int64_t kSecond = 1'000'000, kHour = 3'600 * kSecond;

/// What the histories told, over all of them.
struct Score {
    std::int64_t histories = 0, intervals = 0, deltas = 0, uncomparable = 0;
    std::int64_t bad = 0;             ///< negative, inflated, or short without being marked
    std::int64_t marked_deltas = 0;   ///< as lower bounds ...
    std::int64_t marked_in_vain = 0;  ///< ... though nothing was missing
    std::int64_t marked_intervals = 0, intervals_marked_in_vain = 0;
    std::int64_t unknowable = 0;  ///< deltas too small by resets that the server tells nobody
    std::string first_bad;        ///< what was wrong, for people
};

/// A server process: its counters, its clock, and what its version tells.
struct Server {
    struct Entry {
        StatementKey key;
        StatementCounters counters;
        double shortest_ms = 1e9, longest_ms = 0;
        std::int64_t since = 0;
    };
    int major = 17;
    std::size_t columns = 43;
    std::string system = "1";
    int timeline = 1;
    bool standby = false;
    std::int64_t clock_ahead = 0;  // of real time
    std::int64_t postmaster_us = 0, reset_us = 0, evictions = 0;
    std::vector<Entry> entries;
    std::vector<DatabaseTime> databases;

    Entry* find(const StatementKey& key) {
        const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.key == key; });
        return found == entries.end() ? nullptr : &*found;
    }
    [[nodiscard]] std::int64_t clock(std::int64_t now) const { return now + clock_ahead; }
};

inline void count(StatementCounters& counters, double ms, std::int64_t amount) {
    counters.calls += 1;
    counters.rows += amount % 3;
    counters.exec_ms += ms;
    counters.exec_square_ms2 += ms * ms;
    counters.shared_hit += amount % 7;
    counters.wal_bytes += amount % 5;
    counters.jit_functions += amount % 2;
}

/// One history: a target that is read again and again while all kinds of things happen to it.
class History {
public:
    History(std::uint64_t seed, Score& score) : random_(seed), score_(&score) {
        named_ = random_.chance(0.7);
        constexpr std::array kMajors{13, 14, 15, 17, 18};
        server_ = born(kMajors[static_cast<std::size_t>(random_.integer(0, 4))], "1");
        replica_ = born(server_.major, "1");
        replica_.standby = true;
        other_ = born(server_.major, "2");
        // Few disturbances or many: both kinds of servers exist.
        calm_ = random_.integer(0, 2);
    }
    void run() {
        ++score_->histories;
        live();
        QueryLogSnapshot previous = look();
        settle();
        const auto readings = random_.integer(1, 4);
        const auto bad_before = score_->bad;
        for (std::int64_t i = 0; i < readings && score_->bad == bad_before; ++i) {
            live();
            auto now = look();
            if (random_.chance(0.8)) now.database_growth_ms = database_growth_ms(previous.databases, now.databases);
            judge(previous, now);
            settle();
            previous = std::move(now);
        }
    }

private:
    struct Truth {
        StatementKey key;
        StatementCounters counters;
        bool unknowable = false;  // a reset that no reader can see swallowed some of it
    };

    [[nodiscard]] Server born(int major, const std::string& system) {
        Server server;
        server.major = major;
        server.columns = major >= 17 ? 49 : 43;
        server.system = system;
        server.clock_ahead = named_ && random_.chance(0.3) ? random_.integer(-kHour, kHour) : 0;
        now_ += random_.integer(1, 10) * kSecond;
        server.postmaster_us = server.clock(now_);
        now_ += random_.integer(1, kSecond);
        server.reset_us = server.clock(now_);
        for (auto calls = random_.integer(0, 6); calls > 0; --calls) call(server, false);
        return server;
    }

    /// In binary fractions, whose sums are exact.
    double milliseconds() { return static_cast<double>(random_.integer(0, 50 << 20)) / (1 << 20); }
    StatementKey key() {
        return {.query_id = random_.integer(1, 5) + upgraded_ * 100,
                .database = static_cast<domain::Oid>(random_.integer(1, 2)),
                .user = 10,
                .toplevel = server_.major < 14 || random_.chance(0.8)};
    }
    Truth& truth(const StatementKey& key) {
        const auto found = std::find_if(truth_.begin(), truth_.end(), [&](const Truth& item) { return item.key == key; });
        return found == truth_.end() ? truth_.emplace_back(Truth{key, {}, false}) : *found;
    }
    [[nodiscard]] bool was_read(const StatementKey& key) const { return std::find(read_.begin(), read_.end(), key) != read_.end(); }

    void call(Server& server, bool ours) {
        now_ += random_.integer(1, kSecond);
        const auto statement = key();
        const double ms = milliseconds();
        const auto amount = random_.integer(0, 100);
        auto* entry = server.find(statement);
        if (entry == nullptr) {
            server.entries.push_back({.key = statement, .counters = {}, .since = server.clock(now_)});
            entry = &server.entries.back();
        }
        count(entry->counters, ms, amount);
        entry->shortest_ms = std::min(entry->shortest_ms, ms);
        entry->longest_ms = std::max(entry->longest_ms, ms);
        if (statement.toplevel) spend(server, statement.database, ms, ours);
        if (ours) count(truth(statement).counters, ms, amount);
    }
    /// Time in statements of a database, be it of a statement that is counted or of another.
    void spend(Server& server, domain::Oid database, double ms, bool ours) {
        auto found =
            std::find_if(server.databases.begin(), server.databases.end(), [&](const auto& time) { return time.database == database; });
        if (found == server.databases.end()) found = server.databases.insert(found, {database, 0, 0});
        found->active_ms += ms;
        if (ours) truth_ms_ += ms;
    }

    // What may befall a server.
    void reset_all() {
        now_ += random_.integer(1, kSecond);
        server_.reset_us = server_.clock(now_);
        server_.evictions = 0;
        lose_all(server_.major < 14);
    }
    void lose_all(bool secretly) {
        server_.entries.clear();
        lost_ = true;
        if (!secretly) return;
        for (const auto& key : read_) truth(key).unknowable = true;
        for (auto& item : truth_) item.unknowable = true;
    }
    void reset_one() {
        now_ += random_.integer(1, kSecond);
        const auto statement = key();
        if (!remove(statement)) return;
        // With stats_since another entry is seen to be another, if the old one ever was.
        if (server_.major < 17 || !was_read(statement)) truth(statement).unknowable = true;
    }
    void evict() {
        now_ += random_.integer(1, kSecond);
        if (server_.entries.empty()) return;
        ++server_.evictions;
        for (auto some = random_.integer(1, 2); some > 0 && !server_.entries.empty(); --some) {
            const auto at = random_.integer(0, static_cast<std::int64_t>(server_.entries.size()) - 1);
            const auto statement = server_.entries[static_cast<std::size_t>(at)].key;
            if (server_.major < 14) truth(statement).unknowable = true;
            remove(statement);
        }
    }
    bool remove(const StatementKey& statement) {
        const auto removed = std::erase_if(server_.entries, [&](const auto& entry) { return entry.key == statement; });
        lost_ = lost_ || removed > 0;
        return removed > 0;
    }
    /// A backend was killed: shared memory is made anew by the same postmaster, and the statistics of databases are lost.
    void crash() {
        now_ += random_.integer(1, 30) * kSecond;
        server_.reset_us = server_.clock(now_);
        server_.evictions = 0;
        server_.databases.clear();
        totals_lost_ = true;
        lose_all(server_.major < 14);
    }
    void restart(bool keeps) {
        now_ += random_.integer(1, 60) * kSecond;
        server_.postmaster_us = server_.clock(now_);
        if (keeps) return;
        server_.reset_us = server_.clock(now_ + 5);
        server_.evictions = 0;
        lose_all(server_.major < 14);
    }
    /// pg_upgrade: another system identifier, other query ids, empty counters.
    void upgrade() {
        now_ += random_.integer(1, 600) * kSecond;
        ++upgraded_;
        const auto ahead = server_.clock_ahead;
        server_ = Server{.major = std::min(server_.major + 1, 18), .columns = 49, .system = fmt::format("{}{}", server_.system, upgraded_)};
        server_.clock_ahead = ahead;
        server_.postmaster_us = server_.clock(now_);
        server_.reset_us = server_.clock(now_ + 5);
        moved();
    }
    void promote() {
        for (auto calls = random_.integer(0, 8); calls > 0; --calls) call(replica_, false);  // what it was asked as a replica
        if (random_.chance(0.3)) replica_.postmaster_us = replica_.clock(now_ += kSecond);
        now_ += random_.integer(1, 30) * kSecond;
        replica_.standby = false;
        replica_.timeline = server_.timeline + 1;
        replica_.system = server_.system;
        replica_.major = server_.major;
        replica_.columns = server_.columns;
        std::swap(server_, replica_);
        replica_.standby = true;
        replica_.timeline = server_.timeline;
        moved();
    }
    void fail_over() {
        for (auto calls = random_.integer(0, 8); calls > 0; --calls) call(other_, false);
        if (random_.chance(0.3)) other_.postmaster_us = other_.clock(now_ += kSecond);
        now_ += random_.integer(1, 30) * kSecond;
        other_.major = server_.major;
        std::swap(server_, other_);
        moved();
    }
    void moved() { moved_ = true; }
    void databases() {
        if (server_.databases.empty()) return;
        const auto at = static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(server_.databases.size()) - 1));
        totals_lost_ = true;
        if (random_.chance(0.5))
            server_.databases.erase(server_.databases.begin() + static_cast<std::ptrdiff_t>(at));
        else
            server_.databases[at] = {server_.databases[at].database, 0, server_.clock(++now_)};
    }

    void live() {
        if (random_.chance(0.05)) now_ += random_.integer(1, 1'000) * kHour;  // nobody looked
        const auto happenings = random_.integer(0, 14);
        const double disturbance = calm_ == 0 ? 0.02 : calm_ == 1 ? 0.1 : 0.4;
        for (std::int64_t i = 0; i < happenings; ++i) {
            if (random_.chance(disturbance))
                disturb();
            else if (random_.chance(0.1))
                spend(server_, static_cast<domain::Oid>(random_.integer(1, 3)), milliseconds(), true);
            else
                call(server_, true);
        }
    }
    void disturb() {
        const auto what = random_.integer(0, 99);
        if (what < 20)
            evict();
        else if (what < 35)
            reset_one();
        else if (what < 47)
            reset_all();
        else if (what < 55)
            crash();
        else if (what < 65)
            restart(true);
        else if (what < 70)
            restart(false);
        else if (what < 81 && moved_)
            return;  // there and back between two readings would leave no trace
        else if (what < 74)
            promote();
        else if (what < 78)
            fail_over();
        else if (what < 81)
            upgrade();
        else if (what < 88)
            databases();
        else if (what < 92)
            server_.clock_ahead += named_ ? random_.integer(-2 * kHour, 2 * kHour) : 0;
        else if (what < 96)
            our_clock_ahead_ += random_.integer(-2 * kHour, 2 * kHour);
        else if (server_.columns < 60)
            server_.columns += 3;  // the extension was updated: another counter can be seen
    }

    /// As the server makes it of its shortest and longest time.
    static std::int64_t mark(const Server::Entry& entry) {
        const auto text = fmt::format("{} {}", entry.shortest_ms, entry.longest_ms);
        return -1 - static_cast<std::int64_t>(base::stable_hash(text) >> 1U);
    }

    /// Head, rows, tail, as the collector reads them, with a life of its own in between.
    QueryLogSnapshot look() {
        for (;;) {
            QueryLogSnapshot snapshot;
            auto& cursor = snapshot.cursor;
            ++now_;
            cursor.taken = base::WallTime(std::chrono::microseconds(now_ + our_clock_ahead_));
            cursor.server_us = server_.clock(now_);
            cursor.postmaster_us = server_.postmaster_us;
            cursor.reset_us = server_.major < 14 ? 0 : server_.reset_us;
            cursor.evictions = server_.major < 14 ? 0 : server_.evictions;
            snapshot.system_identifier = named_ ? server_.system : "";
            const auto timeline = server_.standby ? std::string("standby") : fmt::format("{:08X}", server_.timeline);
            cursor.scope = ServerScope{.rights = "all",
                                       .system = snapshot.system_identifier,
                                       .timeline = named_ ? timeline : "",
                                       .major = server_.major,
                                       .columns = server_.columns}
                               .text();
            if (server_.major >= 14) snapshot.databases = server_.databases;
            for (const auto& database : snapshot.databases) cursor.database_exec_ms += database.active_ms;
            head_ms_ = truth_ms_;
            meanwhile();
            for (const auto& entry : server_.entries) {
                auto shown = entry.counters;
                if (server_.columns < 46) shown.jit_functions = 0;
                cursor.rows.push_back({entry.key, shown, server_.major < 17 ? mark(entry) : entry.since});
            }
            auto read_before = std::exchange(read_, {});
            for (const auto& row : cursor.rows) read_.push_back(row.key);
            counted_ = truth_;
            truth_.clear();
            const bool lost_before = lost_;
            lost_ = false;
            meanwhile();
            snapshot.evictions_after = server_.major < 14 ? 0 : server_.evictions;
            if (server_.major < 14 || server_.reset_us == cursor.reset_us) {
                later_ = std::move(truth_);
                lost_later_ = lost_;
                lost_ = lost_before;
                return snapshot;
            }
            for (const auto& item : truth_) {  // read anew: what came after the rows belongs to this reading too
                auto& place = add(counted_, item.key);
                place.unknowable = place.unknowable || item.unknowable;
                sum(place.counters, item.counters);
            }
            truth_ = std::move(counted_);
            read_ = std::move(read_before);
            lost_ = true;
        }
    }
    void meanwhile() {
        for (auto few = random_.chance(0.1) ? random_.integer(1, 3) : 0; few > 0; --few) {
            if (random_.chance(0.7))
                call(server_, true);
            else if (random_.chance(0.7))
                evict();
            else
                reset_all();
        }
    }
    static Truth& add(std::vector<Truth>& items, const StatementKey& key) {
        const auto found = std::find_if(items.begin(), items.end(), [&](const Truth& item) { return item.key == key; });
        return found == items.end() ? items.emplace_back(Truth{key, {}, false}) : *found;
    }
    static void sum(StatementCounters& total, const StatementCounters& more) {
        std::apply([&](auto&... field) { std::apply([&](const auto&... value) { ((field += value), ...); }, domain::fields_of(more)); },
                   domain::fields_of(total));
    }

    /// The next interval begins: what came after the rows is its beginning.
    void settle() {
        truth_ = std::move(later_);
        later_.clear();
        truth_ms_ -= head_ms_;
        lost_ = lost_later_;
        moved_ = totals_lost_ = false;
    }

    void judge(const QueryLogSnapshot& previous, const QueryLogSnapshot& now) {
        const auto interval = diff(previous.cursor, now, {});
        if (!interval) {
            ++score_->uncomparable;
            return;
        }
        if (moved_ && previous.cursor.scope != now.cursor.scope) return bad("two servers were compared");
        ++score_->intervals;
        if (interval->lower_bound) ++score_->marked_intervals;
        bool short_somewhere = lost_;
        for (const auto& delta : interval->deltas) judge_delta(delta, *interval);
        for (const auto& item : counted_) {
            if (item.counters.calls == 0 || item.unknowable) continue;
            const bool there =
                std::any_of(interval->deltas.begin(), interval->deltas.end(), [&](const auto& d) { return d.key == item.key; });
            if (there) continue;
            short_somewhere = true;
            if (!interval->lower_bound) bad("a statement is missing and the interval not marked");
        }
        if (interval->lower_bound && !short_somewhere) ++score_->intervals_marked_in_vain;
        if (interval->end < interval->start) bad("the interval ends before it begins");
        const bool begun_anew =
            previous.cursor.postmaster_us != now.cursor.postmaster_us && previous.cursor.reset_us != now.cursor.reset_us;
        judge_total(*interval, now, begun_anew);
    }
    void judge_delta(const domain::StatementDelta& delta, const domain::QueryLogInterval& interval) {
        ++score_->deltas;
        const auto real = std::find_if(counted_.begin(), counted_.end(), [&](const Truth& item) { return item.key == delta.key; });
        if (real == counted_.end()) return bad("a delta of a statement that did not run");
        auto truth = real->counters;
        if (server_.columns < 46) truth.jit_functions = 0;
        bool equal = true;
        const auto compare = [&](auto counted, auto happened, auto tolerance) {
            if (counted < 0) bad("negative");
            if (static_cast<double>(counted) > static_cast<double>(happened) * (1 + tolerance)) bad("inflated");
            if (static_cast<double>(counted) < static_cast<double>(happened) * (1 - tolerance)) equal = false;
        };
        compare(delta.counters.calls, truth.calls, 0.0);
        compare(delta.counters.rows, truth.rows, 0.0);
        compare(delta.counters.exec_ms, truth.exec_ms, 1e-9);
        compare(delta.counters.exec_square_ms2, truth.exec_square_ms2, 1e-6);
        compare(delta.counters.shared_hit, truth.shared_hit, 0.0);
        compare(delta.counters.wal_bytes, truth.wal_bytes, 0.0);
        compare(delta.counters.jit_functions, truth.jit_functions, 0.0);
        if (delta.lower_bound) {
            ++score_->marked_deltas;
            if (equal) ++score_->marked_in_vain;
            if (!interval.lower_bound) bad("a delta is marked and its interval not");
        } else if (!equal) {
            if (real->unknowable)
                ++score_->unknowable;
            else
                bad("short and not marked");
        }
    }
    void judge_total(const domain::QueryLogInterval& interval, const QueryLogSnapshot& now, bool begun_anew) {
        if (interval.total_exec_ms < interval.known_exec_ms) bad("total below known");
        if (now.cursor.database_exec_ms == 0 && server_.major < 14) return;
        // Statements that end between head and rows are known before their database tells.
        if (interval.total_exec_ms > std::max(head_ms_, interval.known_exec_ms) * (1 + 1e-9)) bad("total inflated");
        if (now.database_growth_ms && !totals_lost_ && !begun_anew && interval.total_exec_ms < head_ms_ * (1 - 1e-9))
            bad("total too small");
    }
    void bad(std::string_view what) {
        ++score_->bad;
        if (score_->first_bad.empty()) score_->first_bad = what;
    }

    base::Random random_;
    Score* score_;
    std::int64_t now_ = 1'700'000'000 * kSecond;
    bool named_ = true;  // who answers can be read: else clocks agree, since only times tell servers apart
    std::int64_t our_clock_ahead_ = 0, upgraded_ = 0, calm_ = 0;
    Server server_, replica_, other_;
    std::vector<StatementKey> read_;            // of the newest reading
    std::vector<Truth> truth_;                  // since the last reading's rows
    std::vector<Truth> counted_, later_;        // of the newest reading: before and after its rows
    double truth_ms_ = 0, head_ms_ = 0;         // time of databases since the last head; at the newest head
    bool lost_ = false, lost_later_ = false;    // some counters are gone
    bool moved_ = false, totals_lost_ = false;  // another server; statistics of databases
};

/// Histories of the seeds [first, first + count), until one goes wrong.
inline Score play(std::uint64_t first, std::int64_t count) {
    Score score;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto before = score.bad;
        History(first + static_cast<std::uint64_t>(i), score).run();
        if (score.bad > before && score.first_bad.find("seed") == std::string::npos)
            score.first_bad += fmt::format(" (seed {})", first + static_cast<std::uint64_t>(i));
    }
    return score;
}

}  // namespace orrery::collectors::model
