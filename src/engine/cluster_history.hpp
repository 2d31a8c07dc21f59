#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/store.hpp"
#include "models/clustering/forecast.hpp"
#include "models/clustering/template_sample.hpp"

/// What is stored of templates, as the clusterer takes it.
namespace orrery::engine {

/// A stretch of one database's history.
struct HistoryStretch {
    domain::ServerId server = 0;
    domain::Oid database = 0;  ///< 0 = all
    base::WallTime from{}, to{};
    std::stop_token stop{};  ///< asked for each interval; then the answer is a `cancelled` error
};

struct ClusterHistory {
    std::vector<models::TemplateSample> samples;  ///< sorted by fingerprint
    base::WallTime start{}, end{};                ///< of what was found
    struct LeftOut {
        std::string why;
        std::size_t count = 0;
        double time_share = 0;  ///< of the workload, 0..1
    };
    std::vector<LeftOut> left_out;
};

struct ClusterHistoryOptions {
    bool texts = true;  ///< leave out templates without a text that parses; their plans are read as well
    std::size_t most_templates = 20'000;
};

/// Counters, rhythm, text, facts and newest plan of each template, the heaviest ones when there are too many. One interval and one plan in
/// memory at a time. `missing_object` when nothing was collected.
base::Result<ClusterHistory> read_cluster_history(domain::Store& store, const HistoryStretch& stretch,
                                                  const ClusterHistoryOptions& options = {});

/// Calls per hour by cluster, the last hour ending with the stretch; NaN where hardly anything was observed.
/// `cluster_of` is asked once per template.
base::Result<std::map<std::int64_t, models::ArrivalHistory>> read_arrivals(
    domain::Store& store, const HistoryStretch& stretch, const std::function<std::int64_t(domain::Fingerprint)>& cluster_of);

}  // namespace orrery::engine
