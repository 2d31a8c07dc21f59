#include "collectors/query_log_collector.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "collectors/memory_store.hpp"
#include "sql/features.hpp"
#include "sql/statement.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using domain::SqlRows;

/// Answers the collector's statements as a server with these entries would.
class ScriptedServer final : public domain::SqlSession {
public:
    struct Entry {
        std::optional<std::int64_t> query_id;
        std::optional<std::string> text;
        int calls = 0;
        double exec_ms = 0;
    };
    explicit ScriptedServer(base::ManualClock& clock) : clock_(&clock) {}

    std::vector<Entry> entries;
    bool installed = true, info = true;
    std::string columns = "{calls,toplevel,total_exec_time,total_plan_time,blk_read_time,blk_write_time,wal_records,wal_bytes}";
    std::int64_t reset_us = 50, evictions = 0;
    std::int64_t postmaster_us = 40;
    std::string scope = "all", identifier = "7123", timeline = "00000001", databases;
    int version = 150'000;
    std::chrono::seconds server_ahead{0};            ///< its clock, of ours
    std::map<std::string, base::Error> failures;     // by a piece of the statement
    std::function<void(const std::string&)> before;  // each statement
    std::vector<std::string> asked;
    std::chrono::milliseconds text_cost{0};

    using domain::SqlSession::query;
    base::Result<SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        asked.push_back(sql);
        if (before) before(sql);
        for (const auto& [piece, failure] : failures)
            if (sql.find(piece) != std::string::npos) return base::unexpected(failure);
        if (sql.find("pg_extension") != std::string::npos) return extension();
        if (sql.find("shared_preload_libraries") != std::string::npos) return SqlRows{{"libraries"}, {"auto_explain, pg_prewarm"}, 0};
        if (sql.find("statement_timestamp") != std::string::npos) return head();
        if (sql.find("pg_control_system") != std::string::npos || sql.find("pg_walfile_name") != std::string::npos)
            return SqlRows{{"readable"}, {"yes"}, 0};
        if (sql.find("pg_stat_statements(false)") != std::string::npos) return counters();
        if (sql.find("pg_stat_statements(true)") != std::string::npos) return texts(parameters);
        return SqlRows{{"reset", "dealloc"}, {std::to_string(reset_us), std::to_string(evictions)}, 0};
    }
    [[nodiscard]] int server_version() const override { return version; }
    [[nodiscard]] std::string target() const override { return "host:5432/shop"; }
    [[nodiscard]] long asked_for(const std::string& piece) const {
        return std::count_if(asked.begin(), asked.end(), [&](const auto& sql) { return sql.find(piece) != std::string::npos; });
    }

private:
    SqlRows extension() const {
        const auto schema = installed ? std::optional<std::string>("ext") : std::nullopt;
        return {std::vector<std::string>(5, "c"), {schema, "reader", columns, info ? "t" : "f", "f"}, 0};
    }
    SqlRows head() const {
        const auto now = std::to_string(base::to_unix_ms(clock_->now() + server_ahead) * 1'000);
        return {std::vector<std::string>(8, "c"),
                {now, std::to_string(postmaster_us), std::to_string(reset_us), std::to_string(evictions), scope, identifier, timeline,
                 databases},
                0};
    }
    SqlRows counters() const {
        SqlRows rows{std::vector<std::string>(5 + domain::kCounterNames.size(), "c"), {}, 0};
        for (const auto& entry : entries) {
            const auto id = entry.query_id ? std::optional(std::to_string(*entry.query_id)) : std::nullopt;
            rows.cells.insert(rows.cells.end(), {id, "5", "10", "t", "0", std::to_string(entry.calls), "0",
                                                 fmt::format("{}", entry.exec_ms), fmt::format("{}", entry.exec_ms * entry.exec_ms)});
            rows.cells.insert(rows.cells.end(), domain::kCounterNames.size() - 4, "0");
        }
        return rows;
    }
    SqlRows texts(std::span<const domain::SqlParameter> parameters) {
        clock_->advance(text_cost);
        SqlRows rows{std::vector<std::string>(6, "c"), {}, 0};
        const auto wanted = "," + parameters[0]->substr(1, parameters[0]->size() - 2) + ",";
        const auto budget = std::stoll(*parameters[1]), longest = std::stoll(*parameters[2]);
        long long sent = 0;
        for (const auto& entry : entries) {
            if (!entry.query_id || wanted.find(fmt::format(",{},", *entry.query_id)) == std::string::npos || sent >= budget) continue;
            const auto length = static_cast<long long>(entry.text.value_or("").size());
            const auto text = length <= longest ? entry.text : std::nullopt;
            const auto told = entry.text ? std::optional(std::to_string(length)) : std::nullopt;
            rows.cells.insert(rows.cells.end(), {std::to_string(*entry.query_id), "5", "10", "t", text, told});
            sent += length;
        }
        return rows;
    }
    base::ManualClock* clock_;
};

