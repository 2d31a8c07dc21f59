#include "collectors/performance_metrics_collector.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/scripted_session.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using namespace std::chrono_literals;

// Words by which the scripted server knows the questions; all come before "SELECT" in its order.
const std::string kMoment = "(SELECT system_identifier", kDatabase = ", xact_commit", kWal = ", wal_buffers_full",
                  kSettings = "CASE WHEN vartype", kAnything = "SELECT";

/// Answers take time here.
class TimedSession final : public domain::SqlSession {
public:
    TimedSession(testing::ScriptedSession& inner, base::ManualClock& clock) : inner_(&inner), clock_(&clock) {}
    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        auto took = way;
        for (const auto& [word, more] : cost)
            if (sql.find(word) != std::string::npos) took += more;
        clock_->advance(took);
        return inner_->query(sql, parameters);
    }
    [[nodiscard]] int server_version() const override { return version; }
    [[nodiscard]] std::string target() const override { return inner_->target(); }
    std::map<std::string, std::chrono::milliseconds> cost;
    std::chrono::milliseconds way{0};
    int version = 150'004;

private:
    testing::ScriptedSession* inner_;
    base::ManualClock* clock_;
};

/// Time passes whenever somebody looks, as it does in the world.
class TickingClock final : public base::Clock {
public:
    [[nodiscard]] base::WallTime now() const override { return base::from_unix_ms(1'700'000'000'000) + steady().time_since_epoch(); }
    [[nodiscard]] std::chrono::steady_clock::time_point steady() const override { return time_ += 1us; }
    using Duration = std::chrono::nanoseconds;
    bool sleep_for(Duration duration, const std::stop_token&) override {
        time_ += std::chrono::duration_cast<std::chrono::steady_clock::duration>(duration);
        return true;
    }

private:
    mutable std::chrono::steady_clock::time_point time_{1h};
};

class Performance : public ::testing::Test {
protected:
    Performance() {
        server.answer(kAnything, {});
        moment("7", "1000");
        database(100);
        settings("4096");
    }
    void moment(const std::string& identifier, const std::string& started, const std::string& since = "monday", bool standby = false,
                const std::string& pid = "77") {
        server.answer(kMoment, {{identifier, started, since, standby ? "t" : "f", pid}});
    }
    void database(int commits) {
        testing::ScriptedSession::Rows rows(1, std::vector<std::optional<std::string>>(28, "0"));
        rows[0][0] = "5";
        rows[0][1] = "shop";
        rows[0][2] = std::to_string(commits);
        rows[0][27] = "monday";
        server.answer(kDatabase, rows);
    }
    void settings(const std::string& work_mem) {
        server.answer(kSettings, {{"fsync", "on", "", "default", "0"}, {"work_mem", work_mem, "kB", "configuration file", "0"}});
    }
    Reading collect() {
        auto reading = collector.collect();
        EXPECT_TRUE(reading) << reading.error().to_text();
        return reading ? *std::move(reading) : Reading{};
    }
    Reading after(std::chrono::seconds pause) {
        clock.advance(pause);
        return collect();
    }
    static const domain::Frame* frame(const Reading& reading, std::string_view series) {
        const auto& frames = reading.batch.frames;
        const auto found = std::find_if(frames.begin(), frames.end(), [&](const auto& f) { return f.series == series; });
        return found == frames.end() ? nullptr : &*found;
    }
    static std::int64_t commits(const Reading& reading) {
        const auto* database = frame(reading, "database");
        return database == nullptr ? -1 : std::get<0>(database->find("commits")->values).at(0);
    }
    static std::vector<std::string> kinds(const Reading& reading) {
        std::vector<std::string> names;
        for (const auto& event : reading.batch.events) names.push_back(event.kind);
        return names;
    }
    [[nodiscard]] long asked(const std::string& word) const {
        return std::count_if(server.asked().begin(), server.asked().end(),
                             [&](const std::string& sql) { return sql.find(word) != std::string::npos; });
    }

