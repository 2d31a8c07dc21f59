#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"

/// Decision trees as flat arrays: what is left of a trained booster when only its answers are wanted.
namespace orrery::models {

/// A node of a tree. A leaf has `left` = 0 and its value in `threshold`. A row goes left when its feature is < threshold, to the side of
/// `missing_left` when it is NaN; the right child follows the left one.
struct ForestNode {
    float threshold = 0;
    std::uint32_t left = 0;  ///< position in Forest::nodes, always behind the node's own
    std::uint16_t feature = 0;
    bool missing_left = true;
    float cover = 0;  ///< training weight that came by, for SHAP
};

/// The sum of its trees' leaves on top of `base`. Plain data; const use is thread-safe.
struct Forest {
    std::uint32_t features = 0;  ///< length of a row
    float base = 0;
    std::vector<std::uint32_t> roots;
    std::vector<ForestNode> nodes;
};

/// The same float that XGBoost answers for the same row, bit for bit. Needs row.size() == forest.features. Does not allocate.
float predict(const Forest& forest, std::span<const float> row) noexcept;

/// Buffers of `shap`, to be reused. One thread at a time.
struct ShapWorkspace {
    std::vector<double> path;
};
/// Exact Shapley values of the trees (Lundberg et al. 2018, path-dependent TreeSHAP): `values` gets one per feature, summing with the
/// returned expectation to the prediction (in double).
double shap(const Forest& forest, std::span<const float> row, std::span<double> values, ShapWorkspace& workspace);

void encode(const Forest& forest, base::ByteWriter& out);
/// Checks every position: whatever the bytes are, `predict` on the result stays within its arrays and ends.
base::Result<Forest> decode_forest(base::ByteReader& in);

/// One forest that answers with the weighted sum of several.
Forest combine(std::span<const Forest> forests, std::span<const float> weights);

}  // namespace orrery::models
