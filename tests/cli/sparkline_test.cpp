#include "cli/sparkline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cli/table.hpp"
#include "support/scoped_variable.hpp"

namespace orrery::cli {
namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

TEST(Sparkline, RisesFromZeroToTheHighest) {
    EXPECT_EQ(sparkline(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8}, 80), "▁▁▂▃▄▅▆▇█");
    EXPECT_EQ(sparkline(std::vector<double>{8, 8, 8}, 80), "███") << "the same height all along is no zero";
    EXPECT_EQ(sparkline(std::vector<double>{0, 0}, 80), "▁▁");
    EXPECT_EQ(sparkline(std::vector<double>{-4, 0, 4}, 80), "▁▄█");
    EXPECT_EQ(sparkline(std::vector<double>{0, 4, 8}, 80, Glyphs::ascii), "_=#");
    EXPECT_EQ(sparkline({}, 80), "");
}

TEST(Sparkline, FitsTheWidth) {
    std::vector<double> values;
    for (int i = 0; i < 1'000; ++i) values.push_back(i < 500 ? 1 : 8);
    EXPECT_EQ(sparkline(values, 4), "▁▁██");
    for (const std::size_t width : {1U, 7U, 80U, 999U}) EXPECT_EQ(display_width(sparkline(values, width)), width);
    EXPECT_EQ(sparkline(values, 0), "");
}

TEST(Sparkline, UnknownValuesAreBlanksAndInfinitiesTheExtremes) {
    EXPECT_EQ(sparkline(std::vector<double>{1, kNan, 8}, 80), "▁ █");
    EXPECT_EQ(sparkline(std::vector<double>{kNan, kNan, 8, 8}, 2), " █");
    EXPECT_EQ(sparkline(std::vector<double>{kNan, kNan}, 80), "  ");
    EXPECT_EQ(sparkline(std::vector<double>{0, 5, kInfinity, -kInfinity}, 80), "▁██▁");
    EXPECT_EQ(sparkline(std::vector<double>{kInfinity, -kInfinity}, 80), "█▁");
}

TEST(Bar, IsAsLongAsItsShare) {
    EXPECT_EQ(bar(0.5, 4), "██  ");
    EXPECT_EQ(bar(0.4375, 4), "█▊  ");
    EXPECT_EQ(bar(1, 4), "████");
    EXPECT_EQ(bar(7, 4), "████");
    EXPECT_EQ(bar(-1, 4), "    ");
    EXPECT_EQ(bar(kNan, 4), "    ");
    EXPECT_EQ(bar(0.5, 4, Glyphs::ascii), "##  ");
    for (double share = 0; share <= 1; share += 0.01) EXPECT_EQ(display_width(bar(share, 10)), 10U);
}

TEST(WeekMap, ShowsHoursAndDays) {
    std::array<std::array<double, 24>, 7> week{};
    for (auto& day : week)
        for (std::size_t hour = 9; hour < 17; ++hour) day[hour] = 4;
    week[5].fill(kNan);
    const auto lines = week_map(week, 30);
    ASSERT_EQ(lines.size(), 8U);
    EXPECT_EQ(lines[0], "    00    06    12    18");
    EXPECT_EQ(lines[1], "Mon          ████████       ");
    EXPECT_EQ(lines[6], "Sat ........................");
    EXPECT_EQ(week_map(week, 30, Glyphs::ascii)[7], "Sun          ########       ");
    for (const auto& line : week_map(week, 90)) EXPECT_LE(display_width(line), 76U);
    EXPECT_EQ(week_map(week, 90)[1].substr(0, 8), "Mon     ");
    EXPECT_TRUE(week_map(week, 20).empty()) << "too narrow";
    for (auto& day : week) day.fill(kNan);
    EXPECT_TRUE(week_map(week, 90).empty()) << "nothing known";
}

TEST(Glyphs, FollowTheLocale) {
    const testing::ScopedVariable all("LC_ALL", "C");
    EXPECT_EQ(terminal_glyphs(), Glyphs::ascii);
    const testing::ScopedVariable utf("LC_ALL", "de_DE.UTF-8");
    EXPECT_EQ(terminal_glyphs(), Glyphs::unicode);
    const testing::ScopedVariable c("LC_ALL", "C.utf8");
    EXPECT_EQ(terminal_glyphs(), Glyphs::unicode);
}

}  // namespace
}  // namespace orrery::cli
