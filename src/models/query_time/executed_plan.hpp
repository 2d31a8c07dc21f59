#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/units.hpp"
#include "domain/plan.hpp"
#include "domain/plan_context.hpp"
#include "domain/query.hpp"

namespace orrery::models {

/// One execution to learn from.
struct ExecutedPlan {
    domain::Plan plan;             ///< with actual rows and times
    std::string group;             ///< template: its fingerprint, or the name that the data gives it
    std::string database;          ///< where it ran: groups of one database share its context
    double time_ms = 0;            ///< label: of a plain run when it was measured, else Execution Time
    std::optional<double> cpu_ms;  ///< CPU time of the same run, where it was measured: steadier than time_ms on a busy machine
    domain::RunConditions conditions{};
    std::shared_ptr<const domain::PlanContext> context;  ///< never null; empty relations when nothing is known
    base::WallTime at{};                                 ///< zero when not told
    domain::Fingerprint fingerprint{};                   ///< of the statement; zero when not told: then its group stands for it
};

}  // namespace orrery::models
