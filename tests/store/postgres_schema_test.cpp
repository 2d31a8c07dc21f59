#include "store/postgres_schema.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace orrery::store {
namespace {

using base::from_unix_ms;

constexpr std::int64_t kHour = 3'600'000;
const auto kTuesday = from_unix_ms(1'700'000'000'000);  // 2023-11-14T22:13:20Z

TEST(Partitions, AreAsLongAsTheirRowsAreWide) {
    const auto width = [](std::int64_t ms) { return grain_of(from_unix_ms(0), from_unix_ms(ms)); };
    EXPECT_EQ(width(0), 0);
    EXPECT_EQ(width(10'000), 0);
    EXPECT_EQ(width(30'000), 1);
    EXPECT_EQ(width(60'000), 1);
    EXPECT_EQ(width(600'000), 2);
    EXPECT_EQ(width(24 * kHour), 3);
    EXPECT_EQ(partition_for(0, kTuesday).name("frames"), "frames_g0_20231114");
    EXPECT_EQ(partition_for(1, kTuesday).name("frames"), "frames_g1_20231113");
    EXPECT_EQ(partition_for(2, kTuesday).name("frames"), "frames_g2_20231101");
    EXPECT_EQ(partition_for(3, kTuesday).name("frames"), "frames_g3_20230101");
    EXPECT_EQ(base::to_iso8601(partition_for(2, from_unix_ms(1'702'000'000'000)).to), "2024-01-01T00:00:00.000Z");
}

TEST(Partitions, FollowEachOtherWithoutGapOrOverlap) {
    for (int grain = 0; grain < 4; ++grain) {
        auto at = kTuesday;
        for (int i = 0; i < 30; ++i) {
            const auto one = partition_for(grain, at);
            EXPECT_LE(one.from, at);
            EXPECT_GT(one.to, at);
            const auto next = partition_for(grain, one.to);
            EXPECT_EQ(next.from, one.to);
            at = next.from;
        }
    }
}

TEST(Partitions, AreKnownByTheirNames) {
    for (int grain = 0; grain < 4; ++grain) {
        const auto made = partition_for(grain, kTuesday);
        const auto read = partition_from_name("series_x", made.name("series_x"));
        ASSERT_TRUE(read.has_value());
        EXPECT_EQ(read->grain, grain);
        EXPECT_EQ(read->from, made.from);
        EXPECT_EQ(read->to, made.to);
    }
    for (const std::string& name : std::vector<std::string>{"frames", "frames_g0", "frames_g0_2023111", "frames_g4_20231114",
                                                            "frames_g0_20231314", "other_g0_20231114"})
        EXPECT_FALSE(partition_from_name("frames", name).has_value()) << name;
}

TEST(Identifiers, OrdinaryNamesStayOddOnesBecomeDistinct) {
    EXPECT_EQ(identifier_from("series_", "tables", 44), "series_tables");
    EXPECT_EQ(identifier_from("", "table", 50), "table");
    std::set<std::string> all;
    const std::string many(500, 'x');
    for (const std::string& name :
         {std::string("Tables"), std::string("tables "), std::string("tab\"les"), std::string("täbles"), std::string("1st"), std::string(),
          std::string("server_id"), many, many + "y", std::string("; DROP TABLE")}) {
        const auto identifier = identifier_from("", name, 50);
        EXPECT_LE(identifier.size(), 50U);
        EXPECT_TRUE(all.insert(identifier).second) << name;
        EXPECT_NE(identifier, "server_id");
        EXPECT_EQ(identifier.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string::npos) << identifier;
        EXPECT_FALSE(identifier[0] >= '0' && identifier[0] <= '9') << identifier;
    }
}

}  // namespace
}  // namespace orrery::store