class QueryLogCollectorTest : public ::testing::Test {
protected:
    QueryLogCollector collector(const QueryLogOptions& options = {}) { return {server, store, clock, options}; }
    static RoundReport round(QueryLogCollector& collector) {
        const auto report = collector.collect_once();
        EXPECT_TRUE(report) << report.error().to_text();
        return report.value_or(RoundReport{});
    }
    RoundReport next_round(QueryLogCollector& collector, std::chrono::seconds later = std::chrono::minutes(1)) {
        clock.advance(later);
        return round(collector);
    }

    base::ManualClock clock;
    ScriptedServer server{clock};
    testing::MemoryStore store;
};

TEST_F(QueryLogCollectorTest, TheFirstRoundIsTheBaselineAndTheNextOneCounts) {
    server.entries = {{1, "SELECT * FROM orders WHERE id = $1", 10, 100}};
    auto mine = collector();
    const auto first = round(mine);
    EXPECT_TRUE(first.baseline);
    EXPECT_FALSE(first.coverage_percent.has_value());
    EXPECT_EQ(first.statements, 1U);
    EXPECT_EQ(first.new_texts, 1U);
    EXPECT_EQ(first.server, 7);
    EXPECT_EQ(store.target, "host:5432/shop");
    EXPECT_EQ(store.identifier, "7123");
    server.entries[0].calls = 15;
    server.entries[0].exec_ms = 160;
    server.databases = "5 80 0";
    const auto second = next_round(mine);
    EXPECT_FALSE(second.baseline);
    EXPECT_DOUBLE_EQ(second.coverage_percent.value(), 75);
    EXPECT_EQ(second.active, 1U);
    ASSERT_EQ(store.appended.size(), 1U);
    EXPECT_EQ(store.appended[0].deltas.at(0).counters.calls, 5);
    EXPECT_EQ(store.appended[0].end - store.appended[0].start, std::chrono::minutes(1));
    EXPECT_EQ(store.templates.at(store.known.at(0).fingerprint.value), "SELECT * FROM orders WHERE id = $1");
    EXPECT_EQ(store.known[0].fingerprint, sql::fingerprint("select * from orders where id = 7").value());
}

TEST_F(QueryLogCollectorTest, ASteadyRoundAsksForNoTexts) {
    server.entries = {{1, "SELECT 1", 1, 1}};
    auto mine = collector();
    round(mine);
    server.asked.clear();
    next_round(mine);
    EXPECT_EQ(server.asked.size(), 3U);
    EXPECT_EQ(server.asked_for("pg_stat_statements(true)"), 0);
    for (const auto& sql : server.asked) EXPECT_TRUE(domain::is_marked_own(sql)) << sql;
}

TEST_F(QueryLogCollectorTest, AnotherCollectorGoesOnWhereTheLastOneStopped) {
    server.entries = {{1, "SELECT 1", 1, 1}};
    auto first = collector();
    round(first);
    server.entries[0].calls = 3;
    auto second = collector();
    const auto report = next_round(second);
    EXPECT_FALSE(report.baseline);
    EXPECT_EQ(report.new_texts, 0U);
    EXPECT_EQ(store.appended.at(0).deltas.at(0).counters.calls, 2);
}

