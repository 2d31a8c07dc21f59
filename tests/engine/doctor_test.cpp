#include "engine/doctor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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
constexpr auto kBuilding = "FROM pg_catalog.pg_index AS i";
constexpr auto kDatabases = "d.datistemplate";
constexpr auto kExtras = "default_version, installed_version";
constexpr auto kHelpers = "'read_proc'";
constexpr auto kSchemas = "SELECT DISTINCT n.nspname";
constexpr auto kAllOwners = "SELECT r.rolname, r.rolsuper";

std::vector<std::vector<std::optional<std::string>>> good_settings() {
    return {{"shared_preload_libraries", "pg_stat_statements"},
            {"pg_stat_statements.max", "5000"},
            {"pg_stat_statements.track", "top"},
            {"compute_query_id", "auto"},
            {"track_io_timing", "on"},
            {"track_wal_io_timing", "on"},
            {"track_activity_query_size", "8192"},
            {"session_preload_libraries", "auto_explain"},
            {"auto_explain.log_min_duration", "2000"},
            {"logging_collector", "on"},
            {"log_destination", "jsonlog"},
            {"data_checksums", "on"}};
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
    session.answer(kOwners, {{"8", "8", std::nullopt, std::nullopt, std::nullopt}});
    session.answer(kInvalid, {});
    session.answer(kBuilding, {});
    session.answer(kDatabases, {{"5", "shop", "t"}});
    session.answer(kExtras, {{"1.3", "1.3"}});
    session.answer(kHelpers, {{"2", "2"}});
    session.answer(kAllOwners, {{"app", "f", std::nullopt}});
    session.answer(kSchemas, {{"Shop"}});
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
    EXPECT_EQ(report.panels.size(), 21U);
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
    session.answer(kOwners, {{"8", "0", "{app,\"Shop Owner\"}", std::nullopt, "{postgres}"}});
    auto seen = panel(session, "rights to apply");
    EXPECT_EQ(seen.state, PanelState::missing);
    EXPECT_EQ(seen.unlock, (Steps{"GRANT app TO \"Eva \"\"E\"\"\";", "GRANT \"Shop Owner\" TO \"Eva \"\"E\"\"\";",
                                  "-- tables of the superuser postgres: give them an owner without such rights (ALTER TABLE ... OWNER TO "
                                  "...), or change them by hand"}));
    session.answer(kOwners, {{"8", "5", std::nullopt, "{shop}", std::nullopt}});
    seen = panel(session, "rights to apply");
    EXPECT_EQ(seen.state, PanelState::partial);
    EXPECT_EQ(seen.unlock, Steps{"GRANT CREATE ON SCHEMA shop TO \"Eva \"\"E\"\"\";"});
}

TEST(Doctor, AnIndexUnderConstructionIsNobodysBusiness) {
    auto session = healthy();
    session.answer(kBuilding, {{"4711"}, {"4712"}});
    examined(session);
    const auto asked = std::find_if(session.asked().begin(), session.asked().end(),
                                    [](const auto& sql) { return sql.find("x.relkind = 'i'") != std::string::npos; });
    ASSERT_NE(asked, session.asked().end());
    EXPECT_NE(asked->find("<> ALL ('{4711,4712}'::oid[])"), std::string::npos) << *asked;
}

TEST(Doctor, WhatIsOptionalIsNamedWithItsSql) {
    auto session = healthy();
    session.answer(kSettings, {{"session_preload_libraries", "my_lib"},
                               {"track_wal_io_timing", "off"},
                               {"logging_collector", "off"},
                               {"log_destination", "stderr"},
                               {"data_checksums", "off"}});
    session.answer(kDatabases, {{"5", "shop", "t"}, {"6", "Old Shop", "f"}});
    session.answer(kExtras, {{"1.3", std::nullopt}});
    session.answer(kHelpers, {{"0", "0"}});
    auto report = examined(session);
    for (const char* name :
         {"databases", "WAL timing", "plans in the log", "server log", "checksums", "cache contents", "bloat", "helper functions"})
        EXPECT_EQ(report.find(name)->state, PanelState::partial) << name << " is no condition";
    EXPECT_EQ(report.find("databases")->unlock, Steps{"GRANT CONNECT ON DATABASE \"Old Shop\" TO \"Eva \"\"E\"\"\";"});
    EXPECT_EQ(report.find("bloat")->unlock, Steps{"CREATE EXTENSION IF NOT EXISTS pgstattuple;"});
    EXPECT_EQ(report.find("plans in the log")->unlock,
              (Steps{"LOAD 'auto_explain';", "ALTER SYSTEM SET auto_explain.log_min_duration = '2s';",
                     "ALTER SYSTEM SET auto_explain.log_format = 'json';",
                     "ALTER SYSTEM SET session_preload_libraries = 'my_lib', 'auto_explain';", "SELECT pg_reload_conf();"}));
    session.answer(kExtras, {});
    EXPECT_NE(panel(session, "cache contents").unlock.front().find("contrib"), std::string::npos);
    session.answer(kHelpers, {{"2", "0"}});
    EXPECT_NE(panel(session, "helper functions").seen.find("not for this role"), std::string::npos);
    auto old = healthy(130010);
    old.answer(kSettings, {});
    EXPECT_EQ(panel(old, "WAL timing").state, PanelState::ok) << "nothing to switch on before 14";
    EXPECT_EQ(panel(old, "plans in the log").state, PanelState::unknown);
}

