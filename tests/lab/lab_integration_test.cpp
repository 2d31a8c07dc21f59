#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/postmaster.hpp"
#include "base/process.hpp"
#include "domain/catalog.hpp"
#include "lab/load_driver.hpp"
#include "lab/registry.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

namespace orrery::lab {
namespace {

using domain::RecommendationKind;
namespace fs = std::filesystem;

// Small, but large enough that the planner prefers a suitable index to a scan.
constexpr double kScale = 0.06;

pg::Session connect(const std::string& uri) {
    pg::SessionOptions options;
    options.safe_settings = false;
    auto session = pg::Session::connect(uri, options);
    EXPECT_TRUE(session) << session.error().to_text();
    return *std::move(session);
}

pg::PrivateCluster started(const std::map<std::string, std::string>& settings) {
    pg::ClusterOptions options;
    options.settings = settings;
    auto cluster = pg::PrivateCluster::create(options);
    EXPECT_TRUE(cluster) << cluster.error().to_text();
    const auto up = cluster->start();
    EXPECT_TRUE(up) << up.error().to_text();
    return *std::move(cluster);
}

std::int64_t count(pg::Session& session, const std::string& sql) {
    const auto rows = session.query(sql);
    EXPECT_TRUE(rows) << rows.error().to_text();
    return rows ? rows->integer(0, 0) : -1;
}

class ShopOnServer : public ::testing::TestWithParam<std::uint64_t> {
protected:
    ShopOnServer() : shop_(make_shop({GetParam(), kScale, base::system_clock().now()})), cluster_(started(shop_settings())) {
        const auto loaded = load_shop(shop_, cluster_.uri());
        EXPECT_TRUE(loaded) << loaded.error().to_text();
        session_.emplace(connect(cluster_.uri()));
    }

    const ShopStatement& statement(const std::string& name) { return *std::ranges::find(shop_.statements, name, &ShopStatement::name); }

    /// The plan of a statement with parameters drawn as the driver draws them.
    domain::Plan plan_of(const ShopStatement& asked) {
        const std::vector<ShopStatement> one{asked};
        ParameterStreams parameters(one, shop_.reference, 5);
        const auto rows = session_->query("EXPLAIN (FORMAT JSON) " + asked.sql, parameters.draw(0));
        EXPECT_TRUE(rows) << asked.name << ": " << rows.error().to_text();
        const auto plan = pg::parse_plan(std::string(rows->text(0, 0)));
        EXPECT_TRUE(plan) << plan.error().to_text();
        return *plan;
    }

    bool exists(const std::string& index) {
        return count(*session_,
                     fmt::format("SELECT count(*) FROM pg_class WHERE relkind = 'i' AND relname = {}", domain::quote_literal(index))) == 1;
    }

    void holds_its_rows() {
        for (const auto& table : shop_.tables)
            EXPECT_EQ(count(*session_, "SELECT count(*) FROM " + domain::quote_identifier(table.name)), table.rows) << table.name;
        // Index-only scans work from the start.
        EXPECT_EQ(count(*session_,
                        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                        " AND relallvisible < relpages"),
                  0);
    }

    void runs_every_statement() {
        const auto run = run_each(*session_, shop_);
        EXPECT_TRUE(run) << run.error().to_text();
        for (const auto& asked : shop_.statements)
            if (asked.once) plan_of(asked);
    }

    void nothing_serves_the_planted_statements() {
        for (const auto& problem : shop_.truth.problems) {
            if (problem.kind == RecommendationKind::drop_index) continue;
            for (const auto& name : problem.statements) {
                if (statement(name).sql.starts_with("DELETE")) continue;
                EXPECT_NE(plan_of(statement(name)).shape().find("Seq Scan"), std::string::npos) << problem.id;
            }
        }
    }

    /// Where the planner alone can tell that an index is of no use, it does.
    void the_planner_leaves_decoys_alone() {
        const std::set<std::string> useless{"few-kinds", "mostly-true", "tiny-table", "contains-word"};
        for (const auto& decoy : shop_.truth.decoys) {
            for (const auto& index : decoy.index_names) EXPECT_TRUE(exists(index)) << decoy.id;
            if (!useless.contains(decoy.id)) continue;
            ASSERT_TRUE(session_->execute(fmt::format("BEGIN; CREATE INDEX decoy ON {} ({})", domain::quote_identifier(decoy.table),
                                                      domain::quote_identifier(decoy.avoided.front().leading.front()))));
            for (const auto& asked : shop_.statements) {
                if (asked.belongs_to != decoy.id || !asked.sql.starts_with("SELECT")) continue;
                const auto used = plan_of(asked).indexes_used();
                EXPECT_EQ(std::ranges::count(used, "decoy"), 0) << decoy.id;
            }
            ASSERT_TRUE(session_->execute("ROLLBACK"));
        }
    }

