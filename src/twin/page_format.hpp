#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// The few on-disk pages of PostgreSQL that its planner reads. Little-endian servers with 8 KiB blocks, without checksums.
/// Layouts: src/include/storage/bufpage.h, access/nbtree.h, access/ginblock.h and access/brin_page.h of PostgreSQL 14 to 18.
namespace orrery::twin {

inline constexpr std::size_t kPageSize = 8192;

/// What a B-tree's metapage says about its tree.
struct BtreeMetadata {
    std::uint32_t root = 0, level = 0;
    std::uint32_t fast_root = 0, fast_level = 0;
};
/// Nothing when the page is no B-tree metapage (or still zeros).
std::optional<BtreeMetadata> read_btree_metadata(std::string_view metapage);

/// The first `height` + 2 pages of a B-tree that looks `height` levels high: metapage, leaf, and one page for each level
/// above, each with a single downlink to the page before it, so that a descent always ends on the leaf.
/// `built` holds a metapage and, when the index is not empty, a leaf that is the root of its tree (block 1).
std::string btree_head(std::string_view built, int height);

/// A GIN metapage as copied from another server, fit for a file without its pending list. Empty when it is none.
std::string adopt_gin_metapage(std::string_view metapage);

/// A BRIN metapage as copied from another server. Empty when it is none.
std::string adopt_brin_metapage(std::string_view metapage);

/// A BRIN metapage whose range map covers `heap_pages`. Empty when `metapage` is none.
std::string brin_metapage_for(std::string_view metapage, std::int64_t heap_pages);

/// Height of a B-tree of that many pages when nothing better is known: inner pages of about 285 downlinks.
int estimated_btree_height(std::int64_t pages);

}  // namespace orrery::twin
