#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "collectors/calibration_run.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_context_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

namespace orrery::collectors {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename T>
T take(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_text());
    return std::move(result).value();
}

void must(const base::Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().to_text());
}

void collect_types(const domain::PlanNode& node, std::set<std::string>& types) {
    types.insert(node.strategy.empty() ? node.type : node.strategy + " " + node.type);
    for (const auto& child : node.children) collect_types(child, types);
}

std::set<std::string> types_of(const domain::Plan& plan) {
    std::set<std::string> types;
    collect_types(plan.root, types);
    return types;
}

class CalibrationTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { start(); }
    static void TearDownTestSuite() { cluster_.reset(); }
    static void start() {
        cluster_ = std::make_unique<pg::PrivateCluster>(take(pg::PrivateCluster::create({.settings = {{"autovacuum", "off"}}})));
        must(cluster_->start());
        must(admin("postgres").execute("CREATE ROLE watcher LOGIN; CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader"));
        must(admin("postgres").execute("CREATE DATABASE shop"));
        must(admin("postgres").execute("CREATE DATABASE nothing"));
        must(admin("shop").execute(
            "CREATE TABLE items (id bigint PRIMARY KEY, scattered int, label text);"
            "INSERT INTO items SELECT i, (i * 7919::bigint) % 100003, 'label ' || i FROM generate_series(1, 150000) i;"
            "CREATE INDEX items_scattered ON items (scattered);"
            "CREATE TABLE \"Odd Orders\" (id int PRIMARY KEY, note text);"
            "INSERT INTO \"Odd Orders\" SELECT i, repeat('n', 60) FROM generate_series(1, 20000) i;"
            "CREATE TABLE tags (name text PRIMARY KEY, uses int);"
            "INSERT INTO tags SELECT 'tag' || i, i FROM generate_series(1, 3000) i"));
        must(admin("shop").execute("VACUUM ANALYZE"));
    }
    static pg::Session admin(const std::string& database) {
        return take(pg::Session::connect(cluster_->uri(database), {.safe_settings = false}));
    }
    static pg::Session observer(const std::string& database, const std::string& role = "orrery") {
        return take(pg::Session::connect(cluster_->uri_as(role, database), {.application = "calibrate"}));
    }
    static std::vector<Probe> probes_of(domain::SqlSession& session) {
        const auto catalog = take(pg::read_catalog(session, {.statistics = false}));
        return choose_probes(catalog, take(pg::read_plan_context(session)));
    }
    static base::Result<CalibrationRun> run(domain::SqlSession& session, const CalibrationLimits& limits = kGenerous,
                                            const std::stop_token& stop = {},
                                            const std::function<void(std::size_t, const Probe&)>& progress = {}) {
        return run_probes(session, probes_of(session), limits, base::system_clock(), stop, progress);
    }
    static constexpr CalibrationLimits kGenerous{std::chrono::seconds(60), 1'000'000, std::chrono::seconds(10), 50};
    static inline std::unique_ptr<pg::PrivateCluster> cluster_;
};

TEST_F(CalibrationTest, EveryProbeGetsThePlanThatItIsFor) {
    auto session = observer("shop");
    const auto report = take(run(session));
    EXPECT_EQ(report.stopped, "");
    EXPECT_THAT(report.skipped, IsEmpty());
    std::map<std::string, std::set<std::string>> seen;
    for (const auto& measured : report.measured) {
        const auto types = types_of(measured.plan);
        seen[measured.probe.name] = types;
        EXPECT_LT(measured.plan.total_cost().value, 1e9) << "a switched off node: " << measured.probe.sql;
        EXPECT_GT(measured.plain_ms, 0) << measured.probe.name;
        ASSERT_TRUE(measured.plan.root.buffers);
        EXPECT_LE(measured.plan.root.buffers->shared_hit + measured.plan.root.buffers->shared_read, measured.probe.pages + 10)
            << measured.probe.name << ": more pages than foreseen";
        EXPECT_EQ(measured.plan.root.buffers->temp_written, 0) << measured.probe.name << ": nothing may be written";
    }
    for (const auto& [start, type] :
         std::vector<std::pair<std::string, std::string>>{{"look-ups by key in items", "Index Scan"},
                                                          {"look-ups by key in items", "Nested Loop"},
                                                          {"look-ups by key in tags", "Index Scan"},
                                                          {"rows at scattered places of items", "Tid Scan"},
                                                          {"rows at neighbouring places of items", "Tid Scan"},
                                                          {"range of 1000 rows along items_pkey and the rows of items", "Index Scan"},
                                                          {"range of 2000 rows along items_scattered and the rows of items", "Index Scan"},
                                                          {"keys of 10000 rows along items_pkey of items", "Index Only Scan"},
                                                          {"bitmap of 10000 keys of items", "Bitmap Heap Scan"},
                                                          {"all rows of items", "Seq Scan"},
                                                          {"conditions on all rows of items", "Seq Scan"},
                                                          {"many look-ups by key in items", "Index Scan"},
                                                          {"many look-ups in the index by key of items", "Index Only Scan"},
                                                          {"a hash join with itself of Odd Orders", "Hash Join"},
                                                          {"a sort of Odd Orders", "Sort"},
                                                          {"groups of Odd Orders", "Hashed Aggregate"},
                                                          {"merge join of numbers", "Merge Join"},
                                                          {"nested loop of numbers", "Nested Loop"},
                                                          {"sorted groups of numbers", "Sorted Aggregate"},
                                                          {"few groups of numbers", "Hashed Aggregate"},
                                                          {"window over numbers", "WindowAgg"},
                                                          {"distinct numbers", "Unique"},
                                                          {"numbers read twice", "CTE Scan"}}) {
        ASSERT_TRUE(seen.contains(start)) << start;
        EXPECT_THAT(seen[start], Contains(type)) << start;
    }
    EXPECT_GT(report.pages, 0);
}

