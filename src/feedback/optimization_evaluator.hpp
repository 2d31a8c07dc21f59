#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/statistics.hpp"
#include "domain/action.hpp"
#include "domain/query.hpp"

namespace orrery::feedback {

/// Execution time per call, in milliseconds, by template.
using TemplateTimes = std::map<domain::Fingerprint, base::Moments>;

/// What was measured over a stretch of time. `parts`, when given, are the same calls by consecutive sub-windows: from
/// their scatter the evaluator learns how much more the machine wavers than the calls alone explain.
struct WindowSample {
    TemplateTimes templates;
    std::vector<TemplateTimes> parts;
    double seconds = 0;

    /// Adds another window of the same state of the database.
    void merge(const WindowSample& other);
};

struct EvaluationOptions {
    double confidence = 0.95;
    double regression_limit_percent = 10;
    /// A slower template is only named when its extra time is at least this share of the mix's time ...
    double material_percent = 0.1;
    /// ... and each call of it is slower by at least this.
    double material_ms = 0.02;
    /// Calls that a template needs on both sides to take part.
    double minimum_calls = 2;
    /// Share of the affected templates' time that must be comparable for `enough_data`.
    double minimum_comparable_percent = 80;
    /// Templates that the change can touch. The others are taken as unchanged: they count in the total, tell how much the
    /// machine as a whole drifted between the windows, and bring no noise into the gain. Absent = all can be touched.
    std::optional<std::set<domain::Fingerprint>> affected;
    /// Templates that are looked at for having become slower; one that has counts as affected. Absent = the affected ones.
    std::optional<std::set<domain::Fingerprint>> watched;
    /// Calls that weigh the templates; empty = those of `before`. With the mix and the time of one baseline, several evaluations
    /// are shares of one and the same workload.
    std::map<domain::Fingerprint, double> mix;
    double reference_ms = 0;  ///< what percentages are of; 0 = the time before of the mix
};

/// Calls by template, and the time of them all.
std::map<domain::Fingerprint, double> calls_of(const WindowSample& window);
double total_ms(const WindowSample& window);

/// Compares the same mix of calls at the mean times of both windows. Templates seen on one side only are reported with zero
/// calls on the other and left out. The interval is Welch's per template, summed by the delta method, and widened by the
/// over-dispersion that sub-windows show. Pure.
domain::Evaluation evaluate(const WindowSample& before, const WindowSample& after, const EvaluationOptions& options = {});

/// What to do with an action that has been measured.
enum class Decision { keep, revert, undecided };
struct Judgement {
    Decision decision = Decision::undecided;
    std::string reason;  ///< one sentence
};

/// A new index must be shown to pay; a dropped one must not be missed; too little data decides nothing.
Judgement judge(domain::RecommendationKind kind, const domain::Evaluation& evaluation);

}  // namespace orrery::feedback
