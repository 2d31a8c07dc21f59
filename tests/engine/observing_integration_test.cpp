#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "engine/observing.hpp"
#include "engine/target_fixture.hpp"

namespace orrery::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ObservingTest : public testing::TargetFixture {
protected:
    CollectReport must_collect(const CollectRequest& request) {
        auto report = collect(context_, request);
        EXPECT_TRUE(report) << report.error().to_text();
        return report ? std::move(*report) : CollectReport{};
    }
    static const SourceStatus& source(const CollectReport& report, const std::string& name) {
        static const SourceStatus kNone;
        for (const auto& target : report.targets)
            for (const auto& status : target.sources)
                if (status.name == name) return status;
        ADD_FAILURE() << "no source " << name;
        return kNone;
    }
    /// The store, and the target's number in it.
    std::pair<std::unique_ptr<domain::Store>, domain::ServerId> stored() {
        auto store = open_store(context_);
        EXPECT_TRUE(store);
        auto session = connect();
        const auto server = identify(**store, session);
        EXPECT_TRUE(server);
        return {std::move(*store), server.value_or(0)};
    }
    std::vector<domain::Frame> frames(const std::string& series) {
        auto [store, server] = stored();
        auto found = store->frames(server, series, base::from_unix_ms(0), context_.clock->now() + seconds(60));
        EXPECT_TRUE(found) << found.error().to_text();
        return found ? std::move(*found) : std::vector<domain::Frame>();
    }
};

TEST_F(ObservingTest, OneRoundOfEverythingIsInTheStore) {
    CollectRequest request{.targets = {target()}, .once = true};
    (void)must_collect(request);
    execute("SELECT count(*) FROM orders WHERE customer_id = 7");
    const auto report = must_collect(request);
    ASSERT_EQ(report.targets.size(), 1U);
    EXPECT_FALSE(report.targets[0].failure.has_value());
    for (const auto* name : {"statements", "sessions", "metrics", "resources", "plans"}) {
        EXPECT_GE(source(report, name).rounds, 1) << name;
        EXPECT_EQ(source(report, name).failures, 0) << name << ": " << fmt::format("{}", fmt::join(source(report, name).notes, "; "));
    }
    EXPECT_GT(report.targets[0].statements, 0U);
    EXPECT_GT(source(report, "plans").plans, 0);
    for (const auto* series : {"sessions", "connections", "table_sizes"}) EXPECT_FALSE(frames(series).empty()) << series;
    auto [store, server] = stored();
    const auto plans = store->plans(server, std::nullopt, base::from_unix_ms(0), context_.clock->now() + seconds(1));
    ASSERT_TRUE(plans);
    EXPECT_FALSE(plans->empty());
}

TEST_F(ObservingTest, SessionsAreSampledWhileItRuns) {
    ASSERT_TRUE(context_.settings.set("collect.sessions_interval", "200ms"));
    std::jthread sleeper([&] { execute("SELECT pg_sleep(4)"); });
    const auto report =
        must_collect({.targets = {target()}, .interval = seconds(1), .duration = seconds(3), .only = {"sessions", "statements"}});
    sleeper.join();
    EXPECT_GE(source(report, "sessions").rounds, 8);
    EXPECT_GE(source(report, "statements").rounds, 3);
    std::int64_t sleeping = 0;
    for (const auto& frame : frames("sessions")) {
        const auto* events = frame.find("wait_event");
        const auto* samples = frame.find("samples");
        ASSERT_TRUE(events != nullptr && samples != nullptr);
        for (std::size_t row = 0; row < frame.rows(); ++row)
            if (std::get<std::vector<std::string>>(events->values)[row] == "PgSleep")
                sleeping += std::get<std::vector<std::int64_t>>(samples->values)[row];
    }
    EXPECT_GE(sleeping, 5);
}

TEST_F(ObservingTest, ATargetThatAnotherCollectsIsLeftToIt) {
    auto [store, server] = stored();
    ASSERT_TRUE(store->lease(fmt::format("collect:{}", server), "another", seconds(60)).value());
    const auto refused = collect(context_, {.targets = {target()}, .once = true});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::conflict);
    ASSERT_TRUE(store->release(fmt::format("collect:{}", server), "another"));
    EXPECT_TRUE(collect(context_, {.targets = {target()}, .once = true}));
    EXPECT_TRUE(store->lease(fmt::format("collect:{}", server), "another", seconds(1)).value()) << "released at the end";
}

