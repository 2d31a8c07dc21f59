#include "sql/literal.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace orrery::sql {
namespace {

std::string bind(const std::string& text, const std::vector<std::string>& literals) {
    return bind_parameters(text, literals);
}

TEST(BindParameters, ReplacesOutsideOfQuotesAndComments) {
    EXPECT_EQ(bind("SELECT $1, '$1', \"$1\", $$ $1 $$ -- $1\n/* $1 */ + $2", {"5", "'x'"}),
              "SELECT 5, '$1', \"$1\", $$ $1 $$ -- $1\n/* $1 */ + 'x'");
}

TEST(BindParameters, LeavesWhatHasNoLiteral) {
    EXPECT_EQ(bind("SELECT $1, $2, $0, $99999999999999999999", {"5"}), "SELECT 5, $2, $0, $99999999999999999999");
    EXPECT_EQ(bind("SELECT $10", {"5"}), "SELECT $10");
}

TEST(BindParameters, MakesAStringOfALiteralAfterATypeName) {
    EXPECT_EQ(bind("SELECT interval $1", {"'1 day'"}), "SELECT interval '1 day'");
    EXPECT_EQ(bind("SELECT interval $1", {"'1 day'::interval"}), "SELECT interval '1 day'");
    EXPECT_EQ(bind("SELECT now() - interval $1 DAY", {"5"}), "SELECT now() - interval '5' DAY");
    EXPECT_EQ(bind("SELECT timestamp(3) with time zone $1", {"5"}), "SELECT timestamp(3) with time zone '5'");
    EXPECT_EQ(bind("SELECT timestamp(3) $1, \"my type\" $2", {"5", "6"}), "SELECT timestamp(3) '5', \"my type\" '6'");
    EXPECT_EQ(bind("SELECT date $1", {"NULL"}), "SELECT NULL::date");
    EXPECT_EQ(bind("SELECT timestamp(3) with time zone $1, 2", {"null"}), "SELECT NULL::timestamp(3) with time zone, 2");
    EXPECT_EQ(bind("SELECT double precision $1", {"NULL::float8"}), "SELECT NULL::double precision");
}

TEST(BindParameters, KnowsExpressionsFromTypeNames) {
    EXPECT_EQ(bind("SELECT x AT TIME ZONE $1", {"'UTC'::text"}), "SELECT x AT TIME ZONE 'UTC'::text");
    EXPECT_EQ(bind("SELECT DISTINCT ON (a) $1 FROM t LIMIT $2", {"5", "6"}), "SELECT DISTINCT ON (a) 5 FROM t LIMIT 6");
    EXPECT_EQ(bind("SELECT a OPERATOR(pg_catalog.+) $1", {"5"}), "SELECT a OPERATOR(pg_catalog.+) 5");
    EXPECT_EQ(bind("SELECT a WHERE b BETWEEN $1 AND $2 OR c LIKE $3", {"1", "2", "NULL"}),
              "SELECT a WHERE b BETWEEN 1 AND 2 OR c LIKE NULL");
    EXPECT_EQ(bind("SELECT substring(a from $1 for $2)", {"1", "2"}), "SELECT substring(a from 1 for 2)");
}

TEST(BindParameters, KeepsTokensApart) {
    EXPECT_EQ(bind("SELECT 1-$1", {"-5"}), "SELECT 1-(-5)");
    EXPECT_EQ(bind("SELECT a=$1AND b", {"5"}), "SELECT a=5 AND b");
    EXPECT_EQ(bind("SELECT a FROM t WHERE 'x'$1", {"'y'"}), "SELECT a FROM t WHERE 'x' 'y'");
}

TEST(ParameterCount, SeesTheHighestOutsideOfQuotes) {
    EXPECT_EQ(parameter_count("SELECT $3, $1, '$9', a$7"), 3);
    EXPECT_EQ(parameter_count("SELECT 1"), 0);
}

}  // namespace
}  // namespace orrery::sql
