#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "collectors/performance_metrics_collector.hpp"
#include "collectors/view.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

// The views on a real server, as a role that has pg_monitor and nothing more. Works for every supported major (ORRERY_PG_BIN).
namespace orrery::collectors {
namespace {

pg::SessionOptions as_application() {
    pg::SessionOptions options;
    options.safe_settings = false;
    return options;
}

class PerformanceOnServer : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = pg::PrivateCluster::create(
            {.settings = {{"max_prepared_transactions", "5"}, {"wal_level", "logical"}, {"track_io_timing", "on"}}});
        ASSERT_TRUE(made) << made.error().to_text();
        cluster = std::make_unique<pg::PrivateCluster>(std::move(*made));
        const auto up = cluster->start();
        ASSERT_TRUE(up) << up.error().to_text();
        auto admin = pg::Session::connect(cluster->uri(), as_application());
        ASSERT_TRUE(admin) << admin.error().to_text();
        ASSERT_TRUE(admin->execute("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher"));
    }
    static void TearDownTestSuite() { cluster.reset(); }
    void SetUp() override {
        application.emplace(connect("orrery", as_application()));
        session.emplace(connect("watcher", {.application = "metrics"}));
        collector.emplace(*session, base::system_clock(), PerformanceOptions{.everything = true});
    }
    pg::Session connect(const std::string& role, const pg::SessionOptions& options) const {
        auto opened = pg::Session::connect(cluster->uri_as(role, "postgres"), options);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void run(const std::string& sql) {
        const auto done = application->query(sql);
        ASSERT_TRUE(done) << sql << ": " << done.error().to_text();
    }
    Reading collect() {
        auto reading = collector->collect();
        EXPECT_TRUE(reading) << reading.error().to_text();
        return reading ? *std::move(reading) : Reading{};
    }
    static std::string text_of(const Reading& reading) {
        std::string text;
        for (const auto& failure : reading.failures) text += failure.what + ": " + failure.error.to_text() + "\n";
        return text;
    }
    static const domain::Frame* frame(const Reading& reading, std::string_view series) {
        const auto& frames = reading.batch.frames;
        const auto found = std::find_if(frames.begin(), frames.end(), [&](const auto& f) { return f.series == series; });
        return found == frames.end() ? nullptr : &*found;
    }
    /// The sum of a column over the rows in which a key has a value.
    static std::int64_t sum(const Reading& reading, std::string_view series, std::string_view column, std::string_view key = {},
                            const std::string& value = {}) {
        const auto* found = frame(reading, series);
        if (found == nullptr) return -1;
        const auto& numbers = std::get<0>(found->find(column)->values);
        std::int64_t total = 0;
        for (std::size_t i = 0; i < numbers.size(); ++i)
            if (numbers[i] != domain::kNullInteger && (key.empty() || std::get<2>(found->find(key)->values)[i] == value))
                total += numbers[i];
        return total;
    }

    static std::unique_ptr<pg::PrivateCluster> cluster;
    std::optional<pg::Session> application, session;
    std::optional<PerformanceMetricsCollector> collector;
};
std::unique_ptr<pg::PrivateCluster> PerformanceOnServer::cluster;

TEST_F(PerformanceOnServer, EveryViewAnswersAndWhatHappenedIsTold) {
    const auto first = collect();
    EXPECT_TRUE(first.failures.empty()) << text_of(first);
    EXPECT_EQ(frame(first, "wraparound")->rows(), 3U);
    EXPECT_EQ(frame(first, "database"), nullptr) << "counters have nothing to tell at first";

    run("SELECT pg_create_physical_replication_slot('keeper', true)");
    run("CREATE TABLE t (id int PRIMARY KEY)");
    run("BEGIN");
    run("INSERT INTO t SELECT generate_series(1, 10000)");
    run("PREPARE TRANSACTION 'undecided'");
    for (int i = 0; i < 20; ++i) run("SELECT count(*) FROM pg_class");
    run("SELECT pg_stat_clear_snapshot()");
    run("CHECKPOINT");
    auto waiting = connect("orrery", as_application());
    ASSERT_TRUE(waiting.query("BEGIN"));
    ASSERT_TRUE(waiting.query("LOCK TABLE t IN ROW SHARE MODE"));
    // Sessions hand their counts over when they are idle, once a second at most before 15; a second look finds the rest.
    const auto second = collect();
    EXPECT_TRUE(second.failures.empty()) << text_of(second);
    EXPECT_EQ(sum(second, "prepared_transactions", "count", "datname", "postgres"), 1);
    EXPECT_GE(sum(second, "locks", "count", "mode", "RowShareLock"), 1);
    EXPECT_EQ(sum(second, "connections", "count", "state", "idle in transaction"), 1);
    EXPECT_EQ(sum(second, "replication_slots", "active", "slot", "keeper"), 0);
    EXPECT_GT(sum(second, "wal_position", "written_bytes"), 10'000 * 60);
    EXPECT_EQ(frame(second, "settings"), nullptr) << "nothing changed";
    std::int64_t commits = 0;
    EXPECT_TRUE(testing::eventually([&] {
        const auto reading = collect();
        EXPECT_TRUE(reading.failures.empty()) << text_of(reading);
        commits += std::max<std::int64_t>(sum(reading, "database", "commits", "datname", "postgres"), 0);
        return commits + sum(second, "database", "commits", "datname", "postgres") >= 20;
    }));
    run("ROLLBACK PREPARED 'undecided'");
    for (const auto& column : first.batch.frames.front().columns) EXPECT_EQ(column.size(), first.batch.frames.front().rows());
}

TEST_F(PerformanceOnServer, SettingsThatMayHoldSecretsAreStoredAsHashes) {
    run("ALTER SYSTEM SET primary_conninfo = 'host=standby password=s3cret'");
    run("SELECT pg_reload_conf()");
    run("ALTER ROLE watcher SET session_preload_libraries = 'plpgsql'");  // stands for any extension that has texts for settings
    std::string conninfo, of_extension, plain;
    EXPECT_TRUE(testing::eventually([&] {
        session.emplace(connect("watcher", {.application = "metrics"}));
        collector.emplace(*session, base::system_clock(), PerformanceOptions{.everything = true});
        const auto reading = collect();
        const auto* settings = frame(reading, "settings");
        if (settings == nullptr) return false;
        const auto& names = std::get<std::vector<std::string>>(settings->find("name")->values);
        const auto& values = std::get<std::vector<std::string>>(settings->find("setting")->values);
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i] == "primary_conninfo") conninfo = values[i];
            if (names[i] == "plpgsql.extra_warnings") of_extension = values[i];
            if (names[i] == "log_directory") plain = values[i];
        }
        return !conninfo.empty() && conninfo != "0";
    }));
    EXPECT_EQ(conninfo.find("s3cret"), std::string::npos);
    EXPECT_FALSE(of_extension.empty());
    EXPECT_NE(of_extension, "none");
    EXPECT_EQ(plain, "log");
    run("ALTER ROLE watcher RESET session_preload_libraries");
    run("ALTER SYSTEM RESET primary_conninfo");
    run("SELECT pg_reload_conf()");
}