    /// Carries out every fix; returns the indexes that exist now and did not before.
    std::vector<domain::Index> fix_everything() {
        const auto before = pg::read_catalog(*session_);
        EXPECT_TRUE(before);
        for (const auto& problem : shop_.truth.problems) {
            for (const auto& index : problem.index_names) EXPECT_TRUE(exists(index)) << problem.id;
            const auto done = session_->execute(problem.example_sql);
            EXPECT_TRUE(done) << problem.id << ": " << done.error().to_text();
        }
        const auto after = pg::read_catalog(*session_);
        EXPECT_TRUE(after);
        std::vector<domain::Index> fresh;
        for (const auto& index : after->indexes)
            if (before->find_index(index.name) == nullptr) fresh.push_back(index);
        return fresh;
    }

    void every_fix_is_used() {
        const auto fresh = fix_everything();
        std::vector<domain::Recommendation> advice;
        for (const auto& index : fresh) {
            advice.emplace_back();
            advice.back().spec = index.spec;
            advice.back().index = index.name;
        }
        for (const auto& problem : shop_.truth.problems) {
            if (problem.kind == RecommendationKind::drop_index) {
                advice.emplace_back();
                advice.back().kind = problem.kind;
                advice.back().index.name = problem.index_names.back();
            }
            for (const auto& name : problem.statements) {
                const auto& asked = statement(name);
                if (asked.sql.starts_with("DELETE")) continue;  // the foreign key's trigger uses the index, not the statement's plan
                const auto plan = plan_of(asked);
                const auto used = plan.indexes_used();
                EXPECT_TRUE(std::ranges::any_of(fresh, [&](const auto& index) { return std::ranges::count(used, index.name.name) > 0; }))
                    << problem.id << ": " << problem.example_sql << "\n"
                    << plan.shape();
            }
        }
        const Score result = score(shop_.truth, advice);
        EXPECT_EQ(result.found, result.total) << fmt::format("{}", fmt::join(result.missed_ids, " "));
        EXPECT_EQ(result.decoys_taken, 0) << fmt::format("{}", fmt::join(result.decoy_ids, " "));
        EXPECT_TRUE(result.other.empty());
    }

