#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/predictor.hpp"
#include "engine/context.hpp"
#include "training/query_time_trainer.hpp"
#include "training/registry.hpp"

/// How long would this statement take? Answered from its plan, without running it.
namespace orrery::engine {

struct PredictRequest {
    std::string target;
    std::string sql;    ///< one statement; $n are filled in from the statistics
    std::string scope;  ///< whose model; empty = the target's, else "default", else the factory's
};

struct PredictReport {
    std::string target;
    domain::Fingerprint fingerprint;
    std::string model;  ///< "version 3 of db:5432/shop" or why there is none
    bool trained = false;
    domain::Plan plan;  ///< the one explained
    domain::TimeExplanation explanation;
    double planner_cost = 0;
    std::vector<double> draws_ms;  ///< of statements with $n: the prediction for each draw, ascending; the median one is explained
    std::vector<std::string> warnings;
};

base::Result<PredictReport> predict(const Context& context, const PredictRequest& request);

/// Scope of models that answer for every target without one of its own.
inline constexpr std::string_view kDefaultScope = "default";

/// The registry that `model.folder` names, "models" in the state folder otherwise.
base::Result<training::Registry> open_registry(const Context& context);

/// The query time model for a target, from the registry: its own, else that of scope "default", else what was calibrated for the machine,
/// else the factory's. A damaged or misfitting model is an error, not passed over.
struct FoundModel {
    training::TrainedQueryTime model;
    std::string description;
    bool trained = false;
    std::string majors;  ///< of the servers that it learnt from, "14, 15"; empty when that was not recorded
};
/// As ModelRecord::made_of names them.
inline constexpr const char* kServerMajors = "server majors";
base::Result<FoundModel> find_query_time_model(const Context& context, const std::string& target, const std::string& scope);

/// The node model that 'orrery calibrate' made for a target; nothing when it was never calibrated.
base::Result<std::optional<models::NodeModel>> find_calibration(const training::Registry& registry, const std::string& target);

}  // namespace orrery::engine
