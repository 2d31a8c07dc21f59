#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "models/clustering/workload_clusterer.hpp"

/// Any bytes as a saved clusterer: an error, or clusters that can be asked and that save to bytes which load to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace orrery;
    base::ByteReader in(std::string_view(reinterpret_cast<const char*>(data), size));
    const auto loaded = models::WorkloadClusterer::load(in);
    if (!loaded) return 0;
    models::TemplateSample sample;
    sample.counters.calls = 10, sample.counters.exec_ms = 5, sample.counters.shared_hit = 30;
    sample.relations = {{"orders", {"id"}}};
    static_cast<void>(loaded->predict(sample));
    base::ByteWriter saved;
    loaded->save(saved);
    base::ByteReader again(saved.bytes());
    const auto reloaded = models::WorkloadClusterer::load(again);
    if (reloaded && again.left() == 0) {
        base::ByteWriter twice;
        reloaded->save(twice);
        if (twice.bytes() == saved.bytes()) return 0;
    }
    std::fprintf(stderr, "what was loaded does not save and load to the same\n");
    std::abort();
}
