#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/cluster_history.hpp"
#include "engine/context.hpp"
#include "models/clustering/forecast.hpp"
#include "models/clustering/workload_clusterer.hpp"

/// Clusters of a database's templates: trained, kept in the registry, and asked.
namespace orrery::engine {

/// Of ClusterHistory, when nothing else is said: long enough for seasons, short enough to be true today.
constexpr std::chrono::hours kClusterHistory{24 * 7 * 12};

struct TrainClustersRequest {
    std::string target;
    std::optional<std::chrono::milliseconds> since;  ///< how far back; absent = kClusterHistory
    bool dry_run = false;                            ///< fit, and store nothing
    bool promote = true;                             ///< put the new version into use
};

struct TrainClustersReport {
    std::string target, kind;
    std::string view, method;
    std::int64_t version = 0;  ///< 0 for a dry run
    std::int64_t parent = 0;   ///< whose ids were kept; 0 = none
    bool promoted = false;
    std::size_t templates = 0;
    std::size_t kept_ids = 0;  ///< clusters that the parent had, too
    double silhouette = 0;
    double noise_time_share = 0;  ///< of templates that fit no cluster
    base::WallTime start{}, end{};
    std::vector<models::ClusterProfile> profiles;
    std::vector<ClusterHistory::LeftOut> left_out;
};

/// Fits clusters with the settings `model.cluster*` and `train.seed` to what was collected of the target's database, and stores them. With
/// the version in use as the start, so that clusters keep their ids.
base::Result<TrainClustersReport> train_clusters(const Context& context, const TrainClustersRequest& request);

struct ClustersRequest {
    std::string target;
    std::optional<std::chrono::milliseconds> since;  ///< how far back; absent = kClusterHistory
};

struct ClustersReport {
    std::string target, view, method;
    std::int64_t version = 0;  ///< of the model in use; 0: none is trained, and these were fitted on the fly
    std::string remark;        ///< why they were
    base::WallTime trained{};
    base::WallTime start{}, end{};  ///< of the history
    std::size_t templates = 0;
    double silhouette = 0;

    struct Cluster {
        models::ClusterProfile profile;            ///< as trained; its counts and shares as they are now
        double trained_time_share = 0;             ///< as it was
        double calls = 0, ms = 0;                  ///< now
        std::vector<double> past;                  ///< calls per hour, NaN where not observed
        std::optional<models::Forecast> forecast;  ///< of the next 24 hours; absent when hardly anything was observed
    };
    std::vector<Cluster> clusters;  ///< most time first
    struct Stranger {
        domain::Fingerprint fingerprint;
        std::string text;
        double calls = 0, ms = 0, time_share = 0;
        double distance = 0;       ///< to the nearest cluster
        bool in_training = false;  ///< it was there when the model was trained
    };
    std::vector<Stranger> strangers;  ///< templates that fit no cluster, most time first
    /// What became different since the training; 0 right after it.
    double moved_share = 0;     ///< of the time: half the sum of all changes of shares
    double stranger_share = 0;  ///< of the time: in templates that fit no cluster
    bool outdated = false;      ///< so much that a new training is due
    std::vector<ClusterHistory::LeftOut> left_out;
};

/// The clusters in use (fitted on the fly, when none were trained), what they do now, and what they will do.
base::Result<ClustersReport> analyze_clusters(const Context& context, const ClustersRequest& request);

/// Both again for a store and a database that were found already; `target` is the model's scope.
struct ClusterPlace {
    domain::Store* store = nullptr;
    HistoryStretch stretch;
    std::string target;
};
base::Result<TrainClustersReport> train_clusters(const Context& context, const ClusterPlace& place, const TrainClustersRequest& request);
base::Result<ClustersReport> analyze_clusters(const Context& context, const ClusterPlace& place);

}  // namespace orrery::engine
