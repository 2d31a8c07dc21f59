#include "training/query_time_fit.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/statistics.hpp"
#include "models/query_time/conformal.hpp"
#include "models/query_time/context_inference.hpp"

namespace orrery::training {
namespace {

using models::ExecutedPlan;
using models::PlanReading;
using Groups = std::map<std::string, std::vector<std::size_t>>;
using Known = std::map<std::uint64_t, std::vector<std::size_t>>;  // templates as questions name them

constexpr double kStageEnds[] = {0.30, 0.45, 0.75, 0.95};  // shares of the progress at which the stages end

Groups group_plans(std::span<const ExecutedPlan> plans) {
    Groups groups;
    for (std::size_t i = 0; i < plans.size(); ++i) groups[plans[i].group].push_back(i);
    return groups;
}

/// At most `most` of the positions, evenly spaced.
std::vector<std::size_t> thin(const std::vector<std::size_t>& positions, std::size_t most) {
    if (most == 0 || positions.size() <= most) return positions;
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < most; ++i) kept.push_back(positions[i * positions.size() / most]);
    return kept;
}

std::vector<ExecutedPlan> pick(std::span<const ExecutedPlan> plans, const Groups& groups, std::size_t most,
                               const std::vector<std::string>& without = {}) {
    std::vector<ExecutedPlan> picked;
    for (const auto& [name, positions] : groups)
        if (std::find(without.begin(), without.end(), name) == without.end())
            for (const auto i : thin(positions, most)) picked.push_back(plans[i]);
    return picked;
}

/// Plans that came without a context get one of what the plans of their database tell of sizes.
std::vector<ExecutedPlan> with_contexts(std::span<const ExecutedPlan> plans, std::vector<domain::PlanContext>& inferred) {
    std::vector<ExecutedPlan> known(plans.begin(), plans.end());
    std::map<std::string, std::vector<std::size_t>> without;
    for (std::size_t i = 0; i < known.size(); ++i)
        if (known[i].context->relations.empty()) without[known[i].context->database].push_back(i);
    for (const auto& [database, positions] : without) {
        std::vector<ExecutedPlan> own;
        for (const auto i : positions) own.push_back(known[i]);
        auto context = models::infer_context(own);
        context.database = database;
        context.server = known[positions.front()].context->server;
        const auto shared = std::make_shared<const domain::PlanContext>(std::move(context));
        for (const auto i : positions) known[i].context = shared;
        inferred.push_back(*shared);
    }
    return known;
}

struct Physics {
    models::NodeModel nodes;
    models::RowFeedback rows;
};

base::Result<Physics> fit_physics(std::span<const ExecutedPlan> plans, const QueryTimeFitOptions& options) {
    Physics physics;
    models::NodeFitOptions fit;
    fit.prior = options.prior;
    ORRERY_ASSIGN(physics.nodes, models::fit_node_model(plans, fit));
    if (options.with_feedback) physics.rows = models::learn_rows(plans);
    return physics;
}

/// What the residual trees learn from: a row per plan.
base::Result<Table> residual_table(std::span<const ExecutedPlan> plans, const Physics& physics, std::vector<std::uint64_t>& shapes) {
    Table table;
    table.columns = models::residual_feature_names().size();
    shapes.clear();
    PlanReading reading;
    for (const auto& plan : plans) {
        ORRERY_TRY(models::read_plan(physics.nodes, physics.rows, *plan.context, question_of(plan), true, reading));
        table.values.insert(table.values.end(), reading.features.begin(), reading.features.end());
        table.labels.push_back(static_cast<float>(std::log(plan.time_ms / std::max(reading.physics_ms, 1e-6))));
        shapes.push_back(reading.shape);
    }
    return table;
}

std::span<const float> row_of(const Table& table, std::size_t row) {
    return {table.values.data() + row * table.columns, table.columns};
}

/// Plans of one template that a fit had not seen: how far off the physics was, and what trees on its residual made of it.
struct LeftOutTemplate {
    std::string name;
    std::vector<double> log_errors;    ///< log(actual / physics)
    std::vector<double> tree_answers;  ///< of trees that had not seen the template either; empty when there were none
    std::vector<double> uncertainties;
    std::vector<double> cost_errors;  ///< |log(actual / calibrated cost)|
};

/// Shallow: they have to hold beyond the templates that they learn from.
ForestOptions newcomer_trees(const QueryTimeFitOptions& options) {
    ForestOptions forest;
    forest.trees = 100;
    forest.depth = 4;
    forest.minimum_child_weight = 2;
    forest.seed = options.seed;
    forest.threads = options.residual.threads;
    return forest;
}

// On fewer templates nothing can be said of how trees would do on others.
constexpr std::size_t kFewestForNewcomers = 30;

/// Each template weighs the same.
void weigh_templates(Table& table, std::span<const ExecutedPlan> plans) {
    std::map<std::string, double> sizes;
    for (const auto& plan : plans) sizes[plan.group] += 1;
    for (const auto& plan : plans)
        table.weights.push_back(
            static_cast<float>(static_cast<double>(plans.size()) / (sizes[plan.group] * static_cast<double>(sizes.size()))));
}

base::Result<models::Forest> fit_newcomers(std::span<const ExecutedPlan> plans, const Physics& physics, const QueryTimeFitOptions& options,
                                           const std::stop_token& stop) {
    std::vector<std::uint64_t> shapes;
    ORRERY_ASSIGN(auto table, residual_table(plans, physics, shapes));
    weigh_templates(table, plans);
    return train_forest(table, newcomer_trees(options), {}, stop);
}

/// Leaves some templates out of everything and looks how the rest does on them.
base::Result<void> leave_out(const std::vector<std::string>& names, std::span<const ExecutedPlan> plans, const Groups& groups,
                             const QueryTimeFitOptions& options, std::vector<LeftOutTemplate>& results) {
    const auto rest = pick(plans, groups, options.most_per_template, names);
    ORRERY_ASSIGN(const auto physics, fit_physics(rest, options));
    const auto cost = fit_cost(rest);
    models::Forest trees;
    if (groups.size() >= kFewestForNewcomers) {
        ORRERY_ASSIGN(trees, fit_newcomers(rest, physics, options, {}));
    }
    PlanReading reading;
    for (const auto& name : names) {
        LeftOutTemplate result;
        result.name = name;
        for (const auto i : thin(groups.at(name), options.most_per_template)) {
            const auto& plan = plans[i];
            if (!models::read_plan(physics.nodes, physics.rows, *plan.context, question_of(plan), !trees.roots.empty(), reading)) continue;
            result.log_errors.push_back(std::log(plan.time_ms / std::max(reading.physics_ms, 1e-6)));
            result.uncertainties.push_back(reading.uncertainty);
            result.cost_errors.push_back(std::abs(std::log(plan.time_ms / cost.ms(plan.plan.root.total_cost.value))));
            if (!trees.roots.empty()) result.tree_answers.push_back(static_cast<double>(models::predict(trees, reading.features)));
        }
        results.push_back(std::move(result));
    }
    return {};
}

/// Mean |log error| over templates when trees count with that weight.
double mean_error(std::span<const LeftOutTemplate> left_out, double weight) {
    std::vector<double> templates;
    for (const auto& t : left_out) {
        std::vector<double> errors;
        for (std::size_t i = 0; i < t.log_errors.size(); ++i)
            errors.push_back(std::abs(t.log_errors[i] - (t.tree_answers.empty() ? 0 : weight * t.tree_answers[i])));
        if (!errors.empty()) templates.push_back(base::mean(errors));
    }
    return base::mean(templates);
}

/// How much trees may say about templates that are new: nothing, unless templates left out say that they gain a tenth or more.
double newcomer_weight(std::span<const LeftOutTemplate> left_out) {
    if (left_out.size() < kFewestForNewcomers) return 0;
    constexpr double kWorthIt = 0.9;
    double best = 0, least = kWorthIt * mean_error(left_out, 0);
    for (const double weight : {0.25, 0.5, 0.75, 1.0})
        if (const double error = mean_error(left_out, weight); error < least) best = weight, least = error;
    return best;
}

/// Errors on templates that a fit had not seen, by leaving groups of them out.
base::Result<std::vector<LeftOutTemplate>> left_out_templates(std::span<const ExecutedPlan> plans, const Groups& groups,
                                                              const QueryTimeFitOptions& options, const Progress& progress,
                                                              const std::stop_token& stop) {
    std::vector<LeftOutTemplate> results;
    constexpr std::size_t kFewestTemplates = 5;
    if (groups.size() < kFewestTemplates) return results;
    std::vector<std::string> names;
    for (const auto& [name, positions] : groups) names.push_back(name);
    const std::size_t folds = std::min(options.inner_folds, names.size());
    for (std::size_t fold = 0; fold < folds; ++fold) {
        if (stop.stop_requested()) return base::unexpected(base::ErrorKind::cancelled, "training was stopped");
        std::vector<std::string> out;
        for (std::size_t i = fold; i < names.size(); i += folds) out.push_back(names[i]);
        ORRERY_TRY(leave_out(out, plans, groups, options, results));
        if (progress)
            progress(kStageEnds[0] + (kStageEnds[1] - kStageEnds[0]) * static_cast<double>(fold + 1) / static_cast<double>(folds));
    }
    return results;
}

/// How wide intervals must be, given how much the trees say.
models::UnseenErrors unseen_errors(std::span<const LeftOutTemplate> left_out, double weight) {
    std::vector<models::TemplateErrors> by_physics, by_cost;
    for (const auto& t : left_out) {
        models::TemplateErrors scores{t.name, {}};
        for (std::size_t i = 0; i < t.log_errors.size(); ++i)
            scores.scores.push_back(std::abs(t.log_errors[i] - (weight > 0 ? weight * t.tree_answers[i] : 0)) / t.uncertainties[i]);
        by_physics.push_back(std::move(scores));
        by_cost.push_back({t.name, t.cost_errors});
    }
    models::UnseenErrors unseen;
    const double physics = models::unseen_template_quantile(by_physics), cost = models::unseen_template_quantile(by_cost);
    if (std::isfinite(physics)) unseen.physics = physics;
    if (std::isfinite(cost)) unseen.cost = cost;
    return unseen;
}

Table select(const Table& table, const std::vector<char>& left_out, char wanted) {
    Table part;
    part.columns = table.columns;
    for (std::size_t row = 0; row < table.rows(); ++row) {
        if (left_out[row] != wanted) continue;
        const auto values = row_of(table, row);
        part.values.insert(part.values.end(), values.begin(), values.end());
        part.labels.push_back(table.labels[row]);
    }
    return part;
}

/// |log error| of trees on executions of known templates that they had not seen: every third, in turn.
base::Result<std::vector<double>> held_out_errors(const Table& table, const Known& known, const QueryTimeFitOptions& options,
                                                  const Progress& progress, const std::stop_token& stop) {
    constexpr std::size_t kFolds = 3;
    std::vector<double> errors(table.rows(), 0);
    for (std::size_t fold = 0; fold < kFolds; ++fold) {
        std::vector<char> left_out(table.rows(), 0);
        for (const auto& [key, positions] : known)
            for (std::size_t i = fold; i < positions.size() && positions.size() >= kFolds; i += kFolds) left_out[positions[i]] = 1;
        const auto part = select(table, left_out, 0);
        if (part.rows() == 0) continue;
        ORRERY_ASSIGN(const auto forest, train_forest(part, options.residual, {}, stop));
        for (std::size_t row = 0; row < table.rows(); ++row)
            if (left_out[row] != 0)
                errors[row] = std::abs(static_cast<double>(table.labels[row] - models::predict(forest, row_of(table, row))));
        if (progress) progress(kStageEnds[1] + (kStageEnds[2] - kStageEnds[1]) * static_cast<double>(fold + 1) / kFolds);
    }
    return errors;
}

std::vector<std::size_t> newest(const std::vector<std::size_t>& positions, std::span<const ExecutedPlan> plans, std::size_t most) {
    auto order = positions;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return plans[a].at < plans[b].at; });
    if (order.size() > most) order.erase(order.begin(), order.end() - static_cast<std::ptrdiff_t>(most));
    return order;
}

