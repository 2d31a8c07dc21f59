#include "engine/doctor.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/scripted_session.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using testing::ScriptedSession;

constexpr auto kWho = "pg_is_in_recovery()";
constexpr auto kSettings = "FROM pg_settings";
constexpr auto kExtension = "pg_available_extensions";
constexpr auto kStatements = ".pg_stat_statements(false)";
constexpr auto kReadable = "has_schema_privilege(n.oid, 'USAGE')";
constexpr auto kStatistic = "'pg_catalog.pg_statistic'";
constexpr auto kAnalyzed = "NOT IN (TABLE known)";
constexpr auto kOwners = "c.relowner";
constexpr auto kInvalid = "NOT i.indisvalid";

std::vector<std::vector<std::optional<std::string>>> good_settings() {
    return {{"shared_preload_libraries", "pg_stat_statements"},
            {"pg_stat_statements.max", "5000"},
            {"pg_stat_statements.track", "top"},
            {"compute_query_id", "auto"},
            {"track_io_timing", "on"},
            {"track_activity_query_size", "8192"}};
}

/// A target on which everything is as it should be.
ScriptedSession healthy(int version = 150020) {
    ScriptedSession session(version);
    session.answer(kWho,
                   {{"Eva \"E\"", "shop", "15.20", "f", "f", "{pg_monitor,pg_read_all_data,pg_read_all_settings,pg_read_all_stats}"}});
    session.answer(kSettings, good_settings());
    session.answer(kExtension, {{"1.10", "public", "1.10"}});
    session.answer(kStatements, {{"300", "0"}});
    session.answer(kReadable, {{"8", "8", std::nullopt}});
    session.answer(kStatistic, {{"t", "t"}});
    session.answer(kAnalyzed, {});
    session.answer(kOwners, {{"8", "8", std::nullopt, std::nullopt}});
    session.answer(kInvalid, {});
    return session;
}

void be(ScriptedSession& session, const std::string& granted, bool standby = false) {
    session.answer(kWho, {{"Eva \"E\"", "shop", "15.20", standby ? "t" : "f", "f", granted}});
}

DoctorOptions programs_here() {
    return {.find_programs = [](int) { return ServerPrograms{"/usr/lib/postgresql/15/bin", true}; }};
}

DoctorReport examined(ScriptedSession& session) {
    const auto report = examine_target(session, programs_here());
    EXPECT_TRUE(report) << report.error().to_text();
    return report ? *report : DoctorReport{};
}

DoctorPanel panel(ScriptedSession& session, const std::string& name) {
    const auto report = examined(session);
    const auto* found = report.find(name);
    EXPECT_NE(found, nullptr) << name;
    return found != nullptr ? *found : DoctorPanel{};
}

using Steps = std::vector<std::string>;

TEST(Doctor, AHealthyTargetHasNothingToUnlock) {
    auto session = healthy();
    const auto report = examined(session);
    EXPECT_EQ(report.target, "db:5432/shop");
    EXPECT_EQ(report.role, "Eva \"E\"");
    EXPECT_FALSE(report.standby);
    EXPECT_EQ(report.panels.size(), 13U);
    for (const auto& each : report.panels) {
        EXPECT_EQ(each.state, PanelState::ok) << each.name << ": " << each.seen;
        EXPECT_TRUE(each.unlock.empty()) << each.name;
        EXPECT_TRUE(each.why.empty()) << each.name;
        EXPECT_FALSE(each.seen.empty()) << each.name;
    }
    EXPECT_EQ(report.find("nothing"), nullptr);
}

TEST(Doctor, VersionsOutsideTheKnownOnes) {
    auto old = healthy(120022);
    EXPECT_EQ(panel(old, "server version").state, PanelState::missing);
    auto future = healthy(190001);
    EXPECT_EQ(panel(future, "server version").state, PanelState::partial);
    auto first = healthy(130000);
    EXPECT_EQ(panel(first, "server version").state, PanelState::ok);
}

TEST(Doctor, ARoleWithoutMonitoringNamesTheGrantWithItsNameQuoted) {
    auto session = healthy();
    be(session, "{}");
    const auto role = panel(session, "role");
    EXPECT_EQ(role.state, PanelState::missing);
    EXPECT_EQ(role.unlock, Steps{"GRANT pg_monitor TO \"Eva \"\"E\"\"\";"});
    be(session, "{pg_read_all_stats}");
    EXPECT_EQ(panel(session, "role").state, PanelState::partial);
    be(session, "{pg_read_all_stats,pg_read_all_settings}");
    EXPECT_EQ(panel(session, "role").state, PanelState::ok);
}

