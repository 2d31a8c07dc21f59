#pragma once

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/store_suite.hpp"

/// Frames, plans, events, leases and retention: what every backend has to do, beside store_suite.hpp. Instantiated in the same way:
///   INSTANTIATE_TEST_SUITE_P(Sqlite, ObservationSuite, testing::Values(StoreBackend{"sqlite", make_place}));
namespace orrery::store_testing {

class ObservationSuite : public StoreSuite {
protected:
    void write(std::vector<domain::Frame> frames) { EXPECT_TRUE(store->write(server, {.frames = std::move(frames)})); }
    std::vector<domain::Frame> read(std::int64_t from, std::int64_t to, const std::string& series = "tables") {
        auto frames = store->frames(server, series, at(from), at(to));
        EXPECT_TRUE(frames) << frames.error().to_text();
        return frames ? *frames : std::vector<domain::Frame>{};
    }
    domain::RollUpReport roll_up(const domain::RetentionPolicy& policy) {
        const auto report = store->roll_up(policy);
        EXPECT_TRUE(report) << report.error().to_text();
        return report ? *report : domain::RollUpReport{};
    }
    static void expect_equal(const domain::Frame& found, const domain::Frame& expected) {
        EXPECT_EQ(found.series, expected.series);
        EXPECT_EQ(found.part, expected.part);
        EXPECT_EQ(found.start, expected.start);
        EXPECT_EQ(found.end, expected.end);
        EXPECT_EQ(found.lower_bound, expected.lower_bound);
        EXPECT_EQ(found.readings, expected.readings);
        EXPECT_EQ(content(found), content(expected));
        for (const auto& column : expected.columns) {
            const auto* same = found.find(column.name);
            ASSERT_NE(same, nullptr) << column.name;
            EXPECT_EQ(same->roll_up, column.roll_up) << column.name;
            EXPECT_EQ(same->unit, column.unit) << column.name;
        }
    }
};

TEST_P(ObservationSuite, FramesComeBackWholeOldestFirst) {
    auto bounded = tables(10, 20);
    bounded.lower_bound = true;
    bounded.readings = 10;
    write({bounded, tables(0, 10)});
    store = open();
    const auto frames = read(0, 20);
    ASSERT_EQ(frames.size(), 2U);
    expect_equal(frames[0], tables(0, 10));
    expect_equal(frames[1], bounded);
}

TEST_P(ObservationSuite, NumbersOfAFrameComeBackExactly) {
    constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
    const Reals reals{0.1, 1.0 / 3, -2.5e-300, std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()};
    const Integers integers{0, kLargest, -kLargest, 1, kNullInteger};
    write({frame(0, 10, {{"n", RollUp::sum, "", integers}, {"x", RollUp::sum, "", reals}})});
    const auto frames = read(0, 10);
    ASSERT_EQ(frames.size(), 1U);
    ASSERT_EQ(frames[0].rows(), 5U);
    std::map<double, std::int64_t> expected, found;  // rows may come in another order
    const auto& read_reals = std::get<Reals>(frames[0].find("x")->values);
    const auto& read_integers = std::get<Integers>(frames[0].find("n")->values);
    for (std::size_t i = 0; i < 5; ++i) {
        expected[reals[i]] = integers[i];
        found[read_reals[i]] = read_integers[i];
    }
    EXPECT_EQ(found, expected);
}

TEST_P(ObservationSuite, AWindowTakesOnlyFramesWhollyInsideOfEveryPart) {
    write({tables(0, 10), tables(0, 10, "bank"), tables(10, 20), tables(20, 30, "bank")});
    EXPECT_EQ(read(0, 30).size(), 4U);
    EXPECT_EQ(read(0, 10).size(), 2U);
    EXPECT_EQ(read(5, 25).size(), 1U);
    EXPECT_TRUE(read(0, 30, "sessions").empty());
    EXPECT_TRUE(store->frames(server + 1, "tables", at(0), at(30)).value().empty());
}

TEST_P(ObservationSuite, AFrameWithoutRowsIsAReadingToo) {
    auto empty = tables(0, 10);
    for (auto& column : empty.columns) std::visit([](auto& list) { list.clear(); }, column.values);
    write({empty, tables(10, 20)});
    const auto frames = read(0, 20);
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].rows(), 0U);
    EXPECT_EQ(frames[0].end, at(10));
}