models::TemplateTimes template_times(std::uint64_t key, const std::vector<std::size_t>& positions, std::span<const ExecutedPlan> plans,
                                     std::span<const std::uint64_t> shapes, std::span<const double> trees_errors, std::size_t recent) {
    models::TemplateTimes times;
    times.key = key;
    times.executions = static_cast<double>(positions.size());
    std::vector<double> logs, trees;
    for (const auto i : newest(positions, plans, recent)) logs.push_back(std::log(plans[i].time_ms));
    for (const auto i : positions) {
        trees.push_back(trees_errors[i]);
        times.shapes.push_back(shapes[i]);
    }
    std::sort(times.shapes.begin(), times.shapes.end());
    times.shapes.erase(std::unique(times.shapes.begin(), times.shapes.end()), times.shapes.end());
    times.log_median = base::median(logs);
    // Quantiles of few values are too narrow: pushed outwards by their own rank error.
    const double slack = 1.0 + 4.0 / static_cast<double>(logs.size());
    times.log_low = times.log_median - slack * (times.log_median - base::quantile(logs, 0.05));
    times.log_high = times.log_median + slack * (base::quantile(logs, 0.95) - times.log_median);
    times.trees_spread = slack * base::quantile(trees, 0.9);
    std::vector<double> own;
    for (const double log : logs) own.push_back(std::abs(log - times.log_median));
    times.steady = base::median(own) <= base::median(trees) && base::quantile(own, 0.9) <= base::quantile(trees, 0.9);
    return times;
}

}  // namespace

