#include "engine/target_fixture.hpp"
#include "orrery_process.hpp"

namespace orrery::cli {
namespace {

using testing::Outcome;
using testing::World;

/// The three parts, in this order, and nothing on standard output.
void expect_error(const Outcome& outcome, int code, const std::string& words) {
    EXPECT_EQ(outcome.code, code) << outcome.errors;
    EXPECT_EQ(outcome.output, "");
    EXPECT_NE(outcome.errors.find("ERROR:  "), std::string::npos) << outcome.errors;
    EXPECT_NE(outcome.errors.find(words), std::string::npos) << outcome.errors;
}

TEST(CommandLine, UsageErrorsEndWithTwoAndAHint) {
    const World world;
    expect_error(world.run(std::vector<std::string>{}), 2, "HINT:  orrery --help");
    expect_error(world.run({"frobnicate"}), 2, "orrery has no command \"frobnicate\"");
    expect_error(world.run({"advise", "tables"}), 2, "orrery advise has no command \"tables\"");
    expect_error(world.run({"apply"}), 2, "id is required");
    expect_error(world.run({"settings", "--format", "xml"}), 2, "there is no format \"xml\"");
    expect_error(world.run({"settings", "--set", "advise.budgett=1GB"}), 2, "The nearest is \"advise.budget\"");
    expect_error(world.run({"settings", "--set", "advise.budget"}), 2, "is not KEY=VALUE");
    expect_error(world.run({"settings", "--config", world.path("none.toml").string()}), 2, "none.toml");
    expect_error(world.run({"collect", "--once", "--interval", "soon"}), 2, "\"soon\" is not a duration");
    expect_error(world.run({"doctor", "--target", "postgresql://host:port:port/"}), 2, "connection string");
}

TEST(CommandLine, HelpAndVersionGoToStandardOutput) {
    const World world;
    const auto help = world.run({"--help"});
    EXPECT_EQ(help.code, 0);
    for (const auto* command : {"demo", "doctor", "collect", "analyze", "advise", "train", "predict", "whatif", "apply", "revert",
                                "evaluate", "ledger", "tune", "lab", "settings"})
        EXPECT_NE(help.output.find(std::string("  ") + command + " "), std::string::npos) << command;
    EXPECT_EQ(world.run({"--version"}).output.substr(0, 7), "orrery ");
}

TEST(CommandLine, SettingsInAllFormats) {
    const World world;
    const auto document = world.run({"settings", "--format", "json"}).json();
    EXPECT_GT(document["settings"].size(), 10U);
    EXPECT_EQ(world.run({"--format", "csv", "settings"}).output.substr(0, 3), "key");
    EXPECT_NE(world.run({"settings", "--markdown"}).output.find("| `advise.budget` |"), std::string::npos);
}

TEST(CommandLine, AFullStandardOutputIsAnError) {
    const World world;
    auto options = world.options({"settings"});
    options.command = {"/bin/sh", "-c", fmt::format("{} settings > /dev/full", ORRERY_BINARY)};
    expect_error(World::run(options), 1, "cannot write to standard output");
}

class TargetCommands : public engine::testing::TargetFixture {
protected:
    World world;