TEST_P(ObservationSuite, ColumnsMayComeAndGo) {
    write({frame(0, 10, {{"table", RollUp::key, "", Texts{"a"}}, {"old", RollUp::sum, "", Integers{1}}})});
    write({frame(10, 20, {{"table", RollUp::key, "", Texts{"a"}}, {"new", RollUp::sum, "ms", Reals{2.5}}})});
    const auto frames = read(0, 20);
    ASSERT_EQ(frames.size(), 2U);
    using Row = std::map<std::string, std::string>;
    EXPECT_THAT(content(frames[0]), testing::ElementsAre(Row{{"table", "'a'"}, {"old", "1"}}));
    EXPECT_THAT(content(frames[1]), testing::ElementsAre(Row{{"table", "'a'"}, {"new", "2.5"}}));
}

TEST_P(ObservationSuite, TheNamesOfSeriesAreListed) {
    EXPECT_TRUE(store->series(server).value().empty());
    auto sessions = tables(0, 10);
    sessions.series = "sessions";
    write({tables(0, 10), tables(0, 10, "bank"), sessions});
    EXPECT_THAT(store->series(server).value(), testing::ElementsAre("sessions", "tables"));
    EXPECT_TRUE(store->series(server + 1).value().empty());
}

TEST_P(ObservationSuite, AwkwardNamesOfSeriesPartsAndColumns) {
    auto odd = tables(0, 10, "a part; with 'quotes' and \"double\" ones");
    odd.series = "select \"x\"; -- ü";
    odd.columns.push_back({"100% of \"it\", 'all'", RollUp::sum, "µs", Integers{1, 2}});
    write({odd});
    const auto frames = read(0, 10, odd.series);
    ASSERT_EQ(frames.size(), 1U);
    expect_equal(frames[0], odd);
}

TEST_P(ObservationSuite, WritingABatchAgainChangesNothing) {
    const domain::Batch batch{.frames = {tables(0, 10), tables(10, 20)},
                              .plans = {plan(5, 1)},
                              .events = {{at(3), "restart", "server", "The server was restarted."}},
                              .state = {{"server_log", "postgresql.log:17"}}};
    ASSERT_TRUE(store->write(server, batch));
    ASSERT_TRUE(open()->write(server, batch));
    EXPECT_EQ(read(0, 20).size(), 2U);
    EXPECT_EQ(store->plans(server, std::nullopt, at(0), at(20)).value().size(), 1U);
    EXPECT_EQ(store->events(server, at(0), at(20)).value().size(), 1U);
    auto other = tables(0, 10);
    other.columns.resize(2);
    write({other});
    expect_equal(read(0, 10).at(0), tables(0, 10));
}

TEST_P(ObservationSuite, ABatchIsWrittenWholeOrNotAtAll) {
    auto lame = tables(10, 20);
    std::get<Integers>(lame.columns[1].values).pop_back();
    const auto written = store->write(server, {.frames = {tables(0, 10), lame},
                                               .plans = {plan(5, 1)},
                                               .events = {{at(3), "restart", "server", "The server was restarted."}},
                                               .state = {{"server_log", "17"}}});
    ASSERT_FALSE(written) << "columns of different lengths";
    EXPECT_TRUE(read(0, 20).empty());
    EXPECT_TRUE(store->plans(server, std::nullopt, at(0), at(20)).value().empty());
    EXPECT_TRUE(store->events(server, at(0), at(20)).value().empty());
    EXPECT_FALSE(store->state(server, "server_log").value().has_value());
    write({tables(0, 10)});
    EXPECT_EQ(read(0, 20).size(), 1U) << "and the store goes on";
}

