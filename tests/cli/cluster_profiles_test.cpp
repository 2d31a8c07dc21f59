#include "cli/cluster_profiles.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace orrery::cli {
namespace {

TEST(ClusterProfiles, TraitsAreToldInWordsAndUnits) {
    models::ClusterProfile profile;
    profile.traits = {{"resource.mean_us", 9e6, 80, 5}, {"resource.blocks", 180'240.4, 5.25, 4}, {"resource.hit_ratio", 0.5, 1, 3},
                      {"tables.customers", 1, 0.25, 3}, {"statement.joins_inner", 2, 0.125, 3},  {"hour.02", 0.9, 0.01, 2},
                      {"day.monday", 0.5, 0.1, 2},      {"plan.cost.total", 123'456, 8.29, 1},   {"something", 1, 2, 1}};
    EXPECT_EQ(traits_in_words(profile, 1), "mean time 9.0 s (others 80.0 µs)");
    EXPECT_EQ(
        traits_in_words(profile, 20),
        "mean time 9.0 s (others 80.0 µs), blocks a call 180240 (others 5.25), blocks found in the cache 50 % (others 100 %), about "
        "customers 100 % (others 25 %), joins inner 2 (others 0.125), calls at 02 h 90 % (others 1 %), calls on Monday 50 % (others 10 "
        "%), plan's cost.total 123456 (others 8.29), something 1 (others 2)");
    EXPECT_EQ(traits_in_words({}, 3), "");
}

TEST(ClusterProfiles, NumbersThatAreNoneAreNullInJson) {
    models::ClusterProfile profile{.id = 4, .name = "look-ups", .templates = 2, .examples = {{0x1fULL}}};
    profile.traits = {{"plan.nodes", std::numeric_limits<double>::quiet_NaN(), 2, 1}};
    const auto document = profile_json(profile);
    EXPECT_TRUE(document["traits"][0]["inside"].is_null());
    EXPECT_EQ(document["traits"][0]["outside"], 2);
    EXPECT_EQ(document["examples"][0], "000000000000001f");
    EXPECT_EQ(in_words(engine::ClusterHistory::LeftOut{"without a text", 1, 0.0213}),
              "left out: 1 template without a text (2.1 % of the time)");
}

}  // namespace
}  // namespace orrery::cli
