#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/statistics.hpp"
#include "domain/plan_features.hpp"
#include "figure.hpp"
#include "models/forest/forest.hpp"
#include "models/query_time/context_inference.hpp"
#include "models/query_time/executed_plan.hpp"
#include "models/query_time/node_model.hpp"
#include "models/query_time/operators.hpp"
#include "models/query_time/row_feedback.hpp"
#include "training/data_set.hpp"
#include "training/forest_trainer.hpp"
#include "training/query_time_fit.hpp"

/// Templates that the training has not seen: each of the recorded TPC-H templates in turn, with the physics under true rows, the planner's
/// and corrected ones, beside the calibrated planner cost and trees on plan features.
namespace orrery::bench {

/// Evaluation data beside the checkout; ORRERY_DATA names another folder. Empty when it is not there, after saying so.
inline std::vector<std::filesystem::path> recorded_plan_files() {
    const char* given = std::getenv("ORRERY_DATA");
    const auto folder = std::filesystem::path(given != nullptr ? given : "../shared/data") / "plans";
    std::vector<std::filesystem::path> files;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(folder, missing))
        if (entry.path().extension() == ".gz") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (files.empty())
        fmt::print(stderr, "skipped: no recorded plans in {} (ORRERY_DATA names the folder of the data sets)\n", folder.string());
    return files;
}

/// max(predicted / actual, actual / predicted) of many plans, by design and template.
class LotoErrors {
public:
    void add(const std::string& design, const std::string& group, double predicted_ms, double actual_ms) {
        logs_[design][group].push_back(std::log(predicted_ms / actual_ms));
    }
    [[nodiscard]] double q(const std::string& design, double quantile) const {
        std::vector<double> all;
        for (const auto& [group, logs] : logs_.at(design))
            for (const double log : logs)
                all.push_back(std::isfinite(log) ? std::exp(std::abs(log)) : std::numeric_limits<double>::infinity());
        return base::quantile(all, quantile);
    }
    /// Median log errors of each template, for people, on standard error.
    void print_groups() const {
        if (logs_.empty()) return;
        for (const auto& [design, groups] : logs_)
            fmt::print(stderr, "{:>26}: p50 {:.3f} p90 {:.3f} p95 {:.3f} max {:.2f}\n", design, q(design, 0.5), q(design, 0.9),
                       q(design, 0.95), q(design, 1));
        for (const auto& [group, unused] : logs_.begin()->second) {
            fmt::print(stderr, "{:>12}", group);
            for (const auto& [design, groups] : logs_) fmt::print(stderr, "  {} {:+.2f}", design, base::median(groups.at(group)));
            fmt::print(stderr, "\n");
        }
    }

private:
    std::map<std::string, std::map<std::string, std::vector<double>>> logs_;
};

/// Features that can be known before the execution.
inline std::vector<float> planned_features(const domain::Plan& plan) {
    const auto values = domain::plan_features(plan);
    const auto names = domain::plan_feature_names();
    std::vector<float> chosen;
    for (std::size_t i = 0; i < values.size(); ++i)
        if (names[i].substr(0, 7) != "actual.") chosen.push_back(static_cast<float>(values[i]));
    return chosen;
}

inline base::Result<models::Forest> flat_forest(std::span<const models::ExecutedPlan> plans) {
    training::Table table;
    for (const auto& plan : plans) {
        const auto row = planned_features(plan.plan);
        table.columns = row.size();
        table.values.insert(table.values.end(), row.begin(), row.end());
        table.labels.push_back(static_cast<float>(std::log(plan.time_ms)));
    }
    training::ForestOptions options;
    options.trees = 200;
    options.depth = 4;
    return training::train_forest(table, options);
}

inline double physics_ms(const models::NodeModel& model, const models::ExecutedPlan& plan, const domain::PlanContext& context,
                         models::RowsFrom from, const models::RowFeedback* feedback = nullptr) {
    static thread_local std::vector<models::Operator> operators;
    static thread_local std::vector<models::Work> work;
    static thread_local std::vector<double> ms;
    models::flatten(plan.plan, context, from, operators);
    if (feedback != nullptr) models::correct_rows(operators, context, *feedback, nullptr);
    models::count_work(operators, context, plan.conditions, {}, work);
    ms.resize(work.size());
    return models::operator_times(model, work, ms);
}

