// Recording, training and predicting with the binary, on a server with one table.
#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/target_fixture.hpp"
#include "orrery_process.hpp"

namespace orrery::cli {
namespace {

using ::testing::HasSubstr;
using testing::World;

constexpr auto kWorkload = R"sql(
SELECT * FROM orders WHERE id = 17;
SELECT count(*) FROM orders WHERE note LIKE '%9%';
SELECT customer_id, count(*) FROM orders GROUP BY 1;
SELECT * FROM orders ORDER BY note;
SELECT count(*) FROM orders a JOIN orders b ON a.customer_id = b.id;
SELECT max(id) FROM orders WHERE customer_id = 7;
)sql";

class QueryTimeCommands : public engine::testing::TargetFixture {
protected:
    void SetUp() override {
        TargetFixture::SetUp();
        plans_ = world.path("plans.jsonl").string();
        const auto recorded = world.run({"--quiet", "lab", "record", "--target", target(), "--workload",
                                         world.write("workload.sql", kWorkload), "--output", plans_, "--repeats", "1"});
        ASSERT_EQ(recorded.code, 0) << recorded.errors;
    }
    World world;
    std::string plans_;
};

TEST_F(QueryTimeCommands, TrainEvaluatePredict) {
    const auto trained = world.run({"--quiet", "--format", "json", "train", "query-time", "--target", target(), "--plans", plans_,
                                    "--evaluate", "leave-one-template-out"});
    ASSERT_EQ(trained.code, 0) << trained.errors;
    const auto report = trained.json();
    EXPECT_EQ(report["split"], "leave-one-template-out");
    EXPECT_THAT(report["model"].get<std::string>(), HasSubstr("physics"));
    ASSERT_EQ(report["groups"].size(), 6U);
    for (const auto* key : {"template", "n", "q50", "q95"}) EXPECT_TRUE(report["groups"][0].contains(key)) << key;
    for (const auto* key : {"q50", "q90", "q95", "coverage90"}) EXPECT_TRUE(report["overall"].contains(key)) << key;
    for (const auto* key : {"q50", "q95"}) EXPECT_TRUE(report["baseline"].contains(key)) << key;
    EXPECT_EQ(report["version"], 1);
    EXPECT_EQ(report["promoted"], true);

    const auto answer =
        world.run({"--format", "json", "predict", "--target", target(), "--sql", "SELECT count(*) FROM orders WHERE note LIKE '%3%'"});
    ASSERT_EQ(answer.code, 0) << answer.errors;
    const auto prediction = answer.json();
    EXPECT_EQ(prediction["trained"], true);
    EXPECT_GT(prediction["ms"].get<double>(), 0.1);
    EXPECT_LT(prediction["low_ms"], prediction["ms"]);
    EXPECT_GT(prediction["high_ms"], prediction["ms"]);
    for (const auto* list : {"operators", "features"}) {
        double sum = prediction["base_ms"].get<double>();
        for (const auto& share : prediction[list]) sum += share["ms"].get<double>();
        EXPECT_NEAR(sum, prediction["ms"].get<double>(), 1e-5) << list;
    }
    const auto words = world.run({"predict", "--target", target(), "--sql", "SELECT count(*) FROM orders WHERE note LIKE '%3%'"});
    EXPECT_THAT(words.output, HasSubstr("with 90 % confidence between"));
    EXPECT_THAT(words.output, HasSubstr("Seq Scan on orders"));
}

TEST_F(QueryTimeCommands, HeldOutPlansAndADryRun) {
    const auto trained =
        world.run({"--quiet", "--format", "json", "train", "query-time", "--plans", plans_, "--test-plans", plans_, "--design", "flat",
                   "--learner", "random-forest", "--dry-run", "--leave-out", "2020-01-01T00:00:00Z/2020-01-02T00:00:00Z"});
    ASSERT_EQ(trained.code, 3) << "they were learnt from: " << trained.errors;
    const auto report = trained.json();
    EXPECT_THAT(report["model"].get<std::string>(), HasSubstr("random-forest"));
    EXPECT_EQ(report["version"], nullptr);
    EXPECT_GT(report["overall"]["q50"], 0.99);
    const auto answer = world.run({"--quiet", "--format", "json", "predict", "--target", target(), "--sql", "SELECT 1"});
    EXPECT_EQ(answer.json()["trained"], false);
}

TEST_F(QueryTimeCommands, ErrorsSayWhatToDo) {
    const auto since = world.run({"train", "query-time", "--plans", plans_, "--since", "1d"});
    EXPECT_EQ(since.code, 2);
    EXPECT_THAT(since.errors, HasSubstr("--since goes with collected plans"));
    const auto elsewhere = world.path("elsewhere.jsonl").string();
    EXPECT_NE(world
                  .run({"lab", "record", "--target", "postgresql:///?host=/nowhere", "--workload", world.write("w.sql", kWorkload),
                        "--output", elsewhere})
                  .code,
              0);
    EXPECT_FALSE(std::filesystem::exists(elsewhere));
    const auto none = world.run({"train", "query-time"});
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.errors, HasSubstr("--plans"));
    const auto missing = world.run({"train", "query-time", "--plans", world.path("absent.jsonl").string()});
    EXPECT_NE(missing.code, 0);
    EXPECT_THAT(missing.errors, HasSubstr("absent.jsonl"));
    EXPECT_EQ(world.run({"train", "query-time", "--plans", plans_, "--evaluate", "by-row"}).code, 2);
    const auto few = world.run({"train", "query-time", "--plans", plans_, "--evaluate", "holdout-database"});
    EXPECT_NE(few.code, 0);
    EXPECT_THAT(few.errors, HasSubstr("database"));
    EXPECT_THAT(world.run({"predict", "--target", target(), "--sql", "DELETE FROM"}).errors, HasSubstr("ERROR:  "));
}