TEST_F(QueryLogCollectorTest, LiteralsAreNeverStored) {
    server.entries = {{1, "SELECT * FROM users WHERE email = 'eve@example.org' /* token 4711 */", 1, 1},
                      {2, "CREATE ROLE app PASSWORD 'hunter2'", 1, 1},
                      {3, "SELECT 'unfinished secret", 1, 1}};
    auto mine = collector();
    EXPECT_EQ(round(mine).new_texts, 3U);
    EXPECT_EQ(store.templates.size(), 3U);
    for (const auto& [fingerprint, text] : store.templates)
        for (const auto* secret : {"eve", "4711", "hunter2", "secret"}) EXPECT_EQ(text.find(secret), std::string::npos) << text;
}

TEST_F(QueryLogCollectorTest, TextsMayBeWithheld) {
    server.entries = {{1, "SELECT * FROM orders WHERE id = $1", 1, 1}};
    auto mine = collector({.store_texts = false});
    round(mine);
    EXPECT_EQ(store.templates.at(store.known.at(0).fingerprint.value), "");
}

TEST_F(QueryLogCollectorTest, StatementsOfOneTemplateShareIt) {
    server.entries = {{1, "SELECT * FROM t WHERE a IN ($1, $2)", 1, 1}, {2, "select * from t where a in ($1, $2, $3)", 1, 1}};
    auto mine = collector();
    round(mine);
    EXPECT_EQ(store.templates.size(), 1U);
    EXPECT_EQ(store.known.size(), 2U);
}

TEST_F(QueryLogCollectorTest, NewTemplatesComeWithTheirFeaturesOnce) {
    server.entries = {
        {1, "SELECT a FROM t WHERE b = $1 AND c = $2", 1, 1}, {2, "select a from t where b = $3 and c = $4", 1, 1}, {3, "SELEC", 1, 1}};
    auto mine = collector({.store_texts = false});
    round(mine);
    server.entries.push_back({4, "SELECT a FROM t WHERE b = $9 AND c = $8", 1, 1});
    round(mine);
    ASSERT_EQ(store.frames.size(), 1U) << "another key of a known template brings nothing new";
    const auto& frame = store.frames[0];
    EXPECT_EQ(frame.series, "query_features");
    ASSERT_EQ(frame.rows(), 1U);
    const auto* equalities = frame.find("equality");
    ASSERT_NE(equalities, nullptr);
    EXPECT_EQ(std::get<std::vector<double>>(equalities->values)[0], 2);
    EXPECT_EQ(std::get<std::vector<std::int64_t>>(frame.find("version")->values)[0], sql::kFeatureVersion);
    EXPECT_EQ(std::get<std::vector<std::string>>(frame.find("fingerprint")->values)[0], store.known.at(0).fingerprint.hex());
}

TEST_F(QueryLogCollectorTest, WhatDoesNotParseIsKnownByItsQueryId) {
    server.entries = {{1, "SELEC 1", 1, 1}, {2, "SELEC 2", 1, 1}};
    auto mine = collector();
    round(mine);
    ASSERT_EQ(store.known.size(), 2U);
    EXPECT_NE(store.known[0].fingerprint, store.known[1].fingerprint);
    EXPECT_NE(store.known[0].fingerprint.value, 0U);
}

