#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "base/random.hpp"
#include "models/clustering/points.hpp"

namespace orrery::models {
namespace {

constexpr std::size_t kSeedingSample = 8'192;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

base::Unexpected stopped() {
    return base::unexpected(base::ErrorKind::cancelled, "the clustering was stopped");
}

bool all_zero(const std::vector<double>& weights) {
    return std::ranges::all_of(weights, [](double weight) { return weight == 0; });
}

/// k-means++ with a few draws for each centre, of which the one that lowers the sum most is kept. Fewer centres when no other point is
/// left.
std::vector<double> seed_centres(const Points& points, int clusters, base::Random& random) {
    const auto n = points.size();
    const int draws = 2 + static_cast<int>(std::log(clusters));
    std::vector<double> nearest(n, kInfinite), chances(n), trial(n), best(n);
    for (std::size_t i = 0; i < n; ++i) chances[i] = points.weight(i);
    const auto draw = [&](double total) {
        double rest = random.uniform() * total;
        std::size_t at = 0;
        while (at + 1 < n && (rest -= chances[at]) >= 0) ++at;
        while (at > 0 && chances[at] == 0) --at;
        return at;
    };
    std::vector<double> centres;
    double total = 0;
    for (const double chance : chances) total += chance;
    while (static_cast<int>(centres.size() / points.dimensions) < clusters) {
        double best_total = kInfinite;
        std::size_t chosen = 0;
        for (int i = 0; i < (centres.empty() ? 1 : draws); ++i) {
            const auto candidate = draw(total);
            double sum = 0;
            for (std::size_t j = 0; j < n; ++j) {
                trial[j] = std::min(nearest[j], square_distance(points.row(j), points.row(candidate)));
                sum += points.weight(j) * trial[j];
            }
            if (sum < best_total) best_total = sum, chosen = candidate, std::swap(trial, best);
        }
        const auto row = points.row(chosen);
        centres.insert(centres.end(), row.begin(), row.end());
        std::swap(nearest, best);
        total = 0;
        for (std::size_t j = 0; j < n; ++j) total += chances[j] = points.weight(j) * nearest[j];
        if (total <= 0) break;
    }
    return centres;
}

/// Lloyd's iterations; after each, `upper` is at least the distance to a point's own centre, `lower` at most that to any other.
class Iteration {
public:
    Iteration(const Points& points, std::vector<double> centres)
        : points_(points), dimensions_(points.dimensions), count_(centres.size() / points.dimensions) {
        result_.centres = std::move(centres);
        result_.labels.assign(points.size(), 0);
        upper_.resize(points.size());
        lower_.resize(points.size());
        for (std::size_t i = 0; i < points.size(); ++i) assign(i);
    }

    /// True when a point has changed its cluster.
    bool step() {
        ++result_.iterations;
        move_centres();
        const auto half = half_gaps();
        bool changed = refilled_;
        for (std::size_t i = 0; i < points_.size(); ++i) {
            const auto label = static_cast<std::size_t>(result_.labels[i]);
            upper_[i] += moved_[label];
            lower_[i] -= label == farthest_ ? second_move_ : moved_[farthest_];
            const double bound = std::max(half[label], lower_[i]);
            if (upper_[i] < bound) continue;
            upper_[i] = std::sqrt(square_distance(points_.row(i), centre(label)));
            if (upper_[i] < bound) continue;
            assign(i);
            changed = changed || static_cast<std::size_t>(result_.labels[i]) != label;
        }
        return changed;
    }

    /// Sum of the squares by which the centres moved.
    [[nodiscard]] double moved() const { return std::inner_product(moved_.begin(), moved_.end(), moved_.begin(), 0.0); }

    KMeansResult finish() && {
        for (std::size_t i = 0; i < points_.size(); ++i)
            result_.inertia += points_.weight(i) * square_distance(points_.row(i), centre(static_cast<std::size_t>(result_.labels[i])));
        return std::move(result_);
    }

private:
    [[nodiscard]] std::span<const double> centre(std::size_t c) const { return {result_.centres.data() + c * dimensions_, dimensions_}; }

    void assign(std::size_t i) {
        double first = kInfinite, second = kInfinite;
        std::size_t label = 0;
        for (std::size_t c = 0; c < count_; ++c) {
            const double square = square_distance(points_.row(i), centre(c));
            if (square < first)
                second = std::exchange(first, square), label = c;
            else
                second = std::min(second, square);
        }
        result_.labels[i] = static_cast<int>(label);
        upper_[i] = std::sqrt(first);
        lower_[i] = std::sqrt(second);
    }

    void move_centres() {
        std::vector<double> sums(result_.centres.size(), 0.0), weights(count_, 0.0);
        for (std::size_t i = 0; i < points_.size(); ++i) {
            const auto label = static_cast<std::size_t>(result_.labels[i]);
            const double weight = points_.weight(i);
            weights[label] += weight;
            const auto row = points_.row(i);
            for (std::size_t d = 0; d < dimensions_; ++d) sums[label * dimensions_ + d] += weight * row[d];
        }
        refilled_ = false;
        for (std::size_t c = 0; c < count_; ++c)
            if (weights[c] <= 0) refill(c, sums, weights);
        for (std::size_t c = 0; c < count_; ++c) {
            for (std::size_t d = 0; d < dimensions_; ++d)
                sums[c * dimensions_ + d] = weights[c] > 0 ? sums[c * dimensions_ + d] / weights[c] : result_.centres[c * dimensions_ + d];
        }
        moved_.assign(count_, 0.0);
        farthest_ = 0, second_move_ = 0;
        for (std::size_t c = 0; c < count_; ++c)
            moved_[c] = std::sqrt(square_distance(centre(c), {sums.data() + c * dimensions_, dimensions_}));
        for (std::size_t c = 1; c < count_; ++c)
            if (moved_[c] > moved_[farthest_]) farthest_ = c;
        for (std::size_t c = 0; c < count_; ++c)
            if (c != farthest_) second_move_ = std::max(second_move_, moved_[c]);
        result_.centres = std::move(sums);
    }

