#include "collectors/query_log_diff.hpp"

#include <gtest/gtest.h>

namespace orrery::collectors {
namespace {

using domain::QueryLogCursor;
using domain::StatementCounters;
using domain::StatementKey;

constexpr StatementKey kFirst{.query_id = 1, .database = 5, .user = 10, .toplevel = true};
constexpr StatementKey kSecond{.query_id = 2, .database = 5, .user = 10, .toplevel = true};
constexpr StatementKey kNested{.query_id = 2, .database = 5, .user = 10, .toplevel = false};

// The square of the sum is more than any sum of squares, so that growth is always possible.
StatementCounters counters(std::int64_t calls, double exec_ms) {
    return {.calls = calls, .exec_ms = exec_ms, .exec_square_ms2 = exec_ms * exec_ms};
}

QueryLogCursor cursor_at(int minute, std::vector<QueryLogCursor::Row> rows) {
    return {.taken = base::from_unix_ms(minute * 60'000),
            .scope = "all",
            .server_us = minute * 60'000'000LL,
            .postmaster_us = 1,
            .reset_us = 2,
            .evictions = 0,
            .database_exec_ms = 0,
            .rows = std::move(rows)};
}

domain::QueryLogInterval difference(const QueryLogCursor& before, const QueryLogCursor& now, const StatementKeySet& own = {}) {
    const auto interval = diff(before, {now, now.evictions}, own);
    EXPECT_TRUE(interval.has_value());
    return interval.value_or(domain::QueryLogInterval{});
}

TEST(QueryLogDiff, CountsWhatWasAddedAndLeavesOutWhatRested) {
    const auto interval = difference(cursor_at(1, {{kFirst, counters(10, 100)}, {kSecond, counters(5, 5)}}),
                                     cursor_at(2, {{kFirst, counters(12, 130)}, {kSecond, counters(5, 5)}}));
    EXPECT_EQ(interval.start, base::from_unix_ms(60'000));
    EXPECT_EQ(interval.end, base::from_unix_ms(120'000));
    ASSERT_EQ(interval.deltas.size(), 1U);
    EXPECT_EQ(interval.deltas[0].key, kFirst);
    EXPECT_EQ(interval.deltas[0].counters.calls, 2);
    EXPECT_DOUBLE_EQ(interval.deltas[0].counters.exec_ms, 30);
    EXPECT_FALSE(interval.lower_bound);
}

TEST(QueryLogDiff, ARoundedSumOfSquaresIsNoReset) {
    auto before = counters(1'000'000'000, 2e9), now = counters(1'000'000'001, 2e9 + 0.001);
    now.exec_square_ms2 = before.exec_square_ms2 * (1 - 1e-12);
    const auto interval = difference(cursor_at(1, {{kFirst, before}}), cursor_at(2, {{kFirst, now}}));
    ASSERT_EQ(interval.deltas.size(), 1U);
    EXPECT_EQ(interval.deltas[0].counters.calls, 1);
    EXPECT_GE(interval.deltas[0].counters.exec_square_ms2, 0);
    EXPECT_FALSE(interval.deltas[0].lower_bound);
}

TEST(QueryLogDiff, ASmallerCounterMeansTheEntryBeganAnew) {
    const auto interval = difference(cursor_at(1, {{kFirst, counters(10, 100)}}), cursor_at(2, {{kFirst, counters(11, 40)}}));
    ASSERT_EQ(interval.deltas.size(), 1U);
    EXPECT_EQ(interval.deltas[0].counters, counters(11, 40));
    EXPECT_TRUE(interval.deltas[0].lower_bound);
    EXPECT_TRUE(interval.lower_bound);
}

TEST(QueryLogDiff, TimeThatTheSquaresCannotHoldMeansTheEntryBeganAnew) {
    const StatementCounters before{.calls = 10, .exec_ms = 10, .exec_square_ms2 = 10},
        now{.calls = 11, .exec_ms = 55, .exec_square_ms2 = 275};
    const auto interval = difference(cursor_at(1, {{kFirst, before}}), cursor_at(2, {{kFirst, now}}));
    EXPECT_EQ(interval.deltas.at(0).counters, now) << "45 ms in one call would be 2025 ms^2";
    EXPECT_TRUE(interval.deltas.at(0).lower_bound);
}

TEST(QueryLogDiff, AnotherBirthMeansTheEntryBeganAnewAndTheSameOneClearsIt) {
    auto now = cursor_at(2, {{kFirst, counters(30, 300), 900}, {kSecond, counters(6, 6), 100}});
    now.evictions = 3;
    const auto interval = difference(cursor_at(1, {{kFirst, counters(10, 100), 100}, {kSecond, counters(5, 5), 100}}), now);
    ASSERT_EQ(interval.deltas.size(), 2U);
    EXPECT_EQ(interval.deltas[0].counters, counters(30, 300));
    EXPECT_TRUE(interval.deltas[0].lower_bound);
    EXPECT_EQ(interval.deltas[1].counters.calls, 1);
    EXPECT_FALSE(interval.deltas[1].lower_bound);
    EXPECT_TRUE(interval.lower_bound) << "others were evicted";
}

TEST(QueryLogDiff, BeforeSeventeenTheSameShortestAndLongestTimeClearsAnEntryAndOthersTellNothing) {
    auto now = cursor_at(2, {{kFirst, counters(30, 300), -7}, {kSecond, counters(6, 6), -9}});
    now.evictions = 3;
    const auto interval = difference(cursor_at(1, {{kFirst, counters(10, 100), -7}, {kSecond, counters(5, 5), -8}}), now);
    ASSERT_EQ(interval.deltas.size(), 2U);
    EXPECT_EQ(interval.deltas[0].counters.calls, 20);
    EXPECT_FALSE(interval.deltas[0].lower_bound);
    EXPECT_EQ(interval.deltas[1].counters.calls, 1);
    EXPECT_TRUE(interval.deltas[1].lower_bound);
}

TEST(QueryLogDiff, AnEvictionBetweenTwoReadingsOfTheCounterIsNotMissed) {
    const auto before = cursor_at(1, {{kFirst, counters(10, 100)}});
    auto now = cursor_at(2, {{kFirst, counters(12, 130)}});
    const auto during = diff(before, {now, 1}, {});
    ASSERT_TRUE(during);
    EXPECT_TRUE(during->lower_bound);
    auto later = cursor_at(3, {{kFirst, counters(13, 140)}});
    later.evictions = 1;
    EXPECT_TRUE(difference(now, later).lower_bound) << "it may also have come after the rows were read";
    auto quiet = cursor_at(4, {{kFirst, counters(14, 150)}});
    quiet.evictions = 1;
    EXPECT_FALSE(difference(later, quiet).lower_bound);
}

TEST(QueryLogDiff, AVanishedStatementMakesTheIntervalALowerBound) {
    const auto interval =
        difference(cursor_at(1, {{kFirst, counters(10, 100)}, {kSecond, counters(5, 5)}}), cursor_at(2, {{kFirst, counters(12, 120)}}));
    EXPECT_TRUE(interval.lower_bound);
    ASSERT_EQ(interval.deltas.size(), 1U);
    EXPECT_FALSE(interval.deltas[0].lower_bound) << "nothing was evicted: the other was reset alone";
}

TEST(QueryLogDiff, AfterAResetAllCountFromIt) {
    auto now = cursor_at(2, {{kFirst, counters(20, 200)}, {kSecond, counters(1, 1)}});
    now.reset_us = 90'000'000;
    const auto interval = difference(cursor_at(1, {{kFirst, counters(10, 100)}}), now);
    ASSERT_EQ(interval.deltas.size(), 2U);
    EXPECT_EQ(interval.deltas[0].counters, counters(20, 200));
    EXPECT_TRUE(interval.deltas[0].lower_bound);
    EXPECT_TRUE(interval.deltas[1].lower_bound);
}

TEST(QueryLogDiff, ACleanRestartCostsNothing) {
    auto now = cursor_at(2, {{kFirst, counters(12, 130)}});
    now.postmaster_us = 100'000'000;
    const auto interval = difference(cursor_at(1, {{kFirst, counters(10, 100)}}), now);
    ASSERT_EQ(interval.deltas.size(), 1U);
    EXPECT_EQ(interval.deltas[0].counters.calls, 2);
    EXPECT_FALSE(interval.lower_bound);
}

TEST(QueryLogDiff, AnotherServersCountersAreNotOurs) {
    const auto before = cursor_at(10, {{kFirst, counters(10, 100)}});
    auto promoted = cursor_at(11, {{kFirst, counters(1'000, 10'000)}});
    promoted.postmaster_us = 300'000'000;  // minute 5: it ran already when we read the other one
    EXPECT_FALSE(diff(before, {promoted, 0}, {}).has_value());
    auto restarted = cursor_at(11, {{kFirst, counters(1'000, 10'000)}});
    restarted.postmaster_us = 630'000'000;
    restarted.reset_us = 300'000'000;
    EXPECT_FALSE(diff(before, {restarted, 0}, {}).has_value());
}

TEST(QueryLogDiff, OtherRightsSeeOtherStatements) {
    auto before = cursor_at(1, {});
    before.scope = "role 10";
    EXPECT_FALSE(diff(before, {cursor_at(2, {{kFirst, counters(1'000, 10'000)}}), 0}, {}).has_value());
}

TEST(QueryLogDiff, NestedStatementsAreCountedInTheirCallerOnly) {
    const auto interval = difference(cursor_at(1, {}), cursor_at(2, {{kFirst, counters(1, 100)}, {kNested, counters(10, 80)}}));
    EXPECT_EQ(interval.deltas.size(), 2U);
    EXPECT_DOUBLE_EQ(interval.known_exec_ms, 100);
}

TEST(QueryLogDiff, TheTotalIsTheDatabasesTimeWithoutOurs) {
    auto before = cursor_at(1, {{kFirst, counters(1, 10)}, {kSecond, counters(1, 7)}});
    auto now = cursor_at(2, {{kFirst, counters(2, 70)}, {kSecond, counters(2, 12)}});
    before.database_exec_ms = 1'000;
    now.database_exec_ms = 1'105;
    const auto interval = difference(before, now, {kSecond});
    ASSERT_EQ(interval.deltas.size(), 1U);
    EXPECT_DOUBLE_EQ(interval.known_exec_ms, 60);
    EXPECT_DOUBLE_EQ(interval.total_exec_ms, 100);
    now.database_exec_ms = 1'020;
    EXPECT_DOUBLE_EQ(difference(before, now, {kSecond}).total_exec_ms, 60) << "reported late by the server: never less than what is known";
    now.database_exec_ms = 90;
    EXPECT_DOUBLE_EQ(difference(before, now, {kSecond}).total_exec_ms, 60) << "a database was dropped or reset: its time is not known";
    const auto told = diff(before, {.cursor = now, .evictions_after = 0, .database_growth_ms = 90}, {kSecond});
    EXPECT_DOUBLE_EQ(told->total_exec_ms, 85) << "databases one by one know better";
}

TEST(QueryLogDiff, AClockSetBackGivesAnEmptySpan) {
    auto now = cursor_at(2, {{kFirst, counters(2, 2)}});
    now.taken = base::from_unix_ms(1'000);
    const auto interval = difference(cursor_at(1, {{kFirst, counters(1, 1)}}), now);
    EXPECT_EQ(interval.start, interval.end);
    EXPECT_EQ(interval.deltas.size(), 1U);
}

TEST(QueryLogDiff, BeforeFourteenAVanishedStatementStandsForAnEviction) {
    auto before = cursor_at(1, {{kFirst, counters(10, 100)}, {kSecond, counters(5, 5)}}), now = cursor_at(2, {{kFirst, counters(12, 120)}});
    before.reset_us = now.reset_us = 0;
    const auto interval = difference(before, now);
    EXPECT_TRUE(interval.deltas.at(0).lower_bound);
    now.rows.push_back({kSecond, counters(5, 5)});
    EXPECT_FALSE(difference(before, now).lower_bound);
    now.postmaster_us = 100'000'000;
    EXPECT_FALSE(diff(before, {now, 0}, {}).has_value()) << "a restart may have been a crash, or another server";
}

TEST(QueryLogDiff, ARestartThatEvictsIsNotTakenForAQuietOne) {
    const auto before = cursor_at(1, {{kFirst, counters(10, 100)}, {kSecond, counters(5, 5)}});
    auto now = cursor_at(2, {{kFirst, counters(12, 130)}});
    now.postmaster_us = 100'000'000;
    EXPECT_TRUE(difference(before, now).deltas.at(0).lower_bound);
}

TEST(DatabaseGrowth, CountsDatabasesOneByOne) {
    EXPECT_DOUBLE_EQ(database_growth_ms({{1, 100, 0}, {2, 50, 7}}, {{1, 130, 0}, {2, 50, 7}}), 30);
    EXPECT_DOUBLE_EQ(database_growth_ms({{1, 100, 0}, {2, 5'000, 7}}, {{1, 130, 0}}), 30) << "a dropped one takes nothing with it";
    EXPECT_DOUBLE_EQ(database_growth_ms({{1, 100, 0}}, {{1, 130, 0}, {3, 7, 0}}), 37) << "a new one began at zero";
    EXPECT_DOUBLE_EQ(database_growth_ms({{1, 100, 0}}, {{1, 120, 9}}), 120) << "reset in between, and grown since";
    EXPECT_DOUBLE_EQ(database_growth_ms({{1, 100, 0}}, {{1, 20, 0}}), 20);
}

}  // namespace
}  // namespace orrery::collectors
