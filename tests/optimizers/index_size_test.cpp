#include "optimizers/index_size.hpp"

#include <gtest/gtest.h>

#include "optimizers/fixtures.hpp"

namespace orrery::optimizers {
namespace {

using testing::column;

domain::IndexSpec spec(std::vector<std::string> columns) {
    domain::IndexSpec result;
    result.table = {"public", "t"};
    for (auto& name : columns) {
        domain::IndexKey key;
        key.column = std::move(name);
        result.keys.push_back(std::move(key));
    }
    return result;
}

domain::Table million() {
    return testing::table("t", 1000000, 10000,
                          {column("id", "integer", -1), column("flag", "boolean", 2), column("parent", "bigint", 100000),
                           column("price", "numeric", 1000, 5), column("name", "text", -1, 30)});
}

TEST(IndexSize, GivesThePagesOfAUniqueIntegerIndex) {
    // 366 tuples a leaf at the default fill factor: what PostgreSQL builds for generate_series(1, 1000000).
    const auto size = estimate_index_size(million(), spec({"id"}), {});
    EXPECT_EQ(size.pages.value, 2745);
    EXPECT_EQ(size.height, 2);
    EXPECT_DOUBLE_EQ(size.tuples, 1000000);
}

TEST(IndexSize, CountsPostingListsFrom13On) {
    const auto table = million();
    const auto packed = estimate_index_size(table, spec({"flag"}), {}),
               plain = estimate_index_size(table, spec({"flag"}), {.server_version = 120000});
    EXPECT_NEAR(static_cast<double>(packed.pages.value), 850, 15);
    EXPECT_EQ(plain.pages.value, 2745);
    const auto tens = estimate_index_size(table, spec({"parent"}), {});
    EXPECT_GT(tens.pages.value, packed.pages.value);
    EXPECT_LT(tens.pages.value, plain.pages.value);
}

TEST(IndexSize, PacksNothingWhereEqualIsNotIdentical) {
    const auto table = million();
    EXPECT_FALSE(may_deduplicate(table, spec({"price"}), 150000));
    EXPECT_TRUE(may_deduplicate(table, spec({"parent", "flag"}), 150000));
    EXPECT_FALSE(may_deduplicate(table, spec({"parent", "price"}), 150000));
    auto including = spec({"flag"});
    including.include = {"id"};
    EXPECT_FALSE(may_deduplicate(table, including, 150000));
    EXPECT_GT(estimate_index_size(table, including, {}).pages.value, 2700);
    // A unique index on some of the keys leaves no duplicates.
    EXPECT_GT(estimate_index_size(table, spec({"flag"}), {.distinct_keys = true}).pages.value, 2700);
}

TEST(IndexSize, KnowsWhenKeysAreDistinct) {
    domain::Catalog catalog;
    catalog.tables.push_back(million());
    catalog.indexes.push_back(testing::primary_key("t", {"id"}));
    EXPECT_TRUE(keys_are_distinct(catalog, spec({"flag", "id"})));
    EXPECT_FALSE(keys_are_distinct(catalog, spec({"flag"})));
    catalog.indexes.back().spec.predicate = "flag";
    EXPECT_FALSE(keys_are_distinct(catalog, spec({"flag", "id"})));
}

TEST(IndexSize, ShrinksWithThePredicate) {
    const auto table = million();
    EXPECT_NEAR(static_cast<double>(estimate_index_size(table, spec({"id"}), {.predicate_selectivity = 0.1}).pages.value), 275, 3);
    EXPECT_EQ(estimate_index_size(table, spec({"id"}), {.predicate_selectivity = 0}).pages.value, 1);
}

TEST(IndexSize, GrowsWithKeysAndWithIncludedColumns) {
    const auto table = million();
    auto including = spec({"id"});
    including.include = {"name"};
    const auto narrow = estimate_index_size(table, spec({"id"}), {}).pages,
               wide = estimate_index_size(table, spec({"id", "parent"}), {}).pages;
    EXPECT_GT(wide, narrow);
    EXPECT_GT(estimate_index_size(table, including, {}).pages, wide);
}

TEST(IndexSize, IsSmallForBrinAndPositiveForTheOthers) {
    const auto table = million();
    auto brin = spec({"id"}), hash = spec({"id"}), gin = spec({"name"});
    brin.method = "brin";
    hash.method = "hash";
    gin.method = "gin";
    EXPECT_LE(estimate_index_size(table, brin, {}).pages.value, 5);
    EXPECT_NEAR(static_cast<double>(estimate_index_size(table, hash, {}).pages.value), 4500, 1500);
    EXPECT_GT(estimate_index_size(table, gin, {}).pages.value, 100);
}

}  // namespace
}  // namespace orrery::optimizers
