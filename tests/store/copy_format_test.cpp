#include "store/copy_format.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace orrery::store {
namespace {

TEST(StorableText, OrdinaryTextStaysAsItIs) {
    for (const std::string& text : std::vector<std::string>{"", "SELECT 1", "tab\tline\nquote' \"", "ünïcödé ✓ 😀"}) {
        EXPECT_EQ(storable_text(text), text);
        EXPECT_EQ(original_text(text), text);
    }
}

TEST(StorableText, WhatPostgresCannotHoldComesBack) {
    const std::string nul("a\0b", 3);
    EXPECT_EQ(storable_text(nul).find('\0'), std::string::npos);
    // NUL, the escape itself, stray and cut sequences, overlong forms, surrogates, beyond the last code point
    for (const std::string& text :
         std::vector<std::string>{nul, std::string("\x10"),
                                  std::string("\x10"
                                              "00"),
                                  std::string("caf\xe9"), std::string("\xe2\x82"), std::string("\xc0\xaf"), std::string("\xed\xa0\x80"),
                                  std::string("\xf4\x90\x80\x80"), std::string("\xff")}) {
        EXPECT_NE(storable_text(text), text);
        EXPECT_EQ(original_text(storable_text(text)), text);
    }
}

TEST(BinaryRows, AreWhatTheServerReads) {
    std::string buffer;
    BinaryRows rows(buffer);
    rows.header();
    rows.row(3);
    rows.integer(-2);
    rows.null();
    rows.text("ab");
    rows.trailer();
    const std::string expected(
        "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
        "\0\3"
        "\0\0\0\10\377\377\377\377\377\377\377\376"
        "\377\377\377\377"
        "\0\0\0\2ab"
        "\377\377",
        19 + 2 + 12 + 4 + 6 + 2);
    EXPECT_EQ(buffer, expected);
}

TEST(TextRow, UnescapesAndTellsNullFromEmpty) {
    TextRow row;
    row.read("\\N\t\ta\\tb\\n\\\\\t-7\t1.5e-300\tt\tInfinity");
    ASSERT_EQ(row.size(), 7U);
    EXPECT_TRUE(row.is_null(0));
    EXPECT_FALSE(row.is_null(1));
    EXPECT_EQ(row.text(1), "");
    EXPECT_EQ(row.text(2), "a\tb\n\\");
    EXPECT_EQ(row.integer(3), -7);
    EXPECT_EQ(row.real(4), 1.5e-300);
    EXPECT_TRUE(row.boolean(5));
    EXPECT_EQ(row.real(6), std::numeric_limits<double>::infinity());
    EXPECT_EQ(row.integer(0), 0);
    row.read("x");
    ASSERT_EQ(row.size(), 1U);
    EXPECT_EQ(row.text(0), "x");
}

}  // namespace
}  // namespace orrery::store
