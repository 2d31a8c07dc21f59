#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "collectors/session_sampler.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "sql/statement.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

namespace orrery::collectors {
namespace {

using testing::eventually;

/// One server for all tests; the observer is a role with pg_monitor, the application another one.
class SamplerOnServer : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = pg::PrivateCluster::create({});
        ASSERT_TRUE(made) << made.error().to_text();
        cluster_.emplace(std::move(*made));
        const auto up = cluster_->start();
        ASSERT_TRUE(up) << up.error().to_text();
        auto admin = application();
        for (const char* sql : {"CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher", "CREATE SCHEMA shop",
                                "CREATE TABLE shop.orders AS SELECT g AS id, 0 AS n FROM generate_series(1, 100) AS g"}) {
            const auto done = admin.execute(sql);
            ASSERT_TRUE(done) << done.error().to_text();
        }
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    void SetUp() override {
        auto connected = pg::Session::connect(cluster_->uri_as("watcher", "postgres"), {.application = "collect"});
        ASSERT_TRUE(connected) << connected.error().to_text();
        observer_.emplace(std::move(*connected));
        sampler_.emplace(*observer_, base::system_clock(), options_);
    }
    static pg::Session application(const std::string& role = "orrery") {
        auto made = pg::Session::connect(cluster_->uri_as(role, "postgres"), {.application = "web", .safe_settings = false});
        EXPECT_TRUE(made) << made.error().to_text();
        return std::move(*made);
    }
    static void must(pg::Session& session, const std::string& sql) {
        const auto done = session.execute(sql);
        ASSERT_TRUE(done) << sql << done.error().to_text();
    }
    void sample() {
        const auto taken = sampler_->sample();
        ASSERT_TRUE(taken) << taken.error().to_text();
    }
    /// Rows of a frame in words: "Timeout PgSleep active".
    static std::vector<std::string> rows(const Reading& reading, const std::string& series, const std::vector<std::string>& columns) {
        std::vector<std::string> found;
        for (const auto& frame : reading.batch.frames) {
            if (frame.series != series) continue;
            for (std::size_t row = 0; row < frame.rows(); ++row) {
                std::string words;
                for (const auto& column : columns) {
                    if (!words.empty()) words += ' ';
                    words += std::get<std::vector<std::string>>(frame.find(column)->values)[row];
                }
                found.push_back(words);
            }
        }
        return found;
    }
    static bool holds(const std::vector<std::string>& rows, const std::string& wanted) {
        return std::find(rows.begin(), rows.end(), wanted) != rows.end();
    }
    static bool running(const std::string& what) {
        static auto looker = application();
        return looker.query("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND " + what)->integer(0, 0) > 0;
    }

