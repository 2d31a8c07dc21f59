#include "models/clustering/points.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "base/random.hpp"

namespace orrery::models {

double square_distance(std::span<const double> a, std::span<const double> b) {
    using Row = Eigen::Map<const Eigen::ArrayXd>;
    const auto size = static_cast<Eigen::Index>(a.size());
    return (Row(a.data(), size) - Row(b.data(), size)).square().sum();
}

base::Result<void> check(const Points& points) {
    const auto refuse = [](std::string why) {
        return base::unexpected(base::ErrorKind::invalid_input, "cannot cluster these points", std::move(why));
    };
    if (points.dimensions == 0 || points.values.empty()) return refuse("There is none.");
    if (points.values.size() % points.dimensions != 0) return refuse("The values are no whole rows.");
    if (!points.weights.empty() && points.weights.size() != points.size()) return refuse("There is not one weight for each point.");
    const auto finite = [](double value) { return std::isfinite(value); };
    if (!std::ranges::all_of(points.values, finite)) return refuse("A value is not finite.");
    if (!std::ranges::all_of(points.weights, [](double weight) { return std::isfinite(weight) && weight >= 0; }))
        return refuse("A weight is negative or not finite.");
    return {};
}

std::vector<std::size_t> sample_rows(std::size_t rows, std::size_t most, std::uint64_t seed) {
    std::vector<std::size_t> chosen(rows);
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    if (rows <= most) return chosen;
    base::Random random(seed);
    for (std::size_t i = 0; i < most; ++i)
        std::swap(chosen[i],
                  chosen[static_cast<std::size_t>(random.integer(static_cast<std::int64_t>(i), static_cast<std::int64_t>(rows) - 1))]);
    chosen.resize(most);
    std::ranges::sort(chosen);
    return chosen;
}

Points select(const Points& points, std::span<const std::size_t> rows) {
    Points selected{.dimensions = points.dimensions};
    selected.values.reserve(rows.size() * points.dimensions);
    for (const auto i : rows) {
        const auto row = points.row(i);
        selected.values.insert(selected.values.end(), row.begin(), row.end());
        if (!points.weights.empty()) selected.weights.push_back(points.weights[i]);
    }
    return selected;
}

double adjusted_rand_index(std::span<const int> a, std::span<const int> b) {
    const auto pairs = [](double n) { return n * (n - 1) / 2; };
    std::map<std::pair<int, int>, double> both;
    std::map<int, double> in_a, in_b;
    const auto size = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < size; ++i) ++both[{a[i], b[i]}], ++in_a[a[i]], ++in_b[b[i]];
    double together = 0, pairs_a = 0, pairs_b = 0;
    for (const auto& [cell, n] : both) together += pairs(n);
    for (const auto& [label, n] : in_a) pairs_a += pairs(n);
    for (const auto& [label, n] : in_b) pairs_b += pairs(n);
    const double all = pairs(static_cast<double>(size));
    const double expected = all > 0 ? pairs_a * pairs_b / all : 0, highest = (pairs_a + pairs_b) / 2;
    return highest == expected ? 1.0 : (together - expected) / (highest - expected);
}

}  // namespace orrery::models
