#include "twin/planner_settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::twin {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MergeSettings, TakesTheServersValueNotTheSessions) {
    const std::vector<SettingRow> rows{{"jit", "on", "on", "default"},
                                       {"search_path", "pg_catalog", "\"$user\", public", "client"},
                                       {"seq_page_cost", "1", "1", "session"},
                                       {"work_mem", "8192", "4096", "configuration file"}};
    EXPECT_THAT(merge_settings(rows, {}, {.session_role = "orrery"}), ElementsAre(Pair("jit", "on"), Pair("search_path", "orrery, public"),
                                                                                  Pair("seq_page_cost", "1"), Pair("work_mem", "8192")));
}

TEST(MergeSettings, ForgetsTheSessionsRoleForAnotherOne) {
    const std::vector<SettingRow> rows{{"random_page_cost", "1.1", "4", "user"}, {"work_mem", "65536", "4096", "database"}};
    EXPECT_THAT(merge_settings(rows, {}, {.session_role = "orrery"}),
                ElementsAre(Pair("random_page_cost", "1.1"), Pair("work_mem", "65536")));
    EXPECT_THAT(merge_settings(rows, {}, {.session_role = "orrery", .application_role = "shop"}),
                ElementsAre(Pair("random_page_cost", "4"), Pair("work_mem", "65536")));
}

TEST(MergeSettings, LaysLaterOverlaysOverEarlierOnes) {
    const std::vector<SettingRow> rows{{"TimeZone", "UTC", "GMT", "configuration file"}, {"work_mem", "4096", "4096", "default"}};
    EXPECT_THAT(merge_settings(rows, {"work_mem=8MB", "timezone=Europe/Oslo", "work_mem=16MB", "log_statement=all", "nonsense"},
                               {.session_role = "o"}),
                ElementsAre(Pair("TimeZone", "Europe/Oslo"), Pair("work_mem", "16MB")));
}

TEST(MergeSettings, PutsTheApplicationsNameIntoTheSearchPath) {
    const std::vector<SettingRow> rows{{"search_path", "\"$user\", public", "\"$user\", public", "default"}};
    EXPECT_THAT(merge_settings(rows, {}, {.session_role = "orrery", .application_role = "Web Shop"}),
                ElementsAre(Pair("search_path", "\"Web Shop\", public")));
    EXPECT_THAT(merge_settings(rows, {"search_path=a, \"$user\""}, {.session_role = "orrery", .application_role = "app"}),
                ElementsAre(Pair("search_path", "a, app")));
    EXPECT_THAT(merge_settings(rows, {"search_path=a"}, {.session_role = "orrery", .application_role = "app", .search_path = "given"}),
                ElementsAre(Pair("search_path", "given")));
}

}  // namespace
}  // namespace orrery::twin
