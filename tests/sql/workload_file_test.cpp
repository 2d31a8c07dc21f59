#include "sql/workload_file.hpp"

#include <gtest/gtest.h>

#include <string>

#include "sql/statement.hpp"

namespace orrery::sql {
namespace {

TEST(ParseWorkload, ReadsWeightsAndLines) {
    const auto read = parse_workload(
        "-- a shop\n"
        "-- orrery: calls=120 mean_ms=3.5\n"
        "-- by hand\n"
        "SELECT a\nFROM t; -- tail\n"
        "SELECT 2;\n"
        "/* orrery: calls=7 */ SELECT 'a;b' -- orrery: calls=9\n");
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 3U);
    EXPECT_EQ((*read)[0].text, "SELECT a\nFROM t");
    EXPECT_EQ((*read)[0].line, 4);
    EXPECT_EQ((*read)[0].calls, 120);
    EXPECT_EQ((*read)[0].mean_ms, 3.5);
    EXPECT_EQ((*read)[0].fingerprint, *fingerprint("select a from t"));
    EXPECT_EQ((*read)[1].calls, 1);
    EXPECT_FALSE((*read)[1].mean_ms);
    EXPECT_EQ((*read)[1].line, 6);
    EXPECT_EQ((*read)[2].text, "SELECT 'a;b'");
    EXPECT_EQ((*read)[2].calls, 7);
}

TEST(ParseWorkload, ReportsBadStatementsInTheirPlace) {
    const auto read = parse_workload(
        "\xEF\xBB\xBF\\timing it's on\n"
        "SELECT 1;\n"
        "SELEC 2;\n"
        "-- orrery: calls=-1\nSELECT 3;\n"
        "-- orrery: weight=2\nSELECT 4;\n"
        "-- orrery: calls=0\nSELECT 5;\n"
        "-- orrery: calls=1 mean_ms=x\nSELECT 6;\n"
        "SELECT 7;");
    ASSERT_TRUE(read);
    ASSERT_EQ(read->size(), 8U);
    for (const std::size_t good : {1U, 7U}) EXPECT_FALSE((*read)[good].error) << good;
    for (const std::size_t bad : {0U, 2U, 3U, 4U, 5U, 6U}) ASSERT_TRUE((*read)[bad].error) << bad;
    EXPECT_EQ((*read)[0].error->message, "line 1: a psql command is not SQL");
    EXPECT_EQ((*read)[2].error->message, "line 3: the statement does not parse");
    EXPECT_EQ((*read)[3].error->message, "line 4: bad weight: calls=-1");
    EXPECT_EQ((*read)[4].error->message, "line 6: unknown word in a weight: weight=2");
    EXPECT_EQ((*read)[7].text, "SELECT 7");
}

TEST(ParseWorkload, RefusesAFileWithoutStatements) {
    EXPECT_FALSE(parse_workload(""));
    EXPECT_FALSE(parse_workload("-- orrery: calls=1\n;;"));
}

}  // namespace
}  // namespace orrery::sql
