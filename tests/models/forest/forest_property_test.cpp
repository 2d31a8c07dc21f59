#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>

#include "made_up_forest.hpp"
#include "models/forest/forest.hpp"

namespace orrery::models {
namespace {

using Tree = std::vector<BranchNode>;

bool goes_left(const BranchNode& node, std::span<const float> row) {
    const float input = row[node.feature];
    return std::isnan(input) ? node.missing_left : input < node.threshold;
}

float leaf_of(const Tree& tree, std::span<const float> row) {
    std::size_t at = 0;
    while (tree[at].left != 0) at = goes_left(tree[at], row) ? tree[at].left : tree[at].right;
    return tree[at].value;
}

/// What a tree answers when only the features of `known` (a bit each) are known: at splits on others both ways, by their covers.
double expectation(const Tree& tree, std::span<const float> row, unsigned known, std::size_t at = 0) {
    const BranchNode& node = tree[at];
    if (node.left == 0) return static_cast<double>(node.value);
    if ((known >> node.feature & 1U) != 0) return expectation(tree, row, known, goes_left(node, row) ? node.left : node.right);
    const double left = tree[node.left].cover, both = left + static_cast<double>(tree[node.right].cover);
    const double share = both > 0 ? left / both : 0.5;
    return share * expectation(tree, row, known, node.left) + (1 - share) * expectation(tree, row, known, node.right);
}

/// Shapley's definition, over all coalitions.
std::vector<double> shapley(std::span<const Tree> trees, std::span<const float> row) {
    const auto features = static_cast<unsigned>(row.size());
    const auto worth = [&](unsigned known) {
        double sum = 0;
        for (const Tree& tree : trees) sum += expectation(tree, row, known);
        return sum;
    };
    std::vector<double> values(features);
    for (unsigned known = 0; known < 1U << features; ++known) {
        const auto size = std::popcount(known);
        for (unsigned feature = 0; feature < features; ++feature)
            if ((known >> feature & 1U) == 0)
                values[feature] += std::tgamma(size + 1) * std::tgamma(features - static_cast<unsigned>(size)) / std::tgamma(features + 1) *
                                   (worth(known | 1U << feature) - worth(known));
    }
    return values;
}

RC_GTEST_PROP(ForestProperty, AnswersAsATreeWalkedByHand, ()) {
    base::Random random(*rc::gen::arbitrary<std::uint64_t>());
    const auto features = static_cast<std::uint32_t>(random.integer(1, 20));
    Forest forest{.features = features, .base = static_cast<float>(random.normal())};
    std::vector<Tree> trees;
    for (auto left = random.integer(0, 40); left > 0; --left) {
        trees.push_back(made_up_tree(random, features, static_cast<int>(random.integer(0, 8))));
        RC_ASSERT(add_tree(forest, trees.back()).has_value());
    }
    for (int i = 0; i < 10; ++i) {
        const auto row = made_up_row(random, features);
        float expected = forest.base;
        for (const Tree& tree : trees) expected += leaf_of(tree, row);
        RC_ASSERT(predict(forest, row) == expected);
    }
}

RC_GTEST_PROP(ForestProperty, ShapIsShapley, ()) {
    base::Random random(*rc::gen::arbitrary<std::uint64_t>());
    const auto features = static_cast<std::uint32_t>(random.integer(1, 5));
    Forest forest{.features = features, .base = static_cast<float>(random.normal())};
    std::vector<Tree> trees;
    for (int i = 0; i < 3; ++i) {
        trees.push_back(made_up_tree(random, features, static_cast<int>(random.integer(0, 7))));
        RC_ASSERT(add_tree(forest, trees.back()).has_value());
    }
    const auto row = made_up_row(random, features);
    ShapWorkspace workspace;
    std::vector<double> values(features, 77);
    shap(forest, row, values, workspace);
    const auto expected = shapley(trees, row);
    for (std::uint32_t i = 0; i < features; ++i) RC_ASSERT(std::abs(values[i] - expected[i]) < 1e-9);
}

RC_GTEST_PROP(ForestProperty, ShapSumsToThePrediction, ()) {
    base::Random random(*rc::gen::arbitrary<std::uint64_t>());
    const auto features = static_cast<std::uint32_t>(random.integer(1, 60));
    Forest forest{.features = features, .base = static_cast<float>(random.normal())};
    // A long chain among them: deeper trees need more points of the quadrature.
    std::vector<Tree> trees{made_up_tree(random, features, 6), {}};
    const auto depth = static_cast<std::uint32_t>(random.integer(1, kForestDepthMax));
    for (std::uint32_t i = 0; i < depth; ++i) {
        const auto cover = static_cast<float>(std::pow(0.9, i));
        trees[1].push_back({.left = 2 * i + 1, .right = 2 * i + 2, .feature = i % features, .threshold = 0.25F, .cover = cover});
        trees[1].push_back({.value = static_cast<float>(random.normal()), .cover = 0.1F * cover});
    }
    trees[1].push_back({.value = 1, .cover = static_cast<float>(std::pow(0.9, depth))});
    double expected = static_cast<double>(forest.base);
    const auto row = made_up_row(random, features);
    for (const Tree& tree : trees) {
        RC_ASSERT(add_tree(forest, tree).has_value());
        expected += static_cast<double>(leaf_of(tree, row));
    }
    ShapWorkspace workspace;
    std::vector<double> values(features);
    double sum = shap(forest, row, values, workspace);
    for (const double value : values) sum += value;
    RC_ASSERT(std::abs(sum - expected) < 1e-9);
}

}  // namespace
}  // namespace orrery::models
