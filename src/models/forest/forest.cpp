#include "models/forest/forest.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace orrery::models {

namespace {

using base::ErrorKind;

constexpr std::uint32_t kLeaf = 0xffffffff;  // in a stored node, in place of its test
constexpr std::size_t kStoredNodeBytes = 12;
constexpr std::size_t kLanes = 12;  // trees walked side by side, to hide the latency of each step behind the others'

base::Unexpected not_a_tree(std::string detail) {
    return base::unexpected(ErrorKind::corrupt, "the nodes are not a decision tree", std::move(detail));
}

base::Result<void> check_numbers(const BranchNode& node, std::uint32_t features) {
    const bool leaf = node.left == 0 && node.right == 0;
    if (!std::isfinite(node.cover) || node.cover < 0) return not_a_tree("a cover is negative or not finite");
    if (!std::isfinite(leaf ? node.value : node.threshold)) return not_a_tree("a threshold or a leaf is not finite");
    if (!leaf && node.feature >= features) return not_a_tree("a feature is out of range");
    return {};
}

}  // namespace

base::Result<void> add_tree(Forest& forest, std::span<const BranchNode> nodes) {
    if (forest.features == 0 || forest.features > kForestFeaturesMax) return not_a_tree("the number of features is out of range");
    if (nodes.empty()) return not_a_tree("it is empty");
    std::vector<std::uint32_t> order{0}, depths{0};
    std::vector<bool> seen(nodes.size());
    std::vector<ForestNode> laid_out;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const BranchNode& node = nodes[order[i]];
        ORRERY_TRY(check_numbers(node, forest.features));
        if (node.left == 0 && node.right == 0) {
            laid_out.push_back({.threshold = std::numeric_limits<float>::quiet_NaN(), .step = 0, .test = 0});
            continue;
        }
        if (depths[i] == kForestDepthMax || order.size() + 2 > kForestTreeNodesMax) return not_a_tree("it is too deep or too large");
        laid_out.push_back({.threshold = node.threshold,
                            .step = static_cast<std::uint16_t>(order.size() - i),
                            .test = static_cast<std::uint16_t>(2 * node.feature + (node.missing_left ? 0 : 1))});
        for (const std::uint32_t child : {node.left, node.right}) {
            if (child == 0 || child >= nodes.size() || seen[child]) return not_a_tree("a child is out of range or has two parents");
            seen[child] = true;
            order.push_back(child);
            depths.push_back(depths[i] + 1);
        }
    }
    if (forest.nodes.size() + order.size() > std::numeric_limits<std::uint32_t>::max()) return not_a_tree("the forest is too large");
    forest.roots.push_back({.root = static_cast<std::uint32_t>(forest.nodes.size()), .depth = depths.back()});
    forest.nodes.insert(forest.nodes.end(), laid_out.begin(), laid_out.end());
    for (std::size_t i = 0; i < order.size(); ++i) {
        forest.values.push_back(laid_out[i].leaf() ? nodes[order[i]].value : 0.0F);
        forest.covers.push_back(nodes[order[i]].cover);
    }
    return {};
}

float predict(const Forest& forest, std::span<const float> row) noexcept {
    // Each value twice: where a missing one is to go left, it is the least of all; where right, the greatest. Thresholds are finite.
    std::array<float, std::size_t{2} * kForestFeaturesMax> values;  // NOLINT: filled as far as it is read
    for (std::size_t i = 0; i < row.size(); ++i) {
        const bool missing = std::isnan(row[i]);
        values[2 * i] = missing ? -std::numeric_limits<float>::infinity() : row[i];
        values[2 * i + 1] = missing ? std::numeric_limits<float>::infinity() : row[i];
    }
    // Sums in the order of the trees, in float, as XGBoost does.
    float sum = forest.base;
    const ForestNode* const nodes = forest.nodes.data();
    for (std::size_t first = 0; first < forest.roots.size(); first += kLanes) {
        const std::size_t lanes = std::min(kLanes, forest.roots.size() - first);
        std::array<const ForestNode*, kLanes> at{};
        at.fill(nodes + forest.roots[first].root);
        std::uint32_t depth = 0;
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            at[lane] = nodes + forest.roots[first + lane].root;
            depth = std::max(depth, forest.roots[first + lane].depth);
        }
        for (std::uint32_t level = 0; level < depth; ++level) {
#pragma GCC unroll 12
            for (std::size_t lane = 0; lane < kLanes; ++lane) {
                const ForestNode& node = *at[lane];
                at[lane] += node.step + static_cast<std::size_t>(values[node.test] >= node.threshold);
            }
        }
        for (std::size_t lane = 0; lane < lanes; ++lane) sum += forest.values[static_cast<std::size_t>(at[lane] - nodes)];
    }
    return sum;
}

