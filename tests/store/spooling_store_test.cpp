#include "store/spooling_store.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/folder.hpp"
#include "store/samples.hpp"
#include "store/sqlite_store.hpp"
#include "support/absent_store.hpp"

namespace orrery::store {
namespace {

using namespace store_testing;
using base::ErrorKind;
using base::Result;
using domain::ServerId;

/// The world beyond the network: a store that may be away, or lose its answers.
struct Beyond {
    std::filesystem::path file;
    bool away = false;
    int answers_lost = 0;                 ///< so many writes happen, but their answer is a broken connection
    std::function<void()> after_write{};  ///< once a write has happened, before its answer
    int opened = 0;
};

class RemoteStore final : public testing_support::AbsentStore {
public:
    RemoteStore(Beyond& beyond, SqliteStore store) : beyond_(&beyond), store_(std::move(store)) {}
    Result<ServerId> server(const std::string& target, const std::string& identifier) override {
        return reached([&] { return store_.server(target, identifier); });
    }
    Result<void> save_templates(std::span<const domain::QueryTemplate> templates) override {
        return written([&] { return store_.save_templates(templates); });
    }
    Result<void> save_known_statements(ServerId server, std::span<const domain::KnownStatement> statements) override {
        return written([&] { return store_.save_known_statements(server, statements); });
    }
    Result<std::vector<domain::KnownStatement>> known_statements(ServerId server) override {
        return reached([&] { return store_.known_statements(server); });
    }
    Result<void> append(ServerId server, const domain::QueryLogInterval& interval, const domain::QueryLogCursor& next) override {
        return written([&] { return store_.append(server, interval, next); });
    }
    Result<void> save_cursor(ServerId server, const domain::QueryLogCursor& cursor) override {
        return written([&] { return store_.save_cursor(server, cursor); });
    }
    Result<std::optional<domain::QueryLogCursor>> cursor(ServerId server) override {
        return reached([&] { return store_.cursor(server); });
    }
    Result<std::vector<domain::QueryLogInterval>> intervals(ServerId server, base::WallTime from, base::WallTime to) override {
        return reached([&] { return store_.intervals(server, from, to); });
    }
    Result<void> write(ServerId server, const domain::Batch& batch) override {
        return written([&] { return store_.write(server, batch); });
    }
    Result<std::vector<domain::Frame>> frames(ServerId server, const std::string& series, base::WallTime from, base::WallTime to) override {
        return reached([&] { return store_.frames(server, series, from, to); });
    }
    Result<std::optional<std::string>> state(ServerId server, const std::string& name) override {
        return reached([&] { return store_.state(server, name); });
    }
    Result<bool> lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) override {
        return reached([&] { return store_.lease(name, holder, duration); });
    }
    Result<void> release(const std::string& name, const std::string& holder) override {
        return reached([&] { return store_.release(name, holder); });
    }

private:
    static base::Unexpected broken() { return base::unexpected(ErrorKind::connection, "the store cannot be reached"); }
    template <typename Call>
    auto reached(Call call) -> decltype(call()) {
        if (beyond_->away) return broken();
        return call();
    }
    template <typename Call>
    Result<void> written(Call call) {
        if (beyond_->away) return broken();
        auto outcome = call();
        if (outcome && beyond_->after_write) beyond_->after_write();
        if (outcome && beyond_->answers_lost > 0) {
            --beyond_->answers_lost;
            return broken();
        }
        return outcome;
    }
    Beyond* beyond_;
    SqliteStore store_;
};

SpoolingStore::OpenStore opener(Beyond& beyond, base::Clock& clock) {
    return [&beyond, &clock]() -> Result<std::unique_ptr<domain::Store>> {
        ++beyond.opened;
        if (beyond.away) return base::unexpected(ErrorKind::connection, "the store cannot be reached");
        ORRERY_ASSIGN(auto store, SqliteStore::open(beyond.file, {.clock = &clock}));
        return std::unique_ptr<domain::Store>(std::make_unique<RemoteStore>(beyond, std::move(store)));
    };
}

class SpoolingStoreTest : public testing::Test {
protected:
    SpoolingStore open() {
        auto opened = SpoolingStore::open(opener(beyond, clock), {.file = spool_file(), .clock = &clock});
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    std::filesystem::path spool_file() const { return folder.path() / "state" / "spool.db"; }
    SqliteStore behind() { return SqliteStore::open(beyond.file, {.clock = &clock}).value(); }
    static domain::QueryLogInterval interval(std::int64_t minute) {
        return {.start = at(minute * 60),
                .end = at(minute * 60 + 60),
                .known_exec_ms = static_cast<double>(minute),
                .deltas = {{kOrders, full_counters(minute + 1), false}, {kUsers, full_counters(minute + 2), true}}};
    }
    static domain::QueryLogCursor cursor(std::int64_t minute) {
        return {.taken = at(minute * 60 + 60), .scope = "all", .rows = {{kOrders, full_counters(minute), minute}}};
    }
    /// One minute of a collector's work.
    void collect(domain::Store& store, ServerId server, std::int64_t minute) {
        const auto appended = store.append(server, interval(minute), cursor(minute));
        ASSERT_TRUE(appended) << appended.error().to_text();
        const auto written = store.write(server, {.frames = {tables(minute * 60, minute * 60 + 60)},
                                                  .plans = {plan(minute, 1)},
                                                  .events = {{at(minute), "restart", "server", "It was."}},
                                                  .state = {{"server_log", std::to_string(minute)}}});
        ASSERT_TRUE(written) << written.error().to_text();
        clock.advance(std::chrono::minutes(1));
    }
    void expect_minutes(std::int64_t count) {
        auto store = behind();
        const auto server = store.server("t", "1").value();
        const auto intervals = store.intervals(server, at(0), at(100'000)).value();
        ASSERT_EQ(intervals.size(), static_cast<std::size_t>(count));
        for (std::int64_t minute = 0; minute < count; ++minute) {
            const auto& found = intervals[static_cast<std::size_t>(minute)];
            EXPECT_EQ(found.start, at(minute * 60));
            ASSERT_EQ(found.deltas.size(), 2U);
            EXPECT_EQ(found.deltas[0].counters, full_counters(minute + 1));
        }
        EXPECT_EQ(store.frames(server, "tables", at(0), at(100'000)).value().size(), static_cast<std::size_t>(count));
        EXPECT_EQ(store.events(server, at(0), at(100'000)).value().size(), static_cast<std::size_t>(count));
        EXPECT_EQ(store.state(server, "server_log").value(), std::to_string(count - 1));
        EXPECT_EQ(store.cursor(server).value()->taken, at(count * 60));
    }

    base::ManualClock clock{at(0)};
    base::TemporaryFolder folder = base::TemporaryFolder::create("spooling").value();
    Beyond beyond{.file = folder.path() / "beyond.db"};
};

TEST_F(SpoolingStoreTest, AnHourAwayLosesNothing) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    collect(store, server, 0);
    beyond.away = true;
    const std::vector<domain::KnownStatement> known{{kOrders, kOrdersPrint}};
    const std::vector<domain::QueryTemplate> templates{{kOrdersPrint, "SELECT 1"}};
    for (std::int64_t minute = 1; minute < 61; ++minute) {
        ASSERT_EQ(store.cursor(server).value()->taken, at(minute * 60)) << "the collector goes on from its last round";
        collect(store, server, minute);
        EXPECT_EQ(store.state(server, "server_log").value(), std::to_string(minute));
        if (minute == 30) {
            ASSERT_TRUE(store.save_templates(templates));
            ASSERT_TRUE(store.save_known_statements(server, known));
        }
    }
    EXPECT_EQ(store.known_statements(server).value().size(), 1U);
    EXPECT_EQ(store.workload(server, at(0), at(60), 0).error().kind, ErrorKind::connection) << "history is not to be had";
    beyond.away = false;
    clock.advance(std::chrono::minutes(1));
    collect(store, server, 61);
    expect_minutes(62);
    EXPECT_EQ(behind().known_statements(server).value().size(), 1U);
    EXPECT_EQ(behind().templates().value().at(0).text, "SELECT 1");
    EXPECT_EQ(store.drain().value(), 0);
    EXPECT_LT(std::filesystem::file_size(spool_file()), 100'000U) << "its space is given back";
}

TEST_F(SpoolingStoreTest, ARestartWhileTheStoreIsAwayGoesOnFromTheSpool) {
    ServerId server = 0;
    {
        auto store = open();
        server = store.server("t", "1").value();
        ASSERT_TRUE(store.lease("collect:t", "first", 1min).value());
        collect(store, server, 0);
        beyond.away = true;
        collect(store, server, 1);
    }
    auto store = open();
    EXPECT_EQ(store.server("t", "1").value(), server);
    EXPECT_EQ(store.server("u", "1").error().kind, ErrorKind::connection) << "one that was never met";
    EXPECT_TRUE(store.lease("collect:t", "second", 1min).value());
    EXPECT_EQ(store.lease("collect:u", "second", 1min).error().kind, ErrorKind::connection);
    EXPECT_EQ(store.cursor(server).value()->taken, at(120));
    EXPECT_EQ(store.state(server, "server_log").value(), "1");
    collect(store, server, 2);
    beyond.away = false;
    clock.advance(std::chrono::minutes(5));
    EXPECT_EQ(store.drain().value(), 0);
    expect_minutes(3);
}

TEST_F(SpoolingStoreTest, OneProcessOfAMachineGoesOnWhileTheStoreIsAway) {
    auto first = open(), second = open();
    const auto ask = [](SpoolingStore& store, const char* holder) { return store.lease("collect:t", holder, 1min); };
    ASSERT_TRUE(ask(first, "first").value());
    EXPECT_FALSE(ask(second, "second").value());
    beyond.away = true;
    clock.advance(30s);
    EXPECT_FALSE(ask(second, "second").value()) << "the other one is alive";
    EXPECT_TRUE(ask(first, "first").value());
    clock.advance(50s);
    EXPECT_FALSE(ask(second, "second").value()) << "it has renewed it";
    clock.advance(20s);
    EXPECT_TRUE(ask(second, "second").value()) << "it has not been heard of for a minute";
    EXPECT_FALSE(ask(first, "first").value());
    EXPECT_EQ(second.release("collect:t", "second").error().kind, ErrorKind::connection);
    EXPECT_TRUE(ask(first, "first").value());
}

TEST_F(SpoolingStoreTest, WhoeverAsksBesideAnotherMachinesCollectorGetsNoLease) {
    auto store = open();
    ASSERT_TRUE(behind().lease("collect:t", "elsewhere", 1h).value());
    EXPECT_FALSE(store.lease("collect:t", "here", 1min).value());
    beyond.away = true;
    EXPECT_EQ(store.lease("collect:t", "here", 1min).error().kind, ErrorKind::connection);
}

TEST_F(SpoolingStoreTest, ASpoolOfTheFirstVersionIsGoneOnWith) {
    ServerId server = 0;
    {
        auto store = open();
        server = store.server("t", "1").value();
        beyond.away = true;
        collect(store, server, 0);
        auto file = Database::open(spool_file(), 1s, clock).value();
        ASSERT_TRUE(
            file.execute("DROP TABLE leases; CREATE TABLE leases (name TEXT PRIMARY KEY); "
                         "INSERT INTO leases VALUES ('collect:t'); PRAGMA user_version = 1"));
    }
    {
        auto store = open();
        EXPECT_TRUE(store.lease("collect:t", "second", 1min).value());
    }
    beyond.away = false;
    EXPECT_EQ(open().drain().value(), 0);
    expect_minutes(1);
}

TEST_F(SpoolingStoreTest, PositionsOfAnOldAbsenceAreForgottenWithItsLastItem) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    beyond.away = true;
    ASSERT_TRUE(store.write(server, {.state = {{"server_log", "old"}}}));
    beyond.away = false;
    clock.advance(5min);
    {
        auto queue = Spool::open(spool_file(), clock).value();  // killed after the last item, before anything else
        ASSERT_TRUE(queue.pop(queue.front().value()->number));
    }
    ASSERT_TRUE(store.write(server, {.state = {{"server_log", "new"}}}));
    beyond.away = true;
    ASSERT_TRUE(store.save_templates(std::vector<domain::QueryTemplate>{{{1}, "SELECT"}}));
    EXPECT_EQ(store.state(server, "server_log").value(), "new");
}

TEST_F(SpoolingStoreTest, AWriteWhoseAnswerWasLostCountsOnce) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    collect(store, server, 0);
    for (std::int64_t minute = 1; minute < 8; ++minute) {
        beyond.answers_lost = static_cast<int>(minute % 3);
        collect(store, server, minute);
    }
    clock.advance(std::chrono::minutes(5));
    EXPECT_EQ(store.drain().value(), 0);
    expect_minutes(8);
}

TEST_F(SpoolingStoreTest, KilledAnywhereWhileDrainingItStillCountsOnce) {
    {
        auto store = open();
        const auto server = store.server("t", "1").value();
        beyond.away = true;
        for (std::int64_t minute = 0; minute < 4; ++minute) collect(store, server, minute);
        beyond.away = false;
        clock.advance(std::chrono::minutes(5));
    }
    // The store has taken one more item each time; the spool has not heard of it.
    for (int kill = 0; kill < 10; ++kill) {
        const auto child = ::fork();
        if (child == 0) {
            auto store = open();
            int writes = 0;
            beyond.after_write = [&] {
                if (++writes == 2) ::kill(::getpid(), SIGKILL);
            };
            static_cast<void>(store.drain().has_value());
            ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
    }
    EXPECT_EQ(open().drain().value(), 0);
    expect_minutes(4);
}

TEST_F(SpoolingStoreTest, AnAbsentStoreIsNotAskedAtEveryCall) {
    beyond.away = true;
    auto store = open();
    const auto opened = beyond.opened;
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(store.workload(1, at(0), at(1), 0));
    EXPECT_EQ(beyond.opened, opened);
    clock.advance(std::chrono::minutes(2));
    EXPECT_FALSE(store.workload(1, at(0), at(1), 0));
    EXPECT_EQ(beyond.opened, opened + 1);
}

TEST_F(SpoolingStoreTest, WhatAnotherCollectorHasWrittenMeanwhileStays) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    beyond.away = true;
    collect(store, server, 0);
    collect(store, server, 1);
    auto longer = interval(0);
    longer.end = at(90);
    ASSERT_TRUE(behind().append(server, longer, cursor(0)));
    beyond.away = false;
    clock.advance(std::chrono::minutes(5));
    EXPECT_EQ(store.drain().value(), 0) << "the queue is not stuck";
    const auto kept = behind().intervals(server, at(0), at(1'000)).value();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].end, at(90));
    EXPECT_EQ(behind().frames(server, "tables", at(0), at(1'000)).value().size(), 2U);
    ASSERT_FALSE(store.append(server, interval(1), cursor(1))) << "unspooled, the collector hears of it";
}

TEST_F(SpoolingStoreTest, AFullDiskIsAClearError) {
    const auto child = ::fork();
    if (child == 0) {
        auto store = open();
        const auto server = store.server("t", "1").value();
        beyond.away = true;
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{150'000, 150'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        for (std::int64_t minute = 0; minute < 2'000; ++minute) {
            const auto appended = store.append(server, interval(minute), cursor(minute));
            if (appended) continue;
            const auto text = appended.error().to_text();
            const bool clear = appended.error().kind == ErrorKind::io && text.find("spool") != std::string::npos &&
                               text.find("cannot be reached") != std::string::npos && !appended.error().hint.empty();
            ::_exit(clear && minute > 1 ? 0 : 1);
        }
        ::_exit(2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST_F(SpoolingStoreTest, AnErrorThatIsNoAbsenceIsNotSpooled) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    auto lame = tables(0, 10);
    std::get<0>(lame.columns[1].values).pop_back();
    EXPECT_FALSE(store.write(server, {.frames = {lame}}));
    EXPECT_EQ(store.drain().value(), 0);
}

TEST_F(SpoolingStoreTest, AStoreThatCannotBeUsedIsAnErrorAtOnce) {
    const auto newer = []() -> Result<std::unique_ptr<domain::Store>> {
        return base::unexpected(ErrorKind::unsupported, "the store was written by a newer Orrery");
    };
    EXPECT_EQ(SpoolingStore::open(newer, {.file = spool_file(), .clock = &clock}).error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace orrery::store
