#include "collectors/resource_sizes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::collectors {
namespace {

using domain::Frame;
using domain::kNullInteger;
using Integers = std::vector<std::int64_t>;

constexpr std::int64_t kTable = 20'000, kIndex = 20'001, kToast = 20'002, kToastIndex = 20'003, kOther = 20'010;

/// A table of 10 pages with an index of 2 and TOAST of 4 and 1, analyzed and not written to since.
std::vector<RelationFacts> facts_of_table() {
    return {{.oid = kTable, .schema = "public", .name = "t", .pages = 10, .filenode = 1, .toast = kToast, .written = 5, .analyzed_s = 100},
            {.oid = kIndex, .schema = "public", .name = "i", .kind = 'i', .pages = 2, .filenode = 2, .owner = kTable},
            {.oid = kToast, .schema = "pg_toast", .name = "pg_toast_20000", .kind = 't', .pages = 4, .filenode = 3},
            {.oid = kToastIndex,
             .schema = "pg_toast",
             .name = "pg_toast_20000_index",
             .kind = 'i',
             .pages = 1,
             .filenode = 4,
             .owner = kToast}};
}
RelationSizes::Round round_at(int minute) {
    return {.taken = base::from_unix_ms(minute * 60'000)};
}
std::int64_t value(const Frame& frame, const char* column, std::size_t row = 0) {
    return std::get<Integers>(frame.find(column)->values)[row];
}

TEST(RelationSizes, TakesTheServersCountWhereNothingWasWrittenSince) {
    RelationSizes sizes;
    EXPECT_TRUE(sizes.begin(facts_of_table(), round_at(0)).empty());
    const auto frames = sizes.frames("db");
    EXPECT_EQ(value(frames.tables, "heap"), 10 * 8192);
    EXPECT_EQ(value(frames.tables, "toast"), 5 * 8192);
    EXPECT_EQ(value(frames.tables, "indexes"), 2 * 8192);
    EXPECT_EQ(value(frames.tables, "total"), 17 * 8192);
    EXPECT_EQ(value(frames.tables, "exact"), 1);
    EXPECT_EQ(value(frames.tables, "grown"), kNullInteger) << "nothing to compare with";
    EXPECT_EQ(frames.tables.rows(), 1U) << "TOAST has no row of its own";
    EXPECT_EQ(value(frames.indexes, "bytes"), 2 * 8192);
    EXPECT_EQ(frames.indexes.rows(), 1U);
    EXPECT_EQ(value(frames.database, "total"), 17 * 8192);
    EXPECT_EQ(value(frames.database, "toast"), 5 * 8192);
}

TEST(RelationSizes, AsksForWhatWasWrittenToWithItsIndexes) {
    RelationSizes sizes;
    (void)sizes.begin(facts_of_table(), round_at(0));
    (void)sizes.frames("db");
    auto facts = facts_of_table();
    facts[0].written = 6;
    facts[0].changed = 1;
    EXPECT_EQ(sizes.begin(facts, round_at(10)), (Integers{kTable, kIndex}));
    sizes.measured(kTable, 12 * 8192, 3 * 8192);
    sizes.measured(kIndex, 3 * 8192, 0);
    const auto frames = sizes.frames("db");
    EXPECT_EQ(value(frames.tables, "heap"), 15 * 8192);
    EXPECT_EQ(value(frames.tables, "grown"), 3 * 8192) << "the maps that the first count left out are no growth";
    EXPECT_EQ(value(frames.indexes, "grown"), 8192);
    EXPECT_TRUE(sizes.begin(facts, round_at(20)).empty()) << "asked once, unchanged since";
    facts[0].filenode = 9;
    EXPECT_EQ(sizes.begin(facts, round_at(30)), (Integers{kTable})) << "written anew";
}

TEST(RelationSizes, ALockedRelationKeepsItsSizeAndSaysSo) {
    RelationSizes sizes;
    auto facts = facts_of_table();
    facts[0].changed = 3;
    auto round = round_at(0);
    round.locked = {kTable};
    EXPECT_EQ(sizes.begin(facts, round), (Integers{kIndex}));
    sizes.measured(kIndex, 2 * 8192, 0);
    const auto frames = sizes.frames("db");
    EXPECT_EQ(value(frames.tables, "locked"), 1);
    EXPECT_EQ(value(frames.tables, "exact"), 0);
    EXPECT_EQ(value(frames.tables, "heap"), 10 * 8192) << "as last counted";
    EXPECT_EQ(value(frames.database, "uncertain"), 10 * 8192);
    EXPECT_EQ(sizes.locked_names(), (std::vector<std::string>{"public.t"}));
    EXPECT_EQ(sizes.begin(facts, round_at(10)), (Integers{kTable}));
}

TEST(RelationSizes, MoreThanARoundAllowsTakesTurns) {
    RelationSizes sizes;
    std::vector<RelationFacts> facts;
    for (int i = 0; i < 10; ++i) facts.push_back({.oid = kOther + i, .schema = "s", .name = "t", .pages = i, .written = 1, .changed = 1});
    auto round = round_at(0);
    round.ask_at_most = 4;
    std::vector<std::int64_t> all;
    for (int turn = 0; turn < 3; ++turn)
        for (const auto oid : sizes.begin(facts, round)) {
            sizes.measured(oid, 8192, 0);
            all.push_back(oid);
        }
    EXPECT_EQ(all.size(), 10U);
    EXPECT_EQ(all.front(), kOther + 9) << "the largest first";
    EXPECT_TRUE(sizes.begin(facts, round).empty());
    round.counters_tell = false;
    EXPECT_EQ(sizes.begin(facts, round).size(), 4U) << "writes leave no trace: all are asked, in turn";
}

TEST(RelationSizes, WhatWasDroppedIsForgottenAndTemporaryOnesAreOnlySummed) {
    RelationSizes sizes;
    (void)sizes.begin(facts_of_table(), round_at(0));
    std::vector<RelationFacts> facts{{.oid = kOther, .schema = "pg_temp_3", .name = "x", .persistence = 't', .pages = 2}};
    (void)sizes.begin(facts, round_at(10));
    EXPECT_EQ(sizes.size_of(kTable), nullptr);
    const auto frames = sizes.frames("db");
    EXPECT_EQ(frames.tables.rows(), 0U);
    EXPECT_EQ(value(frames.database, "temporary"), 2 * 8192);
    EXPECT_EQ(value(frames.database, "total"), 2 * 8192);
}

TEST(RelationSizes, AnswersThatDoNotFitAreRefused) {
    domain::SqlRows rows;
    rows.columns = {"oid"};
    rows.cells = {"1"};
    EXPECT_FALSE(read_relations(rows));
    rows.columns.assign(16, "c");
    rows.cells.assign(16, std::nullopt);
    EXPECT_FALSE(read_relations(rows));
}

}  // namespace
}  // namespace orrery::collectors
