#include "analyzers/data_characteristics_analyzer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/scripted_session.hpp"

namespace orrery::analyzers {
namespace {

using Rows = orrery::testing::ScriptedSession::Rows;

/// orders(id, customer_id, city, country, note): 40 pages of 100 rows, 10 customers.
domain::Catalog shop() {
    domain::Catalog catalog;
    domain::Table customers{.oid = 10, .name = {"public", "customers"}, .tuples = 20, .pages = base::Pages(1)};
    customers.columns = {{.number = 1, .name = "id", .type = "integer"}};
    domain::Table orders{.oid = 11, .name = {"public", "orders"}, .tuples = 4'000, .pages = base::Pages(40)};
    orders.columns = {{.number = 1, .name = "id", .type = "integer"},
                      {.number = 2, .name = "customer_id", .type = "integer"},
                      {.number = 3, .name = "City", .type = "text"},
                      {.number = 4, .name = "country", .type = "text"},
                      {.number = 5, .name = "note", .type = "jsonb"}};
    auto& statistics = orders.columns[1].statistics.emplace();
    statistics.distinct = 100;  // the planner's, wrong
    statistics.common_values = {"7"};
    statistics.common_frequencies = {0.5};
    catalog.tables = {customers, orders};
    domain::Index key{.oid = 12, .name = {"public", "orders_pkey"}, .primary = true};
    key.spec.table = orders.name;
    key.spec.unique = true;
    key.spec.keys = {{.column = "id"}};
    catalog.indexes = {key};
    catalog.foreign_keys = {{"fk", orders.name, {"customer_id"}, customers.name, {"id"}}};
    return catalog;
}

Rows sampled_rows() {
    Rows rows;
    for (int row = 0; row < 4'000; ++row) {
        const int city = (row * 7'919) % 60;
        rows.push_back({fmt::format("({},{})", row / 100, row % 100 + 1), std::to_string(row), std::to_string((row * 31 / 17) % 10),
                        std::to_string(city), std::to_string(city / 10)});
    }
    return rows;
}

class DataCharacteristicsTest : public ::testing::Test {
protected:
    DataCharacteristicsTest() {
        session.answer("TABLESAMPLE", sampled_rows());
        session.answer("pg_statistic_ext", {});
    }
    DataCharacteristics analyze(const std::vector<domain::RelationName>& tables = {{"", "orders"}}) {
        auto found = DataCharacteristicsAnalyzer(catalog).analyze(session, tables);
        EXPECT_TRUE(found) << found.error().to_text();
        return std::move(found).value();
    }
    domain::Catalog catalog = shop();
    orrery::testing::ScriptedSession session{150'000};
};

TEST_F(DataCharacteristicsTest, ComparesThePlannersCountWithTheSample) {
    const auto found = analyze();
    ASSERT_EQ(found.tables.size(), 1U);
    const auto& columns = found.tables[0].columns;
    ASSERT_EQ(columns.size(), 5U);
    EXPECT_EQ(columns[0].distinct->method, DistinctMethod::all_unique);
    EXPECT_EQ(columns[1].distinct->count, 10);
    EXPECT_EQ(columns[1].planner_distinct, 100);
    ASSERT_TRUE(columns[1].distinct_error.has_value());
    EXPECT_NEAR(*columns[1].distinct_error, 10, 1e-9);
    EXPECT_FALSE(columns[4].distinct.has_value()) << "documents are not read";
    EXPECT_EQ(found.tables[0].left_out, (std::vector<std::string>{"note"}));
    ASSERT_FALSE(found.advice.empty());
    EXPECT_EQ(found.advice[0].sql,
              "ALTER TABLE public.orders ALTER COLUMN customer_id SET (n_distinct = 10); ANALYZE public.orders (customer_id);");
}

TEST_F(DataCharacteristicsTest, AdvisesStatisticsForDependentColumnsUnlessTheyExist) {
    const auto advised = [](const DataCharacteristics& found) {
        std::string sql;
        for (const auto& advice : found.advice)
            if (advice.sql.starts_with("CREATE STATISTICS")) sql += advice.sql;
        return sql;
    };
    EXPECT_EQ(
        advised(analyze()),
        "CREATE STATISTICS \"orders_City_country_stats\" (dependencies, ndistinct, mcv) ON \"City\", country FROM public.orders; ANALYZE "
        "public.orders;");
    session.answer("pg_statistic_ext", {{"{country,City}"}});
    const auto found = analyze();
    EXPECT_EQ(advised(found), "");
    EXPECT_TRUE(found.tables[0].dependences.empty());
}

TEST_F(DataCharacteristicsTest, ReadsHashesOfBoundedSamplesOnly) {
    analyze();
    ASSERT_FALSE(session.asked().empty());
    const auto& sql = session.asked().front();
    EXPECT_TRUE(domain::is_marked_own(sql));
    EXPECT_NE(sql.find("hashtextextended(\"City\"::text, 0)"), std::string::npos);
    EXPECT_EQ(sql.find("note"), std::string::npos);
    EXPECT_NE(sql.find("LIMIT 100001"), std::string::npos);
}

TEST_F(DataCharacteristicsTest, WhatCannotBeReadIsSkippedAndSaid) {
    session.fail("TABLESAMPLE", base::ErrorKind::permission);
    const auto found = analyze({{"", "orders"}, {"", "nowhere"}});
    ASSERT_EQ(found.skipped.size(), 2U);
    EXPECT_EQ(found.skipped[0].table.name, "orders");
    EXPECT_EQ(found.skipped[1].why, "there is no such table");
}

TEST_F(DataCharacteristicsTest, ALostConnectionEndsIt) {
    session.fail("TABLESAMPLE", base::ErrorKind::connection);
    EXPECT_FALSE(DataCharacteristicsAnalyzer(catalog).analyze(session, {{"", "orders"}}));
}

TEST_F(DataCharacteristicsTest, TablesNeverAnalyzedAreToldTo) {
    catalog.tables[1].tuples = -1;
    const auto found = analyze();
    ASSERT_FALSE(found.advice.empty());
    EXPECT_EQ(found.advice[0].sql, "ANALYZE public.orders;");
}

TEST_F(DataCharacteristicsTest, FanOutsComeFromForeignKeys) {
    catalog.tables[1].columns[1].statistics->distinct = 10;
    const auto found = analyze();
    ASSERT_EQ(found.fan_outs.size(), 1U);
    EXPECT_NEAR(found.fan_outs[0].mean, 400, 1e-9);
    EXPECT_NEAR(found.fan_outs[0].largest, 2'000, 1e-9);
    EXPECT_NEAR(found.fan_outs[0].childless_share, 0.5, 1e-9);
}

TEST(TableSample, ACutSampleEndsWithAWholePage) {
    orrery::testing::ScriptedSession session(150'000);
    session.answer("TABLESAMPLE", sampled_rows());
    const auto catalog = shop();
    const auto sample = sample_table(session, catalog.tables[1], {.most_rows = 1'234}).value();
    ASSERT_TRUE(sample.has_value());
    EXPECT_EQ(sample->page_of.back(), 38) << "the last page is dropped: rows of it may be missing";
}

TEST(TableSample, ViewsAndEmptyTablesHaveNone) {
    orrery::testing::ScriptedSession session(150'000);
    auto table = shop().tables[1];
    table.kind = 'p';
    EXPECT_FALSE(sample_table(session, table, {}).value().has_value());
    table.kind = 'r';
    table.pages = base::Pages(0);
    EXPECT_FALSE(sample_table(session, table, {}).value().has_value());
    EXPECT_TRUE(session.asked().empty());
}

}  // namespace
}  // namespace orrery::analyzers
