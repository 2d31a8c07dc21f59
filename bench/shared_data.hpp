#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace orrery::bench {

/// A folder of the evaluation data, which is not part of the project: $ORRERY_BENCH_DATA/<name>, else ../shared/data/<name>. Without it
/// says which figures are skipped.
inline std::optional<std::filesystem::path> evaluation_data(std::string_view name, std::string_view skipped) {
    const char* root = std::getenv("ORRERY_BENCH_DATA");
    const auto folder = std::filesystem::path(root != nullptr ? root : "../shared/data") / name;
    if (std::filesystem::is_directory(folder)) return folder;
    fmt::print(stderr, "skipped: {} (no evaluation data in {}; $ORRERY_BENCH_DATA names their folder)\n", skipped, folder.string());
    return {};
}

/// Files of a folder by name.
inline std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder, std::string_view ending) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().string().ends_with(ending)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace orrery::bench
