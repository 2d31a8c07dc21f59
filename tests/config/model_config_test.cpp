#include "config/model_config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>

#include "base/folder.hpp"

namespace orrery::config {
namespace {

TEST(ModelConfig, DefaultsOfTheStructuresAreThoseOfTheSettings) {
    const Settings settings;
    const auto model = model_config(settings);
    ASSERT_TRUE(model) << model.error().to_text();
    const ModelConfig plain;
    EXPECT_EQ(model->folder, plain.folder);
    EXPECT_EQ(model->design, plain.design);
    EXPECT_EQ(model->learner, plain.learner);
    EXPECT_EQ(model->trees, plain.trees);
    EXPECT_EQ(model->depth, plain.depth);
    EXPECT_EQ(model->leaves, plain.leaves);
    EXPECT_EQ(model->learning_rate, plain.learning_rate);
    EXPECT_EQ(model->clusters.view, plain.clusters.view);
    EXPECT_EQ(model->clusters.method, plain.clusters.method);
    EXPECT_EQ(model->clusters.clusters, plain.clusters.clusters);
    EXPECT_EQ(model->clusters.most_clusters, plain.clusters.most_clusters);
    EXPECT_EQ(model->clusters.restarts, plain.clusters.restarts);
    EXPECT_EQ(model->clusters.eps, plain.clusters.eps);
    EXPECT_EQ(model->clusters.minimum_points, plain.clusters.minimum_points);
    const auto training = training_config(settings);
    ASSERT_TRUE(training) << training.error().to_text();
    const TrainingConfig standard;
    EXPECT_EQ(training->seed, standard.seed);
    EXPECT_EQ(training->split, standard.split);
    EXPECT_EQ(training->folds, standard.folds);
    EXPECT_EQ(training->most_per_template, standard.most_per_template);
    EXPECT_EQ(training->outlier_factor, standard.outlier_factor);
    EXPECT_EQ(training->incident_margin, standard.incident_margin);
    EXPECT_EQ(training->threads, standard.threads);
    EXPECT_EQ(training->checkpoint, standard.checkpoint);
}

TEST(ModelConfig, AFileAndOneSettingOverItReachTheStructures) {
    auto folder = base::TemporaryFolder::create("test").value();
    const auto file = folder.path() / "orrery.toml";
    std::ofstream(file) << "[model]\nlearner = \"random-forest\"\ndesign = \"flat\"\ntrees = 50\ncluster_method = \"dbscan\"\n"
                           "cluster_eps = 1.5\ncluster_view = \"when\"\n[train]\nsplit = \"group-kfold\"\nfolds = 7\nincident_margin = "
                           "\"2min\"\ncheckpoint = false\n";
    Settings settings;
    ASSERT_TRUE(settings.load(file.string()));
    ASSERT_TRUE(settings.set("model.trees", "60"));
    ASSERT_TRUE(settings.set("train.seed", "42"));
    const auto model = model_config(settings);
    ASSERT_TRUE(model) << model.error().to_text();
    EXPECT_EQ(model->learner, ModelLearner::random_forest);
    EXPECT_EQ(model->design, ModelDesign::flat);
    EXPECT_EQ(model->trees, 60);
    EXPECT_EQ(model->clusters.method, ClusterMethodChoice::dbscan);
    EXPECT_EQ(model->clusters.view, ClusterViewChoice::when);
    EXPECT_EQ(model->clusters.eps, 1.5);
    const auto training = training_config(settings);
    ASSERT_TRUE(training) << training.error().to_text();
    EXPECT_EQ(training->split, SplitChoice::group_kfold);
    EXPECT_EQ(training->folds, 7);
    EXPECT_EQ(training->seed, 42U);
    EXPECT_EQ(training->incident_margin, std::chrono::minutes(2));
    EXPECT_FALSE(training->checkpoint);
}

TEST(ModelConfig, AWordThatIsNoneNamesKeyValueAndWhatIsPossible) {
    struct Wrong {
        const char *key, *possible;
    };
    for (const auto& [key, possible] :
         {Wrong{"model.learner", "gradient-boosting"}, Wrong{"model.design", "physics, flat"}, Wrong{"model.cluster_view", "what, when"},
          Wrong{"model.cluster_method", "kmeans, dbscan"}, Wrong{"train.split", "holdout-database"}}) {
        Settings settings;
        ASSERT_TRUE(settings.set(key, "nonsense"));
        const auto error = std::string(key).starts_with("model") ? model_config(settings).error() : training_config(settings).error();
        EXPECT_EQ(error.kind, base::ErrorKind::invalid_input);
        EXPECT_NE(error.message.find(key), std::string::npos) << error.message;
        EXPECT_NE(error.message.find("nonsense"), std::string::npos) << error.message;
        EXPECT_NE(error.hint.find(possible), std::string::npos) << error.hint;
    }
}

TEST(ModelConfig, ValuesThatDoNotGoTogetherAreRefused) {
    Settings settings;
    ASSERT_TRUE(settings.set("model.cluster_method", "dbscan"));
    ASSERT_TRUE(settings.set("model.clusters", "4"));
    const auto model = model_config(settings);
    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message.find("model.clusters"), std::string::npos);
    for (const char* factor : {"0.5", "1"}) {
        ASSERT_TRUE(settings.set("train.outlier_factor", factor));
        const auto training = training_config(settings);
        ASSERT_FALSE(training) << factor;
        EXPECT_NE(training.error().message.find("train.outlier_factor"), std::string::npos);
    }
    ASSERT_TRUE(settings.set("train.outlier_factor", "0"));
    EXPECT_TRUE(training_config(settings));
}

TEST(ModelConfig, NumbersOutOfRangeDoNotGetIntoTheSettings) {
    Settings settings;
    for (const auto& [key, value] : {std::pair("model.trees", "0"), std::pair("model.learning_rate", "1.5"), std::pair("train.folds", "1"),
                                     std::pair("model.cluster_eps", "-1"), std::pair("train.threads", "0")}) {
        const auto done = settings.set(key, value);
        ASSERT_FALSE(done) << key;
        EXPECT_NE(done.error().message.find(key), std::string::npos);
        EXPECT_NE(done.error().message.find(value), std::string::npos);
    }
}

TEST(ModelConfig, WordsReadBack) {
    for (const auto design : {ModelDesign::physics, ModelDesign::flat}) EXPECT_FALSE(to_string(design).empty());
    EXPECT_EQ(to_string(ModelLearner::random_forest), "random-forest");
    EXPECT_EQ(to_string(ClusterMethodChoice::k_means), "kmeans");
    EXPECT_EQ(to_string(ClusterViewChoice::when), "when");
    EXPECT_EQ(to_string(SplitChoice::leave_one_template_out), "leave-one-template-out");
}

}  // namespace
}  // namespace orrery::config
