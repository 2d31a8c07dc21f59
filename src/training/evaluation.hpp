#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "domain/predictor.hpp"

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
Evaluation evaluate(std::span<const Outcome> outcomes, std::string model, std::string split);

/// log ms = a + b log cost, by least squares over groups of equal weight: what planner costs alone tell.
struct CostFit {
    double intercept = 0, slope = 1;
    [[nodiscard]] double ms(double cost) const;
};

}  // namespace orrery::training
