#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/folder.hpp"
#include "engine/doctor.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

namespace orrery::engine {
namespace {

constexpr auto kSchema = R"sql(
CREATE EXTENSION pg_stat_statements;
CREATE ROLE app LOGIN; CREATE ROLE "watch er" LOGIN; GRANT pg_monitor TO "watch er";
CREATE ROLE reader LOGIN; GRANT pg_monitor TO reader;
CREATE ROLE stranger LOGIN;
CREATE SCHEMA shop AUTHORIZATION app;
SET ROLE app;
CREATE TABLE shop.items (id int PRIMARY KEY, v int); INSERT INTO shop.items SELECT g, g % 3 FROM generate_series(1, 500) g;
CREATE TABLE shop.log (day date) PARTITION BY RANGE (day);
CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO shop.log SELECT '2024-02-01' FROM generate_series(1, 100);
CREATE TABLE shop.fresh (id int);
RESET ROLE;
GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader;
GRANT SELECT ON pg_statistic, pg_statistic_ext_data TO reader;
ANALYZE shop.items; ANALYZE shop.log_1;
)sql";

class DoctorTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made =
            pg::PrivateCluster::create({.settings = {{"shared_preload_libraries", "pg_stat_statements"}, {"track_io_timing", "off"}}});
        ASSERT_TRUE(made) << made.error().to_text();
        cluster_.emplace(std::move(*made));
        const auto up = cluster_->start();
        ASSERT_TRUE(up) << up.error().to_text();
        auto admin = session("orrery", false);
        const auto filled = admin.execute(kSchema);
        ASSERT_TRUE(filled) << filled.error().to_text();
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static pg::Session session(const std::string& role, bool read_only = true) {
        auto made = pg::Session::connect(cluster_->uri_as(role, "postgres"),
                                         {.application = "doctor", .read_only = read_only, .search_path = read_only ? "pg_catalog" : ""});
        EXPECT_TRUE(made) << made.error().to_text();
        return std::move(*made);
    }
    static DoctorReport examined(const std::string& role) {
        auto connection = session(role);
        const auto report = examine_target(connection);
        EXPECT_TRUE(report) << report.error().to_text();
        if (!report) return {};
        for (const auto& panel : report->panels) {
            EXPECT_NE(panel.why.empty(), panel.state != PanelState::ok) << panel.name << panel.why;
            // Without the right to read settings it cannot be told which libraries are loaded.
            if (panel.name == "plans in the log") continue;
            EXPECT_NE(panel.state, PanelState::unknown) << panel.name << ": " << panel.why;
        }
        return *report;
    }
    /// Does what a panel says, as a superuser.
    static void follow(const DoctorPanel& panel) { follow(panel.unlock); }
    static void follow(const std::vector<std::string>& steps) {
        auto admin = session("orrery", false);
        for (const auto& step : steps) {
            if (step.starts_with("--")) continue;
            const auto done = admin.execute(step);
            EXPECT_TRUE(done) << step << done.error().to_text();
        }
    }
    static void must(const std::string& sql) {
        auto admin = session("orrery", false);
        const auto done = admin.execute(sql);
        ASSERT_TRUE(done) << done.error().to_text();
    }

    static std::optional<pg::PrivateCluster> cluster_;
};
std::optional<pg::PrivateCluster> DoctorTest::cluster_;

TEST_F(DoctorTest, ASuperuserSeesEverything) {
    const auto report = examined("orrery");
    EXPECT_EQ(report.role, "orrery");
    for (const char* name : {"server version", "role", "primary or standby", "pg_stat_statements", "query identifiers", "statistics",
                             "schema", "rights to apply", "server programs", "invalid indexes"})
        EXPECT_EQ(report.find(name)->state, PanelState::ok) << name << ": " << report.find(name)->seen;
    EXPECT_EQ(report.find("I/O timing")->state, PanelState::partial);
}