TEST_F(QueryLogCollectorTest, AHugeTextIsKnownByItsQueryIdAlone) {
    server.entries = {{1, "SELECT '" + std::string(3'000, 'x') + "'", 1, 1}};
    auto mine = collector({.max_text_length = base::Bytes(1'000)});
    EXPECT_EQ(round(mine).unknown_texts, 0U);
    EXPECT_EQ(store.templates.at(store.known.at(0).fingerprint.value), "");
}

TEST_F(QueryLogCollectorTest, ATextThatTheServerCannotReadNowIsAskedForLater) {
    server.entries = {{1, std::nullopt, 1, 1}};
    auto mine = collector();
    EXPECT_EQ(round(mine).unknown_texts, 1U);
    server.entries[0].text = "SELECT 1";
    EXPECT_EQ(next_round(mine).unknown_texts, 0U);
}

TEST_F(QueryLogCollectorTest, OwnStatementsCountOnNeitherSide) {
    server.entries = {{1, "SELECT * FROM orders", 1, 10}, {2, domain::mark_own("SELECT * FROM pg_stat_statements"), 1, 5}};
    auto mine = collector();
    round(mine);
    server.entries[0].exec_ms = 70;
    server.entries[0].calls = 2;
    server.entries[1].exec_ms = 25;
    server.entries[1].calls = 2;
    server.databases = "5 80 0";
    EXPECT_DOUBLE_EQ(next_round(mine).coverage_percent.value(), 100);
    ASSERT_EQ(store.appended.at(0).deltas.size(), 1U);
    EXPECT_EQ(store.appended[0].deltas[0].key.query_id, 1);
    EXPECT_EQ(store.templates.size(), 1U);
    auto later = collector();
    server.entries[1].calls = 3;
    server.entries[1].exec_ms = 30;
    next_round(later);
    EXPECT_TRUE(store.appended.at(1).deltas.empty()) << "a new process remembers which are ours";
}

TEST_F(QueryLogCollectorTest, ReadingTextsTakesAFixedShareOfTimeAtMost) {
    server.entries = {{1, "SELECT 1", 1, 1}};
    server.text_cost = std::chrono::milliseconds(500);
    auto mine = collector({.text_time_share = 0.01});
    round(mine);
    server.entries.push_back({2, "SELECT 2 FROM t", 1, 1});
    EXPECT_EQ(next_round(mine, std::chrono::seconds(20)).unknown_texts, 1U);
    EXPECT_EQ(next_round(mine, std::chrono::seconds(20)).unknown_texts, 1U);
    EXPECT_EQ(next_round(mine, std::chrono::seconds(20)).new_texts, 1U) << "50 s later";
    EXPECT_EQ(store.appended.back().deltas.size(), 0U);
    EXPECT_EQ(store.appended.front().deltas.size(), 1U) << "it is counted at once all the same";
}

TEST_F(QueryLogCollectorTest, TextsComeInPortions) {
    for (int i = 1; i <= 10; ++i) server.entries.push_back({i, fmt::format("SELECT a{} FROM t", i), 1, static_cast<double>(i)});
    auto mine = collector({.max_texts = 3});
    const auto first = round(mine);
    EXPECT_EQ(first.new_texts, 3U);
    EXPECT_EQ(first.unknown_texts, 7U);
    EXPECT_THAT((std::vector{store.known[0].key.query_id, store.known[1].key.query_id, store.known[2].key.query_id}),
                ::testing::UnorderedElementsAre(8, 9, 10))
        << "the slowest first";
    for (int i = 0; i < 3; ++i) next_round(mine);
    EXPECT_EQ(store.known.size(), 10U);
    auto small = collector({.max_text_bytes = base::Bytes(20)});
    store.known.clear();
    EXPECT_EQ(round(small).new_texts, 2U);
}

TEST_F(QueryLogCollectorTest, NotManyMoreTextsAreAskedForThanFit) {
    for (int i = 1; i <= 3'000; ++i) server.entries.push_back({i, fmt::format("SELECT a{} FROM t", i), 1, static_cast<double>(i)});
    auto mine = collector();
    EXPECT_EQ(round(mine).new_texts, 2'048U) << "texts of 4 kB are expected";
    EXPECT_EQ(next_round(mine).new_texts, 952U) << "they were short";
}

TEST_F(QueryLogCollectorTest, HiddenStatementsAreNamedWithTheirGrant) {
    server.entries = {{std::nullopt, "<insufficient privilege>", 5, 50}, {1, "SELECT 1", 1, 1}};
    auto mine = collector();
    const auto report = round(mine);
    EXPECT_EQ(report.hidden, 1U);
    EXPECT_EQ(report.statements, 1U);
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_NE(report.notes[0].find("GRANT pg_read_all_stats TO reader;"), std::string::npos);
    server.scope = "other";
    EXPECT_TRUE(next_round(mine).baseline) << "other rights: counting begins anew";
}

TEST_F(QueryLogCollectorTest, AMissingExtensionIsNamedWithItsCure) {
    server.installed = false;
    auto mine = collector();
    const auto report = mine.collect_once();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::missing_extension);
    EXPECT_NE(report.error().hint.find("CREATE EXTENSION pg_stat_statements;"), std::string::npos);
    server.installed = true;
    EXPECT_TRUE(mine.collect_once()) << "and the same collector goes on once it is there";
}

TEST_F(QueryLogCollectorTest, AMissingPreloadKeepsWhatIsPreloaded) {
    server.failures["pg_stat_statements(false)"] = {ErrorKind::unsupported, "pg_stat_statements must be loaded", "", "", "55000"};
    auto mine = collector();
    const auto report = mine.collect_once();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::missing_extension);
    EXPECT_NE(report.error().hint.find("SET shared_preload_libraries = 'auto_explain', 'pg_prewarm', 'pg_stat_statements';"),
              std::string::npos)
        << report.error().hint;
}

TEST_F(QueryLogCollectorTest, MissingRightsAreNamed) {
    server.failures["pg_stat_statements(false)"] = {ErrorKind::permission, "permission denied", "", "", "42501"};
    auto mine = collector();
    const auto report = mine.collect_once();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::permission);
    EXPECT_NE(report.error().hint.find("GRANT EXECUTE ON FUNCTION ext.pg_stat_statements(boolean) TO reader;"), std::string::npos);
}

TEST_F(QueryLogCollectorTest, AnOldVersionOfTheExtensionIsRefused) {
    server.columns = "{calls,total_time}";
    auto mine = collector();
    const auto report = mine.collect_once();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::unsupported);
    EXPECT_NE(report.error().hint.find("ALTER EXTENSION pg_stat_statements UPDATE"), std::string::npos);
}

TEST_F(QueryLogCollectorTest, AResetWhileReadingIsReadAgain) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    int resets = 0;
    server.before = [&](const std::string& sql) {
        if (sql.find("pg_stat_statements(false)") == std::string::npos || resets > 0) return;
        ++resets;
        server.reset_us = base::to_unix_ms(clock.now()) * 1'000;
        server.entries[0].calls = 2;
        server.entries[0].exec_ms = 2;
    };
    const auto report = next_round(mine);
    EXPECT_TRUE(report.lower_bound);
    EXPECT_EQ(store.appended.at(0).deltas.at(0).counters.calls, 2);
    server.before = [&](const std::string& sql) {
        if (sql.find("pg_stat_statements(false)") != std::string::npos) ++server.reset_us;
    };
    const auto hopeless = mine.collect_once();
    ASSERT_FALSE(hopeless);
    EXPECT_TRUE(hopeless.error().retryable());
}

TEST_F(QueryLogCollectorTest, AFailureLeavesTheTimeToTheNextRound) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    server.entries[0].calls = 11;
    server.failures["pg_stat_statements(false)"] = {ErrorKind::connection, "the server closed the connection", "", "", ""};
    clock.advance(std::chrono::minutes(1));
    EXPECT_FALSE(mine.collect_once());
    server.failures.clear();
    store.failure = base::Error{ErrorKind::io, "disk full", "", "", ""};
    EXPECT_EQ(mine.collect_once().error().kind, ErrorKind::io);
    store.failure.reset();
    next_round(mine);
    ASSERT_EQ(store.appended.size(), 1U);
    EXPECT_EQ(store.appended[0].end - store.appended[0].start, std::chrono::minutes(2));
    EXPECT_EQ(store.appended[0].deltas.at(0).counters.calls, 1);
}

TEST_F(QueryLogCollectorTest, TroubleWithTextsDoesNotCostTheCounters) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    server.failures["pg_stat_statements(true)"] = {ErrorKind::timeout, "statement timeout", "", "", "57014"};
    const auto report = round(mine);
    EXPECT_EQ(report.unknown_texts, 1U);
    EXPECT_EQ(report.notes.size(), 1U);
    EXPECT_TRUE(store.newest.has_value());
}

TEST_F(QueryLogCollectorTest, AStopIsObeyed) {
    auto mine = collector();
    std::stop_source source;
    source.request_stop();
    const auto report = mine.collect_once(source.get_token());
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(server.asked.empty());
}

TEST_F(QueryLogCollectorTest, AnotherClusterGetsARecordOfItsOwn) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    EXPECT_EQ(round(mine).server, 7);
    server.identifier = "9000";
    server.entries[0].calls = 5'000;
    const auto moved = next_round(mine);
    EXPECT_EQ(moved.server, 8);
    EXPECT_TRUE(moved.baseline) << "its counters are not those of the other one";
    EXPECT_EQ(moved.new_texts, 1U) << "and its statements are learnt anew";
    ASSERT_EQ(store.happened.size(), 1U);
    EXPECT_EQ(store.happened[0].kind, "failover");
    server.entries[0].calls = 5'003;
    EXPECT_FALSE(next_round(mine).baseline);
    ASSERT_EQ(store.appended.size(), 1U);
    EXPECT_EQ(store.appended[0].deltas.at(0).counters.calls, 3);
}