    base::ManualClock clock;
    testing::ScriptedSession server{150'004};
    TimedSession session{server, clock};
    PerformanceMetricsCollector collector{session, clock, {.host = false}};
};

TEST_F(Performance, ReadsEachViewWithItsOwnPeriod) {
    EXPECT_LE(collector.next(), clock.steady());
    collect();
    EXPECT_EQ(asked(kDatabase), 1);
    EXPECT_EQ(asked("pg_stat_archiver"), 1);
    EXPECT_EQ(asked("datfrozenxid"), 1);
    EXPECT_EQ(asked("pg_stat_io"), 0) << "not there on 15";
    for (const auto& sql : server.asked()) EXPECT_TRUE(domain::is_marked_own(sql)) << sql;
    EXPECT_EQ(collector.next(), clock.steady() + 10s);
    const auto questions = server.asked().size();
    EXPECT_TRUE(after(9s).batch.frames.empty());
    EXPECT_EQ(server.asked().size(), questions) << "nothing is due, nothing is asked";
    after(1s);
    EXPECT_EQ(asked(kDatabase), 2);
    EXPECT_EQ(asked("pg_stat_archiver"), 1);
    for (int i = 0; i < 5; ++i) after(10s);
    EXPECT_EQ(asked(kDatabase), 7);
    EXPECT_EQ(asked("pg_stat_archiver"), 2);
}

TEST_F(Performance, WhatIsDueTogetherStaysTogether) {
    session.way = 7ms;
    collect();
    clock.advance(collector.next() - clock.steady());
    collect();
    EXPECT_EQ(asked(kMoment), 2);
    EXPECT_EQ(asked(kDatabase), 2);
    EXPECT_EQ(asked(kWal), 2);
    EXPECT_GT(collector.next() - clock.steady(), 9s);
}

TEST_F(Performance, TimePassesWhileItLooks) {
    TickingClock ticking;
    PerformanceMetricsCollector real(session, ticking, {.host = false});
    EXPECT_LE(real.next(), ticking.steady());
    ASSERT_TRUE(real.collect());
    EXPECT_EQ(asked(kDatabase), 1);
    EXPECT_GT(real.next(), ticking.steady());
    ticking.sleep_for(real.next() - ticking.steady(), {});
    ASSERT_TRUE(real.collect());
    EXPECT_EQ(asked(kDatabase), 2);
    EXPECT_EQ(asked(kWal), 2);
}

TEST_F(Performance, EverythingOnceIsEverythingAtEachCall) {
    PerformanceMetricsCollector all(session, clock, {.everything = true, .host = false});
    ASSERT_TRUE(all.collect());
    ASSERT_TRUE(all.collect());
    EXPECT_EQ(asked("pg_stat_archiver"), 2);
    EXPECT_EQ(asked("datfrozenxid"), 2);
}

TEST_F(Performance, ALongerIntervalHoldsForAllViews) {
    PerformanceMetricsCollector slow(session, clock, {.interval = 30s, .host = false});
    ASSERT_TRUE(slow.collect());
    EXPECT_EQ(slow.next(), clock.steady() + 30s);
}

TEST_F(Performance, TellsGrowthBetweenReadings) {
    collect();
    database(130);
    const auto reading = after(10s);
    EXPECT_EQ(commits(reading), 30);
    EXPECT_EQ(frame(reading, "database")->end - frame(reading, "database")->start, 10s);
    EXPECT_FALSE(frame(reading, "database")->lower_bound);
    EXPECT_TRUE(reading.batch.events.empty());
    EXPECT_TRUE(reading.failures.empty());
    EXPECT_TRUE(reading.notes.empty());
}

TEST_F(Performance, AViewFailsAlone) {
    collect();
    server.fail(kWal, ErrorKind::permission);
    database(110);
    const auto reading = after(10s);
    ASSERT_EQ(reading.failures.size(), 1U);
    EXPECT_EQ(reading.failures[0].what, "wal");
    EXPECT_EQ(reading.failures[0].error.kind, ErrorKind::permission);
    EXPECT_EQ(commits(reading), 10);
    for (int i = 0; i < 20; ++i) after(10s);
    EXPECT_LE(asked(kWal), 7) << "tried again later and later";
    EXPECT_GE(asked(kDatabase), 22);
}

TEST_F(Performance, AnAnswerThatDoesNotFitIsAFailureOfItsView) {
    server.answer(kWal, {{"1", "2"}});
    const auto reading = collect();
    ASSERT_EQ(reading.failures.size(), 1U);
    EXPECT_EQ(reading.failures[0].what, "wal");
    EXPECT_EQ(reading.failures[0].error.kind, ErrorKind::corrupt);
}

TEST_F(Performance, ALostConnectionEndsTheRoundAndKeepsWhatWasRead) {
    collect();
    database(101);
    server.fail(kWal, ErrorKind::connection);
    const auto questions = server.asked().size();
    const auto reading = after(60s);
    ASSERT_EQ(reading.failures.size(), 1U);
    EXPECT_EQ(commits(reading), 1);
    EXPECT_NE(server.asked().back().find("wal_buffers_full"), std::string::npos);
    EXPECT_LT(server.asked().size() - questions, 25U);
    server.fail(kMoment, ErrorKind::connection);
    clock.advance(60s);
    const auto gone = collector.collect();
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().kind, ErrorKind::connection);
}