TEST_F(PerformanceOnServer, EachSettingThatChangedIsAnEvent) {
    collect();
    run("ALTER SYSTEM SET work_mem = '9MB'");
    run("SELECT pg_reload_conf()");
    std::set<std::string> changed;
    EXPECT_TRUE(testing::eventually([&] {
        for (const auto& event : collect().batch.events)
            if (event.kind == "setting_changed") changed.insert(event.subject);
        return !changed.empty();
    }));
    EXPECT_EQ(changed, std::set<std::string>{"work_mem"});
}

TEST_F(PerformanceOnServer, ARestartIsSeenAndInflatesNothing) {
    const auto commits = [&] { return application->query("SELECT sum(xact_commit) FROM pg_stat_database")->integer(0, 0); };
    const auto before = commits();
    collect();
    application.reset();
    ASSERT_TRUE(cluster->stop());
    ASSERT_TRUE(cluster->start());
    // The first question finds the connection dead.
    ASSERT_FALSE(collector->collect());
    const auto reading = collect();
    EXPECT_TRUE(reading.failures.empty()) << text_of(reading);
    ASSERT_FALSE(reading.batch.events.empty());
    EXPECT_EQ(reading.batch.events[0].kind, "restart");
    application.emplace(connect("orrery", as_application()));
    EXPECT_LE(sum(reading, "database", "commits"), commits() - before);
}

TEST_F(PerformanceOnServer, ARightTakenAwayTakesOnlyItsOwnView) {
    collect();
    run("REVOKE pg_monitor FROM watcher");
    const auto reading = collect();
    ASSERT_EQ(reading.failures.size(), 1U) << text_of(reading);
    EXPECT_EQ(reading.failures[0].what, "wal_files");
    EXPECT_EQ(reading.failures[0].error.kind, base::ErrorKind::permission);
    EXPECT_NE(frame(reading, "connections"), nullptr);
    run("GRANT pg_monitor TO watcher");
    EXPECT_TRUE(collect().failures.empty());
}

}  // namespace
}  // namespace orrery::collectors
