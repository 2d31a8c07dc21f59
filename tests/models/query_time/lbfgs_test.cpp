#include "models/query_time/lbfgs.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace orrery::models {
namespace {

TEST(Lbfgs, FindsTheBottomOfRosenbrocksValley) {
    std::vector<double> x{-1.2, 1, -1.2, 1};
    const double value = minimize_lbfgs(x,
                                        [](const std::vector<double>& at, std::vector<double>& gradient) {
                                            double sum = 0;
                                            gradient.assign(at.size(), 0);
                                            for (std::size_t i = 0; i + 1 < at.size(); i += 2) {
                                                const double a = 1 - at[i], b = at[i + 1] - at[i] * at[i];
                                                sum += a * a + 100 * b * b;
                                                gradient[i] = -2 * a - 400 * at[i] * b;
                                                gradient[i + 1] = 200 * b;
                                            }
                                            return sum;
                                        },
                                        {.value_tolerance = 0});
    EXPECT_NEAR(value, 0, 1e-9);
    for (const double one : x) EXPECT_NEAR(one, 1, 1e-4);
}

TEST(Lbfgs, StaysWhereNothingIsToBeGained) {
    std::vector<double> x{3};
    const auto flat = [](const std::vector<double>&, std::vector<double>& gradient) {
        gradient.assign(1, 0);
        return 7.0;
    };
    EXPECT_EQ(minimize_lbfgs(x, flat), 7);
    EXPECT_EQ(x[0], 3);
    const auto broken = [](const std::vector<double>&, std::vector<double>& gradient) {
        gradient.assign(1, std::numeric_limits<double>::quiet_NaN());
        return std::numeric_limits<double>::quiet_NaN();
    };
    minimize_lbfgs(x, broken);
    EXPECT_EQ(x[0], 3);
}

}  // namespace
}  // namespace orrery::models