TEST_F(CalibrationTest, LeavesNoTraceButStatistics) {
    auto session = observer("shop");
    take(run(session));
    const auto now =
        take(session.query("SELECT current_setting('enable_seqscan'), current_setting('transaction_read_only'),"
                           " (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation > 16383)"));
    EXPECT_EQ(now.text(0, 0), "on");
    EXPECT_EQ(now.integer(0, 2), 0);
}

TEST_F(CalibrationTest, AnEmptyDatabaseStillTellsOfSortsAndJoins) {
    auto session = observer("nothing");
    const auto report = take(run(session));
    EXPECT_EQ(report.stopped, "");
    EXPECT_GT(report.measured.size(), 10U);
    EXPECT_EQ(report.pages, 0);
}

TEST_F(CalibrationTest, WithoutRightsTablesAreSkipped) {
    auto session = observer("shop", "watcher");
    const auto report = take(run(session));
    EXPECT_EQ(report.stopped, "");
    ASSERT_FALSE(report.skipped.empty());
    EXPECT_THAT(report.skipped.front().why, HasSubstr("permission denied"));
    EXPECT_GT(report.measured.size(), 10U);
    for (const auto& measured : report.measured) EXPECT_EQ(measured.probe.table.name, "");
}

TEST_F(CalibrationTest, ALockedTableIsNotWaitedFor) {
    auto session = observer("shop");
    const auto probes = probes_of(session);
    auto locker = admin("shop");
    must(locker.execute("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE"));
    const auto report = take(run_probes(session, probes, kGenerous, base::system_clock(), {}));
    must(locker.execute("ROLLBACK"));
    EXPECT_EQ(report.skipped.size(), 1U) << "asked once";
    for (const auto& measured : report.measured) EXPECT_NE(measured.probe.table.name, "items");
    EXPECT_TRUE(std::any_of(report.measured.begin(), report.measured.end(), [](const auto& m) { return m.probe.table.name == "tags"; }));
}

TEST_F(CalibrationTest, StopsWhenTheServerIsBusy) {
    auto session = observer("shop", "reader");
    {
        // A role that may not see what others do is told of.
        auto idle = admin("shop");
        const auto report = take(run(session, {.busy_sessions = 1}));
        EXPECT_FALSE(report.sees_sessions);
        EXPECT_FALSE(report.measured.empty());
    }
    auto seeing = observer("shop");
    std::jthread other([&] { (void)admin("shop").query("SELECT pg_sleep(3)"); });
    auto looker = admin("shop");
    for (int i = 0; i < 500; ++i)
        if (take(looker.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"))
                .integer(0, 0) == 1)
            break;
    const auto report = take(run(seeing, {.busy_sessions = 1}));
    (void)looker.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'");
    EXPECT_THAT(report.stopped, HasSubstr("at work"));
    EXPECT_THAT(report.measured, IsEmpty());
}

TEST_F(CalibrationTest, KeepsItsBudgets) {
    auto session = observer("shop");
    auto report = take(run(session, {.pages = 5000, .busy_sessions = 50}));
    EXPECT_THAT(report.stopped, HasSubstr("pages"));
    EXPECT_LE(report.pages, 5000);
    report = take(run(session, {.time = std::chrono::milliseconds(0), .busy_sessions = 50}));
    EXPECT_THAT(report.stopped, HasSubstr("time"));
    EXPECT_THAT(report.measured, IsEmpty());
    report = take(run(session, {.probe_timeout = std::chrono::milliseconds(1), .busy_sessions = 50}));
    EXPECT_THAT(report.stopped, HasSubstr("longer than foreseen"));
    EXPECT_TRUE(session.query("SELECT 1").has_value()) << "the session is of use afterwards";
}

TEST_F(CalibrationTest, AStopRequestEndsIt) {
    auto session = observer("shop");
    std::stop_source stop;
    const auto stopped = run(session, kGenerous, stop.get_token(), [&](std::size_t done, const Probe&) {
        if (done == 3) stop.request_stop();
    });
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.error().kind, base::ErrorKind::cancelled);
}

TEST_F(CalibrationTest, AServerThatDiesIsAnError) {
    auto session = observer("shop");
    const auto died = run(session, kGenerous, {}, [&](std::size_t done, const Probe&) {
        if (done == 5) must(cluster_->stop(pg::PrivateCluster::StopMode::immediate));
    });
    ASSERT_FALSE(died.has_value());
    EXPECT_EQ(died.error().kind, base::ErrorKind::connection);
    must(cluster_->start());
}

}  // namespace
}  // namespace orrery::collectors
