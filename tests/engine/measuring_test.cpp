#include "engine/measuring.hpp"

#include <gtest/gtest.h>

namespace orrery::engine {
namespace {

using domain::Fingerprint;
constexpr Fingerprint kA{1}, kB{2};

feedback::WindowSample window(double calls_a, double mean_a, double calls_b, double mean_b) {
    feedback::WindowSample sample;
    sample.templates[kA] = {calls_a, calls_a * mean_a, calls_a * mean_a * mean_a};
    sample.templates[kB] = {calls_b, calls_b * mean_b, calls_b * mean_b * mean_b};
    sample.parts.push_back(sample.templates);
    sample.seconds = 1;
    return sample;
}

TEST(WindowHistory, TakesTheNewestWindowsUntilThereAreEnoughCalls) {
    WindowHistory history;
    history.add(window(100, 1, 5, 1));
    history.add(window(100, 2, 5, 2));
    const auto before = history.before(50);
    EXPECT_DOUBLE_EQ(before.templates.at(kA).mean(), 2) << "the newest window has calls enough";
    EXPECT_DOUBLE_EQ(before.templates.at(kB).count, 10) << "the rare template needs both";
}

TEST(WindowHistory, AChangeMakesEarlierWindowsOfItsTemplatesWorthless) {
    WindowHistory history;
    history.add(window(10, 8, 10, 3));
    history.change({kA}, window(10, 1, 10, 3));
    const auto before = history.before();
    EXPECT_DOUBLE_EQ(before.templates.at(kA).mean(), 1);
    EXPECT_DOUBLE_EQ(before.templates.at(kA).count, 10);
    EXPECT_DOUBLE_EQ(before.templates.at(kB).count, 20);
}

TEST(WindowHistory, AnUndoneTrialLeavesTheStateAsItWas) {
    WindowHistory history;
    history.add(window(10, 8, 10, 3));
    history.undone({kA}, window(10, 99, 10, 3));
    const auto before = history.before();
    EXPECT_DOUBLE_EQ(before.templates.at(kA).mean(), 8);
    EXPECT_DOUBLE_EQ(before.templates.at(kB).count, 20);
    for (const auto& part : before.parts)
        if (part.contains(kA)) {
            EXPECT_DOUBLE_EQ(part.at(kA).mean(), 8);
        }
}

TEST(WindowHistory, PartsAndTemplatesTellTheSameCalls) {
    WindowHistory history;
    for (int i = 0; i < 6; ++i) history.add(window(20, 1 + i, 3, 1));
    const auto before = history.before(50);
    for (const auto& [fingerprint, times] : before.templates) {
        double calls = 0;
        for (const auto& part : before.parts)
            if (part.contains(fingerprint)) calls += part.at(fingerprint).count;
        EXPECT_DOUBLE_EQ(calls, times.count);
    }
}

}  // namespace
}  // namespace orrery::engine