    Shop shop_;
    pg::PrivateCluster cluster_;
    std::optional<pg::Session> session_;
};

TEST_P(ShopOnServer, IsAsItsTruthSays) {
    holds_its_rows();
    runs_every_statement();
    nothing_serves_the_planted_statements();
    the_planner_leaves_decoys_alone();
    every_fix_is_used();
}

// Together these seeds plant every problem and decoy there is.
INSTANTIATE_TEST_SUITE_P(Seeds, ShopOnServer, ::testing::Values(1, 4, 6, 15, 16));

TEST(LoadDriver, KeepsTheRatesAndStandsStillInAPause) {
    const Shop shop = make_shop({2, kScale, base::system_clock().now()});
    const auto cluster = started(shop_settings());
    const auto loaded = load_shop(shop, cluster.uri());
    ASSERT_TRUE(loaded) << loaded.error().to_text();
    auto driver = LoadDriver::start(cluster.uri(), shop, {.connections = 3});
    ASSERT_TRUE(driver) << driver.error().to_text();
    ASSERT_TRUE(testing::eventually([&] { return driver->report().seconds > 3; }));
    driver->pause();
    const auto paused = driver->report();
    EXPECT_EQ(driver->report().executed(), paused.executed());
    EXPECT_EQ(driver->report().seconds, paused.seconds);
    driver->resume();
    ASSERT_TRUE(testing::eventually([&] { return driver->report().executed() > paused.executed(); }));
    driver->stop();
    EXPECT_EQ(paused.failed(), 0);
    double expected = 0;
    for (const auto& asked : shop.statements) expected += asked.per_second * paused.seconds;
    EXPECT_NEAR(static_cast<double>(paused.executed() + paused.shed()), expected, expected / 10);
    EXPECT_LT(static_cast<double>(paused.shed()), expected / 20);
}

TEST(LoadDriver, ReportsAnErrorOfAStatementOnceAndGoesOn) {
    const auto cluster = started(shop_settings());
    Shop broken;
    broken.statements.push_back({"wrong", "SELECT * FROM no_such_table", {}, 100, StatementClass::oltp, false, ""});
    broken.statements.push_back({"right", "SELECT 1", {}, 100, StatementClass::oltp, false, ""});
    auto driver = LoadDriver::start(cluster.uri(), broken, {.connections = 1});
    ASSERT_TRUE(driver);
    ASSERT_TRUE(testing::eventually([&] { return driver->report().failed() > 3 && driver->report().executed() > 3; }));
    EXPECT_NE(driver->report().statements[0].first_error.find("no_such_table"), std::string::npos);
    EXPECT_TRUE(driver->report().statements[1].first_error.empty());
}

TEST(LoadDriver, ComesBackAfterARestart) {
    auto cluster = started(shop_settings());
    Shop one;
    one.statements.push_back({"right", "SELECT 1", {}, 100, StatementClass::oltp, false, ""});
    auto driver = LoadDriver::start(cluster.uri(), one, {.connections = 2});
    ASSERT_TRUE(driver);
    ASSERT_TRUE(testing::eventually([&] { return driver->report().executed() > 3; }));
    ASSERT_TRUE(cluster.stop(pg::PrivateCluster::StopMode::immediate));
    ASSERT_TRUE(cluster.start());
    const auto before = driver->report().executed();
    EXPECT_TRUE(testing::eventually([&] { return driver->report().executed() > before + 20; }));
}

TEST(LoadDriver, AServerThatIsNotThereIsAnError) {
    const auto driver = LoadDriver::start("postgresql:///postgres?host=/nonexistent", Shop{}, {});
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().kind, base::ErrorKind::connection);
}

TEST(TpchOnServer, LoadsWithItsKeysAndAnswersAllQueries) {
    const auto cluster = started(tpch_settings());
    TpchOptions options;
    options.scale = 0.01;
    options.foreign_keys = true;
    const auto loaded = load_tpch(options, cluster.uri());
    ASSERT_TRUE(loaded) << loaded.error().to_text();
    auto session = connect(cluster.uri());
    EXPECT_EQ(count(session, "SELECT count(*) FROM orders"), 15'000);
    EXPECT_EQ(count(session, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), 8);
    EXPECT_EQ(
        count(session, "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples <= 0"),
        0);
    for (const auto& query_options : {TpchQueryOptions{{}, options.scale}, TpchQueryOptions{4, options.scale}})
        for (const auto& query : tpch_queries(query_options)) {
            const auto rows = session.query(query.sql);
            EXPECT_TRUE(rows) << query.number << " " << query.title << ": " << rows.error().to_text();
        }
    EXPECT_EQ(session.query(tpch_queries({{}, options.scale})[0].sql)->size(), 4U) << "four pairs of flag and status";
}

TEST(TpchOnServer, RefusesAScaleThatItCannotMake) {
    TpchOptions options;
    options.scale = 0;
    const auto loaded = load_tpch(options, "postgresql:///nowhere");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind, base::ErrorKind::invalid_input);
}

class Labs : public ::testing::Test {
protected:
    Labs() : home_(*base::TemporaryFolder::create("labs", base::unprivileged_account())) {
        options_.scale = 0.01;
        options_.folder = home_.path() / "lab";
        options_.registry = home_.path() / "registry";
    }
    ~Labs() override { (void)lab_down("", options_.registry); }

    [[nodiscard]] bool server_is_starting() const { return fs::exists(data() / "postmaster.pid"); }
    [[nodiscard]] fs::path data() const { return options_.folder / "orrery-lab" / "data"; }

