#include "training/forest_trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.hpp"

namespace orrery::training {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// y = 3a - 2b with noise, where c is missing in every second row and d says nothing.
Table made_up(std::size_t rows) {
    base::Random random(3);
    Table table{.columns = 4};
    for (std::size_t row = 0; row < rows; ++row) {
        const double a = random.normal(), b = random.normal();
        table.values.insert(table.values.end(),
                            {static_cast<float>(a), static_cast<float>(b), row % 2 == 0 ? kMissing : static_cast<float>(a), 1.0F});
        table.labels.push_back(static_cast<float>(3 * a - 2 * b + 0.01 * random.normal()));
    }
    return table;
}

std::span<const float> row_of(const Table& table, std::size_t row) {
    return std::span(table.values).subspan(row * table.columns, table.columns);
}

double mean_error(const models::Forest& forest, const Table& table) {
    double sum = 0;
    for (std::size_t row = 0; row < table.rows(); ++row)
        sum += std::abs(static_cast<double>(models::predict(forest, row_of(table, row))) - static_cast<double>(table.labels[row]));
    return sum / static_cast<double>(table.rows());
}

std::string bytes_of(const models::Forest& forest) {
    base::ByteWriter out;
    models::encode(forest, out);
    return out.take();
}

constexpr std::array kLearners{Learner::xgboost, Learner::random_forest, Learner::gradient_boosting, Learner::ensemble};

TEST(ForestTrainer, NamesItsLearners) {
    for (const Learner learner : kLearners) EXPECT_EQ(learner_from(to_string(learner)).value(), learner);
    EXPECT_EQ(learner_from("oracle").error().kind, base::ErrorKind::invalid_input);
}

TEST(ForestTrainer, EveryLearnerLearns) {
    const Table table = made_up(400);
    double of_mean = 0;
    for (const float label : table.labels) of_mean += std::abs(static_cast<double>(label)) / 400;
    for (const Learner learner : kLearners) {
        const auto forest = train_forest(table, {.learner = learner, .trees = 60, .depth = 6});
        ASSERT_TRUE(forest) << forest.error().to_text();
        EXPECT_EQ(forest->features, 4U);
        EXPECT_EQ(forest->roots.size(), learner == Learner::ensemble ? 180U : 60U);
        EXPECT_LT(mean_error(*forest, table), of_mean / 3) << to_string(learner);
    }
}

TEST(ForestTrainer, SameSeedSameBytesWhateverTheThreads) {
    const Table table = made_up(300);
    for (const Learner learner : kLearners) {
        ForestOptions options{.learner = learner, .trees = 30, .row_sample = 0.7, .column_sample = 0.5, .seed = 11, .threads = 1};
        const auto first = bytes_of(train_forest(table, options).value());
        options.threads = 3;
        EXPECT_EQ(bytes_of(train_forest(table, options).value()), first) << to_string(learner);
        options.seed = 12;
        EXPECT_NE(bytes_of(train_forest(table, options).value()), first) << to_string(learner);
    }
}

TEST(ForestTrainer, EnsembleIsTheMeanOfTheThree) {
    const Table table = made_up(200);
    std::vector<models::Forest> members;
    for (const Learner learner : {Learner::xgboost, Learner::random_forest, Learner::gradient_boosting})
        members.push_back(train_forest(table, {.learner = learner, .trees = 20}).value());
    const auto ensemble = train_forest(table, {.learner = Learner::ensemble, .trees = 20}).value();
    for (std::size_t row = 0; row < 50; ++row) {
        float sum = 0;
        for (const auto& member : members) sum += models::predict(member, row_of(table, row));
        EXPECT_NEAR(models::predict(ensemble, row_of(table, row)), sum / 3, 1e-4);
    }
}

TEST(ForestTrainer, WeightsCount) {
    Table table{.columns = 1, .values = {0, 0, 1, 1}, .labels = {0, 10, 5, 5}, .weights = {0, 1, 1, 1}};
    const ForestOptions options{.trees = 50, .learning_rate = 0.5, .minimum_child_weight = 0, .l2 = 0, .row_sample = 1};
    EXPECT_NEAR(models::predict(train_forest(table, options).value(), std::array{0.0F}), 10, 0.01);
    table.weights = {1, 0, 1, 1};
    EXPECT_NEAR(models::predict(train_forest(table, options).value(), std::array{0.0F}), 0, 0.01);
}

TEST(ForestTrainer, HuberLossShrugsOffAnOutlier) {
    Table table = made_up(300);
    table.labels[7] = 1e4F;
    const auto squared = train_forest(table, {.trees = 30}).value();
    const auto bounded = train_forest(table, {.trees = 30, .huber_slope = 1}).value();
    table.labels[7] = 0;
    EXPECT_LT(mean_error(bounded, table), mean_error(squared, table) / 2);
}

TEST(ForestTrainer, TellsProgressUpToTheEnd) {
    for (const Learner learner : kLearners) {
        std::vector<double> told;
        ASSERT_TRUE(train_forest(made_up(50), {.learner = learner, .trees = 60}, [&](double done) { told.push_back(done); }));
        EXPECT_GE(told.size(), 3U);
        EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
        EXPECT_DOUBLE_EQ(told.back(), 1);
    }
}

TEST(ForestTrainer, StopsWhenAsked) {
    for (const Learner learner : kLearners) {
        std::stop_source source;
        int rounds = 0;
        const auto forest = train_forest(
            made_up(50), {.learner = learner, .trees = 1000},
            [&](double) {
                ++rounds;
                source.request_stop();
            },
            source.get_token());
        ASSERT_FALSE(forest);
        EXPECT_EQ(forest.error().kind, base::ErrorKind::cancelled);
        EXPECT_EQ(rounds, 1);
    }
}

TEST(ForestTrainer, SaneForestsOfPoorTables) {
    const std::vector<Table> tables{
        {.columns = 2, .values = {1, 2}, .labels = {5}},                                                       // one row
        {.columns = 1, .values = {1, 1, 1}, .labels = {1, 2, 3}},                                              // constant
        {.columns = 1, .values = {kMissing, kMissing}, .labels = {1, 3}},                                      // all missing
        {.columns = 1, .values = {1, 2, 3}, .labels = {7, 7, 7}},                                              // one answer
        {.columns = 1, .values = {-3.4e38F, 0, 3.4e38F}, .labels = {1, 2, 3}},                                 // the ends of the floats
        {.columns = 1, .values = {1, 2, 3}, .labels = {-1e30F, 0, 1e30F}},                                     // large labels
        {.columns = 1, .values = {1, 2, 3}, .labels = {1, 2, 3}, .weights = {0, 1e-30F, 0}},                   // hardly any weight
        {.columns = 1, .values = {1, kMissing, 3, 4}, .labels = {1, 2, 3, 4}, .weights = {1e30F, 1, 1, 1e9F}}  // too much of it
    };
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (const Learner learner : kLearners) {
            SCOPED_TRACE(std::to_string(i) + " " + std::string(to_string(learner)));
            const auto forest = train_forest(tables[i], {.learner = learner, .trees = 30, .minimum_child_weight = 0});
            ASSERT_TRUE(forest) << forest.error().to_text();
            const auto [low, high] = std::minmax_element(tables[i].labels.begin(), tables[i].labels.end());
            const float answer = models::predict(*forest, row_of(tables[i], 0));
            EXPECT_TRUE(std::isfinite(answer));
            const float slack = (std::abs(*low) + std::abs(*high)) * 1e-3F;
            EXPECT_GE(answer, *low - slack);
            EXPECT_LE(answer, *high + slack);
        }
}

TEST(ForestTrainer, RefusesWhatCannotBeLearntFrom) {
    const Table good{.columns = 1, .values = {1, 2}, .labels = {1, 2}};
    const auto refused = [](Table table, std::string_view words) {
        const auto forest = train_forest(table, {.trees = 2});
        ASSERT_FALSE(forest) << words;
        EXPECT_EQ(forest.error().kind, base::ErrorKind::invalid_input);
        EXPECT_NE(forest.error().message.find(words), std::string::npos) << forest.error().to_text();
    };
    refused({}, "empty");
    refused({.columns = 3}, "empty");
    refused({.columns = 1, .values = {1, 2}, .labels = {1}}, "do not fit");
    refused({.columns = 2, .values = {1, 2, 3}, .labels = {1}}, "do not fit");
    refused({.columns = 1, .values = {1, kInfinity}, .labels = {1, 2}}, "infinite");
    refused({.columns = 1, .values = {1, 2}, .labels = {1, kMissing}}, "label");
    refused({.columns = 1, .values = {1, 2}, .labels = {1, -kInfinity}}, "label");
    refused({.columns = 1, .values = {1, 2}, .labels = {1, 2}, .weights = {1}}, "weights");
    refused({.columns = 1, .values = {1, 2}, .labels = {1, 2}, .weights = {0, 0}}, "zero");
    refused({.columns = 1, .values = {1, 2}, .labels = {1, 2}, .weights = {1, -1}}, "negative");
    refused({.columns = 1, .values = {1, 2}, .labels = {1, 2}, .weights = {1, kMissing}}, "not finite");
    Table wide{.columns = 2000, .values = std::vector<float>(2000), .labels = {1}};
    EXPECT_EQ(train_forest(wide, {}).error().kind, base::ErrorKind::unsupported);
    for (const ForestOptions& options :
         {ForestOptions{.trees = 0}, ForestOptions{.depth = 0}, ForestOptions{.depth = 17}, ForestOptions{.leaves = 1},
          ForestOptions{.bins = 1}, ForestOptions{.learning_rate = 0}, ForestOptions{.learning_rate = std::nan("")},
          ForestOptions{.l2 = -1}, ForestOptions{.row_sample = 0}, ForestOptions{.column_sample = 1.5},
          ForestOptions{.huber_slope = std::nan("")}})
        EXPECT_EQ(train_forest(good, options).error().kind, base::ErrorKind::invalid_input);
}

}  // namespace
}  // namespace orrery::training
