#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "orrery_process.hpp"
#include "training/registry.hpp"

namespace orrery::cli {
namespace {

using cli::testing::World;

class ModelsCommand : public ::testing::Test {
protected:
    const World world;
    const std::filesystem::path folder = world.path("state") / "orrery" / "models";

    void add(const std::string& kind, const std::string& scope, double q50) const {
        auto registry = training::Registry::open(folder).value();
        ASSERT_TRUE(registry.add({.kind = kind,
                                  .scope = scope,
                                  .created = base::from_unix_ms(1'763'797'680'123),
                                  .data_hash = 1,
                                  .features_hash = 2,
                                  .seed = 3,
                                  .figures = {{"q50", q50}},
                                  .made_of = {{"learner", "xgboost"}}},
                                 "payload"));
    }
    cli::testing::Outcome run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"--format", "json", "models"});
        return world.run(arguments);
    }
};

TEST_F(ModelsCommand, AnEmptyRegistryListsNothing) {
    const auto listed = run({"list"});
    ASSERT_EQ(listed.code, 0) << listed.errors;
    EXPECT_TRUE(listed.json()["models"].empty());
    const auto shown = run({"show"});
    EXPECT_EQ(shown.code, 1);
    EXPECT_NE(shown.errors.find("orrery train"), std::string::npos) << shown.errors;
}

TEST_F(ModelsCommand, PromotesAndRollsBack) {
    add("query-time", "db:5432/shop", 1.5);
    add("query-time", "db:5432/shop", 1.25);
    EXPECT_EQ(run({"show"}).code, 1) << "none is in use";
    ASSERT_EQ(run({"promote", "1"}).code, 0);
    const auto promoted = run({"promote", "2", "--kind", "query-time"});
    ASSERT_EQ(promoted.code, 0) << promoted.errors;
    EXPECT_EQ(promoted.json()["version"], 2);
    const auto listed = run({"list"}).json()["models"];
    ASSERT_EQ(listed.size(), 2U);
    EXPECT_EQ(listed[0]["in_use"], false);
    EXPECT_EQ(listed[1]["in_use"], true);
    EXPECT_EQ(listed[1]["figures"]["q50"], 1.25);
    EXPECT_EQ(listed[1]["features_hash"], "0000000000000002");
    const auto shown = run({"show"}).json();
    EXPECT_EQ(shown["version"], 2);
    EXPECT_EQ(shown["size_bytes"], 7);
    EXPECT_EQ(run({"show", "1"}).json()["in_use"], false);
    EXPECT_EQ(run({"rollback"}).json()["version"], 1);
    EXPECT_EQ(run({"rollback"}).code, 1);
    EXPECT_EQ(run({"promote", "9"}).code, 1);
    const auto table = world.run({"models", "list"});
    EXPECT_EQ(table.code, 0);
    EXPECT_NE(table.output.find("q50 1.5"), std::string::npos) << table.output;
    EXPECT_NE(world.run({"models", "show"}).output.find("learner"), std::string::npos);
}

TEST_F(ModelsCommand, AsksWhichOfSeveralIsMeant) {
    add("query-time", "a", 2);
    add("query-time", "b", 2);
    const auto refused = run({"promote", "1"});
    EXPECT_EQ(refused.code, 2);
    EXPECT_NE(refused.errors.find("query-time of a, query-time of b"), std::string::npos) << refused.errors;
    EXPECT_EQ(run({"promote", "1", "--scope", "b"}).json()["scope"], "b");
    EXPECT_EQ(run({"list", "--scope", "b"}).json()["models"].size(), 1U);
    EXPECT_EQ(run({"promote", "0"}).code, 2);
}

TEST_F(ModelsCommand, ADamagedFileIsToldAndTheRestListed) {
    add("clusters", "a", 1);
    add("clusters", "a", 1);
    std::ofstream(folder / "clusters" / "a" / "1.model", std::ios::trunc) << "scribble";
    const auto listed = run({"list"});
    EXPECT_EQ(listed.code, 3);
    EXPECT_EQ(listed.json()["models"].size(), 1U);
    EXPECT_EQ(listed.json()["damaged"].size(), 1U);
    EXPECT_NE(listed.errors.find("1.model"), std::string::npos) << listed.errors;
}

}  // namespace
}  // namespace orrery::cli
