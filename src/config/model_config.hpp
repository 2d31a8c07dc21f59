#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/settings.hpp"

/// What models are made of and how they are trained: the settings `model.*` and `train.*`, typed and checked together.
namespace orrery::config {

enum class ModelDesign {
    physics,  ///< operator terms, trees on what they leave over
    flat,     ///< the learner alone, on features of the whole plan
};
enum class ModelLearner { xgboost, random_forest, gradient_boosting, ensemble };
enum class ClusterViewChoice { what, when };
enum class ClusterMethodChoice { k_means, dbscan };
enum class SplitChoice { leave_one_template_out, group_kfold, holdout_database };

/// As in settings, flags and JSON: "random-forest", "kmeans", "leave-one-template-out", ...
std::string_view to_string(ModelDesign design);
std::string_view to_string(ModelLearner learner);
std::string_view to_string(ClusterViewChoice view);
std::string_view to_string(ClusterMethodChoice method);
std::string_view to_string(SplitChoice split);

struct ClusterConfig {
    ClusterViewChoice view = ClusterViewChoice::what;
    ClusterMethodChoice method = ClusterMethodChoice::k_means;
    int clusters = 0;  ///< 0 = as many as the data have
    int most_clusters = 30;
    int restarts = 10;
    double eps = 0;  ///< 0 = from the data
    int minimum_points = 5;
};

struct ModelConfig {
    std::string folder;  ///< of the registry; empty = "models" in the state folder
    ModelDesign design = ModelDesign::physics;
    ModelLearner learner = ModelLearner::xgboost;
    int trees = 200;
    int depth = 6;
    int leaves = 31;             ///< gradient_boosting
    double learning_rate = 0.1;  ///< boosting
    ClusterConfig clusters;
};

struct TrainingConfig {
    std::uint64_t seed = 1;
    SplitChoice split = SplitChoice::leave_one_template_out;
    int folds = 5;                                      ///< of group_kfold
    std::int64_t most_per_template = 0;                 ///< plans; 0 = all
    double outlier_factor = 20;                         ///< 0 = none is left out, else above 1
    std::chrono::milliseconds incident_margin{60'000};  ///< plans this long before and after an incident are left out as well
    int threads = 1;
    bool checkpoint = true;  ///< keep what is done, so that an interrupted training goes on
};

/// From settings, whose numbers are in range already: what is left are words, and values that do not go together. An `invalid_input`
/// error names key, value and what is possible.
base::Result<ModelConfig> model_config(const Settings& settings);
base::Result<TrainingConfig> training_config(const Settings& settings);

}  // namespace orrery::config
