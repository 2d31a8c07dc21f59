#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "models/clustering/points.hpp"

namespace orrery::models {
namespace {

/// data/scikit_learn.txt, which data/make_scikit_learn.py made with scikit-learn 1.2.1.
struct Case {
    std::string name;
    std::size_t dimensions = 0;
    std::map<std::string, std::vector<double>> values;

    [[nodiscard]] std::vector<int> ints(const std::string& key) const { return {values.at(key).begin(), values.at(key).end()}; }
    [[nodiscard]] double number(const std::string& key) const { return values.at(key).front(); }
    [[nodiscard]] Points points() const { return {dimensions, values.at("points"), {}}; }
};

std::vector<Case> cases() {
    std::ifstream in(ORRERY_SOURCE_FOLDER "/tests/models/clustering/data/scikit_learn.txt");
    std::vector<Case> all;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string key;
        words >> key;
        if (key == "case") {
            auto& made = all.emplace_back();
            words >> made.name >> made.dimensions;
            continue;
        }
        for (double value = 0; words >> value;) all.back().values[key].push_back(value);
    }
    return all;
}

TEST(ScikitLearn, HasCases) {
    EXPECT_EQ(cases().size(), 4U);
}

TEST(ScikitLearn, KMeansFromTheSameCentres) {
    for (const auto& one : cases()) {
        SCOPED_TRACE(one.name);
        auto points = one.points();
        const auto plain = k_means_from(points, one.values.at("init"), 1'000);
        ASSERT_TRUE(plain);
        EXPECT_EQ(plain->labels, one.ints("labels"));
        EXPECT_NEAR(plain->inertia, one.number("inertia"), 1e-6 * one.number("inertia"));
        points.weights = one.values.at("weights");
        const auto weighted = k_means_from(points, one.values.at("init"), 1'000);
        ASSERT_TRUE(weighted);
        EXPECT_EQ(weighted->labels, one.ints("weighted_labels"));
        EXPECT_NEAR(weighted->inertia, one.number("weighted_inertia"), 1e-6 * one.number("weighted_inertia"));
    }
}

TEST(ScikitLearn, RestartsAreNoWorse) {
    for (const auto& one : cases()) {
        SCOPED_TRACE(one.name);
        const auto clusters = static_cast<int>(one.values.at("init").size() / one.dimensions);
        EXPECT_LE(k_means(one.points(), {.clusters = clusters})->inertia, one.number("inertia") * (1 + 1e-3));
    }
}

TEST(ScikitLearn, Silhouette) {
    for (const auto& one : cases())
        EXPECT_NEAR(silhouette(one.points(), one.ints("labels"), 10'000, 1), one.number("silhouette"), 1e-9) << one.name;
}

TEST(ScikitLearn, AdjustedRandIndex) {
    for (const auto& one : cases())
        EXPECT_NEAR(adjusted_rand_index(one.ints("truth"), one.ints("labels")), one.number("adjusted_rand"), 1e-12) << one.name;
}

TEST(ScikitLearn, Dbscan) {
    for (const auto& one : cases()) {
        SCOPED_TRACE(one.name);
        const auto found =
            dbscan(one.points(), {.eps = one.number("eps"), .minimum_points = static_cast<int>(one.number("minimum_points"))});
        ASSERT_TRUE(found);
        EXPECT_EQ(found->labels, one.ints("dbscan"));
        EXPECT_EQ(std::vector<int>(found->core.begin(), found->core.end()), one.ints("core"));
    }
}

}  // namespace
}  // namespace orrery::models