TEST_F(ObservingTest, WhatAnotherProcessHasToldIsNotToldAgain) {
    (void)must_collect({.targets = {target()}, .once = true, .only = {"metrics"}});  // leaves counters to go on from
    auto [store, server] = stored();
    const auto& kept = store;
    ASSERT_TRUE(kept->lease(fmt::format("collect:{}", server), "another", seconds(3)).value());
    base::WallTime handed_over;
    std::jthread another([&, server = server] {
        std::this_thread::sleep_for(seconds(2));  // the waiting one has seen the counters by now
        execute("INSERT INTO orders SELECT i, 1, 'more' FROM generate_series(100000, 110000) i");
        EXPECT_TRUE(kept->write(server, {.state = {{"performance", ""}}}));
        handed_over = context_.clock->now();
    });
    const auto report = must_collect({.targets = {target()}, .duration = seconds(7), .only = {"metrics"}});
    another.join();
    EXPECT_GE(source(report, "metrics").rounds, 1) << "the lease ran out, and was taken over";
    for (const auto& frame : frames("wal")) EXPECT_GE(frame.start, handed_over);
}

TEST_F(ObservingTest, OneServerUnderTwoNamesIsCollectedOnce) {
    const auto report = must_collect({.targets = {target(), target() + "&connect_timeout=9"}, .duration = seconds(2), .only = {"metrics"}});
    ASSERT_EQ(report.targets.size(), 2U);
    EXPECT_NE(report.targets[0].failure.has_value(), report.targets[1].failure.has_value());
}

TEST_F(ObservingTest, WithoutTheExtensionTheOthersGoOn) {
    execute("DROP EXTENSION pg_stat_statements");
    const auto report = must_collect({.targets = {target()}, .once = true});
    EXPECT_EQ(source(report, "statements").rounds, 0);
    ASSERT_TRUE(source(report, "statements").last_error.has_value());
    EXPECT_NE(source(report, "statements").last_error->hint.find("CREATE EXTENSION pg_stat_statements"), std::string::npos);
    EXPECT_GE(source(report, "metrics").rounds, 1);
    const auto only = collect(context_, {.targets = {target()}, .once = true, .only = {"statements"}});
    ASSERT_FALSE(only) << "nothing at all could be observed";
    EXPECT_EQ(only.error().kind, base::ErrorKind::missing_extension);
}

TEST_F(ObservingTest, AnUnreachableTargetDoesNotHoldUpTheOther) {
    const auto report = must_collect({.targets = {target(), "postgresql://nobody@127.0.0.1:1/none"}, .once = true, .only = {"statements"}});
    ASSERT_EQ(report.targets.size(), 2U);
    EXPECT_FALSE(report.targets[0].failure.has_value());
    ASSERT_TRUE(report.targets[1].failure.has_value());
    EXPECT_EQ(report.targets[1].failure->kind, base::ErrorKind::connection);
}

TEST_F(ObservingTest, EveryDatabaseOfTheServerIsFound) {
    auto admin = connect();
    constexpr int kOthers = 11;  // more than are visited in a turn
    ASSERT_TRUE(admin.query("ALTER SYSTEM SET fsync = off"));
    ASSERT_TRUE(admin.query("SELECT pg_reload_conf()"));
    for (int i = 0; i < kOthers; ++i) ASSERT_TRUE(admin.execute(fmt::format("CREATE DATABASE {}_other{}", database_, i)));
    const auto report = must_collect({.targets = {target()}, .once = true, .only = {"resources"}});
    EXPECT_EQ(source(report, "resources").failures, 0);
    std::set<std::string> parts;
    for (const auto& frame : frames("database_sizes")) parts.insert(frame.part);
    EXPECT_TRUE(parts.contains(database_));
    for (int i = 0; i < kOthers; ++i) {
        EXPECT_TRUE(parts.contains(fmt::format("{}_other{}", database_, i))) << i;
        ASSERT_TRUE(admin.execute(fmt::format("DROP DATABASE {}_other{} WITH (FORCE)", database_, i)));
    }
    ASSERT_TRUE(admin.query("ALTER SYSTEM RESET fsync"));
    ASSERT_TRUE(admin.query("SELECT pg_reload_conf()"));
}

TEST_F(ObservingTest, UnknownCollectorsAreRefusedWithTheirNames) {
    const auto report = collect(context_, {.targets = {target()}, .only = {"everything"}});
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().hint.find("sessions"), std::string::npos);
}

}  // namespace
}  // namespace orrery::engine