TEST_P(ObservationSuite, StateIsTheLastWritten) {
    EXPECT_FALSE(store->state(server, "server_log").value().has_value());
    ASSERT_TRUE(store->write(server, {.state = {{"server_log", "17"}, {"other", ""}}}));
    ASSERT_TRUE(store->write(server, {.state = {{"server_log", "23"}}}));
    const auto again = open();
    EXPECT_EQ(again->state(server, "server_log").value(), "23");
    EXPECT_EQ(again->state(server, "other").value(), "");
    EXPECT_FALSE(again->state(server + 1, "server_log").value().has_value());
}

TEST_P(ObservationSuite, PlansComeBackWholeOldestFirst) {
    auto estimated = plan(30, 0xffff'ffff'ffff'fffe, kUsersPrint);
    estimated.execution_ms.reset();
    ASSERT_TRUE(store->write(server, {.plans = {estimated, plan(10, 7), plan(20, 7)}}));
    const auto all = open()->plans(server, std::nullopt, at(0), at(60)).value();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].seen, at(10));
    EXPECT_EQ(all[0].fingerprint, kOrdersPrint);
    EXPECT_EQ(all[0].database, "shop");
    EXPECT_EQ(all[0].shape_hash, 7U);
    EXPECT_EQ(all[0].source, "auto_explain");
    EXPECT_EQ(all[0].total_cost, 12.5);
    EXPECT_EQ(all[0].execution_ms, 0.75);
    EXPECT_EQ(all[0].document, plan(10, 7).document);
    EXPECT_EQ(all[2].shape_hash, 0xffff'ffff'ffff'fffe);
    EXPECT_FALSE(all[2].execution_ms.has_value());
    EXPECT_EQ(store->plans(server, kOrdersPrint, at(0), at(60)).value().size(), 2U);
    EXPECT_EQ(store->plans(server, kOrdersPrint, at(15), at(20)).value().size(), 1U);
    EXPECT_TRUE(store->plans(server + 1, std::nullopt, at(0), at(60)).value().empty());
}