TEST_F(QueryLogCollectorTest, APromotedReplicaStartsAnewWithinTheSameRecord) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    server.timeline = "00000002";
    server.entries[0].calls = 5'000;
    const auto report = next_round(mine);
    EXPECT_EQ(report.server, 7);
    EXPECT_TRUE(report.baseline);
    ASSERT_EQ(report.events.size(), 1U);
    EXPECT_EQ(report.events[0].subject, "timeline");
    auto another = collector();
    server.timeline = "00000003";
    next_round(another);
    EXPECT_EQ(store.happened.size(), 2U) << "a new process learns it from the store";
}

TEST_F(QueryLogCollectorTest, AnUpgradeIsSeenAndTheNewColumnsAreRead) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    server.version = 170'000;
    server.columns = "{calls,stats_since,toplevel,total_exec_time}";
    server.identifier = "7124";
    server.asked.clear();
    EXPECT_TRUE(next_round(mine).baseline);
    EXPECT_GT(server.asked_for("stats_since"), 0);
    ASSERT_EQ(store.happened.size(), 1U);
    EXPECT_EQ(store.happened[0].kind, "upgrade");
    EXPECT_FALSE(next_round(mine).baseline);
}

TEST_F(QueryLogCollectorTest, EventsAreWrittenOnceThoughTheRoundIsTriedAgain) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    server.postmaster_us = base::to_unix_ms(clock.now()) * 1'000 + 5'000'000;
    store.append_failure = base::Error{ErrorKind::io, "disk full", "", "", ""};
    clock.advance(std::chrono::minutes(1));
    EXPECT_FALSE(mine.collect_once());
    store.append_failure.reset();
    const auto report = next_round(mine);
    ASSERT_EQ(report.events.size(), 1U);
    EXPECT_EQ(report.events[0].kind, "restart");
    ASSERT_EQ(store.happened.size(), 2U);
    EXPECT_EQ(store.happened[0].at, store.happened[1].at) << "equal events are one in a real store";
    EXPECT_EQ(store.happened[0].subject, store.happened[1].subject);
    EXPECT_TRUE(next_round(mine).events.empty());
}

