#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "base/folder.hpp"
#include "engine/predicting.hpp"
#include "engine/query_time_training.hpp"
#include "engine/target_fixture.hpp"
#include "pg/catalog_reader.hpp"

namespace orrery::engine {
namespace {

using domain::PredictionRoute;
using ::testing::Contains;
using ::testing::HasSubstr;

class PredictingTest : public testing::TargetFixture {
protected:
    void SetUp() override {
        TargetFixture::SetUp();
        ASSERT_TRUE(context_.settings.set("model.folder", (folder_->path() / "models").string()));
        ASSERT_TRUE(context_.settings.set("train.checkpoint", "false"));
        ASSERT_TRUE(context_.settings.set("model.trees", "50"));
    }

    PredictReport predicted(const std::string& sql) {
        auto report = predict(context_, {.target = target(), .sql = sql});
        EXPECT_TRUE(report) << sql << ": " << report.error().to_text();
        return report ? std::move(*report) : PredictReport{};
    }
    base::Error refused(const std::string& sql) {
        const auto report = predict(context_, {.target = target(), .sql = sql});
        EXPECT_FALSE(report) << sql;
        return report ? base::Error{} : report.error();
    }

    /// Executed plans of a few templates with varied constants, one file per template.
    std::vector<std::string> recorded(int draws) {
        const std::vector<std::pair<std::string, std::string>> templates{
            {"by_key", "SELECT * FROM orders WHERE id = {}"},
            {"by_customer", "SELECT count(*) FROM orders WHERE customer_id < {}"},
            {"sorted", "SELECT * FROM orders WHERE id < {} * 40 ORDER BY note"},
            {"grouped", "SELECT customer_id, count(*) FROM orders WHERE id > {} GROUP BY 1"},
            {"joined", "SELECT count(*) FROM orders a JOIN orders b ON a.customer_id = b.id WHERE a.id < {} * 40"},
            {"searched", "SELECT count(*) FROM orders WHERE note LIKE '%{}%'"}};
        auto session = connect();
        std::vector<std::string> files;
        for (const auto& [name, text] : templates) {
            std::string lines;
            for (int draw = 1; draw <= draws; ++draw) {
                const auto rows = session.query("EXPLAIN (ANALYZE, FORMAT JSON) " + fmt::format(fmt::runtime(text), draw * 10));
                EXPECT_TRUE(rows) << rows.error().to_text();
                auto document = std::string(rows->text(0, 0));
                std::replace(document.begin(), document.end(), '\n', ' ');
                lines += document + "\n";
            }
            const auto file = folder_->path() / (name + ".jsonl");
            EXPECT_TRUE(base::write_file(file, lines));
            files.push_back(file.string());
        }
        return files;
    }
};

TEST_F(PredictingTest, NothingIsRun) {
    const auto report = predicted("UPDATE orders SET note = 'changed'");
    EXPECT_GT(report.explanation.prediction.ms, 0);
    EXPECT_EQ(value("SELECT count(*) FROM orders WHERE note = 'changed'"), "0");
    EXPECT_LT(predicted("SELECT pg_sleep(60)").explanation.prediction.ms, 1000);
}

TEST_F(PredictingTest, AnUntrainedModelKnowsTheOrderOfMagnitude) {
    const auto report = predicted("SELECT count(*) FROM orders WHERE note LIKE '%7%'");
    EXPECT_FALSE(report.trained);
    ASSERT_EQ(report.warnings.size(), 1U);
    EXPECT_THAT(report.warnings.front(), HasSubstr("orrery train query-time"));
    EXPECT_EQ(report.explanation.prediction.route, PredictionRoute::physics);
    EXPECT_GT(report.explanation.prediction.ms, 0.2);
    EXPECT_LT(report.explanation.prediction.ms, 50);
    EXPECT_LT(predicted("SELECT * FROM orders WHERE id = 7").explanation.prediction.ms, report.explanation.prediction.ms / 10);
}

TEST_F(PredictingTest, ParametersAreDrawnFromTheStatistics) {
    const auto report = predicted("SELECT * FROM orders WHERE customer_id = $1 AND id < $2");
    EXPECT_GT(report.draws_ms.size(), 1U);
    EXPECT_TRUE(std::is_sorted(report.draws_ms.begin(), report.draws_ms.end()));
    EXPECT_THAT(report.draws_ms, Contains(report.explanation.prediction.ms));
}

TEST_F(PredictingTest, StatementsThatCannotBePlannedAreRefusedInWords) {
    EXPECT_EQ(refused("SELECT FROM WHERE").kind, base::ErrorKind::invalid_input);
    EXPECT_THAT(refused("SELECT 1; SELECT 2").message, HasSubstr("more than one"));
    EXPECT_THAT(refused("   ").message, HasSubstr("no statement"));
    EXPECT_THAT(refused("VACUUM orders").message, HasSubstr("does not plan"));
    EXPECT_THAT(refused("SELECT * FROM nowhere").message, HasSubstr("nowhere"));
    const auto unknown = predict(context_, {.target = target(), .sql = "SELECT 1", .scope = "elsewhere"});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().kind, base::ErrorKind::missing_object);
    EXPECT_FALSE(unknown.error().hint.empty());
}

TEST_F(PredictingTest, ATrainedModelAnswersForItsTarget) {
    TrainQueryTimeRequest request;
    request.target = target();
    request.plans = recorded(12);
    request.evaluate = "leave-one-template-out";
    const auto trained = train_query_time(context_, request);
    ASSERT_TRUE(trained) << trained.error().to_text();
    EXPECT_EQ(trained->templates, 6U);
    EXPECT_TRUE(trained->promoted);
    ASSERT_TRUE(trained->evaluation);
    EXPECT_EQ(trained->evaluation->groups.size(), 6U);
    EXPECT_GE(trained->evaluation->overall.q50, 1);

    const auto report = predicted("SELECT count(*) FROM orders WHERE note LIKE '%33%'");
    EXPECT_TRUE(report.trained);
    EXPECT_THAT(report.model, HasSubstr("version 1"));
    const auto& e = report.explanation;
    const auto sum =
        std::accumulate(e.operators.begin(), e.operators.end(), e.base_ms, [](double s, const auto& share) { return s + share.ms; });
    EXPECT_NEAR(sum, e.prediction.ms, 1e-5);
    EXPECT_LT(e.prediction.low_ms, e.prediction.ms);
}

TEST_F(PredictingTest, ATrainingThatFailsLeavesTheModelInUse) {
    TrainQueryTimeRequest request;
    request.target = target();
    request.plans = recorded(3);
    request.evaluate = "none";
    ASSERT_TRUE(train_query_time(context_, request));
    const auto before = predicted("SELECT * FROM orders WHERE id = 7").model;
    request.plans = {(folder_->path() / "nothing.jsonl").string()};
    EXPECT_FALSE(train_query_time(context_, request));
    ASSERT_TRUE(base::write_file(folder_->path() / "broken.jsonl", "not a plan\n{\"Plan\": 3}\n"));
    request.plans = {(folder_->path() / "broken.jsonl").string()};
    const auto broken = train_query_time(context_, request);
    ASSERT_FALSE(broken);
    EXPECT_FALSE(broken.error().hint.empty() && broken.error().detail.empty());
    EXPECT_EQ(predicted("SELECT * FROM orders WHERE id = 7").model, before);
}

TEST_F(PredictingTest, HeldOutPlansAreOnlyAskedAbout) {
    auto files = recorded(5);
    TrainQueryTimeRequest request;
    request.test_plans = {files.back()};
    files.pop_back();
    request.plans = files;
    request.scope = "mine";
    request.promote = false;
    const auto trained = train_query_time(context_, request);
    ASSERT_TRUE(trained) << trained.error().to_text();
    EXPECT_EQ(trained->templates, 5U);
    EXPECT_FALSE(trained->evaluation);
    ASSERT_TRUE(trained->test);
    EXPECT_EQ(trained->test->overall.n, 5U);
    ASSERT_EQ(trained->test->groups.size(), 1U);
    EXPECT_EQ(trained->test->groups.front().name, "searched");
    EXPECT_FALSE(trained->promoted);
    EXPECT_FALSE(predicted("SELECT 1").trained);
}

TEST_F(PredictingTest, TestPlansThatWereLearntFromAreTold) {
    const auto files = recorded(3);
    TrainQueryTimeRequest request;
    request.plans = files;
    request.test_plans = {files.front()};
    request.store = false;
    const auto trained = train_query_time(context_, request);
    ASSERT_TRUE(trained) << trained.error().to_text();
    EXPECT_THAT(trained->warnings, ElementsAre(HasSubstr("3 of 3 test plans were learnt from")));
}

TEST_F(PredictingTest, WindowsOfIncidentsAreLeftOut) {
    const auto line = [](int minute) {
        return fmt::format(
            R"({{"Plan":{{"Node Type":"Seq Scan","Relation Name":"r","Alias":"r","Startup Cost":0,"Total Cost":{0},"Plan Rows":{0},)"
            R"("Plan Width":4,"Actual Startup Time":0.1,"Actual Total Time":{0},"Actual Rows":{0},"Actual Loops":1}},)"
            R"("Execution Time":{0},"orrery":{{"at":"2026-11-22T07:{0:02}:00Z"}}}})"
            "\n",
            minute);
    };
    const auto file = folder_->path() / "times.jsonl";
    ASSERT_TRUE(base::write_file(file, line(10) + line(20) + line(30) + line(50)));
    TrainQueryTimeRequest request;
    request.plans = {file.string()};
    request.evaluate = "none";
    request.store = false;
    request.leave_out = {"2026-11-22T07:19:00Z/2026-11-22T07:31:00Z"};
    const auto trained = train_query_time(context_, request);
    ASSERT_TRUE(trained) << trained.error().to_text();
    EXPECT_EQ(trained->plans, 2U);
    for (const auto* bad : {"yesterday", "2026-11-22T07:19:00Z", "2026-11-22T07:31:00Z/2026-11-22T07:19:00Z", "2026-11-22T07:31:00Z/now"}) {
        request.leave_out = {bad};
        const auto refused = train_query_time(context_, request);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input) << bad;
        EXPECT_THAT(refused.error().hint, HasSubstr("FROM/TO")) << bad;
    }
}

