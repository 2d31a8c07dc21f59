#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/series.hpp"

/// Columns as few bytes: docs/formats/packed-columns.md. What is unpacked is bit for bit what was packed.
namespace orrery::store {

/// No packed table is larger than this, before its compression.
constexpr std::size_t kLargestPacked = std::size_t{256} << 20;

/// A table of columns of one length, not yet compressed. Columns of different lengths are an `invalid_input` error.
base::Result<std::string> pack(std::span<const domain::SeriesColumn> columns);
/// Checks all bounds: damaged bytes are a `corrupt` error.
base::Result<std::vector<domain::SeriesColumn>> unpack(std::string_view packed);

/// Zstandard with a checksum. `base` holds bytes that are likely to occur again; the same are needed to decompress. One thread at a time
/// per thread's own context.
base::Result<std::string> compress(std::string_view packed, std::string_view base, int level);
base::Result<std::string> decompress(std::string_view compressed, std::string_view base);

}  // namespace orrery::store
