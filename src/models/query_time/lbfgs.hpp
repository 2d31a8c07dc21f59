#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <vector>

/// Minimization of smooth functions.
namespace orrery::models {

struct LbfgsOptions {
    int most_steps = 200;
    std::size_t memory = 8;
    double gradient_tolerance = 1e-5;  ///< largest component
    double value_tolerance = 1e-9;     ///< relative, over a step
};

/// L-BFGS (Nocedal and Wright 2006, algorithm 7.4) with backtracking to Armijo's condition; steps whose curvature is not positive are
/// not remembered. `function(x, gradient)` returns the value. Deterministic. `x` holds the start and then the best point.
template <typename Function>
double minimize_lbfgs(std::vector<double>& x, const Function& function, const LbfgsOptions& options = {}) {
    const std::size_t n = x.size();
    const auto dot = [n](const std::vector<double>& a, const std::vector<double>& b) {
        double sum = 0;
        for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
        return sum;
    };
    struct Pair {
        std::vector<double> step, change;
        double curvature;
    };
    std::deque<Pair> pairs;
    std::vector<double> gradient(n), next_gradient(n), next(n), direction(n), weights;
    double value = function(x, gradient);
    for (int step = 0; step < options.most_steps; ++step) {
        double largest = 0;
        for (const double g : gradient) largest = std::max(largest, std::abs(g));
        if (!(largest > options.gradient_tolerance)) break;
        direction = gradient;
        weights.assign(pairs.size(), 0);
        for (std::size_t k = pairs.size(); k-- > 0;) {
            weights[k] = dot(pairs[k].step, direction) / pairs[k].curvature;
            for (std::size_t i = 0; i < n; ++i) direction[i] -= weights[k] * pairs[k].change[i];
        }
        const double scale = pairs.empty() ? 1 / largest : pairs.back().curvature / dot(pairs.back().change, pairs.back().change);
        for (auto& d : direction) d *= scale;
        for (std::size_t k = 0; k < pairs.size(); ++k) {
            const double back = dot(pairs[k].change, direction) / pairs[k].curvature;
            for (std::size_t i = 0; i < n; ++i) direction[i] += (weights[k] - back) * pairs[k].step[i];
        }
        const double slope = dot(gradient, direction);
        if (!(slope > 0)) break;
        double length = 1, next_value = value;
        bool descended = false;
        for (int halving = 0; halving < 40 && !descended; ++halving, length *= 0.5) {
            for (std::size_t i = 0; i < n; ++i) next[i] = x[i] - length * direction[i];
            next_value = function(next, next_gradient);
            descended = next_value <= value - 1e-4 * length * slope;
        }
        if (!descended) break;
        Pair pair{std::vector<double>(n), std::vector<double>(n), 0};
        for (std::size_t i = 0; i < n; ++i) {
            pair.step[i] = next[i] - x[i];
            pair.change[i] = next_gradient[i] - gradient[i];
        }
        pair.curvature = dot(pair.step, pair.change);
        const double gained = value - next_value;
        x = next;
        gradient = next_gradient;
        value = next_value;
        if (pair.curvature > 1e-12) {
            pairs.push_back(std::move(pair));
            if (pairs.size() > options.memory) pairs.pop_front();
        }
        if (gained <= options.value_tolerance * std::max(1.0, std::abs(value))) break;
    }
    return value;
}

}  // namespace orrery::models
