#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "training/evaluation.hpp"

namespace orrery::training {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPlotRows = 12, kPlotColumns = 48;

std::string q_text(double q) {
    if (!std::isfinite(q)) return "inf";
    if (q >= 1e6) return fmt::format("{:.0e}", q);
    return q < 100 ? fmt::format("{:.2f}", q) : fmt::format("{:.0f}", q);
}

std::string ms_text(double ms) {
    constexpr double kDayMs = 86'400'000;
    return ms < kDayMs ? base::to_text(base::Milliseconds(ms)) : fmt::format("{:.1e} s", ms / 1000);
}

std::string row(std::string_view name, std::size_t width, const ErrorFigures& f, bool covers) {
    return fmt::format("{:<{}}  {:>6}  {:>6}  {:>6}  {:>6}  {:>7}  {:>10}  {:>8}\n", name.substr(0, width), width, f.n, q_text(f.q50),
                       q_text(f.q90), q_text(f.q95), q_text(f.q_max), ms_text(f.mean_absolute_ms),
                       covers ? fmt::format("{:.1f} %", f.coverage90) : "");
}

/// Predicted (to the right) against actual (upwards), both logarithmic: on the dotted line a prediction is right.
std::string plot(const std::vector<Evaluation::CalibrationPoint>& points) {
    double low = INFINITY, high = -INFINITY;
    for (const auto& point : points)
        for (const double ms : {point.predicted_ms, point.actual_ms})
            if (ms > 0 && std::isfinite(ms)) {
                low = std::min(low, std::log(ms));
                high = std::max(high, std::log(ms));
            }
    if (points.empty() || low > high) return "";
    const double margin = std::max(0.1, 0.05 * (high - low));
    low -= margin;
    high += margin;
    const auto place = [&](double ms, int cells) {
        return std::clamp(static_cast<int>((std::log(std::max(ms, 1e-9)) - low) / (high - low) * cells), 0, cells - 1);
    };
    std::vector<std::string> lines(kPlotRows, std::string(kPlotColumns, ' '));
    for (int x = 0; x < kPlotColumns; x += 2)
        lines[static_cast<std::size_t>(x * kPlotRows / kPlotColumns)][static_cast<std::size_t>(x)] = '.';
    for (const auto& point : points)
        lines[static_cast<std::size_t>(place(point.actual_ms, kPlotRows))]
             [static_cast<std::size_t>(place(point.predicted_ms, kPlotColumns))] = 'o';
    std::string text = "actual time, medians of tenths of the plans by predicted time (o); on the dots they are equal\n";
    for (int y = kPlotRows - 1; y >= 0; --y) {
        std::string label;
        if (y == kPlotRows - 1) label = ms_text(std::exp(high));
        if (y == 0) label = ms_text(std::exp(low));
        text += fmt::format("{:>10} |{}\n", label, lines[static_cast<std::size_t>(y)]);
    }
    text += fmt::format("{:>10} +{:-<{}}\n{:>10}  {:<{}}{:>{}}\n", "", "", kPlotColumns, "", ms_text(std::exp(low)), kPlotColumns / 2,
                        ms_text(std::exp(high)) + " predicted", kPlotColumns / 2);
    return text;
}

Json figures_json(const ErrorFigures& f) {
    const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
    Json json;
    json["n"] = f.n;
    json["q50"] = number(f.q50);
    json["q90"] = number(f.q90);
    json["q95"] = number(f.q95);
    json["q_max"] = number(f.q_max);
    json["mae_ms"] = number(f.mean_absolute_ms);
    return json;
}

}  // namespace

std::string to_text(const Evaluation& evaluation) {
    constexpr std::size_t kWidest = 36;  // the whole then has less than 100 columns
    std::size_t width = std::string_view("planner's cost").size();
    for (const auto& group : evaluation.groups) width = std::max(width, std::min(group.name.size(), kWidest));
    std::string text = fmt::format("{}, {}\n{:<{}}  {:>6}  {:>6}  {:>6}  {:>6}  {:>7}  {:>10}  {:>8}\n", evaluation.model, evaluation.split,
                                   "template", width, "plans", "q50", "q90", "q95", "q max", "mean error", "in 90 %");
    text += fmt::format("{:-<{}}  {:->6}  {:->6}  {:->6}  {:->6}  {:->7}  {:->10}  {:->8}\n", "", width, "", "", "", "", "", "", "");
    for (const auto& group : evaluation.groups) text += row(group.name, width, group.figures, true);
    text += row("all", width, evaluation.overall, true);
    text += row("planner's cost", width, evaluation.baseline, false);
    const std::string drawn = plot(evaluation.calibration);
    return drawn.empty() ? text : text + "\n" + drawn;
}

std::string to_json(const Evaluation& evaluation, std::span<const LeftOut> left_out) {
    Json json;
    json["model"] = evaluation.model;
    json["split"] = evaluation.split;
    json["groups"] = Json::array();
    for (const auto& group : evaluation.groups) {
        Json item;
        item["template"] = group.name;
        item.update(figures_json(group.figures));
        item["coverage90"] = group.figures.coverage90;
        json["groups"].push_back(std::move(item));
    }
    json["overall"] = figures_json(evaluation.overall);
    json["overall"]["coverage90"] = evaluation.overall.coverage90;
    json["baseline"] = figures_json(evaluation.baseline);
    json["calibration"] = Json::array();
    for (const auto& point : evaluation.calibration)
        json["calibration"].push_back({{"predicted_ms", point.predicted_ms}, {"actual_ms", point.actual_ms}, {"n", point.n}});
    json["left_out"] = Json::array();
    for (const auto& left : left_out) json["left_out"].push_back({{"why", left.why}, {"count", left.count}});
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace orrery::training