    /// Gives an empty cluster the point that is farthest from its centre, of those that are not alone in their cluster.
    void refill(std::size_t empty, std::vector<double>& sums, std::vector<double>& weights) {
        std::size_t chosen = points_.size();
        double farthest = 0;
        for (std::size_t i = 0; i < points_.size(); ++i) {
            const auto label = static_cast<std::size_t>(result_.labels[i]);
            const double weight = points_.weight(i);
            if (weight <= 0 || weights[label] <= weight) continue;
            const double square = square_distance(points_.row(i), centre(label));
            if (square > farthest) farthest = square, chosen = i;
        }
        if (chosen == points_.size()) return;
        const auto from = static_cast<std::size_t>(result_.labels[chosen]);
        const double weight = points_.weight(chosen);
        for (std::size_t d = 0; d < dimensions_; ++d) {
            const double part = weight * points_.row(chosen)[d];
            sums[from * dimensions_ + d] -= part;
            sums[empty * dimensions_ + d] = part;
        }
        weights[from] -= weight, weights[empty] = weight;
        result_.labels[chosen] = static_cast<int>(empty);
        upper_[chosen] = 0, lower_[chosen] = 0;
        refilled_ = true;
    }

    [[nodiscard]] std::vector<double> half_gaps() const {
        std::vector<double> half(count_, kInfinite);
        for (std::size_t a = 0; a < count_; ++a)
            for (std::size_t b = a + 1; b < count_; ++b) {
                const double gap = std::sqrt(square_distance(centre(a), centre(b))) / 2;
                half[a] = std::min(half[a], gap), half[b] = std::min(half[b], gap);
            }
        return half;
    }

    const Points& points_;
    std::size_t dimensions_, count_;
    KMeansResult result_;
    std::vector<double> upper_, lower_, moved_;
    std::size_t farthest_ = 0;
    double second_move_ = 0;
    bool refilled_ = false;
};

base::Result<KMeansResult> iterate(const Points& points, std::vector<double> centres, int iterations, double least_move,
                                   const std::stop_token& stop) {
    Iteration iteration(points, std::move(centres));
    for (int i = 0; i < iterations && iteration.step() && iteration.moved() > least_move; ++i)
        if (stop.stop_requested()) return stopped();
    return std::move(iteration).finish();
}

/// Mean variance of a dimension.
double variance_of(const Points& points) {
    double sum = 0;
    const auto n = static_cast<double>(points.size());
    std::vector<double> sums(points.dimensions, 0.0), squares(points.dimensions, 0.0);
    for (std::size_t i = 0; i < points.size(); ++i)
        for (std::size_t d = 0; d < points.dimensions; ++d) {
            const double value = points.row(i)[d];
            sums[d] += value, squares[d] += value * value;
        }
    for (std::size_t d = 0; d < points.dimensions; ++d) sum += std::max(0.0, squares[d] / n - sums[d] / n * sums[d] / n);
    return sum / static_cast<double>(points.dimensions);
}

base::Result<KMeansResult> best_of_restarts(const Points& points, const KMeansOptions& options, const std::stop_token& stop) {
    base::Random random(options.seed);
    const double least_move = options.tolerance * variance_of(points);
    KMeansResult best;
    best.inertia = kInfinite;
    for (int i = 0; i < std::max(1, options.restarts); ++i) {
        auto centres = seed_centres(points, options.clusters, random);
        ORRERY_ASSIGN(auto result, iterate(points, std::move(centres), options.iterations, least_move, stop));
        if (result.inertia < best.inertia) best = std::move(result);
        if (stop.stop_requested()) return stopped();
    }
    return best;
}

}  // namespace

base::Result<KMeansResult> k_means_from(const Points& points, std::vector<double> centres, int iterations, const std::stop_token& stop) {
    ORRERY_TRY(check(points));
    const auto finite = [](double value) { return std::isfinite(value); };
    if (centres.empty() || centres.size() % points.dimensions != 0 || !std::ranges::all_of(centres, finite))
        return base::unexpected(base::ErrorKind::invalid_input, "the centres are no whole finite rows of the points' dimensions");
    if (all_zero(points.weights) && !points.weights.empty())
        return iterate({points.dimensions, points.values, {}}, std::move(centres), iterations, 0, stop);
    return iterate(points, std::move(centres), iterations, 0, stop);
}

base::Result<KMeansResult> k_means(const Points& points, const KMeansOptions& options, const std::stop_token& stop) {
    ORRERY_TRY(check(points));
    if (options.clusters < 1 || options.iterations < 1)
        return base::unexpected(base::ErrorKind::invalid_input, "k-means needs at least one cluster and one iteration");
    if (all_zero(points.weights) && !points.weights.empty()) return k_means({points.dimensions, points.values, {}}, options, stop);
    if (points.size() <= kSeedingSample) return best_of_restarts(points, options, stop);
    const auto sample = select(points, sample_rows(points.size(), kSeedingSample, options.seed));
    ORRERY_ASSIGN(auto seeded, k_means(sample, options, stop));
    return iterate(points, std::move(seeded.centres), options.iterations, options.tolerance * variance_of(points), stop);
}

}  // namespace orrery::models
