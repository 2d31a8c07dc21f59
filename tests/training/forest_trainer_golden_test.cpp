#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <limits>

#include "training/forest_trainer.hpp"

namespace orrery::training {
namespace {

/// What Python's XGBoost answered; data/forest_golden.py made it.
const nlohmann::json& golden() {
    static const auto document =
        nlohmann::json::parse(std::ifstream(std::string(ORRERY_SOURCE_FOLDER) + "/tests/training/data/forest_golden.json"));
    return document;
}

std::vector<float> floats(const nlohmann::json& numbers) {
    std::vector<float> values;
    for (const auto& number : numbers) values.push_back(number.is_null() ? std::numeric_limits<float>::quiet_NaN() : number.get<float>());
    return values;
}

struct Case {
    const char* name;
    ForestOptions options;
};

class ForestGolden : public testing::TestWithParam<Case> {};

TEST_P(ForestGolden, AnswersAsPythonDoes) {
    const Table table{.columns = golden()["columns"],
                      .values = floats(golden()["values"]),
                      .labels = floats(golden()["labels"]),
                      .weights = floats(golden()["weights"])};
    const auto forest = train_forest(table, GetParam().options);
    ASSERT_TRUE(forest) << forest.error().to_text();
    const auto& expected = golden()["cases"][GetParam().name];
    const auto predictions = floats(expected["predictions"]), contributions = floats(expected["contributions"]);
    ASSERT_EQ(predictions.size(), table.rows());
    models::ShapWorkspace workspace;
    std::vector<double> values(table.columns);
    for (std::size_t row = 0; row < table.rows(); ++row) {
        const std::span input(table.values.data() + row * table.columns, table.columns);
        EXPECT_EQ(models::predict(*forest, input), predictions[row]) << "row " << row;
        if ((row + 1) * (table.columns + 1) > contributions.size()) continue;
        const double expectation = models::shap(*forest, input, values, workspace);
        const float* const theirs = contributions.data() + row * (table.columns + 1);
        for (std::size_t column = 0; column < table.columns; ++column) EXPECT_NEAR(values[column], theirs[column], 2e-5) << "row " << row;
        EXPECT_NEAR(expectation, theirs[table.columns], 2e-5);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Learners, ForestGolden,
    testing::Values(
        Case{"xgboost", {.learner = Learner::xgboost, .trees = 40, .depth = 5, .row_sample = 1, .column_sample = 1}},
        Case{"gradient-boosting",
             {.learner = Learner::gradient_boosting, .trees = 40, .depth = 5, .leaves = 12, .row_sample = 1, .column_sample = 1}},
        Case{"random-forest", {.learner = Learner::random_forest, .trees = 20, .depth = 5, .row_sample = 1, .column_sample = 1}},
        Case{"huber", {.learner = Learner::xgboost, .trees = 40, .depth = 5, .row_sample = 1, .column_sample = 1, .huber_slope = 0.5}},
        Case{"sampled", {.learner = Learner::xgboost, .trees = 40, .depth = 5, .seed = 1}}),
    [](const auto& tested) {
        std::string name = tested.param.name;
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

}  // namespace
}  // namespace orrery::training
