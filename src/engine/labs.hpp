#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/context.hpp"
#include "lab/registry.hpp"

/// Private clusters with generated workloads, to try, train and measure on.
namespace orrery::engine {

struct LabRequest {
    std::string workload = "shop";  ///< shop or tpch
    double scale = 1;
    std::uint64_t seed = 1;
    std::string folder;  ///< empty = one of Orrery's own
};

base::Result<lab::LabInfo> lab_up(const Context& context, const LabRequest& request);
/// All when `which` is empty. Returns the ids taken down; naming one that does not exist is a `missing_object` error.
base::Result<std::vector<std::string>> lab_down(const std::string& which);
base::Result<std::vector<lab::LabInfo>> lab_list();

}  // namespace orrery::engine
