#include "twin/page_format.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace orrery::twin {
namespace {

std::uint32_t u32(std::string_view bytes, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

std::uint16_t u16(std::string_view bytes, std::size_t at) {
    std::uint16_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

template <typename T>
void put(std::string& bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// As nbtree writes it for an index whose root is the leaf in block `root`.
std::string btree_metapage(std::uint32_t root) {
    std::string page(kPageSize, '\0');
    put<std::uint64_t>(page, 0, 0x1234);     // pd_lsn
    put<std::uint16_t>(page, 12, 72);        // pd_lower
    put<std::uint16_t>(page, 14, 8176);      // pd_upper
    put<std::uint16_t>(page, 16, 8176);      // pd_special
    put<std::uint16_t>(page, 18, 8192 | 4);  // size and version
    put<std::uint32_t>(page, 24, 0x053162);  // btm_magic
    put<std::uint32_t>(page, 28, 4);         // btm_version
    put<std::uint32_t>(page, 32, root);
    put<std::uint32_t>(page, 40, root);
    put<std::uint16_t>(page, 8188, 1 << 3);  // BTP_META
    return page;
}

std::string leaf_page() {
    std::string page(kPageSize, '\7');
    put<std::uint16_t>(page, 8188, 1 | 2);  // leaf and root
    return page;
}

TEST(BtreeHead, OfHeightZeroKeepsTheLeafAsRoot) {
    const std::string head = btree_head(btree_metapage(1) + leaf_page(), 0);
    ASSERT_EQ(head.size(), 2 * kPageSize);
    const auto meta = read_btree_metadata(head);
    ASSERT_TRUE(meta.has_value());
    EXPECT_EQ(meta->root, 1U);
    EXPECT_EQ(meta->level, 0U);
    EXPECT_EQ(meta->fast_root, 1U);
    EXPECT_EQ(meta->fast_level, 0U);
    EXPECT_EQ(u16(head, kPageSize + 8188), 1 | 2);
}

TEST(BtreeHead, PutsOnePagePerLevelAboveTheLeaf) {
    const std::string head = btree_head(btree_metapage(1) + leaf_page(), 3);
    ASSERT_EQ(head.size(), 5 * kPageSize);
    const auto meta = read_btree_metadata(head);
    ASSERT_TRUE(meta.has_value());
    EXPECT_EQ(meta->root, 4U);
    EXPECT_EQ(meta->level, 3U);
    EXPECT_EQ(u32(head, 0), 0U) << "the log position of the metapage";
    EXPECT_EQ(u16(head, kPageSize + 8188), 1) << "the leaf is no root any more";
    EXPECT_EQ(head[kPageSize + 100], '\7') << "the leaf keeps its tuples";
    for (std::uint32_t level = 1; level <= 3; ++level) {
        const std::string_view page = std::string_view(head).substr((level + 1) * kPageSize, kPageSize);
        EXPECT_EQ(u16(page, 12), 28) << "one line pointer";
        EXPECT_EQ(u16(page, 14), 8168);
        EXPECT_EQ(u16(page, 16), 8176);
        EXPECT_EQ(u16(page, 18), 8192 | 4);
        EXPECT_EQ(u32(page, 24), 8168U | 1U << 15 | 8U << 17) << "offset, normal, length";
        EXPECT_EQ(static_cast<std::uint32_t>(u16(page, 8168)) << 16 | u16(page, 8170), level) << "downlink to the page before";
        EXPECT_EQ(u16(page, 8172), 0) << "minus infinity";
        EXPECT_EQ(u16(page, 8174), 8 | 0x2000);
        EXPECT_EQ(u32(page, 8176), 0U) << "no left sibling";
        EXPECT_EQ(u32(page, 8180), 0U) << "no right sibling";
        EXPECT_EQ(u32(page, 8184), level);
        EXPECT_EQ(u16(page, 8188), level == 3 ? 2 : 0);
    }
}

TEST(BtreeHead, MakesAnEmptyLeafForAnEmptyIndex) {
    const std::string head = btree_head(btree_metapage(0), 1);
    ASSERT_EQ(head.size(), 3 * kPageSize);
    const std::string_view leaf = std::string_view(head).substr(kPageSize, kPageSize);
    EXPECT_EQ(u16(leaf, 12), 24);
    EXPECT_EQ(u16(leaf, 14), 8176);
    EXPECT_EQ(u16(leaf, 8188), 1);
    EXPECT_EQ(read_btree_metadata(head)->root, 2U);
}

TEST(BtreeMetadata, IsNotReadFromOtherPages) {
    EXPECT_FALSE(read_btree_metadata(std::string(kPageSize, '\0')).has_value());
    EXPECT_FALSE(read_btree_metadata(btree_metapage(1).substr(0, 100)).has_value());
    EXPECT_FALSE(read_btree_metadata({}).has_value());
}

TEST(GinMetapage, LosesItsPendingListButNotItsCounts) {
    std::string page(kPageSize, '\0');
    put<std::uint64_t>(page, 0, 99);
    put<std::uint16_t>(page, 16, 8184);
    put<std::uint16_t>(page, 8190, 1 << 3);  // GIN_META
    put<std::uint32_t>(page, 24, 17);        // head of the pending list
    put<std::uint32_t>(page, 28, 18);        // tail
    put<std::uint32_t>(page, 36, 2);         // pending pages
    put<std::uint32_t>(page, 48, 500);       // total pages
    const std::string adopted = adopt_gin_metapage(page);
    ASSERT_EQ(adopted.size(), kPageSize);
    EXPECT_EQ(u32(adopted, 0), 0U);
    EXPECT_EQ(u32(adopted, 24), 0xFFFFFFFFU);
    EXPECT_EQ(u32(adopted, 28), 0xFFFFFFFFU);
    EXPECT_EQ(u32(adopted, 36), 2U);
    EXPECT_EQ(u32(adopted, 48), 500U);
    EXPECT_TRUE(adopt_gin_metapage(std::string(kPageSize, '\0')).empty()) << "not on disk yet";
    EXPECT_TRUE(adopt_gin_metapage("short").empty());
}

TEST(BrinMetapage, CoversTheTable) {
    std::string page(kPageSize, '\0');
    put<std::uint32_t>(page, 24, 0xA8109CFA);
    put<std::uint32_t>(page, 28, 1);
    put<std::uint32_t>(page, 32, 128);
    put<std::uint32_t>(page, 36, 1);
    EXPECT_EQ(u32(brin_metapage_for(page, 0), 36), 1U);
    EXPECT_EQ(u32(brin_metapage_for(page, 128 * 1360), 36), 1U);
    EXPECT_EQ(u32(brin_metapage_for(page, 128 * 1360 + 1), 36), 2U);
    EXPECT_TRUE(brin_metapage_for(std::string(kPageSize, '\0'), 5).empty());
    EXPECT_TRUE(adopt_brin_metapage(std::string(kPageSize, '\0')).empty());
}

TEST(EstimatedHeight, GrowsByAFactorOf285) {
    EXPECT_EQ(estimated_btree_height(0), 0);
    EXPECT_EQ(estimated_btree_height(2), 0);
    EXPECT_EQ(estimated_btree_height(3), 1);
    EXPECT_EQ(estimated_btree_height(286), 1);
    EXPECT_EQ(estimated_btree_height(287), 2);
    EXPECT_EQ(estimated_btree_height(81000), 2);
    EXPECT_EQ(estimated_btree_height(82000), 3);
}

}  // namespace
}  // namespace orrery::twin
