#include "sql/analysis.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sql/facts.hpp"
#include "sql/features.hpp"
#include "sql/statement.hpp"

namespace orrery::sql {
namespace {

TEST(Analysis, SaysWhatTheSeparateCallsSay) {
    const std::string text = "SELECT o.id FROM orders o JOIN users u ON u.id = o.user_id WHERE u.email = 'a@b.c' LIMIT 5 -- who";
    const auto analysis = analyze(text);
    EXPECT_EQ(analysis.fingerprint, fingerprint(text).value());
    EXPECT_EQ(analysis.text, redact(text));
    EXPECT_EQ(analysis.text.find("a@b.c"), std::string::npos);
    EXPECT_EQ(analysis.facts.tables.size(), 2U);
    EXPECT_EQ(analysis.facts.blocks.at(0).predicates.at(0).use.column, "email");
    EXPECT_FALSE(analysis.error.has_value());
}

TEST(Analysis, ATextThatDoesNotParseHasItsErrorAndNoConstants) {
    const auto analysis = analyze("SELEC secret FROM t WHERE x = 'hidden'");
    EXPECT_EQ(analysis.fingerprint.value, 0U);
    ASSERT_TRUE(analysis.error.has_value());
    EXPECT_EQ(analysis.error->sqlstate, "42601");
    EXPECT_EQ(analysis.text.find("hidden"), std::string::npos);
    EXPECT_TRUE(analysis.facts.tables.empty());
}

TEST(Analysis, SeveralStatementsInOneTextHaveAFingerprintButNoFacts) {
    const auto analysis = analyze("SELECT 1; SELECT 2");
    EXPECT_NE(analysis.fingerprint.value, 0U);
    EXPECT_FALSE(analysis.error.has_value());
    EXPECT_TRUE(analysis.facts.blocks.empty());
}

TEST(AnalysisCache, GivesTheSameObjectForTheSameText) {
    AnalysisCache cache;
    const auto first = cache.analyze("SELECT 1 FROM a WHERE b = 2");
    const auto again = cache.analyze("SELECT 1 FROM a WHERE b = 2");
    const auto other = cache.analyze("SELECT 1 FROM a WHERE b = 3");
    EXPECT_EQ(first.get(), again.get());
    EXPECT_NE(first.get(), other.get());
    EXPECT_EQ(first->fingerprint, other->fingerprint);
    EXPECT_EQ(cache.hits(), 1);
    EXPECT_EQ(cache.size(), 2U);
}

TEST(AnalysisCache, GivesUpTheLeastRecentlyUsedAndKeepsItsLimit) {
    AnalysisCache cache(base::Bytes(20'000));
    const std::string kept = "SELECT a FROM kept";
    const auto held = cache.analyze(kept);
    for (int i = 0; i < 200; ++i) {
        cache.analyze(fmt::format("SELECT a FROM t{}", i));
        EXPECT_EQ(cache.analyze(kept).get(), held.get());
        EXPECT_LE(cache.bytes().value, 20'000);
    }
    EXPECT_LT(cache.size(), 100U);
    const auto hits = cache.hits();
    cache.analyze("SELECT a FROM t0");
    EXPECT_EQ(cache.hits(), hits) << "long forgotten";
    EXPECT_EQ(held->facts.tables.at(0).name.name, "kept");
}

TEST(AnalysisCache, AnAnalysisLargerThanTheCacheIsGivenButNotKept) {
    AnalysisCache cache(base::Bytes(100));
    EXPECT_NE(cache.analyze("SELECT 1")->fingerprint.value, 0U);
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(cache.bytes().value, 0);
}

float feature(const std::string& text, std::string_view name) {
    const auto vector = features(extract_facts(text).value());
    for (std::size_t i = 0; i < kFeatureCount; ++i)
        if (kFeatureNames[i] == name) return vector[i];
    ADD_FAILURE() << name;
    return -1;
}

TEST(Features, CountWhatTheStatementSays) {
    const std::string report =
        "SELECT c.region, count(*) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id "
        "WHERE o.total > 100 AND o.status IN ('a', 'b', 'c') AND lower(c.name) LIKE 'x%' AND (c.vip OR c.age < 30) "
        "AND EXISTS (SELECT 1 FROM visits v WHERE v.customer_id = c.id) "
        "GROUP BY c.region ORDER BY c.region DESC LIMIT 10";
    EXPECT_EQ(feature(report, "select"), 1);
    EXPECT_EQ(feature(report, "tables"), 3);
    EXPECT_EQ(feature(report, "blocks"), 2);
    EXPECT_EQ(feature(report, "block_depth"), 2);
    EXPECT_EQ(feature(report, "joins_outer"), 1);
    EXPECT_EQ(feature(report, "correlations"), 1);
    EXPECT_EQ(feature(report, "in_list"), 1);
    EXPECT_EQ(feature(report, "longest_in_list"), 3);
    EXPECT_EQ(feature(report, "range"), 2);
    EXPECT_EQ(feature(report, "like_prefix"), 1);
    EXPECT_EQ(feature(report, "predicates_in_or"), 2);
    EXPECT_EQ(feature(report, "predicates_on_expressions"), 1);
    EXPECT_EQ(feature(report, "group_by_columns"), 1);
    EXPECT_EQ(feature(report, "aggregate_blocks"), 1);
    EXPECT_EQ(feature(report, "descending_columns"), 1);
    EXPECT_EQ(feature(report, "ordered_and_limited"), 1);
}

TEST(Features, TellSelfJoinsCrossProductsAndWrites) {
    EXPECT_EQ(feature("SELECT 1 FROM a x JOIN a y ON x.p = y.q", "self_joins"), 1);
    EXPECT_EQ(feature("SELECT 1 FROM a x JOIN a y ON x.p = y.q", "cross_products"), 0);
    EXPECT_EQ(feature("SELECT 1 FROM a, b", "cross_products"), 1);
    EXPECT_EQ(feature("UPDATE t SET a = $1, b = $2 WHERE id = $3", "assigned_columns"), 2);
    EXPECT_EQ(feature("UPDATE t SET a = $1, b = $2 WHERE id = $3", "parameters"), 3);
    EXPECT_EQ(feature("UPDATE t SET a = $1, b = $2 WHERE id = $3", "target_tables"), 1);
    EXPECT_EQ(feature("SELECT * FROM t", "stars"), 1);
    EXPECT_EQ(feature("VACUUM t", "utility"), 1);
}

TEST(Features, DoNotDependOnConstants) {
    const auto of = [](const std::string& text) { return features(extract_facts(text).value()); };
    EXPECT_EQ(of("SELECT a FROM t WHERE b = 1 AND c < 2"), of("SELECT a FROM t WHERE b = 7 AND c < 99"));
    EXPECT_NE(of("SELECT a FROM t WHERE b = 1 AND c < 2"), of("SELECT a FROM t WHERE b = 1 AND c = 2"));
}

}  // namespace
}  // namespace orrery::sql
