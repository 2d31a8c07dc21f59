#include "training/evaluation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>

namespace orrery::training {
namespace {

using ::testing::HasSubstr;

Outcome outcome(const std::string& group, double actual, double predicted, double factor = 2, double baseline = 10) {
    Outcome made;
    made.group = group;
    made.actual_ms = actual;
    made.predicted.ms = predicted;
    made.predicted.low_ms = predicted / factor;
    made.predicted.high_ms = predicted * factor;
    made.baseline_ms = baseline;
    return made;
}

TEST(Evaluate, FiguresPerTemplateAndOverall) {
    const std::vector<Outcome> outcomes = {outcome("b", 10, 10), outcome("b", 10, 40), outcome("a", 20, 10), outcome("a", 10, 10)};
    const auto evaluation = evaluate(outcomes, "xgboost", "group-kfold");
    ASSERT_EQ(evaluation.groups.size(), 2U);
    EXPECT_EQ(evaluation.groups[0].name, "a");
    EXPECT_EQ(evaluation.groups[0].figures.q50, 1.5);
    EXPECT_EQ(evaluation.groups[0].figures.coverage90, 100) << "the end of an interval is inside";
    EXPECT_EQ(evaluation.groups[1].figures.q_max, 4);
    EXPECT_EQ(evaluation.groups[1].figures.coverage90, 50);
    EXPECT_EQ(evaluation.overall.n, 4U);
    EXPECT_EQ(evaluation.overall.q50, 1.5);
    EXPECT_NEAR(evaluation.overall.q90, 3.4, 1e-12);
    EXPECT_EQ(evaluation.overall.mean_absolute_ms, 10);
    EXPECT_EQ(evaluation.overall.coverage90, 75);
    EXPECT_EQ(evaluation.baseline.q50, 1);
    EXPECT_EQ(evaluation.baseline.q_max, 2);
}

TEST(Evaluate, PredictionsThatAreNoNumbersAreInfinitelyWrong) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<Outcome> outcomes = {outcome("a", 1, 1), outcome("a", 1, nan), outcome("a", 1, 0), outcome("a", 1, 1)};
    const auto evaluation = evaluate(outcomes, "m", "s");
    EXPECT_TRUE(std::isinf(evaluation.overall.q_max));
    EXPECT_TRUE(std::isinf(evaluation.overall.q50));
    EXPECT_EQ(evaluation.overall.coverage90, 50);
    const auto json = nlohmann::json::parse(to_json(evaluation, {}));
    EXPECT_TRUE(json["overall"]["q50"].is_null());
    EXPECT_THAT(to_text(evaluation), HasSubstr("inf"));
}

TEST(Evaluate, CalibrationIsByTenthsOfThePrediction) {
    std::vector<Outcome> outcomes;
    for (int i = 100; i > 0; --i) outcomes.push_back(outcome("a", 2.0 * i, i));
    const auto points = evaluate(outcomes, "m", "s").calibration;
    ASSERT_EQ(points.size(), 10U);
    EXPECT_EQ(points[0].predicted_ms, 5.5);
    EXPECT_EQ(points[0].actual_ms, 11);
    EXPECT_EQ(points[9].n, 10U);
    EXPECT_TRUE(evaluate({}, "m", "s").calibration.empty());
    EXPECT_EQ(evaluate({{outcome("a", 1, 1)}}, "m", "s").calibration.size(), 1U);
}

TEST(EvaluationReport, JsonIsTheDocumentedOne) {
    const std::vector<Outcome> outcomes = {outcome("q1", 10, 10), outcome("q2", 10, 40)};
    const std::vector<LeftOut> left{{"exact copies", 7}};
    const auto json = nlohmann::json::parse(to_json(evaluate(outcomes, "physics", "leave-one-template-out"), left));
    EXPECT_EQ(json["model"], "physics");
    EXPECT_EQ(json["split"], "leave-one-template-out");
    ASSERT_EQ(json["groups"].size(), 2U);
    EXPECT_EQ(json["groups"][1]["template"], "q2");
    EXPECT_EQ(json["groups"][1]["n"], 1);
    EXPECT_EQ(json["groups"][1]["q50"], 4.0);
    EXPECT_EQ(json["groups"][1]["q95"], 4.0);
    for (const char* key : {"q50", "q90", "q95", "coverage90", "q_max", "mae_ms"}) EXPECT_TRUE(json["overall"][key].is_number()) << key;
    EXPECT_EQ(json["overall"]["coverage90"], 50.0);
    EXPECT_EQ(json["baseline"]["q50"], 1.0);
    EXPECT_EQ(json["baseline"]["q95"], 1.0);
    EXPECT_FALSE(json["baseline"].contains("coverage90")) << "costs have no interval";
    EXPECT_EQ(json["left_out"][0]["count"], 7);
}

TEST(EvaluationReport, TextHasATableAndAPlot) {
    std::vector<Outcome> outcomes;
    for (int i = 1; i <= 50; ++i) outcomes.push_back(outcome("tpch_q01", i * 10.0, i * 11.0));
    const auto text = to_text(evaluate(outcomes, "physics", "group-kfold"));
    EXPECT_THAT(text, HasSubstr("physics, group-kfold\n"));
    EXPECT_THAT(text, HasSubstr("tpch_q01"));
    EXPECT_THAT(text, HasSubstr("1.10"));
    EXPECT_THAT(text, HasSubstr("planner's cost"));
    EXPECT_GE(std::count(text.begin(), text.end(), 'o'), 10);
    EXPECT_THAT(to_text(evaluate({}, "m", "s")), HasSubstr("all"));
}

}  // namespace
}  // namespace orrery::training
