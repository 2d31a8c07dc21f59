#include "training/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "base/statistics.hpp"

namespace orrery::training {
namespace {

constexpr std::size_t kTenths = 10;

double q_error(double predicted, double actual) {
    const double q = std::max(predicted / actual, actual / predicted);
    return std::isfinite(q) && q >= 1 ? q : std::numeric_limits<double>::infinity();
}

/// base::quantile interpolates, and infinity times zero is no number.
double quantile_of(std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    const double place = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const double part = place - static_cast<double>(below);
    if (part == 0) return sorted[below];
    return std::isfinite(sorted[below + 1]) ? std::lerp(sorted[below], sorted[below + 1], part) : sorted[below + 1];
}

/// Takes in one prediction after another.
class Tally {
public:
    void add(double predicted, double actual, bool covered) {
        errors_.push_back(q_error(predicted, actual));
        distance_ += std::abs(predicted - actual);
        covered_ += covered ? 1 : 0;
    }
    ErrorFigures figures() {
        ErrorFigures figures;
        figures.n = errors_.size();
        if (errors_.empty()) return figures;
        std::sort(errors_.begin(), errors_.end());
        figures.q50 = quantile_of(errors_, 0.5);
        figures.q90 = quantile_of(errors_, 0.9);
        figures.q95 = quantile_of(errors_, 0.95);
        figures.q_max = errors_.back();
        figures.mean_absolute_ms = distance_ / static_cast<double>(errors_.size());
        figures.coverage90 = 100 * covered_ / static_cast<double>(errors_.size());
        return figures;
    }

private:
    std::vector<double> errors_;
    double distance_ = 0, covered_ = 0;
};

std::vector<Evaluation::CalibrationPoint> calibrate(std::span<const Outcome> outcomes) {
    std::vector<std::size_t> order(outcomes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::erase_if(order, [&](std::size_t i) { return !std::isfinite(outcomes[i].predicted.ms); });
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return outcomes[a].predicted.ms < outcomes[b].predicted.ms; });
    std::vector<Evaluation::CalibrationPoint> points;
    const std::size_t parts = std::min(kTenths, order.size());
    for (std::size_t part = 0; part < parts; ++part) {
        std::vector<double> predicted, actual;
        for (std::size_t i = part * order.size() / parts; i < (part + 1) * order.size() / parts; ++i) {
            predicted.push_back(outcomes[order[i]].predicted.ms);
            actual.push_back(outcomes[order[i]].actual_ms);
        }
        points.push_back({base::median(predicted), base::median(actual), predicted.size()});
    }
    return points;
}

}  // namespace

Evaluation evaluate(std::span<const Outcome> outcomes, std::string model, std::string split) {
    Evaluation evaluation;
    evaluation.model = std::move(model);
    evaluation.split = std::move(split);
    std::map<std::string, Tally> groups;
    Tally overall, baseline;
    for (const Outcome& outcome : outcomes) {
        const auto& predicted = outcome.predicted;
        const bool covered = outcome.actual_ms >= predicted.low_ms && outcome.actual_ms <= predicted.high_ms;
        groups[outcome.group].add(predicted.ms, outcome.actual_ms, covered);
        overall.add(predicted.ms, outcome.actual_ms, covered);
        baseline.add(outcome.baseline_ms, outcome.actual_ms, false);
    }
    for (auto& [name, tally] : groups) evaluation.groups.push_back({name, tally.figures()});
    evaluation.overall = overall.figures();
    evaluation.baseline = baseline.figures();
    evaluation.calibration = calibrate(outcomes);
    return evaluation;
}

}  // namespace orrery::training
