#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "collectors/calibration_run.hpp"
#include "engine/calibration_fit.hpp"
#include "engine/context.hpp"
#include "models/query_time/node_model.hpp"
#include "training/registry.hpp"

/// Fits the model of operators' times to the target's machine by running probes on it.
namespace orrery::engine {

/// Kind of the models that are stored.
inline constexpr const char* kNodeModelKind = "node";

struct CalibrateRequest {
    std::string target;
    bool confirmed = false;                         ///< run on a server that is no lab
    std::optional<std::chrono::milliseconds> time;  ///< else calibrate.time
    std::optional<std::int64_t> pages;              ///< else calibrate.pages
};

struct CalibrateReport {
    std::string target;
    collectors::CalibrationRun run;
    std::size_t planned = 0;                      ///< probes there were
    std::vector<CalibratedTerm> terms;            ///< in the model's order
    double error_before = 1, error_after = 1;     ///< median q-error over the probes: factory's model, fitted model
    std::optional<training::ModelRecord> stored;  ///< nothing when the fit was no better than the factory's
    bool promoted = false;  ///< the stored one is in use: not when it rests on less than half of the probes of the one in use
};

struct CalibrationPlan {
    std::string target;
    std::vector<collectors::Probe> probes;
    collectors::CalibrationLimits limits;
};

/// The statements that `calibrate` would run; nothing but catalogs is read.
base::Result<CalibrationPlan> plan_calibration(const Context& context, const CalibrateRequest& request);

/// Runs the probes, fits, and puts the model into use. `permission` on a server that is no lab, unless confirmed; `conflict` when it had to
/// stop after too few probes.
base::Result<CalibrateReport> calibrate(const Context& context, const CalibrateRequest& request);

/// Whose a calibration is: host:port of a target's host:port/database, for a machine runs all of a server's databases alike.
std::string calibration_scope(const std::string& target);

/// Whether the target is a lab of this machine's.
base::Result<bool> is_lab(const std::string& target);

}  // namespace orrery::engine
