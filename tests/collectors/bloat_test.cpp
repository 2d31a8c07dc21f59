#include "collectors/bloat.hpp"

#include <gtest/gtest.h>

// The layouts, against numbers of pages that real servers made.
namespace orrery::collectors {
namespace {

StoredColumn fixed(int length, double nulls = 0, double distinct = -1) {
    return {.length = length, .alignment = length, .width = length, .null_share = nulls, .distinct = distinct};
}
StoredColumn text(double width, bool even = false) {
    return {.length = -1, .alignment = 4, .width = width, .distinct = -1, .even = even};
}

TEST(TableBloat, FixedRowsFillPagesToTheByte) {
    // 24 + 4 bytes, padded to 32, and a line pointer: 226 rows a page.
    TableShape table{.rows = 226'000, .pages = base::Pages(1'000), .columns = {fixed(4)}};
    const auto full = estimate_bloat(table);
    ASSERT_TRUE(full);
    EXPECT_EQ(full->needed.value, 1'000);
    EXPECT_EQ(full->wasted.value, 0);
    EXPECT_DOUBLE_EQ(full->row_bytes, 32);
    table.rows = 113'000;
    EXPECT_EQ(estimate_bloat(table)->wasted.value, 500 * 8192);
    table.rows = 0;
    EXPECT_EQ(estimate_bloat(table)->wasted.value, 1'000 * 8192);
    table.rows = 1e9;
    EXPECT_EQ(estimate_bloat(table)->wasted.value, 0) << "never negative";
}

TEST(TableBloat, OrderOfColumnsCostsPadding) {
    TableShape table{.rows = 1, .pages = base::Pages(1), .columns = {fixed(4), fixed(8), fixed(4), fixed(8)}};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 32);
    table.columns = {fixed(8), fixed(8), fixed(4), fixed(4)};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 24);
    table.columns = {fixed(1), fixed(2), fixed(1)};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 8);
}

TEST(TableBloat, NullsSaveTheirBytesAndCostABitmap) {
    TableShape table{.rows = 1, .pages = base::Pages(1), .columns = {fixed(8), fixed(8, 1)}};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 8) << "8 columns fit into the header's last byte";
    table.columns.assign(9, fixed(8, 1));
    table.columns[0] = fixed(8);
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 32 + 8);
    table.columns = {fixed(8), fixed(8, 0.5)};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 8 + 4);
}

TEST(TableBloat, TextsAreNotAlignedUntilTheyAreLong) {
    TableShape table{.rows = 1, .pages = base::Pages(1), .columns = {fixed(1), text(10, true), fixed(1)}};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 16);
    table.columns = {fixed(1), text(203, true)};
    EXPECT_DOUBLE_EQ(estimate_bloat(table)->row_bytes, 24 + 208);
    table.columns = {text(33)};  // lengths about 33: any of eight boundaries
    EXPECT_NEAR(estimate_bloat(table)->row_bytes, 24 + 33 + 3.5, 0.6);
}

TEST(TableBloat, FillFactorAndMeasuredRowsCount) {
    TableShape table{.rows = 100'000, .pages = base::Pages(1'000), .fillfactor = 50, .columns = {fixed(4)}};
    EXPECT_EQ(estimate_bloat(table)->needed.value, 885);  // 4,072 bytes a page: 113 rows
    table.fillfactor = 100;
    table.columns = {text(0)};
    table.columns[0].width.reset();
    EXPECT_FALSE(estimate_bloat(table)) << "a width that nobody knows";
    table.row_bytes = 60;
    EXPECT_NEAR(static_cast<double>(estimate_bloat(table)->needed.value), 100'000 * 67.5 / 8'134, 3);
}

TEST(IndexBloat, IntegersTakeTwentyBytes) {
    // CREATE INDEX on 1,000,000 distinct integers makes 2,745 pages: 366 a leaf, a metapage, inner pages.
    IndexShape index{.rows = 1e6, .pages = base::Pages(2'745), .distinct_keys = true, .deduplicates = true, .columns = {fixed(4)}};
    const auto full = estimate_bloat(index);
    ASSERT_TRUE(full);
    EXPECT_NEAR(static_cast<double>(full->needed.value), 2'745, 15);
    index.pages = base::Pages(5'490);
    EXPECT_NEAR(static_cast<double>(estimate_bloat(index)->wasted.value), 2'745.0 * 8192, 20 * 8192);
}

TEST(IndexBloat, DuplicatesShareAKey) {
    // 1,000,000 rows, 100 values: 851 pages with deduplication, 2,745 without.
    IndexShape index{.rows = 1e6, .pages = base::Pages(851), .deduplicates = true, .columns = {fixed(4, 0, 100)}};
    EXPECT_NEAR(static_cast<double>(estimate_bloat(index)->needed.value), 851, 851 * 0.03);
    index.deduplicates = false;
    EXPECT_NEAR(static_cast<double>(estimate_bloat(index)->needed.value), 2'745, 15);
    index.deduplicates = true;
    index.columns[0].distinct = -0.5;  // pairs
    const auto pairs = estimate_bloat(index)->needed.value;
    // In pairs all of them it makes 2,475.
    EXPECT_NEAR(static_cast<double>(pairs), 2'475, 2'475 * 0.12) << "their number is taken to vary";
}

TEST(IndexBloat, AnEmptyIndexNeedsItsMetapage) {
    const auto empty = estimate_bloat(IndexShape{.rows = 0, .pages = base::Pages(1), .columns = {fixed(4)}});
    EXPECT_EQ(empty->needed.value, 1);
    EXPECT_EQ(empty->wasted.value, 0);
}

TEST(StoredColumns, AreReadFromTheViewsWords) {
    const auto columns = parse_stored_columns("8:d:8:0,-1:i:33:0.25:-0.5:1,-1:i::0");
    ASSERT_TRUE(columns);
    ASSERT_EQ(columns->size(), 3U);
    EXPECT_EQ((*columns)[0].alignment, 8);
    EXPECT_DOUBLE_EQ((*columns)[1].null_share, 0.25);
    EXPECT_DOUBLE_EQ((*columns)[1].distinct, -0.5);
    EXPECT_TRUE((*columns)[1].even);
    EXPECT_FALSE((*columns)[2].width);
    EXPECT_TRUE(parse_stored_columns("")->empty());
    for (const char* wrong : {"8", "8:x:8:0", "8:d:eight:0", "8:d:8", ",", "8:d:8:0:a", "8:d:8:0:1:b"})
        EXPECT_FALSE(parse_stored_columns(wrong)) << wrong;
}

TEST(HitRatio, IsKnownWhenThereWereAccesses) {
    EXPECT_FALSE(hit_ratio(0, 0));
    EXPECT_DOUBLE_EQ(*hit_ratio(3, 1), 0.75);
    EXPECT_FALSE(hit_ratio(-1, 1));
}

}  // namespace
}  // namespace orrery::collectors
