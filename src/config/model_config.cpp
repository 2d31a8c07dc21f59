#include "config/model_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>
#include <utility>

namespace orrery::config {
namespace {

template <typename Choice, std::size_t count>
using Words = std::array<std::pair<Choice, std::string_view>, count>;

constexpr Words<ModelDesign, 2> kDesigns{{{ModelDesign::physics, "physics"}, {ModelDesign::flat, "flat"}}};
constexpr Words<ModelLearner, 4> kLearners{{{ModelLearner::xgboost, "xgboost"},
                                            {ModelLearner::random_forest, "random-forest"},
                                            {ModelLearner::gradient_boosting, "gradient-boosting"},
                                            {ModelLearner::ensemble, "ensemble"}}};
constexpr Words<ClusterViewChoice, 2> kViews{{{ClusterViewChoice::what, "what"}, {ClusterViewChoice::when, "when"}}};
constexpr Words<ClusterMethodChoice, 2> kMethods{{{ClusterMethodChoice::k_means, "kmeans"}, {ClusterMethodChoice::dbscan, "dbscan"}}};
constexpr Words<SplitChoice, 3> kSplits{{{SplitChoice::leave_one_template_out, "leave-one-template-out"},
                                         {SplitChoice::group_kfold, "group-kfold"},
                                         {SplitChoice::holdout_database, "holdout-database"}}};

template <typename Choice, std::size_t count>
std::string_view word_of(const Words<Choice, count>& words, Choice choice) {
    for (const auto& [candidate, word] : words)
        if (candidate == choice) return word;
    return "";
}

base::Unexpected refused(std::string_view key, std::string_view value, std::string_view why, std::string hint) {
    return base::unexpected(base::ErrorKind::invalid_input, fmt::format("\"{}\" is not a valid value for {}", value, key), std::string(why),
                            std::move(hint));
}

template <typename Choice, std::size_t count>
base::Result<Choice> chosen(const Settings& settings, std::string_view key, const Words<Choice, count>& words) {
    const std::string& value = settings.text(key);
    std::array<std::string_view, count> possible;
    for (std::size_t i = 0; i < count; ++i) {
        if (words[i].second == value) return words[i].first;
        possible[i] = words[i].second;
    }
    return refused(key, value, "", fmt::format("It can be {}.", fmt::join(possible, ", ")));
}

int whole(const Settings& settings, std::string_view key) {
    return static_cast<int>(settings.integer(key));
}

}  // namespace

std::string_view to_string(ModelDesign design) {
    return word_of(kDesigns, design);
}
std::string_view to_string(ModelLearner learner) {
    return word_of(kLearners, learner);
}
std::string_view to_string(ClusterViewChoice view) {
    return word_of(kViews, view);
}
std::string_view to_string(ClusterMethodChoice method) {
    return word_of(kMethods, method);
}
std::string_view to_string(SplitChoice split) {
    return word_of(kSplits, split);
}

base::Result<ModelConfig> model_config(const Settings& settings) {
    ModelConfig config;
    config.folder = settings.text("model.folder");
    ORRERY_ASSIGN(config.design, chosen(settings, "model.design", kDesigns));
    ORRERY_ASSIGN(config.learner, chosen(settings, "model.learner", kLearners));
    config.trees = whole(settings, "model.trees");
    config.depth = whole(settings, "model.depth");
    config.leaves = whole(settings, "model.leaves");
    config.learning_rate = settings.real("model.learning_rate");
    auto& clusters = config.clusters;
    ORRERY_ASSIGN(clusters.view, chosen(settings, "model.cluster_view", kViews));
    ORRERY_ASSIGN(clusters.method, chosen(settings, "model.cluster_method", kMethods));
    clusters.clusters = whole(settings, "model.clusters");
    clusters.most_clusters = whole(settings, "model.most_clusters");
    clusters.restarts = whole(settings, "model.cluster_restarts");
    clusters.eps = settings.real("model.cluster_eps");
    clusters.minimum_points = whole(settings, "model.cluster_minimum_points");
    if (clusters.method == ClusterMethodChoice::dbscan && clusters.clusters != 0)
        return refused("model.clusters", fmt::format("{}", clusters.clusters), "DBSCAN finds the number of clusters itself.",
                       "Give 0, or model.cluster_method = kmeans.");
    return config;
}

base::Result<TrainingConfig> training_config(const Settings& settings) {
    TrainingConfig config;
    config.seed = static_cast<std::uint64_t>(settings.integer("train.seed"));
    ORRERY_ASSIGN(config.split, chosen(settings, "train.split", kSplits));
    config.folds = whole(settings, "train.folds");
    config.most_per_template = settings.integer("train.most_per_template");
    config.outlier_factor = settings.real("train.outlier_factor");
    if (config.outlier_factor > 0 && config.outlier_factor <= 1)
        return refused("train.outlier_factor", fmt::format("{:g}", config.outlier_factor),
                       "It is a factor of time, and every plan would be further than that from the median.",
                       "Give 0 to leave none out, or a number above 1.");
    config.incident_margin = settings.duration("train.incident_margin");
    config.threads = whole(settings, "train.threads");
    config.checkpoint = settings.boolean("train.checkpoint");
    return config;
}

}  // namespace orrery::config
