#include "analyzers/query_pattern_analyzer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace orrery::analyzers {
namespace {

using domain::RelationName;
using ::testing::ElementsAre;

const RelationName kOrders{"public", "orders"}, kCustomers{"public", "customers"}, kItems{"sales", "items"};

domain::Table table(const RelationName& name, const std::vector<std::string>& columns) {
    domain::Table result;
    result.name = name;
    for (const auto& column : columns) {
        domain::Column entry;
        entry.name = column;
        entry.number = static_cast<int>(result.columns.size()) + 1;
        result.columns.push_back(std::move(entry));
    }
    return result;
}

domain::Catalog catalog() {
    domain::Catalog result;
    result.tables = {table(kOrders, {"id", "customer_id", "created", "state", "total"}),
                     table(kCustomers, {"id", "email", "name", "active"}), table(kItems, {"order_id", "product", "quantity"})};
    return result;
}

domain::WorkloadStatement statement(std::string text, double calls, std::optional<double> mean_ms = {}, std::optional<double> rows = {}) {
    return {.fingerprint = {std::hash<std::string>{}(text)},
            .text = std::move(text),
            .calls = calls,
            .mean_ms = mean_ms,
            .rows_per_call = rows};
}

QueryPatterns analyze(std::vector<domain::WorkloadStatement> statements) {
    const auto known = catalog();
    return QueryPatternAnalyzer(known).analyze({.source = "test", .statements = std::move(statements), .observed_seconds = 60});
}

const TableUsage& usage_of(const QueryPatterns& patterns, const RelationName& name) {
    static const TableUsage kNone;
    const auto found = std::find_if(patterns.tables.begin(), patterns.tables.end(), [&](const auto& t) { return t.table == name; });
    EXPECT_NE(found, patterns.tables.end()) << name.name;
    return found == patterns.tables.end() ? kNone : *found;
}

/// Calls of a column (or expression) in a role.
double calls_as(const QueryPatterns& patterns, const RelationName& name, const std::string& column, ColumnRole role) {
    for (const auto& usage : patterns.columns)
        if (usage.table == name && (usage.column == column || (usage.column.empty() && usage.expression == column)))
            return usage.as(role).calls;
    return 0;
}

TEST(QueryPatterns, TemplatesHeaviestFirstWithTheirShares) {
    const auto patterns =
        analyze({statement("SELECT id FROM orders WHERE id = $1", 1'000, 0.1, 1), statement("SELECT count(*) FROM orders", 3, 100, 1),
                 statement("UPDATE orders SET state = $1 WHERE id = $2", 50, 2, 1)});
    EXPECT_TRUE(patterns.measured);
    EXPECT_DOUBLE_EQ(patterns.total_ms, 500);
    EXPECT_DOUBLE_EQ(patterns.total_calls, 1'053);
    ASSERT_EQ(patterns.templates.size(), 3U);
    EXPECT_EQ(patterns.templates[0].text, "SELECT count(*) FROM orders");
    EXPECT_DOUBLE_EQ(patterns.templates[0].share_percent, 60);
    EXPECT_DOUBLE_EQ(patterns.templates[0].cumulative_percent, 60);
    EXPECT_DOUBLE_EQ(patterns.templates[1].cumulative_percent, 80);
    EXPECT_DOUBLE_EQ(patterns.templates[2].cumulative_percent, 100);
    EXPECT_DOUBLE_EQ(patterns.templates[0].mean_ms.value(), 100);
    EXPECT_DOUBLE_EQ(patterns.templates[0].rows_per_call.value(), 1);
    EXPECT_EQ(patterns.templates[0].kind, domain::StatementKind::select);
}

TEST(QueryPatterns, WithoutTimesCallsDecide) {
    const auto patterns = analyze({statement("SELECT 1 FROM orders", 10), statement("SELECT 2 FROM customers", 30)});
    EXPECT_FALSE(patterns.measured);
    EXPECT_EQ(patterns.templates[0].text, "SELECT 2 FROM customers");
    EXPECT_DOUBLE_EQ(patterns.templates[0].share_percent, 75);
    EXPECT_EQ(patterns.tables[0].table, kCustomers);
}

TEST(QueryPatterns, TablesByTimeWithReadsAndWrites) {
    const auto patterns = analyze({statement("SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id", 10, 20, 5),
                                   statement("INSERT INTO orders (id, total) VALUES ($1, $2)", 100, 1, 1),
                                   statement("UPDATE orders SET total = $1 WHERE id = $2", 20, 1, 3),
                                   statement("DELETE FROM orders WHERE created < $1", 10, 1, 50)});
    ASSERT_EQ(patterns.tables.size(), 2U);
    EXPECT_EQ(patterns.tables[0].table, kOrders);
    const auto& orders = patterns.tables[0];
    EXPECT_TRUE(orders.in_catalog);
    EXPECT_EQ(orders.reads, (Usage{1, 10, 200}));
    EXPECT_EQ(orders.inserts, (Usage{1, 100, 100}));
    EXPECT_EQ(orders.updates, (Usage{1, 20, 20}));
    EXPECT_EQ(orders.removes, (Usage{1, 10, 10}));
    EXPECT_EQ(orders.whole_rows, (Usage{1, 10, 200}));
    EXPECT_DOUBLE_EQ(orders.writes(), 130);
    EXPECT_DOUBLE_EQ(orders.written_rows, 100 + 60 + 500);
    EXPECT_DOUBLE_EQ(orders.read_share(), 10.0 / 140);
    EXPECT_DOUBLE_EQ(orders.total_ms(), 330);
    EXPECT_DOUBLE_EQ(usage_of(patterns, kCustomers).read_share(), 1);
}

TEST(QueryPatterns, ASelfJoinReadsItsTableOnce) {
    const auto patterns = analyze({statement("SELECT a.id FROM orders a JOIN orders b ON a.id = b.customer_id", 10, 1)});
    EXPECT_EQ(usage_of(patterns, kOrders).reads, (Usage{1, 10, 10}));
    ASSERT_EQ(patterns.joins.size(), 1U);
    EXPECT_EQ(patterns.joins[0].left, kOrders);
    EXPECT_EQ(patterns.joins[0].right, kOrders);
}

TEST(QueryPatterns, ColumnsByTheirRoles) {
    const auto patterns = analyze({statement("SELECT total FROM orders WHERE state = $1 AND created > $2 AND customer_id IN ($3, $4) "
                                             "AND total IS NOT NULL GROUP BY state, total ORDER BY created",
                                             10, 1),
                                   statement("SELECT id FROM customers WHERE name LIKE 'ab%' AND active", 5, 1),
                                   statement("UPDATE orders SET total = $1 WHERE id = $2", 3, 1)});
    EXPECT_EQ(calls_as(patterns, kOrders, "state", ColumnRole::equality), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "state", ColumnRole::group), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "created", ColumnRole::range), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "created", ColumnRole::order), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "customer_id", ColumnRole::in_list), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "total", ColumnRole::null_test), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "total", ColumnRole::projected), 10);
    EXPECT_EQ(calls_as(patterns, kOrders, "total", ColumnRole::assigned), 3);
    EXPECT_EQ(calls_as(patterns, kOrders, "id", ColumnRole::equality), 3);
    EXPECT_EQ(calls_as(patterns, kCustomers, "name", ColumnRole::pattern), 5);
    EXPECT_EQ(calls_as(patterns, kCustomers, "active", ColumnRole::equality), 5);
}

