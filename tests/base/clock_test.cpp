#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace orrery::base {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, MovesOnlyWhenToldOrSleptOn) {
    ManualClock clock(from_unix_ms(1000));
    const auto steady = clock.steady();
    EXPECT_EQ(to_unix_ms(clock.now()), 1000);
    clock.advance(250ms);
    EXPECT_TRUE(clock.sleep_for(750ms, {}));
    EXPECT_EQ(to_unix_ms(clock.now()), 2000);
    EXPECT_EQ(clock.steady() - steady, 1s);
}

TEST(ManualClock, AStopRequestEndsTheSleepAtOnce) {
    ManualClock clock(from_unix_ms(0));
    std::stop_source source;
    source.request_stop();
    EXPECT_FALSE(clock.sleep_for(1h, source.get_token()));
    EXPECT_EQ(to_unix_ms(clock.now()), 0);
}

TEST(SystemClock, AStopRequestEndsTheSleepAtOnce) {
    std::stop_source source;
    source.request_stop();
    EXPECT_FALSE(system_clock().sleep_for(1h, source.get_token()));
}

TEST(SystemClock, SleepsItsTime) {
    const auto start = system_clock().steady();
    EXPECT_TRUE(system_clock().sleep_for(2ms, {}));
    EXPECT_GE(system_clock().steady() - start, 2ms);
}

TEST(Stopwatch, CountsTheClocksSeconds) {
    ManualClock clock;
    const Stopwatch watch(clock);
    clock.advance(1500ms);
    EXPECT_DOUBLE_EQ(watch.seconds(), 1.5);
}

}  // namespace
}  // namespace orrery::base