TEST_F(QueryTimeCommands, AKilledTrainingLeavesTheModelInUse) {
    ASSERT_EQ(world.run({"--quiet", "train", "query-time", "--plans", plans_, "--evaluate", "none"}).code, 0);
    const auto before = world.run({"--quiet", "--format", "json", "predict", "--target", target(), "--sql", "SELECT * FROM orders"}).json();
    EXPECT_EQ(before["trained"], true);
    for (const auto* delay : {"0.05", "0.15", "0.3", "0.6"}) {
        auto options = world.options({});
        options.command = {
            "/bin/sh", "-c",
            fmt::format("timeout -s KILL {} {} --quiet --set model.trees=10000 train query-time --plans {} >/dev/null 2>&1; true", delay,
                        ORRERY_BINARY, plans_)};
        World::run(options);
    }
    const auto after = world.run({"--quiet", "--format", "json", "predict", "--target", target(), "--sql", "SELECT * FROM orders"});
    ASSERT_EQ(after.code, 0) << after.errors;
    EXPECT_EQ(after.json()["model"], before["model"]);
}

TEST_F(QueryTimeCommands, WithoutAPlaceForACheckpointTheEvaluationGoesOn) {
    auto options = world.options({});
    options.command = {"/bin/sh", "-c",
                       fmt::format("XDG_CACHE_HOME={} {} --quiet --format json --set model.trees=5 train query-time --plans {} --dry-run",
                                   plans_, ORRERY_BINARY, plans_)};
    const auto trained = World::run(options);
    EXPECT_EQ(trained.code, 3) << trained.errors;
    const auto report = trained.json();
    EXPECT_EQ(report["groups"].size(), 6U);
    EXPECT_THAT(report["warnings"].dump(), HasSubstr("No checkpoint was kept"));
}

TEST_F(QueryTimeCommands, AModelThatCannotBeStoredIsAnErrorAndTheOldOneStays) {
    ASSERT_EQ(world.run({"--quiet", "train", "query-time", "--plans", plans_, "--evaluate", "none"}).code, 0);
    auto options = world.options({});
    options.command = {
        "/bin/sh", "-c",
        fmt::format("ulimit -f 1; trap '' XFSZ; {} --quiet train query-time --plans {} --evaluate none", ORRERY_BINARY, plans_)};
    const auto full = World::run(options);
    EXPECT_EQ(full.code, 1);
    EXPECT_THAT(full.errors, HasSubstr("ERROR:  "));
    const auto after = world.run({"--quiet", "--format", "json", "predict", "--target", target(), "--sql", "SELECT * FROM orders"});
    EXPECT_THAT(after.json()["model"].get<std::string>(), HasSubstr("version 1"));
}

TEST_F(QueryTimeCommands, RefusalsSpeakOfWhatThePersonWrote) {
    const auto unknown = world.run({"predict", "--target", target(), "--sql", "SELECT * FROM absent"});
    EXPECT_EQ(unknown.code, 1);
    EXPECT_THAT(unknown.errors, HasSubstr("\"absent\" does not exist"));
    EXPECT_THAT(unknown.errors, HasSubstr("HINT:"));
    EXPECT_THAT(unknown.errors, ::testing::Not(HasSubstr("character"))) << "of a text with EXPLAIN in front that nobody has seen";
    const auto held_out = world.run({"train", "query-time", "--plans", plans_, "--test-plans", world.path("absent.jsonl").string()});
    EXPECT_NE(held_out.code, 0);
    EXPECT_THAT(held_out.errors, ::testing::Not(HasSubstr("training"))) << "found out before anything was trained";
    const auto parameter = world.run({"--quiet", "lab", "record", "--target", target(), "--workload",
                                      world.write("parameter.sql", "SELECT 1;\nSELECT * FROM orders WHERE id = $1;\n"), "--output",
                                      world.path("parameter.jsonl").string()});
    EXPECT_EQ(parameter.code, 3);
    EXPECT_THAT(parameter.output, HasSubstr("parameter.sql:2: has parameters"));
    EXPECT_THAT(world.run({"models", "show", "abc"}).errors, HasSubstr("ERROR:  VERSION: Value abc not in range 1 to"));
}

TEST_F(QueryTimeCommands, TablesForPeopleAndForScripts) {
    const std::vector<std::string> train{"train", "query-time", "--plans", plans_, "--evaluate", "leave-one-template-out"};
    const auto with = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), train.begin(), train.end());
        return world.run(arguments);
    };
    const auto table = with({"--quiet"});
    EXPECT_THAT(table.output, HasSubstr("\n----------------"));
    EXPECT_THAT(table.output, HasSubstr("\nplanner's cost"));
    EXPECT_THAT(with({"--quiet", "--format", "csv"}).output, HasSubstr("template,n,q50,q90,q95,q_max,mae_ms,coverage90\r\n"));
    const auto csv =
        world.run({"--quiet", "--format", "csv", "predict", "--target", target(), "--sql", "SELECT * FROM orders WHERE id = 3"});
    EXPECT_THAT(csv.output, HasSubstr("operator,ms,share\r\n"));
    const auto words = world.run({"predict", "--target", target(), "--sql", "SELECT 1"});
    EXPECT_THAT(words.output, HasSubstr(" µs")) << "not 0.00 ms";
    EXPECT_THAT(world.run({"models", "list", "--scope", "absent"}).errors, HasSubstr("no such model yet"));
}

}  // namespace
}  // namespace orrery::cli
