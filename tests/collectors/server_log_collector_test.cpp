#include "collectors/server_log_collector.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/scripted_session.hpp"

// The collector's questions and what it makes of the answers, without a server. Files are read over "SQL".
namespace orrery::collectors {
namespace {

using base::ErrorKind;
using Rows = orrery::testing::ScriptedSession::Rows;

std::string hex(const std::string& bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text += kDigits[static_cast<unsigned char>(c) >> 4U];
        text += kDigits[static_cast<unsigned char>(c) & 15U];
    }
    return text;
}

const std::string kEntry =
    "2026-11-21 12:05:57.000 CET,\"ann\",\"shop\",1,,a.1,1,,2026-11-21 12:00:00 CET,,0,LOG,00000,\"temporary file: path \"\"x\"\", size "
    "7\",,,,,,,,,\"psql\","
    "\"client backend\",,0\n";

class ServerLog : public ::testing::Test {
protected:
    ServerLog() { reset(); }
    void reset() {
        given = {{"log_destination", "stderr,csvlog"},
                 {"logging_collector", "on"},
                 {"log_directory", "log"},
                 {"log_filename", "pg-%d.log"},
                 {"log_line_prefix", "%m [%p] "},
                 {"log_timezone", "UTC"},
                 {"lc_messages", "en_US.UTF-8"},
                 {"data_directory", "/nonexistent"},
                 {"PID", "0"},
                 {"ROLE", "\"the watcher\""},
                 {"SERVER", "10.0.0.1"},
                 {"CLIENT", "10.0.0.2"},
                 {"MAY_ASK_NAME", "true"},
                 {"MAY_LIST", "true"},
                 {"MAY_READ", "true"}};
        session.answer("pg_current_logfile($1", {{"log/pg-1.csv"}});
        write("");
        answer();
    }
    void answer() {
        Rows rows;
        for (const auto& [name, value] : given) rows.push_back({name, value});
        session.answer("pg_settings", rows);
    }
    void write(const std::string& bytes) {
        session.answer("FROM pg_catalog.pg_ls_logdir", {{"pg-1.csv", std::to_string(bytes.size()), "1795262757000000"}});
        session.answer("pg_read_binary_file($1", {{hex(bytes)}});
        session.answer("orrery.read_log($1", {{hex(bytes)}});
    }
    Reading read() {
        auto reading = collector.collect_once();
        EXPECT_TRUE(reading) << reading.error().to_text();
        return std::move(reading).value();
    }
    bool asked(const std::string& word) const {
        return std::any_of(session.asked().begin(), session.asked().end(),
                           [&](const std::string& sql) { return sql.find(word) != std::string::npos; });
    }
    /// The only note of a round that could not read.
    std::string refusal() {
        answer();
        const auto reading = read();
        EXPECT_TRUE(reading.batch.state.empty());
        EXPECT_TRUE(reading.batch.frames.empty());
        EXPECT_EQ(reading.notes.size(), 1U);
        return reading.notes.empty() ? "" : reading.notes[0];
    }

