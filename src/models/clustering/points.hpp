#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "base/result.hpp"

/// Clustering of points in a few dozen dimensions: the algorithms, without anything of queries.
namespace orrery::models {

/// Rows of equal length, finite, with weights.
struct Points {
    std::size_t dimensions = 0;
    std::vector<double> values;   ///< row-major
    std::vector<double> weights;  ///< one per row, > 0; empty = 1
    [[nodiscard]] std::size_t size() const { return dimensions == 0 ? 0 : values.size() / dimensions; }
    [[nodiscard]] std::span<const double> row(std::size_t i) const { return {values.data() + i * dimensions, dimensions}; }
};

struct KMeansOptions {
    int clusters = 8;
    int restarts = 10;  ///< k-means++ (Arthur and Vassilvitskii 2007)
    int iterations = 300;
    std::uint64_t seed = 1;
};
struct KMeansResult {
    std::vector<double> centres;  ///< row-major
    std::vector<int> labels;
    double inertia = 0;  ///< weighted sum of squared distances
    int iterations = 0;
};
/// Weighted Lloyd iterations from the best of several seedings. Fewer distinct points than clusters gives fewer clusters.
base::Result<KMeansResult> k_means(const Points& points, const KMeansOptions& options, const std::stop_token& stop = {});

/// Mean silhouette (Rousseeuw 1987), weighted; of a sample of `most` points when there are more.
double silhouette(const Points& points, std::span<const int> labels, std::size_t most, std::uint64_t seed);
/// Gap statistic (Tibshirani, Walther and Hastie 2001): log W of uniform reference data less that of the data, with its standard error.
struct Gap {
    double gap = 0, error = 0;
};
base::Result<Gap> gap_statistic(const Points& points, const KMeansOptions& options, int references, const std::stop_token& stop = {});

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
/// Ester et al. 1996, with a k-d tree. Clusters are numbered by their first point, as scikit-learn numbers them.
base::Result<DbscanResult> dbscan(const Points& points, const DbscanOptions& options, const std::stop_token& stop = {});

double adjusted_rand_index(std::span<const int> a, std::span<const int> b);

}  // namespace orrery::models