TEST_P(ObservationSuite, TheFirstAndTheNewestTwentyPlansOfAShapeAreKept) {
    for (std::int64_t second = 1; second <= 50; ++second) ASSERT_TRUE(store->write(server, {.plans = {plan(second, 1)}}));
    ASSERT_TRUE(store->write(server, {.plans = {plan(1, 2), plan(2, 1, kUsersPrint)}}));
    std::vector<std::int64_t> seconds, expected{1};
    for (std::int64_t second = 31; second <= 50; ++second) expected.push_back(second);
    for (const auto& kept : store->plans(server, kOrdersPrint, at(0), at(60)).value())
        if (kept.shape_hash == 1) seconds.push_back((base::to_unix_ms(kept.seen) - base::to_unix_ms(at(0))) / 1'000);
    EXPECT_EQ(seconds, expected);
    EXPECT_EQ(store->plans(server, std::nullopt, at(0), at(60)).value().size(), 23U) << "other shapes and templates stay";
}

TEST_P(ObservationSuite, EventsComeBackOldestFirst) {
    ASSERT_TRUE(store->write(server, {.events = {{at(20), "plan_flip", "fedcba9876543210", "'A' plan; \"flipped\"."},
                                                 {at(10), "restart", "server", "The server was restarted."},
                                                 {at(20), "plan_flip", "0123456789abcdef", "Another."}}}));
    const auto events = open()->events(server, at(0), at(60)).value();
    ASSERT_EQ(events.size(), 3U);
    EXPECT_EQ(events[0].at, at(10));
    EXPECT_EQ(events[0].kind, "restart");
    EXPECT_EQ(events[0].subject, "server");
    EXPECT_EQ(events[0].text, "The server was restarted.");
    EXPECT_EQ(events[1].kind, "plan_flip");
    EXPECT_EQ(store->events(server, at(11), at(60)).value().size(), 2U);
    EXPECT_TRUE(store->events(server + 1, at(0), at(60)).value().empty());
}

TEST_P(ObservationSuite, ALeaseIsHeldByOneAtATime) {
    const auto other = open();
    EXPECT_TRUE(store->lease("collect:1", "a", 1h).value());
    EXPECT_FALSE(other->lease("collect:1", "b", 1h).value());
    EXPECT_TRUE(store->lease("collect:1", "a", 1h).value()) << "its holder renews it";
    EXPECT_TRUE(other->lease("collect:2", "b", 1h).value()) << "another name is another lease";
    ASSERT_TRUE(other->release("collect:1", "b"));
    EXPECT_FALSE(other->lease("collect:1", "b", 1h).value()) << "only its holder gives it back";
    ASSERT_TRUE(store->release("collect:1", "a"));
    EXPECT_TRUE(other->lease("collect:1", "b", 1h).value());
    ASSERT_TRUE(other->release("collect:3", "b")) << "nothing to give back is no error";
}

TEST_P(ObservationSuite, ALeaseEnds) {
    const auto other = open();
    EXPECT_TRUE(store->lease("collect:1", "a", 0ms).value());
    EXPECT_TRUE(other->lease("collect:1", "b", 1h).value());
    EXPECT_FALSE(store->lease("collect:1", "a", 1h).value());
}

// Retention. The clock stands at second 1,000; bins of a minute begin at second 40 of these numbers, 1,700,000,040 being divisible by 60.
inline const domain::RetentionPolicy kMinutes{{10s, 5min}, {60s, 24h}};

TEST_P(ObservationSuite, OldFramesAreRolledUpInWholeBins) {
    std::vector<domain::Frame> old;
    for (std::int64_t second = 40; second < 160; second += 10) old.push_back(tables(second, second + 10));
    old[7].lower_bound = true;
    write(old);
    write({tables(690, 700), tables(700, 710), tables(710, 720)});  // the bin of 640..700 is older than five minutes, the next is not
    const auto report = roll_up(kMinutes);
    EXPECT_EQ(report.read, 12);
    EXPECT_EQ(report.written, 2);
    EXPECT_EQ(report.deleted, 0);
    const auto frames = read(0, 1'000);
    ASSERT_EQ(frames.size(), 5U);
    expect_equal(frames[0], domain::roll_up({old.begin(), old.begin() + 6}));
    expect_equal(frames[1], domain::roll_up({old.begin() + 6, old.end()}));
    EXPECT_EQ(frames[0].start, at(40));
    EXPECT_EQ(frames[0].end, at(100));
    EXPECT_EQ(frames[0].readings, 6);
    EXPECT_FALSE(frames[0].lower_bound);
    EXPECT_TRUE(frames[1].lower_bound);
    expect_equal(frames[2], tables(690, 700));
    expect_equal(frames[4], tables(710, 720));
}

TEST_P(ObservationSuite, RollingUpAgainChangesNothing) {
    std::vector<domain::Frame> old;
    for (std::int64_t second = 40; second < 100; second += 10) old.push_back(tables(second, second + 10));
    write(old);
    roll_up(kMinutes);
    const auto again = roll_up(kMinutes);
    EXPECT_EQ(again.read, 0);
    EXPECT_EQ(again.written, 0);
    const auto frames = read(0, 1'000);
    ASSERT_EQ(frames.size(), 1U);
    expect_equal(frames[0], domain::roll_up(old));
    write(old);
    EXPECT_EQ(read(0, 1'000).size(), 1U) << "a batch written again after the roll-up";
}

TEST_P(ObservationSuite, PartsAndServersAreRolledUpApart) {
    const auto other = store->server("host:5432/other", "7002").value();
    write({tables(40, 50), tables(50, 60), tables(40, 50, "bank"), tables(50, 60, "bank")});
    ASSERT_TRUE(store->write(other, {.frames = {tables(40, 50), tables(50, 60)}}));
    EXPECT_EQ(roll_up(kMinutes).written, 3);
    const auto frames = read(0, 1'000);
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_NE(frames[0].part, frames[1].part);
    for (const auto& one : frames) EXPECT_EQ(one.readings, 2);
    EXPECT_EQ(store->frames(other, "tables", at(0), at(1'000)).value().at(0).readings, 2);
}

TEST_P(ObservationSuite, EachTierIsRolledUpIntoTheNextAndTheLastDeleted) {
    const domain::RetentionPolicy policy{{10s, 60s}, {60s, 10min}, {600s, 30min}};  // bins of ten minutes begin at second 400
    std::vector<domain::Frame> all;
    for (std::int64_t second = 400; second < 1'000; second += 10) all.push_back(tables(second, second + 10));
    write(all);
    ASSERT_TRUE(store->write(server, {.plans = {plan(500, 1)}, .events = {{at(500), "restart", "server", "Then."}}}));
    roll_up(policy);
    EXPECT_EQ(store->plans(server, std::nullopt, at(0), at(2'000)).value().size(), 1U);
    EXPECT_EQ(read(0, 2'000).size(), 9U + 6U) << "up to second 940 by the minute";
    clock.advance(10min);
    roll_up(policy);
    auto frames = read(0, 2'000);
    ASSERT_EQ(frames.size(), 1U) << "now one for ten minutes";
    expect_equal(frames[0], domain::roll_up(all));
    EXPECT_EQ(frames[0].readings, 60);
    clock.advance(20min);
    const auto report = roll_up(policy);
    EXPECT_GE(report.deleted, 1);
    EXPECT_TRUE(read(0, 2'000).empty());
    EXPECT_TRUE(store->events(server, at(0), at(2'000)).value().empty());
    EXPECT_TRUE(store->plans(server, std::nullopt, at(0), at(2'000)).value().empty());
}

TEST_P(ObservationSuite, FramesThatComeLateAreRolledUpToo) {
    write({tables(40, 50), tables(50, 60)});
    roll_up(kMinutes);
    write({tables(60, 70), tables(70, 80)});
    roll_up(kMinutes);
    const auto frames = read(0, 1'000);
    ASSERT_EQ(frames.size(), 1U);
    expect_equal(frames[0], domain::roll_up({tables(40, 50), tables(50, 60), tables(60, 70), tables(70, 80)}));
}

TEST_P(ObservationSuite, OldIntervalsAreRolledUpWithExactSums) {
    learn_both();
    ASSERT_TRUE(append(40, 50, {{kOrders, full_counters(1), false}, {kUsers, full_counters(2), false}}));
    ASSERT_TRUE(append(50, 60, {{kOrders, full_counters(3), true}}));
    ASSERT_TRUE(append(60, 100, {{kOrdersNested, full_counters(4), false}}));
    ASSERT_TRUE(append(100, 160, {{kUsers, full_counters(5), false}}));
    const auto before = store->workload(server, at(0), at(1'000), 0).value();
    const auto cursor_before = store->cursor(server).value()->taken;
    const auto report = roll_up(kMinutes);
    EXPECT_EQ(report.read, 3);
    EXPECT_EQ(report.written, 1);
    const auto intervals = store->intervals(server, at(0), at(1'000)).value();
    ASSERT_EQ(intervals.size(), 2U);
    EXPECT_EQ(intervals[0].start, at(40));
    EXPECT_EQ(intervals[0].end, at(100));
    ASSERT_EQ(intervals[0].deltas.size(), 3U);
    for (const auto& delta : intervals[0].deltas) {
        const bool orders = delta.key == kOrders;
        EXPECT_EQ(delta.lower_bound, orders) << "one of its two was";
        const auto first = full_counters(orders ? 1 : delta.key == kUsers ? 2 : 4), second = full_counters(3);
        EXPECT_EQ(delta.counters.calls, first.calls + (orders ? second.calls : 0));
        EXPECT_EQ(delta.counters.wal_bytes, first.wal_bytes + (orders ? second.wal_bytes : 0));
        EXPECT_EQ(delta.counters.parallel_workers_launched,
                  first.parallel_workers_launched + (orders ? second.parallel_workers_launched : 0));
        EXPECT_NEAR(delta.counters.exec_ms, first.exec_ms + (orders ? second.exec_ms : 0), 1e-9);
        EXPECT_NEAR(delta.counters.jit_deform_ms, first.jit_deform_ms + (orders ? second.jit_deform_ms : 0), 1e-9);
    }
    EXPECT_EQ(intervals[1].start, at(100));
    const auto after = store->workload(server, at(0), at(1'000), 0).value();
    EXPECT_DOUBLE_EQ(after.observed_seconds, before.observed_seconds);
    ASSERT_EQ(after.statements.size(), before.statements.size());
    for (std::size_t i = 0; i < after.statements.size(); ++i) EXPECT_EQ(after.statements[i].calls, before.statements[i].calls);
    EXPECT_EQ(store->cursor(server).value()->taken, cursor_before);
}

TEST_P(ObservationSuite, ABoundInheritsToTheRolledUpInterval) {
    domain::QueryLogInterval bounded{
        .start = at(40), .end = at(50), .known_exec_ms = 1.5, .total_exec_ms = 2.5, .lower_bound = true, .deltas = {}};
    ASSERT_TRUE(store->append(server, bounded, {.taken = at(50), .scope = "all", .rows = {}}));
    ASSERT_TRUE(append(50, 60, {{kOrders, counters(1, 4), false}}));
    roll_up(kMinutes);
    const auto intervals = store->intervals(server, at(0), at(1'000)).value();
    ASSERT_EQ(intervals.size(), 1U);
    EXPECT_TRUE(intervals[0].lower_bound);
    EXPECT_DOUBLE_EQ(intervals[0].known_exec_ms, 5.5);
    EXPECT_DOUBLE_EQ(intervals[0].total_exec_ms, 10.5);
    EXPECT_FALSE(intervals[0].deltas.at(0).lower_bound);
}

TEST_P(ObservationSuite, AGapBetweenIntervalsStaysOne) {
    ASSERT_TRUE(append(40, 50, {{kOrders, counters(1, 10), false}}));
    ASSERT_TRUE(append(50, 60, {{kOrders, counters(2, 10), false}}));
    ASSERT_TRUE(append(80, 90, {{kOrders, counters(4, 10), false}}));
    ASSERT_TRUE(append(90, 100, {{kOrders, counters(8, 10), false}}));
    EXPECT_EQ(roll_up(kMinutes).written, 2);
    const auto intervals = store->intervals(server, at(0), at(1'000)).value();
    ASSERT_EQ(intervals.size(), 2U);
    EXPECT_EQ(intervals[0].end, at(60));
    EXPECT_EQ(intervals[0].deltas.at(0).counters.calls, 3);
    EXPECT_EQ(intervals[1].start, at(80));
    EXPECT_EQ(intervals[1].deltas.at(0).counters.calls, 12);
    EXPECT_TRUE(append(60, 80, {{kOrders, counters(16, 10), false}})) << "one that comes late fits in";
    roll_up(kMinutes);
    ASSERT_EQ(store->intervals(server, at(0), at(1'000)).value().size(), 1U);
    EXPECT_EQ(store->intervals(server, at(0), at(1'000)).value()[0].deltas.at(0).counters.calls, 31);
}

TEST_P(ObservationSuite, IntervalsOfTheLastTierAreDeletedAndTheCursorStays) {
    ASSERT_TRUE(append(40, 50, {{kOrders, counters(1, 10), false}}));
    const domain::RetentionPolicy policy{{10s, 5min}, {60s, 10min}};
    EXPECT_EQ(roll_up(policy).deleted, 1);
    EXPECT_TRUE(store->intervals(server, at(0), at(1'000)).value().empty());
    EXPECT_TRUE(store->cursor(server).value().has_value());
    EXPECT_TRUE(append(50, 60, {})) << "the next one";
}

TEST_P(ObservationSuite, NothingIsRolledUpWithoutAPolicy) {
    write({tables(40, 50), tables(50, 60)});
    EXPECT_EQ(roll_up({}).read, 0);
    EXPECT_EQ(read(0, 100).size(), 2U);
}

}  // namespace orrery::store_testing
