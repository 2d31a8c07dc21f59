#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"

/// Decision trees as flat arrays: what is left of a trained booster when only its answers are wanted.
namespace orrery::models {

/// Limits of a Forest, so that its nodes are eight bytes and no answer needs memory of its own.
inline constexpr std::uint32_t kForestFeaturesMax = 1024;
inline constexpr std::size_t kForestTreeNodesMax = 65'535;
inline constexpr std::size_t kForestDepthMax = 64;

/// A node as inference walks it. The left child stands `step` further on and the right child behind that one. A leaf has step 0 and a
/// threshold of NaN, so that a walk that goes on stays where it is.
struct ForestNode {
    float threshold = 0;     ///< left when the feature is < threshold, else right
    std::uint16_t step = 0;  ///< to the left child, within the tree
    std::uint16_t test = 0;  ///< twice the feature; one more when a missing value (NaN) goes right
    [[nodiscard]] bool leaf() const { return step == 0; }
    [[nodiscard]] std::size_t feature() const { return test / 2; }
    [[nodiscard]] bool missing_left() const { return test % 2 == 0; }
};

struct ForestTree {
    std::uint32_t root = 0;   ///< position in Forest::nodes
    std::uint32_t depth = 0;  ///< most steps from the root to a leaf
};

/// The sum of its trees' leaves on top of `base`. Plain data, built by `add_tree`; const use is thread-safe.
struct Forest {
    std::uint32_t features = 0;  ///< length of a row
    float base = 0;
    std::vector<ForestTree> roots;
    std::vector<ForestNode> nodes;  ///< tree after tree, each level by level
    std::vector<float> values;      ///< per node: what a leaf adds; 0 for the others
    std::vector<float> covers;      ///< per node: training weight that came by, for SHAP
};

/// A node of a tree in any order, as trainers know it. A leaf has left = right = 0 (the root is nobody's child).
struct BranchNode {
    std::uint32_t left = 0, right = 0;  ///< positions in the tree
    std::uint32_t feature = 0;
    bool missing_left = true;
    float threshold = 0;
    float value = 0;  ///< of a leaf
    float cover = 0;
};
/// Appends the tree whose root is the first node; nodes that it does not reach are dropped. `corrupt`, and the forest unchanged, when the
/// nodes are not a tree within the limits above, or a number in it is not finite.
base::Result<void> add_tree(Forest& forest, std::span<const BranchNode> nodes);

/// The same float that XGBoost answers for the same row, bit for bit. Needs row.size() == forest.features. Does not allocate.
float predict(const Forest& forest, std::span<const float> row) noexcept;

/// Buffers of `shap`, to be reused. One thread at a time.
struct ShapWorkspace {
    std::vector<double> path;
};
/// Exact Shapley values of the trees with path-dependent expectations, the values of TreeSHAP (Lundberg et al. 2018): `values` gets one per
/// feature, summing with the returned expectation to the prediction (in double). Time is linear in nodes times depth: the Shapley weights
/// are integrated by Gauss-Legendre quadrature, which is exact for their polynomials.
double shap(const Forest& forest, std::span<const float> row, std::span<double> values, ShapWorkspace& workspace);

void encode(const Forest& forest, base::ByteWriter& out);
/// Checks everything: whatever the bytes are, `predict` and `shap` on the result stay within its arrays and end.
base::Result<Forest> decode_forest(base::ByteReader& in);

/// One forest that answers with the weighted sum of several of the same features; no forests give an empty one.
Forest combine(std::span<const Forest> forests, std::span<const float> weights);

}  // namespace orrery::models
