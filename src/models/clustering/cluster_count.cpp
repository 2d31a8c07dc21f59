#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/random.hpp"
#include "base/statistics.hpp"
#include "models/clustering/points.hpp"

namespace orrery::models {
namespace {

constexpr std::size_t kSample = 1'000;
constexpr int kReferences = 5, kRestarts = 3, kIterations = 50;
constexpr double kAsGood = 0.02, kNoStructure = 0.5;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Uniform points in the box that the data fill along their principal axes, around the origin.
class Reference {
public:
    explicit Reference(const Points& points) : rows_(static_cast<Eigen::Index>(points.size())) {
        const auto columns = static_cast<Eigen::Index>(points.dimensions);
        const Matrix data = Eigen::Map<const Matrix>(points.values.data(), rows_, columns);
        const Matrix centred = data.rowwise() - data.colwise().mean();
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> axes(centred.transpose() * centred);
        axes_ = axes.eigenvectors();
        const Matrix turned = centred * axes_;
        low_ = turned.colwise().minCoeff();
        high_ = turned.colwise().maxCoeff();
    }

    [[nodiscard]] Points draw(const std::vector<double>& weights, base::Random& random) const {
        Matrix box(rows_, low_.size());
        for (Eigen::Index i = 0; i < rows_; ++i)
            for (Eigen::Index d = 0; d < low_.size(); ++d) box(i, d) = low_(d) + (high_(d) - low_(d)) * random.uniform();
        // Distances are the same along any axes, so the box is not turned back.
        return {static_cast<std::size_t>(low_.size()), {box.data(), box.data() + box.size()}, weights};
    }

private:
    Eigen::Index rows_;
    Eigen::MatrixXd axes_;
    Eigen::RowVectorXd low_, high_;
};

double log_dispersion(const Points& points, double inertia) {
    double weight = 0;
    for (std::size_t i = 0; i < points.size(); ++i) weight += points.weight(i);
    // Points that all sit on their centres have no logarithm.
    return std::log(std::max(inertia / std::max(weight, std::numeric_limits<double>::min()), 1e-12));
}

}  // namespace

double silhouette(const Points& points, std::span<const int> labels, std::size_t most, std::uint64_t seed) {
    std::vector<std::size_t> known;
    for (std::size_t i = 0; i < points.size(); ++i)
        if (labels[i] >= 0) known.push_back(i);
    if (known.empty()) return 0;
    std::vector<std::size_t> rows;
    for (const auto at : sample_rows(known.size(), most, seed)) rows.push_back(known[at]);
    int clusters = 0;
    for (const auto i : rows) clusters = std::max(clusters, labels[i] + 1);
    std::vector<double> weights(static_cast<std::size_t>(clusters), 0.0);
    for (const auto i : rows) weights[static_cast<std::size_t>(labels[i])] += points.weight(i);
    if (std::ranges::count_if(weights, [](double weight) { return weight > 0; }) < 2) return 0;
    double sum = 0, total = 0;
    std::vector<double> distances(weights.size());
    for (const auto i : rows) {
        std::ranges::fill(distances, 0.0);
        for (const auto j : rows)
            distances[static_cast<std::size_t>(labels[j])] += points.weight(j) * std::sqrt(square_distance(points.row(i), points.row(j)));
        const auto own = static_cast<std::size_t>(labels[i]);
        const double weight = points.weight(i), others = weights[own] - weight;
        total += weight;
        if (others <= 1e-12 * weights[own]) continue;  // alone: its silhouette is 0
        double nearest = std::numeric_limits<double>::infinity();
        for (std::size_t c = 0; c < weights.size(); ++c)
            if (c != own && weights[c] > 0) nearest = std::min(nearest, distances[c] / weights[c]);
        const double inside = distances[own] / others, larger = std::max(inside, nearest);
        if (larger > 0) sum += weight * (nearest - inside) / larger;
    }
    return total > 0 ? sum / total : 0;
}

base::Result<Gap> gap_statistic(const Points& points, const KMeansOptions& options, int references, const std::stop_token& stop) {
    ORRERY_ASSIGN(const auto fitted, k_means(points, options, stop));
    const Reference reference(points);
    base::Random random = base::Random(options.seed).fork("reference");
    std::vector<double> logs;
    for (int i = 0; i < std::max(1, references); ++i) {
        ORRERY_ASSIGN(const auto drawn, k_means(reference.draw(points.weights, random), options, stop));
        logs.push_back(log_dispersion(points, drawn.inertia));
    }
    const auto n = static_cast<double>(logs.size());
    const double deviation = std::sqrt(base::variance(logs) * (n - 1) / n);
    return Gap{base::mean(logs) - log_dispersion(points, fitted.inertia), deviation * std::sqrt(1 + 1 / n)};
}

base::Result<ClusterCount> choose_clusters(const Points& points, int most, std::uint64_t seed, const std::stop_token& stop) {
    ORRERY_TRY(check(points));
    const auto sample = select(points, sample_rows(points.size(), kSample, seed));
    ClusterCount choice;
    // One more than may be chosen, for the rule compares with the next number.
    for (int k = 1; k <= most + 1 && k < static_cast<int>(sample.size()); ++k) {
        const KMeansOptions options{.clusters = k, .restarts = kRestarts, .iterations = kIterations, .seed = seed};
        ORRERY_ASSIGN(const auto fitted, k_means(sample, options, stop));
        if (static_cast<int>(fitted.centres.size() / sample.dimensions) < k) break;
        auto quick = options;
        quick.restarts = 1;
        ORRERY_ASSIGN(const auto gap, gap_statistic(sample, quick, kReferences, stop));
        choice.tries.push_back({k, silhouette(sample, fitted.labels, kSample, seed), gap, false});
    }
    auto& tries = choice.tries;
    for (std::size_t i = 0; i + 1 < tries.size(); ++i)
        tries[i].candidate = tries[i].gap.gap >= tries[i + 1].gap.gap - tries[i + 1].gap.error;
    if (static_cast<int>(tries.size()) > most) tries.pop_back();
    if (std::ranges::none_of(tries, &ClusterCount::Try::candidate))
        for (auto& one : tries) one.candidate = true;
    double best = 0;
    for (const auto& one : tries)
        if (one.candidate && one.clusters > 1) best = std::max(best, one.silhouette);
    if (tries.empty() || (tries[0].candidate && best < kNoStructure)) return choice;
    for (const auto& one : tries)
        if (one.candidate && one.clusters > 1 && one.silhouette >= best - kAsGood) {
            choice.clusters = one.clusters;
            break;
        }
    return choice;
}

}  // namespace orrery::models
