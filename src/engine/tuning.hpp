#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/action.hpp"
#include "domain/recommendation.hpp"
#include "domain/store.hpp"
#include "engine/context.hpp"
#include "feedback/optimization_evaluator.hpp"

/// The whole loop: observe, advise, and with leave to do so apply one by one, measure, keep or revert.
namespace orrery::engine {

struct TuneRequest {
    std::string target;
    bool apply = false;
    std::chrono::milliseconds observe{60'000};  ///< window of the baseline, and of the last measurement
    std::chrono::milliseconds trial{10'000};    ///< window after each action; up to three of them while undecided
    std::optional<base::Bytes> budget;
    std::optional<std::chrono::milliseconds> time_limit;
};

/// What became of one recommendation.
struct TuneStep {
    domain::Recommendation recommendation;
    std::optional<domain::Action> action;  ///< absent: not applied
    std::optional<domain::Evaluation> evaluation;
    feedback::Judgement judgement;
    std::optional<base::Error> error;
    feedback::WindowSample before;  ///< what the change was measured against
};

struct TuneReport {
    domain::Workload workload;  ///< the baseline's
    domain::Advice advice;
    std::vector<TuneStep> steps;                   ///< in the order of application
    std::optional<domain::Evaluation> overall;     ///< baseline against the last window, when something was applied
    double coverage_percent = 0;                   ///< share of executed time explained by known statements
    std::map<std::string, double> phases_seconds;  ///< "baseline", "advise", "apply", "final"
    bool interrupted = false;
};

base::Result<TuneReport> tune(const Context& context, domain::Store& store, const TuneRequest& request);

}  // namespace orrery::engine
