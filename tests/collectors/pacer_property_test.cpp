#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <chrono>
#include <vector>

#include "collectors/pacer.hpp"

namespace orrery::collectors {
namespace {

using base::Milliseconds;
using std::chrono::milliseconds;

struct Turn {
    int late_ms = 0;
    int cost_us = 0;
    bool fails = false;
};

rc::Gen<Turn> any_turn() {
    const auto cost = rc::gen::oneOf(rc::gen::inRange(0, 2'000), rc::gen::inRange(0, 400'000));
    return rc::gen::build<Turn>(rc::gen::set(&Turn::late_ms, rc::gen::oneOf(rc::gen::just(0), rc::gen::inRange(0, 30'000))),
                                rc::gen::set(&Turn::cost_us, cost),
                                rc::gen::set(&Turn::fails, rc::gen::map(rc::gen::inRange(0, 5), [](int n) { return n == 0; })));
}

/// Runs a class of queries whenever it is due, or a little later.
template <typename Check>
void drive(Pacer& pacer, const std::vector<Turn>& runs, Check check) {
    Pacer::Instant now{std::chrono::hours(1)};
    for (const auto& run : runs) {
        if (pacer.next()) now = *pacer.next() + milliseconds(run.late_ms);
        RC_ASSERT(pacer.due(now));
        check(now);
        const Milliseconds cost(run.cost_us / 1e3);
        run.fails ? pacer.failed(now, cost) : pacer.ran(now, cost);
        RC_ASSERT(*pacer.next() > now);
        RC_ASSERT(pacer.share() >= 0);
    }
}

TEST(PacerProperty, TheShareIsNeverExceededWhateverTheCosts) {
    EXPECT_TRUE(rc::check([] {
        const PaceOptions options{.period = milliseconds(*rc::gen::inRange(100, 60'000)),
                                  .share = *rc::gen::inRange(1, 1'000) * 1e-5,
                                  .longest = std::chrono::hours(24)};
        const auto runs = *rc::gen::container<std::vector<Turn>>(any_turn());
        Pacer pacer(options);
        Pacer::Instant first{};
        double spent_ms = 0;
        std::size_t done = 0;
        drive(pacer, runs, [&](Pacer::Instant now) {
            if (done == 0) first = now;
            RC_ASSERT(spent_ms <= options.share * Milliseconds(now - first).count() + 1e-6);
            spent_ms += runs[done++].cost_us / 1e3;
        });
    }));
}

TEST(PacerProperty, EveryRunFallsOnATickOfTheFirst) {
    EXPECT_TRUE(rc::check([] {
        const PaceOptions options{.period = milliseconds(*rc::gen::inRange(100, 60'000)), .share = 0.001};
        const auto runs = *rc::gen::container<std::vector<Turn>>(any_turn());
        Pacer pacer(options);
        Pacer::Instant first{};
        bool begun = false;
        drive(pacer, runs, [&](Pacer::Instant now) {
            if (!begun) first = now;
            begun = true;
            if (pacer.next()) RC_ASSERT((*pacer.next() - first) % options.period == std::chrono::nanoseconds(0));
        });
    }));
}

TEST(PacerProperty, ACheapClassKeepsItsPeriodAndADearOneComesBack) {
    EXPECT_TRUE(rc::check([] {
        const PaceOptions options{.period = milliseconds(*rc::gen::inRange(100, 60'000)), .share = 0.001};
        const auto dear = *rc::gen::container<std::vector<Turn>>(any_turn());
        Pacer pacer(options);
        drive(pacer, dear, [](Pacer::Instant) {});
        const double affordable_ms = Milliseconds(options.period).count() * options.share;
        const double cheap_ms = affordable_ms * *rc::gen::inRange(0, 95) / 100;
        // The smoothed cost falls by a fifth a run, from at most 400 ms.
        for (int run = 0; run < 100; ++run) pacer.ran(pacer.next().value_or(Pacer::Instant{}), Milliseconds(cheap_ms));
        RC_ASSERT(!pacer.slowed());
        RC_ASSERT(pacer.period() == options.period);
        const auto start = *pacer.next();
        pacer.ran(start, Milliseconds(cheap_ms));
        RC_ASSERT(*pacer.next() == start + options.period);
    }));
}

}  // namespace
}  // namespace orrery::collectors
