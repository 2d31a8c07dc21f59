#include "twin/relation_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::twin {
namespace {

using ::testing::ElementsAre;

TEST(SegmentSizes, AreFullButForTheLast) {
    EXPECT_THAT(segment_sizes(0, 131072), ElementsAre(0));
    EXPECT_THAT(segment_sizes(1, 131072), ElementsAre(8192));
    EXPECT_THAT(segment_sizes(131072, 131072), ElementsAre(std::int64_t{1} << 30));
    EXPECT_THAT(segment_sizes(131073, 131072), ElementsAre(std::int64_t{1} << 30, 8192));
    EXPECT_THAT(segment_sizes(10, 4), ElementsAre(4 * 8192, 4 * 8192, 2 * 8192));
}

}  // namespace
}  // namespace orrery::twin
