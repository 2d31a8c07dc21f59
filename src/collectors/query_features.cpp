#include "collectors/query_features.hpp"

#include <cstdint>
#include <string>

namespace orrery::collectors {

domain::Frame feature_frame(const TemplateFeatures& templates, base::WallTime seen) {
    domain::Frame frame{.series = "query_features", .start = seen, .end = seen};
    std::vector<std::string> fingerprints;
    for (const auto& [fingerprint, features] : templates) fingerprints.push_back(fingerprint.hex());
    frame.columns.push_back({"fingerprint", domain::RollUp::key, "", std::move(fingerprints)});
    frame.columns.push_back({"version", domain::RollUp::key, "", std::vector<std::int64_t>(templates.size(), sql::kFeatureVersion)});
    for (std::size_t i = 0; i < sql::kFeatureCount; ++i) {
        std::vector<double> values;
        for (const auto& [fingerprint, features] : templates) values.push_back(features[i]);
        frame.columns.push_back({std::string(sql::kFeatureNames[i]), domain::RollUp::last, "", std::move(values)});
    }
    return frame;
}

}  // namespace orrery::collectors
