#include "models/forest/forest.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.hpp"
#include "made_up_forest.hpp"

namespace orrery::models {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// x < 1 ? 10 : (y < 2 ? 20 : 30); a missing x goes right, a missing y left. Nodes out of order, one of them not reached.
std::vector<BranchNode> two_splits() {
    return {{.left = 4, .right = 2, .feature = 0, .missing_left = false, .threshold = 1, .cover = 8},
            {.value = 99, .cover = 1},
            {.left = 5, .right = 3, .feature = 1, .missing_left = true, .threshold = 2, .cover = 4},
            {.value = 30, .cover = 1},
            {.value = 10, .cover = 4},
            {.value = 20, .cover = 3}};
}

Forest of(std::span<const BranchNode> nodes, std::uint32_t features = 2) {
    Forest forest{.features = features, .base = 0.5F};
    const auto added = add_tree(forest, nodes);
    EXPECT_TRUE(added) << added.error().to_text();
    return forest;
}

std::string bytes_of(const Forest& forest) {
    base::ByteWriter out;
    encode(forest, out);
    return out.take();
}

base::Result<Forest> decoded(std::string_view bytes) {
    base::ByteReader in(bytes);
    auto forest = decode_forest(in);
    if (forest) ORRERY_TRY(in.finish("the forest"));
    return forest;
}

TEST(Forest, FollowsItsBranches) {
    const Forest forest = of(two_splits());
    EXPECT_EQ(forest.nodes.size(), 5U);
    EXPECT_EQ(predict(forest, std::array{0.9F, 0.0F}), 10.5F);
    EXPECT_EQ(predict(forest, std::array{1.0F, 1.0F}), 20.5F);
    EXPECT_EQ(predict(forest, std::array{1.0F, 2.0F}), 30.5F);
    EXPECT_EQ(predict(forest, std::array{kMissing, 2.0F}), 30.5F);
    EXPECT_EQ(predict(forest, std::array{kMissing, kMissing}), 20.5F);
    EXPECT_EQ(predict(forest, std::array{-kInfinity, kInfinity}), 10.5F);
    EXPECT_EQ(predict(forest, std::array{kInfinity, kInfinity}), 30.5F);
}

TEST(Forest, WithoutTreesAnswersItsBase) {
    EXPECT_EQ(predict(Forest{.features = 1, .base = 3}, std::array{1.0F}), 3);
    EXPECT_EQ(predict(of(std::vector<BranchNode>{{.value = 2, .cover = 1}}), std::array{1.0F, kInfinity}), 2.5F);
}

TEST(Forest, SumsInTheOrderOfItsTreesAsFloats) {
    Forest forest{.features = 1, .base = 0};
    float expected = 0;
    base::Random random(5);
    for (int i = 0; i < 100; ++i) {
        const auto value = static_cast<float>(random.normal() * std::pow(10, i % 7));
        ASSERT_TRUE(add_tree(forest, std::vector<BranchNode>{{.value = value, .cover = 1}}));
        expected += value;
    }
    EXPECT_EQ(predict(forest, std::array{0.0F}), expected);
}

TEST(Forest, RefusesWhatIsNoTree) {
    const auto refused = [](std::vector<BranchNode> nodes) {
        Forest forest{.features = 2};
        const auto added = add_tree(forest, nodes);
        ASSERT_FALSE(added);
        EXPECT_EQ(added.error().kind, base::ErrorKind::corrupt);
        EXPECT_TRUE(forest.roots.empty() && forest.nodes.empty() && forest.values.empty() && forest.covers.empty());
    };
    refused({});
    auto nodes = two_splits();
    nodes[2].right = 6;  // out of range
    refused(nodes);
    nodes[2].right = 2;  // a cycle
    refused(nodes);
    nodes[2].right = 0;  // the root as a child
    refused(nodes);
    nodes[2].right = 4;  // two parents
    refused(nodes);
    nodes = two_splits();
    nodes[2].feature = 2;
    refused(nodes);
    nodes = two_splits();
    nodes[2].threshold = kInfinity;
    refused(nodes);
    nodes = two_splits();
    nodes[3].value = kMissing;
    refused(nodes);
    nodes = two_splits();
    nodes[3].cover = -1;
    refused(nodes);
    std::vector<BranchNode> chain;
    for (std::uint32_t i = 0; i <= kForestDepthMax; ++i) chain.insert(chain.end(), {{.left = 2 * i + 1, .right = 2 * i + 2}, {}});
    for (std::uint32_t i = 0; i <= kForestDepthMax; ++i) chain[2 * i].left = 2 * i + 1, chain[2 * i].right = 2 * i + 2;
    chain.push_back({});
    refused(chain);
    chain[2 * kForestDepthMax] = {};  // one level less
    Forest forest{.features = 1};
    EXPECT_TRUE(add_tree(forest, chain));
    EXPECT_EQ(forest.roots.front().depth, kForestDepthMax);
}

TEST(Forest, ShapOfOneSplitIsTheDifferenceFromTheMean) {
    const std::vector<BranchNode> nodes{
        {.left = 1, .right = 2, .feature = 1, .threshold = 0, .cover = 4}, {.value = 8, .cover = 1}, {.value = 4, .cover = 3}};
    const Forest forest = of(nodes);
    ShapWorkspace workspace;
    std::array<double, 2> values{};
    EXPECT_DOUBLE_EQ(shap(forest, std::array{0.0F, -1.0F}, values, workspace), 5.5);
    EXPECT_DOUBLE_EQ(values[0], 0);
    EXPECT_NEAR(values[1], 3, 1e-12);
    shap(forest, std::array{0.0F, 1.0F}, values, workspace);
    EXPECT_NEAR(values[1], -1, 1e-12);
}

TEST(Forest, DecodesWhatItEncoded) {
    Forest forest = of(two_splits());
    ASSERT_TRUE(add_tree(forest, std::vector<BranchNode>{{.value = 2, .cover = 1}}));
    const auto bytes = bytes_of(forest);
    const auto again = decoded(bytes);
    ASSERT_TRUE(again) << again.error().to_text();
    EXPECT_EQ(bytes_of(*again), bytes);
    EXPECT_EQ(decoded(bytes_of(Forest{})).value().features, 0U);
    EXPECT_EQ(predict(*again, std::array{1.0F, 2.0F}), predict(forest, std::array{1.0F, 2.0F}));
}

TEST(Forest, EveryCutAndEveryBitIsAnErrorOrAForestThatEnds) {
    base::Random random(9);
    Forest forest{.features = 3};
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(add_tree(forest, made_up_tree(random, 3, 3)));
    const auto bytes = bytes_of(forest);
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decoded(std::string_view(bytes).substr(0, size))) << size;
    ShapWorkspace workspace;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        const auto read = decoded(damaged);
        if (!read) continue;
        const std::vector<float> row(read->features, 0.25F);
        std::vector<double> values(read->features);
        EXPECT_FALSE(std::isnan(predict(*read, row)) || std::isnan(shap(*read, row, values, workspace)));
    }
}

TEST(Forest, CombinesToTheWeightedSum) {
    base::Random random(2);
    std::vector<Forest> forests;
    for (int i = 0; i < 3; ++i) {
        forests.push_back({.features = 3, .base = static_cast<float>(i)});
        for (int tree = 0; tree <= i; ++tree) ASSERT_TRUE(add_tree(forests.back(), made_up_tree(random, 3, 4)));
    }
    const std::array weights{0.5F, 0.25F, 2.0F};
    const Forest sum = combine(forests, weights);
    EXPECT_EQ(sum.roots.size(), 6U);
    ASSERT_TRUE(decoded(bytes_of(sum)));
    for (int i = 0; i < 50; ++i) {
        const auto row = made_up_row(random, 3);
        float expected = 0;
        for (std::size_t k = 0; k < 3; ++k) expected += weights[k] * predict(forests[k], row);
        EXPECT_NEAR(predict(sum, row), expected, 1e-4);
    }
    EXPECT_EQ(combine({}, {}).roots.size(), 0U);
}

}  // namespace
}  // namespace orrery::models