domain::PlanQuestion question_of(const ExecutedPlan& executed) {
    domain::PlanQuestion question;
    question.plan = &executed.plan;
    question.fingerprint = executed.fingerprint.value != 0 ? executed.fingerprint : models::template_key(executed.group);
    question.conditions = executed.conditions;
    return question;
}

models::CostFit fit_cost(std::span<const ExecutedPlan> plans) {
    std::map<std::string, double> sizes;
    for (const auto& plan : plans) sizes[plan.group] += 1;
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (const auto& plan : plans) {
        const double weight = 1 / sizes[plan.group], cost = std::log(std::max(plan.plan.root.total_cost.value, 1e-3)),
                     ms = std::log(plan.time_ms);
        w += weight;
        x += weight * cost;
        y += weight * ms;
        xx += weight * cost * cost;
        xy += weight * cost * ms;
    }
    models::CostFit fit;
    const double spread = w * xx - x * x;
    fit.slope = spread > 1e-9 ? (w * xy - x * y) / spread : 1;
    fit.intercept = w > 0 ? (y - fit.slope * x) / w : fit.intercept;
    return fit;
}

base::Result<models::QueryTimeModel> fit_query_time(std::span<const ExecutedPlan> given, const QueryTimeFitOptions& options,
                                                    const Progress& progress, const std::stop_token& stop) {
    if (given.empty())
        return base::unexpected(base::ErrorKind::invalid_input, "there is no plan to learn from",
                                "none was executed with a time that can be used",
                                "Record some with 'orrery lab record', or collect executed plans with auto_explain.");
    models::QueryTimeModel model;
    const auto plans = with_contexts(given, model.inferred);
    const auto groups = group_plans(plans);
    ORRERY_ASSIGN(const auto physics, fit_physics(pick(plans, groups, options.most_per_template), options));
    if (progress) progress(kStageEnds[0]);

    model.nodes = physics.nodes;
    model.rows = physics.rows;
    model.cost = fit_cost(plans);
    for (const auto& plan : plans) model.largest_ms = std::max(model.largest_ms, plan.time_ms);
    ORRERY_ASSIGN(const auto left_out, left_out_templates(plans, groups, options, progress, stop));
    model.newcomers.weight = newcomer_weight(left_out);
    model.unseen = unseen_errors(left_out, model.newcomers.weight);
    if (model.newcomers.weight > 0) {
        ORRERY_ASSIGN(model.newcomers.forest, fit_newcomers(pick(plans, groups, options.most_per_template), physics, options, stop));
    }
    if (!options.with_residual) return model;

    std::vector<std::uint64_t> shapes;
    ORRERY_ASSIGN(const auto table, residual_table(plans, physics, shapes));
    Known known;
    for (std::size_t i = 0; i < plans.size(); ++i) known[question_of(plans[i]).fingerprint.value].push_back(i);
    ORRERY_ASSIGN(const auto errors, held_out_errors(table, known, options, progress, stop));
    const auto share = [&](double done) {
        if (progress) progress(kStageEnds[2] + (kStageEnds[3] - kStageEnds[2]) * done);
    };
    ORRERY_ASSIGN(model.residual, train_forest(table, options.residual, share, stop));
    for (const auto& [key, positions] : known)
        model.templates.push_back(template_times(key, positions, plans, shapes, errors, options.recent));
    return model;
}

}  // namespace orrery::training