TEST_F(Performance, WithoutTheRightToTheIdentifierItGoesOn) {
    server.fail_once(kMoment, ErrorKind::permission);
    server.answer("NULL::bigint, (extract(epoch FROM pg_catalog.pg_postmaster", {{std::nullopt, "1000", "monday", "f", "77"}});
    EXPECT_TRUE(collect().failures.empty());
    EXPECT_EQ(asked(kDatabase), 1);
    after(10s);
    EXPECT_EQ(asked(kMoment), 1) << "it is not asked for again";
}

TEST_F(Performance, StoppedBeforeItBeginsItAsksNothing) {
    std::stop_source stop;
    stop.request_stop();
    const auto reading = collector.collect(stop.get_token());
    ASSERT_FALSE(reading);
    EXPECT_EQ(reading.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(server.asked().empty());
}

TEST_F(Performance, ACleanRestartOf15KeepsTheCounters) {
    collect();
    moment("7", "2000", "monday", false, "78");
    database(130);
    const auto reading = after(10s);
    EXPECT_EQ(kinds(reading), std::vector<std::string>{"restart"});
    EXPECT_EQ(commits(reading), 30);
    EXPECT_FALSE(frame(reading, "database")->lower_bound);
}

TEST_F(Performance, ARestartOf14MayHaveLostTheLastCounts) {
    session.version = 140'011;
    collect();
    moment("7", "2000", "monday", false, "78");
    database(130);
    EXPECT_TRUE(frame(after(10s), "database")->lower_bound);
}

TEST_F(Performance, ACrashMakesLowerBounds) {
    collect();
    moment("7", "1000", "tuesday");
    database(30);
    const auto reading = after(10s);
    EXPECT_EQ(kinds(reading), std::vector<std::string>{"statistics_reset"});
    EXPECT_TRUE(frame(reading, "database")->lower_bound);
    EXPECT_EQ(frame(reading, "database")->rows(), 0U) << "the reset of this row stayed: nothing is known";
}

TEST_F(Performance, AFailoverBeginsAnewAndInflatesNothing) {
    collect();
    moment("8", "2000", "sunday", false, "79");
    database(1'000'000);
    const auto reading = after(10s);
    EXPECT_EQ(kinds(reading), std::vector<std::string>{"failover"});
    EXPECT_EQ(frame(reading, "database")->rows(), 0U);
    EXPECT_TRUE(frame(reading, "database")->lower_bound) << "the time in between is not told as idle";
    database(1'000'001);
    EXPECT_EQ(commits(after(10s)), 1);
}

TEST_F(Performance, AStandbyThatTookOverIsAnotherServerThoughItsIdentifierIsTheSame) {
    collect();
    moment("7", "500", "friday", false, "79");
    database(1'000'000);
    const auto reading = after(10s);
    EXPECT_EQ(kinds(reading), std::vector<std::string>{"restart"});
    EXPECT_EQ(frame(reading, "database")->rows(), 0U);
}

TEST_F(Performance, APromotionInPlaceKeepsTheCounters) {
    moment("7", "1000", "monday", true);
    collect();
    moment("7", "1000", "monday", false);
    database(104);
    const auto reading = after(10s);
    EXPECT_EQ(kinds(reading), std::vector<std::string>{"failover"});
    EXPECT_EQ(commits(reading), 4);
}

TEST_F(Performance, AnUpgradeIsToldAndTheNewVersionsTextsAreUsed) {
    collect();
    session.version = 160'001;
    moment("9", "2000", "sunday", false, "79");
    EXPECT_EQ(kinds(after(10s)), (std::vector<std::string>{"failover", "upgrade"}));
    EXPECT_EQ(asked("pg_stat_io"), 1);
}

TEST_F(Performance, AViewThatCostsTooMuchIsReadLessOftenAndSaysSo) {
    session.way = 30ms;  // a far server is not a slow one
    collect();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(after(10s).notes.empty());
    session.cost[kWal] = 50ms;  // 0.5 % of a core
    const auto before = asked(kWal);
    std::vector<std::string> events;
    std::size_t notes = 0;
    for (int i = 0; i < 60; ++i) {
        const auto reading = after(10s);
        for (const auto& event : reading.batch.events) events.push_back(event.kind + " " + event.subject);
        notes += reading.notes.size();
    }
    EXPECT_EQ(events, std::vector<std::string>{"slowed_down wal"});
    EXPECT_GE(notes, 1U);
    EXPECT_LE(asked(kWal) - before, 4);
    EXPECT_GE(asked(kDatabase), 60);
}

TEST_F(Performance, TheFirstAnswerOnAConnectionIsNotHeldAgainstAView) {
    session.cost[kWal] = 50ms;
    collect();
    session.cost.clear();
    after(10s);
    EXPECT_EQ(asked(kWal), 2);
    session.cost[kWal] = 50ms;
    moment("7", "1000", "monday", false, "78");
    EXPECT_TRUE(kinds(after(10s)).empty());
}

TEST_F(Performance, TimeAtTheServerIsMeasured) {
    session.way = 1ms;
    session.cost[kWal] = 50ms;
    const auto reading = collect();
    EXPECT_DOUBLE_EQ(reading.longest_statement.count(), 51);
    EXPECT_DOUBLE_EQ(reading.server_time.count(), 50.0 + static_cast<double>(server.asked().size()));
}

TEST_F(Performance, ChangedSettingsAreEvents) {
    const auto first = collect();
    EXPECT_NE(frame(first, "settings"), nullptr);
    EXPECT_TRUE(first.batch.events.empty());
    EXPECT_EQ(frame(after(60s), "settings"), nullptr) << "the same settings are not stored again";
    settings("8192");
    const auto reading = after(60s);
    ASSERT_EQ(reading.batch.events.size(), 1U);
    EXPECT_EQ(reading.batch.events[0].kind, "setting_changed");
    EXPECT_EQ(reading.batch.events[0].subject, "work_mem");
    EXPECT_EQ(reading.batch.events[0].text, "work_mem is now '8192' (in kB), it was '4096'.");
    EXPECT_NE(frame(reading, "settings"), nullptr);
}

std::string state_of(const Reading& reading) {
    const auto& state = reading.batch.state;
    EXPECT_EQ(state.size(), 1U);
    if (state.empty()) return "none";
    EXPECT_EQ(state[0].first, "performance");
    return state[0].second;
}

TEST_F(Performance, AnotherProcessGoesOnWhereOneEnded) {
    EXPECT_EQ(state_of(collect()), "") << "from the first round on, what is in the store is used up";
    EXPECT_TRUE(after(10s).batch.state.empty());
    const auto state = state_of(collector.finish());
    const auto ended = clock.now();
    clock.advance(600s);
    database(142);
    PerformanceMetricsCollector next(session, clock, {.host = false});
    next.restore(state);
    const auto reading = next.collect();
    ASSERT_TRUE(reading);
    EXPECT_EQ(commits(*reading), 42);
    EXPECT_EQ(frame(*reading, "database")->start, ended);
    EXPECT_FALSE(frame(*reading, "database")->lower_bound);
    EXPECT_EQ(frame(*reading, "settings"), nullptr) << "they did not change";
}

TEST_F(Performance, SingleRoundsGoOnFromEachOther) {
    std::string state;
    for (const int number : {100, 107, 120}) {
        database(number);
        PerformanceMetricsCollector once(session, clock, {.everything = true, .host = false});
        once.restore(state);
        clock.advance(60s);
        const auto reading = once.collect();
        ASSERT_TRUE(reading);
        state = state_of(*reading);
        EXPECT_EQ(commits(*reading), number == 100 ? -1 : number == 107 ? 7 : 13);
    }
}

TEST_F(Performance, WhatHappenedBetweenTwoProcessesIsSeen) {
    collect();
    const auto state = state_of(collector.finish());
    moment("8", "2000", "sunday");
    database(1'000'000);
    PerformanceMetricsCollector next(session, clock, {.host = false});
    next.restore(state);
    const auto reading = next.collect();
    ASSERT_TRUE(reading);
    EXPECT_EQ(kinds(*reading), std::vector<std::string>{"failover"});
    EXPECT_EQ(frame(*reading, "database")->rows(), 0U);
}

TEST_F(Performance, AStateThatMakesNoSenseIsPassedOver) {
    collect();
    const auto state = state_of(collector.finish());
    database(142);
    for (const auto& text : {std::string(), std::string("x"), std::string("7|1|0\n"), std::string("a|b|c|d|e\n"),
                             state.substr(0, state.size() / 2), std::string("7|1000|0|150004|monday\ndatabase 99999\n")}) {
        PerformanceMetricsCollector next(session, clock, {.host = false});
        next.restore(text);
        const auto reading = next.collect();
        ASSERT_TRUE(reading);
        EXPECT_EQ(commits(*reading), -1) << text;
    }
}

}  // namespace
}  // namespace orrery::collectors
