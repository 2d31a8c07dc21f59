#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "models/forest/forest.hpp"

/// Any bytes as a stored forest: an error, or a forest that answers, explains and is written as the same bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace orrery;
    const auto require = [](bool holds, const char* what) {
        if (holds) return;
        std::fprintf(stderr, "%s\n", what);
        std::abort();
    };
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    base::ByteReader in(bytes);
    const auto forest = models::decode_forest(in);
    if (!forest) return 0;
    for (const float input : {0.0F, std::nanf(""), 1e30F, -HUGE_VALF, HUGE_VALF}) {
        const std::vector<float> row(forest->features, input);
        static_cast<void>(models::predict(*forest, row));
        std::vector<double> values(forest->features);
        models::ShapWorkspace workspace;
        require(std::isfinite(models::shap(*forest, row, values, workspace)), "the expectation is not finite");
    }
    base::ByteWriter out;
    models::encode(*forest, out);
    require(bytes.starts_with(out.bytes()), "a forest is written as other bytes");
    return 0;
}