TEST(Doctor, AStandbyObservesButDoesNotApply) {
    auto session = healthy();
    be(session, "{}", true);
    const auto report = examined(session);
    EXPECT_TRUE(report.standby);
    EXPECT_EQ(report.find("primary or standby")->state, PanelState::partial);
    EXPECT_EQ(report.find("rights to apply")->state, PanelState::missing);
    EXPECT_EQ(report.find("role")->unlock, (Steps{"-- on the primary:", "GRANT pg_monitor TO \"Eva \"\"E\"\"\";"}));
}

TEST(Doctor, StatementsNotInstalledLoadedOrCreated) {
    auto session = healthy();
    session.answer(kSettings, {{"shared_preload_libraries", "auto_explain, \"my lib\""}});
    session.answer(kExtension, {{std::nullopt, std::nullopt, "1.10"}});
    auto seen = panel(session, "pg_stat_statements");
    EXPECT_EQ(seen.state, PanelState::missing);
    EXPECT_EQ(seen.unlock, (Steps{"ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'my lib', 'pg_stat_statements';",
                                  "-- restart the server", "CREATE EXTENSION pg_stat_statements;"}));
    session.answer(kExtension, {{"1.10", "public", "1.10"}});
    EXPECT_EQ(panel(session, "pg_stat_statements").unlock.size(), 2U);
    session.answer(kExtension, {{std::nullopt, std::nullopt, std::nullopt}});
    seen = panel(session, "pg_stat_statements");
    EXPECT_EQ(seen.unlock.size(), 4U);
    EXPECT_NE(seen.unlock.front().find("contrib"), std::string::npos);
    // Without the right to see it, the list must not be overwritten.
    session.answer(kSettings, {{"track_io_timing", "on"}});
    session.answer(kExtension, {{std::nullopt, std::nullopt, "1.10"}});
    EXPECT_TRUE(panel(session, "pg_stat_statements").unlock.front().starts_with("--"));
    session.answer(kSettings, good_settings());
    seen = panel(session, "pg_stat_statements");
    EXPECT_EQ(seen.unlock, Steps{"CREATE EXTENSION pg_stat_statements;"});
    EXPECT_NE(seen.seen.find("shop"), std::string::npos);
}

TEST(Doctor, StatementsOldSilentHiddenOrForbidden) {
    auto session = healthy();
    session.answer(kExtension, {{"1.7", "public", "1.10"}});
    EXPECT_EQ(panel(session, "pg_stat_statements").unlock, Steps{"ALTER EXTENSION pg_stat_statements UPDATE;"});
    session.answer(kExtension, {{"1.10", "Mon", "1.10"}});
    session.answer(kStatements, {{"300", "120"}});
    be(session, "{}");
    auto seen = panel(session, "pg_stat_statements");
    EXPECT_EQ(seen.state, PanelState::partial);
    EXPECT_EQ(seen.unlock, Steps{"GRANT pg_read_all_stats TO \"Eva \"\"E\"\"\";"});
    session.fail(kStatements, ErrorKind::permission);
    seen = panel(session, "pg_stat_statements");
    EXPECT_EQ(seen.state, PanelState::missing);
    EXPECT_EQ(seen.unlock.size(), 3U);
    EXPECT_EQ(seen.unlock.front(), "GRANT USAGE ON SCHEMA \"Mon\" TO \"Eva \"\"E\"\"\";");
    session.answer(kSettings, {{"pg_stat_statements.max", "5000"}, {"pg_stat_statements.track", "none"}});
    EXPECT_EQ(panel(session, "pg_stat_statements").state, PanelState::missing);
}

TEST(Doctor, SettingsThatAreOffOrUnseen) {
    auto session = healthy();
    session.answer(kSettings, {{"compute_query_id", "off"}, {"track_io_timing", "off"}, {"track_activity_query_size", "1024"}});
    const auto report = examined(session);
    EXPECT_EQ(report.find("query identifiers")->state, PanelState::missing);
    EXPECT_EQ(report.find("query identifiers")->unlock.front(), "ALTER SYSTEM SET compute_query_id = 'auto';");
    EXPECT_EQ(report.find("I/O timing")->state, PanelState::partial);
    EXPECT_EQ(report.find("statement length")->unlock.back(), "-- restart the server");
    session.answer(kSettings, {});
    EXPECT_EQ(panel(session, "I/O timing").state, PanelState::unknown);
    auto old = healthy(130010);
    old.answer(kSettings, {});
    EXPECT_EQ(panel(old, "query identifiers").state, PanelState::ok);
}

