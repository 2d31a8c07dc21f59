#include "twin/page_format.hpp"

#include <cmath>
#include <cstring>

namespace orrery::twin {
namespace {

// PageHeaderData
constexpr std::size_t kLowerOffset = 12;
constexpr std::size_t kUpperOffset = 14;
constexpr std::size_t kSpecialOffset = 16;
constexpr std::size_t kSizeVersionOffset = 18;
constexpr std::size_t kHeaderSize = 24;
constexpr std::uint16_t kLayoutVersion = 4;

// BTMetaPageData, at the start of the page's contents
constexpr std::uint32_t kBtreeMagic = 0x053162;
constexpr std::size_t kBtreeRootOffset = kHeaderSize + 8;

// BTPageOpaqueData, the last 16 bytes: prev, next, level, flags, cycle id
constexpr std::size_t kBtreeSpecial = kPageSize - 16;
constexpr std::size_t kBtreeFlagsOffset = kBtreeSpecial + 12;
constexpr std::uint16_t kBtreeLeafFlag = 1;
constexpr std::uint16_t kBtreeRootFlag = 2;

// A pivot tuple without key columns ("minus infinity"): 8 bytes, INDEX_ALT_TID_MASK set
constexpr std::uint16_t kPivotSize = 8;
constexpr std::uint16_t kPivotInfo = kPivotSize | 0x2000;
constexpr std::uint32_t kNormalItem = 1;

// GinMetaPageData
constexpr std::size_t kGinPendingHeadOffset = kHeaderSize;
constexpr std::size_t kGinPendingTailOffset = kHeaderSize + 4;
constexpr std::uint32_t kNoBlock = 0xFFFFFFFF;
constexpr std::uint16_t kGinMetaFlag = 1 << 3;

// BrinMetaPageData: magic, version, pages per range, last page of the range map
constexpr std::uint32_t kBrinMagic = 0xA8109CFA;
constexpr std::size_t kBrinPagesPerRangeOffset = kHeaderSize + 8;
constexpr std::size_t kBrinLastMapPageOffset = kHeaderSize + 12;
constexpr std::int64_t kBrinMapItemsPerPage = 1360;

constexpr double kTypicalFanout = 285;

template <typename T>
T get(std::string_view page, std::size_t offset) {
    T value;
    std::memcpy(&value, page.data() + offset, sizeof value);
    return value;
}

template <typename T>
void put(std::string& page, std::size_t offset, T value) {
    std::memcpy(page.data() + offset, &value, sizeof value);
}

void clear_log_position(std::string& page) {
    put<std::uint64_t>(page, 0, 0);
}

std::string empty_btree_page(int level, std::uint16_t flags) {
    std::string page(kPageSize, '\0');
    put<std::uint16_t>(page, kLowerOffset, kHeaderSize);
    put<std::uint16_t>(page, kUpperOffset, kBtreeSpecial);
    put<std::uint16_t>(page, kSpecialOffset, kBtreeSpecial);
    put<std::uint16_t>(page, kSizeVersionOffset, kPageSize | kLayoutVersion);
    put<std::uint32_t>(page, kBtreeSpecial + 8, static_cast<std::uint32_t>(level));
    put<std::uint16_t>(page, kBtreeFlagsOffset, flags);
    return page;
}

std::string inner_btree_page(int level, bool root, std::uint32_t child) {
    std::string page = empty_btree_page(level, root ? kBtreeRootFlag : 0);
    const auto at = static_cast<std::uint16_t>(kBtreeSpecial - kPivotSize);
    put<std::uint16_t>(page, kLowerOffset, kHeaderSize + 4);
    put<std::uint16_t>(page, kUpperOffset, at);
    put<std::uint32_t>(page, kHeaderSize, at | (kNormalItem << 15) | (std::uint32_t{kPivotSize} << 17));
    put<std::uint16_t>(page, at, static_cast<std::uint16_t>(child >> 16));
    put<std::uint16_t>(page, at + 2U, static_cast<std::uint16_t>(child & 0xFFFF));
    put<std::uint16_t>(page, at + 4U, 0);  // key columns kept: none
    put<std::uint16_t>(page, at + 6U, kPivotInfo);
    return page;
}

}  // namespace

std::optional<BtreeMetadata> read_btree_metadata(std::string_view metapage) {
    if (metapage.size() < kPageSize || get<std::uint32_t>(metapage, kHeaderSize) != kBtreeMagic) return std::nullopt;
    BtreeMetadata found;
    found.root = get<std::uint32_t>(metapage, kBtreeRootOffset);
    found.level = get<std::uint32_t>(metapage, kBtreeRootOffset + 4);
    found.fast_root = get<std::uint32_t>(metapage, kBtreeRootOffset + 8);
    found.fast_level = get<std::uint32_t>(metapage, kBtreeRootOffset + 12);
    return found;
}

std::string btree_head(std::string_view built, int height) {
    std::string meta(built.substr(0, kPageSize));
    std::string leaf =
        built.size() >= 2 * kPageSize ? std::string(built.substr(kPageSize, kPageSize)) : empty_btree_page(0, kBtreeLeafFlag);
    clear_log_position(meta);
    clear_log_position(leaf);
    auto flags = get<std::uint16_t>(leaf, kBtreeFlagsOffset);
    flags = static_cast<std::uint16_t>(height == 0 ? flags | kBtreeRootFlag : flags & ~kBtreeRootFlag);
    put(leaf, kBtreeFlagsOffset, flags);

    const auto root = static_cast<std::uint32_t>(height + 1);
    const auto level = static_cast<std::uint32_t>(height);
    put(meta, kBtreeRootOffset, root);
    put(meta, kBtreeRootOffset + 4, level);
    put(meta, kBtreeRootOffset + 8, root);
    put(meta, kBtreeRootOffset + 12, level);

    std::string head = meta + leaf;
    for (int at_level = 1; at_level <= height; ++at_level)
        head += inner_btree_page(at_level, at_level == height, static_cast<std::uint32_t>(at_level));
    return head;
}

std::string adopt_gin_metapage(std::string_view metapage) {
    if (metapage.size() < kPageSize) return {};
    const auto special = get<std::uint16_t>(metapage, kSpecialOffset);
    if (special == 0 || special + 8U > kPageSize || (get<std::uint16_t>(metapage, special + 6U) & kGinMetaFlag) == 0) return {};
    std::string page(metapage.substr(0, kPageSize));
    clear_log_position(page);
    put(page, kGinPendingHeadOffset, kNoBlock);
    put(page, kGinPendingTailOffset, kNoBlock);
    return page;
}

std::string adopt_brin_metapage(std::string_view metapage) {
    if (metapage.size() < kPageSize || get<std::uint32_t>(metapage, kHeaderSize) != kBrinMagic) return {};
    std::string page(metapage.substr(0, kPageSize));
    clear_log_position(page);
    return page;
}

std::string brin_metapage_for(std::string_view metapage, std::int64_t heap_pages) {
    std::string page = adopt_brin_metapage(metapage);
    if (page.empty()) return page;
    const auto per_range = std::max<std::int64_t>(1, get<std::uint32_t>(metapage, kBrinPagesPerRangeOffset));
    const std::int64_t ranges = (heap_pages + per_range - 1) / per_range;
    const std::int64_t map_pages = std::max<std::int64_t>(1, (ranges + kBrinMapItemsPerPage - 1) / kBrinMapItemsPerPage);
    put(page, kBrinLastMapPageOffset, static_cast<std::uint32_t>(map_pages));
    return page;
}

int estimated_btree_height(std::int64_t pages) {
    if (pages <= 2) return 0;
    return static_cast<int>(std::ceil(std::log(static_cast<double>(pages - 1)) / std::log(kTypicalFanout)));
}

}  // namespace orrery::twin
