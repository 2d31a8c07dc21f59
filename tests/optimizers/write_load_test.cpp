#include "optimizers/write_load.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "optimizers/fixtures.hpp"
#include "sql/facts.hpp"

namespace orrery::optimizers {
namespace {

class WriteLoadTest : public ::testing::Test {
protected:
    void add(const std::string& text, double calls, double rows = 1) {
        auto read = sql::extract_facts(text, catalog);
        ASSERT_TRUE(read) << read.error().to_text();
        facts.push_back(std::make_unique<domain::StatementFacts>(std::move(*read)));
        sources.push_back({static_cast<int>(sources.size()), facts.back().get(), calls, rows, 1.0});
    }
    WriteLoad load(bool counters = false) {
        std::map<domain::RelationName, double> reads;
        for (const auto& table : catalog.tables) reads[table.name] = 100;
        return read_write_load(catalog, sources, counters, reads);
    }
    static domain::IndexSpec spec(const std::string& column, std::string predicate = {}) {
        domain::IndexSpec result = testing::index("x", "orders", {column}).spec;
        result.predicate = std::move(predicate);
        return result;
    }
    double upkeep(const domain::IndexSpec& index, double kept = 1) { return upkeep_of(catalog, load(), index, kept, 1).total(); }

    domain::Catalog catalog = testing::shop();
    std::vector<std::unique_ptr<domain::StatementFacts>> facts;
    std::vector<WriteSource> sources;
};

TEST_F(WriteLoadTest, ChargesAnEntryForEachInsertedRow) {
    add("INSERT INTO orders (id, status) VALUES ($1, $2)", 10, 5);
    EXPECT_DOUBLE_EQ(upkeep(spec("status")), 50);
    EXPECT_DOUBLE_EQ(upkeep(spec("status", "urgent"), 0.02), 1);
    EXPECT_DOUBLE_EQ(upkeep(testing::index("x", "items", {"order_id"}).spec), 0);
    ASSERT_EQ(upkeep_of(catalog, load(), spec("status"), 1, 1).charges.size(), 1U);
    EXPECT_EQ(upkeep_of(catalog, load(), spec("status"), 1, 1).charges[0].statement, 0);
}

TEST_F(WriteLoadTest, ChargesTheLossOfHotUpdatesToTheIndexThatCausesIt) {
    add("UPDATE orders SET status = $1 WHERE id = $2", 100);
    catalog.tables[1].activity.updated = 1000;
    catalog.tables[1].activity.hot_updated = 900;
    catalog.indexes.push_back(testing::index("orders_customer", "orders", {"customer_id"}));
    EXPECT_NEAR(upkeep(spec("placed")), 100 * 0.1, 1e-9);            // only the updates that are not HOT
    EXPECT_NEAR(upkeep(spec("status")), 100 * (1 + 0.9 * 2), 1e-9);  // its own entry, and one in both others that were spared
    EXPECT_NEAR(upkeep(spec("placed", "status = 'open'")), 100 * (1 + 0.9 * 2), 1e-9);  // the predicate reads it too
    catalog.indexes.push_back(testing::index("orders_status", "orders", {"status"}));
    EXPECT_NEAR(upkeep(spec("placed")), 100, 1e-9);  // never HOT already: every index gets an entry
}

TEST_F(WriteLoadTest, ChargesDeletesForVacuumLater) {
    add("DELETE FROM orders WHERE id = $1", 100);
    EXPECT_NEAR(upkeep(spec("status")), 20, 1e-9);
}

TEST_F(WriteLoadTest, FallsBackOnTheCountersWhereTheWorkloadIsNoRecord) {
    auto& activity = catalog.tables[1].activity;
    activity.inserted = 1000000;  // nearly all of it the first load
    activity.deleted = 400;
    activity.updated = 1000;
    activity.hot_updated = 500;
    activity.sequential_scans = 100;
    activity.index_scans = 100;
    EXPECT_DOUBLE_EQ(upkeep_of(catalog, load(false), spec("status"), 1, 1).total(), 0);
    EXPECT_DOUBLE_EQ(upkeep_of(catalog, load(true), spec("status"), 1, 1).total(), 0.5 * 400 + 0.5 * 1000 * 0.5);
}

}  // namespace
}  // namespace orrery::optimizers
