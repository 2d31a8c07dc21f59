#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/recommendation.hpp"
#include "domain/store.hpp"
#include "domain/workload.hpp"
#include "engine/context.hpp"

/// Advice on a target, asked of its planner twin.
namespace orrery::engine {

struct AdviseRequest {
    std::string target;
    std::string workload;                                 ///< a .sql file or a folder of them; empty = what was collected
    std::optional<base::Bytes> budget;                    ///< over advise.budget
    std::optional<std::chrono::milliseconds> time_limit;  ///< over advise.time_limit
    std::optional<std::chrono::milliseconds> since;       ///< how far back the collected workload reaches; absent = all of it
};

struct Advised {
    domain::Advice advice;
    bool partial = false;  ///< statements of the workload had to be left out; the warnings say which
};
/// Reads the target's catalog, builds its twin, checks the twin on a sample, advises, and saves the recommendations.
base::Result<Advised> advise_indexes(const Context& context, const AdviseRequest& request);

/// The same on a workload at hand.
base::Result<domain::Advice> advise_on(const Context& context, domain::Store& store, const AdviseRequest& request,
                                       const domain::Workload& workload);

}  // namespace orrery::engine
