#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace orrery::twin {

/// A relation's main fork to be written: its first pages as bytes, the rest a hole that reads as empty pages.
struct RelationFile {
    std::filesystem::path path;  ///< of the first segment; the others get ".1", ".2", ...
    std::string head;            ///< whole pages
    std::int64_t pages = 0;      ///< at least as many as `head` has
    std::int64_t pages_per_segment = 131072;
    uid_t owner = 0;
    gid_t group = 0;
};

/// Sizes in bytes of the segment files of a relation of `pages` pages; all but the last are full. One empty file for no pages.
std::vector<std::int64_t> segment_sizes(std::int64_t pages, std::int64_t pages_per_segment);

/// Writes the segments as sparse files, mode 0600, given to the owner. They must not exist.
base::Result<void> write_relation_file(const RelationFile& file);

/// The first pages of a file, at most `pages` of them.
base::Result<std::string> read_head(const std::filesystem::path& path, std::int64_t pages);

}  // namespace orrery::twin
