#include "sql/statement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace orrery::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string fingerprint_of(const std::string& text) {
    const auto result = fingerprint(text);
    return result ? result->hex() : result.error().message;
}

std::string normal(const std::string& text) {
    const auto result = normalize(text);
    return result ? *result : result.error().message;
}

TEST(Fingerprint, IsUnmovedByLiteralsSpaceAndComments) {
    const auto expected = fingerprint_of("SELECT a FROM t WHERE b = 1 AND c IN (1, 2)");
    EXPECT_EQ(fingerprint_of("select a\n from t -- x\n where b = 'y' and c in ($1, $2, $3)"), expected);
    EXPECT_EQ(fingerprint_of("select a from t where b = $1 and c in ('q')"), expected);
    EXPECT_NE(fingerprint_of("select a from t where b > 1 and c in (1)"), expected);
}

TEST(Fingerprint, RefusesWhatDoesNotParse) {
    const auto result = fingerprint("SELECT 1,\n  2 FROM WHERE x = 'geheim'");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(result.error().sqlstate, "42601");
    EXPECT_THAT(result.error().detail, HasSubstr("line 2, column 10"));
}

TEST(Fingerprint, ErrorsShowNoLiteral) {
    for (const std::string text :
         {"SELECT 1 FROM t 'geheim'", "SELECT 4711 4712", "SELECT 'geheim", "SELECT $$geheim$$ $$geheim$$", "SELECT b'01' b'10geheim'"}) {
        const auto result = fingerprint(text);
        ASSERT_FALSE(result) << text;
        EXPECT_THAT(result.error().to_text(), Not(HasSubstr("geheim"))) << text;
        EXPECT_THAT(result.error().to_text(), Not(HasSubstr("4712"))) << text;
    }
}

TEST(Fingerprint, RefusesEmptyNulAndTooDeep) {
    EXPECT_FALSE(fingerprint(""));
    EXPECT_FALSE(fingerprint(" ; -- x"));
    EXPECT_FALSE(fingerprint(std::string("SELECT 1\0", 9)));
    EXPECT_THAT(fingerprint("SELECT " + std::string(10'000, '(') + "1" + std::string(10'000, ')')).error().detail, HasSubstr("deeper"));
}

TEST(Normalize, NumbersOnFromTheHighestParameter) {
    EXPECT_EQ(normal("SELECT a FROM t WHERE b = 5 AND c = $2 AND d = 'x'"), "SELECT a FROM t WHERE b = $3 AND c = $2 AND d = $4");
    EXPECT_EQ(normal("SELECT a FROM t WHERE d > now() - interval '1 day' LIMIT 10"),
              "SELECT a FROM t WHERE d > now() - interval $1 LIMIT $2");
}

TEST(Normalize, KeepsParametersApartFromWords) {
    EXPECT_EQ(normal("SELECT date'2024-01-01'AS d WHERE a LIKE'x'"), "SELECT date $1 AS d WHERE a LIKE $2");
    EXPECT_EQ(normal("SELECT U&'d!0061' UESCAPE '!', 5"), "SELECT $1, $2");
    EXPECT_EQ(normal("SELECT-1, a-1"), "SELECT $1, a-$2");
    EXPECT_EQ(normal("SELECT N'x'"), "SELECT  nchar $1");
    EXPECT_EQ(redact("COMMENT ON TABLE t IS'abc'"), "COMMENT ON TABLE t IS $1");
}

TEST(Normalize, LeavesOrdinals) {
    EXPECT_EQ(normal("SELECT a, 1 FROM t GROUP BY 1 ORDER BY 2"), "SELECT a, $1 FROM t GROUP BY 1 ORDER BY 2");
}

TEST(Redact, NormalizesWhatParses) {
    EXPECT_EQ(redact("SELECT a /* who */ FROM t -- why\nWHERE  b = 'x'  AND c=5 ORDER BY 1"),
              "SELECT a FROM t WHERE b = $1 AND c=$2 ORDER BY 1");
    EXPECT_EQ(redact("SELECT a::numeric(10,2) FROM t"), "SELECT a::numeric(10,2) FROM t");
}

TEST(Redact, LeavesNoConstantInUtilityStatements) {
    EXPECT_EQ(redact("ALTER ROLE joe PASSWORD 'x'"), "ALTER ROLE joe PASSWORD $1");
    EXPECT_EQ(redact("COMMENT ON TABLE t IS 'abc'"), "COMMENT ON TABLE t IS $1");
    EXPECT_EQ(redact("EXECUTE p ('a', 5)"), "EXECUTE p ($1, $2)");
    EXPECT_EQ(redact("COPY t FROM '/tmp/x'; FETCH 10 FROM c"), "COPY t FROM $1; FETCH $2 FROM c");
    EXPECT_EQ(redact("DO $$ BEGIN PERFORM 'x'; END $$"), "DO $1");
}

TEST(Redact, CutsTextThatDoesNotParse) {
    EXPECT_EQ(redact("SELEC a FROM t WHERE b = 'x''y' AND c = E'\\'z' AND d IN (1, 2.5e-3, x'ff', $tag$q$tag$, $4) /* c */ AND"),
              "SELEC a FROM t WHERE b = $5 AND c = $6 AND d IN ($7, $8, $9, $10, $4) AND");
}

TEST(Redact, CutsOffWhereQuotesDoNotPairUp) {
    EXPECT_EQ(redact("SELECT a FROM t WHERE b = 'geheim"), "SELECT a FROM t WHERE b = ...");
    EXPECT_EQ(redact("SELECT a FROM t WHERE b = 'O'Brien' AND c = 'geheim'"), "SELECT a FROM t WHERE b = ...");
    EXPECT_EQ(redact("SELECT a FROM t WHERE b = 'it\\'s geheim'"), "SELECT a FROM t WHERE b = ...");
    EXPECT_EQ(redact("SELECT \"a FROM t WHERE b = 'geheim'"), "SELECT ...");
    EXPECT_EQ(redact("SELECT /* 'geheim'"), "SELECT ...");
    EXPECT_EQ(redact("SELECT x = geheim' AND"), "SELECT x = ...");
}

TEST(Redact, GivesValidUtf8) {
    EXPECT_EQ(redact("SELECT \xff, '\xfe' FROM \"M\xc3\xa4rz\""), "SELECT \xEF\xBF\xBD, $1 FROM \"M\xc3\xa4rz\"");
    EXPECT_EQ(redact(std::string("SELECT 1\0, 2", 12)), "SELECT $1 , $2");
    EXPECT_EQ(redact(""), "");
}

TEST(Split, CutsAtSemicolonsOutsideOfQuotesAndComments) {
    EXPECT_THAT(split("-- a; b\nSELECT ';', $$;$$ /* ; */ ;;\n SELECT 2 -- end"), ElementsAre("SELECT ';', $$;$$", "SELECT 2"));
    EXPECT_THAT(split(" ; "), ElementsAre());
}

}  // namespace
}  // namespace orrery::sql