TEST(QueryPatterns, AnExpressionIsAPlaceOfItsOwn) {
    const auto patterns = analyze({statement("SELECT id FROM customers WHERE lower(email) = $1", 7, 2)});
    EXPECT_EQ(calls_as(patterns, kCustomers, "lower(email)", ColumnRole::equality), 7);
    EXPECT_EQ(calls_as(patterns, kCustomers, "email", ColumnRole::expression), 7);
    EXPECT_EQ(calls_as(patterns, kCustomers, "email", ColumnRole::equality), 0);
    EXPECT_EQ(patterns.columns[0].expression, "lower(email)") << "searched places before those only read";
    EXPECT_DOUBLE_EQ(patterns.columns[0].searched_ms(), 14);
}

TEST(QueryPatterns, AnExtremeIsAnOrder) {
    const auto patterns = analyze({statement("SELECT max(created) FROM orders", 4, 1)});
    EXPECT_EQ(calls_as(patterns, kOrders, "created", ColumnRole::order), 4);
}

TEST(QueryPatterns, OneStatementCountsOncePerRole) {
    const auto patterns = analyze({statement("SELECT id FROM orders WHERE created > $1 AND created < $2", 10, 1)});
    EXPECT_EQ(calls_as(patterns, kOrders, "created", ColumnRole::range), 10);
}

