#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "engine/context.hpp"
#include "training/evaluation.hpp"
#include "training/registry.hpp"

/// Training of the query time model on recorded plans, or on the executed plans that were collected from a target.
namespace orrery::engine {

struct TrainQueryTimeRequest {
    std::string target;                   ///< whose collected plans; with `plans`, only whose model it becomes
    std::vector<std::string> plans;       ///< files of recorded plans
    std::vector<std::string> test_plans;  ///< files that are only asked about
    std::string evaluate;                 ///< a split, "none", or empty = that of the settings; with test plans, none unless it is said
    std::string scope;                    ///< whose model it becomes; empty = the target's, or "default"
    std::chrono::milliseconds since{};    ///< of collected plans; 0 = all
    std::vector<std::string> leave_out;   ///< windows of incidents, "FROM/TO" in UTC, beside those that events tell of
    bool store = true;                    ///< false: nothing is kept
    bool promote = true;                  ///< the new version becomes the one in use
};

struct TrainQueryTimeReport {
    std::string model;  ///< "physics, xgboost"
    std::string scope;
    std::size_t plans = 0, templates = 0;  ///< learnt from
    std::string majors;                    ///< of the servers that they ran on, "14, 15"; empty when not recorded
    std::vector<training::LeftOut> left_out;
    std::optional<training::Evaluation> evaluation;  ///< by the split
    std::optional<training::Evaluation> test;        ///< on the test plans
    std::optional<training::ModelRecord> record;     ///< of the stored version
    bool promoted = false;
    std::size_t resumed = 0;  ///< folds that an interrupted training had done
    std::vector<std::string> warnings;
};

/// A killed or failed training leaves the model in use as it is.
base::Result<TrainQueryTimeReport> train_query_time(const Context& context, const TrainQueryTimeRequest& request);

}  // namespace orrery::engine
