#include "collectors/pacer.hpp"

#include <gtest/gtest.h>

namespace orrery::collectors {
namespace {

using base::Milliseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Pacer::Instant kOrigin{seconds(1'000)};

/// Every ten seconds, for at most 1 ms each on the average.
PaceOptions every_ten_seconds() {
    return {.period = seconds(10), .share = 0.0001, .longest = seconds(160)};
}

Pacer::Instant at(double seconds_later) {
    return kOrigin + std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds_later));
}

TEST(Pacer, IsDueAtOnceAndThenEachPeriod) {
    Pacer pacer(every_ten_seconds());
    EXPECT_TRUE(pacer.due(kOrigin));
    EXPECT_FALSE(pacer.next());
    pacer.ran(kOrigin, Milliseconds(0.5));
    EXPECT_EQ(pacer.next(), at(10));
    EXPECT_FALSE(pacer.due(at(9.999)));
    EXPECT_TRUE(pacer.due(at(10)));
    EXPECT_EQ(pacer.period(), seconds(10));
    EXPECT_FALSE(pacer.slowed());
    EXPECT_NEAR(pacer.share(), 0.5 / 10'000, 1e-12);
}

TEST(Pacer, LateRunsKeepThePhase) {
    Pacer pacer(every_ten_seconds());
    pacer.ran(kOrigin, Milliseconds(0.5));
    pacer.ran(at(13), Milliseconds(0.5));
    EXPECT_EQ(pacer.next(), at(20));
    pacer.ran(at(47), Milliseconds(0.5));
    EXPECT_EQ(pacer.next(), at(50)) << "runs that were missed are not made up for";
    pacer.ran(at(50), Milliseconds(0.5));
    EXPECT_EQ(pacer.next(), at(60)) << "a run on its tick waits for the following one";
}

TEST(Pacer, ADearClassSkipsTicksAndRecovers) {
    Pacer pacer(every_ten_seconds());
    pacer.ran(kOrigin, Milliseconds(3.5));
    EXPECT_EQ(pacer.next(), at(40));
    EXPECT_TRUE(pacer.slowed());
    EXPECT_EQ(pacer.period(), seconds(35));
    EXPECT_NEAR(pacer.share(), 0.0001, 1e-6);
    for (int run = 0; run < 12; ++run) pacer.ran(*pacer.next(), Milliseconds(0.1));
    EXPECT_FALSE(pacer.slowed());
    const auto last = *pacer.next();
    pacer.ran(last, Milliseconds(0.1));
    EXPECT_EQ(pacer.next(), last + seconds(10));
}

TEST(Pacer, WhatCheapRunsLeftPaysForADearOne) {
    Pacer pacer(every_ten_seconds());
    for (int run = 0; run < 8; ++run) pacer.ran(at(10 * run), Milliseconds(0.2));
    pacer.ran(at(80), Milliseconds(6));
    EXPECT_EQ(pacer.next(), at(90));
    pacer.ran(at(90), Milliseconds(6));
    EXPECT_GT(pacer.next(), at(100)) << "once";
}

TEST(Pacer, IdleTimeDoesNotSaveWithoutLimit) {
    Pacer pacer(every_ten_seconds());
    pacer.ran(kOrigin, Milliseconds(0.2));
    pacer.ran(at(100'000), Milliseconds(13));
    EXPECT_EQ(pacer.next(), at(100'030)) << "ten periods' worth were saved, three are to be paid off";
}

TEST(Pacer, IsNeverStretchedBeyondTheLongest) {
    Pacer pacer(every_ten_seconds());
    pacer.ran(kOrigin, Milliseconds(1'000'000));
    EXPECT_EQ(pacer.next(), at(160));
    EXPECT_EQ(pacer.period(), seconds(160));
}

TEST(Pacer, FailuresBackOffAndSuccessEndsIt) {
    Pacer pacer(every_ten_seconds());
    pacer.failed(kOrigin);
    EXPECT_EQ(pacer.next(), at(10));
    pacer.failed(at(10));
    EXPECT_EQ(pacer.next(), at(30));
    pacer.failed(at(30));
    EXPECT_EQ(pacer.next(), at(70));
    EXPECT_EQ(pacer.period(), seconds(40));
    for (int run = 0; run < 100; ++run) {
        const auto start = *pacer.next();
        pacer.failed(start);
        EXPECT_LE(*pacer.next() - start, seconds(160));
    }
    EXPECT_FALSE(pacer.slowed()) << "it failed, it was not dear";
    const auto start = *pacer.next();
    pacer.ran(start, Milliseconds(0.5));
    EXPECT_EQ(pacer.next(), start + seconds(10));
    EXPECT_EQ(pacer.period(), seconds(10));
}

TEST(Pacer, FailuresThatCostAreCharged) {
    Pacer pacer(every_ten_seconds());
    pacer.failed(kOrigin, Milliseconds(7.5));
    EXPECT_EQ(pacer.next(), at(80));
}

}  // namespace
}  // namespace orrery::collectors
