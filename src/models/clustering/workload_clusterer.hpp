#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "domain/query.hpp"
#include "domain/workload.hpp"
#include "models/clustering/points.hpp"
#include "sql/features.hpp"

/// Templates that behave alike, found and named.
namespace orrery::models {

/// Everything known of one template, before scaling.
struct TemplateSample {
    domain::Fingerprint fingerprint;
    std::string text;  ///< normalized
    sql::Features facts{};
    domain::StatementCounters counters;       ///< over the window
    std::optional<std::vector<double>> plan;  ///< domain::plan_features of its newest plan
    std::vector<double> calls_by_hour;        ///< 168: hour of the week (Monday 0 h UTC first), calls; empty when not known
    double seconds = 0;                       ///< length of the window
};

enum class ClusterView {
    what,  ///< what a query is: facts, plan, cost, resources
    when,  ///< when it comes: shape over the day and the week
};
enum class ClusterMethod { k_means, dbscan };
std::string_view to_string(ClusterView view);
std::string_view to_string(ClusterMethod method);  ///< "kmeans", "dbscan"

struct ClustererOptions {
    ClusterView view = ClusterView::what;
    ClusterMethod method = ClusterMethod::k_means;
    int clusters = 0;  ///< 0 = by silhouette and gap statistic
    int most_clusters = 30;
    int restarts = 10;
    double eps = 0;  ///< 0 = from the k-distance knee
    int minimum_points = 5;
    std::uint64_t seed = 1;
};

/// One cluster: its place, and what sets it apart.
struct ClusterProfile {
    std::int64_t id = 0;  ///< stays from model to model
    std::string name;     ///< "short look-ups by key on 2 tables"
    std::size_t templates = 0;
    double time_share = 0, call_share = 0;  ///< of the workload, 0..1
    struct Trait {
        std::string feature;
        double inside = 0, outside = 0;  ///< weighted medians, in the feature's own unit
        double strength = 0;             ///< how many robust deviations apart
    };
    std::vector<Trait> traits;                  ///< strongest first
    std::vector<domain::Fingerprint> examples;  ///< nearest to the middle, heaviest first
};

struct ClusterModel {
    ClustererOptions options;
    std::vector<std::string> features;   ///< names of the dimensions
    std::vector<double> middle, spread;  ///< robust scaling after log1p where a feature is a size
    std::vector<double> centres;         ///< row-major, one row per profile, scaled
    std::vector<double> radius;          ///< per cluster: beyond it a template is a new kind
    std::vector<ClusterProfile> profiles;
    std::int64_t next_id = 1;
    double silhouette = 0;
};

struct ClusterAnswer {
    std::int64_t id = 0;  ///< 0 = noise: a new kind of query
    double distance = 0;  ///< to the cluster's middle, in robust deviations
};

/// fit, predict, profile, save and load.
class WorkloadClusterer {
public:
    /// Clusters weigh templates by their execution time. With `previous`, clusters that match one of its keep that one's id.
    /// Empty input is an `invalid_input` error; one template is one cluster.
    static base::Result<WorkloadClusterer> fit(std::span<const TemplateSample> samples, const ClustererOptions& options,
                                               const WorkloadClusterer* previous = nullptr, const std::stop_token& stop = {});
    [[nodiscard]] ClusterAnswer predict(const TemplateSample& sample) const;
    [[nodiscard]] std::span<const ClusterProfile> profiles() const { return model_.profiles; }
    [[nodiscard]] const ClusterModel& model() const { return model_; }
    /// Cluster id of each sample that it was fitted on; 0 = noise.
    [[nodiscard]] std::span<const std::int64_t> labels() const { return labels_; }

    void save(base::ByteWriter& out) const;
    static base::Result<WorkloadClusterer> load(base::ByteReader& in);

private:
    ClusterModel model_;
    std::vector<std::int64_t> labels_;
};

}  // namespace orrery::models
