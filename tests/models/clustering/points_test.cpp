#include "models/clustering/points.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "base/random.hpp"

namespace orrery::models {
namespace {

using testing::Each;
using testing::ElementsAre;

/// Round heaps of points around the corners of a square.
Points heaps(std::size_t clusters, std::size_t each, double spread, std::vector<int>* truth = nullptr) {
    base::Random random(7);
    Points points{.dimensions = 2};
    for (std::size_t i = 0; i < clusters * each; ++i) {
        const auto c = i % clusters;
        points.values.push_back(10.0 * static_cast<double>(c % 2) + spread * random.normal());
        points.values.push_back(10.0 * static_cast<double>(c / 2) + spread * random.normal());
        if (truth) truth->push_back(static_cast<int>(c));
    }
    return points;
}

TEST(KMeans, FindsHeaps) {
    std::vector<int> truth;
    const auto points = heaps(4, 100, 1, &truth);
    const auto found = k_means(points, {.clusters = 4});
    ASSERT_TRUE(found);
    EXPECT_EQ(adjusted_rand_index(truth, found->labels), 1.0);
}

TEST(KMeans, FindsHeapsInMorePointsThanItSeedsFrom) {
    std::vector<int> truth;
    const auto points = heaps(4, 5'000, 1, &truth);
    const auto found = k_means(points, {.clusters = 4, .restarts = 2});
    ASSERT_TRUE(found);
    EXPECT_GT(adjusted_rand_index(truth, found->labels), 0.9999);
}

TEST(KMeans, BoundsLeaveTheResultOfPlainIterations) {
    const auto points = heaps(4, 200, 5);
    std::vector<double> start(points.values.begin(), points.values.begin() + 14);
    const auto fast = k_means_from(points, start, 300);
    ASSERT_TRUE(fast);
    auto centres = start;
    std::vector<int> labels(points.size(), -1);
    for (bool changed = true; changed;) {
        changed = false;
        std::vector<double> sums(14, 0.0), counts(7, 0.0);
        for (std::size_t i = 0; i < points.size(); ++i) {
            int best = 0;
            for (int c = 1; c < 7; ++c)
                if (square_distance(points.row(i), {centres.data() + 2 * c, 2}) <
                    square_distance(points.row(i), {centres.data() + 2 * best, 2}))
                    best = c;
            changed = changed || labels[i] != best;
            labels[i] = best, ++counts[static_cast<std::size_t>(best)];
            for (int d = 0; d < 2; ++d) sums[static_cast<std::size_t>(2 * best + d)] += points.row(i)[static_cast<std::size_t>(d)];
        }
        for (std::size_t i = 0; i < 14; ++i) centres[i] = sums[i] / counts[i / 2];
    }
    EXPECT_EQ(fast->labels, labels);
}

TEST(KMeans, WeighsPoints) {
    const Points points{1, {0, 1, 10}, {3, 1, 1}};
    const auto found = k_means_from(points, {0, 10}, 10);
    ASSERT_TRUE(found);
    EXPECT_THAT(found->centres, ElementsAre(0.25, 10));
    EXPECT_DOUBLE_EQ(found->inertia, 3 * 0.0625 + 0.5625);
}

TEST(KMeans, FillsAnEmptyClusterWithTheFarthestPoint) {
    const Points points{1, {0, 1, 2, 20}, {}};
    const auto found = k_means_from(points, {1, 100}, 10);
    ASSERT_TRUE(found);
    EXPECT_THAT(found->labels, ElementsAre(0, 0, 0, 1));
}

TEST(KMeans, GivesFewerClustersForFewerPoints) {
    const Points points{1, {3, 3, 3, 5}, {}};
    const auto found = k_means(points, {.clusters = 3});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->centres.size(), 2U);
    EXPECT_EQ(found->inertia, 0);
}

TEST(KMeans, TakesWeightsOfZeroAsEqual) {
    const auto found = k_means({1, {0, 1, 10, 11}, {0, 0, 0, 0}}, {.clusters = 2});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->inertia, 1);
}

TEST(KMeans, IsTheSameForTheSameSeed) {
    const auto points = heaps(4, 50, 6);
    EXPECT_EQ(k_means(points, {.clusters = 5, .seed = 3})->labels, k_means(points, {.clusters = 5, .seed = 3})->labels);
}

TEST(Points, RefusesWhatIsNotFinite) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_FALSE(k_means({1, {0, nan}, {}}, {.clusters = 1}));
    EXPECT_FALSE(k_means({1, {}, {}}, {.clusters = 1}));
    EXPECT_FALSE(k_means({2, {1, 2, 3}, {}}, {.clusters = 1}));
    EXPECT_FALSE(k_means({1, {1, 2}, {1, -1}}, {.clusters = 1}));
    EXPECT_FALSE(dbscan({1, {0, HUGE_VAL}, {}}, {.eps = 1}));
    EXPECT_FALSE(dbscan({1, {0, 1}, {}}, {.eps = -1}));
}

