#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include "base/clock.hpp"
#include "base/folder.hpp"
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

    Shop shop_;
    pg::PrivateCluster cluster_;
    std::optional<pg::Session> session_;
};

TEST_P(ShopOnServer, HoldsTheRowsAndRunsEveryStatement) {
    for (const auto& table : shop_.tables)
        EXPECT_EQ(count(*session_, "SELECT count(*) FROM " + domain::quote_identifier(table.name)), table.rows) << table.name;
    const auto run = run_each(*session_, shop_);
    EXPECT_TRUE(run) << run.error().to_text();
    for (const auto& asked : shop_.statements)
        if (asked.once) plan_of(asked);
    // Rows are given new ids, and pages are marked as visible to all.
    EXPECT_GT(count(*session_,
                    "SELECT min(relallvisible * 100 / greatest(relpages, 1)) FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                    "'public'::regnamespace"
                    " AND relpages > 20"),
              50);
}

TEST_P(ShopOnServer, EveryFixIsUsedByThePlanner) {
    const auto catalog_before = pg::read_catalog(*session_);
    ASSERT_TRUE(catalog_before);
    std::vector<domain::Recommendation> fixes;
    for (const auto& problem : shop_.truth.problems) {
        if (problem.kind == RecommendationKind::drop_index) {
            EXPECT_TRUE(exists(problem.index_names.back())) << problem.id;
            domain::Recommendation fix;
            fix.kind = problem.kind;
            fix.index.name = problem.index_names.back();
            fixes.push_back(fix);
        }
        const auto done = session_->execute(problem.example_sql);
        EXPECT_TRUE(done) << problem.id << ": " << done.error().to_text();
    }
    const auto catalog = pg::read_catalog(*session_);
    ASSERT_TRUE(catalog);
    std::set<std::string> new_indexes;
    for (const auto& index : catalog->indexes)
        if (catalog_before->find_index(index.name) == nullptr) {
            new_indexes.insert(index.name.name);
            domain::Recommendation fix;
            fix.spec = index.spec;
            fix.index = index.name;
            fixes.push_back(fix);
        }
    for (const auto& problem : shop_.truth.problems) {
        if (problem.kind == RecommendationKind::drop_index) continue;
        for (const auto& name : problem.statements) {
            const auto& asked = statement(name);
            if (asked.sql.starts_with("DELETE")) continue;  // the foreign key's trigger uses the index, not the statement's plan
            const auto plan = plan_of(asked);
            const auto used = plan.indexes_used();
            EXPECT_TRUE(std::ranges::any_of(used, [&](const std::string& index) { return new_indexes.contains(index); }))
                << problem.id << ": " << problem.example_sql << "\n"
                << plan.shape();
        }
    }
    const Score result = score(shop_.truth, fixes);
    EXPECT_EQ(result.found, result.total);
    EXPECT_EQ(result.decoys_taken, 0);
    EXPECT_TRUE(result.other.empty());
    EXPECT_TRUE(result.missed_ids.empty()) << fmt::format("{}", fmt::join(result.missed_ids, " "));
}

TEST_P(ShopOnServer, NothingServesThePlantedStatementsBefore) {
    for (const auto& problem : shop_.truth.problems) {
        if (problem.kind == RecommendationKind::drop_index) continue;
        for (const auto& name : problem.statements) {
            if (statement(name).sql.starts_with("DELETE")) continue;
            EXPECT_NE(plan_of(statement(name)).shape().find("Seq Scan"), std::string::npos) << problem.id;
        }
    }
}

TEST_P(ShopOnServer, TheDriverKeepsTheRates) {
    auto driver = LoadDriver::start(cluster_.uri(), shop_, {.connections = 3});
    ASSERT_TRUE(driver) << driver.error().to_text();
    ASSERT_TRUE(testing::eventually([&] { return driver->report().seconds > 3; }));
    driver->pause();
    const auto paused = driver->report();
    driver->resume();
    ASSERT_TRUE(testing::eventually([&] { return driver->report().executed() > paused.executed(); }));
    driver->stop();
    const auto stopped = driver->report();
    EXPECT_EQ(stopped.executed(), driver->report().executed());
    EXPECT_EQ(paused.failed(), 0);
    double expected = 0;
    for (const auto& asked : shop_.statements) expected += asked.per_second * paused.seconds;
    EXPECT_NEAR(static_cast<double>(paused.executed() + paused.shed()), expected, expected / 10);
    EXPECT_LT(static_cast<double>(paused.shed()), expected / 20);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShopOnServer, ::testing::Values(1, 2, 5));

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

TEST_F(Labs, AStopOnTheWayLeavesNothing) {
    std::stop_source stop;
    options_.scale = 1;
    base::Result<LabInfo> lab = base::unexpected(base::ErrorKind::internal, "not run");
    {
        const std::jthread maker([&] { lab = lab_up(options_, stop.get_token()); });
        EXPECT_TRUE(testing::eventually([&] { return fs::exists(options_.folder / "data" / "postmaster.pid"); }));
        stop.request_stop();
    }
    ASSERT_FALSE(lab);
    EXPECT_FALSE(fs::exists(options_.folder));
    EXPECT_TRUE(lab_list(options_.registry)->empty());
}

TEST_F(Labs, AFolderInUseIsRefused) {
    fs::create_directories(options_.folder);
    ASSERT_TRUE(base::write_file(options_.folder / "mine", "x"));
    const auto lab = lab_up(options_);
    ASSERT_FALSE(lab);
    EXPECT_EQ(lab.error().kind, base::ErrorKind::invalid_input);
    EXPECT_TRUE(fs::exists(options_.folder / "mine"));
}

TEST_F(Labs, TakingDownWhatIsNotThereIsAnError) {
    const auto down = lab_down("shop-000000", options_.registry);
    ASSERT_FALSE(down);
    EXPECT_EQ(down.error().kind, base::ErrorKind::missing_object);
}

}  // namespace
}  // namespace orrery::lab
