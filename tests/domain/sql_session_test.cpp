#include "domain/sql_session.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace orrery::domain {
namespace {

SqlRows rows() {
    SqlRows answer;
    answer.columns = {"a", "b"};
    answer.cells = {"5", "x", std::nullopt, "t", "-2.5e3", "NaN"};
    return answer;
}

TEST(SqlRows, CellsAreReadByRowAndColumn) {
    const SqlRows answer = rows();
    EXPECT_EQ(answer.size(), 3U);
    EXPECT_FALSE(answer.empty());
    EXPECT_EQ(answer.integer(0, 0), 5);
    EXPECT_EQ(answer.text(0, 1), "x");
    EXPECT_TRUE(answer.boolean(1, 1));
    EXPECT_DOUBLE_EQ(answer.real(2, 0), -2500);
    EXPECT_TRUE(std::isnan(answer.real(2, 1)));
    EXPECT_TRUE(SqlRows{}.empty());
}

TEST(SqlRows, NullIsEmptyZeroAndFalse) {
    const SqlRows answer = rows();
    EXPECT_TRUE(answer.is_null(1, 0));
    EXPECT_FALSE(answer.is_null(0, 0));
    EXPECT_EQ(answer.text(1, 0), "");
    EXPECT_EQ(answer.integer(1, 0), 0);
    EXPECT_EQ(answer.real(1, 0), 0);
    EXPECT_FALSE(answer.boolean(1, 0));
    EXPECT_TRUE(answer.array(1, 0).empty());
}

std::vector<std::string> parsed(const std::string& literal) {
    SqlRows answer;
    answer.columns = {"a"};
    answer.cells = {literal};
    return answer.array(0, 0);
}

TEST(SqlRows, ArrayLiterals) {
    using Items = std::vector<std::string>;
    EXPECT_EQ(parsed("{}"), Items{});
    EXPECT_EQ(parsed("{a}"), Items{"a"});
    EXPECT_EQ(parsed("{a,b c,3}"), (Items{"a", "b c", "3"}));
    EXPECT_EQ(parsed(R"({"a,b","c}d","e\"f","g\\h"})"), (Items{"a,b", "c}d", "e\"f", "g\\h"}));
    EXPECT_EQ(parsed("{NULL,\"NULL\",\"\"}"), (Items{"", "NULL", ""}));
    EXPECT_EQ(parsed("{\"\"}"), Items{""});
    EXPECT_EQ(parsed("{größe}"), Items{"größe"});
}

TEST(SqlRows, WhatIsNoArrayHasNoItems) {
    for (const char* text : {"", "{", "abc", "5"}) EXPECT_TRUE(parsed(text).empty()) << text;
    EXPECT_LE(parsed("{\"never closed").size(), 1U);
    EXPECT_LE(parsed("{\"ends in a backslash\\").size(), 1U);
}

TEST(OwnMark, StandsBehindTheFirstWordOnce) {
    EXPECT_EQ(mark_own("SELECT 1"), "SELECT /* orrery */ 1");
    EXPECT_EQ(mark_own("\n  create index i on t (a)"), "\n  create /* orrery */ index i on t (a)");
    EXPECT_EQ(mark_own("COMMIT"), "COMMIT /* orrery */");
    EXPECT_EQ(mark_own(mark_own("SELECT 1")), mark_own("SELECT 1"));
    EXPECT_EQ(mark_own("(SELECT 1)"), "(SELECT 1)");
    EXPECT_EQ(mark_own("  "), "  ");
    EXPECT_EQ(mark_own(""), "");
}

TEST(OwnMark, IsSoughtAtTheBeginningOnly) {
    EXPECT_TRUE(is_marked_own(mark_own("EXPLAIN (FORMAT JSON) SELECT 1")));
    EXPECT_FALSE(is_marked_own("SELECT 1"));
    EXPECT_FALSE(is_marked_own("SELECT " + std::string(80, ' ') + " /* orrery */ 1"));
}

}  // namespace
}  // namespace orrery::domain