    Outcome orrery(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--quiet", "--store", context_.store});
        return world.run(arguments);
    }
    Outcome at_target(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--target", target()});
        return orrery(std::move(arguments));
    }
    /// A role that may log in and nothing else.
    std::string poor_role() {
        execute("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'poor') THEN CREATE ROLE poor LOGIN; END IF; END $$");
        return cluster_->uri_as("poor", database_);
    }
};

TEST_F(TargetCommands, ServersThatCannotBeReached) {
    expect_error(orrery({"doctor", "--target", "postgresql://x@/db?host=/nowhere"}), 1, "cannot connect");
    expect_error(orrery({"collect", "--once", "--target", "postgresql://x@127.0.0.1:1/db"}), 1, "cannot connect");
    expect_error(orrery({"doctor", "--target", cluster_->uri("no_such_database")}), 1, "no_such_database");
    expect_error(orrery({"doctor", "--target", cluster_->uri_as("no_such_role", database_)}), 1, "no_such_role");
}

TEST_F(TargetCommands, AWrongPasswordIsSaidAndNotShown) {
    auto secured = pg::PrivateCluster::create({.tcp = true});
    ASSERT_TRUE(secured) << secured.error().to_text();
    const auto rules = secured->data_folder() / "pg_hba.conf";
    const auto before = base::read_file(rules);
    ASSERT_TRUE(before);
    std::ofstream(rules) << "host all all 127.0.0.1/32 scram-sha-256\n" << *before;
    ASSERT_TRUE(secured->start());
    const auto port = [&] {
        auto session = pg::Session::connect(secured->uri(), {.safe_settings = false});
        EXPECT_TRUE(session->execute("CREATE ROLE someone LOGIN PASSWORD 'right'"));
        return std::string(session->query("SELECT setting FROM pg_settings WHERE name = 'port'")->text(0, 0));
    }();
    const auto outcome = orrery({"doctor", "--target", fmt::format("postgresql://someone:s3cret@127.0.0.1:{}/postgres", port)});
    expect_error(outcome, 1, "password");
    EXPECT_EQ(outcome.errors.find("s3cret"), std::string::npos);
}

TEST_F(TargetCommands, WithoutPgStatStatementsTheErrorSaysHowToGetIt) {
    execute("DROP EXTENSION pg_stat_statements");
    expect_error(at_target({"collect", "--once", "--only", "statements"}), 1, "CREATE EXTENSION pg_stat_statements");
    const auto all = at_target({"collect", "--once", "--format", "json"});
    EXPECT_EQ(all.code, 3) << "the other collectors go on";
    EXPECT_NE(all.output.find("pg_stat_statements is not installed"), std::string::npos) << all.output;
    const auto doctor = at_target({"doctor", "--format", "json"});
    EXPECT_EQ(doctor.code, 3);
    EXPECT_NE(doctor.json().dump().find("CREATE EXTENSION pg_stat_statements"), std::string::npos);
}

TEST_F(TargetCommands, TooFewRightsAreNamedWithTheirGrant) {
    const auto outcome = orrery({"doctor", "--format", "json", "--target", poor_role()});
    const auto document = outcome.json();
    EXPECT_NE(document.dump().find("GRANT pg_monitor TO poor"), std::string::npos) << outcome.output;
    const auto advice = orrery({"advise", "indexes", "--workload", world.write("w.sql", "SELECT note FROM orders WHERE customer_id = 5;\n"),
                                "--target", poor_role()});
    EXPECT_EQ(advice.code, 1);
    EXPECT_NE(advice.errors.find("GRANT"), std::string::npos) << advice.errors;
}

TEST_F(TargetCommands, ADamagedStoreIsSaidAndLeftAlone) {
    const auto file = world.write("damaged.db", "this is no database, but long enough to be looked at: " + std::string(4096, 'x'));
    const auto outcome = world.run({"--store", file, "ledger"});
    expect_error(outcome, 1, "damaged.db");
    EXPECT_NE(outcome.errors.find("HINT:"), std::string::npos);
    EXPECT_EQ(std::filesystem::file_size(file), 4096U + 54U);
}

TEST_F(TargetCommands, AStoreOnAFullDiskIsAnError) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP();
    std::filesystem::create_symlink("/dev/full", world.path("full.db"));
    EXPECT_EQ(world.run({"--store", world.path("full.db").string(), "ledger"}).code, 1);
}

TEST_F(TargetCommands, AdviseWhatifApplyLedgerRevertOnAFile) {
    const auto workload =
        world.write("workload.sql",
                    "-- orrery: calls=500 mean_ms=3\nSELECT note FROM orders WHERE customer_id = 5;\nSELECT * FROM orders WHERE id = 3;\n");
    const auto advised = at_target({"advise", "indexes", "--workload", workload, "--format", "json"});
    EXPECT_EQ(advised.code, 0) << advised.errors;
    const auto advice = advised.json();
    for (const auto* key : {"target", "baseline_cost", "final_cost", "lower_bound_cost", "gap_percent", "what_if_calls", "wall_seconds",
                            "budget_bytes", "recommendations", "rejected"})
        EXPECT_TRUE(advice.contains(key)) << key;
    ASSERT_EQ(advice["recommendations"].size(), 1U) << advised.output;
    const auto& recommendation = advice["recommendations"][0];
    for (const auto* key : {"id", "kind", "sql", "revert_sql", "table", "columns", "include", "predicate", "method", "estimated_size_bytes",
                            "benefit_cost", "benefit_percent", "write_cost", "queries", "why"})
        EXPECT_TRUE(recommendation.contains(key)) << key;
    EXPECT_EQ(recommendation["kind"], "create_index");
    EXPECT_EQ(recommendation["columns"][0], "customer_id");

    const auto whatif = at_target({"whatif", "--workload", workload, "--ddl",
                                   world.write("ddl.sql", recommendation["sql"].get<std::string>() + ";\n"), "--format", "json"});
    EXPECT_EQ(whatif.code, 0) << whatif.errors;
    EXPECT_NEAR(whatif.json()["cost_before"].get<double>(), advice["baseline_cost"].get<double>(),
                0.01 * advice["baseline_cost"].get<double>());
    EXPECT_LT(whatif.json()["cost_after"].get<double>(), whatif.json()["cost_before"].get<double>());

    const auto id = recommendation["id"].get<std::string>();
    EXPECT_EQ(at_target({"apply", id, "--dry-run"}).code, 0);
    EXPECT_EQ(at_target({"ledger", "--format", "json"}).json()["actions"].size(), 0U);
    const auto applied = at_target({"apply", id, "--format", "json"});
    EXPECT_EQ(applied.code, 0) << applied.errors;
    EXPECT_EQ(applied.json()["outcomes"][0]["action"]["state"], "applied");
    const auto name = recommendation["index"].get<std::string>().substr(7);
    EXPECT_EQ(index(name), "valid");
    expect_error(at_target({"apply", id, "--format", "csv"}), 1, "exists already");

    EXPECT_EQ(at_target({"revert", id}).code, 0);
    EXPECT_EQ(index(name), "");
    const auto ledger = orrery({"ledger", "--format", "json"}).json();
    ASSERT_EQ(ledger["actions"].size(), 1U);
    EXPECT_EQ(ledger["actions"][0]["state"], "reverted");
    expect_error(at_target({"revert", "99"}), 1, "no action \"99\"");
}

TEST_F(TargetCommands, StatementsThatDoNotParseGiveAPartialResult) {
    const auto workload = world.write("workload.sql", "SELECT note FROM orders WHERE customer_id = 5;\nSELEC nonsense;\n");
    const auto outcome = at_target({"advise", "indexes", "--workload", workload, "--format", "json"});
    EXPECT_EQ(outcome.code, 3) << outcome.errors;
    EXPECT_NE(outcome.json()["warnings"].dump().find("line 2"), std::string::npos) << outcome.output;
    expect_error(at_target({"advise", "indexes", "--workload", world.write("bad.sql", "SELEC;\n")}), 2, "no statement that can be used");
    expect_error(at_target({"advise", "indexes", "--workload", world.path("absent").string()}), 2, "there is no file or folder");
    expect_error(at_target({"advise", "indexes"}), 1, "no workload of this database has been collected");
}

TEST_F(TargetCommands, ATableDroppedBetweenAdviceAndApply) {
    const auto workload = world.write("workload.sql", "-- orrery: calls=500\nSELECT note FROM orders WHERE customer_id = 5;\n");
    const auto advice = at_target({"advise", "indexes", "--workload", workload, "--format", "json"}).json();
    execute("DROP TABLE orders");
    const auto outcome = at_target({"apply", advice["recommendations"][0]["id"].get<std::string>(), "--format", "csv"});
    expect_error(outcome, 1, "table public.orders does not exist any more");
}

TEST_F(TargetCommands, CollectAnalyzeEvaluate) {
    ASSERT_EQ(at_target({"collect", "--once"}).code, 0);
    const auto run_workload = [&] {
        auto session = connect();
        for (int i = 0; i < 30; ++i) ASSERT_TRUE(session.query(fmt::format("SELECT note FROM orders WHERE customer_id = {}", i)));
    };
    run_workload();
    const auto collected = at_target({"collect", "--once", "--format", "json"});
    EXPECT_EQ(collected.code, 0) << collected.errors;
    EXPECT_EQ(collected.json()["targets"][0]["sources"][0]["name"], "statements");
    EXPECT_EQ(collected.json()["targets"][0]["sources"][0]["rounds"], 1);
    const auto patterns = at_target({"analyze", "patterns", "--format", "json"}).json();
    ASSERT_GE(patterns["templates"].size(), 1U);
    const auto& heaviest = patterns["templates"][0];
    EXPECT_EQ(heaviest["calls"], 30);
    EXPECT_EQ(heaviest["text"].get<std::string>().find("customer_id = 7"), std::string::npos) << "literals are redacted";

    const auto advice = at_target({"advise", "indexes", "--format", "json"}).json();
    ASSERT_GE(advice["recommendations"].size(), 1U);
    const auto id = advice["recommendations"][0]["id"].get<std::string>();
    ASSERT_EQ(at_target({"apply", id}).code, 0);
    run_workload();
    const auto evaluated = at_target({"evaluate", id, "--format", "json"});
    EXPECT_EQ(evaluated.code, 0) << evaluated.errors << evaluated.output;
    EXPECT_GT(evaluated.json()["gain_percent"].get<double>(), 0);
    EXPECT_EQ(evaluated.json()["judgement"], "keep");
    // The same database, but nothing of it in another store.
    EXPECT_EQ(world.run({"--quiet", "--store", world.path("other.db").string(), "evaluate", id, "--target", target()}).code, 1);
}

TEST_F(TargetCommands, CollectingEndsInOrderWhenInterrupted) {
    testing::Running collecting(world, {"--store", context_.store, "-v", "collect", "--interval", "1s", "--target", target()});
    ASSERT_TRUE(collecting.says("statements: round 1")) << collecting.said();
    collecting.signal(SIGINT);
    EXPECT_EQ(collecting.wait(), 0) << collecting.said();
}

TEST_F(TargetCommands, CollectingOutlivesAServerCrash) {
    testing::Running collecting(world, {"--store", context_.store, "-v", "collect", "--interval", "1s", "--target", target()});
    ASSERT_TRUE(collecting.says("statements: round 2")) << collecting.said();
    ASSERT_TRUE(cluster_->stop(pg::PrivateCluster::StopMode::immediate));
    ASSERT_TRUE(collecting.says("warning: ")) << collecting.said();
    const auto mark = collecting.said().size();
    ASSERT_TRUE(cluster_->start());
    ASSERT_TRUE(orrery::testing::eventually([&] { return collecting.said().find("statements: round", mark) != std::string::npos; }))
        << collecting.said();
    collecting.signal(SIGINT);
    EXPECT_EQ(collecting.wait(), 3) << "readings were missed: " << collecting.said();
}

}  // namespace
}  // namespace orrery::cli
