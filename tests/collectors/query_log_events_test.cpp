#include "collectors/query_log_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::collectors {
namespace {

using domain::QueryLogCursor;

ServerScope scope() {
    return {.rights = "all", .system = "7123", .timeline = "00000001", .major = 15, .columns = 43};
}

QueryLogCursor cursor(int minute) {
    return {.taken = base::from_unix_ms(minute * 60'000),
            .scope = scope().text(),
            .server_us = minute * 60'000'000LL,
            .postmaster_us = 5'000'000,
            .reset_us = 6'000'000,
            .evictions = 0,
            .database_exec_ms = 0,
            .rows = {{{.query_id = 1}, {.calls = 10}, 0}}};
}

std::vector<std::string> kinds(const std::vector<domain::Event>& events) {
    std::vector<std::string> names;
    for (const auto& event : events) names.push_back(event.kind + "/" + event.subject);
    return names;
}

TEST(ServerScope, IsReadBackAsWritten) {
    const auto text = scope().text();
    EXPECT_EQ(text, "all; system 7123; timeline 00000001; PostgreSQL 15; 43 columns");
    EXPECT_EQ(ServerScope::parse(text).text(), text);
    const ServerScope blind{.rights = "role 10", .system = "", .timeline = "", .major = 13, .columns = 30};
    EXPECT_EQ(ServerScope::parse(blind.text()).text(), "role 10; PostgreSQL 13; 30 columns");
    EXPECT_EQ(ServerScope::parse("all").rights, "all") << "as an older version wrote it";
    EXPECT_EQ(ServerScope::parse("").rights, "");
}

TEST(ScopeEvents, TellWhoAnswersInstead) {
    const auto events_of = [](auto change) {
        auto now = cursor(2);
        auto changed = scope();
        change(changed);
        now.scope = changed.text();
        return kinds(scope_events(scope().text(), now));
    };
    EXPECT_THAT(events_of([](ServerScope&) {}), ::testing::IsEmpty());
    EXPECT_THAT(events_of([](ServerScope& s) { s.system = "9"; }), ::testing::ElementsAre("failover/system identifier"));
    EXPECT_THAT(events_of([](ServerScope& s) { s.timeline = "00000002"; }), ::testing::ElementsAre("failover/timeline"));
    EXPECT_THAT(events_of([](ServerScope& s) { s.timeline = "standby"; }), ::testing::ElementsAre("failover/timeline"));
    EXPECT_THAT(events_of([](ServerScope& s) { s.system = "9", s.major = 17; }), ::testing::ElementsAre("upgrade/PostgreSQL"));
    EXPECT_THAT(events_of([](ServerScope& s) { s.rights = "role 10"; }), ::testing::ElementsAre("rights/pg_read_all_stats"));
    EXPECT_THAT(events_of([](ServerScope& s) { s.system = s.timeline = ""; }), ::testing::IsEmpty()) << "nobody knows";
    EXPECT_THAT(kinds(scope_events("all", cursor(2))), ::testing::IsEmpty());
}

TEST(CounterEvents, TellRestartsResetsAndEvictionsAtTheirOwnTimes) {
    const auto before = cursor(1);
    EXPECT_TRUE(counter_events(before, {.cursor = cursor(2)}).empty());

    auto restarted = cursor(2);
    restarted.postmaster_us = 90'000'000;
    auto events = counter_events(before, {.cursor = restarted});
    ASSERT_THAT(kinds(events), ::testing::ElementsAre("restart/server"));
    EXPECT_EQ(events[0].at, base::from_unix_ms(90'000));
    EXPECT_NE(events[0].text.find("went on"), std::string::npos);

    restarted.reset_us = 91'000'000;
    events = counter_events(before, {.cursor = restarted});
    ASSERT_THAT(kinds(events), ::testing::ElementsAre("restart/server"));
    EXPECT_NE(events[0].text.find("without the counters"), std::string::npos);

    auto reset = cursor(2);
    reset.reset_us = 100'000'000;
    events = counter_events(before, {.cursor = reset});
    ASSERT_THAT(kinds(events), ::testing::ElementsAre("statistics_reset/pg_stat_statements"));
    EXPECT_EQ(events[0].at, base::from_unix_ms(100'000));

    events = counter_events(before, {.cursor = cursor(2), .evictions_after = 3});
    ASSERT_THAT(kinds(events), ::testing::ElementsAre("evictions/pg_stat_statements"));
    EXPECT_NE(events[0].text.find("3 times"), std::string::npos);
    EXPECT_EQ(events[0].at, before.taken) << "the same however often the round is tried";
}

TEST(CounterEvents, TellStatementsThatWereResetAlone) {
    auto before = cursor(1), now = cursor(2);
    before.rows = {{{.query_id = 1}, {.calls = 10}, 100}, {{.query_id = 2}, {.calls = 10}, 100}, {{.query_id = 3}, {.calls = 10}, -4}};
    now.rows = {{{.query_id = 1}, {.calls = 30}, 900}, {{.query_id = 3}, {.calls = 11}, -5}};
    const auto events = counter_events(before, {.cursor = now});
    ASSERT_THAT(kinds(events), ::testing::ElementsAre("statistics_reset/statements"));
    EXPECT_NE(events[0].text.find(" 2 statements"), std::string::npos) << events[0].text;
}

}  // namespace
}  // namespace orrery::collectors