    std::map<std::string, std::string> given;
    orrery::testing::ScriptedSession session{150'000};
    base::ManualClock clock{base::from_unix_ms(1'795'262'760'000)};
    ServerLogCollector collector{session, clock};
};

TEST_F(ServerLog, ReadsOverSqlFromAStateOn) {
    auto first = read();
    ASSERT_EQ(first.batch.state.size(), 1U);
    EXPECT_EQ(first.batch.state[0].first, ServerLogCollector::kStateName);
    write(kEntry);
    const auto second = read();
    ASSERT_EQ(second.batch.frames.size(), 1U);
    EXPECT_EQ(second.batch.frames[0].series, "log_events");
    EXPECT_EQ(base::to_unix_ms(second.batch.frames[0].end), 1'795'262'757'001);
    EXPECT_TRUE(read().batch.frames.empty());
    // What could not be stored comes again.
    collector.resume(first.batch.state[0].second);
    EXPECT_EQ(read().batch.frames.size(), 1U);
    for (const auto& sql : session.asked()) EXPECT_TRUE(domain::is_marked_own(sql)) << sql;
}

TEST_F(ServerLog, TakesTheZonesOffsetFromTheServer) {
    given["log_timezone"] = "Europe/Berlin";
    session.answer("generate_series", {{"1793000000", "3600"}});
    answer();
    read();
    write(kEntry);
    const auto reading = read();
    ASSERT_EQ(reading.batch.frames.size(), 1U);
    EXPECT_EQ(base::to_unix_ms(reading.batch.frames[0].end), 1'795'262'757'001 - 3'600'000);
    std::size_t zones = 0;
    for (const auto& sql : session.asked()) zones += sql.find("generate_series") != std::string::npos ? 1 : 0;
    EXPECT_EQ(zones, 1U) << "asked for once, not each round";
}

TEST_F(ServerLog, AsksTheHelperWhereItMayNotReadItself) {
    given["MAY_READ"] = "false";
    given["HELPER"] = "true";
    answer();
    read();
    write(kEntry);
    EXPECT_EQ(read().batch.frames.size(), 1U);
    EXPECT_TRUE(asked("orrery.read_log"));
    EXPECT_FALSE(asked("pg_read_binary_file($1"));
}

TEST_F(ServerLog, FindsTheNewestFileWhereItMayNotAskForTheName) {
    given["MAY_ASK_NAME"] = "false";
    answer();
    EXPECT_EQ(read().batch.state.size(), 1U);
    EXPECT_FALSE(asked("pg_current_logfile($1"));
}

TEST_F(ServerLog, SaysWhatUnlocksIt) {
    given["MAY_READ"] = "false";
    EXPECT_NE(refusal().find("GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO \"the watcher\";"),
              std::string::npos);
    reset();
    given["logging_collector"] = "off";
    given["log_destination"] = "stderr";
    EXPECT_NE(refusal().find("logging_collector = on"), std::string::npos);
    reset();
    given["log_destination"] = "syslog";
    EXPECT_NE(refusal().find("log goes to syslog"), std::string::npos);
}

TEST_F(ServerLog, TellsOfALanguageItDoesNotKnow) {
    given["lc_messages"] = "nl_NL.UTF-8";
    answer();
    read();
    auto entry = kEntry;
    entry.replace(entry.find(",LOG,"), 5, ",LOGBOEK,");
    write(entry);
    const auto reading = read();
    ASSERT_EQ(reading.notes.size(), 2U);
    for (const auto& note : reading.notes) EXPECT_NE(note.find("lc_messages = 'C'"), std::string::npos);
}

TEST_F(ServerLog, ReportsAFailureAndKeepsItsPlace) {
    read();
    write(kEntry);
    session.fail("pg_read_binary_file($1", ErrorKind::permission);
    const auto reading = read();
    ASSERT_EQ(reading.failures.size(), 1U);
    EXPECT_EQ(reading.failures[0].what, "server_log");
    write(kEntry);
    EXPECT_EQ(read().batch.frames.size(), 1U);
    session.fail("pg_settings", ErrorKind::connection);
    EXPECT_EQ(collector.collect_once().error().kind, ErrorKind::connection);
}

TEST_F(ServerLog, ChangesItsFormatWithTheServer) {
    read();
    given["log_destination"] = "stderr";
    session.answer("pg_current_logfile($1", {{"log/pg-1.log"}});
    session.answer("FROM pg_catalog.pg_ls_logdir", {{"pg-1.log", "0", "1795262757000000"}});
    answer();
    const auto reading = read();
    ASSERT_EQ(reading.notes.size(), 1U);
    EXPECT_NE(reading.notes[0].find("does not write csvlog"), std::string::npos) << reading.notes[0];
    ASSERT_EQ(reading.batch.state.size(), 1U);
    EXPECT_NE(reading.batch.state[0].second.find("pg-1.log"), std::string::npos);
}

TEST_F(ServerLog, StopsWhenAsked) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(collector.collect_once(stop.get_token()).error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace orrery::collectors
