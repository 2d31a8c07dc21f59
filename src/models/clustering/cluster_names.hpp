#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/clustering/workload_clusterer.hpp"

/// Names of clusters, from what most of their templates are. Private to the clusterer.
namespace orrery::models {

std::string name_by_kind(std::span<const TemplateSample* const> members);  ///< "joins of 3-6 tables with aggregates on orders, lineitem"
std::string name_by_time(std::span<const TemplateSample* const> members);  ///< "mostly 22-05 h UTC, on workdays"
/// Adds the strongest trait, or else a number, where the name is taken.
std::string unique_name(const std::string& name, std::span<const ClusterProfile::Trait> traits, std::span<const std::string> taken);

}  // namespace orrery::models