TEST(QueryPatterns, JoinsAreOneEdgeWhicheverWayTheyAreWritten) {
    const auto patterns = analyze({statement("SELECT 1 FROM orders o JOIN customers c ON o.customer_id = c.id", 10, 1),
                                   statement("SELECT 2 FROM customers c LEFT JOIN orders o ON c.id = o.customer_id", 5, 10),
                                   statement("SELECT 3 FROM orders o JOIN sales.items i ON i.order_id = o.id", 1, 1)});
    ASSERT_EQ(patterns.joins.size(), 2U);
    const auto& edge = patterns.joins[0];
    EXPECT_EQ(edge.left, kCustomers);
    EXPECT_EQ(edge.left_column, "id");
    EXPECT_EQ(edge.right, kOrders);
    EXPECT_EQ(edge.right_column, "customer_id");
    EXPECT_EQ(edge.usage, (Usage{2, 15, 60}));
    EXPECT_EQ(edge.outer, (Usage{1, 5, 50}));
    EXPECT_EQ(patterns.joins[1].right, kItems);
}

TEST(QueryPatterns, AnExchangedComparisonIsTurnedRound) {
    const auto patterns = analyze({statement("SELECT 1 FROM orders o JOIN customers c ON o.id < c.id", 1, 1),
                                   statement("SELECT 2 FROM orders o JOIN customers c ON c.id > o.id", 1, 1)});
    ASSERT_EQ(patterns.joins.size(), 1U);
    EXPECT_EQ(patterns.joins[0].left, kCustomers);
    EXPECT_EQ(patterns.joins[0].op, ">");
}

TEST(QueryPatterns, WhatDoesNotParseIsListedAndStillWeighs) {
    const auto patterns = analyze({statement("SELEC broken", 10, 9), statement("SELECT id FROM orders", 10, 1), statement("", 1, 1)});
    ASSERT_EQ(patterns.unreadable.size(), 2U);
    EXPECT_EQ(patterns.unreadable[0].text, "SELEC broken");
    EXPECT_DOUBLE_EQ(patterns.unreadable[0].total_ms, 90);
    EXPECT_FALSE(patterns.unreadable[0].why.empty());
    EXPECT_EQ(patterns.templates.size(), 3U);
    EXPECT_FALSE(patterns.templates[0].kind.has_value());
    EXPECT_EQ(patterns.tables.size(), 1U);
}

