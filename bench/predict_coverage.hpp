#pragma once

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "models/query_time/query_time_model.hpp"
#include "training/query_time_fit.hpp"
#include "training/split.hpp"

/// Do 90 % intervals hold nine tenths of what templates that were left out of all training took? Of many templates of many databases: of
/// a dozen, whose executions err alike, the share moves in steps of eight percent.
namespace orrery::bench {

inline base::Result<void> measure_coverage(std::span<const models::ExecutedPlan> plans) {
    constexpr int kFolds = 10;
    ORRERY_ASSIGN(const auto folds, training::make_folds(plans, training::SplitKind::group_kfold, kFolds, 1));
    std::map<std::string, std::pair<double, double>> by_template;
    double inside = 0;
    std::vector<double> widths;
    for (const auto& fold : folds) {
        std::vector<models::ExecutedPlan> train;
        for (const auto i : fold.train) train.push_back(plans[i]);
        ORRERY_ASSIGN(auto fitted, training::fit_query_time(train, {.with_residual = false}));
        const auto model = std::make_shared<models::QueryTimeModel>(std::move(fitted));
        for (const auto i : fold.test) {
            const models::QueryTimePredictor predictor(model, plans[i].context);
            ORRERY_ASSIGN(const auto p, predictor.predict(training::question_of(plans[i])));
            const bool holds = p.low_ms <= plans[i].time_ms && plans[i].time_ms <= p.high_ms;
            auto& [held, n] = by_template[plans[i].group];
            held += holds ? 1 : 0;
            n += 1;
            inside += holds ? 1 : 0;
            widths.push_back(std::sqrt(p.high_ms / p.low_ms));
        }
    }
    double templates = 0;
    for (const auto& [name, counts] : by_template) templates += counts.first / counts.second;
    // Templates weigh the same: what is asked is how a new one fares.
    const double percent = 100 * templates / static_cast<double>(by_template.size());
    const auto how = fmt::format(
        "{} templates of all recorded databases, {} plans, each tenth of the templates left out in turn; "
        "templates weigh the same (plans the same: {:.1f} %); median factor x/ {:.2f}",
        by_template.size(), plans.size(), 100 * inside / static_cast<double>(plans.size()), base::median(widths));
    print({"predict.coverage90_low", percent, "%", how});
    print({"predict.coverage90_high", percent, "%", how});
    return {};
}

}  // namespace orrery::bench
