#include <gtest/gtest.h>

#include <string>

#include "orrery_process.hpp"
#include "pg/private_cluster.hpp"

namespace orrery::cli {
namespace {

using cli::testing::World;

TEST(StoreCommand, AnEmptyFileIsAStoreToo) {
    const World world;
    const auto file = world.path("history.db").string();
    const auto told = world.run({"--store", file, "--format", "json", "store", "info"});
    ASSERT_EQ(told.code, 0) << told.errors;
    const auto document = told.json();
    EXPECT_EQ(document["kind"], "sqlite");
    EXPECT_EQ(document["place"], file);
    EXPECT_TRUE(document["servers"].empty());
    const auto table = world.run({"--store", file, "store", "info"});
    EXPECT_EQ(table.code, 0);
    EXPECT_NE(table.output.find("10 s for 2 d"), std::string::npos) << table.output;
    EXPECT_EQ(world.run({"--store", file, "--format", "json", "store", "roll-up"}).json()["deleted"], 0);
}

TEST(StoreCommand, ARetentionThatMakesNoSenseIsAUsageError) {
    const World world;
    const auto refused = world.run({"--store", world.path("h.db").string(), "--set", "store.retention=1min:10s", "store", "roll-up"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_NE(refused.errors.find("store.retention"), std::string::npos) << refused.errors;
    EXPECT_NE(refused.errors.find("10s:48h"), std::string::npos) << "an example";
}

TEST(StoreCommand, AFileMovesToPostgresAndBack) {
    const World world;
    auto cluster = pg::PrivateCluster::create({});
    ASSERT_TRUE(cluster) << cluster.error().to_text();
    ASSERT_TRUE(cluster->start());
    const auto file = world.path("history.db").string(), url = cluster->uri("postgres");
    ASSERT_EQ(world.run({"--store", file, "store", "info"}).code, 0);
    const auto there = world.run({"--format", "json", "store", "migrate", "--from", file, "--to", url});
    ASSERT_EQ(there.code, 0) << there.errors;
    EXPECT_TRUE(there.json()["equal"]);
    const auto info = world.run({"--store", url, "--format", "json", "store", "info"});
    ASSERT_EQ(info.code, 0) << info.errors;
    EXPECT_EQ(info.json()["kind"], "postgresql");
    EXPECT_EQ(info.json()["waiting_in_spool"], 0);
    EXPECT_GT(info.json()["size_bytes"], 0);
    EXPECT_EQ(world.run({"--store", url, "store", "roll-up"}).code, 0);
    EXPECT_EQ(world.run({"store", "migrate", "--from", url, "--to", world.path("back.db").string()}).code, 0);
    const auto absent = world.run({"store", "migrate", "--from", world.path("absent.db").string(), "--to", url});
    EXPECT_EQ(absent.code, 1);
    EXPECT_FALSE(std::filesystem::exists(world.path("absent.db"))) << "a source is not made";
    EXPECT_EQ(world.run({"store", "migrate", "--from", file, "--to", file}).code, 2);
}

TEST(StoreCommand, AnUnreachableStoreIsAnErrorWithoutThePassword) {
    const World world;
    const auto failed = world.run({"--store", "postgresql://me:geheim@127.0.0.1:1/history?connect_timeout=2", "store", "info"});
    EXPECT_EQ(failed.code, 1);
    EXPECT_NE(failed.errors.find("127.0.0.1:1/history"), std::string::npos) << failed.errors;
    EXPECT_EQ((failed.output + failed.errors).find("geheim"), std::string::npos) << failed.errors;
}

}  // namespace
}  // namespace orrery::cli