void encode(const Forest& forest, base::ByteWriter& out) {
    out.u32(forest.features);
    out.f32(forest.base);
    out.u32(static_cast<std::uint32_t>(forest.roots.size()));
    for (std::size_t tree = 0; tree < forest.roots.size(); ++tree) {
        const std::size_t from = forest.roots[tree].root;
        const std::size_t to = tree + 1 < forest.roots.size() ? forest.roots[tree + 1].root : forest.nodes.size();
        out.u32(static_cast<std::uint32_t>(to - from));
        for (std::size_t i = from; i < to; ++i) {
            const ForestNode& node = forest.nodes[i];
            out.u32(node.leaf() ? kLeaf : node.test);
            out.f32(node.leaf() ? forest.values[i] : node.threshold);
            out.f32(forest.covers[i]);
        }
    }
}

base::Result<Forest> decode_forest(base::ByteReader& in) {
    Forest forest;
    forest.features = in.u32();
    forest.base = in.f32();
    if (!std::isfinite(forest.base) || forest.features > kForestFeaturesMax)
        return not_a_tree("its base or its number of features is out of range");
    // An empty forest may have no features; a tree may not, as add_tree knows.
    const std::uint32_t trees = in.count(sizeof(std::uint32_t) + kStoredNodeBytes);
    std::vector<BranchNode> nodes;
    for (std::uint32_t tree = 0; tree < trees; ++tree) {
        nodes.assign(in.count(kStoredNodeBytes), {});
        // Level by level, so where the children stand needs no telling.
        std::uint32_t next = 1;
        for (std::uint32_t i = 0; i < nodes.size(); ++i) {
            if (i == next) return not_a_tree("a node has no parent");
            BranchNode& node = nodes[i];
            const std::uint32_t test = in.u32();
            const float number = in.f32();
            node.cover = in.f32();
            if (test == kLeaf) {
                node.value = number;
                continue;
            }
            node.threshold = number;
            node.feature = test / 2;
            node.missing_left = test % 2 == 0;
            node.left = next;
            node.right = next + 1;
            next += 2;
        }
        if (next != nodes.size()) return not_a_tree("its branches and leaves do not match");
        ORRERY_TRY(add_tree(forest, nodes));
    }
    if (in.failed()) return base::unexpected(ErrorKind::corrupt, "the forest is cut short");
    return forest;
}

Forest combine(std::span<const Forest> forests, std::span<const float> weights) {
    Forest sum;
    for (std::size_t i = 0; i < forests.size(); ++i) {
        const Forest& forest = forests[i];
        const auto offset = static_cast<std::uint32_t>(sum.nodes.size());
        sum.features = forest.features;
        sum.base += weights[i] * forest.base;
        for (const ForestTree& tree : forest.roots) sum.roots.push_back({.root = tree.root + offset, .depth = tree.depth});
        sum.nodes.insert(sum.nodes.end(), forest.nodes.begin(), forest.nodes.end());
        for (const float value : forest.values) sum.values.push_back(weights[i] * value);
        sum.covers.insert(sum.covers.end(), forest.covers.begin(), forest.covers.end());
    }
    return sum;
}

}  // namespace orrery::models