TEST(Points, CanBeStopped) {
    std::stop_source source;
    source.request_stop();
    const auto points = heaps(4, 500, 5);
    EXPECT_EQ(k_means(points, {.clusters = 4}, source.get_token()).error().kind, base::ErrorKind::cancelled);
    EXPECT_EQ(dbscan(points, {.eps = 1}, source.get_token()).error().kind, base::ErrorKind::cancelled);
}

TEST(ChooseClusters, FindsTheNumberOfHeaps) {
    for (const std::size_t clusters : {2U, 3U, 4U}) {
        const auto choice = choose_clusters(heaps(clusters, 100, 1), 10, 1);
        ASSERT_TRUE(choice);
        EXPECT_EQ(choice->clusters, static_cast<int>(clusters));
    }
}

TEST(ChooseClusters, SeesNoneInOneHeapOrInCopiesOfOnePoint) {
    EXPECT_EQ(choose_clusters(heaps(1, 300, 1), 10, 1)->clusters, 1);
    EXPECT_EQ(choose_clusters({1, std::vector<double>(50, 2.0), {}}, 10, 1)->clusters, 1);
    EXPECT_EQ(choose_clusters({1, {1}, {}}, 10, 1)->clusters, 1);
}

TEST(Points, KeepDistancesOnMainAxes) {
    base::Random random(3);
    Points flat{.dimensions = 3};
    for (int i = 0; i < 100; ++i) {
        const double x = random.normal(), y = random.normal();
        flat.values.insert(flat.values.end(), {x, y, x + y});
    }
    const auto turned = on_main_axes(flat, 0.999);
    EXPECT_EQ(turned.dimensions, 2U);
    EXPECT_NEAR(square_distance(turned.row(0), turned.row(1)), square_distance(flat.row(0), flat.row(1)), 1e-9);
}

TEST(Gap, IsLargeAtTheNumberOfHeaps) {
    const auto points = heaps(4, 100, 1);
    const auto three = gap_statistic(points, {.clusters = 3}, 5), four = gap_statistic(points, {.clusters = 4}, 5);
    ASSERT_TRUE(three && four);
    EXPECT_GT(four->gap, three->gap + four->error);
}

TEST(Silhouette, LeavesNoiseOut) {
    const Points points{1, {0, 1, 10, 11, 500}, {}};
    const std::vector<int> noise{0, 0, 1, 1, -1}, none{0, 0, 1, 1};
    EXPECT_DOUBLE_EQ(silhouette(points, noise, 100, 1), silhouette({1, {0, 1, 10, 11}, {}}, none, 100, 1));
    EXPECT_EQ(silhouette(points, std::vector<int>(5, 0), 100, 1), 0);
}

TEST(Dbscan, FindsChainsAndNoise) {
    Points points{.dimensions = 2};
    for (int i = 0; i < 40; ++i) points.values.insert(points.values.end(), {0.5 * i, 0});   // a chain that k-means would cut
    for (int i = 0; i < 40; ++i) points.values.insert(points.values.end(), {0.5 * i, 10});  // another
    points.values.insert(points.values.end(), {100, 100});
    const auto found = dbscan(points, {.eps = 1, .minimum_points = 3});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->clusters, 2);
    EXPECT_THAT(std::vector<int>(found->labels.begin(), found->labels.begin() + 40), Each(0));
    EXPECT_THAT(std::vector<int>(found->labels.begin() + 40, found->labels.begin() + 80), Each(1));
    EXPECT_EQ(found->labels[80], -1);
}

TEST(Dbscan, FindsItsDistanceByItself) {
    auto points = heaps(4, 150, 0.5);
    points.values.insert(points.values.end(), {5, 5, 60, 60});
    const auto found = dbscan(points, {});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->clusters, 4);
    EXPECT_EQ(found->labels[600], -1);
    EXPECT_EQ(found->labels[601], -1);
}

TEST(Dbscan, OfASampleFindsTheSameHeaps) {
    std::vector<int> truth;
    auto points = heaps(4, 1'000, 0.3, &truth);
    points.values.insert(points.values.end(), {60, 60});
    const auto found = dbscan_of_sample(points, {.eps = 1}, 500);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->clusters, 4);
    EXPECT_EQ(found->labels.back(), -1);
    EXPECT_GT(adjusted_rand_index(truth, std::span(found->labels).first(truth.size())), 0.99);
}

TEST(Dbscan, TakesCopiesOfOnePointAsOneCluster) {
    const auto found = dbscan({1, std::vector<double>(50, 2.0), {}}, {});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->clusters, 1);
    EXPECT_GT(found->eps, 0);
}

TEST(AdjustedRandIndex, KnowsEqualAndUnrelated) {
    EXPECT_EQ(adjusted_rand_index(std::vector{0, 0, 1, 1}, std::vector{5, 5, 2, 2}), 1.0);
    EXPECT_NEAR(adjusted_rand_index(std::vector{0, 0, 1, 1}, std::vector{0, 1, 0, 1}), -0.5, 1e-12);
    EXPECT_EQ(adjusted_rand_index(std::vector{0, 0, 0}, std::vector{1, 1, 1}), 1.0);
}

}  // namespace
}  // namespace orrery::models
