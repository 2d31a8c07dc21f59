// Clusters as users meet them: trained on what is stored, asked for, kept from training to training.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/clustered_history.hpp"
#include "engine/target_fixture.hpp"
#include "orrery_process.hpp"

namespace orrery::cli {
namespace {

using testing::Outcome;
using testing::World;

class ClusterCommands : public engine::testing::TargetFixture {
protected:
    World world;

    Outcome orrery(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--store", context_.store});
        arguments.insert(arguments.end(), {"--target", target()});
        return world.run(arguments);
    }
    /// Three weeks of hours that end an hour ago, of this target's database.
    void make_up() {
        auto session = engine::connect_observer(context_, target(), "test");
        ASSERT_TRUE(session) << session.error().to_text();
        const auto file = store();
        const auto server = engine::identify(*file, *session);
        const auto database = engine::database_oid(*session);
        ASSERT_TRUE(server && database);
        const auto hour = base::to_unix_ms(context_.clock->now()) / 3'600'000 - 1;
        engine::testing::make_up_history(*file, *server, *database, base::from_unix_ms(hour * 3'600'000), 21);
    }
};

TEST_F(ClusterCommands, TrainAnalyzeAndTrainAgain) {
    const auto nothing = orrery({"train", "clusters"});
    EXPECT_EQ(nothing.code, 1);
    EXPECT_NE(nothing.errors.find("orrery collect"), std::string::npos) << nothing.errors;
    make_up();

    const auto before = orrery({"analyze", "clusters", "--format", "json"});
    ASSERT_EQ(before.code, 0) << before.errors;
    EXPECT_TRUE(before.json()["version"].is_null());
    EXPECT_EQ(before.json()["remark"], "no clusters were trained for this database");
    EXPECT_EQ(before.json()["clusters"].size(), 3U);

    const auto trained = orrery({"train", "clusters", "--format", "json"});
    ASSERT_EQ(trained.code, 0) << trained.errors;
    const auto model = trained.json();
    EXPECT_EQ(model["version"], 1);
    EXPECT_EQ(model["promoted"], true);
    EXPECT_EQ(model["view"], "what");
    EXPECT_EQ(model["method"], "kmeans");
    EXPECT_EQ(model["templates"], 14);
    ASSERT_EQ(model["clusters"].size(), 3U);
    EXPECT_NE(trained.errors.find("14 templates"), std::string::npos) << "progress: " << trained.errors;

    const auto asked = orrery({"--quiet", "analyze", "clusters", "--format", "json"});
    ASSERT_EQ(asked.code, 0) << asked.errors;
    EXPECT_EQ(asked.errors, "");
    const auto report = asked.json();
    EXPECT_EQ(report["version"], 1);
    EXPECT_EQ(report["drift"]["outdated"], false);
    EXPECT_EQ(report["new_kinds"].size(), 0U);
    double templates = 0;
    for (const auto& cluster : report["clusters"]) {
        templates += cluster["templates"].get<double>();
        EXPECT_FALSE(cluster["name"].get<std::string>().empty());
        EXPECT_GE(cluster["traits"].size(), 1U);
        EXPECT_GE(cluster["examples"].size(), 1U);
        EXPECT_EQ(cluster["past_hours"].size(), 168U);
        const auto& forecast = cluster["forecast"];
        EXPECT_EQ(forecast["hours"].size(), 24U);
        EXPECT_LE(forecast["next_hour"]["low"].get<double>(), forecast["next_hour"]["high"].get<double>());
        EXPECT_GT(forecast["next_day"]["calls"].get<double>(), 0);
    }
    EXPECT_EQ(templates, 14);

    const auto table = orrery({"analyze", "clusters"});
    EXPECT_EQ(table.code, 0);
    for (const auto* words : {"3 clusters of version 1", "next hour", "what sets it apart", "168 hours", "Since the training"})
        EXPECT_NE(table.output.find(words), std::string::npos) << words << "\n" << table.output;
    EXPECT_EQ(orrery({"analyze", "clusters", "--format", "csv"}).output.substr(0, 3), "id,");

    const auto again = orrery({"train", "clusters", "--clusters", "3", "--seed", "9", "--no-promote", "--format", "json"}).json();
    EXPECT_EQ(again["version"], 2);
    EXPECT_EQ(again["parent"], 1);
    EXPECT_EQ(again["kept_ids"], 3);
    EXPECT_EQ(again["promoted"], false);
    EXPECT_EQ(orrery({"analyze", "clusters", "--format", "json"}).json()["version"], 1);
}

TEST_F(ClusterCommands, OptionsReachTheModelAndWrongOnesAreUsageErrors) {
    make_up();
    const auto when = orrery({"train", "clusters", "--view", "when", "--method", "dbscan", "--dry-run", "--set",
                              "model.cluster_minimum_points=2", "--format", "json"});
    ASSERT_EQ(when.code, 0) << when.errors;
    EXPECT_EQ(when.json()["view"], "when");
    EXPECT_EQ(when.json()["method"], "dbscan");
    EXPECT_TRUE(when.json()["version"].is_null());
    const auto text = orrery({"train", "clusters", "--dry-run", "--since", "5d"});
    EXPECT_NE(text.output.find("clusters of 14 templates"), std::string::npos) << text.output;

    EXPECT_EQ(orrery({"train", "clusters", "--view", "where"}).code, 2);
    EXPECT_EQ(orrery({"train", "clusters", "--clusters", "-1"}).code, 2);
    const auto many = orrery({"train", "clusters", "--clusters", "100000"});
    EXPECT_EQ(many.code, 2);
    EXPECT_NE(many.errors.find("--clusters"), std::string::npos) << many.errors;
    const auto both = orrery({"train", "clusters", "--method", "dbscan", "--clusters", "4"});
    EXPECT_EQ(both.code, 2);
    EXPECT_NE(both.errors.find("DBSCAN"), std::string::npos) << both.errors;
}

}  // namespace
}  // namespace orrery::cli
