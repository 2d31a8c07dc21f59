#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "collectors/query_log_diff.hpp"

// A model of pg_stat_statements that knows what really happened, against which every difference is held.
namespace orrery::collectors {
namespace {

using domain::QueryLogCursor;
using domain::StatementCounters;
using domain::StatementKey;

enum class Features { v13, v14, v17 };

void count(StatementCounters& counters, int ms) {
    counters.calls += 1;
    counters.rows += ms % 3;
    counters.exec_ms += ms;
    counters.exec_square_ms2 += static_cast<double>(ms) * ms;
    counters.shared_hit += ms % 7;
    counters.wal_bytes += ms % 5;
}

struct Server {
    struct Entry {
        StatementCounters counters;
        std::int64_t since = 0;
    };
    Features features;
    std::int64_t now_us = 1'000;
    std::int64_t postmaster_us = 10, reset_us = 20, evictions = 0;
    std::map<StatementKey, Entry> entries;

    // Since the last reading:
    std::map<StatementKey, StatementCounters> truth;
    bool disturbed = false;         // anything that may lose calls
    std::set<StatementKey> hidden;  // reset singly before the server told of it: no reader can know
    std::set<StatementKey> read;    // keys of the last reading

    void call(const StatementKey& key, int ms) {
        ++now_us;
        auto [entry, fresh] = entries.try_emplace(key);
        if (fresh) entry->second.since = now_us;
        count(entry->second.counters, ms);
        count(truth[key], ms);
    }
    void reset_all() {
        reset_us = ++now_us;
        entries.clear();
        disturbed = true;
        if (features == Features::v13)
            for (const auto& [key, what] : truth) hidden.insert(key);
        if (features == Features::v13) hidden.insert(read.begin(), read.end());
    }
    void reset_one(const StatementKey& key) {
        ++now_us;
        if (entries.erase(key) == 0) return;
        disturbed = true;
        if (features != Features::v17 || !read.contains(key)) hidden.insert(key);
    }
    void evict(const StatementKey& key) {
        ++now_us;
        if (entries.erase(key) == 0) return;
        ++evictions;
        disturbed = true;
        if (features == Features::v13) hidden.insert(key);
    }
    void crash() {
        postmaster_us = ++now_us;
        reset_us = ++now_us;
        entries.clear();
        disturbed = true;
    }
    void restart() {
        postmaster_us = ++now_us;
        if (features == Features::v13) disturbed = true;  // cannot be told from a crash
    }
    QueryLogSnapshot look() {
        QueryLogSnapshot snapshot;
        auto& cursor = snapshot.cursor;
        ++now_us;
        cursor.taken = base::WallTime(std::chrono::microseconds(now_us));
        cursor.scope = "all";
        cursor.server_us = now_us;
        cursor.postmaster_us = postmaster_us;
        cursor.reset_us = features == Features::v13 ? 0 : reset_us;
        cursor.evictions = features == Features::v13 ? 0 : evictions;
        snapshot.evictions_after = cursor.evictions;
        read.clear();
        for (const auto& [key, entry] : entries) {
            cursor.rows.push_back({key, entry.counters, features == Features::v17 ? entry.since : 0});
            read.insert(key);
        }
        ++now_us;
        return snapshot;
    }
};

bool at_most(const StatementCounters& a, const StatementCounters& b) {
    return a.calls <= b.calls && a.rows <= b.rows && a.exec_ms <= b.exec_ms && a.exec_square_ms2 <= b.exec_square_ms2 * (1 + 1e-9) &&
           a.shared_hit <= b.shared_hit && a.wal_bytes <= b.wal_bytes;
}

bool not_negative(const StatementCounters& a) {
    return a.calls >= 0 && a.rows >= 0 && a.exec_ms >= 0 && a.exec_square_ms2 >= 0 && a.shared_hit >= 0 && a.wal_bytes >= 0;
}

void hold_against_truth(const Server& server, const domain::QueryLogInterval& interval) {
    std::map<StatementKey, domain::StatementDelta> deltas;
    for (const auto& delta : interval.deltas) RC_ASSERT(deltas.emplace(delta.key, delta).second);
    for (const auto& [key, delta] : deltas) {
        const auto real = server.truth.find(key);
        RC_ASSERT(real != server.truth.end());
        RC_ASSERT(not_negative(delta.counters));
        RC_ASSERT(at_most(delta.counters, real->second));
        if (!delta.lower_bound && !server.hidden.contains(key)) RC_ASSERT(delta.counters == real->second);
        if (delta.lower_bound) RC_ASSERT(interval.lower_bound);
    }
    for (const auto& [key, real] : server.truth)
        if (!deltas.contains(key) && !server.hidden.contains(key)) RC_ASSERT(interval.lower_bound);
    if (!server.disturbed) RC_ASSERT(!interval.lower_bound);
    RC_ASSERT(interval.total_exec_ms >= interval.known_exec_ms);
}

void live(Server& server) {
    const auto key = [] {
        return StatementKey{.query_id = *rc::gen::inRange<std::int64_t>(1, 7), .database = 1, .user = 2, .toplevel = true};
    };
    const int events = *rc::gen::inRange(0, 25);
    for (int i = 0; i < events; ++i) {
        const int what = *rc::gen::inRange(0, 100);
        if (what < 80)
            server.call(key(), *rc::gen::inRange(0, 50));
        else if (what < 86)
            server.evict(key());
        else if (what < 91)
            server.reset_one(key());
        else if (what < 94)
            server.reset_all();
        else if (what < 97)
            server.crash();
        else
            server.restart();
    }
}

class DiffProperty : public testing::TestWithParam<Features> {};

TEST_P(DiffProperty, NeverNegativeNeverInflatedAndFlaggedWhereItMayBeShort) {
    EXPECT_TRUE(rc::check([] {
        Server server{GetParam()};
        live(server);
        auto previous = server.look().cursor;
        const int rounds = *rc::gen::inRange(1, 6);
        for (int round = 0; round < rounds; ++round) {
            server.truth.clear();
            server.hidden.clear();
            server.disturbed = false;
            live(server);
            const auto now = server.look();
            const auto interval = diff(previous, now, {});
            RC_ASSERT(interval.has_value());
            hold_against_truth(server, *interval);
            previous = now.cursor;
        }
    }));
}

TEST_P(DiffProperty, AnUndisturbedServerIsCountedExactly) {
    EXPECT_TRUE(rc::check([] {
        Server server{GetParam()};
        const auto calls = [&] {
            const int events = *rc::gen::inRange(0, 40);
            for (int i = 0; i < events; ++i) server.call({.query_id = *rc::gen::inRange<std::int64_t>(1, 20)}, *rc::gen::inRange(0, 1'000));
        };
        calls();
        const auto previous = server.look().cursor;
        server.truth.clear();
        calls();
        const auto interval = diff(previous, server.look(), {});
        RC_ASSERT(interval.has_value());
        RC_ASSERT(!interval->lower_bound);
        RC_ASSERT(interval->deltas.size() == server.truth.size());
        for (const auto& delta : interval->deltas) {
            RC_ASSERT(!delta.lower_bound);
            RC_ASSERT(delta.counters == server.truth.at(delta.key));
        }
    }));
}

INSTANTIATE_TEST_SUITE_P(Versions, DiffProperty, testing::Values(Features::v13, Features::v14, Features::v17), [](const auto& instance) {
    return std::string(instance.param == Features::v13 ? "v13" : instance.param == Features::v14 ? "v14" : "v17");
});

}  // namespace
}  // namespace orrery::collectors