TEST(Doctor, WhatTheTwinNeeds) {
    auto session = healthy();
    session.answer(kStatistic, {{"f", "f"}});
    session.answer(kReadable, {{"8", "3", "{a,B}"}});
    auto report = examined(session);
    EXPECT_EQ(report.find("statistics")->state, PanelState::partial);
    EXPECT_EQ(report.find("statistics")->unlock, Steps{"GRANT pg_read_all_data TO \"Eva \"\"E\"\"\";"});
    EXPECT_EQ(report.find("schema")->state, PanelState::partial);
    EXPECT_EQ(report.find("schema")->seen, "3 of 8 tables readable");
    session.answer(kReadable, {{"8", "0", "{a}"}});
    report = examined(session);
    EXPECT_EQ(report.find("statistics")->state, PanelState::missing);
    EXPECT_EQ(report.find("schema")->state, PanelState::missing);
    session.answer(kReadable, {{"0", "0", std::nullopt}});
    EXPECT_EQ(panel(session, "schema").state, PanelState::partial);

    auto thirteen = healthy(130010);
    thirteen.answer(kStatistic, {{"f", "t"}});
    thirteen.answer(kReadable, {{"8", "3", "{a,B}"}});
    report = examined(thirteen);
    EXPECT_EQ(report.find("schema")->unlock.size(), 4U);
    EXPECT_EQ(report.find("schema")->unlock[3], "GRANT SELECT ON ALL TABLES IN SCHEMA \"B\" TO \"Eva \"\"E\"\"\";");
    EXPECT_NE(report.find("statistics")->unlock.front().find("pg_catalog.pg_statistic"), std::string::npos);

    const auto without = examine_target(session, {.find_programs = [](int major) -> base::Result<ServerPrograms> {
                                            return base::unexpected(ErrorKind::missing_object, "no " + std::to_string(major));
                                        }});
    ASSERT_TRUE(without);
    EXPECT_EQ(without->find("server programs")->state, PanelState::missing);
    EXPECT_EQ(without->find("server programs")->seen, "no 15");
    const auto half = examine_target(session, {.find_programs = [](int) { return ServerPrograms{"/opt", false}; }});
    ASSERT_TRUE(half);
    EXPECT_EQ(half->find("server programs")->state, PanelState::missing);
}

TEST(Doctor, TablesWithoutStatisticsAndBrokenIndexesAreNamed) {
    auto session = healthy();
    session.answer(kAnalyzed, {{"shop", "Order Lines", "2"}, {"shop", "items", "2"}});
    session.answer(kInvalid, {{"shop", "a_idx", "1"}});
    auto report = examined(session);
    EXPECT_EQ(report.find("analyzed tables")->seen, "2 tables without statistics: shop.\"Order Lines\", shop.items");
    EXPECT_EQ(report.find("analyzed tables")->unlock, (Steps{"ANALYZE shop.\"Order Lines\";", "ANALYZE shop.items;"}));
    EXPECT_EQ(report.find("invalid indexes")->unlock, Steps{"DROP INDEX CONCURRENTLY shop.a_idx;"});
    session.answer(kAnalyzed, {{"shop", "items", "70"}});
    const auto many = panel(session, "analyzed tables");
    EXPECT_NE(many.seen.find("and 69 more"), std::string::npos);
    EXPECT_EQ(many.unlock, Steps{"ANALYZE;"});
}

TEST(Doctor, RightsToApplyNameTheOwners) {
    auto session = healthy();
    session.answer(kOwners, {{"8", "0", "{app,\"Shop Owner\"}", std::nullopt}});
    auto seen = panel(session, "rights to apply");
    EXPECT_EQ(seen.state, PanelState::missing);
    EXPECT_EQ(seen.unlock, (Steps{"GRANT app TO \"Eva \"\"E\"\"\";", "GRANT \"Shop Owner\" TO \"Eva \"\"E\"\"\";"}));
    session.answer(kOwners, {{"8", "5", std::nullopt, "{shop}"}});
    seen = panel(session, "rights to apply");
    EXPECT_EQ(seen.state, PanelState::partial);
    EXPECT_EQ(seen.unlock, Steps{"GRANT CREATE ON SCHEMA shop TO \"Eva \"\"E\"\"\";"});
}

TEST(Doctor, AQuestionThatFailsLeavesTheOtherPanels) {
    auto session = healthy();
    session.fail(kInvalid, ErrorKind::timeout);
    const auto report = examined(session);
    EXPECT_EQ(report.find("invalid indexes")->state, PanelState::unknown);
    EXPECT_EQ(report.find("invalid indexes")->why, std::string("failed: ") + kInvalid);
    EXPECT_EQ(report.find("schema")->state, PanelState::ok);
    session.fail(kAnalyzed, ErrorKind::connection);
    const auto lost = examine_target(session, programs_here());
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind, ErrorKind::connection);
}

}  // namespace
}  // namespace orrery::engine