TEST(Doctor, EachTierIsAScriptOfItsOwn) {
    auto session = healthy();
    session.answer(kSettings, {{"track_io_timing", "off"}, {"track_wal_io_timing", "off"}, {"track_activity_query_size", "1024"}});
    session.answer(kExtension, {{std::nullopt, std::nullopt, "1.10"}});
    session.answer(kHelpers, {{"0", "0"}});
    session.answer(kAllOwners, {{"app", "f", "{Shop}"}, {"postgres", "t", std::nullopt}});
    session.answer(kInvalid, {{"shop", "a_idx", "1"}});
    const auto report = examined(session);
    ASSERT_EQ(report.tiers.size(), 4U);
    const auto& observe = report.tier(Tier::observe);
    EXPECT_EQ(observe.state, PanelState::missing);
    EXPECT_NE(observe.sql[0].find("CREATE ROLE \"Eva \"\"E\"\"\" LOGIN"), std::string::npos) << observe.sql[0];
    EXPECT_NE(observe.sql[0].find("rolname = 'Eva \"E\"'"), std::string::npos);
    EXPECT_EQ(observe.sql[1], "GRANT pg_monitor TO \"Eva \"\"E\"\"\";");
    EXPECT_EQ(std::count(observe.sql.begin(), observe.sql.end(), "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;"), 1);
    EXPECT_EQ(std::count(observe.sql.begin(), observe.sql.end(), "SELECT pg_reload_conf();"), 1);
    EXPECT_EQ(observe.sql.back(), "-- restart the server") << "after everything that it takes to be there";
    const auto& helpers = report.tier(Tier::helpers);
    EXPECT_EQ(helpers.state, PanelState::partial);
    EXPECT_NE(to_text(helpers).find("EXECUTE ON FUNCTION orrery.read_proc(text), orrery.read_log(text, bigint, integer) TO \"Eva"),
              std::string::npos);
    EXPECT_EQ(report.tier(Tier::advise).sql[1], "GRANT pg_read_all_data TO \"Eva \"\"E\"\"\";");
    EXPECT_EQ(report.tier(Tier::advise).sql[2], "GRANT SET ON PARAMETER track_counts TO \"Eva \"\"E\"\"\";");
    auto thirteen = healthy(130010);
    const auto older = examined(thirteen).tier(Tier::advise).sql;
    EXPECT_EQ(Steps(older.begin() + 1, older.end()),
              (Steps{"GRANT USAGE ON SCHEMA \"Shop\" TO \"Eva \"\"E\"\"\";",
                     "GRANT SELECT ON ALL TABLES IN SCHEMA \"Shop\" TO \"Eva \"\"E\"\"\";",
                     "GRANT SELECT ON pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data TO \"Eva \"\"E\"\"\";"}));
    const auto& apply = report.tier(Tier::apply);
    EXPECT_NE(apply.sql[0].find("CREATE ROLE orrery_apply LOGIN"), std::string::npos) << "not the role that observes";
    EXPECT_EQ(
        Steps(apply.sql.begin() + 3, apply.sql.end()),
        (Steps{"GRANT app TO orrery_apply;", "GRANT CREATE ON SCHEMA \"Shop\" TO orrery_apply;",
               "-- tables of the superuser postgres: give them an owner without such rights (ALTER TABLE ... OWNER TO ...), or change "
               "them by hand",
               "DROP INDEX CONCURRENTLY shop.a_idx;"}));
    EXPECT_TRUE(to_text(apply).starts_with("-- Orrery, tier apply: "));

    auto for_another = programs_here();
    for_another.role = "bob";
    const auto other = examine_target(session, for_another);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->tier(Tier::observe).sql[1], "GRANT pg_monitor TO bob;");
    EXPECT_EQ(other->tier(Tier::apply).sql[3], "GRANT app TO bob;");
    session.fail(kAllOwners, ErrorKind::timeout);
    EXPECT_TRUE(examined(session).tier(Tier::apply).sql[3].starts_with("-- the owners of tables could not be read: failed"));
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
