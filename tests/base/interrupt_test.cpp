#include "base/interrupt.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <optional>
#include <stop_token>

namespace orrery::base {
namespace {

// Each runs in a process of its own: a handler stays for good.
class InterruptDeathTest : public ::testing::Test {
protected:
    void SetUp() override { ::testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
};

[[noreturn]] void leave_when_the_token_stops(int signal_number) {
    install_interrupt_handler();
    std::promise<void> stopped;
    const std::stop_callback callback(interrupt_token(), [&] { stopped.set_value(); });
    if (interrupt_token().stop_requested()) _exit(1);
    std::raise(signal_number);
    stopped.get_future().wait();
    _exit(7);
}

TEST_F(InterruptDeathTest, AFirstSignalStopsTheToken) {
    EXPECT_EXIT(leave_when_the_token_stops(SIGINT), ::testing::ExitedWithCode(7), "");
    EXPECT_EXIT(leave_when_the_token_stops(SIGTERM), ::testing::ExitedWithCode(7), "");
    EXPECT_EXIT(leave_when_the_token_stops(SIGHUP), ::testing::ExitedWithCode(7), "");
}

TEST_F(InterruptDeathTest, AThirdSignalEndsTheProcess) {
    const auto three_times = [] {
        install_interrupt_handler();
        for (int i = 0; i < 3; ++i) std::raise(SIGINT);
        _exit(0);
    };
    EXPECT_EXIT(three_times(), ::testing::ExitedWithCode(130), "");
}

TEST_F(InterruptDeathTest, ABrokenPipeDoesNotKill) {
    const auto write_into_nothing = [] {
        install_interrupt_handler();
        int ends[2];
        if (pipe(ends) != 0) _exit(1);
        close(ends[0]);
        _exit(write(ends[1], "x", 1) < 0 ? 7 : 1);
    };
    EXPECT_EXIT(write_into_nothing(), ::testing::ExitedWithCode(7), "");
}

TEST_F(InterruptDeathTest, TheProgramMayAskItself) {
    const auto ask = [] {
        request_interrupt();
        _exit(interrupt_token().stop_requested() ? 7 : 1);
    };
    EXPECT_EXIT(ask(), ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace orrery::base
