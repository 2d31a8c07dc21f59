#include "training/query_time_fit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "base/byte_stream.hpp"
#include "base/folder.hpp"
#include "training/evaluation.hpp"
#include "training/fold_evaluation.hpp"
#include "training/made_plans.hpp"
#include "training/query_time_trainer.hpp"

namespace orrery::training {
namespace {

using namespace testing;
using models::ExecutedPlan;

QueryTimeTraining physics_training() {
    QueryTimeTraining options;
    options.model.trees = 30;
    return options;
}

std::string bytes_of(const TrainedQueryTime& model) {
    return encode_query_time(model);
}

double median_q(const TrainedQueryTime& model, std::span<const ExecutedPlan> plans) {
    const PredictorIn predictor = [&](std::shared_ptr<const domain::PlanContext> context) { return model.predictor(std::move(context)); };
    const auto asked = ask(predictor, plans, plans);
    EXPECT_EQ(asked.outcomes.size(), plans.size());
    return evaluate(asked.outcomes, "", "").overall.q50;
}

/// Scans whose larger half takes three times as long a row: nothing that prices per unit can tell.
std::vector<ExecutedPlan> bent_scans(std::size_t templates) {
    auto plans = executed_scans(templates, 4);
    for (auto& plan : plans)
        if (plan.plan.root.children.front().rows > 500'000) plan.time_ms *= 3;
    return plans;
}

TEST(PhysicsDesign, TreesSpeakOfNewTemplatesWhereTemplatesLeftOutSayThatTheyHelp) {
    QueryTimeFitOptions options;
    options.with_residual = false;
    const auto plans = bent_scans(40);
    const auto bent = fit_query_time(plans, options);
    ASSERT_TRUE(bent) << bent.error().to_text();
    EXPECT_GT(bent->newcomers.weight, 0.4);
    EXPECT_FALSE(bent->newcomers.forest.roots.empty());
    const auto few = fit_query_time(bent_scans(12), options);
    ASSERT_TRUE(few);
    EXPECT_EQ(few->newcomers.weight, 0) << "on a dozen templates nothing is known of others";
    EXPECT_LT(bent->unseen.physics, few->unseen.physics);
}

TEST(PhysicsDesign, LearnsTheMachineAndHoldsForNewTables) {
    const auto plans = executed_scans(6, 20);
    const auto model = train_query_time(plans, physics_training());
    ASSERT_TRUE(model) << model.error().to_text();
    EXPECT_LT(median_q(*model, plans), 1.2);
    std::vector<ExecutedPlan> fresh;
    for (const double rows : {20'000.0, 200'000.0, 900'000.0}) {
        fresh.push_back(executed({.rows = rows, .actual_rows = rows, .ms = rows * 1.05e-3, .table = "never_seen"}, "fresh"));
        const auto answer = model->predictor(fresh.back().context)->predict(question_of(fresh.back()));
        EXPECT_EQ(answer->route, domain::PredictionRoute::physics);
        EXPECT_LT(answer->low_ms, answer->ms);
        EXPECT_GT(answer->high_ms, answer->ms);
    }
    EXPECT_LT(median_q(*model, fresh), 1.5);
}

TEST(PhysicsDesign, TheSameDataAndSeedGiveTheSameBytes) {
    const auto plans = executed_scans(6, 12);
    auto options = physics_training();
    const auto bytes = bytes_of(*train_query_time(plans, options));
    EXPECT_EQ(bytes_of(*train_query_time(plans, options)), bytes);
    options.training.threads = 2;
    EXPECT_EQ(bytes_of(*train_query_time(plans, options)), bytes);
    options.training.seed = 9;
    EXPECT_NE(bytes_of(*train_query_time(plans, options)), bytes);
    const auto back = decode_query_time(bytes);
    ASSERT_TRUE(back) << back.error().to_text();
    EXPECT_EQ(bytes_of(*back), bytes);
}

TEST(PhysicsDesign, FewDataGiveAModelWithWideIntervals) {
    EXPECT_EQ(train_query_time(std::vector<ExecutedPlan>{}, physics_training()).error().kind, base::ErrorKind::invalid_input);
    const std::vector<ExecutedPlan> one{executed({.ms = 7}, "q")};
    const auto model = train_query_time(one, physics_training());
    ASSERT_TRUE(model) << model.error().to_text();
    const auto other = executed({.rows = 1e5, .actual_rows = 1e5, .ms = 70}, "other");
    const auto answer = model->predictor(other.context)->predict(question_of(other));
    ASSERT_TRUE(answer);
    EXPECT_GT(answer->high_ms / answer->ms, 3) << "one plan says little";

    const std::vector<ExecutedPlan> constant(40, executed({.ms = 8}, "q"));
    const auto of_constant = train_query_time(constant, physics_training());
    ASSERT_TRUE(of_constant) << of_constant.error().to_text();
    EXPECT_NEAR(of_constant->predictor(constant[0].context)->predict(question_of(constant[0]))->ms, 8, 0.8);
}

TEST(PhysicsDesign, StrangePlansDoNoHarm) {
    auto plans = executed_scans(6, 12);
    plans[0].plan.root.type = "Quantum Scan";  // of a version to come
    plans[1].plan.root.children[0].type = "Seq Teleport";
    plans[2].plan.root.children[0].actual_rows.reset();
    plans[3].plan.root.children[0].rows = 1e290;
    plans[4].plan.root.children[0].actual_rows = std::numeric_limits<double>::infinity();
    plans[5].plan.root.children[0].actual_total_ms = std::numeric_limits<double>::quiet_NaN();
    plans[6].plan.root.children.clear();
    plans[10].plan.root.width = 1e300;
    plans[11].plan.root.children[0].width = -1e300;
    for (auto* node : {&plans[12].plan.root, &plans[12].plan.root.children[0]}) node->rows = 1e308;
    plans[12].plan.root.type = "Nested Loop";
    plans[12].plan.root.children.push_back(plans[12].plan.root.children[0]);
    plans[13].plan.root.total_cost = base::PlannerCost(1e300);
    DataSet data;
    data.plans = plans;
    data.plans[7].time_ms = 0;
    data.plans[8].time_ms = std::numeric_limits<double>::quiet_NaN();
    data.plans[9].plan.root.total_cost = base::PlannerCost(std::numeric_limits<double>::infinity());
    prepare(data, {.drop_copies = false});
    EXPECT_EQ(data.plans.size(), plans.size() - 3);
    const auto model = train_query_time(data.plans, physics_training());
    ASSERT_TRUE(model) << model.error().to_text();
    for (const auto& plan : plans) {
        const auto answer = model->predictor(plan.context)->predict(question_of(plan));
        if (!answer) continue;
        EXPECT_TRUE(std::isfinite(answer->ms));
        EXPECT_GT(answer->ms, 0);
        EXPECT_LE(answer->low_ms, answer->ms);
    }
    EXPECT_LT(median_q(*model, std::span(plans).subspan(20)), 1.3) << "the good plans still count";
}

TEST(PhysicsDesign, HeldOutTemplatesAreForetold) {
    const auto plans = executed_scans(7, 12);
    const auto folds = make_folds(plans, SplitKind::leave_one_template_out, 0, 1);
    const auto options = physics_training();
    const auto fit = query_time_fit(options);
    const auto done = evaluate_folds(plans, *folds, fit, {.threads = 2});
    ASSERT_TRUE(done) << done.error().to_text();
    const auto evaluation = evaluate(done->all.outcomes, name_of(options.model), "leave-one-template-out");
    EXPECT_EQ(evaluation.groups.size(), 7U);
    EXPECT_LT(evaluation.overall.q50, 1.2);
    EXPECT_GE(evaluation.overall.coverage90, 80);
    for (const auto& outcome : done->all.outcomes) EXPECT_EQ(outcome.predicted.route, domain::PredictionRoute::physics);
}

TEST(PhysicsDesign, StopsWhenAsked) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(train_query_time(executed_scans(6, 12), physics_training(), {}, stop.get_token()).error().kind, base::ErrorKind::cancelled);
}

TEST(FitCost, IsALineThroughTemplatesOfEqualWeight) {
    std::vector<ExecutedPlan> plans;
    for (int i = 0; i < 100; ++i) plans.push_back(executed({.rows = 1e4, .ms = 10}, "many"));
    plans.push_back(executed({.rows = 1e6, .ms = 1000}, "one"));
    const auto fit = fit_cost(plans);
    EXPECT_NEAR(fit.ms(plans[0].plan.root.total_cost.value), 10, 1e-6);
    EXPECT_NEAR(fit.ms(plans.back().plan.root.total_cost.value), 1000, 1e-3);
    EXPECT_TRUE(std::isfinite(fit_cost({}).ms(10)));
    EXPECT_NEAR(fit_cost(std::span(plans).first(1)).ms(plans[0].plan.root.total_cost.value), 10, 1e-6);
}

TEST(FitCost, CostsThatHardlyDifferDoNotForetellForEver) {
    std::vector<ExecutedPlan> plans;
    for (int i = 0; i < 20; ++i) {
        plans.push_back(executed({.ms = 1.0 + 50 * i}, fmt::format("q{}", i)));
        plans.back().plan.root.total_cost = base::PlannerCost(20 + 1e-4 * i);
    }
    const auto fit = fit_cost(plans);
    for (const double cost : {0.0, 1.0, 25.0, 1e6, 1e300}) {
        EXPECT_GT(fit.ms(cost), 0) << cost;
        EXPECT_TRUE(std::isfinite(fit.ms(cost))) << cost;
    }
}

TEST(PhysicsDesign, TemplatesUnderSeveralNamesAreNotSurerThanOthers) {
    // Two executions under each of five names of one statement: none has enough of its own to be held out.
    auto plans = executed_scans(6, 12);
    base::Random random(3);
    for (int i = 0; i < 10; ++i) {
        const double ms = std::exp(5 * random.uniform());
        plans.push_back(executed({.rows = 5000, .actual_rows = 5000, .ms = ms, .table = "named"}, fmt::format("name{}", i / 2)));
        plans.back().fingerprint = domain::Fingerprint{0xbeef};
    }
    const auto model = train_query_time(plans, physics_training());
    ASSERT_TRUE(model) << model.error().to_text();
    const auto answer = model->predictor(plans.back().context)->predict(question_of(plans.back()));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->route, domain::PredictionRoute::residual);
    EXPECT_GT(answer->high_ms / answer->ms, 1.5) << "its times are all over the place";
}

/// Written by an earlier build (executed_scans(6, 20), ten trees, seed 1): it must answer the same for ever.
TEST(StoredQueryTimeModel, OfTheFirstFormatAnswersAsItDid) {
    const auto bytes = base::read_file(std::filesystem::path(ORRERY_SOURCE_FOLDER) / "tests/training/data/query_time_1.payload");
    ASSERT_TRUE(bytes) << bytes.error().to_text();
    const auto model = decode_query_time(*bytes);
    ASSERT_TRUE(model) << model.error().to_text();
    const auto plan = executed({.rows = 300'000, .actual_rows = 300'000, .ms = 300, .table = "t1"}, "q01");
    const auto answer = model->predictor(plan.context)->predict(question_of(plan));
    ASSERT_TRUE(answer) << answer.error().to_text();
    EXPECT_EQ(answer->route, domain::PredictionRoute::residual);
    EXPECT_NEAR(answer->ms, 319.47699464561992, 1e-3);
}

}  // namespace
}  // namespace orrery::training