TEST_F(PredictingTest, TheSamePlansGiveTheSameBytes) {
    TrainQueryTimeRequest request;
    request.plans = recorded(4);
    request.evaluate = "none";
    ASSERT_TRUE(train_query_time(context_, request));
    ASSERT_TRUE(train_query_time(context_, request));
    const auto registry = open_registry(context_);
    ASSERT_TRUE(registry);
    const auto first = registry->load("query-time", "default", 1), second = registry->load("query-time", "default", 2);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->payload, second->payload);
    EXPECT_EQ(first->record.data_hash, second->record.data_hash);
    EXPECT_EQ(second->record.parent, 1);
}

TEST_F(PredictingTest, AModelOfAnotherMajorIsToldApart) {
    const auto context = R"({"orrery_context":{"format":1,"database":"old","server":{"version":90624},"relations":[],"indexes":[]}})";
    auto files = recorded(3);
    for (const auto& file : files) {
        const auto lines = base::read_file(file);
        ASSERT_TRUE(lines);
        ASSERT_TRUE(base::write_file(file, std::string(context) + "\n" + *lines));
    }
    TrainQueryTimeRequest request;
    request.plans = files;
    request.evaluate = "none";
    const auto trained = train_query_time(context_, request);
    ASSERT_TRUE(trained) << trained.error().to_text();
    EXPECT_EQ(trained->majors, "9");
    const auto report = predicted("SELECT * FROM orders WHERE id = 7");
    ASSERT_EQ(report.warnings.size(), 1U);
    EXPECT_THAT(report.warnings.front(), HasSubstr("PostgreSQL 9"));
}

