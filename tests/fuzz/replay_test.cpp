#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// Runs a fuzz target over its corpus, where every crash ever found is kept, without a fuzzer.
TEST(FuzzCorpus, Passes) {
    std::size_t inputs = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(ORRERY_CORPUS_FOLDER)) {
        if (!entry.is_regular_file()) continue;
        SCOPED_TRACE(entry.path().string());
        std::ifstream in(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(in), {}};
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++inputs;
    }
    EXPECT_GT(inputs, 0U) << ORRERY_CORPUS_FOLDER;
}
