#include "lab/load_driver.hpp"

#include <gtest/gtest.h>

#include <map>

namespace orrery::lab {
namespace {

using namespace std::chrono_literals;

ShopStatement statement(std::string name, double per_second, bool once = false) {
    return {std::move(name), "SELECT $1", {integer(1, 1'000'000)}, per_second, StatementClass::oltp, once, ""};
}

std::map<std::size_t, int> arrivals_in(ArrivalSchedule& schedule, std::chrono::nanoseconds window) {
    std::map<std::size_t, int> counts;
    while (schedule.next().due < window) {
        ++counts[schedule.next().statement];
        EXPECT_EQ(schedule.take(schedule.next().due, 1s), 0);
    }
    return counts;
}

TEST(ArrivalSchedule, ReachesEachRate) {
    const std::vector<ShopStatement> mix{statement("often", 50), statement("seldom", 2), statement("never", 0),
                                         statement("ad-hoc", 0, true)};
    ArrivalSchedule schedule(mix, 1, 7);
    const auto counts = arrivals_in(schedule, 10s);
    EXPECT_NEAR(counts.at(0), 500, 1);
    EXPECT_NEAR(counts.at(1), 20, 1);
    EXPECT_FALSE(counts.contains(2));
    EXPECT_EQ(counts.at(3), 1);
}

TEST(ArrivalSchedule, EveryWindowOfFourSecondsSeesTheSlowestEightTimes) {
    const std::vector<ShopStatement> mix{statement("slow", 2.2)};
    ArrivalSchedule schedule(mix, 1, 7);
    auto seen = arrivals_in(schedule, 4s);
    for (int window = 1; window < 20; ++window) {
        seen = arrivals_in(schedule, 4s * (window + 1));
        EXPECT_GE(seen[0], 8) << window;
    }
}

TEST(ArrivalSchedule, ShedsWhatIsTooLate) {
    const std::vector<ShopStatement> mix{statement("one", 10)};
    ArrivalSchedule schedule(mix, 1, 7);
    const auto shed = schedule.take(11s, 1s);
    EXPECT_NEAR(static_cast<double>(shed), 100, 2);
    EXPECT_GT(schedule.next().due, 9'900ms);
}

TEST(ArrivalSchedule, AnEmptyMixNeverComes) {
    const ArrivalSchedule schedule({}, 1, 7);
    EXPECT_EQ(schedule.next().due, std::chrono::nanoseconds::max());
}

TEST(ParameterStreams, AreTheSameForTheSameSeedOnly) {
    const std::vector<ShopStatement> mix{statement("one", 1), statement("two", 1)};
    ParameterStreams a(mix, {}, 1), b(mix, {}, 1), c(mix, {}, 2);
    const auto first = a.draw(0);
    EXPECT_EQ(first, b.draw(0));
    EXPECT_NE(first, c.draw(0));
    EXPECT_EQ(a.draw(1), b.draw(1)) << "the order of the statements does not matter";
    EXPECT_NE(first, a.draw(0));
}

}  // namespace
}  // namespace orrery::lab
