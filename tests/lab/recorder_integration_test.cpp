#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/folder.hpp"
#include "lab/cold_start.hpp"
#include "lab/recorder.hpp"
#include "lab/shop.hpp"
#include "lab/star.hpp"
#include "lab/tpch.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

namespace orrery::lab {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::Contains;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr double kScale = 0.01;

/// Star and TPC-H, in two databases of one server.
class Recording : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = pg::PrivateCluster::create({.settings = star_settings()});
        ASSERT_TRUE(made) << made.error().to_text();
        cluster_.emplace(std::move(*made));
        ASSERT_TRUE(cluster_->start());
        ASSERT_TRUE(admin("postgres").execute("CREATE DATABASE star"));
        ASSERT_TRUE(admin("postgres").execute("CREATE DATABASE tpch"));
        const auto star = load_star({.scale = kScale, .foreign_keys = true}, cluster_->uri("star"));
        ASSERT_TRUE(star) << star.error().to_text();
        const auto tpch = load_tpch({.scale = kScale}, cluster_->uri("tpch"));
        ASSERT_TRUE(tpch) << tpch.error().to_text();
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static pg::Session admin(const std::string& database) {
        auto session = pg::Session::connect(cluster_->uri(database), {.application = "test", .safe_settings = false});
        EXPECT_TRUE(session) << session.error().to_text();
        return std::move(*session);
    }

    [[nodiscard]] RecorderOptions options(const std::string& database = "star") const {
        RecorderOptions made;
        made.uri = cluster_->uri(database);
        made.workload = database;
        made.output = folder_.path() / "plans.jsonl";
        made.grid.draws = 1;
        made.repeats = 1;
        return made;
    }
    static StatementTemplate statement(std::string name, std::string sql) {
        StatementTemplate made;
        made.name = std::move(name);
        made.most_draws = 1;
        made.text = [sql = std::move(sql)](int) { return sql; };
        return made;
    }
    static std::vector<StatementTemplate> counts(int number) {
        std::vector<StatementTemplate> made;
        for (int i = 0; i < number; ++i)
            made.push_back(statement("count" + std::to_string(i), "SELECT count(*) FROM shop_sale WHERE quantity > " + std::to_string(i)));
        return made;
    }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::ifstream file(folder_.path() / "plans.jsonl");
        std::vector<std::string> read;
        for (std::string line; std::getline(file, line);) read.push_back(line);
        return read;
    }
    /// The recorded plans; the context, which must come first, is left out.
    [[nodiscard]] std::vector<json> plans() const {
        std::vector<json> documents;
        for (const auto& line : lines()) documents.push_back(json::parse(line));
        EXPECT_FALSE(documents.empty());
        EXPECT_TRUE(documents.front().contains("orrery_context"));
        documents.erase(documents.begin());
        return documents;
    }

    static std::optional<pg::PrivateCluster> cluster_;
    base::TemporaryFolder folder_ = *base::TemporaryFolder::create("recording");
};
std::optional<pg::PrivateCluster> Recording::cluster_;

