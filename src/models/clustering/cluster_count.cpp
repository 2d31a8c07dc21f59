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
constexpr int kReferences = 5, kRestarts = 6, kIterations = 20;
constexpr double kKeptVariance = 0.98;
constexpr double kAsGood = 0.02, kNoStructure = 0.25;

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

base::Result<Gap> gap_of(const Points& points, double inertia, const KMeansOptions& options, int references, const std::stop_token& stop) {
    const Reference reference(points);
    base::Random random = base::Random(options.seed).fork("reference");
    std::vector<double> logs;
    for (int i = 0; i < std::max(1, references); ++i) {
        ORRERY_ASSIGN(const auto drawn, k_means(reference.draw(points.weights, random), options, stop));
        logs.push_back(log_dispersion(points, drawn.inertia));
    }
    const auto n = static_cast<double>(logs.size());
    const double deviation = std::sqrt(base::variance(logs) * (n - 1) / n);
    return Gap{base::mean(logs) - log_dispersion(points, inertia), deviation * std::sqrt(1 + 1 / n)};
}

}  // namespace

Points on_main_axes(const Points& points, double kept) {
    const auto rows = static_cast<Eigen::Index>(points.size()), columns = static_cast<Eigen::Index>(points.dimensions);
    const Matrix data = Eigen::Map<const Matrix>(points.values.data(), rows, columns);
    const Matrix centred = data.rowwise() - data.colwise().mean();
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> axes(centred.transpose() * centred);
    // From the smallest: the axes in front whose sum is below the share that may go.
    const double most = (1 - kept) * axes.eigenvalues().sum();
    Eigen::Index dropped = 0;
    for (double sum = 0; dropped + 1 < columns && (sum += axes.eigenvalues()(dropped)) <= most;) ++dropped;
    const Matrix turned = centred * axes.eigenvectors().rightCols(columns - dropped);
    return {static_cast<std::size_t>(turned.cols()), {turned.data(), turned.data() + turned.size()}, points.weights};
}

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
    return gap_of(points, fitted.inertia, options, references, stop);
}

base::Result<ClusterCount> choose_clusters(const Points& points, int most, std::uint64_t seed, const std::stop_token& stop) {
    ORRERY_TRY(check(points));
    const auto sample = on_main_axes(select(points, sample_rows(points.size(), kSample, seed)), kKeptVariance);
    ClusterCount choice;
    for (int k = 1; k <= most && k < static_cast<int>(sample.size()); ++k) {
        const KMeansOptions options{.clusters = k, .restarts = kRestarts, .iterations = kIterations, .seed = seed};
        ORRERY_ASSIGN(const auto fitted, k_means(sample, options, stop));
        if (static_cast<int>(fitted.centres.size() / sample.dimensions) < k) break;
        auto quick = options;
        quick.restarts = 1;
        ORRERY_ASSIGN(const auto gap, gap_of(sample, fitted.inertia, quick, kReferences, stop));
        choice.tries.push_back({k, silhouette(sample, fitted.labels, kSample, seed), gap, false});
    }
    double highest = -std::numeric_limits<double>::infinity(), best = 0;
    for (auto& one : choice.tries) {
        one.candidate = one.clusters > 1 && one.gap.gap > highest + one.gap.error;
        highest = std::max(highest, one.gap.gap);
        if (one.candidate) best = std::max(best, one.silhouette);
    }
    if (best < kNoStructure) return choice;
    for (const auto& one : choice.tries)
        if (one.candidate && one.silhouette >= best - kAsGood) {
            choice.clusters = one.clusters;
            break;
        }
    return choice;
}

}  // namespace orrery::models
