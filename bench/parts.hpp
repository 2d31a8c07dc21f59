#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "base/folder.hpp"
#include "base/result.hpp"

namespace orrery::bench {

using Parts = std::vector<std::pair<std::string, base::Result<void> (*)()>>;

/// The main function of a bench in parts: all of them without arguments, else those that are named. A part that fails is told and leaves
/// the others to run; then the program ends with 1, and with 2 when there is no part of a name.
inline int run_parts(int count, char** arguments, const Parts& parts) {
    base::reaper::start();
    const std::vector<std::string> chosen(arguments + 1, arguments + count);
    for (const auto& name : chosen)
        if (std::none_of(parts.begin(), parts.end(), [&](const auto& part) { return part.first == name; })) {
            fmt::print(stderr, "there is no part \"{}\"; there are:", name);
            for (const auto& part : parts) fmt::print(stderr, " {}", part.first);
            fmt::print(stderr, "\n");
            return 2;
        }
    int code = 0;
    for (const auto& [name, measure] : parts) {
        if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), name) == chosen.end()) continue;
        const auto measured = measure();
        if (measured) continue;
        fmt::print(stderr, "{}\n", measured.error().to_text());
        code = 1;
    }
    return code;
}

}  // namespace orrery::bench