TEST_F(Recording, AllQueriesOfBothSchemas) {
    for (const std::string database : {"star", "tpch"}) {
        auto set = options(database);
        set.output = folder_.path() / (database + ".jsonl");
        const auto templates = database == "star" ? star_templates(kScale, 1) : tpch_templates(kScale, 1);
        const auto report = record(templates, set);
        ASSERT_TRUE(report) << report.error().to_text();
        EXPECT_EQ(report->recorded, templates.size());
        EXPECT_TRUE(report->problems.empty()) << report->problems.front();
        std::ifstream file(set.output);
        std::string line;
        ASSERT_TRUE(std::getline(file, line));
        const auto context = json::parse(line).at("orrery_context");
        EXPECT_EQ(context.at("database"), database);
        EXPECT_EQ(context.at("relations").size(), database == "star" ? 13U : 8U);
        std::set<std::string> seen;
        while (std::getline(file, line)) {
            const auto document = json::parse(line);
            const auto& conditions = document.at("orrery");
            EXPECT_GT(conditions.at("run_ms").get<double>(), 0);
            EXPECT_LT(conditions.at("run_ms").get<double>(), 20 * document.at("Execution Time").get<double>() + 50);
            const bool workers = line.find("Workers Planned") != std::string::npos;
            EXPECT_EQ(conditions.contains("cpu_ms"), !workers) << "the server runs on this machine; CPU time of workers is not told";
            const double cpu_ms = conditions.value("cpu_ms", 1e-3);
            EXPECT_GT(cpu_ms, 0);
            EXPECT_LT(cpu_ms, conditions.at("run_ms").get<double>() + 5);
            EXPECT_EQ(conditions.at("cached_share"), 1.0) << "warm";
            const auto plan = pg::parse_plan(line);
            ASSERT_TRUE(plan) << plan.error().to_text();
            EXPECT_TRUE(plan->root.actual_rows);
            EXPECT_TRUE(plan->root.buffers);
            seen.insert(conditions.at("template"));
        }
        EXPECT_EQ(seen.size(), templates.size());
    }
}

TEST_F(Recording, StatementsOfAShopWithTheirParameters) {
    const Shop shop = make_shop({3, kScale, base::system_clock().now()});
    ASSERT_TRUE(admin("postgres").execute("CREATE DATABASE shop"));
    const auto loaded = load_shop(shop, cluster_->uri("shop"));
    ASSERT_TRUE(loaded) << loaded.error().to_text();
    auto set = options("shop");
    set.allow_changes = true;
    auto templates = shop_templates(shop, 1);
    for (auto& made : templates) made.changes_data = !made.text(0).starts_with("SELECT");
    const auto report = record(templates, set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recorded, templates.size());
    for (const auto& problem : report->problems) ADD_FAILURE() << problem;
    // Changes were made and taken back.
    std::set<std::string> operations;
    for (const auto& plan : plans()) operations.insert(plan.at("Plan").value("Operation", "Select"));
    EXPECT_THAT(operations, Contains("Insert"));
    EXPECT_THAT(operations, Contains("Update"));
    auto session = admin("shop");
    for (const auto& table : shop.tables) {
        const auto rows = session.query("SELECT count(*) FROM " + domain::quote_identifier(table.name));
        ASSERT_TRUE(rows);
        EXPECT_EQ(rows->integer(0, 0), table.rows) << table.name;
    }
}

TEST_F(Recording, RunsUnderTheConditionsThatAreAsked) {
    auto set = options();
    set.grid.settings = {{{"work_mem", "64kB"}, {"enable_hashagg", "off"}}, {{"work_mem", "64MB"}, {"enable_hashagg", "on"}}};
    set.grid.concurrency = {1, 2};
    set.repeats = 3;
    const auto report = record({statement("sort", "SELECT product_id, sum(net) FROM shop_sale GROUP BY product_id ORDER BY 2")}, set);
    ASSERT_TRUE(report) << report.error().to_text();
    ASSERT_EQ(report->recorded, 4U);
    std::set<std::pair<std::string, int>> seen;
    for (const auto& plan : plans()) {
        const auto& conditions = plan.at("orrery");
        const std::string work_mem = conditions.at("set").at("work_mem");
        seen.emplace(work_mem, conditions.at("concurrency"));
        EXPECT_EQ(plan.at("Settings").at("work_mem"), work_mem);
        const bool hashed = plan.dump().find("Hashed") != std::string::npos;
        EXPECT_EQ(hashed, work_mem == "64MB");
        ASSERT_EQ(conditions.at("runs_ms").size(), 3U);
        auto runs = conditions.at("runs_ms").get<std::vector<double>>();
        std::ranges::sort(runs);
        EXPECT_EQ(conditions.at("run_ms").get<double>(), runs[1]);
    }
    EXPECT_EQ(seen.size(), 4U);
}

