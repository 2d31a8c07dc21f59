#include "training/query_time_trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "training/made_plans.hpp"
#include "training/query_time_fit.hpp"

namespace orrery::training {
namespace {

using namespace testing;
using models::ExecutedPlan;

QueryTimeTraining flat_training(config::ModelLearner learner = config::ModelLearner::xgboost) {
    QueryTimeTraining options;
    options.model.design = config::ModelDesign::flat;
    options.model.learner = learner;
    options.model.trees = 40;
    return options;
}

double median_q(const TrainedQueryTime& model, std::span<const ExecutedPlan> plans) {
    const auto outcomes =
        ask([&](std::shared_ptr<const domain::PlanContext> context) { return model.predictor(std::move(context)); }, plans, plans);
    EXPECT_EQ(outcomes.outcomes.size(), plans.size());
    return evaluate(outcomes.outcomes, "", "").overall.q50;
}

TEST(FlatDesign, EachLearnerLearnsAndIsItsOwn) {
    const auto plans = executed_scans(6, 40);
    std::vector<std::string> bytes;
    for (const auto learner : {config::ModelLearner::xgboost, config::ModelLearner::random_forest, config::ModelLearner::gradient_boosting,
                               config::ModelLearner::ensemble}) {
        const auto model = train_query_time(plans, flat_training(learner));
        ASSERT_TRUE(model) << model.error().to_text();
        EXPECT_LT(median_q(*model, plans), 1.4) << to_string(learner);
        EXPECT_GT(model->flat->unseen_error, 0);
        EXPECT_LT(model->flat->unseen_error, 1.5) << "every template is like the others here";
        bytes.push_back(encode_query_time(*model));
        for (std::size_t i = 0; i + 1 < bytes.size(); ++i) EXPECT_NE(bytes[i], bytes.back());
    }
}

TEST(FlatDesign, TheSameDataAndSeedGiveTheSameBytes) {
    const auto plans = executed_scans(6, 20);
    auto options = flat_training(config::ModelLearner::random_forest);
    const auto bytes = encode_query_time(*train_query_time(plans, options));
    options.training.threads = 2;
    EXPECT_EQ(encode_query_time(*train_query_time(plans, options)), bytes);
    options.training.seed = 2;
    EXPECT_NE(encode_query_time(*train_query_time(plans, options)), bytes);
}

TEST(FlatDesign, WhatOnlyTheExecutionTellsIsNotLookedAt) {
    const auto plans = executed_scans(6, 20);
    const auto model = *train_query_time(plans, flat_training());
    auto seen = plans[3];
    const double before = model.predictor(seen.context)->predict(question_of(seen))->ms;
    seen.plan.execution_ms = 1e9;
    seen.plan.root.actual_rows = 1e12;
    seen.plan.root.children[0].actual_rows.reset();
    seen.plan.root.children[0].actual_total_ms = 1e7;
    EXPECT_EQ(model.predictor(seen.context)->predict(question_of(seen))->ms, before);
    for (const auto& name : models::flat_feature_names()) EXPECT_FALSE(name.starts_with("actual."));
}

TEST(FlatDesign, ExplanationsSumToThePrediction) {
    const auto plans = executed_scans(6, 20);
    const auto model = *train_query_time(plans, flat_training());
    for (std::size_t i = 0; i < plans.size(); i += 7) {
        const auto predictor = model.predictor(plans[i].context);
        const auto explanation = predictor->explain(question_of(plans[i]));
        ASSERT_TRUE(explanation);
        const double ms = predictor->predict(question_of(plans[i]))->ms;
        EXPECT_EQ(explanation->prediction.ms, ms);
        EXPECT_EQ(explanation->prediction.route, domain::PredictionRoute::trees);
        double features = explanation->base_ms, operators = explanation->base_ms, average = 0;
        for (const auto& share : explanation->features) {
            features += share.ms;
            if (share.name == "an average plan") average = share.ms;
        }
        for (const auto& share : explanation->operators) operators += share.ms;
        EXPECT_NEAR(features, ms, 1e-9 * ms);
        EXPECT_NEAR(operators, ms, 1e-9 * ms);
        EXPECT_EQ(explanation->operators.size(), 2U);
        EXPECT_EQ(explanation->operators[1].name, "Seq Scan on " + plans[i].plan.root.children[0].relation);
        EXPECT_GT(average, 0);
        EXPECT_LT(explanation->prediction.low_ms, ms);
        EXPECT_GT(explanation->prediction.high_ms, ms);
    }
}

TEST(FlatDesign, OddDataAreLearntFromOrRefused) {
    EXPECT_EQ(train_query_time({}, flat_training()).error().kind, base::ErrorKind::invalid_input);
    const std::vector<ExecutedPlan> one{executed({.ms = 7}, "q")};
    const auto of_one = train_query_time(one, flat_training());
    ASSERT_TRUE(of_one) << of_one.error().to_text();
    EXPECT_NEAR(of_one->predictor(one[0].context)->predict(question_of(one[0]))->ms, 7, 1e-3);

    std::vector<ExecutedPlan> constant;
    for (int i = 0; i < 50; ++i) constant.push_back(executed({.ms = i % 2 == 0 ? 4.0 : 16.0}, fmt::format("q{}", i % 6)));
    const auto of_constant = train_query_time(constant, flat_training());
    ASSERT_TRUE(of_constant) << of_constant.error().to_text();
    EXPECT_NEAR(of_constant->predictor(constant[0].context)->predict(question_of(constant[0]))->ms, 8, 1);

    auto strange = executed_scans(6, 10);
    strange[0].plan.root.rows = std::numeric_limits<double>::infinity();
    strange[1].plan.root.total_cost = base::PlannerCost(std::numeric_limits<double>::quiet_NaN());
    strange[2].plan.root.children[0].rows = 1e300;
    strange[3].plan.root.type = "Quantum Scan";
    const auto of_strange = train_query_time(strange, flat_training());
    ASSERT_TRUE(of_strange) << of_strange.error().to_text();
    for (const auto& plan : strange) {
        const auto explanation = of_strange->predictor(plan.context)->explain(question_of(plan));
        ASSERT_TRUE(explanation);
        EXPECT_TRUE(std::isfinite(explanation->prediction.ms));
        for (const auto& share : explanation->operators) EXPECT_TRUE(std::isfinite(share.ms));
    }
    EXPECT_FALSE(of_strange->predictor(strange[0].context)->predict({}));
}

TEST(TrainQueryTime, WithoutAContextThePlansTellTheirOwn) {
    auto plans = executed_scans(6, 20);
    auto physics = flat_training();
    physics.model.design = config::ModelDesign::physics;
    const auto model = train_query_time(plans, physics);
    ASSERT_TRUE(model) << model.error().to_text();
    ASSERT_EQ(model->physics->inferred.size(), 1U);
    EXPECT_FALSE(model->physics->inferred.front().relations.empty()) << "full scans show how large their tables are";
    auto context = std::make_shared<domain::PlanContext>();
    context->relations.push_back({"public", "t1", 5, 1, 0});
    for (auto& plan : plans) plan.context = context;
    EXPECT_TRUE(train_query_time(plans, physics)->physics->inferred.empty());
}

TEST(FlatDesign, StopsWhenAsked) {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_EQ(train_query_time(executed_scans(6, 20), flat_training(), {}, stop.get_token()).error().kind, base::ErrorKind::cancelled);
}

TEST(QueryTimePayload, ComesBackWhole) {
    const auto plans = executed_scans(6, 20);
    const auto model = *train_query_time(plans, flat_training());
    const auto bytes = encode_query_time(model);
    const auto back = decode_query_time(bytes);
    ASSERT_TRUE(back) << back.error().to_text();
    EXPECT_EQ(encode_query_time(*back), bytes);
    EXPECT_EQ(back->features_hash(), model.features_hash());
    EXPECT_EQ(back->predictor(plans[0].context)->predict(question_of(plans[0]))->high_ms,
              model.predictor(plans[0].context)->predict(question_of(plans[0]))->high_ms);
}

TEST(QueryTimePayload, DamageAndForeignersAreErrors) {
    const auto bytes = encode_query_time(*train_query_time(executed_scans(3, 4), flat_training()));
    EXPECT_EQ(decode_query_time("").error().kind, base::ErrorKind::corrupt);
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 50)
        EXPECT_FALSE(decode_query_time(bytes.substr(0, cut))) << cut;
    EXPECT_FALSE(decode_query_time(bytes + "x"));
    auto other_design = bytes, other_inputs = bytes;
    other_design[0] = 9;
    other_inputs[1] = static_cast<char>(other_inputs[1] ^ 1);
    EXPECT_EQ(decode_query_time(other_design).error().kind, base::ErrorKind::unsupported);
    EXPECT_EQ(decode_query_time(other_inputs).error().kind, base::ErrorKind::unsupported);
    EXPECT_FALSE(decode_query_time(other_inputs).error().hint.empty());
}

TEST(QueryTimeTrainingOptions, HashFollowsWhatMatters) {
    auto options = flat_training();
    const auto before = options_hash(options);
    options.training.threads = 7;
    EXPECT_EQ(options_hash(options), before);
    options.model.depth = 3;
    EXPECT_NE(options_hash(options), before);
    options = flat_training(config::ModelLearner::ensemble);
    EXPECT_NE(options_hash(options), before);
    EXPECT_EQ(name_of(options.model), "flat, ensemble");
}

}  // namespace
}  // namespace orrery::training
