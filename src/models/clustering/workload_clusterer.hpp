#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/result.hpp"
#include "domain/query.hpp"
#include "models/clustering/points.hpp"
#include "models/clustering/template_encoding.hpp"
#include "models/clustering/template_sample.hpp"

/// Templates that behave alike, found and named.
namespace orrery::models {

enum class ClusterMethod { k_means, dbscan };
std::string_view to_string(ClusterView view);
std::string_view to_string(ClusterMethod method);  ///< "kmeans", "dbscan"

struct ClustererOptions {
    ClusterView view = ClusterView::what;
    ClusterMethod method = ClusterMethod::k_means;
    int clusters = 0;  ///< 0 = by silhouette and gap statistic (choose_clusters)
    int most_clusters = 30;
    int restarts = 10;
    double eps = 0;  ///< 0 = from the k-distance knee
    int minimum_points = 5;
    std::uint64_t seed = 1;
};

/// One cluster: its place, and what sets it apart.
struct ClusterProfile {
    std::int64_t id = 0;  ///< stays from model to model
    std::string name;     ///< "single-row look-ups by key on orders, customer"; no other cluster of the model has it
    std::size_t templates = 0;
    double time_share = 0, call_share = 0;  ///< of the workload, 0..1
    struct Trait {
        std::string feature;
        double inside = 0, outside = 0;  ///< medians of sizes, means of flags, counts and shares; in the feature's own unit
        double strength = 0;             ///< how many robust deviations apart
    };
    std::vector<Trait> traits;                  ///< strongest first
    std::vector<domain::Fingerprint> examples;  ///< near the middle, heaviest first
};

struct ClusterModel {
    ClustererOptions options;
    std::vector<std::string> features;   ///< names of the dimensions
    std::vector<double> middle, spread;  ///< (value - middle) / spread, after log1p where a feature is a size
    TableFamilies families;              ///< of the tables that statements use together
    std::vector<double> centres;         ///< row-major, one row per profile, scaled
    std::vector<double> radius;          ///< per cluster: beyond it a template is a new kind
    std::vector<double> prototypes;  ///< row-major: points that outline the clusters of DBSCAN, from which distances count; none of k-means
    std::vector<std::uint32_t> prototype_cluster;
    std::vector<ClusterProfile> profiles;                               ///< in the order of centres
    std::vector<std::pair<domain::Fingerprint, std::int64_t>> members;  ///< the templates it was fitted on and their clusters, sorted
    std::int64_t next_id = 1;
    double silhouette = 0;
};

struct ClusterAnswer {
    std::int64_t id = 0;  ///< 0 = noise: a new kind of query
    double distance = 0;  ///< to the cluster's middle, in scaled units; to the nearest prototype for DBSCAN
};

/// fit, predict, profile, save and load. A fitted one is immutable and may be asked by several threads.
class WorkloadClusterer {
public:
    /// Clusters weigh templates by their execution time, on a logarithmic scale so that one heavy template does not pull all centres
    /// to itself. With `previous`, clusters that match one of its keep that one's id; ids are never given twice.
    /// Empty input is an `invalid_input` error; one template is one cluster.
    static base::Result<WorkloadClusterer> fit(std::span<const TemplateSample> samples, const ClustererOptions& options,
                                               const WorkloadClusterer* previous = nullptr, const std::stop_token& stop = {});
    [[nodiscard]] ClusterAnswer predict(const TemplateSample& sample) const;
    [[nodiscard]] std::span<const ClusterProfile> profiles() const { return model_.profiles; }
    [[nodiscard]] const ClusterModel& model() const { return model_; }
    /// Cluster id of each sample that it was fitted on; 0 = noise. Empty after load (model().members has them by fingerprint).
    [[nodiscard]] std::span<const std::int64_t> labels() const { return labels_; }

    void save(base::ByteWriter& out) const;
    /// `corrupt` for bytes that no `save` wrote, `unsupported` for a newer version or features that this build does not know.
    /// Reads to the end of the clusters and leaves the rest to the caller.
    static base::Result<WorkloadClusterer> load(base::ByteReader& in);

private:
    ClusterModel model_;
    TemplateEncoding encoding_;
    std::vector<std::int64_t> labels_;
};

}  // namespace orrery::models