TEST_F(Recording, OthersWorkMeanwhile) {
    auto set = options();
    set.grid.concurrency = {3};
    std::atomic<int> most = 0;
    auto watched =
        statement("watched", "SELECT count(*) FROM shop_sale a JOIN shop_sale b ON b.ticket = a.ticket + 0 WHERE a.quantity > 0");
    std::jthread watcher([&](const std::stop_token& stop) {
        auto session = admin("postgres");
        while (!stop.stop_requested()) {
            const auto rows = session.query("SELECT count(*) FROM pg_stat_activity WHERE datname = 'star' AND state = 'active'");
            if (rows) most = std::max<int>(most, static_cast<int>(rows->integer(0, 0)));
        }
    });
    const auto report = record({watched}, set);
    watcher = {};
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(most, 3);
    EXPECT_EQ(plans().front().at("orrery").at("concurrency"), 3);
    EXPECT_TRUE(testing::eventually([&] {
        return admin("postgres")
                   .query("SELECT count(*) FROM pg_stat_activity WHERE datname = 'star' AND state = 'active'")
                   ->integer(0, 0) == 0;
    })) << "they end with the recording";
}

TEST_F(Recording, OthersNeverChangeData) {
    ASSERT_TRUE(admin("star").execute("CREATE TABLE kept AS SELECT 1 AS x"));
    auto set = options();
    set.allow_changes = true;
    set.grid.concurrency = {2};
    // A change that the template does not own up to.
    const auto report =
        record({statement("sly", "WITH gone AS (DELETE FROM kept RETURNING x) SELECT count(*), pg_sleep(0.1) FROM gone")}, set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recorded, 1U);
    EXPECT_EQ(admin("star").query("SELECT count(*) FROM kept")->integer(0, 0), 1);
    ASSERT_TRUE(admin("star").execute("DROP TABLE kept"));
}

TEST_F(Recording, OthersKeepTheirGuards) {
    ASSERT_TRUE(admin("star").execute("CREATE TABLE kept AS SELECT 1 AS x"));
    auto set = options();
    set.grid.concurrency = {3};
    const auto report = record({statement("opens", "SELECT set_config('default_transaction_read_only', 'off', false), pg_sleep(0.1)"),
                                statement("sly", "WITH gone AS (DELETE FROM kept RETURNING x) SELECT count(*) FROM gone")},
                               set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recorded, 1U);
    EXPECT_EQ(admin("star").query("SELECT count(*) FROM kept")->integer(0, 0), 1);
    ASSERT_TRUE(admin("star").execute("DROP TABLE kept"));
}

TEST_F(Recording, ColdRunsFindTheCachesEmpty) {
    auto set = options();
    set.cluster = &*cluster_;
    set.grid.caches = {CacheState::warm, CacheState::cold};
    const auto report = record({statement("scan", "SELECT sum(net) FROM web_sale")}, set);
    ASSERT_TRUE(report) << report.error().to_text();
    ASSERT_EQ(report->recorded, 2U);
    const auto documents = plans();
    EXPECT_EQ(documents[0].at("orrery").at("cached_share"), 1.0);
    EXPECT_LT(documents[1].at("orrery").at("cached_share").get<double>(), 0.2);
    const std::string done = documents[1].at("orrery").at("cache");
    EXPECT_EQ(done, report->cold_as_asked ? "cold" : "restarted");

    // Stopped just before the restart: the lab is up afterwards, or no one could go on.
    std::stop_source stop;
    auto stopping = counts(1);
    stopping.front().text = [&, text = stopping.front().text](int draw) {
        stop.request_stop();
        return text(draw);
    };
    set.grid.caches = {CacheState::cold};
    set.output = folder_.path() / "stopped.jsonl";
    const auto stopped = record(stopping, set, stop.get_token());
    ASSERT_TRUE(stopped) << stopped.error().to_text();
    EXPECT_TRUE(stopped->interrupted);
    EXPECT_EQ(admin("star").query("SELECT 1")->integer(0, 0), 1);

    set.cluster = nullptr;
    const auto refused = record(counts(1), set);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input);
}

