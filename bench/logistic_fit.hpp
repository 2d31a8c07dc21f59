#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace orrery::bench {

template <std::size_t n>
struct Labelled {
    std::array<double, n> inputs{};  ///< the first is 1
    std::size_t label = 0;
};

/// Multinomial logistic regression by gradient descent with momentum: one row of coefficients for each class but class 0. Ridge on all
/// coefficients but the constant; inputs are scaled inside.
template <std::size_t n, std::size_t classes>
std::array<std::array<double, n>, classes - 1> fit_logistic(std::span<const Labelled<n>> examples, double ridge) {
    std::array<double, n> scale{};
    for (const auto& example : examples)
        for (std::size_t i = 0; i < n; ++i) scale[i] = std::max(scale[i], std::abs(example.inputs[i]));
    std::array<std::array<double, n>, classes - 1> weights{}, velocity{};
    const double count = static_cast<double>(examples.size());
    for (int round = 0; round < 6'000; ++round) {
        std::array<std::array<double, n>, classes - 1> slope{};
        for (const auto& example : examples) {
            std::array<double, classes> score{};
            for (std::size_t k = 1; k < classes; ++k)
                for (std::size_t i = 0; i < n; ++i)
                    if (scale[i] > 0) score[k] += weights[k - 1][i] * example.inputs[i] / scale[i];
            const double top = *std::max_element(score.begin(), score.end());
            double whole = 0;
            for (double& s : score) whole += s = std::exp(s - top);
            for (std::size_t k = 1; k < classes; ++k) {
                const double error = score[k] / whole - (example.label == k ? 1 : 0);
                for (std::size_t i = 0; i < n; ++i)
                    if (scale[i] > 0) slope[k - 1][i] += error * example.inputs[i] / scale[i] / count;
            }
        }
        for (std::size_t k = 0; k + 1 < classes; ++k)
            for (std::size_t i = 0; i < n; ++i) {
                const double gradient = slope[k][i] + (i == 0 ? 0 : ridge * weights[k][i] / count);
                velocity[k][i] = 0.9 * velocity[k][i] - 0.5 * gradient;
                weights[k][i] += velocity[k][i];
            }
    }
    for (auto& row : weights)
        for (std::size_t i = 0; i < n; ++i) row[i] = scale[i] > 0 ? row[i] / scale[i] : 0;
    return weights;
}

}  // namespace orrery::bench
