#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.hpp"

/// Clustering of points in a few dozen dimensions: the algorithms, without anything of queries. All functions are pure and thread-safe.
namespace orrery::models {

/// Rows of equal length, finite, with weights.
struct Points {
    std::size_t dimensions = 0;
    std::vector<double> values;   ///< row-major
    std::vector<double> weights;  ///< one per row, not negative; empty, or all zero = 1
    [[nodiscard]] std::size_t size() const { return dimensions == 0 ? 0 : values.size() / dimensions; }
    [[nodiscard]] std::span<const double> row(std::size_t i) const { return {values.data() + i * dimensions, dimensions}; }
    [[nodiscard]] double weight(std::size_t i) const { return weights.empty() ? 1.0 : weights[i]; }
};
/// `invalid_input` without a point, or with values that are no whole rows, not finite, or weights that are negative.
base::Result<void> check(const Points& points);
/// `most` of the rows, drawn without repetition, in their order; all when there are no more.
std::vector<std::size_t> sample_rows(std::size_t rows, std::size_t most, std::uint64_t seed);
Points select(const Points& points, std::span<const std::size_t> rows);
/// The points along those of their principal axes that hold `kept` of their variance: distances hardly change, and there are fewer
/// numbers.
Points on_main_axes(const Points& points, double kept);
double square_distance(std::span<const double> a, std::span<const double> b);

struct KMeansOptions {
    int clusters = 8;
    int restarts = 10;  ///< k-means++ (Arthur and Vassilvitskii 2007)
    int iterations = 300;
    double tolerance = 1e-4;  ///< iterations end when the centres together move no more than this share of the points' variance (squares)
    std::uint64_t seed = 1;
};
struct KMeansResult {
    std::vector<double> centres;  ///< row-major
    std::vector<int> labels;
    double inertia = 0;  ///< weighted sum of squared distances
    int iterations = 0;
};
/// Weighted Lloyd iterations from the best of several seedings; of many points, the seedings are tried on a sample, and all points are
/// iterated from the best. Fewer distinct points than clusters gives fewer clusters.
base::Result<KMeansResult> k_means(const Points& points, const KMeansOptions& options, const std::stop_token& stop = {});
/// The same from given centres (row-major), until no point changes its cluster. Distances are only taken where the bounds of Hamerly
/// (2010) leave a doubt; a cluster that loses all its points takes the one farthest from its centre.
base::Result<KMeansResult> k_means_from(const Points& points, std::vector<double> centres, int iterations,
                                        const std::stop_token& stop = {});

/// Mean silhouette (Rousseeuw 1987), weighted; of a sample of `most` points when there are more. Labels below 0 (noise) are left out.
/// 0 with fewer than two clusters.
double silhouette(const Points& points, std::span<const int> labels, std::size_t most, std::uint64_t seed);
/// Gap statistic (Tibshirani, Walther and Hastie 2001): log W of uniform reference data less that of the data, with its standard error.
/// The reference fills the box of the data's principal axes.
struct Gap {
    double gap = 0, error = 0;
};
base::Result<Gap> gap_statistic(const Points& points, const KMeansOptions& options, int references, const std::stop_token& stop = {});

/// How the number of clusters was chosen.
struct ClusterCount {
    struct Try {
        int clusters = 1;
        double silhouette = 0;
        Gap gap;
        bool candidate = false;  ///< gap(k) > gap(j) + error(k) for all j < k
    };
    int clusters = 1;
    std::vector<Try> tries;
};
/// On a sample of 1,000 points along their principal axes. The gap statistic says which numbers are worth their clusters: the candidates
/// are those whose gap exceeds that of all smaller numbers by its standard error. Of these it is the smallest whose silhouette is within
/// 0.02 of the best; 1 when there is none or no silhouette reaches 0.25 (Kaufman and Rousseeuw: no substantial structure).
base::Result<ClusterCount> choose_clusters(const Points& points, int most, std::uint64_t seed, const std::stop_token& stop = {});

struct DbscanOptions {
    double eps = 0;          ///< 0 = from the knee of the sorted distances to the minimum_points-th neighbour
    int minimum_points = 5;  ///< the point itself counted, as scikit-learn does
};
struct DbscanResult {
    std::vector<int> labels;  ///< -1 = noise
    std::vector<char> core;
    int clusters = 0;
    double eps = 0;  ///< that was used
};
/// Ester et al. 1996, with a k-d tree; every point counts one, whatever its weight. Clusters are numbered by their first core point, as
/// scikit-learn numbers them.
base::Result<DbscanResult> dbscan(const Points& points, const DbscanOptions& options, const std::stop_token& stop = {});
/// The same for many points: a sample of `most` is clustered, and every other point joins the cluster of a core point within eps.
/// `minimum_points` are of the sample.
base::Result<DbscanResult> dbscan_of_sample(const Points& points, const DbscanOptions& options, std::size_t most,
                                            const std::stop_token& stop = {});
/// Distance to the n-th neighbour (the point itself counted) where the sorted curve bends most away from its chord (Satopaa et al. 2011).
/// Above 0.
double knee_distance(const Points& points, int neighbours, std::uint64_t seed);

/// Hubert and Arabie 1985. 1 for equal partitions, about 0 for unrelated ones.
double adjusted_rand_index(std::span<const int> a, std::span<const int> b);

}  // namespace orrery::models
