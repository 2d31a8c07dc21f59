#pragma once

#include <span>
#include <vector>

#include "models/clustering/workload_clusterer.hpp"

/// Clusters in words and numbers. Private to the clusterer.
namespace orrery::models {

struct ClusteredTemplates {
    std::span<const TemplateSample> samples;
    const Points& points;         ///< of the samples
    std::span<const int> labels;  ///< position of the cluster; -1 = noise
    std::span<const double> centres;
    const TemplateEncoding& encoding;
};
/// One profile per centre, without id.
std::vector<ClusterProfile> describe_clusters(const ClusteredTemplates& clustered);

}  // namespace orrery::models
