#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "models/query_time/query_time_model.hpp"
#include "pg/catalog_reader.hpp"
#include "predict_loto.hpp"
#include "training/data_set.hpp"
#include "training/query_time_fit.hpp"

/// The whole predictor on recorded plans: templates that it knows, its speed, its explanations, its intervals.
namespace orrery::bench {

inline double cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Quantiles {
    double q50 = 0, q90 = 0, q95 = 0, most = 0;
};

inline double q_of(double predicted, double actual) {
    return std::exp(std::abs(std::log(predicted / actual)));
}

inline Quantiles quantiles(const std::vector<double>& errors) {
    return {base::quantile(errors, 0.5), base::quantile(errors, 0.9), base::quantile(errors, 0.95), base::quantile(errors, 1)};
}

inline std::map<std::string, std::vector<std::size_t>> by_template(const std::vector<models::ExecutedPlan>& plans) {
    std::map<std::string, std::vector<std::size_t>> groups;
    for (std::size_t i = 0; i < plans.size(); ++i) groups[plans[i].group].push_back(i);
    return groups;
}

/// Executions of templates that the model knows, exact copies removed before the split: every fifth of each template is foretold.
inline base::Result<void> seen_templates(const std::vector<models::ExecutedPlan>& plans) {
    std::vector<models::ExecutedPlan> train, test;
    for (const auto& [name, positions] : by_template(plans))
        for (std::size_t i = 0; i < positions.size(); ++i) (i % 5 == 2 ? test : train).push_back(plans[positions[i]]);
    ORRERY_ASSIGN(auto model, training::fit_query_time(train, {}));
    const models::QueryTimePredictor predictor(std::make_shared<models::QueryTimeModel>(std::move(model)), nullptr);
    std::vector<double> errors;
    std::map<std::string_view, int> routes;
    double covered = 0;
    for (const auto& plan : test) {
        ORRERY_ASSIGN(const auto p, predictor.predict(training::question_of(plan)));
        errors.push_back(q_of(p.ms, plan.time_ms));
        covered += p.low_ms <= plan.time_ms && plan.time_ms <= p.high_ms ? 1 : 0;
        ++routes[domain::to_string(p.route)];
    }
    const auto q = quantiles(errors);
    std::string how = fmt::format(
        "{} plans of known templates, trained on {} others, exact copies removed; q90 {:.2f}, largest {:.2f}, {:.1f} % "
        "inside the 90 % interval;",
        test.size(), train.size(), q.q90, q.most, 100 * covered / static_cast<double>(test.size()));
    for (const auto& [route, n] : routes) how += fmt::format(" {} by {},", n, route);
    how.pop_back();
    print({"predict.seen_template_q50", q.q50, "q-error", how, "flat XGBoost", 1.012});
    print({"predict.seen_template_q95", q.q95, "q-error", how, "flat XGBoost", 1.05});
    return {};
}

/// Templates that were left out of all training: how far off, and does the 90 % interval hold their times? The interval's own fit leaves
/// templates out once more.
inline base::Result<void> unseen_templates(const std::vector<models::ExecutedPlan>& plans, const std::vector<models::ExecutedPlan>& all) {
    double covered = 0, total = 0;
    int templates = 0;
    std::string per, medians;
    std::vector<double> errors, by_cost;
    for (const auto& [name, positions] : by_template(plans)) {
        std::vector<models::ExecutedPlan> rest;
        for (const auto& plan : plans)
            if (plan.group != name) rest.push_back(plan);
        ORRERY_ASSIGN(auto model, training::fit_query_time(rest, {.with_residual = false}));
        const models::QueryTimePredictor predictor(std::make_shared<models::QueryTimeModel>(std::move(model)), nullptr);
        const auto cost = training::fit_cost(rest);
        double inside = 0, n = 0;
        std::vector<double> logs;
        for (const auto& plan : all) {
            if (plan.group != name) continue;
            ORRERY_ASSIGN(const auto p, predictor.predict(training::question_of(plan)));
            inside += p.low_ms <= plan.time_ms && plan.time_ms <= p.high_ms ? 1 : 0;
            n += 1;
            errors.push_back(q_of(p.ms, plan.time_ms));
            logs.push_back(std::log(p.ms / plan.time_ms));
            by_cost.push_back(q_of(cost.ms(plan.plan.root.total_cost.value), plan.time_ms));
        }
        medians += fmt::format(" {} {:+.2f}", name, base::median(logs));
        covered += inside;
        total += n;
        ++templates;
        per += fmt::format(" {} {:.0f}", name, 100 * inside / n);
    }
    const auto q = quantiles(errors), baseline = quantiles(by_cost);
    const auto what = fmt::format("leave-one-template-out over {} templates, {} plans; q90 {:.2f}, largest {:.2f}; median log errors:{}",
                                  templates, total, q.q90, q.most, medians);
    print({"predict.unseen_template_q50", q.q50, "q-error", what, "calibrated planner cost", baseline.q50});
    print({"predict.unseen_template_q95", q.q95, "q-error", what, "calibrated planner cost", baseline.q95});
    const double percent = 100 * covered / total;
    const auto how = fmt::format(
        "leave-one-template-out over {} templates, {} plans, intervals from templates left out inside each fold; percent by "
        "template:{}",
        templates, total, per);
    print({"predict.coverage90_tpch", percent, "%", how});
    return {};
}

inline base::Result<void> speed(const std::vector<models::ExecutedPlan>& plans) {
    const double start = cpu_seconds();
    ORRERY_ASSIGN(auto fitted, training::fit_query_time(plans, {}));
    print({"predict.train_6500_plans", cpu_seconds() - start, "s",
           fmt::format("{} plans, everything: physics, feedback, trees, intervals; CPU time", plans.size())});
    // Every template through the trees: the slowest route.
    for (auto& t : fitted.templates) t.steady = false;
    const auto model = std::make_shared<models::QueryTimeModel>(std::move(fitted));
    const models::QueryTimePredictor predictor(model, nullptr);

    constexpr std::size_t kPlans = 500;
    std::vector<const models::ExecutedPlan*> sample;
    for (std::size_t i = 0; i < kPlans; ++i) sample.push_back(&plans[i * plans.size() / kPlans]);
    std::vector<models::PlanReading> readings(kPlans);
    std::vector<std::string> documents;
    for (std::size_t i = 0; i < kPlans; ++i) {
        ORRERY_TRY(
            models::read_plan(model->nodes, model->rows, model->inferred.front(), training::question_of(*sample[i]), true, readings[i]));
        auto planned = sample[i]->plan;
        documents.push_back(pg::write_plan(planned));
    }
    std::vector<double> given, whole, explained;
    double checksum = 0, worst_sum = 0;
    for (int repeat = 0; repeat < 21; ++repeat) {
        double at = cpu_seconds();
        for (std::size_t i = 0; i < kPlans; ++i) checksum += predictor.predict(readings[i], models::template_key(sample[i]->group)).ms;
        given.push_back((cpu_seconds() - at) / kPlans * 1e6);
        at = cpu_seconds();
        for (std::size_t i = 0; i < kPlans; ++i) {
            ORRERY_ASSIGN(const auto plan, pg::parse_plan(documents[i]));
            ORRERY_ASSIGN(const auto p, predictor.predict({.plan = &plan, .fingerprint = models::template_key(sample[i]->group)}));
            checksum += p.ms;
        }
        whole.push_back((cpu_seconds() - at) / kPlans * 1e6);
    }
    for (std::size_t i = 0; i < kPlans; ++i) {
        const double at = cpu_seconds();
        ORRERY_ASSIGN(const auto e, predictor.explain(training::question_of(*sample[i])));
        explained.push_back((cpu_seconds() - at) * 1e3);
        double features = e.base_ms, operators = e.base_ms;
        for (const auto& share : e.features) features += share.ms;
        for (const auto& share : e.operators) operators += share.ms;
        worst_sum = std::max({worst_sum, std::abs(features - e.prediction.ms), std::abs(operators - e.prediction.ms)});
    }
    const auto trees = fmt::format("{} trees, {} nodes", model->residual.roots.size(), model->residual.nodes.size());
    print({"predict.inference", base::median(given), "us",
           fmt::format("given the plan's reading, trees and interval; {}; median of 21 x {} plans, CPU", trees, kPlans), "T3", 4});
    print({"predict.from_explain_json", base::median(whole), "us",
           fmt::format("JSON with ANALYZE to prediction; median of 21 x {} plans, CPU (checksum {:.3g})", kPlans, checksum)});
    print({"predict.shap_time", base::median(explained), "ms",
           fmt::format("whole explanation, SHAP of {}; slowest of {} {:.2f} ms", trees, kPlans, base::quantile(explained, 1))});
    print({"predict.shap_sum_error", worst_sum, "ms", fmt::format("largest of {} plans, by feature and by operator", kPlans)});
    return {};
}

inline base::Result<void> measure_whole() {
    const auto files = recorded_plan_files();
    if (files.empty()) return {};
    ORRERY_ASSIGN(auto data, training::read_plans(files));
    const auto all = data.plans;
    ORRERY_TRY(speed(all));
    training::prepare(data, {});
    ORRERY_TRY(seen_templates(data.plans));
    return unseen_templates(data.plans, all);
}

}  // namespace orrery::bench
