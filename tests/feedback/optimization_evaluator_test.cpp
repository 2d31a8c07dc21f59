#include "feedback/optimization_evaluator.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"

namespace orrery::feedback {
namespace {

using base::Random;
using domain::Fingerprint;

constexpr Fingerprint kA{1}, kB{2}, kC{3};

base::Moments constant(double calls, double value) {
    return {calls, calls * value, calls * value * value};
}

base::Moments lognormal(Random& random, int calls, double mean, double sigma) {
    base::Moments times;
    const double centre = std::log(mean) - sigma * sigma / 2;
    for (int i = 0; i < calls; ++i) times.add(std::exp(centre + sigma * random.normal()));
    return times;
}

TEST(OptimizationEvaluator, WeighsBothSidesWithTheCallsBefore) {
    WindowSample before, after;
    before.templates = {{kA, constant(100, 10)}, {kB, constant(1000, 1)}};
    // Far more calls of the cheap template and far fewer of the dear one: the mix of before counts.
    after.templates = {{kA, constant(2, 5)}, {kB, constant(9000, 1)}};
    const auto result = evaluate(before, after);
    EXPECT_DOUBLE_EQ(result.before_ms, 2000);
    EXPECT_DOUBLE_EQ(result.after_ms, 1500);
    EXPECT_DOUBLE_EQ(result.gain_percent, 25);
    EXPECT_TRUE(result.enough_data);
}

TEST(OptimizationEvaluator, TemplatesOfOneSideAreReportedAndLeftOut) {
    WindowSample before, after;
    before.templates = {{kA, constant(100, 10)}, {kB, constant(10, 1)}};
    after.templates = {{kA, constant(100, 8)}, {kC, constant(10, 500)}};
    const auto result = evaluate(before, after);
    EXPECT_DOUBLE_EQ(result.before_ms, 1000);
    EXPECT_DOUBLE_EQ(result.gain_percent, 20);
    ASSERT_EQ(result.templates.size(), 3U);
    EXPECT_EQ(result.templates[1].calls_after, 0);
    EXPECT_EQ(result.templates[2].calls_before, 0);
    EXPECT_DOUBLE_EQ(result.templates[2].mean_after_ms, 500);
}

TEST(OptimizationEvaluator, TooLittleInCommonIsNotEnoughData) {
    WindowSample before, after;
    before.templates = {{kA, constant(100, 1)}, {kB, constant(1, 5000)}};
    after.templates = {{kA, constant(100, 1)}, {kB, constant(1, 50)}};
    const auto result = evaluate(before, after);
    EXPECT_FALSE(result.enough_data);
    EXPECT_EQ(judge(domain::RecommendationKind::create_index, result).decision, Decision::undecided);
    EXPECT_FALSE(evaluate({}, {}).enough_data);
    EXPECT_EQ(evaluate({}, {}).gain_percent, 0);
}

TEST(OptimizationEvaluator, UnaffectedTemplatesCountInTheTotalOnly) {
    Random random(5);
    WindowSample before, after;
    before.templates = {{kA, lognormal(random, 400, 5, 0.3)}, {kB, lognormal(random, 30, 200, 1)}};
    after.templates = {{kA, lognormal(random, 400, 1, 0.3)}, {kB, lognormal(random, 30, 200, 1)}};
    EvaluationOptions options;
    options.affected = std::set<Fingerprint>{kA};
    const auto focused = evaluate(before, after, options);
    const auto whole = evaluate(before, after);
    EXPECT_GT(focused.low_percent, 0);
    EXPECT_LT(focused.high_percent - focused.low_percent, (whole.high_percent - whole.low_percent) / 4);
    EXPECT_NEAR(focused.gain_percent, 100 * before.templates[kA].sum * 0.8 / focused.before_ms, 2);
}

TEST(OptimizationEvaluator, AWatchedTemplateThatSuffersCountsAgainstTheGain) {
    WindowSample before, after;
    before.templates = {{kA, constant(100, 10)}, {kB, constant(100, 10)}, {kC, constant(100, 10)}};
    after.templates = {{kA, constant(100, 2)}, {kB, constant(100, 15)}, {kC, constant(100, 9)}};
    EvaluationOptions options;
    options.affected = std::set<Fingerprint>{kA};
    options.watched = std::set<Fingerprint>{kA, kB};
    const auto result = evaluate(before, after, options);
    EXPECT_EQ(result.slower, std::vector<Fingerprint>{kB});
    EXPECT_DOUBLE_EQ(result.after_ms, 200 + 1500 + 1000);
}

TEST(OptimizationEvaluator, OneBaselineMakesGainsSharesOfOneWorkload) {
    WindowSample before, after;
    before.templates = {{kA, constant(10, 10)}, {kB, constant(10, 1)}};
    after.templates = {{kA, constant(10, 5)}, {kB, constant(10, 1)}};
    EvaluationOptions options;
    options.affected = std::set<Fingerprint>{kA};
    options.mix = {{kA, 100}, {kB, 500}};
    options.reference_ms = 10'000;
    const auto result = evaluate(before, after, options);
    EXPECT_DOUBLE_EQ(result.before_ms, 1500);
    EXPECT_DOUBLE_EQ(result.after_ms, 1000);
    EXPECT_DOUBLE_EQ(result.gain_percent, 5);
}

TEST(OptimizationEvaluator, TheShareOfTheAffectedTemplatesIsUncertainToo) {
    Random random(31);
    EvaluationOptions options;
    options.affected = std::set<Fingerprint>{kA};
    int held = 0;
    constexpr int kRounds = 600;
    for (int round = 0; round < kRounds; ++round) {
        WindowSample before, after;
        before.templates = {{kA, lognormal(random, 40, 10, 0.5)}, {kB, lognormal(random, 40, 30, 0.5)}};
        after.templates = {{kA, lognormal(random, 40, 0.1, 0.5)}, {kB, lognormal(random, 40, 30, 0.5)}};
        const auto result = evaluate(before, after, options);
        const double truth = 100 * (10 - 0.1) / 40;
        held += result.low_percent <= truth && truth <= result.high_percent ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(held) / kRounds, 0.95, 0.03);
}

TEST(OptimizationEvaluator, OneSlowCallAmongFewDoesNotHideALargeGain) {
    Random random(41);
    WindowSample before, after;
    before.templates = {{kA, lognormal(random, 35, 178, 0.5)}};
    after.templates = {{kA, constant(27, 0.3)}};
    after.templates[kA].add(365);
    const auto result = evaluate(before, after);
    EXPECT_GT(result.gain_percent, 85);
    EXPECT_GT(result.low_percent, 50);
    EXPECT_EQ(judge(domain::RecommendationKind::create_index, result).decision, Decision::keep);
}

TEST(OptimizationEvaluator, AMachineThatSlowedDownAsAWholeBlamesNobody) {
    Random random(6);
    WindowSample before, after;
    for (std::uint64_t i = 1; i <= 8; ++i) {
        before.templates[Fingerprint{i}] = lognormal(random, 500, 4, 0.4);
        after.templates[Fingerprint{i}] = lognormal(random, 500, 4 * 1.5, 0.4);
    }
    EvaluationOptions options;
    options.affected = std::set<Fingerprint>{kA};
    const auto result = evaluate(before, after, options);
    EXPECT_TRUE(result.slower.empty());
    EXPECT_LT(result.low_percent, 0);
    EXPECT_GT(result.high_percent, 0);
    EXPECT_EQ(evaluate(before, after).slower.size(), 8U) << "with nothing to compare against they are all slower";
}

TEST(OptimizationEvaluator, NamesTheTemplateThatBecameSlower) {
    Random random(7);
    WindowSample before, after;
    for (std::uint64_t i = 1; i <= 20; ++i) {
        before.templates[Fingerprint{i}] = lognormal(random, 300, 4, 0.5);
        after.templates[Fingerprint{i}] = lognormal(random, 300, i == 3 ? 6 : 4, 0.5);
    }
    const auto result = evaluate(before, after);
    EXPECT_EQ(result.slower, std::vector<Fingerprint>{kC});
    EXPECT_NE(result.verdict.find("one template is slower by more than 10 %"), std::string::npos) << result.verdict;
}

TEST(OptimizationEvaluator, ATrifleIsNotARegression) {
    WindowSample before, after;
    before.templates = {{kA, constant(1000, 10)}, {kB, constant(50, 0.01)}};
    after.templates = {{kA, constant(1000, 10)}, {kB, constant(50, 0.02)}};
    EXPECT_TRUE(evaluate(before, after).slower.empty());
}

TEST(OptimizationEvaluator, FalseAlarmsStayBelowTheLevelOfTheTest) {
    Random random(8);
    int alarms = 0;
    constexpr int kRounds = 400;
    for (int round = 0; round < kRounds; ++round) {
        WindowSample before, after;
        for (std::uint64_t i = 1; i <= 15; ++i) {
            before.templates[Fingerprint{i}] = lognormal(random, 60, 4, 0.5);
            after.templates[Fingerprint{i}] = lognormal(random, 60, 4, 0.5);
        }
        EvaluationOptions options;
        options.regression_limit_percent = 0;
        alarms += evaluate(before, after, options).slower.empty() ? 0 : 1;
    }
    EXPECT_LE(alarms, kRounds * 7 / 100) << "15 tests at once, yet not more than about one false alarm in twenty";
}

/// Share of simulated pairs of windows whose interval holds the true gain.
double coverage(int calls, double sigma, double true_ratio, std::uint64_t seed) {
    Random random(seed);
    constexpr int kRounds = 600;
    int held = 0;
    for (int round = 0; round < kRounds; ++round) {
        WindowSample before, after;
        double expected_before = 0, expected_after = 0;
        for (std::uint64_t i = 1; i <= 5; ++i) {
            const double mean = 2.0 * static_cast<double>(i), ratio = i <= 2 ? true_ratio : 1;
            before.templates[Fingerprint{i}] = lognormal(random, calls, mean, sigma);
            after.templates[Fingerprint{i}] = lognormal(random, calls, mean * ratio, sigma);
            expected_before += calls * mean;
            expected_after += calls * mean * ratio;
        }
        const double truth = 100 * (1 - expected_after / expected_before);
        const auto result = evaluate(before, after);
        held += result.low_percent <= truth && truth <= result.high_percent ? 1 : 0;
    }
    return static_cast<double>(held) / kRounds;
}

TEST(OptimizationEvaluator, TheIntervalHoldsTheTruthAsOftenAsItSays) {
    EXPECT_NEAR(coverage(500, 0.5, 0.3, 11), 0.95, 0.025);
    EXPECT_NEAR(coverage(50, 0.5, 1.0, 12), 0.95, 0.025);
    EXPECT_NEAR(coverage(10, 0.5, 0.5, 13), 0.95, 0.03);
    // Heavy tails and few calls: the sample variance comes out too small now and then.
    EXPECT_GE(coverage(30, 1.0, 0.5, 14), 0.90);
}

/// Windows whose calls share waves of the whole machine: each of 20 parts is slowed by a factor of its own.
WindowSample wavering(Random& random, double mean, bool with_parts) {
    WindowSample window;
    for (int part = 0; part < 20; ++part) {
        const double wave = std::exp(0.25 * random.normal());
        TemplateTimes times;
        for (std::uint64_t i = 1; i <= 3; ++i) times[Fingerprint{i}] = lognormal(random, 50, mean * wave, 0.3);
        for (const auto& [fingerprint, moments] : times) window.templates[fingerprint] = window.templates[fingerprint] + moments;
        if (with_parts) window.parts.push_back(std::move(times));
    }
    return window;
}

TEST(OptimizationEvaluator, SubWindowsRevealWavesThatTheCallsAloneHide) {
    for (const bool with_parts : {false, true}) {
        Random random(21);
        int held = 0;
        constexpr int kRounds = 300;
        for (int round = 0; round < kRounds; ++round) {
            const auto before = wavering(random, 5, with_parts), after = wavering(random, 5, with_parts);
            const auto result = evaluate(before, after);
            held += result.low_percent <= 0 && 0 <= result.high_percent ? 1 : 0;
        }
        if (with_parts)
            EXPECT_GE(held, kRounds * 90 / 100);
        else
            EXPECT_LE(held, kRounds * 60 / 100) << "without sub-windows the interval is far too narrow here";
    }
}

domain::Evaluation measured(double low, double high, bool slower = false) {
    domain::Evaluation evaluation;
    evaluation.gain_percent = (low + high) / 2;
    evaluation.low_percent = low;
    evaluation.high_percent = high;
    if (slower) evaluation.slower = {kA};
    return evaluation;
}

TEST(Judge, ANewIndexMustBeShownToPay) {
    const auto decision = [](const domain::Evaluation& e) { return judge(domain::RecommendationKind::create_index, e).decision; };
    EXPECT_EQ(decision(measured(1, 5)), Decision::keep);
    EXPECT_EQ(decision(measured(1, 5, true)), Decision::keep) << "the gain elsewhere outweighs the slower template";
    EXPECT_EQ(decision(measured(-1, 5)), Decision::undecided);
    EXPECT_EQ(decision(measured(-1, 5, true)), Decision::revert);
    EXPECT_EQ(decision(measured(-5, -1)), Decision::revert);
}

TEST(Judge, ADroppedIndexMustNotBeMissed) {
    const auto decision = [](const domain::Evaluation& e) { return judge(domain::RecommendationKind::drop_index, e).decision; };
    EXPECT_EQ(decision(measured(-1, 1)), Decision::keep);
    EXPECT_EQ(decision(measured(-1, 1, true)), Decision::revert);
    EXPECT_EQ(decision(measured(-5, -1)), Decision::revert);
    EXPECT_EQ(decision(measured(1, 5, true)), Decision::keep);
}

}  // namespace
}  // namespace orrery::feedback