TEST_F(Recording, WhatTheServerRefusesIsNamedAndLeftOut) {
    auto set = options();
    set.grid.draws = 2;
    set.statement_timeout = 300ms;
    auto templates = counts(2);
    templates.push_back(statement("broken", "SELECT * FROM no_such_table"));
    templates.back().most_draws = 0;
    templates.back().place = "w.sql:3";
    templates.push_back(statement("slow", "SELECT pg_sleep(10)"));
    templates.push_back(statement("huge", "SELECT a.*, b.* FROM shop_sale a, shop_sale b"));
    templates.push_back(statement("change", "DELETE FROM shop_sale"));
    templates.back().changes_data = true;
    templates.push_back(statement("sly", "SELECT nextval('no_such_sequence'), setval('s', 5)"));
    const auto report = record(templates, set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recorded, 2U);
    EXPECT_EQ(report->left_out, 5U);
    EXPECT_THAT(report->problems, Contains(HasSubstr("w.sql:3: relation \"no_such_table\" does not exist (broken)")));
    EXPECT_THAT(report->problems, Contains(HasSubstr("slow: runs longer than the statement timeout")));
    EXPECT_THAT(report->problems, Contains(HasSubstr("huge: the result is too large")));
    EXPECT_THAT(report->problems, Contains(HasSubstr("change: changes data")));
    EXPECT_EQ(report->problems.size(), 5U) << "each once";
}

TEST_F(Recording, ChangesAreNotToBeMadeBehindTheParsersBack) {
    ASSERT_TRUE(
        admin("star").execute("CREATE TABLE guarded (x int); CREATE FUNCTION change() RETURNS int LANGUAGE sql VOLATILE AS "
                              "'INSERT INTO guarded VALUES (1) RETURNING x'"));
    const auto report = record({statement("change", "SELECT change()")}, options());
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_THAT(report->problems, Contains(HasSubstr("read-only transaction")));
    EXPECT_EQ(admin("star").query("SELECT count(*) FROM guarded")->integer(0, 0), 0);
    ASSERT_TRUE(admin("star").execute("DROP FUNCTION change; DROP TABLE guarded"));
}

TEST_F(Recording, WhatARollbackDoesNotUndoIsForLabs) {
    auto set = options();
    auto lasting = statement("resets", "SELECT pg_stat_reset()");
    lasting.lasting_call = "pg_stat_reset";
    const auto none = record({lasting}, set);
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().detail, HasSubstr("pg_stat_reset"));
    const auto others = record({lasting, counts(1).front()}, set);
    ASSERT_TRUE(others) << others.error().to_text();
    EXPECT_EQ(others->recorded, 1U);
    EXPECT_THAT(others->problems, Contains(HasSubstr("calls pg_stat_reset, which only a lab allows")));
}

TEST_F(Recording, ARoleWithoutRightsLearnsWhatItLacks) {
    ASSERT_TRUE(admin("star").execute("CREATE ROLE stranger LOGIN"));
    auto set = options();
    set.uri = cluster_->uri_as("stranger", "star");
    const auto report = record(counts(2), set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recorded, 0U);
    EXPECT_THAT(report->problems, Contains(HasSubstr("permission denied")));
    EXPECT_EQ(lines().size(), 1U) << "the context, which any role may read";
}

TEST_F(Recording, OnlyPlannersSettingsMayBeSet) {
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"statement_timeout", "0"},
                                      {"default_transaction_read_only", "off"},
                                      {"no_such_setting", "1"},
                                      {"work_mem", "much"}}) {
        auto set = options();
        set.grid.settings = {{{name, value}}};
        const auto report = record(counts(1), set);
        ASSERT_FALSE(report) << name;
        EXPECT_EQ(report.error().kind, base::ErrorKind::invalid_input) << report.error().to_text();
        EXPECT_THAT(report.error().message, HasSubstr(name));
    }
    EXPECT_TRUE(lines().empty()) << "nothing is begun";
}

