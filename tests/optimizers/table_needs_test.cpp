#include "optimizers/table_needs.hpp"

#include <gtest/gtest.h>

#include "optimizers/fixtures.hpp"
#include "sql/facts.hpp"

namespace orrery::optimizers {
namespace {

TableNeeds needs(const std::string& text, std::size_t use = 0) {
    static const auto catalog = testing::shop();
    const auto facts = sql::extract_facts(text, catalog);
    EXPECT_TRUE(facts) << facts.error().to_text();
    const auto all = table_needs(catalog, *facts);
    return all.at(use);
}

domain::IndexSpec spec(std::vector<std::string> columns, std::string predicate = {}) {
    auto result = testing::index("x", "orders", std::move(columns)).spec;
    result.predicate = std::move(predicate);
    return result;
}

TEST(TableNeeds, SaysWhichIndexesCouldServe) {
    const auto item = needs("SELECT id FROM orders WHERE customer_id = 5 AND placed > now() ORDER BY total LIMIT 3");
    for (const char* column : {"customer_id", "placed", "total"}) EXPECT_TRUE(can_serve(item, spec({column}))) << column;
    EXPECT_FALSE(can_serve(item, spec({"status"})));
    EXPECT_FALSE(can_serve(item, spec({"status", "customer_id"})));
    EXPECT_TRUE(can_serve(item, spec({"id", "customer_id", "placed", "total"})));  // covers it
}

TEST(TableNeeds, LetsAPartialIndexServeOnlyWhoAsksForItsCondition) {
    const auto with = needs("SELECT id FROM orders WHERE urgent AND customer_id = 5"),
               without = needs("SELECT id FROM orders WHERE customer_id = 5");
    EXPECT_TRUE(can_serve(with, spec({"customer_id"}, "urgent")));
    EXPECT_TRUE(can_serve(with, spec({"id"}, "urgent")));
    EXPECT_FALSE(can_serve(without, spec({"customer_id"}, "urgent")));
    EXPECT_FALSE(can_serve(with, spec({"customer_id"}, "urgent AND archived IS NULL")));
}

TEST(TableNeeds, KnowsWhatAWriterCannotCover) {
    EXPECT_FALSE(needs("UPDATE orders SET total = 1 WHERE customer_id = 5").reads);
    EXPECT_FALSE(can_serve(needs("UPDATE orders SET total = 1 WHERE customer_id = 5"), spec({"total", "customer_id"})));
    EXPECT_TRUE(needs("SELECT * FROM orders").all_columns);
}

TEST(TableNeeds, LeavesOutTablesThatTakeNoIndex) {
    const auto catalog = testing::shop();
    const auto inserted = sql::extract_facts("INSERT INTO orders (id) VALUES (1)", catalog),
               unknown = sql::extract_facts("SELECT * FROM nowhere", catalog);
    ASSERT_TRUE(inserted && unknown);
    EXPECT_TRUE(table_needs(catalog, *inserted).empty());
    EXPECT_TRUE(table_needs(catalog, *unknown).empty());
}

TEST(TableNeeds, ReadsBothSidesOfAJoin) {
    const std::string text = "SELECT c.name FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.status = 'lost'";
    EXPECT_TRUE(can_serve(needs(text, 1), spec({"customer_id"})));
    EXPECT_TRUE(can_serve(needs(text, 1), spec({"status"})));
    EXPECT_FALSE(can_serve(needs(text, 0), spec({"customer_id"})));
}

}  // namespace
}  // namespace orrery::optimizers
