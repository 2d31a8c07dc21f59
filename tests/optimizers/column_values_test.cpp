#include "optimizers/column_values.hpp"

#include <gtest/gtest.h>

#include "optimizers/fixtures.hpp"

namespace orrery::optimizers {
namespace {

TEST(ColumnValues, PutsNumbersAndTimesOnALine) {
    EXPECT_EQ(value_position("integer", "-12"), -12);
    EXPECT_EQ(value_position("numeric(10,2)", "3.50"), 3.5);
    EXPECT_EQ(value_position("date", "2000-01-02"), 1);
    EXPECT_EQ(value_position("timestamp without time zone", "2000-01-01 00:01:00.5"), 60.5);
    EXPECT_EQ(value_position("timestamp with time zone", "2000-01-01 02:00:00+02"), 0);
    EXPECT_EQ(value_position("timestamp with time zone", "1999-12-31 20:30:00-03:30"), 0);
}

TEST(ColumnValues, HasNoPlaceForTheRest) {
    EXPECT_FALSE(value_position("text", "abc"));
    EXPECT_FALSE(value_position("integer", "12a"));
    EXPECT_FALSE(value_position("date", "infinity"));
    EXPECT_FALSE(value_position("date", "2024-02-30"));
    EXPECT_FALSE(value_position("timestamp without time zone", "2024-01-01 25"));
    EXPECT_FALSE(value_position("integer[]", "{1}"));
    EXPECT_FALSE(value_position("double precision", "NaN"));
}

TEST(ColumnValues, WritesWhatItReads) {
    for (const auto& [type, text] : std::vector<std::pair<std::string, std::string>>{{"date", "1995-06-17"},
                                                                                     {"timestamp without time zone", "2024-02-29 23:59:59"},
                                                                                     {"timestamp with time zone", "1969-07-20 20:17:40+00"},
                                                                                     {"bigint", "-9007199254740991"},
                                                                                     {"numeric", "0.25"}}) {
        const auto position = value_position(type, text);
        ASSERT_TRUE(position) << text;
        EXPECT_EQ(value_at(type, *position), text);
    }
    EXPECT_EQ(value_at("integer", 2.6), "3");
}

TEST(ColumnValues, ReadsLiteralsAndNothingElse) {
    EXPECT_EQ(literal_text("5"), "5");
    EXPECT_EQ(literal_text("-3.5::numeric"), "-3.5");
    EXPECT_EQ(literal_text("'it''s'::text"), "it's");
    EXPECT_EQ(literal_text("DATE '2024-01-01'"), "2024-01-01");
    EXPECT_EQ(literal_text("true"), "t");
    for (const char* other : {"$1", "now()", "lower('x')", "'a' || 'b'", "NULL", "'2024-01-01'::date - 3"})
        EXPECT_FALSE(literal_text(other)) << other;
}

TEST(ColumnValues, InterpolatesBetweenBounds) {
    const auto column = testing::with_histogram(testing::column("n", "integer", -1), {"0", "100", "1000"});
    EXPECT_EQ(quantile_value(column, 0), "0");
    EXPECT_EQ(quantile_value(column, 0.25), "50");
    EXPECT_EQ(quantile_value(column, 0.75), "550");
    EXPECT_EQ(quantile_value(column, 1), "1000");
    EXPECT_DOUBLE_EQ(histogram_position(column, "50").value(), 0.25);
    EXPECT_DOUBLE_EQ(histogram_position(column, "-1").value(), 0);
    EXPECT_DOUBLE_EQ(histogram_position(column, "5000").value(), 1);
    const auto words = testing::with_histogram(testing::column("w", "text", -1), {"apple", "kiwi", "plum"});
    EXPECT_EQ(quantile_value(words, 0.6), "kiwi");
    EXPECT_DOUBLE_EQ(histogram_position(words, "lemon").value(), 0.75);
    EXPECT_FALSE(quantile_value(testing::column("n", "integer", 3), 0.5));
}

}  // namespace
}  // namespace orrery::optimizers
