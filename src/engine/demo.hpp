#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/recommendation.hpp"
#include "engine/context.hpp"
#include "engine/tuning.hpp"

/// The whole loop on a private server with a planted workload, and how well it did.
namespace orrery::engine {

struct DemoRequest {
    std::uint64_t seed = 1;
    double scale = 1;
    bool keep = false;                           ///< leave the server, its load ended, for a look around
    std::chrono::milliseconds baseline{20'000};  ///< and the last window
    std::chrono::milliseconds trial{4'000};
};

struct DemoReport {
    TuneReport tuned;
    struct Planted {
        int found = 0, total = 0, decoys_taken = 0;
        std::vector<std::string> missed;  ///< ids of the ground truth
        std::vector<std::string> decoys;
        std::vector<std::string> other;  ///< SQL of advice that is neither
    } planted;
    std::map<std::string, double> phases_seconds;
    std::string theme;
    std::string uri;  ///< with `keep`: where the server still is
    std::string folder;
    int postmaster = 0;
};

/// Ends within four minutes on two cores. Nothing of it stays, whatever happens, unless `keep`.
base::Result<DemoReport> demo(const Context& context, const DemoRequest& request);

}  // namespace orrery::engine
