#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>

#include "twin/extended_statistics.hpp"
#include "twin/page_format.hpp"
#include "twin/relation_file.hpp"

namespace orrery::twin {
namespace {

TEST(SegmentSizesProperty, AddUpToTheRelation) {
    EXPECT_TRUE(rc::check([] {
        const auto pages = *rc::gen::inRange<std::int64_t>(0, 1'000'000);
        const auto per_segment = *rc::gen::inRange<std::int64_t>(1, 140'000);
        const auto sizes = segment_sizes(pages, per_segment);
        RC_ASSERT(std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == pages * 8192);
        for (std::size_t i = 0; i + 1 < sizes.size(); ++i) RC_ASSERT(sizes[i] == per_segment * 8192);
        RC_ASSERT(pages == 0 || sizes.back() > 0);
    }));
}

TEST(RemapProperty, ArbitraryBytesAreRefusedOrKeptInLength) {
    EXPECT_TRUE(rc::check([](const std::string& tail, bool dependencies) {
        std::string bytes = dependencies ? std::string("\x2C\x9A\x54\xB4\1\0\0\0", 8) : std::string("\xA4\xBF\x52\xA3\1\0\0\0", 8);
        bytes += tail;
        const AttributeMap map{{1, 2}, {2, 1}};
        const auto mapped = dependencies ? remap_dependencies(bytes, map) : remap_ndistinct(bytes, map);
        if (mapped) RC_ASSERT(mapped->size() == bytes.size());
        (void)remap_mcv(std::string("\xC2\x51\xA6\xE1\1\0\0\0", 8) + tail, {}, {});
    }));
}

TEST(BtreeHeadProperty, SaysTheHeightItWasGiven) {
    EXPECT_TRUE(rc::check([] {
        const int height = *rc::gen::inRange(0, 9);
        std::string metapage(kPageSize, '\0');
        metapage.replace(24, 4, std::string("\x62\x31\x05\0", 4));
        const auto head = btree_head(metapage, height);
        RC_ASSERT(head.size() == (static_cast<std::size_t>(height) + 2) * kPageSize);
        RC_ASSERT(read_btree_metadata(head)->fast_level == static_cast<std::uint32_t>(height));
        RC_ASSERT(btree_head(head.substr(0, 2 * kPageSize), height) == head);
    }));
}

}  // namespace
}  // namespace orrery::twin
