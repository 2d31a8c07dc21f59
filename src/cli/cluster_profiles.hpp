#pragma once

#include <string>

#include "cli/table.hpp"
#include "engine/clusters.hpp"
#include "engine/json.hpp"

/// Clusters as `train clusters` and `analyze clusters` tell of them.
namespace orrery::cli {

engine::Json profile_json(const models::ClusterProfile& profile);
engine::Json left_out_json(const std::vector<engine::ClusterHistory::LeftOut>& left_out);
/// "mean time 9.0 s (others 0.08 ms), joins inner 2.1 (others 0.3)": what sets it apart most.
std::string traits_in_words(const models::ClusterProfile& profile, std::size_t most);
/// "left out: 3 templates without a text (2.1 % of the time)".
std::string in_words(const engine::ClusterHistory::LeftOut& left_out);

/// --view, --method, --clusters and --seed over the settings; empty or negative = as the settings say.
struct ClusterChoices {
    std::string view, method;
    int clusters = -1;
    std::int64_t seed = -1;
};
base::Result<void> apply(const ClusterChoices& choices, config::Settings& settings);

}  // namespace orrery::cli
