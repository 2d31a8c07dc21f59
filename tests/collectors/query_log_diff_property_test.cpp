#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "collectors/query_log_diff.hpp"
#include "collectors/statements_model.hpp"

namespace orrery::collectors {
namespace {

using domain::StatementCounters;
using domain::StatementKey;

TEST(DiffProperty, NeverNegativeNeverInflatedAndMarkedWhereItMayBeShort) {
    const auto score = model::play(1, 10'000);
    EXPECT_EQ(score.bad, 0) << score.first_bad;
    // The model must have had something to tell.
    EXPECT_GT(score.intervals, 15'000);
    EXPECT_GT(score.uncomparable, 1'000);
    EXPECT_GT(score.marked_deltas, 1'000);
    // And certainty must not be thrown away.
    EXPECT_LT(static_cast<double>(score.marked_in_vain), 0.25 * static_cast<double>(score.deltas));
    EXPECT_LT(static_cast<double>(score.unknowable), 0.02 * static_cast<double>(score.deltas));
}

TEST(DiffProperty, AnUndisturbedServerIsCountedExactly) {
    EXPECT_TRUE(rc::check([] {
        std::map<StatementKey, StatementCounters> entries, truth;
        const auto calls = [&] {
            const int events = *rc::gen::inRange(0, 40);
            for (int i = 0; i < events; ++i) {
                const StatementKey key{.query_id = *rc::gen::inRange<std::int64_t>(1, 20)};
                const auto ms = *rc::gen::inRange(0, 1'000), amount = *rc::gen::inRange(0, 100);
                model::count(entries[key], ms, amount);
                model::count(truth[key], ms, amount);
            }
        };
        const auto look = [&](std::int64_t at) {
            QueryLogSnapshot snapshot;
            snapshot.cursor = {.scope = "all", .server_us = at, .postmaster_us = 10, .reset_us = 20, .rows = {}};
            for (const auto& [key, counters] : entries) snapshot.cursor.rows.push_back({key, counters, 0});
            return snapshot;
        };
        calls();
        const auto previous = look(1'000).cursor;
        truth.clear();
        calls();
        const auto interval = diff(previous, look(2'000), {});
        RC_ASSERT(interval.has_value());
        RC_ASSERT(!interval->lower_bound);
        RC_ASSERT(interval->deltas.size() == truth.size());
        for (const auto& delta : interval->deltas) {
            RC_ASSERT(!delta.lower_bound);
            RC_ASSERT(delta.counters == truth.at(delta.key));
        }
    }));
}

}  // namespace
}  // namespace orrery::collectors
