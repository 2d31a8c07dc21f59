#include "analyzers/column_dependence.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/random.hpp"

namespace orrery::analyzers {
namespace {

using Column = std::function<std::int64_t(std::int64_t row, base::Random&)>;

TableSample sample_of(std::int64_t rows, const std::vector<std::pair<std::string, Column>>& columns, std::int64_t rows_per_page = 50) {
    TableSample sample;
    base::Random random(11);
    sample.hashes.resize(columns.size());
    sample.is_null.resize(columns.size());
    for (const auto& [name, value] : columns) sample.columns.push_back(name);
    for (std::int64_t row = 0; row < rows; ++row) {
        sample.page_of.push_back(row / rows_per_page);
        for (std::size_t i = 0; i < columns.size(); ++i) {
            sample.hashes[i].push_back(columns[i].second(row, random));
            sample.is_null[i].push_back(false);
        }
    }
    sample.pages = static_cast<double>((rows + rows_per_page - 1) / rows_per_page);
    sample.all_pages = 100 * sample.pages;
    sample.all_rows = 100 * static_cast<double>(rows);
    return sample;
}

const Column kCity = [](std::int64_t row, base::Random&) { return (row * 7919) % 60; };
const Column kCountryOfCity = [](std::int64_t row, base::Random&) { return ((row * 7919) % 60) / 10; };
const Column kColour = [](std::int64_t, base::Random& random) { return random.integer(1, 12); };
const Column kId = [](std::int64_t row, base::Random&) { return row; };
const Column kConstant = [](std::int64_t, base::Random&) { return std::int64_t{1}; };

TEST(ColumnDependence, AFunctionOfAnotherColumnIsFound) {
    const auto found = find_dependences(sample_of(6'000, {{"city", kCity}, {"country", kCountryOfCity}, {"colour", kColour}}));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].left, "city");
    EXPECT_EQ(found[0].right, "country");
    EXPECT_GT(found[0].left_gives_right, 0.99);
    EXPECT_LT(found[0].right_gives_left, 0.1);
    EXPECT_GT(found[0].strength, 0.5);
    EXPECT_NEAR(found[0].misestimate, 6, 0.5) << "one country in six";
    EXPECT_NEAR(found[0].pairs, 60, 6);
}

TEST(ColumnDependence, IndependentColumnsAreNotCalledDependent) {
    std::vector<std::pair<std::string, Column>> columns;
    for (int i = 0; i < 8; ++i)
        columns.emplace_back("c" + std::to_string(i), [i](std::int64_t, base::Random& random) { return random.integer(1, 2 << i); });
    EXPECT_TRUE(find_dependences(sample_of(5'000, columns)).empty());
}

TEST(ColumnDependence, KeysAndConstantsAreLeftOut) {
    EXPECT_TRUE(find_dependences(sample_of(6'000, {{"id", kId}, {"country", kCountryOfCity}, {"tenant", kConstant}})).empty());
}

TEST(ColumnDependence, ColumnsThatAreAlikeWithinAPageNeedMorePages) {
    // Both change from page to page, each at random: thirty pages are no evidence.
    base::Random pages(5);
    std::vector<std::int64_t> left, right;
    for (int page = 0; page < 30; ++page) {
        left.push_back(pages.integer(1, 6));
        right.push_back(pages.integer(1, 6));
    }
    const Column by_left = [&](std::int64_t row, base::Random&) { return left[static_cast<std::size_t>(row / 50)]; };
    const Column by_right = [&](std::int64_t row, base::Random&) { return right[static_cast<std::size_t>(row / 50)]; };
    EXPECT_TRUE(find_dependences(sample_of(1'500, {{"left", by_left}, {"right", by_right}})).empty());
}

TEST(ColumnDependence, NullsCountAsAValue) {
    auto sample = sample_of(4'000, {{"state", kCountryOfCity}, {"closed_at", kColour}});
    for (std::size_t row = 0; row < sample.rows(); ++row) sample.is_null[1][row] = sample.hashes[0][row] < 3;
    const auto found = find_dependences(sample);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_GT(found[0].strength, 0.3);
}

TEST(ColumnDependence, TooFewRowsSayNothing) {
    EXPECT_TRUE(find_dependences(sample_of(50, {{"city", kCity}, {"country", kCountryOfCity}})).empty());
}

}  // namespace
}  // namespace orrery::analyzers