    static std::optional<pg::PrivateCluster> cluster_;
    SessionSamplerOptions options_{.stretch = std::chrono::hours(1)};
    std::optional<pg::Session> observer_;
    std::optional<SessionSampler> sampler_;
};
std::optional<pg::PrivateCluster> SamplerOnServer::cluster_;

TEST_F(SamplerOnServer, SeesWhatSessionsDoAndNotItself) {
    auto sleeper = application();
    const int pid = sleeper.backend_pid();
    const std::string sql = "SELECT pg_sleep(600), 'secret'";
    std::jthread asleep([&] { EXPECT_FALSE(sleeper.execute(sql)); });
    ASSERT_TRUE(eventually([&] { return running("wait_event = 'PgSleep'"); }));
    sample();
    sample();
    const auto reading = sampler_->finish();
    auto admin = application();
    must(admin, "SELECT pg_terminate_backend(" + std::to_string(pid) + ")");
    asleep.join();
    EXPECT_TRUE(reading.failures.empty()) << reading.failures.front().what << reading.failures.front().error.to_text();
    EXPECT_TRUE(reading.notes.empty());
    const auto seen = rows(reading, "sessions", {"wait_class", "wait_event", "fingerprint", "datname", "usename", "state"});
    EXPECT_TRUE(holds(seen, "Timeout PgSleep " + sql::fingerprint(sql)->hex() + " postgres orrery active"))
        << ::testing::PrintToString(seen);
    for (const auto& row : seen) EXPECT_EQ(row.find("watcher"), std::string::npos) << row;
    EXPECT_GT(reading.server_time.count(), 0);
    EXPECT_GE(reading.server_time, reading.longest_statement);
}

TEST_F(SamplerOnServer, NamesWhoIdlesInATransactionThatOthersWaitFor) {
    sampler_.emplace(*observer_, base::system_clock(),
                     SessionSamplerOptions{.stretch = std::chrono::hours(1), .lock_wait = std::chrono::milliseconds(1)});
    auto holder = application();
    must(holder, "BEGIN; UPDATE shop.orders SET n = 1 WHERE id = 1");
    auto first = application(), second = application();
    std::jthread waits([&] { EXPECT_TRUE(first.execute("UPDATE shop.orders SET n = 2 WHERE id = 1")); });
    ASSERT_TRUE(eventually([&] { return running("wait_event = 'transactionid'"); }));
    std::jthread waits_too([&] { EXPECT_TRUE(second.execute("UPDATE shop.orders SET n = 3 WHERE id = 1")); });
    ASSERT_TRUE(eventually([&] { return running("wait_event = 'tuple'"); }));
    sample();
    base::system_clock().sleep_for(std::chrono::milliseconds(200), {});
    sample();
    const auto reading = sampler_->finish();
    must(holder, "ROLLBACK");
    waits.join();
    waits_too.join();
    EXPECT_TRUE(reading.failures.empty()) << reading.failures.front().what << reading.failures.front().error.to_text();
    const auto seen = rows(reading, "blocking", {"datname", "usename", "lock_type", "mode", "relation", "root_state", "root_user"});
    ASSERT_EQ(seen.size(), 2U) << ::testing::PrintToString(seen);
    EXPECT_EQ(seen[0], "postgres orrery transactionid ShareLock shop.orders idle in transaction orrery");
    EXPECT_EQ(seen[1], "postgres orrery tuple ExclusiveLock shop.orders idle in transaction orrery");
    const auto sessions = rows(reading, "sessions", {"wait_class", "wait_event", "state"});
    EXPECT_TRUE(holds(sessions, "Client ClientRead idle in transaction")) << ::testing::PrintToString(sessions);
    EXPECT_TRUE(holds(sessions, "Lock transactionid active"));
    ASSERT_FALSE(reading.batch.events.empty());
    EXPECT_EQ(reading.batch.events.front().subject, "shop.orders");
    EXPECT_NE(reading.batch.events.front().text.find(std::to_string(holder.backend_pid())), std::string::npos)
        << reading.batch.events.front().text;
}

TEST_F(SamplerOnServer, NeverWaitsBehindAnExclusiveLock) {
    auto holder = application();
    must(holder, "BEGIN; LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE");
    auto other = application();
    std::jthread waits([&] { EXPECT_TRUE(other.execute("SELECT count(*) FROM shop.orders")); });
    ASSERT_TRUE(eventually([&] { return running("wait_event = 'relation'"); }));
    const base::Stopwatch watch(base::system_clock());
    sample();
    EXPECT_LT(watch.seconds(), 5);
    const auto reading = sampler_->finish();
    must(holder, "COMMIT");
    waits.join();
    EXPECT_TRUE(reading.failures.empty()) << reading.failures.front().what << reading.failures.front().error.to_text();
    EXPECT_EQ(rows(reading, "blocking", {"mode", "relation"}), std::vector<std::string>{"AccessShareLock shop.orders"});
}

TEST_F(SamplerOnServer, GoesOnAfterItsSessionWasKilled) {
    sample();
    auto admin = application();
    must(admin, "SELECT pg_terminate_backend(" + std::to_string(observer_->backend_pid()) + ")");
    ASSERT_TRUE(eventually([&] { return !running("usename = 'watcher'"); }));
    const auto lost = sampler_->sample();
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind, base::ErrorKind::connection);
    sample();
    const auto reading = sampler_->finish();
    ASSERT_EQ(reading.batch.frames.size(), 1U);
    EXPECT_EQ(std::get<std::vector<std::int64_t>>(reading.batch.frames[0].find("taken")->values).front(), 2);
}

TEST_F(SamplerOnServer, SaysSoWhenItsRightsAreTakenAway) {
    auto busy = application();
    sample();
    EXPECT_TRUE(sampler_->take().notes.empty());
    auto admin = application();
    must(admin, "REVOKE pg_monitor FROM watcher");
    sample();
    auto reading = sampler_->take();
    ASSERT_EQ(reading.notes.size(), 1U);
    EXPECT_NE(reading.notes[0].find("GRANT pg_monitor"), std::string::npos);
    must(admin, "REVOKE EXECUTE ON FUNCTION pg_stat_get_activity(integer) FROM public");
    const auto refused = sampler_->sample();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::permission);
    must(admin, "GRANT EXECUTE ON FUNCTION pg_stat_get_activity(integer) TO public; GRANT pg_monitor TO watcher");
    sample();
    EXPECT_TRUE(sampler_->finish().notes.empty());
}

TEST_F(SamplerOnServer, APoolerMayHandItAnotherServerProcess) {
    sample();
    must(*observer_, "DEALLOCATE ALL");
    sample();
    sample();
    EXPECT_TRUE(sampler_->finish().failures.empty());
}

}  // namespace
}  // namespace orrery::collectors
