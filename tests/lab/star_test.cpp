#include "lab/star.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "lab/statement_template.hpp"

namespace orrery::lab {
namespace {

using Row = std::vector<std::string>;
using Rows = std::vector<Row>;
constexpr double kScale = 0.01;

std::string text_of(const StarData& data, StarTable table, std::int64_t first, std::int64_t last) {
    std::string text;
    data.append(table, text, first, last);
    return text;
}

Rows rows_of(const StarData& data, StarTable table) {
    std::istringstream lines(text_of(data, table, 1, data.rows(table)));
    Rows rows;
    for (std::string line; std::getline(lines, line);) {
        Row row;
        std::istringstream cells(line);
        for (std::string cell; std::getline(cells, cell, '\t');) row.push_back(cell);
        rows.push_back(std::move(row));
    }
    return rows;
}

/// All rows of a small database, made once.
class Star : public ::testing::Test {
protected:
    static const StarData& data() {
        static const StarData made(kScale, 1);
        return made;
    }
    static const Rows& table(StarTable which) {
        static std::map<StarTable, Rows> rows;
        auto [at, fresh] = rows.try_emplace(which);
        if (fresh) at->second = rows_of(data(), which);
        return at->second;
    }
    static double share(const Rows& rows, const std::function<bool(const Row&)>& qualifies) {
        return static_cast<double>(std::ranges::count_if(rows, qualifies)) / static_cast<double>(rows.size());
    }
    static std::set<std::string> column(StarTable which, std::size_t number) {
        std::set<std::string> values;
        for (const auto& row : table(which)) values.insert(row[number]);
        return values;
    }
    /// Keys of a child that no parent has; NULL counts as none.
    static std::size_t orphans(StarTable child, std::size_t number, StarTable parent) {
        const auto keys = column(parent, 0);
        return static_cast<std::size_t>(
            std::ranges::count_if(table(child), [&](const Row& row) { return row[number] != "\\N" && !keys.contains(row[number]); }));
    }
    /// Of the rows, the share that the busiest hundredth of the key's values has.
    static double share_of_busiest(StarTable which, std::size_t number) {
        std::map<std::string, double> counts;
        double total = 0;
        for (const auto& row : table(which))
            if (row[number] != "\\N") counts[row[number]] += 1, total += 1;
        std::vector<double> sorted;
        for (const auto& [key, count] : counts) sorted.push_back(count);
        std::ranges::sort(sorted, std::greater());
        double busiest = 0;
        for (std::size_t i = 0; i < std::max<std::size_t>(1, sorted.size() / 100); ++i) busiest += sorted[i];
        return busiest / total;
    }
};

TEST_F(Star, HasTheRowsOfItsScale) {
    EXPECT_EQ(table(StarTable::calendar).size(), 1826U);
    EXPECT_EQ(table(StarTable::shop_sale).size(), 12'000U);
    EXPECT_EQ(table(StarTable::web_sale).size(), 6'000U);
    EXPECT_EQ(table(StarTable::return_item).size(), 1'200U);
    EXPECT_EQ(table(StarTable::stock).size(), 27U * 261U);
    const auto full = star_sizes(1);
    EXPECT_NEAR(static_cast<double>(full.shop_sales + full.web_sales + full.returns + full.stocked * 261), 2.6e6, 1e5);
    EXPECT_EQ(table(StarTable::calendar).front()[1], "2019-01-01");
    EXPECT_EQ(table(StarTable::calendar).back()[1], "2023-12-31");
}

TEST_F(Star, IsTheSameForASeedInAnyPieces) {
    const StarData again(kScale, 1), other(kScale, 2);
    for (const auto which : kStarTables) {
        const auto rows = std::min<std::int64_t>(500, data().rows(which));
        const auto whole = text_of(data(), which, 1, rows);
        EXPECT_EQ(text_of(again, which, 1, rows), whole) << to_string(which);
        EXPECT_EQ(text_of(again, which, 1, rows / 3) + text_of(again, which, rows / 3 + 1, rows), whole) << to_string(which);
        const bool fixed = which == StarTable::calendar || which == StarTable::region || which == StarTable::category;
        EXPECT_EQ(text_of(other, which, 1, rows) == whole, fixed) << to_string(which);
    }
}

TEST_F(Star, EveryForeignKeyHasItsParent) {
    const std::vector<std::tuple<StarTable, std::size_t, StarTable>> keys{
        {StarTable::place, 2, StarTable::region},        {StarTable::shop, 2, StarTable::place},
        {StarTable::brand, 3, StarTable::region},        {StarTable::product, 2, StarTable::brand},
        {StarTable::product, 3, StarTable::category},    {StarTable::product, 9, StarTable::calendar},
        {StarTable::customer, 2, StarTable::place},      {StarTable::customer, 6, StarTable::calendar},
        {StarTable::promotion, 4, StarTable::calendar},  {StarTable::promotion, 5, StarTable::calendar},
        {StarTable::shop_sale, 2, StarTable::calendar},  {StarTable::shop_sale, 3, StarTable::product},
        {StarTable::shop_sale, 4, StarTable::customer},  {StarTable::shop_sale, 5, StarTable::shop},
        {StarTable::shop_sale, 6, StarTable::promotion}, {StarTable::web_sale, 1, StarTable::calendar},
        {StarTable::web_sale, 2, StarTable::calendar},   {StarTable::web_sale, 3, StarTable::product},
        {StarTable::web_sale, 4, StarTable::customer},   {StarTable::web_sale, 5, StarTable::place},
        {StarTable::web_sale, 6, StarTable::promotion},  {StarTable::return_item, 3, StarTable::calendar},
        {StarTable::return_item, 4, StarTable::product}, {StarTable::return_item, 5, StarTable::customer},
        {StarTable::stock, 0, StarTable::calendar},      {StarTable::stock, 1, StarTable::product},
        {StarTable::stock, 2, StarTable::shop}};
    for (const auto& [child, number, parent] : keys) EXPECT_EQ(orphans(child, number, parent), 0U) << to_string(child) << " " << number;
    std::set<Row> stocked;
    for (const auto& row : table(StarTable::stock)) stocked.insert({row[0], row[1], row[2]});
    EXPECT_EQ(stocked.size(), table(StarTable::stock).size()) << "its primary key";
}

TEST_F(Star, ReturnsAreOfWhatWasSold) {
    const auto& shop = table(StarTable::shop_sale);
    const auto& web = table(StarTable::web_sale);
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& row : table(StarTable::return_item)) {
        const bool on_web = row[1] == "web";
        const auto& sale = (on_web ? web : shop).at(std::stoul(row[2]) - 1);
        EXPECT_EQ(row[4], sale[3]);
        EXPECT_EQ(row[5], sale[4]);
        EXPECT_LE(std::stol(row[6]), std::stol(sale[on_web ? 8 : 7])) << "pieces";
        EXPECT_GE(std::stol(row[3]), std::stol(sale[on_web ? 1 : 2])) << "not before it was sold";
        EXPECT_TRUE(seen.emplace(row[1], row[2]).second) << "returned twice";
    }
}

TEST_F(Star, KeysAreSkewedAndSomeColumnsNull) {
    EXPECT_GT(share_of_busiest(StarTable::shop_sale, 3), 0.15) << "products";
    EXPECT_GT(share_of_busiest(StarTable::web_sale, 4), 0.04) << "customers";
    EXPECT_GT(share_of_busiest(StarTable::customer, 2), 0.1) << "places";
    const auto null = [](std::size_t number) { return [number](const Row& row) { return row[number] == "\\N"; }; };
    EXPECT_NEAR(share(table(StarTable::shop_sale), null(4)), 0.06, 0.02) << "anonymous";
    EXPECT_NEAR(share(table(StarTable::customer), null(4)), 0.12, 0.04);
    EXPECT_NEAR(share(table(StarTable::stock), null(3)), 0.04, 0.01);
    EXPECT_GT(share(table(StarTable::shop_sale), null(6)), 0.5) << "without a promotion";
}

TEST_F(Star, FactsLieInTheOrderOfTheirDays) {
    for (const auto& [which, number] : {std::pair(StarTable::shop_sale, 2), {StarTable::web_sale, 1}}) {
        const auto& rows = table(which);
        EXPECT_TRUE(std::ranges::is_sorted(rows, {}, [&](const Row& row) { return std::stol(row[static_cast<std::size_t>(number)]); }));
    }
    // The year's end sells more than its share of the days.
    const auto& calendar = table(StarTable::calendar);
    const auto first = std::stol(calendar.front()[0]);
    EXPECT_GT(share(table(StarTable::shop_sale),
                    [&](const Row& row) { return std::stol(calendar[static_cast<std::size_t>(std::stol(row[2]) - first)][4]) >= 11; }),
              0.22);
}

TEST_F(Star, ColumnsDependOnEachOther) {
    // Within a table: the colour tells the department; across tables: the tier of the brand tells the price, the home the shop's region.
    std::map<std::string, double> price, count;
    for (const auto& row : table(StarTable::product)) {
        const auto& tier = table(StarTable::brand)[std::stoul(row[2]) - 1][2];
        price[tier] += std::stod(row[6]);
        count[tier] += 1;
    }
    EXPECT_GT(price["luxury"] / count["luxury"], 5 * price["budget"] / count["budget"]);
    const auto region_of = [&](const std::string& place) { return table(StarTable::place)[std::stoul(place) - 1][2]; };
    const double near = share(table(StarTable::shop_sale), [&](const Row& row) {
        return row[4] != "\\N" && region_of(table(StarTable::customer)[std::stoul(row[4]) - 1][2]) ==
                                      region_of(table(StarTable::shop)[std::stoul(row[5]) - 1][2]);
    });
    EXPECT_GT(near, 0.4);
    for (const auto& row : table(StarTable::product)) {
        const auto category = std::stoul(row[3]);
        EXPECT_EQ(row[5] != "\\N", category >= 41 && category <= 50) << "only apparel has sizes";
    }
}

TEST(StarQueries, AreTheSameForASeedAndComplete) {
    const auto queries = star_queries(1, 7);
    EXPECT_GE(queries.size(), 25U);
    std::set<std::string> names;
    std::size_t changed = 0;
    const auto again = star_queries(1, 7), others = star_queries(1, 8);
    for (std::size_t i = 0; i < queries.size(); ++i) {
        EXPECT_EQ(queries[i].sql, again[i].sql);
        EXPECT_EQ(queries[i].name, others[i].name);
        changed += queries[i].sql != others[i].sql ? 1 : 0;
        names.insert(queries[i].name);
        EXPECT_EQ(queries[i].sql.find(':'), std::string::npos) << queries[i].sql;
    }
    EXPECT_EQ(names.size(), queries.size());
    EXPECT_GE(changed, queries.size() - 3);
}

TEST(StatementTemplates, DrawTheSameTextForTheSameDraw) {
    for (const auto& templates : {star_templates(0.01, 3), tpch_templates(0.01, 3)}) {
        std::size_t changed = 0;
        for (const auto& made : templates) {
            EXPECT_EQ(made.text(5), made.text(5)) << made.name;
            changed += made.text(5) != made.text(6) ? 1 : 0;
        }
        EXPECT_GE(changed, templates.size() * 8 / 10);
    }
}

TEST(StatementTemplates, BindParametersOutsideOfQuotes) {
    const std::vector<domain::SqlParameter> parameters{"it's", std::nullopt, "3"};
    EXPECT_EQ(bind_literals("SELECT $1, $2, '$1', \"$3\", $3 + $30, $$ FROM t WHERE a = $1", parameters),
              "SELECT 'it''s', NULL, '$1', \"$3\", '3' + $30, $$ FROM t WHERE a = 'it''s'");
}

}  // namespace
}  // namespace orrery::lab
