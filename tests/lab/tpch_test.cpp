#include "lab/tpch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "base/random.hpp"

namespace orrery::lab {
namespace {

using Row = std::vector<std::string>;
constexpr double kScale = 0.01;

std::vector<Row> rows_of(const TpchData& data, TpchTable table) {
    std::string text;
    data.append(table, text, 1, data.units(table));
    std::vector<Row> rows;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        Row row;
        std::istringstream cells(line);
        for (std::string cell; std::getline(cells, cell, '\t');) row.push_back(cell);
        rows.push_back(std::move(row));
    }
    return rows;
}

std::int64_t cents(const std::string& amount) {
    return std::llround(std::stod(amount) * 100);
}

/// All rows of a small database, made once.
class Tpch : public ::testing::Test {
protected:
    static const std::vector<Row>& table(TpchTable which) {
        static const TpchData data(kScale, 1);
        static std::map<TpchTable, std::vector<Row>> rows;
        auto [at, fresh] = rows.try_emplace(which);
        if (fresh) at->second = rows_of(data, which);
        return at->second;
    }
    static double share(const std::vector<Row>& rows, const std::function<bool(const Row&)>& qualifies) {
        return static_cast<double>(std::ranges::count_if(rows, qualifies)) / static_cast<double>(rows.size());
    }
};

TEST_F(Tpch, HasTheRowsOfItsScaleFactor) {
    EXPECT_EQ(table(TpchTable::region).size(), 5U);
    EXPECT_EQ(table(TpchTable::nation).size(), 25U);
    EXPECT_EQ(table(TpchTable::supplier).size(), 100U);
    EXPECT_EQ(table(TpchTable::part).size(), 2000U);
    EXPECT_EQ(table(TpchTable::partsupp).size(), 8000U);
    EXPECT_EQ(table(TpchTable::customer).size(), 1500U);
    EXPECT_EQ(table(TpchTable::orders).size(), 15'000U);
    EXPECT_NEAR(static_cast<double>(table(TpchTable::lineitem).size()), 60'000, 600);
}

TEST_F(Tpch, SizesAtScaleOneAreTheSpecifications) {
    const TpchSizes sizes = tpch_sizes(1);
    EXPECT_EQ(sizes.suppliers, 10'000);
    EXPECT_EQ(sizes.parts, 200'000);
    EXPECT_EQ(sizes.customers, 150'000);
    EXPECT_EQ(sizes.orders, 1'500'000);
    EXPECT_EQ(sizes.clerks, 1000);
}

TEST_F(Tpch, EveryPartHasFourSuppliersAndEveryLineOneOfThem) {
    std::set<std::pair<std::string, std::string>> pairs;
    for (const auto& row : table(TpchTable::partsupp)) pairs.emplace(row[0], row[1]);
    EXPECT_EQ(pairs.size(), 4 * table(TpchTable::part).size());
    for (const auto& line : table(TpchTable::lineitem)) ASSERT_TRUE(pairs.contains({line[1], line[2]})) << line[1] << " " << line[2];
}

TEST_F(Tpch, SuppliersStayDistinctAtOddScales) {
    for (const double scale : {0.001, 0.0037, 0.012, 0.015, 0.02, 0.033, 0.5}) {
        const TpchData data(scale, 1);
        std::string text;
        data.append(TpchTable::partsupp, text, 1, data.units(TpchTable::partsupp));
        std::set<std::string> keys;
        std::istringstream lines(text);
        std::int64_t count = 0;
        for (std::string line; std::getline(lines, line); ++count) keys.insert(line.substr(0, line.find('\t', line.find('\t') + 1)));
        EXPECT_EQ(static_cast<std::int64_t>(keys.size()), count) << scale;
    }
}

TEST_F(Tpch, OrderKeysAreSparse) {
    for (const auto& order : table(TpchTable::orders)) EXPECT_LT(std::stoll(order[0]) % 32, 8);
    EXPECT_EQ(table(TpchTable::orders)[7][0], "32");
}

TEST_F(Tpch, AThirdOfTheCustomersNeverOrders) {
    std::set<std::int64_t> customers;
    for (const auto& order : table(TpchTable::orders)) customers.insert(std::stoll(order[1]));
    EXPECT_TRUE(std::ranges::none_of(customers, [](std::int64_t key) { return key % 3 == 0; }));
    EXPECT_GT(customers.size(), 990U);
}

TEST_F(Tpch, PricesFollowTheFormulas) {
    for (const auto& part : table(TpchTable::part)) {
        const auto key = std::stoll(part[0]);
        ASSERT_EQ(cents(part[7]), 90'000 + key / 10 % 20'001 + 100 * (key % 1000));
    }
    for (const auto& line : table(TpchTable::lineitem)) {
        const auto& part = table(TpchTable::part)[static_cast<std::size_t>(std::stoll(line[1]) - 1)];
        ASSERT_EQ(cents(line[5]), std::stoll(line[4]) * cents(part[7]));
    }
}

TEST_F(Tpch, TotalsAndStatusesComeFromTheLines) {
    std::map<std::string, double> totals;
    std::map<std::string, std::string> statuses;
    for (const auto& line : table(TpchTable::lineitem)) {
        totals[line[0]] += std::stod(line[5]) * (1 + std::stod(line[7])) * (1 - std::stod(line[6]));
        statuses[line[0]] += line[9];
    }
    for (const auto& order : table(TpchTable::orders)) {
        ASSERT_NEAR(std::stod(order[3]), totals[order[0]], 0.01);
        const auto& lines = statuses[order[0]];
        const bool open = lines.find('O') != std::string::npos, finished = lines.find('F') != std::string::npos;
        ASSERT_EQ(order[2], open && finished ? "P" : open ? "O" : "F");
    }
}

TEST_F(Tpch, DatesFollowEachOther) {
    std::map<std::string, std::string> ordered;
    for (const auto& order : table(TpchTable::orders)) {
        ASSERT_GE(order[4], "1992-01-01");
        ASSERT_LE(order[4], "1998-08-02");
        ordered[order[0]] = order[4];
    }
    for (const auto& line : table(TpchTable::lineitem)) {
        const auto &shipped = line[10], &committed = line[11], &received = line[12];
        ASSERT_GT(shipped, ordered[line[0]]);
        ASSERT_GT(committed, ordered[line[0]]);
        ASSERT_GT(received, shipped);
        ASSERT_LE(received, "1998-12-31");
        ASSERT_EQ(line[9], shipped > "1995-06-17" ? "O" : "F");
        ASSERT_EQ(line[8] == "N", received > "1995-06-17");
    }
}

TEST_F(Tpch, NamesPhonesAndCodesHaveTheirForm) {
    for (const auto& customer : table(TpchTable::customer)) {
        ASSERT_EQ(customer[1].size(), 18U);
        ASSERT_EQ(customer[4].substr(0, 2), std::to_string(std::stoi(customer[3]) + 10));
        ASSERT_EQ(customer[4].size(), 15U);
        ASSERT_LE(customer[2].size(), 40U);
    }
    for (const auto& part : table(TpchTable::part)) {
        std::istringstream words(part[1]);
        const std::set<std::string> colors(std::istream_iterator<std::string>(words), {});
        ASSERT_EQ(colors.size(), 5U) << part[1];
        ASSERT_LE(part[1].size(), 55U);
        ASSERT_EQ(part[2].back(), part[3][part[3].size() - 2]) << "a brand belongs to its manufacturer";
        ASSERT_LE(part[8].size(), 23U);
    }
}

TEST_F(Tpch, TheValidationParametersSelectWhatTheyShould) {
    const auto& lines = table(TpchTable::lineitem);
    EXPECT_NEAR(share(lines, [](const Row& row) { return row[10] <= "1998-09-02"; }), 0.986, 0.01);
    EXPECT_NEAR(share(lines, [](const Row& row) { return row[10] >= "1994-01-01" && row[10] < "1995-01-01"; }), 0.152, 0.01);
    EXPECT_NEAR(share(lines, [](const Row& row) { return row[14] == "MAIL"; }), 1.0 / 7, 0.01);
    EXPECT_NEAR(share(table(TpchTable::part), [](const Row& row) { return row[4].ends_with("BRASS"); }), 0.2, 0.03);
    EXPECT_NEAR(share(table(TpchTable::part), [](const Row& row) { return row[1].find("green") != std::string::npos; }), 5.0 / 92, 0.02);
    EXPECT_NEAR(share(table(TpchTable::customer), [](const Row& row) { return row[6] == "BUILDING"; }), 0.2, 0.03);
    const double special = share(table(TpchTable::orders), [](const Row& row) {
        const auto at = row[8].find("special");
        return at != std::string::npos && row[8].find("requests", at) != std::string::npos;
    });
    EXPECT_GT(special, 0.004);
    EXPECT_LT(special, 0.03);
}

TEST_F(Tpch, SomeSuppliersHaveComplaints) {
    const TpchData data(1, 1);
    std::string text;
    data.append(TpchTable::supplier, text, 1, 10'000);
    int complaints = 0, recommendations = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto at = line.find("Customer");
        if (at == std::string::npos) continue;
        complaints += line.find("Complaints", at) != std::string::npos;
        recommendations += line.find("Recommends", at) != std::string::npos;
    }
    EXPECT_EQ(complaints, 5);
    EXPECT_EQ(recommendations, 5);
}

TEST_F(Tpch, RowsComeOutTheSameHoweverTheyAreCut) {
    const TpchData data(0.002, 9);
    for (const auto table : kTpchTables) {
        std::string whole, pieces;
        const auto units = data.units(table);
        data.append(table, whole, 1, units);
        for (std::int64_t unit = 1; unit <= units; unit += 101) data.append(table, pieces, unit, std::min(units, unit + 100));
        EXPECT_EQ(whole, pieces) << to_string(table);
    }
}

TEST_F(Tpch, TheSeedDecides) {
    const auto hash = [](std::uint64_t seed) {
        const TpchData data(0.01, seed);
        std::string text;
        for (const auto table : kTpchTables) data.append(table, text, 1, std::min<std::int64_t>(50, data.units(table)));
        return base::stable_hash(text);
    };
    EXPECT_EQ(hash(1), 5092482648771930894U);
    EXPECT_NE(hash(1), hash(2));
}

TEST(TpchQueries, AreTwentyTwoWithEveryParameterFilledIn) {
    for (const auto& options : {TpchQueryOptions{}, TpchQueryOptions{5, 1}, TpchQueryOptions{6, 10}}) {
        const auto queries = tpch_queries(options);
        ASSERT_EQ(queries.size(), 22U);
        for (std::size_t i = 0; i < queries.size(); ++i) {
            EXPECT_EQ(queries[i].number, static_cast<int>(i + 1));
            EXPECT_EQ(queries[i].sql.find(':'), std::string::npos) << queries[i].sql;
        }
    }
}

TEST(TpchQueries, ParametersComeFromTheSeed) {
    const auto texts = [](const TpchQueryOptions& options) {
        std::string all;
        for (const auto& query : tpch_queries(options)) all += query.sql;
        return all;
    };
    EXPECT_EQ(texts({}), texts({}));
    EXPECT_NE(texts({}), texts({1, 1}));
    EXPECT_EQ(texts({1, 1}), texts({1, 1}));
    EXPECT_NE(texts({1, 1}), texts({2, 1}));
    EXPECT_NE(tpch_queries({{}, 10})[10].sql.find("0.0000100000"), std::string::npos) << "the fraction shrinks with the scale";
}

}  // namespace
}  // namespace orrery::lab
