#include "sql/facts.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "sql/facts_text.hpp"

namespace orrery::sql {
namespace {

std::string repeat(const std::string& part, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) text += part;
    return text;
}

TEST(ExtractFacts, ResolvesThroughACatalog) {
    domain::Catalog catalog;
    catalog.search_path = {"shop"};
    const auto add = [&](const std::string& name, const std::string& column) {
        domain::Table table;
        table.name = {"shop", name};
        table.columns.emplace_back().name = column;
        catalog.tables.push_back(table);
    };
    add("a", "x");
    add("b", "y");
    const auto facts = extract_facts("SELECT 1 FROM a, b WHERE x = 1 AND y = x", catalog);
    ASSERT_TRUE(facts);
    EXPECT_EQ(testing::to_text(*facts), "select\ntables a, b\n[0]\n  where a.x = 1   | equality\n  join b.y = a.x\n");
}

TEST(ExtractFacts, RefusesDeepTextsOfEveryShape) {
    const std::size_t n = 20'000;
    for (const std::string& text :
         {"SELECT " + repeat("(", n) + "1" + repeat(")", n), "SELECT 1" + repeat("+1", n), "SELECT " + repeat("NOT ", n) + "true",
          "SELECT 1" + repeat(" UNION SELECT 1 WHERE true AND true", n), "SELECT 1" + repeat(" IS NULL", n),
          "SELECT 1 FROM a" + repeat(" JOIN a ON true AND false", n), "SELECT 1" + repeat(" IS NULL BETWEEN 1 AND 2", n),
          repeat("SELECT * FROM (", n) + "SELECT 1" + repeat(") x", n),
          "SELECT " + repeat("CASE WHEN true THEN ", n) + "1" + repeat(" END", n), "SELECT a" + repeat("::int", n),
          "SELECT " + repeat("- ", n) + "1", "SELECT a" + repeat(" COLLATE \"C\"", n),
          "SELECT 1 WHERE " + repeat("x = (SELECT 1 WHERE ", n) + "true" + repeat(")", n),
          "SELECT " + repeat("ARRAY[", n) + "1" + repeat("]", n)}) {
        const auto facts = extract_facts(text);
        ASSERT_FALSE(facts) << text.substr(0, 60);
        EXPECT_EQ(facts.error().kind, base::ErrorKind::invalid_input);
    }
}

TEST(ExtractFacts, TakesNestingUpToTheLimit) {
    const std::size_t n = 450;
    for (const std::string& text :
         {"SELECT " + repeat("(", n) + "1" + repeat(")", n), "SELECT 1" + repeat("+1", n), "SELECT " + repeat("NOT ", n) + "true",
          "SELECT 1" + repeat(" UNION SELECT 1 WHERE true AND true", n), "SELECT 1 FROM a" + repeat(" JOIN a ON true AND false", n),
          repeat("SELECT * FROM (", n) + "SELECT 1" + repeat(") x", n),
          "SELECT 1 FROM t WHERE " + repeat("x = (SELECT y FROM t WHERE ", n / 10) + "true" + repeat(")", n / 10),
          "SELECT 1 FROM t WHERE " + repeat("EXISTS (SELECT y FROM t WHERE ", n) + "true" + repeat(")", n),
          "SELECT 1 FROM t WHERE " + repeat("(x = 1 OR NOT ", n / 2) + "true" + repeat(")", n / 2)}) {
        const auto facts = extract_facts(text, testing::test_columns());
        EXPECT_TRUE(facts) << text.substr(0, 60);
    }
}

TEST(ExtractFacts, TakesWideStatements) {
    const auto in = extract_facts("SELECT 1 FROM orders WHERE id IN (1" + repeat(", 2", 100'000) + ")");
    ASSERT_TRUE(in);
    EXPECT_EQ(in->blocks[0].predicates[0].list.size(), 100'001U);
    const auto any = extract_facts("SELECT 1 FROM orders WHERE id = 1" + repeat(" OR id = -2 AND total > 3", 5'000));
    ASSERT_TRUE(any);
    EXPECT_EQ(any->blocks[0].predicates.size(), 10'001U);
    EXPECT_TRUE(extract_facts("INSERT INTO orders VALUES (1, -2, 'x')" + repeat(", (1, -2, 'x')", 30'000)));
}

TEST(ExtractFacts, DoesNotGrowWithoutEnd) {
    std::string doubling = "WITH a0 AS (SELECT * FROM orders)";
    for (int i = 1; i < 60; ++i) doubling += fmt::format(", a{} AS (SELECT x.*, y.* FROM a{} x, a{} y)", i, i - 1, i - 1);
    const auto stars = extract_facts(doubling + " SELECT id FROM a59", testing::test_columns());
    ASSERT_TRUE(stars);
    EXPECT_EQ(stars->tables.size(), 1U);
    const std::size_t n = 400;
    const auto scalar = extract_facts("SELECT 1 FROM t WHERE " + repeat("x = (SELECT y FROM t WHERE ", n) + "true" + repeat(")", n));
    ASSERT_TRUE(scalar);
    std::size_t bytes = 0;
    for (const auto& block : scalar->blocks)
        for (const auto& predicate : block.predicates) bytes += predicate.constant.size();
    EXPECT_GT(bytes, 0U);
    EXPECT_LT(bytes, 200'000U);
    const auto unions =
        extract_facts("SELECT 1 FROM (SELECT id FROM orders" + repeat(" UNION ALL SELECT id FROM orders", 500) + ") u WHERE id = 1");
    ASSERT_TRUE(unions);
    EXPECT_LT(unions->blocks[0].predicates.size(), 100U);
}

TEST(ExtractFacts, MayBeCalledFromManyThreads) {
    const std::string text =
        "SELECT lower(email), count(*) FROM users u WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = u.id) GROUP BY 1";
    const std::string expected = testing::to_text(*extract_facts(text, testing::test_columns()));
    std::vector<std::string> found(4);
    std::vector<std::thread> threads;
    for (auto& one : found)
        threads.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                (void)extract_facts("SELECT FROM FROM", testing::test_columns());
                one = testing::to_text(*extract_facts(text, testing::test_columns()));
            }
        });
    for (auto& thread : threads) thread.join();
    for (const auto& one : found) EXPECT_EQ(one, expected);
}

TEST(ExtractFacts, TakesAnyBytes) {
    EXPECT_FALSE(extract_facts(std::string("SELECT 1\0FROM t", 15)));
    EXPECT_FALSE(extract_facts("SELECT '\xff\xfe"));
    EXPECT_FALSE(extract_facts(std::string(17U << 20U, ' ')));
    EXPECT_TRUE(extract_facts("SELECT \"\xff\" FROM t WHERE \"\xff\" = '\xfe'"));
    EXPECT_FALSE(extract_facts("SELECT $0 + 1"));
    EXPECT_FALSE(extract_facts("SELECT $99999999999"));
    EXPECT_TRUE(extract_facts("SELECT '" + std::string(1U << 20U, 'x') + "'"));
}

}  // namespace
}  // namespace orrery::sql