TEST_F(DoctorTest, AMonitorSeesStatementsButNoTables) {
    const auto report = examined("watch er");
    EXPECT_EQ(report.find("role")->state, PanelState::ok);
    EXPECT_EQ(report.find("pg_stat_statements")->state, PanelState::ok);
    EXPECT_EQ(report.find("schema")->state, PanelState::missing);
    EXPECT_EQ(report.find("statistics")->state, PanelState::missing);
    EXPECT_EQ(report.find("rights to apply")->state, PanelState::missing);
    EXPECT_EQ(report.find("rights to apply")->unlock, std::vector<std::string>{"GRANT app TO \"watch er\";"});
    const auto reader = examined("reader");
    EXPECT_EQ(reader.find("schema")->state, PanelState::ok);
    EXPECT_EQ(reader.find("statistics")->state, PanelState::ok);
    EXPECT_EQ(reader.find("rights to apply")->state, PanelState::missing);
}

TEST_F(DoctorTest, TheOwnerMayApply) {
    const auto report = examined("app");
    EXPECT_EQ(report.find("rights to apply")->state, PanelState::ok) << report.find("rights to apply")->seen;
    EXPECT_EQ(report.find("role")->state, PanelState::missing);
    EXPECT_EQ(report.find("statistics")->state, PanelState::partial);
}

TEST_F(DoctorTest, FollowingTheAdviceUnlocksThePanels) {
    must("CREATE ROLE \"New \"\"One\" LOGIN");
    const std::string role = "New \"One";
    auto report = examined(role);
    EXPECT_EQ(report.find("role")->state, PanelState::missing);
    EXPECT_EQ(report.find("pg_stat_statements")->state, PanelState::partial);
    // The cluster's own settings and this machine are no matter of this role.
    const std::set<std::string> settings{"I/O timing",       "WAL timing", "statement length", "checksums",
                                         "plans in the log", "server log", "server programs"};
    // Twice: with its first rights a role may see what was hidden before.
    for (int times = 0; times < 2; ++times) {
        for (const auto& panel : report.panels)
            if (!settings.contains(panel.name)) follow(panel);
        follow(report.tier(Tier::helpers).sql);
        report = examined(role);
    }
    for (const auto& panel : report.panels) {
        if (settings.contains(panel.name)) continue;
        EXPECT_EQ(panel.state, PanelState::ok) << panel.name << ": " << panel.seen;
    }
}

TEST_F(DoctorTest, TheScriptsOfTheTiersMakeTheRolesAndMayBeRunAgain) {
    auto admin = session("orrery");
    const auto before = examine_target(admin, {.find_programs = {}, .role = "Tier \"Watcher\""});
    ASSERT_TRUE(before) << before.error().to_text();
    const auto for_applier = examine_target(admin);
    ASSERT_TRUE(for_applier);
    for (int times = 0; times < 2; ++times) {
        for (const auto tier : {Tier::observe, Tier::helpers, Tier::advise}) follow(before->tier(tier).sql);
        follow(for_applier->tier(Tier::apply).sql);
    }
    const auto watcher = examined("Tier \"Watcher\"");
    for (const char* name :
         {"role", "databases", "pg_stat_statements", "helper functions", "statistics", "schema", "I/O timing", "WAL timing"})
        EXPECT_EQ(watcher.find(name)->state, PanelState::ok) << name << ": " << watcher.find(name)->seen;
    EXPECT_EQ(examined("orrery_apply").find("rights to apply")->state, PanelState::ok);
    EXPECT_EQ(watcher.find("rights to apply")->state, PanelState::missing);
    must("ALTER SYSTEM RESET ALL");
    must("SELECT pg_reload_conf()");
}

TEST_F(DoctorTest, TablesWithoutStatisticsAreFoundAndEmptyOnesLeftInPeace) {
    must(
        "CREATE TABLE shop.raw (x int); INSERT INTO shop.raw SELECT generate_series(1, 3000); CREATE INDEX ON shop.raw (x)");  // has
                                                                                                                               // reltuples,
                                                                                                                               // no
                                                                                                                               // statistics
    must(
        "CREATE TABLE shop.tree (day date) PARTITION BY RANGE (day); CREATE TABLE shop.tree_1 PARTITION OF shop.tree DEFAULT;"
        "INSERT INTO shop.tree SELECT '2024-02-01' FROM generate_series(1, 100)");
    must("ANALYZE shop.tree_1");
    auto report = examined("orrery");
    const auto* panel = report.find("analyzed tables");
    EXPECT_EQ(panel->state, PanelState::partial);
    EXPECT_NE(panel->seen.find("shop.raw"), std::string::npos) << panel->seen;
    EXPECT_NE(panel->seen.find("shop.tree"), std::string::npos) << panel->seen;
    EXPECT_EQ(panel->seen.find("shop.fresh"), std::string::npos) << panel->seen;
    EXPECT_EQ(panel->seen.find("shop.items"), std::string::npos) << panel->seen;
    follow(*panel);
    report = examined("orrery");
    EXPECT_EQ(report.find("analyzed tables")->state, PanelState::ok) << report.find("analyzed tables")->seen;
}