    base::TemporaryFolder home_;
    LabOptions options_;
};

TEST_F(Labs, StayUpUntilTheyAreTakenDown) {
    const auto lab = lab_up(options_);
    ASSERT_TRUE(lab) << lab.error().to_text();
    auto session = connect(lab->uri);
    const Shop shop = make_shop({lab->seed, lab->scale, lab->reference});
    EXPECT_EQ(count(session, "SELECT count(*) FROM " + domain::quote_identifier(shop.tables[4].name)), shop.tables[4].rows);
    const auto truth = read_ground_truth(lab->truth_file);
    ASSERT_TRUE(truth) << truth.error().to_text();
    EXPECT_EQ(to_json(*truth), to_json(shop.truth));

    const auto labs = lab_list(options_.registry);
    ASSERT_TRUE(labs) << labs.error().to_text();
    ASSERT_EQ(labs->size(), 1U);
    EXPECT_EQ(labs->front().id, lab->id);
    EXPECT_EQ(labs->front().uri, lab->uri);
    EXPECT_TRUE(labs->front().running);

    const auto down = lab_down(lab->folder.string(), options_.registry);
    ASSERT_TRUE(down) << down.error().to_text();
    EXPECT_EQ(*down, std::vector<std::string>{lab->id});
    EXPECT_FALSE(fs::exists(options_.folder));
    EXPECT_TRUE(lab_list(options_.registry)->empty());
    EXPECT_FALSE(pg::Session::connect(lab->uri));
}

TEST_F(Labs, HoldTpchToo) {
    options_.workload = LabWorkload::tpch;
    options_.scale = 0.001;
    const auto lab = lab_up(options_);
    ASSERT_TRUE(lab) << lab.error().to_text();
    auto session = connect(lab->uri);
    EXPECT_EQ(count(session, "SELECT count(*) FROM customer"), 150);
    EXPECT_EQ(count(session, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"), 0) << "only when asked for";
    EXPECT_GE(count(session, "SELECT count(*) FROM pg_stat_statements"), 0);
    EXPECT_TRUE(lab->truth_file.empty());
    const auto down = lab_down(lab->id, options_.registry);
    ASSERT_TRUE(down) << down.error().to_text();
    EXPECT_FALSE(fs::exists(options_.folder));
}

TEST_F(Labs, AStopOnTheWayLeavesNothing) {
    std::stop_source stop;
    options_.scale = 1;
    base::Result<LabInfo> lab = base::unexpected(base::ErrorKind::internal, "not run");
    {
        const std::jthread maker([&] { lab = lab_up(options_, stop.get_token()); });
        EXPECT_TRUE(testing::eventually([&] { return server_is_starting(); }));
        stop.request_stop();
    }
    ASSERT_FALSE(lab);
    EXPECT_FALSE(fs::exists(options_.folder));
    EXPECT_TRUE(lab_list(options_.registry)->empty());
}

/// Not a test of its own: run by the next one in a process that it kills.
TEST(LabMaker, DISABLED_MakesALab) {
    LabOptions options;
    options.folder = fs::path(std::getenv("ORRERY_TEST_HOME")) / "lab";
    options.registry = fs::path(std::getenv("ORRERY_TEST_HOME")) / "registry";
    (void)lab_up(options);
}

TEST_F(Labs, DeathOnTheWayLeavesNothing) {
    const auto maker = base::start_process(
        {.command = {fs::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests", "--gtest_filter=LabMaker.*"},
         .environment = {{"ORRERY_TEST_HOME", home_.path().string()}}},
        home_.path() / "log");
    ASSERT_TRUE(maker) << maker.error().to_text();
    ASSERT_TRUE(testing::eventually([&] { return server_is_starting(); }));
    kill(*maker, SIGKILL);
    waitpid(*maker, nullptr, 0);
    EXPECT_TRUE(testing::eventually([&] { return !fs::exists(options_.folder) && base::server_processes(data()).empty(); }));
    EXPECT_TRUE(lab_list(options_.registry)->empty());
}

TEST_F(Labs, AFolderInUseIsRefused) {
    fs::create_directories(options_.folder);
    ASSERT_TRUE(base::write_file(options_.folder / "mine", "x"));
    for (const auto& folder : {options_.folder, options_.folder / "mine"}) {
        options_.folder = folder;
        const auto lab = lab_up(options_);
        ASSERT_FALSE(lab);
        EXPECT_EQ(lab.error().kind, base::ErrorKind::invalid_input);
    }
    EXPECT_TRUE(fs::is_regular_file(options_.folder));
}

TEST_F(Labs, AnEmptyFolderServesAndWhatTheUserPutsThereLaterStays) {
    fs::create_directories(options_.folder);
    const auto lab = lab_up(options_);
    ASSERT_TRUE(lab) << lab.error().to_text();
    ASSERT_TRUE(base::write_file(options_.folder / "mine", "x"));
    const auto down = lab_down(options_.folder.string() + "/", options_.registry);
    ASSERT_TRUE(down) << down.error().to_text();
    EXPECT_TRUE(fs::exists(options_.folder / "mine"));
    EXPECT_FALSE(fs::exists(lab->truth_file));
    EXPECT_EQ(std::distance(fs::directory_iterator(options_.folder), {}), 1);
}

TEST_F(Labs, TakingDownWhatIsNotThereIsAnError) {
    const auto down = lab_down("shop-000000", options_.registry);
    ASSERT_FALSE(down);
    EXPECT_EQ(down.error().kind, base::ErrorKind::missing_object);
}

}  // namespace
}  // namespace orrery::lab
