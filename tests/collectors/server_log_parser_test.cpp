#include "collectors/server_log_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace orrery::collectors {
namespace {

/// A record with its texts, beyond the life of the bytes.
struct Kept {
    Severity severity;
    std::int64_t pid, time_us, query_id;
    std::string user, database, application, sqlstate, message, detail, hint, statement, context;
    bool truncated;
};

std::string text(const LogText& from) {
    std::string scratch;
    return std::string(from.decoded(scratch));
}

LogParser::Sink into(std::vector<Kept>& kept) {
    return [&kept](const LogRecord& r) {
        kept.push_back({r.severity, r.pid, r.time_us, r.query_id, text(r.user), text(r.database), text(r.application),
                        std::string(r.sqlstate), text(r.message), text(r.detail), text(r.hint), text(r.statement), text(r.context),
                        r.truncated});
    };
}

std::vector<Kept> read_all(LogParser& parser, const std::string& bytes) {
    std::vector<Kept> kept;
    EXPECT_EQ(parser.parse(bytes, true, into(kept)), bytes.size());
    return kept;
}

/// As it comes from a file that grows: some bytes at a time, with what was left of the last ones.
std::vector<Kept> read_piecewise(LogParser& parser, const std::string& bytes, std::size_t piece) {
    std::vector<Kept> kept;
    std::string carry;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        carry += bytes.substr(at, piece);
        const bool last = at + piece >= bytes.size();
        carry.erase(0, parser.parse(carry, last, into(kept)));
    }
    EXPECT_EQ(carry, "");
    return kept;
}

const std::string kText =
    "2026-11-21 12:05:56.123 UTC [11] ann@shop ERROR:  duplicate key value violates unique constraint \"users_pkey\"\n"
    "2026-11-21 12:05:56.123 UTC [11] ann@shop DETAIL:  Key (id)=(5) already exists.\n"
    "2026-11-21 12:05:56.123 UTC [11] ann@shop HINT:  none\n"
    "2026-11-21 12:05:56.123 UTC [11] ann@shop CONTEXT:  a\n"
    "\tb\n"
    "2026-11-21 12:05:56.123 UTC [11] ann@shop STATEMENT:  INSERT INTO users\n"
    "\t  VALUES (5)\n"
    "2026-11-21 12:05:57.000 UTC [1] LOG:  checkpoint starting: time\n"
    "cp: cannot stat '/archive/x'\n"
    "2026-11-21 12:05:58.000 UTC [12] ann@shop LOG:  duration: 1.5 ms  statement: SELECT '\n"
    "\t\n"
    "\t2026-11-21 12:05:58.000 UTC [12] ann@shop LOG:  no entry'\n";

const std::string kCsv =
    "2026-11-21 12:05:56.123 UTC,\"ann\",\"shop\",11,\"[local]\",67a1b2c3.b,3,\"INSERT\",2026-11-21 12:00:00 UTC,3/45,0,ERROR,23505,"
    "\"duplicate key value violates unique constraint \"\"users_pkey\"\"\",\"Key (id)=(5) already exists.\",\"none\",,,\"a\nb\","
    "\"INSERT INTO users\n  VALUES (5)\",,,\"psql\",\"client backend\",,-99\n"
    "2026-11-21 12:05:57.000 UTC,,,1,,67a1b2c3.1,1,,2026-11-21 12:00:00 UTC,,0,LOG,00000,\"checkpoint starting: time\",,,,,,,,,\"\","
    "\"checkpointer\",,0\n"
    "2026-11-21 12:05:58.000 UTC,\"ann\",\"shop\",12,\"[local]\",67a1b2c3.b,3,\"SELECT\",2026-11-21 12:00:00 UTC,3/45,0,LOG,00000,"
    "\"duration: 1.5 ms  statement: SELECT '\n\n2026-11-21 12:05:58.000 UTC [12] ann@shop LOG:  no entry'\",,,,,,,,,\"psql\",\"client "
    "backend\","
    ",-98\n";

const std::string kJson =
    "{\"timestamp\":\"2026-11-21 12:05:56.123 "
    "UTC\",\"user\":\"ann\",\"dbname\":\"shop\",\"pid\":11,\"remote_host\":\"[local]\",\"session_id\":"
    "\"67a1b2c3.b\",\"line_num\":3,\"error_severity\":\"ERROR\",\"state_code\":\"23505\",\"message\":\"duplicate key value violates unique "
    "constraint \\\"users_pkey\\\"\",\"detail\":\"Key (id)=(5) already exists.\",\"hint\":\"none\",\"context\":\"a\\nb\",\"statement\":"
    "\"INSERT INTO users\\n  VALUES (5)\",\"application_name\":\"psql\",\"backend_type\":\"client backend\",\"query_id\":-99}\n"
    "{\"timestamp\":\"2026-11-21 12:05:57.000 UTC\",\"pid\":1,\"session_id\":\"67a1b2c3.1\",\"error_severity\":\"LOG\",\"message\":"
    "\"checkpoint starting: time\",\"backend_type\":\"checkpointer\",\"query_id\":0}\n"
    "{\"timestamp\":\"2026-11-21 12:05:58.000 UTC\",\"user\":\"ann\",\"dbname\":\"shop\",\"pid\":12,\"error_severity\":\"LOG\",\"message\":"
    "\"duration: 1.5 ms  statement: SELECT '\\n\\n2026-11-21 12:05:58.000 UTC [12] ann@shop LOG:  no "
    "entry'\",\"application_name\":\"psql\","
    "\"query_id\":-98}\n";

