#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace orrery::training {

/// A document of a file, and the number of its first line.
struct PlanLine {
    std::size_t number = 0;
    std::string text;       ///< empty when too long
    bool too_long = false;  ///< longer than the limit: its bytes were skipped
};

/// Hands over the documents of a file, plain or gzip ("-" = standard input), one after another: a line each, or, where a line is a lone
/// "[" or "{", all lines up to the one that closes it. Blank lines are skipped. Never holds more than `most_bytes` and a buffer.
/// `missing_object`, `io`; `corrupt` when compressed data are damaged or cut off (what came before was handed over).
base::Result<void> each_line(const std::filesystem::path& file, std::size_t most_bytes, const std::function<void(PlanLine&&)>& take);

}  // namespace orrery::training
