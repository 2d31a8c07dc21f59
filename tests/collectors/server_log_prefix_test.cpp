#include "collectors/server_log_prefix.hpp"

#include <gtest/gtest.h>

#include <string>

namespace orrery::collectors {
namespace {

constexpr std::int64_t kNoonUs = 1'795'262'756'123'000;  // 2026-11-21 12:05:56.123 UTC

TEST(LogPrefix, ReadsWhatCommonPrefixesTell) {
    PrefixFields fields;
    LogPrefix debian("%m [%p] %q%u@%d ");
    ASSERT_TRUE(debian.match("2026-11-21 12:05:56.123 UTC [4711] ann@shop ERROR:  no", fields));
    EXPECT_EQ(fields.time_us, kNoonUs);
    EXPECT_EQ(fields.pid, 4711);
    EXPECT_EQ(fields.user, "ann");
    EXPECT_EQ(fields.database, "shop");
    EXPECT_EQ(fields.word.severity, Severity::error);

    ASSERT_TRUE(debian.match("2026-11-21 12:05:56.123 UTC [9] LOG:  checkpoint by a@b ERROR:  x", fields)) << "a background process";
    EXPECT_EQ(fields.user, "");
    EXPECT_EQ(fields.word.severity, Severity::log);

    LogPrefix cloud("%t:%r:%u@%d:[%p]:");
    ASSERT_TRUE(cloud.match("2026-11-21 12:05:56 UTC:10.0.0.1(5432):ann@my:shop:[12]:STATEMENT:  SELECT 1", fields));
    EXPECT_EQ(fields.user, "ann");
    EXPECT_EQ(fields.database, "my:shop");
    EXPECT_EQ(fields.pid, 12);
    EXPECT_EQ(fields.word.kind, LineKind::statement);
    EXPECT_TRUE(cloud.match("2026-11-21 12:05:56 UTC::@:[12]:LOG:  checkpoint starting: time", fields));

    LogPrefix none("");
    ASSERT_TRUE(none.match("FATAL:  out", fields));
    EXPECT_EQ(fields.word.severity, Severity::fatal);
}

TEST(LogPrefix, ReadsEveryEscape) {
    PrefixFields fields;
    LogPrefix all("%a|%u|%d|%r|%h|%b|%p|%P|%t|%m|%n|%i|%e|%c|%l|%s|%v|%x|%Q|%L|%% ");
    const std::string line =
        "my app|ann|shop|::1(99)|::1|client backend|12||2026-11-21 12:05:56 UTC|2026-11-21 12:05:56.123 "
        "UTC|1795262756.123|SELECT|42P01|"
        "67a1b2c3.1f|7|2026-11-21 12:00:00 UTC|3/45|0|-815|[local]|% LOG:  x";
    ASSERT_TRUE(all.match(line, fields));
    EXPECT_EQ(fields.application, "my app");
    EXPECT_EQ(fields.backend_type, "client backend");
    EXPECT_EQ(fields.time_us, kNoonUs) << "not the session's start";
    EXPECT_EQ(fields.sqlstate, "42P01");
    EXPECT_EQ(fields.session, "67a1b2c3.1f");
    EXPECT_EQ(fields.query_id, -815);
    EXPECT_TRUE(all.has('Q'));
    EXPECT_FALSE(all.has('q'));
}

TEST(LogPrefix, ReadsPaddedFields) {
    PrefixFields fields;
    LogPrefix padded("%-12u %10d %6p %-8p[%5P][%-5v] %m ");
    ASSERT_TRUE(padded.match("ann smith          shop   4711 4711    [     ][3/4  ] 2026-11-21 12:05:56.123 UTC LOG:  x", fields));
    EXPECT_EQ(fields.user, "ann smith");
    EXPECT_EQ(fields.database, "shop");
    EXPECT_EQ(fields.pid, 4711);
    EXPECT_EQ(fields.time_us, kNoonUs);
    ASSERT_TRUE(padded.match("                          4711 4711    [     ][     ] 2026-11-21 12:05:56.123 UTC LOG:  x", fields));
    EXPECT_EQ(fields.user, "");
    ASSERT_TRUE(padded.match(
        "a_name_longer_than_its_room another_long_name 12345678 123456789[     ][12/345678] 2026-11-21 12:05:56.123 UTC LOG:  x", fields));
    EXPECT_EQ(fields.user, "a_name_longer_than_its_room");
}

TEST(LogPrefix, LeavesOtherLinesAlone) {
    PrefixFields fields;
    LogPrefix debian("%m [%p] %q%u@%d ");
    for (const char* line :
         {"", "\t", "2026-11-21 12:05:56.123 UTC [4711]", "2026-11-21 12:05:56.123 UTC [x] LOG:  a", "ERROR:  a", "cp: cannot stat 'x'",
          "2026-11-21 12:05:56.123 UTC [4711] ann@shop no word", "2026-11-21 12:05:56.123 UTC [4711] ann@shop ERROR: one space"})
        EXPECT_FALSE(debian.match(line, fields)) << line;
    LogPrefix odd("%");
    EXPECT_TRUE(odd.match("LOG:  x", fields));
    LogPrefix unknown("%y%-%%5");
    EXPECT_TRUE(unknown.match("LOG:  x", fields)) << "escapes that no server knows stand for nothing";
}

TEST(LogPrefix, TakesAHostileLineInBoundedTime) {
    PrefixFields fields;
    LogPrefix greedy("%u%d%a%r%h %u:%d:%a ");
    std::string line;
    for (int i = 0; i < 100'000; ++i) line += "a: ";
    EXPECT_FALSE(greedy.match(line, fields));
}

TEST(LogPrefix, KnowsTheWordsOfOtherLanguages) {
    const auto word = [](std::string_view text) { return read_line_word(text, true); };
    EXPECT_EQ(word("FEHLER:  Relation").severity, Severity::error);
    EXPECT_EQ(word("ERREUR:  la relation").severity, Severity::error);
    EXPECT_EQ(word("ОШИБКА:  отношение").severity, Severity::error);
    EXPECT_EQ(word("错误:  关系").severity, Severity::error);
    EXPECT_EQ(word("ANWEISUNG:  SELECT").kind, LineKind::statement);
    EXPECT_EQ(word("INSTRUCTION :  SELECT").kind, LineKind::statement);
    EXPECT_EQ(word("INSTRUCTION\xC2\xA0:  SELECT").kind, LineKind::statement);
    EXPECT_EQ(word("INSTRUCTION :  SELECT").length, 15U);
    EXPECT_EQ(word("명령 구문:  SELECT").kind, LineKind::statement);
    EXPECT_EQ(word("FOUT:  relatie").length, 0U);
    EXPECT_EQ(read_line_word("FOUT:  relatie", false).kind, LineKind::unknown) << "known by its place";
    EXPECT_EQ(read_line_word("not a word:  x", false).length, 0U);
}

TEST(LogZone, FindsTheOffsetOfTheDay) {
    // Summer time of 2026 in Berlin ends on October 25th at 01:00 UTC.
    constexpr std::int64_t kEndUs = 1'792'890'000'000'000;
    const LogZone berlin{{{0, 7200}, {kEndUs, 3600}}};
    std::size_t length = 0;
    LogTimeReader reader(berlin);
    EXPECT_EQ(reader.read("2026-10-25 01:30:00 CEST", length), kEndUs - 5'400'000'000);
    EXPECT_EQ(reader.read("2026-10-25 02:30:00 CET x", length), kEndUs + 1'800'000'000) << "twice on the clock: the later one";
    EXPECT_EQ(length, 23U);
    EXPECT_EQ(reader.read("2026-10-25 03:30:00 CET", length), kEndUs + 5'400'000'000);
    EXPECT_EQ(reader.read("2026-10-25 01:00:00 UTC", length), kEndUs);
    EXPECT_EQ(reader.read("2026-10-25 06:30:00.25 +0530", length), kEndUs + 250'000);
    EXPECT_EQ(reader.read("2026-10-24 22:00:00 -03", length), kEndUs);
    EXPECT_EQ(reader.read("26-10-24 22:00:00", length), 0);
}

}  // namespace
}  // namespace orrery::collectors
