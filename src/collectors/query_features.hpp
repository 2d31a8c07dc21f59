#pragma once

#include <utility>
#include <vector>

#include "base/units.hpp"
#include "domain/query.hpp"
#include "domain/series.hpp"
#include "sql/features.hpp"

namespace orrery::collectors {

using TemplateFeatures = std::vector<std::pair<domain::Fingerprint, sql::Features>>;

/// Series `query_features`: what new templates are, as the named numbers of sql::features. A row is written once, when its template is
/// first seen on a server; its keys are the fingerprint and the version of the vector.
domain::Frame feature_frame(const TemplateFeatures& templates, base::WallTime seen);

}  // namespace orrery::collectors
