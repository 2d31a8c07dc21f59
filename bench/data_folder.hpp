#pragma once

#include <cstdlib>
#include <filesystem>

namespace orrery::bench {

/// Evaluation data beside the checkout; ORRERY_DATA names another folder.
inline std::filesystem::path data_folder() {
    const char* given = std::getenv("ORRERY_DATA");
    return given != nullptr ? given : "../shared/data";
}

}  // namespace orrery::bench
