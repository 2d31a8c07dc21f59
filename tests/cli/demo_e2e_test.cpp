#include "orrery_process.hpp"
#include "support/reaper.hpp"

namespace orrery::cli {
namespace {

using testing::Running;
using testing::World;

const std::vector<std::string> kSmallDemo{"demo", "--scale", "0.05", "--format", "json"};

TEST(Demo, InterruptedAtAnyMomentNothingStays) {
    for (const auto* moment : {"starting a private PostgreSQL", "loading the shop", "observing the workload", "[1/"}) {
        const World world;
        Running demo(world, kSmallDemo);
        ASSERT_TRUE(demo.says(moment)) << demo.said();
        demo.signal(SIGINT);
        EXPECT_EQ(demo.wait(), 1) << moment << "\n" << demo.said();
        EXPECT_NE(demo.said().find("ERROR:  "), std::string::npos) << demo.said();
        EXPECT_TRUE(world.clean()) << "after SIGINT at \"" << moment << "\":\n" << world.leftovers();
    }
}

TEST(Demo, KilledAtAnyMomentNothingStays) {
    for (const auto* moment : {"loading the shop", "observing the workload", "[1/"}) {
        const World world;
        Running demo(world, kSmallDemo);
        ASSERT_TRUE(demo.says(moment)) << demo.said();
        demo.signal(SIGKILL);
        EXPECT_EQ(demo.wait(), 128 + SIGKILL);
        EXPECT_TRUE(world.clean()) << "after SIGKILL at \"" << moment << "\":\n" << world.leftovers();
    }
}

TEST(Demo, TheWholeLoopFindsWhatWasPlanted) {
    const World world;
    const auto outcome = world.run({"--quiet", "demo", "--seed", "2", "--format", "json"});
    ASSERT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(outcome.errors, "");
    const auto report = outcome.json();
    EXPECT_LT(report["workload"]["after_ms"].get<double>(), report["workload"]["before_ms"].get<double>() / 5);
    EXPECT_GE(report["planted"]["total"].get<int>(), 12);
    EXPECT_GE(report["planted"]["found"].get<double>(), 0.9 * report["planted"]["total"].get<double>()) << outcome.output;
    EXPECT_EQ(report["planted"]["decoys_taken"], 0) << outcome.output;
    EXPECT_GT(report["coverage_percent"].get<double>(), 80);
    EXPECT_TRUE(report["phases_seconds"].contains("apply"));
    for (const auto& r : report["recommendations"]) {
        for (const auto* key : {"id", "kind", "sql", "predicted_percent", "measured_percent", "ci_percent", "outcome"})
            EXPECT_TRUE(r.contains(key)) << key;
        EXPECT_EQ(r["ci_percent"].size(), 2U);
        EXPECT_TRUE(r["outcome"] == "kept" || r["outcome"] == "reverted") << r.dump(2);
    }
    EXPECT_TRUE(world.clean()) << world.leftovers();
}

}  // namespace
}  // namespace orrery::cli
