#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "domain/predictor.hpp"
#include "training/data_set.hpp"

namespace orrery::training {

/// One prediction against what happened. Times in milliseconds.
struct Outcome {
    std::string group;
    double actual_ms = 0;
    domain::TimePrediction predicted;
    double baseline_ms = 0;  ///< calibrated planner cost, fitted on the same training part
};

/// q = max(predicted / actual, actual / predicted).
struct ErrorFigures {
    std::size_t n = 0;
    double q50 = 0, q90 = 0, q95 = 0, q_max = 0;
    double mean_absolute_ms = 0;
    double coverage90 = 0;  ///< share of actual times inside the interval, percent
};

struct Evaluation {
    std::string model;  ///< learner or design
    std::string split;
    struct Group {
        std::string name;
        ErrorFigures figures;
    };
    std::vector<Group> groups;
    ErrorFigures overall, baseline;
    struct CalibrationPoint {
        double predicted_ms = 0, actual_ms = 0;  ///< medians of one tenth of the plans, by prediction
        std::size_t n = 0;
    };
    std::vector<CalibrationPoint> calibration;
};
/// Groups are sorted by name; quantiles over all plans alike. A prediction that is not finite counts as infinitely wrong.
Evaluation evaluate(std::span<const Outcome> outcomes, std::string model, std::string split);

/// A table of the templates, the figures beside the calibrated planner cost, and predictions against what happened as a plot in
/// characters.
std::string to_text(const Evaluation& evaluation);
/// {"model":…,"split":…,"groups":[{"template":…,"n":…,"q50":…,"q95":…}],"overall":{…},"baseline":{…}} and more keys; a figure that is not
/// finite is null.
std::string to_json(const Evaluation& evaluation, std::span<const LeftOut> left_out);

}  // namespace orrery::training