inline base::Result<void> leave_one_out(const std::string& left_out, std::span<const models::ExecutedPlan> all,
                                        std::span<const models::ExecutedPlan> prepared, LotoErrors& errors) {
    std::vector<models::ExecutedPlan> train;
    for (const auto& plan : prepared)
        if (plan.group != left_out) train.push_back(plan);
    const auto context = std::make_shared<const domain::PlanContext>(models::infer_context(train));
    for (auto& plan : train) plan.context = context;
    ORRERY_ASSIGN(const auto physics, models::fit_node_model(train));
    const auto rows = models::learn_rows(train);
    const auto cost = training::fit_cost(train);
    ORRERY_ASSIGN(const auto trees, flat_forest(train));
    for (const auto& plan : all) {
        if (plan.group != left_out) continue;
        errors.add("true rows", left_out, physics_ms(physics, plan, *context, models::RowsFrom::actuals), plan.time_ms);
        errors.add("planner's rows", left_out, physics_ms(physics, plan, *context, models::RowsFrom::estimates), plan.time_ms);
        errors.add("corrected rows", left_out, physics_ms(physics, plan, *context, models::RowsFrom::estimates, &rows), plan.time_ms);
        errors.add("planner cost", left_out, cost.ms(plan.plan.root.total_cost.value), plan.time_ms);
        errors.add("flat XGBoost", left_out, std::exp(models::predict(trees, planned_features(plan.plan))), plan.time_ms);
    }
    return {};
}

/// Time of the way from a plan to its operators' times, without feedback and trees; of the recorded template with the most nodes.
inline base::Result<void> measure_physics_speed() {
    const auto files = recorded_plan_files();
    if (files.empty()) return {};
    ORRERY_ASSIGN(const auto data, training::read_plans(files));
    const auto context = models::infer_context(data.plans);
    const models::ExecutedPlan* largest = nullptr;
    std::size_t nodes = 0;
    std::vector<models::Operator> operators;
    for (const auto& plan : data.plans) {
        models::flatten(plan.plan, context, models::RowsFrom::estimates, operators);
        if (operators.size() > nodes) {
            nodes = operators.size();
            largest = &plan;
        }
    }
    const auto model = models::factory_node_model();
    std::vector<models::Work> work(nodes);
    std::vector<double> ms(nodes), rounds, flattening;
    double sum = 0;
    constexpr int kCalls = 2000;
    for (int round = 0; round < 15; ++round) {
        const auto begun = std::clock();
        const auto spent_us = [&] { return static_cast<double>(std::clock() - begun) * 1e6 / CLOCKS_PER_SEC / kCalls; };
        for (int call = 0; call < kCalls; ++call) models::flatten(largest->plan, context, models::RowsFrom::estimates, operators);
        flattening.push_back(spent_us());
        for (int call = 0; call < kCalls; ++call) {
            models::count_work(operators, context, {}, {}, work);
            sum += models::operator_times(model, work, ms);
        }
        rounds.push_back(spent_us());
    }
    if (!(sum > 0)) return base::unexpected(base::ErrorKind::internal, "the physics gave no time");
    print({"predict.physics", base::quantile(rounds, 0.5), "us",
           fmt::format("from a parsed plan of {} nodes to the times of its operators, {:.2f} us of it flattening; CPU time, median of {} "
                       "rounds of {} calls",
                       nodes, base::quantile(flattening, 0.5), rounds.size(), kCalls)});
    return {};
}

inline base::Result<void> measure_unseen_templates() {
    const auto files = recorded_plan_files();
    if (files.empty()) return {};
    ORRERY_ASSIGN(auto data, training::read_plans(files));
    auto prepared = data;
    training::PreparationOptions preparation;
    preparation.most_per_group = 60;
    training::prepare(prepared, preparation);
    std::map<std::string, std::size_t> groups;
    for (const auto& plan : prepared.plans) ++groups[plan.group];
    LotoErrors errors;
    const base::Stopwatch watch(base::system_clock());
    for (const auto& [name, size] : groups) ORRERY_TRY(leave_one_out(name, data.plans, prepared.plans, errors));
    errors.print_groups();
    const auto how =
        fmt::format("leave-one-template-out over {} recorded TPC-H templates, {} plans judged, {} different ones to learn from, {:.0f} s",
                    groups.size(), data.plans.size(), prepared.plans.size(), watch.seconds());
    const auto figure = [&](const char* name, const char* design, double quantile) {
        print({name, errors.q(design, quantile), "q-error", how, "calibrated planner cost", errors.q("planner cost", quantile)});
    };
    figure("predict.unseen_template_corrected_rows_q50", "corrected rows", 0.5);
    figure("predict.unseen_template_corrected_rows_q95", "corrected rows", 0.95);
    figure("predict.unseen_template_true_rows_q50", "true rows", 0.5);
    figure("predict.unseen_template_true_rows_q95", "true rows", 0.95);
    figure("predict.unseen_template_planned_rows_q50", "planner's rows", 0.5);
    figure("predict.unseen_template_planned_rows_q95", "planner's rows", 0.95);
    figure("predict.unseen_template_flat_xgboost_q50", "flat XGBoost", 0.5);
    figure("predict.unseen_template_flat_xgboost_q95", "flat XGBoost", 0.95);
    return {};
}

}  // namespace orrery::bench
