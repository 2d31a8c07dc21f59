#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "training/registry.hpp"

/// Any bytes as a model file, and again with the checksum that they should have: an error, or a model that is written and read alike.
namespace {

void check(const std::string& bytes) {
    using namespace orrery;
    const auto model = training::decode_model(bytes);
    if (!model) return;
    const auto written = training::encode_model(model->record, model->payload);
    const auto again = training::decode_model(written);
    if (again && training::encode_model(again->record, again->payload) == written && again->payload == model->payload) return;
    std::fprintf(stderr, "a model is written as another\n");
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string bytes(reinterpret_cast<const char*>(data), size);
    check(bytes);
    const auto sum = ::crc32_z(0, data, size);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(sum >> shift & 0xff));
    check(bytes);
    return 0;
}
