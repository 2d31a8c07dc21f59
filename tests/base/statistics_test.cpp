#include "base/statistics.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::base {
namespace {

Moments moments_of(const std::vector<double>& values) {
    Moments moments;
    for (const double value : values) moments.add(value);
    return moments;
}

struct Published {
    std::vector<double> a, b;
    double t, degrees_of_freedom, p_value;
};

// The three worked examples of the Wikipedia article "Welch's t-test" (equal, unequal variances, unequal sizes).
const std::vector<Published>& published() {
    static const std::vector<Published> examples{
        {{27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4},
         {27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4},
         -2.46,
         25.0,
         0.021},
        {{17.2, 20.9, 22.6, 18.1, 21.7, 21.4, 23.5, 24.2, 14.7, 21.8},
         {21.5, 22.8, 21.0, 23.0, 21.6, 23.6, 22.5, 20.7, 23.4, 21.8, 20.7, 21.7, 21.5, 22.5, 23.6, 21.5, 22.5, 23.5, 21.5, 21.8},
         -1.57,
         9.9,
         0.149},
        {{19.8, 20.4, 19.6, 17.8, 18.5, 18.9, 18.3, 18.9, 19.5, 22.0},
         {28.2, 26.6, 20.1, 23.3, 25.2, 22.1, 17.7, 27.6, 20.6, 13.7, 23.2, 17.5, 20.6, 18.0, 23.9, 21.6, 24.3, 20.4, 24.0, 13.2},
         -2.22,
         24.5,
         0.036},
    };
    return examples;
}

TEST(Welch, AgreesWithPublishedValues) {
    for (const auto& example : published()) {
        const auto result = welch(moments_of(example.a), moments_of(example.b));
        EXPECT_NEAR(result.t, example.t, 0.01);
        EXPECT_NEAR(result.degrees_of_freedom, example.degrees_of_freedom, 0.06);
        EXPECT_NEAR(result.p_value, example.p_value, 0.001);
        EXPECT_EQ(result.difference.high < 0, result.p_value < 0.05) << "the 95 % interval leaves zero out exactly when p < 5 %";
    }
}

TEST(Welch, TooFewValuesTellNothing) {
    const auto result = welch(moments_of({1}), moments_of({5, 6, 7}));
    EXPECT_EQ(result.p_value, 1);
    EXPECT_EQ(result.difference.low, result.difference.high);
    EXPECT_EQ(welch({}, {}).p_value, 1);
}

TEST(Welch, ValuesThatNeverVaryAreCertain) {
    EXPECT_EQ(welch(moments_of({2, 2, 2}), moments_of({2, 2})).p_value, 1);
    EXPECT_EQ(welch(moments_of({3, 3, 3}), moments_of({2, 2})).p_value, 0);
}

TEST(Welch, MoreConfidenceMeansAWiderInterval) {
    const auto& example = published().front();
    const auto narrow = welch(moments_of(example.a), moments_of(example.b), 0.8);
    const auto wide = welch(moments_of(example.a), moments_of(example.b), 0.99);
    EXPECT_LT(wide.difference.low, narrow.difference.low);
    EXPECT_GT(wide.difference.high, narrow.difference.high);
}

TEST(Moments, MeanAndVariance) {
    const auto moments = moments_of({2, 4, 4, 4, 5, 5, 7, 9});
    EXPECT_DOUBLE_EQ(moments.mean(), 5);
    EXPECT_NEAR(moments.variance(), 32.0 / 7, 1e-12);
    EXPECT_EQ(Moments{}.mean(), 0);
    EXPECT_EQ(moments_of({3}).variance(), 0);
}

TEST(Quantile, InterpolatesAsType7) {
    const std::vector<double> values{15, 20, 35, 40, 50};
    EXPECT_DOUBLE_EQ(quantile(values, 0), 15);
    EXPECT_DOUBLE_EQ(quantile(values, 0.4), 29);
    EXPECT_DOUBLE_EQ(quantile(values, 1), 50);
    EXPECT_DOUBLE_EQ(median(values), 35);
    EXPECT_DOUBLE_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
    EXPECT_DOUBLE_EQ(quantile(values, 7), 50);
    EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

TEST(Bootstrap, IntervalCoversTheTruthAsOftenAsItSays) {
    constexpr int kTrials = 200, kSize = 40;
    Random random(11);
    int covered = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
        std::vector<double> sample(kSize);
        for (auto& value : sample) value = 5 + 2 * random.normal();
        const auto interval = bootstrap(sample, mean, random, 400, 0.9);
        if (interval.low <= 5 && 5 <= interval.high) ++covered;
    }
    EXPECT_GE(covered, kTrials * 83 / 100);
    EXPECT_LE(covered, kTrials * 96 / 100);
}

TEST(Bootstrap, IsReproducibleFromItsSeed) {
    const std::vector<double> sample{1, 2, 3, 9};
    Random one(3), two(3);
    const auto first = bootstrap(sample, median, one), second = bootstrap(sample, median, two);
    EXPECT_EQ(first.low, second.low);
    EXPECT_EQ(first.high, second.high);
    EXPECT_EQ(bootstrap({}, mean, one).high, 0);
}

TEST(Quantiles, AgreeWithTheTables) {
    EXPECT_NEAR(student_t_quantile(0.975, 10), 2.228, 0.001);
    EXPECT_NEAR(student_t_quantile(0.95, 1), 6.314, 0.001);
    EXPECT_NEAR(normal_quantile(0.975), 1.95996, 0.00001);
}

}  // namespace
}  // namespace orrery::base
