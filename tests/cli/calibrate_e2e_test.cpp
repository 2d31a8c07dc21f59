#include <gtest/gtest.h>

#include "orrery_process.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

namespace orrery::cli {
namespace {

using cli::testing::World;

TEST(CalibrateCommand, ShowsRefusesRunsAndTells) {
    const World world;
    auto cluster = pg::PrivateCluster::create({});
    ASSERT_TRUE(cluster) << cluster.error().to_text();
    ASSERT_TRUE(cluster->start());
    {
        auto admin = pg::Session::connect(cluster->uri(), {.safe_settings = false});
        ASSERT_TRUE(admin);
        ASSERT_TRUE(
            admin->execute("CREATE TABLE items AS SELECT i AS id, repeat('x', 90) AS note FROM generate_series(1, 20000) i;"
                           "ALTER TABLE items ADD PRIMARY KEY (id); ANALYZE items"));
    }
    const auto target = cluster->uri();
    const auto shown = world.run({"calibrate", "--target", target, "--dry-run"});
    ASSERT_EQ(shown.code, 0) << shown.errors;
    EXPECT_NE(shown.output.find("FROM ONLY public.items"), std::string::npos);
    EXPECT_NE(shown.output.find("Nothing was run"), std::string::npos);
    const auto listed = world.run({"--format", "json", "calibrate", "--target", target, "--dry-run"}).json();
    EXPECT_GT(listed["probes"].size(), 15U);
    EXPECT_GT(listed["probes"][0]["sql"].get<std::string>().size(), 10U);

    const auto refused = world.run({"calibrate", "--target", target});
    EXPECT_EQ(refused.code, 1);
    EXPECT_NE(refused.errors.find("--yes"), std::string::npos) << refused.errors;

    const auto done = world.run({"--format", "json", "--set", "calibrate.probe_timeout=20s", "--set", "calibrate.busy_sessions=50",
                                 "calibrate", "--target", target, "--yes", "--time", "60s"});
    ASSERT_TRUE(done.code == 0 || done.code == 3) << done.errors;  // 3: a loaded machine was slower than foreseen
    const auto document = done.json();
    EXPECT_EQ(document["stopped"].is_null(), done.code == 0);
    EXPECT_GT(document["terms"].size(), 30U);
    EXPECT_GT(document["probes"].size(), 9U);
    for (const auto& term : document["terms"]) EXPECT_GT(term["fitted_ns"].get<double>(), 0) << term["term"];
    EXPECT_EQ(world.run({"calibrate", "--target", target, "--yes", "--time", "soon"}).code, 2);
}

}  // namespace
}  // namespace orrery::cli