TEST_F(DoctorTest, AnIndexLeftInvalidIsFound) {
    auto admin = session("orrery", false);
    EXPECT_FALSE(admin.execute("CREATE UNIQUE INDEX CONCURRENTLY items_v ON shop.items (v)"));
    auto report = examined("orrery");
    const auto* panel = report.find("invalid indexes");
    EXPECT_EQ(panel->state, PanelState::partial);
    EXPECT_EQ(panel->unlock, std::vector<std::string>{"DROP INDEX CONCURRENTLY shop.items_v;"});
    follow(*panel);
    report = examined("orrery");
    EXPECT_EQ(report.find("invalid indexes")->state, PanelState::ok);
}

TEST_F(DoctorTest, AnExtensionThatIsNotCreatedIsNamed) {
    must("CREATE DATABASE bare");
    auto connection = pg::Session::connect(cluster_->uri("bare"));
    ASSERT_TRUE(connection);
    const auto report = examine_target(*connection);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->find("pg_stat_statements")->state, PanelState::missing);
    EXPECT_EQ(report->find("pg_stat_statements")->unlock, std::vector<std::string>{"CREATE EXTENSION pg_stat_statements;"});
    EXPECT_EQ(report->find("schema")->state, PanelState::partial);
}

TEST_F(DoctorTest, AStandbyIsObservedButNotChanged) {
    auto made = pg::PrivateCluster::create({.settings = {{"max_connections", "100"}}});
    ASSERT_TRUE(made) << made.error().to_text();
    ASSERT_TRUE(base::write_file(made->data_folder() / "standby.signal", ""));
    const auto up = made->start();
    ASSERT_TRUE(up) << up.error().to_text();
    auto connection = pg::Session::connect(made->uri());
    ASSERT_TRUE(connection) << connection.error().to_text();
    const auto report = examine_target(*connection);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_TRUE(report->standby);
    EXPECT_EQ(report->find("primary or standby")->state, PanelState::partial);
    EXPECT_EQ(report->find("rights to apply")->state, PanelState::missing);
    EXPECT_EQ(report->find("pg_stat_statements")->unlock.front(), "-- on the primary:");
    for (const auto& panel : report->panels) EXPECT_NE(panel.state, PanelState::unknown) << panel.name << panel.why;
}

TEST_F(DoctorTest, ItsOwnAdviceToLoadTheLibraryLoadsIt) {
    auto made = pg::PrivateCluster::create({.settings = {{"shared_preload_libraries", "auto_explain"}}});
    ASSERT_TRUE(made) << made.error().to_text();
    auto& cluster = *made;
    ASSERT_TRUE(cluster.start());
    auto admin = pg::Session::connect(cluster.uri(), {.read_only = false, .search_path = ""});
    ASSERT_TRUE(admin);
    const auto before = examine_target(*admin);
    ASSERT_TRUE(before);
    const auto steps = before->find("pg_stat_statements")->unlock;
    ASSERT_EQ(steps.size(), 3U);
    ASSERT_TRUE(admin->execute(steps[0]));
    ASSERT_TRUE(cluster.stop());
    ASSERT_TRUE(cluster.start());
    ASSERT_TRUE(admin->reconnect());
    ASSERT_TRUE(admin->execute(steps[2]));
    const auto after = examine_target(*admin);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->find("pg_stat_statements")->state, PanelState::ok) << after->find("pg_stat_statements")->seen;
    EXPECT_EQ(admin->query("SHOW shared_preload_libraries")->text(0, 0), "auto_explain, pg_stat_statements");
}

}  // namespace
}  // namespace orrery::engine