TEST_F(Recording, GoesOnWhereItStopped) {
    auto set = options();
    std::stop_source stop;
    auto templates = counts(6);
    int begun = 0;
    for (auto& made : templates)
        made.text = [&, text = made.text](int draw) {
            if (++begun == 4) stop.request_stop();
            return text(draw);
        };
    const auto first = record(templates, set, stop.get_token());
    ASSERT_TRUE(first) << first.error().to_text();
    EXPECT_TRUE(first->interrupted);
    EXPECT_EQ(first->recorded, 3U);
    ASSERT_EQ(lines().size(), 4U);
    // As if the process had been killed in the middle of the last line.
    fs::resize_file(set.output, fs::file_size(set.output) - 20);
    const auto second = record(templates, set);
    ASSERT_TRUE(second) << second.error().to_text();
    EXPECT_EQ(second->already_there, 2U);
    EXPECT_EQ(second->recorded, 4U);
    std::set<std::string> seen;
    for (const auto& plan : plans()) EXPECT_TRUE(seen.insert(plan.at("orrery").at("template")).second);
    EXPECT_EQ(seen.size(), 6U);
    const auto third = record(templates, set);
    ASSERT_TRUE(third);
    EXPECT_EQ(third->already_there, 6U);
    EXPECT_EQ(third->recorded, 0U);
}

TEST_F(Recording, StopsAtItsTimeLimit) {
    auto set = options();
    set.time_limit = 0ms;
    const auto report = record(counts(2), set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_TRUE(report->out_of_time);
    EXPECT_EQ(report->recorded, 0U);
    EXPECT_EQ(lines().size(), 1U);
}

TEST_F(Recording, AnotherFileIsLeftAlone) {
    auto set = options();
    ASSERT_TRUE(record(counts(1), set));
    const auto before = lines();
    set.grid.seed = 2;
    const auto other = record(counts(1), set);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(lines(), before);
    ASSERT_TRUE(base::write_file(set.output, "dear diary\nsomething\n"));
    const auto foreign = record(counts(1), set);
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().kind, base::ErrorKind::corrupt);
    EXPECT_EQ(lines(), (std::vector<std::string>{"dear diary", "something"}));
    for (const auto* text : {"a note without a line's end", "{\"orrery_con", ""}) {
        ASSERT_TRUE(base::write_file(set.output, text));
        const auto opened = RecordingFile::open(set.output, 1);
        EXPECT_EQ(opened.has_value(), text[0] != 'a') << text;
        EXPECT_EQ(fs::file_size(set.output) > 0, text[0] == 'a') << text;
        if (!opened) continue;
        const auto again = RecordingFile::open(set.output, 1);
        ASSERT_FALSE(again) << "two recordings would mix their lines";
        EXPECT_EQ(again.error().kind, base::ErrorKind::conflict);
    }
    set.output = folder_.path() / "no" / "such" / "folder";
    const auto nowhere = record(counts(1), set);
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().kind, base::ErrorKind::io);
}

TEST_F(Recording, AFullDiskIsSaid) {
    auto set = options();
    set.output = "/dev/full";
    const auto report = record(counts(1), set);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, base::ErrorKind::io);
    EXPECT_THAT(report.error().detail, HasSubstr("No space left"));
}

TEST_F(Recording, ADyingServerLeavesAFileToGoOnWith) {
    auto set = options();
    auto templates = counts(5);
    templates.push_back(statement("later", "SELECT count(*) FROM web_sale"));
    int begun = 0;
    for (auto& made : templates)
        made.text = [&, text = made.text](int draw) {
            if (++begun == 4) (void)cluster_->stop(pg::PrivateCluster::StopMode::immediate);
            return text(draw);
        };
    const auto broken = record(templates, set);
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().kind, base::ErrorKind::connection) << broken.error().to_text();
    EXPECT_THAT(broken.error().message, HasSubstr("the recording stopped after 3 of 6 plans"));
    EXPECT_EQ(plans().size(), 3U);
    ASSERT_TRUE(cluster_->start());
    const auto report = record(templates, set);
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->recorded, 3U);
    EXPECT_EQ(plans().size(), 6U);
}

}  // namespace
}  // namespace orrery::lab