TEST_F(QueryLogCollectorTest, EvictionsAreToldOnceAnHour) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    std::size_t told = 0;
    for (int minute = 0; minute < 90; ++minute) {
        ++server.evictions;
        const auto report = next_round(mine);
        EXPECT_TRUE(report.lower_bound);
        told += report.events.size();
    }
    EXPECT_EQ(told, 2U);
}

TEST_F(QueryLogCollectorTest, AResetEachMinuteIsCountedFromZeroEachTime) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    for (int minute = 1; minute <= 10; ++minute) {
        clock.advance(std::chrono::seconds(30));
        server.reset_us = base::to_unix_ms(clock.now()) * 1'000;
        server.entries[0].calls = 20 + minute;
        const auto report = next_round(mine, std::chrono::seconds(30));
        EXPECT_TRUE(report.lower_bound);
        ASSERT_EQ(report.events.size(), 1U);
        EXPECT_EQ(report.events[0].kind, "statistics_reset");
        EXPECT_EQ(store.appended.back().deltas.at(0).counters.calls, 20 + minute);
    }
}

TEST_F(QueryLogCollectorTest, OurClockSetBackGivesIntervalsThatDoNotOverlap) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    clock.step(-std::chrono::minutes(10));
    for (int i = 0; i < 30; ++i) {
        ++server.entries[0].calls;
        next_round(mine);
    }
    ASSERT_EQ(store.appended.size(), 30U);
    for (std::size_t i = 0; i < 30; ++i) {
        EXPECT_EQ(store.appended[i].deltas.at(0).counters.calls, 1);
        EXPECT_GT(store.appended[i].end, store.appended[i].start);
        if (i > 0) {
            EXPECT_EQ(store.appended[i].start, store.appended[i - 1].end);
        }
    }
    EXPECT_EQ(store.appended.back().end, clock.now()) << "caught up at half speed";
}