TEST_F(PredictingTest, CollectedPlansAreLearntFromButNotThoseOfACrash) {
    const auto now = context_.clock->now();
    domain::Batch batch;
    auto session = connect();
    for (int draw = 0; draw < 20; ++draw) {
        const auto rows =
            session.query(fmt::format("EXPLAIN (ANALYZE, FORMAT JSON) SELECT count(*) FROM orders WHERE id < {}", 500 * (draw + 1)));
        ASSERT_TRUE(rows) << rows.error().to_text();
        const auto plan = pg::parse_plan(std::string(rows->text(0, 0)));
        ASSERT_TRUE(plan && plan->execution_ms);
        batch.plans.push_back({.fingerprint = domain::Fingerprint{42U + static_cast<std::uint64_t>(draw % 4)},
                               .database = database_,
                               .shape_hash = plan->shape_hash(),
                               .seen = now - std::chrono::minutes(10 * (draw + 1)),
                               .source = "auto_explain",
                               .total_cost = plan->total_cost().value,
                               .execution_ms = plan->execution_ms,
                               .document = pg::write_plan(*plan)});
    }
    // Of all that collectors tell of, one is trouble of the server's; that Orrery reads less often is none.
    batch.events = {{now - std::chrono::minutes(30), "crash", "server", "a backend was killed"},
                    {now - std::chrono::minutes(50), "slowed_down", "tables", "costs more than its share"}};
    const auto file = store();
    auto observer = connect_observer(context_, target(), "test");
    ASSERT_TRUE(observer);
    const auto server = identify(*file, *observer);
    ASSERT_TRUE(server && file->write(*server, batch));
    TrainQueryTimeRequest request;
    request.target = target();
    request.evaluate = "none";
    const auto trained = train_query_time(context_, request);
    ASSERT_TRUE(trained) << trained.error().to_text();
    EXPECT_EQ(trained->plans, 19U);
    EXPECT_EQ(trained->templates, 4U);
    ASSERT_EQ(trained->left_out.size(), 1U);
    EXPECT_THAT(trained->left_out.front().why, HasSubstr("incident"));
    EXPECT_EQ(trained->left_out.front().count, 1U);
    EXPECT_TRUE(predicted("SELECT count(*) FROM orders WHERE id < 700").trained);
}

TEST_F(PredictingTest, WithoutCollectedPlansTrainingSaysWhatToDo) {
    const auto trained = train_query_time(context_, {.target = target()});
    ASSERT_FALSE(trained);
    EXPECT_EQ(trained.error().kind, base::ErrorKind::missing_object);
    EXPECT_THAT(trained.error().hint, HasSubstr("auto_explain"));
}

}  // namespace
}  // namespace orrery::engine