LogParserOptions options(LogFormat format) {
    return {.format = format, .line_prefix = "%m [%p] %q%u@%d "};
}

const std::string& sample(LogFormat format) {
    return format == LogFormat::text ? kText : format == LogFormat::csv ? kCsv : kJson;
}

class EveryFormat : public ::testing::TestWithParam<LogFormat> {
protected:
    void expect_sample(const std::vector<Kept>& kept) {
        ASSERT_EQ(kept.size(), 3U);
        const auto& error = kept[0];
        EXPECT_EQ(error.severity, Severity::error);
        EXPECT_EQ(error.pid, 11);
        EXPECT_EQ(error.time_us, 1'795'262'756'123'000);
        EXPECT_EQ(error.user, "ann");
        EXPECT_EQ(error.database, "shop");
        EXPECT_EQ(error.message, "duplicate key value violates unique constraint \"users_pkey\"");
        EXPECT_EQ(error.detail, "Key (id)=(5) already exists.");
        EXPECT_EQ(error.hint, "none");
        EXPECT_EQ(error.context, "a\nb");
        EXPECT_EQ(error.statement, "INSERT INTO users\n  VALUES (5)");
        EXPECT_EQ(kept[1].message, "checkpoint starting: time");
        EXPECT_EQ(kept[1].user, "");
        EXPECT_EQ(kept[2].message, "duration: 1.5 ms  statement: SELECT '\n\n2026-11-21 12:05:58.000 UTC [12] ann@shop LOG:  no entry'");
        if (GetParam() == LogFormat::text) return;
        EXPECT_EQ(error.sqlstate, "23505");
        EXPECT_EQ(error.application, "psql");
        EXPECT_EQ(error.query_id, -99);
    }
    LogParser parser{options(GetParam())};
};

TEST_P(EveryFormat, TellsEntriesWithAllTheirTexts) {
    expect_sample(read_all(parser, sample(GetParam())));
    EXPECT_EQ(parser.damage().malformed, 0);
    EXPECT_EQ(parser.damage().foreign_lines, GetParam() == LogFormat::text ? 1 : 0);
}

TEST_P(EveryFormat, TellsTheSameHoweverTheBytesCome) {
    for (const std::size_t piece : {1U, 2U, 7U, 64U, 500U}) {
        SCOPED_TRACE(piece);
        LogParser fresh{options(GetParam())};
        expect_sample(read_piecewise(fresh, sample(GetParam()), piece));
    }
}

TEST_P(EveryFormat, TakesLineEndsOfWindows) {
    std::string bytes;
    for (const char c : sample(GetParam())) bytes += c == '\n' && GetParam() != LogFormat::csv ? "\r\n" : std::string(1, c);
    if (GetParam() == LogFormat::csv) {  // line ends inside of texts are the application's
        for (std::size_t at = 0; (at = bytes.find("\n2026", at)) != std::string::npos; at += 2)
            if (bytes[at - 1] != '\n') bytes.insert(at, "\r");
        bytes.insert(bytes.size() - 1, "\r");
    }
    expect_sample(read_all(parser, bytes));
}

TEST_P(EveryFormat, WaitsForTheRestOfAnEntry) {
    const auto& bytes = sample(GetParam());
    std::vector<Kept> kept;
    const auto cut = bytes.size() - 20;
    const auto done = parser.parse(std::string_view(bytes).substr(0, cut), false, into(kept));
    EXPECT_EQ(kept.size(), 2U);
    EXPECT_EQ(parser.parse(std::string_view(bytes).substr(done), true, into(kept)), bytes.size() - done);
    expect_sample(kept);
}

TEST_P(EveryFormat, CutsAGiantEntryAndGoesOnBehindIt) {
    auto small = options(GetParam());
    small.max_record = 4096;
    LogParser bounded(small);
    auto giant = sample(GetParam());
    const auto at = giant.find("VALUES (5)");
    giant.insert(at, std::string(50'000, 'x'));
    giant += sample(GetParam());
    std::vector<Kept> kept;
    std::string carry;
    for (std::size_t from = 0; from < giant.size(); from += 1000) {
        carry += giant.substr(from, 1000);
        carry.erase(0, bounded.parse(carry, from + 1000 >= giant.size(), into(kept)));
        ASSERT_LE(carry.size(), 5200U) << "memory is bounded";
    }
    ASSERT_EQ(kept.size(), 6U);
    EXPECT_TRUE(kept[0].truncated);
    EXPECT_EQ(kept[0].detail, "Key (id)=(5) already exists.");
    EXPECT_LE(kept[0].statement.size(), 5200U);
    EXPECT_EQ(kept[1].message, "checkpoint starting: time");
    EXPECT_EQ(bounded.damage().truncated, 1);
}

TEST_P(EveryFormat, GoesOnBehindWhatACrashLeft) {
    const auto& bytes = sample(GetParam());
    const auto kept = read_all(parser, bytes.substr(0, 240) + "\n" + bytes);
    ASSERT_GE(kept.size(), 3U);
    expect_sample({kept.end() - 3, kept.end()});
    LogParser glued(options(GetParam()));  // without even a line end
    EXPECT_GE(read_all(glued, bytes.substr(0, 240) + bytes).size(), 2U);
    LogParser zeros(options(GetParam()));  // blocks that never reached the disk
    const auto after = read_all(zeros, std::string(8192, '\0') + "\n" + bytes);
    ASSERT_GE(after.size(), 3U);
    expect_sample({after.end() - 3, after.end()});
}

TEST_P(EveryFormat, BeginsInTheMiddle) {
    for (std::size_t from = 1; from < sample(GetParam()).size() - 1; ++from) {
        LogParser late(options(GetParam()));
        late.skip_to_next();
        const auto kept = read_all(late, sample(GetParam()).substr(from));
        for (const auto& record : kept) EXPECT_NE(record.time_us, 0);
        EXPECT_LE(kept.size(), 3U);
    }
}

TEST_P(EveryFormat, TakesAnyBytes) {
    auto bytes = sample(GetParam());
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        auto damaged = bytes;
        damaged[at] = static_cast<char>(0xE9);
        LogParser fresh(options(GetParam()));
        std::vector<Kept> kept;
        EXPECT_EQ(fresh.parse(damaged, true, into(kept)), damaged.size());
    }
    auto latin = bytes;
    latin.replace(latin.find("users"), 5, "\xE9t\xE9s\xFF");
    EXPECT_NE(read_all(parser, latin).at(0).message.find("\xE9t\xE9s\xFF"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat, ::testing::Values(LogFormat::text, LogFormat::csv, LogFormat::json));

TEST(LogParser, ReadsThirteensCsv) {
    LogParser parser({.format = LogFormat::csv});
    const auto kept =
        read_all(parser,
                 "2026-11-21 12:05:57.000 UTC,,,1,,67a1b2c3.1,1,,2026-11-21 12:00:00 UTC,,0,LOG,00000,\"checkpoint\",,,,,,,,,\"\","
                 "\"checkpointer\"\n");
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].message, "checkpoint");
}

TEST(LogParser, ReadsCodesOfVerboseText) {
    LogParser parser({.line_prefix = "%m [%p] "});
    const auto kept = read_all(parser,
                               "2026-11-21 12:05:57.000 UTC [1] ERROR:  23505: duplicate key\n"
                               "2026-11-21 12:05:57.000 UTC [1] LOCATION:  _bt_check_unique, nbtinsert.c:664\n"
                               "2026-11-21 12:05:57.000 UTC [1] STATEMENT:  INSERT\n");
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].sqlstate, "23505");
    EXPECT_EQ(kept[0].message, "duplicate key");
    EXPECT_EQ(kept[0].statement, "INSERT");
}

TEST(LogParser, ReadsEscapesOfJson) {
    LogParser parser({.format = LogFormat::json});
    const auto kept = read_all(
        parser, "{\"timestamp\":\"2026-11-21 12:05:57.000 UTC\",\"message\":\"\\u00e9\\u20ac\\ud83d\\ude00\\ud83d \\t\\\\\\/\\u12\"}\n");
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_EQ(kept[0].message, "é€😀\xEF\xBF\xBD \t\\/u12");
}

TEST(LogParser, CountsWordsOfUnknownLanguages) {
    LogParser parser({.line_prefix = "%m [%p] "});
    const auto kept =
        read_all(parser, "2026-11-21 12:05:57.000 UTC [1] FOUT:  relatie bestaat niet\n2026-11-21 12:05:57.000 UTC [1] FEHLER:  nein\n");
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept[0].severity, Severity::unknown);
    EXPECT_EQ(kept[0].message, "relatie bestaat niet");
    EXPECT_EQ(kept[1].severity, Severity::error);
    EXPECT_EQ(parser.damage().unknown_words, 1);
}

}  // namespace
}  // namespace orrery::collectors