TEST(QueryPatterns, UnknownTablesAndUtilityStatementsDoNoHarm) {
    const auto patterns =
        analyze({statement("SELECT * FROM gone WHERE a = 1", 1, 1), statement("BEGIN", 1'000, 0.001), statement("VACUUM orders", 1, 5)});
    EXPECT_FALSE(usage_of(patterns, {"", "gone"}).in_catalog);
    EXPECT_TRUE(patterns.unreadable.empty());
    EXPECT_EQ(patterns.templates[0].kind, domain::StatementKind::utility);
}

TEST(QueryPatterns, AnEmptyWorkloadIsEmpty) {
    const auto patterns = analyze({});
    EXPECT_TRUE(patterns.templates.empty() && patterns.tables.empty() && patterns.columns.empty() && patterns.joins.empty());
    EXPECT_FALSE(patterns.measured);
}

domain::Catalog with_statistics() {
    auto known = catalog();
    for (auto& table : known.tables) {
        if (table.name.name != "orders") continue;
        table.tuples = 10'000;
        for (auto& column : table.columns) {
            if (column.name != "state") continue;
            auto& statistics = column.statistics.emplace();
            statistics.distinct = 5;
            statistics.common_values = {"paid", "open"};
            statistics.common_frequencies = {0.9, 0.07};
        }
    }
    return known;
}

TEST(QueryPatterns, ConditionsHaveTheShareOfRowsThatTheyMayFind) {
    const auto known = with_statistics();
    domain::Workload workload;
    workload.statements = {statement("SELECT id, total FROM orders WHERE state = $1 AND total > $2", 10, 1),
                           statement("SELECT id FROM orders WHERE state IN ('a', 'b', 'c')", 5, 1)};
    const auto patterns = QueryPatternAnalyzer(known).analyze(workload);
    ASSERT_EQ(patterns.predicates.size(), 3U);
    const auto* equality = &patterns.predicates[0];
    const auto* list = &patterns.predicates[0];
    const auto* range = &patterns.predicates[0];
    for (const auto& predicate : patterns.predicates) {
        if (predicate.kind == domain::PredicateKind::equality) equality = &predicate;
        if (predicate.kind == domain::PredicateKind::in_list) list = &predicate;
        if (predicate.kind == domain::PredicateKind::range) range = &predicate;
    }
    EXPECT_EQ(equality->usage.calls, 10);
    ASSERT_TRUE(equality->selectivity.has_value());
    EXPECT_NEAR(equality->selectivity->least, 0.01, 1e-12);
    EXPECT_NEAR(equality->selectivity->typical, 0.2, 1e-12);
    EXPECT_NEAR(equality->selectivity->most, 0.9, 1e-12);
    EXPECT_FALSE(equality->selectivity->measured);
    EXPECT_NEAR(*equality->parameter_skew, 4.5, 1e-9);
    EXPECT_EQ(list->longest_list, 3U);
    EXPECT_NEAR(list->selectivity->least, 0.03, 1e-12);
    EXPECT_FALSE(range->selectivity.has_value()) << "the constant decides";
}

TEST(QueryPatterns, MeasuredRowsGoBeforeStatistics) {
    const auto known = with_statistics();
    domain::Workload workload;
    for (const double rows : {100.0, 300.0, 2'000.0}) {
        workload.statements.push_back(statement("SELECT id FROM orders WHERE total > $1", 1, 1));
        workload.statements.back().rows_per_call = rows;
    }
    workload.statements.push_back(statement("SELECT count(*) FROM orders WHERE total > $1", 1, 1));
    workload.statements.back().rows_per_call = 1;
    const auto patterns = QueryPatternAnalyzer(known).analyze(workload);
    ASSERT_EQ(patterns.predicates.size(), 1U);
    ASSERT_TRUE(patterns.predicates[0].selectivity.has_value());
    EXPECT_TRUE(patterns.predicates[0].selectivity->measured);
    EXPECT_NEAR(patterns.predicates[0].selectivity->least, 0.01, 1e-12);
    EXPECT_NEAR(patterns.predicates[0].selectivity->typical, 0.03, 1e-12);
    EXPECT_NEAR(patterns.predicates[0].selectivity->most, 0.2, 1e-12);
}

TEST(QueryPatterns, EveryRoleHasAName) {
    for (std::size_t i = 0; i < kColumnRoles; ++i) EXPECT_FALSE(to_string(static_cast<ColumnRole>(i)).empty());
    EXPECT_EQ(to_string(ColumnRole::expression), "expression");
}

}  // namespace
}  // namespace orrery::analyzers
