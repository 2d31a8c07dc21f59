#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "collectors/calibration_run.hpp"
#include "domain/plan_context.hpp"
#include "models/query_time/node_model.hpp"

/// From measured probes to the model of operators' times.
namespace orrery::engine {

/// What one kind of work takes.
struct CalibratedTerm {
    std::string name;
    double factory_ns = 0, fitted_ns = 0;  ///< per unit
    int probes = 0;                        ///< in which it takes at least a twentieth of the time; without any the factory's value stays
    double share = 0;                      ///< of the time of all probes, each weighing the same
};

/// What has been measured, fitted.
struct CalibrationFit {
    models::NodeModel model;
    std::vector<CalibratedTerm> terms;
    double error_before = 1, error_after = 1;
};
/// `prior` null = the factory's; errors before are the prior's.
base::Result<CalibrationFit> fit_calibration(std::span<const collectors::MeasuredProbe> measured, const domain::PlanContext& context,
                                             const models::NodeModel* prior = nullptr);

}  // namespace orrery::engine