TEST_F(QueryLogCollectorTest, RightsLostInMidRunBeginAnewAndSaySo) {
    server.entries = {{1, "SELECT 1", 10, 10}, {2, "SELECT 2 FROM t", 10, 10}};
    auto mine = collector();
    round(mine);
    server.scope = "role 16384";
    server.entries[1] = {std::nullopt, "<insufficient privilege>", 10, 10};
    const auto report = next_round(mine);
    EXPECT_TRUE(report.baseline);
    EXPECT_EQ(report.hidden, 1U);
    ASSERT_EQ(report.events.size(), 1U);
    EXPECT_EQ(report.events[0].kind, "rights");
    server.failures["pg_stat_statements(false)"] = {ErrorKind::permission, "permission denied", "", "", "42501"};
    clock.advance(std::chrono::minutes(1));
    EXPECT_EQ(mine.collect_once().error().kind, ErrorKind::permission);
    server.failures.clear();
    EXPECT_FALSE(next_round(mine).baseline);
}

TEST_F(QueryLogCollectorTest, ADroppedExtensionIsNamedAndFoundAgain) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    auto mine = collector();
    round(mine);
    server.installed = false;
    server.failures["pg_stat_statements(false)"] = {ErrorKind::missing_object, "function does not exist", "", "", "42883"};
    clock.advance(std::chrono::minutes(1));
    EXPECT_EQ(mine.collect_once().error().kind, ErrorKind::missing_extension);
    server.installed = true;
    server.failures.clear();
    server.entries[0].calls = 12;
    EXPECT_FALSE(next_round(mine).baseline);
    EXPECT_EQ(store.appended.at(0).deltas.at(0).counters.calls, 2);
}

