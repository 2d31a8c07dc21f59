#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.hpp"
#include "models/forest/forest.hpp"

namespace orrery::models {

/// A tree of random shape: leaves at most `depth` below the root, covers that add up.
inline std::vector<BranchNode> made_up_tree(base::Random& random, std::uint32_t features, int depth) {
    std::vector<BranchNode> nodes{{.cover = 64}};
    std::vector<int> depths{0};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i].value = static_cast<float>(random.normal());
        if (depths[i] == depth || (i > 0 && random.chance(0.2))) continue;
        const auto share = static_cast<float>(random.chance(0.05) ? 0 : random.uniform());
        BranchNode& node = nodes[i];
        node.left = static_cast<std::uint32_t>(nodes.size());
        node.right = node.left + 1;
        node.feature = static_cast<std::uint32_t>(random.integer(0, features - 1));
        node.threshold = static_cast<float>(random.integer(-2, 2)) / 2;
        node.missing_left = random.chance(0.5);
        const float cover = node.cover;
        nodes.push_back({.cover = cover * share});
        nodes.push_back({.cover = cover * (1 - share)});
        depths.insert(depths.end(), 2, depths[i] + 1);
    }
    return nodes;
}

inline std::vector<float> made_up_row(base::Random& random, std::uint32_t features) {
    std::vector<float> row;
    for (std::uint32_t i = 0; i < features; ++i) {
        const auto kind = random.integer(0, 9);
        row.push_back(kind == 0   ? std::numeric_limits<float>::quiet_NaN()
                      : kind == 1 ? std::numeric_limits<float>::infinity()
                      : kind == 2 ? -std::numeric_limits<float>::infinity()
                                  : static_cast<float>(random.integer(-4, 4)) / 4);
    }
    return row;
}

}  // namespace orrery::models
