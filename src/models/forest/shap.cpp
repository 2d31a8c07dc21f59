#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "models/forest/forest.hpp"

// For a leaf, let z_i be the share of the training weight that follows its path at the splits on feature i, and o_i 1 when the row follows
// it too, else 0. The Shapley value of feature j for this leaf of value v is
//   v (o_j - z_j) * integral over t in 0..1 of the product over i != j of (o_i t + z_i (1 - t)),
// because the weight of a coalition of s out of d - 1 others is the integral of t^s (1 - t)^(d-1-s). The integrand is a polynomial of
// degree below the tree's depth, for which Gauss-Legendre quadrature of half as many points is exact. With the products of one point
// carried down the tree and their sums carried up, each node costs a constant number of operations per point.

namespace orrery::models {

namespace {

constexpr double kOffPath = -1;  // in place of a feature's share: the row has left the path at a split on it

template <std::size_t kPoints>
using Points = std::array<double, kPoints>;

template <std::size_t kPoints>
struct Quadrature {
    Points<kPoints> rest;     // 1 - t
    Points<kPoints> weights;  // divided by 1 - t

    /// Nodes and weights on 0..1 by Newton's method on the Legendre polynomial.
    Quadrature() {
        const double n = kPoints;
        for (std::size_t i = 0; i < kPoints; ++i) {
            double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (n + 0.5)), slope = 1;
            for (int step = 0; step < 20; ++step) {
                double value = 1, before = 0;
                for (std::size_t k = 1; k <= kPoints; ++k) {
                    const auto order = static_cast<double>(k);
                    const double next = ((2 * order - 1) * x * value - (order - 1) * before) / order;
                    before = value;
                    value = next;
                }
                slope = n * (x * value - before) / (x * x - 1);
                x -= value / slope;
            }
            rest[i] = (1 - x) / 2;
            weights[i] = 1 / ((1 - x * x) * slope * slope) / rest[i];
        }
    }
};

template <std::size_t kPoints>
class Walk {
public:
    Walk(const Forest& forest, std::span<const float> row, std::span<double> values, std::span<double> shares)
        : forest_(forest), row_(row), values_(values), shares_(shares) {}

    /// The tree's expectation; adds to the values.
    double tree(std::size_t root) {
        Points<kPoints> product, sum;
        product.fill(1);
        expectation_ = 0;
        visit(root, 1, product, sum);
        return expectation_;
    }

private:
    static const Quadrature<kPoints>& quadrature() {
        static const Quadrature<kPoints> quadrature;
        return quadrature;
    }

    /// `reached` is the share of the training weight here, `product` the factors of the path; `sum` gets those of all leaves below, times
    /// their values.
    void visit(std::size_t at, double reached, const Points<kPoints>& product, Points<kPoints>& sum) {
        const ForestNode& node = forest_.nodes[at];
        if (node.leaf()) {
            const double value = forest_.values[at];
            expectation_ += reached * value;
            for (std::size_t q = 0; q < kPoints; ++q) sum[q] = product[q] * value;
            return;
        }
        const float input = row_[node.feature()];
        const bool right = std::isnan(input) ? !node.missing_left() : input >= node.threshold;
        const std::size_t hot = at + node.step + (right ? 1 : 0), cold = at + node.step + (right ? 0 : 1);
        const double hot_cover = forest_.covers[hot], both = hot_cover + forest_.covers[cold];
        const double hot_share = both > 0 ? hot_cover / both : 0.5, cold_share = 1 - hot_share;

        double& share = shares_[node.feature()];
        const double before = share;
        Points<kPoints> factors, cold_sum;
        if (before == kOffPath) {
            for (std::size_t q = 0; q < kPoints; ++q) factors[q] = product[q] * hot_share;
            visit(hot, reached * hot_share, factors, sum);
            for (std::size_t q = 0; q < kPoints; ++q) factors[q] = product[q] * cold_share;
            visit(cold, reached * cold_share, factors, cold_sum);
            for (std::size_t q = 0; q < kPoints; ++q) sum[q] += cold_sum[q];
            return;
        }
        const auto& [rest, weights] = table_;
        const double hot_path = before * hot_share, cold_path = before * cold_share;
        Points<kPoints> outer, inner;  // what this feature's factor is divided by: above this split, and on the row's side below it
        for (std::size_t q = 0; q < kPoints; ++q) outer[q] = before == 1 ? 1 : 1 / (1 - (1 - before) * rest[q]);
        for (std::size_t q = 0; q < kPoints; ++q) {
            const double factor = 1 - (1 - hot_path) * rest[q];
            inner[q] = 1 / factor;
            factors[q] = product[q] * outer[q] * factor;
        }
        share = hot_path;
        visit(hot, reached * hot_share, factors, sum);
        for (std::size_t q = 0; q < kPoints; ++q) factors[q] = product[q] * outer[q] * cold_path * rest[q];
        share = kOffPath;
        visit(cold, reached * cold_share, factors, cold_sum);
        share = before;
        double value = 0;
        for (std::size_t q = 0; q < kPoints; ++q) {
            value += weights[q] * (inner[q] * sum[q] - outer[q] * (sum[q] + cold_sum[q]));
            sum[q] += cold_sum[q];
        }
        values_[node.feature()] += value;
    }

    const Forest& forest_;
    std::span<const float> row_;
    std::span<double> values_;
    std::span<double> shares_;
    const Quadrature<kPoints>& table_ = quadrature();
    double expectation_ = 0;
};

}  // namespace

double shap(const Forest& forest, std::span<const float> row, std::span<double> values, ShapWorkspace& workspace) {
    workspace.path.assign(forest.features, 1);
    std::fill(values.begin(), values.end(), 0.0);
    double expectation = forest.base;
    for (const ForestTree& tree : forest.roots) {
        const auto explain = [&]<std::size_t kPoints>() { return Walk<kPoints>(forest, row, values, workspace.path).tree(tree.root); };
        // Points enough for polynomials of degree depth - 1.
        expectation += tree.depth <= 8    ? explain.template operator()<4>()
                       : tree.depth <= 16 ? explain.template operator()<8>()
                       : tree.depth <= 32 ? explain.template operator()<16>()
                                          : explain.template operator()<32>();
    }
    return expectation;
}

}  // namespace orrery::models
