#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/conformal.hpp"
#include "training/query_time_fit.hpp"
#include "training/query_time_trainer.hpp"
#include "training/split.hpp"

namespace orrery::training {
namespace {

using models::ExecutedPlan;

constexpr int kInnerFolds = 5;
constexpr std::size_t kFewestTemplates = 5;  // fewer say nothing of the next one

base::Result<Table> table_of(std::span<const ExecutedPlan> plans) {
    std::map<std::string_view, double> sizes;
    for (const auto& plan : plans) sizes[plan.group] += 1;
    const double mean = static_cast<double>(plans.size()) / static_cast<double>(std::max<std::size_t>(1, sizes.size()));
    Table table;
    table.columns = models::flat_feature_names().size();
    std::vector<float> row;
    for (const auto& plan : plans) {
        ORRERY_TRY(models::flat_features(question_of(plan), *plan.context, row));
        table.values.insert(table.values.end(), row.begin(), row.end());
        table.labels.push_back(static_cast<float>(std::log(plan.time_ms)));
        table.weights.push_back(static_cast<float>(mean / sizes[plan.group]));
    }
    return table;
}

Table rows_of(const Table& table, std::span<const std::size_t> rows) {
    Table part;
    part.columns = table.columns;
    for (const std::size_t row : rows) {
        const auto from = table.values.begin() + static_cast<std::ptrdiff_t>(row * table.columns);
        part.values.insert(part.values.end(), from, from + static_cast<std::ptrdiff_t>(table.columns));
        part.labels.push_back(table.labels[row]);
        part.weights.push_back(table.weights[row]);
    }
    return part;
}

/// How far off the learner is on templates that it has not seen.
base::Result<double> unseen_error(std::span<const ExecutedPlan> plans, const Table& table, const ForestOptions& options,
                                  const Progress& progress, const std::stop_token& stop) {
    ORRERY_ASSIGN(const auto folds, make_folds(plans, SplitKind::group_kfold, kInnerFolds, options.seed));
    std::map<std::string_view, std::vector<double>> scores;
    for (std::size_t fold = 0; fold < folds.size(); ++fold) {
        ORRERY_ASSIGN(const auto forest, train_forest(rows_of(table, folds[fold].train), options, {}, stop));
        for (const std::size_t i : folds[fold].test) {
            const std::span<const float> row(table.values.data() + i * table.columns, table.columns);
            scores[plans[i].group].push_back(std::abs(static_cast<double>(table.labels[i] - models::predict(forest, row))));
        }
        if (progress) progress(static_cast<double>(fold + 1) / static_cast<double>(folds.size() + 1));
    }
    std::vector<models::TemplateErrors> errors;
    for (auto& [name, values] : scores) errors.push_back({std::string(name), std::move(values)});
    return models::unseen_template_quantile(errors);
}

}  // namespace

base::Result<models::FlatModel> fit_flat(std::span<const ExecutedPlan> plans, const ForestOptions& options, const Progress& progress,
                                         const std::stop_token& stop) {
    if (plans.empty())
        return base::unexpected(base::ErrorKind::invalid_input, "there is no plan to learn from",
                                "None was executed with a time that can be used.",
                                "Record some with 'orrery lab record', or collect executed plans with auto_explain.");
    ORRERY_ASSIGN(const Table table, table_of(plans));
    models::FlatModel model;
    std::map<std::string_view, std::size_t> templates;
    for (const auto& plan : plans) ++templates[plan.group];
    if (templates.size() >= kFewestTemplates) {
        ORRERY_ASSIGN(model.unseen_error, unseen_error(plans, table, options, progress, stop));
    }
    ORRERY_ASSIGN(model.forest, train_forest(table, options, {}, stop));
    if (progress) progress(1);
    return model;
}

}  // namespace orrery::training