TEST_F(QueryLogCollectorTest, BytesThatAreNoUtf8AndTextsOfAMegabyteDoNoHarm) {
    std::string huge = "SELECT id FROM t WHERE id IN ($1";
    for (int i = 2; huge.size() < 900'000; ++i) huge += fmt::format(", ${}", i);
    server.entries = {{1, "SELECT 'caf\xe9' FROM \"caf\xe9\"", 1, 1}, {2, "\xff\xfe\x80", 1, 1}, {3, huge + ")", 1, 1}};
    auto mine = collector();
    const auto report = round(mine);
    EXPECT_EQ(report.new_texts, 3U);
    EXPECT_EQ(report.unknown_texts, 0U);
    for (const auto& [fingerprint, text] : store.templates) EXPECT_EQ(text.find("\xe9"), std::string::npos);
}

TEST_F(QueryLogCollectorTest, TwoThousandDatabasesAreSummedOneByOne) {
    server.entries = {{1, "SELECT 1", 10, 10}};
    const auto list = [](int first, double each) {
        std::string text;
        for (int i = first; i < 2'000; ++i) text += fmt::format("{}{} {} 0", text.empty() ? "" : ",", 16'384 + i, each);
        return text;
    };
    server.databases = list(0, 1'000);
    auto mine = collector();
    round(mine);
    server.databases = list(1'000, 1'000.25);  // half of them are dropped: their time goes, and is no time of this minute
    next_round(mine);
    EXPECT_DOUBLE_EQ(store.appended.at(0).total_exec_ms, 250);
}

TEST(TimeAfter, NeverGoesBack) {
    const auto at = [](int seconds) { return base::from_unix_ms(seconds * 1'000); };
    EXPECT_EQ(time_after(at(100), at(160), std::chrono::seconds(60)), at(160));
    EXPECT_EQ(time_after(at(100), at(50), std::chrono::seconds(60)), at(130));
    EXPECT_EQ(time_after(at(100), at(50), std::chrono::seconds(-60)), at(100));
}

TEST(QueryLogSql, TextsOfSqlAsciiComeAsEscapedBytes) {
    StatementsExtension extension{.installed = true, .role = "r", .schema = "public", .columns = {}, .any_bytes = true};
    EXPECT_NE(texts_sql(extension).find("'escape'"), std::string::npos);
    const SqlRows rows{std::vector<std::string>(6, "c"), {"1", "2", "3", "t", R"(caf\351 \\n 1\)", "9"}, 0};
    EXPECT_EQ(read_texts(extension, rows).at(0).text, "caf\xe9 \\n 1\\");
    extension.any_bytes = false;
    EXPECT_EQ(texts_sql(extension).find("'escape'"), std::string::npos);
    EXPECT_EQ(read_texts(extension, rows).at(0).text, R"(caf\351 \\n 1\)");
}

TEST(QueryLogSql, TakesTheColumnsThatThereAre) {
    StatementsExtension old{.installed = true, .role = "r", .schema = "public", .columns = {"blk_read_time", "total_plan_time"}};
    EXPECT_NE(counters_sql(old).find("s.userid, true"), std::string::npos);
    EXPECT_NE(counters_sql(old).find("s.blk_read_time"), std::string::npos);
    EXPECT_EQ(counters_sql(old).find("stats_since"), std::string::npos);
    EXPECT_EQ(head_sql(old).find("stats_reset"), std::string::npos);
    EXPECT_EQ(head_sql(old).find("active_time"), std::string::npos);
    EXPECT_EQ(tail_sql(old), "");
    const StatementsExtension recent{.installed = true,
                                     .role = "r",
                                     .schema = "\"My Ext\"",
                                     .columns = {"local_blk_read_time", "shared_blk_read_time", "stats_since", "toplevel"},
                                     .info = true,
                                     .active_time = true};
    EXPECT_NE(counters_sql(recent).find("s.shared_blk_read_time, 0, s.local_blk_read_time, 0"), std::string::npos);
    EXPECT_NE(counters_sql(recent).find("FROM \"My Ext\".pg_stat_statements(false)"), std::string::npos);
    EXPECT_NE(counters_sql(recent).find("stats_since"), std::string::npos);
    EXPECT_NE(counters_sql(recent).find("s.toplevel"), std::string::npos);
    EXPECT_NE(head_sql(recent).find("\"My Ext\".pg_stat_statements_info()"), std::string::npos);
    EXPECT_NE(head_sql(recent).find("active_time"), std::string::npos);
}

}  // namespace
}  // namespace orrery::collectors
