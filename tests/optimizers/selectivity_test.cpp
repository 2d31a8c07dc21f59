#include "optimizers/selectivity.hpp"

#include <gtest/gtest.h>

#include "optimizers/fixtures.hpp"

namespace orrery::optimizers {
namespace {

domain::Predicate predicate(domain::PredicateKind kind, std::string op, std::string constant) {
    domain::Predicate result;
    result.kind = kind;
    result.op = std::move(op);
    result.constant = std::move(constant);
    return result;
}

TEST(Selectivity, TakesCommonValuesAndSharesOutTheRest) {
    auto column = testing::with_common(testing::column("state", "text", 12), {"done", "open"}, {0.7, 0.1});
    column.statistics->null_fraction = 0.1;
    EXPECT_DOUBLE_EQ(equality_selectivity(column, 1000, "open"), 0.1);
    EXPECT_NEAR(equality_selectivity(column, 1000, "lost"), 0.01, 1e-12);  // a tenth of the remaining 10 %
    EXPECT_NEAR(equality_selectivity(column, 1000, std::nullopt), 0.9 / 12, 1e-12);
    EXPECT_NEAR(rarest_selectivity(column, 1000), 0.01, 1e-12);
}

TEST(Selectivity, ComparesPaddedCharactersWithoutTheirBlanks) {
    const auto column = testing::with_common(testing::column("code", "character(8)", 2), {"AB      ", "C       "}, {0.75, 0.25});
    EXPECT_DOUBLE_EQ(equality_selectivity(column, 1000, "C"), 0.25);
}

TEST(Selectivity, EstimatesRanges) {
    const auto column =
        testing::with_histogram(testing::with_common(testing::column("n", "integer", 1000), {"7"}, {0.2}), {"0", "10", "20"});
    EXPECT_NEAR(below_selectivity(column, "10"), 0.2 + 0.8 * 0.5, 1e-12);
    EXPECT_NEAR(predicate_selectivity(predicate(domain::PredicateKind::range, ">", "15"), &column, 1000), 1 - 0.2 - 0.8 * 0.75, 1e-12);
    EXPECT_NEAR(predicate_selectivity(predicate(domain::PredicateKind::range, ">", "$1"), &column, 1000), 1.0 / 3, 1e-12);
}

TEST(Selectivity, KnowsNullsBooleansAndNegations) {
    auto column = testing::with_common(testing::column("b", "boolean", 2), {"f", "t"}, {0.8, 0.1});
    column.statistics->null_fraction = 0.1;
    EXPECT_NEAR(predicate_selectivity(predicate(domain::PredicateKind::is_null, "", ""), &column, 10), 0.1, 1e-12);
    EXPECT_NEAR(predicate_selectivity(predicate(domain::PredicateKind::boolean, "", ""), &column, 10), 0.1, 1e-12);
    auto negated = predicate(domain::PredicateKind::boolean, "", "");
    negated.negated = true;
    EXPECT_NEAR(predicate_selectivity(negated, &column, 10), 0.8, 1e-12);
}

TEST(Selectivity, ScalesRowsToTheSizeNow) {
    auto table = testing::table("t", 1000, 10, {testing::column("a", "integer", -1)});
    table.size = base::Bytes(30 * 8192);
    EXPECT_DOUBLE_EQ(table_rows(table, 8192), 3000);
    EXPECT_EQ(table_pages(table, 8192).value, 30);
    table.tuples = -1;  // never analyzed: from the width
    EXPECT_NEAR(table_rows(table, 8192), 30 * 8192 / 32.0, 1);
}

}  // namespace
}  // namespace orrery::optimizers
