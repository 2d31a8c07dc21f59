#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "store/counter_table.hpp"
#include "store/packing.hpp"

/// Any bytes as what a store holds: an error or a table, and a table packs and unpacks to the same bytes.
namespace {

using namespace orrery;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void check_table(std::string_view bytes) {
    const auto columns = store::unpack(bytes);
    if (!columns) return;
    for (const auto& column : *columns) require(column.size() == columns->front().size(), "columns differ in length");
    const auto packed = store::pack(*columns);
    require(packed.has_value(), "a table that was read cannot be packed");
    const auto again = store::unpack(*packed);
    require(again.has_value(), "what was packed cannot be unpacked");
    require(store::pack(*again).value() == *packed, "a table changes when packed");  // bytes, for NaN is not NaN
    const auto compressed = store::compress(*packed, bytes, 1);
    require(compressed.has_value() && store::decompress(*compressed, bytes).value() == *packed, "compression changes the bytes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_table(bytes);
    if (const auto packed = store::decompress(bytes, {})) check_table(*packed);
    static_cast<void>(store::unpack_counters(bytes).has_value());
    return 0;
}
