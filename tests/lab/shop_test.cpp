#include "lab/shop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.hpp"
#include "domain/catalog.hpp"

namespace orrery::lab {
namespace {

constexpr std::uint64_t kSeeds[]{1, 2, 3, 4, 5, 17, 99};
const base::WallTime kReference = base::from_unix_ms(1'700'000'000'000);

Shop shop_of(std::uint64_t seed, double scale = 1) {
    return make_shop({seed, scale, kReference});
}

std::set<std::string> ids(const std::vector<PlantedProblem>& problems) {
    std::set<std::string> result;
    for (const auto& problem : problems) result.insert(problem.id);
    return result;
}

std::set<std::string> names(const Shop& shop) {
    std::set<std::string> result;
    for (const auto& table : shop.tables) {
        result.insert(table.name);
        for (const auto& column : table.columns) result.insert(table.name + "." + column.name);
    }
    return result;
}

TEST(Shop, HasTheSizeAndTheProblemsThatWerePromised) {
    for (const auto seed : kSeeds) {
        const Shop shop = shop_of(seed);
        EXPECT_GE(shop.tables.size(), 8U);
        EXPECT_GE(shop.rows(), 2'000'000);
        EXPECT_GE(shop.truth.problems.size(), 12U) << seed;
        EXPECT_GE(shop.truth.decoys.size(), 6U) << seed;
        std::set<std::string> categories;
        for (const auto& problem : shop.truth.problems) categories.insert(problem.category);
        for (const char* needed : {"single column", "composite, equality before range", "composite, equality and order", "covering",
                                   "partial", "expression", "newest rows", "foreign key", "duplicate", "redundant prefix", "unused"})
            EXPECT_TRUE(categories.contains(needed)) << needed << " in " << seed;
    }
}

TEST(Shop, TheSeedChangesNamesAndProblems) {
    const Shop first = shop_of(1), second = shop_of(2), again = shop_of(1);
    EXPECT_NE(names(first), names(second));
    EXPECT_NE(ids(first.truth.problems), ids(second.truth.problems));
    EXPECT_EQ(to_json(first.truth), to_json(again.truth));
    EXPECT_EQ(names(first), names(again));
}

TEST(Shop, TheThemesDiffer) {
    std::set<std::string> themes;
    for (const auto seed : kSeeds) themes.insert(shop_of(seed).theme);
    EXPECT_GE(themes.size(), 3U);
}

TEST(Shop, OneNameNeedsQuotes) {
    for (const auto seed : kSeeds) {
        int quoted = 0;
        for (const auto& table : shop_of(seed).tables)
            for (const auto& column : table.columns) quoted += domain::quote_identifier(column.name) != column.name;
        EXPECT_EQ(quoted, 1) << seed;
    }
}

TEST(Shop, NoTwoColumnsOrIndexesShareAName) {
    for (const auto seed : kSeeds) {
        std::set<std::string> indexes;
        for (const auto& table : shop_of(seed).tables) {
            std::set<std::string> columns;
            for (const auto& column : table.columns)
                EXPECT_TRUE(columns.insert(column.name).second) << seed << " " << table.name << "." << column.name;
            for (const auto& index : table.indexes) EXPECT_TRUE(indexes.insert(index.name).second) << seed << " " << index.name;
        }
    }
}

TEST(Shop, EveryPlantedStatementIsAskedOftenEnough) {
    for (const auto seed : kSeeds) {
        const Shop shop = shop_of(seed);
        for (const auto& problem : shop.truth.problems)
            for (const auto& name : problem.statements) {
                const auto at = std::ranges::find(shop.statements, name, &ShopStatement::name);
                ASSERT_NE(at, shop.statements.end()) << name;
                EXPECT_GE(at->per_second, 2.2) << name;
            }
    }
}

TEST(Shop, TheTruthNamesThingsThatExist) {
    for (const auto seed : kSeeds) {
        const Shop shop = shop_of(seed);
        const auto check = [&](const std::string& table_name, const std::vector<IndexRequirement>& requirements,
                               const std::vector<std::string>& indexes) {
            const ShopTable* table = shop.find_table(table_name);
            ASSERT_NE(table, nullptr) << table_name;
            for (const auto& requirement : requirements)
                for (const auto& column : requirement.leading) {
                    if (column.find('(') == std::string::npos) {
                        EXPECT_NE(std::ranges::find(table->columns, column, &ShopColumn::name), table->columns.end()) << column;
                    }
                }
            for (const auto& index : indexes)
                EXPECT_NE(std::ranges::find(table->indexes, index, &ShopIndex::name), table->indexes.end()) << index;
        };
        for (const auto& problem : shop.truth.problems) check(problem.table, problem.accepted, problem.index_names);
        for (const auto& decoy : shop.truth.decoys) check(decoy.table, decoy.avoided, decoy.index_names);
    }
}

TEST(Shop, ThePoolIsLargeAndAllOfItIsUsed) {
    std::set<std::string> problems, decoys;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const Shop shop = shop_of(seed);
        for (const auto& problem : shop.truth.problems) problems.insert(problem.id);
        for (const auto& decoy : shop.truth.decoys) decoys.insert(decoy.id);
    }
    EXPECT_EQ(problems.size(), 37U);
    EXPECT_EQ(decoys.size(), 11U);
}

// What makes some decoys wrong is not their plan but the mix.
TEST(Shop, DecoysAreWrongByTheirRates) {
    int seen = 0;
    for (const auto seed : kSeeds) {
        const Shop shop = shop_of(seed);
        for (const auto& decoy : shop.truth.decoys) {
            double reads = 0, writes = 0;
            bool once = false;
            for (const auto& statement : shop.statements) {
                if (statement.belongs_to != decoy.id) continue;
                const bool reading = statement.sql.starts_with("SELECT");
                const int rows_each = statement.parameters.empty() || reading ? 1 : std::max(1, statement.parameters.front().repeat);
                (reading ? reads : writes) += statement.per_second * rows_each;
                once = once || statement.once;
            }
            if (decoy.id == "write-heavy" || decoy.id == "hot-column") {
                EXPECT_GE(writes, 300 * reads) << decoy.id;
                ++seen;
            }
            if (decoy.id == "ad-hoc") {
                EXPECT_TRUE(once && reads == 0);
                ++seen;
            }
        }
    }
    EXPECT_GT(seen, 3);
}

TEST(Shop, FixesDoNotBurdenTheTablesThatAreWrittenAllTheTime) {
    for (const auto seed : kSeeds) {
        const Shop shop = shop_of(seed);
        for (const auto& table : shop.tables) {
            const bool inserted = std::ranges::any_of(shop.statements, [&](const ShopStatement& statement) {
                return statement.sql.starts_with("INSERT INTO " + domain::quote_identifier(table.name) + " ");
            });
            int growth = 0;
            for (const auto& problem : shop.truth.problems)
                if (problem.table == table.name) growth += problem.kind == domain::RecommendationKind::create_index ? 1 : -1;
            if (inserted) {
                EXPECT_LE(growth, 0) << seed << " " << table.name;
            }
        }
    }
}

TEST(Shop, RowsComeOutTheSameHoweverTheyAreCut) {
    const Shop shop = shop_of(3, 0.01);
    for (const auto& table : shop.tables) {
        std::string whole, pieces;
        append_rows(whole, shop, table, 1, table.rows);
        for (std::int64_t row = 1; row <= table.rows; row += 777) append_rows(pieces, shop, table, row, std::min(table.rows, row + 776));
        EXPECT_EQ(whole, pieces) << table.name;
        EXPECT_EQ(std::ranges::count(whole, '\n'), table.rows);
        EXPECT_EQ(std::ranges::count(whole, '\t'), table.rows * static_cast<std::ptrdiff_t>(table.columns.size() - 1));
    }
}

TEST(Shop, TheFirstRowsNeverChange) {
    std::uint64_t hash = 0;
    const Shop shop = shop_of(1);
    for (const auto& table : shop.tables) {
        std::string rows;
        append_rows(rows, shop, table, 1, 100);
        hash = base::stable_hash(rows, hash);
    }
    EXPECT_EQ(hash, 7998651753324392186U);
}

}  // namespace
}  // namespace orrery::lab
