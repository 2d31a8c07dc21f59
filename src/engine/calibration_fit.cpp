#include "engine/calibration_fit.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/statistics.hpp"
#include "models/query_time/operators.hpp"

namespace orrery::engine {
namespace {

double q_error(double predicted, double actual) {
    constexpr double kLeast = 1e-6;
    predicted = std::max(predicted, kLeast), actual = std::max(actual, kLeast);
    return std::max(predicted / actual, actual / predicted);
}

/// Predicted times of the probes by what they were asked to do, and each term's share of them.
struct Prediction {
    std::vector<double> errors;
    std::vector<CalibratedTerm> terms;
};

Prediction predict_probes(const models::NodeModel& model, std::span<const models::ExecutedPlan> plans) {
    constexpr double kNoticeable = 0.05;
    const auto names = models::work_term_names();
    Prediction prediction;
    prediction.terms.resize(names.size());
    std::vector<models::Operator> operators;
    std::vector<models::Work> work;
    for (const auto& executed : plans) {
        models::flatten(executed.plan, *executed.context, models::RowsFrom::actuals, operators);
        models::count_work(operators, *executed.context, executed.conditions, {}, work);
        std::vector<double> ms(operators.size());
        const double total = models::operator_times(model, work, ms);
        prediction.errors.push_back(q_error(total, executed.time_ms));
        for (std::size_t t = 0; t < names.size(); ++t) {
            double term_ms = 0;
            for (std::size_t i = 0; i < operators.size(); ++i) term_ms += operators[i].processes * work[i][t] * model.ns[t] / 1e6;
            const double share = total > 0 ? std::min(1.0, term_ms / total) : 0;
            prediction.terms[t].share += share / static_cast<double>(plans.size());
            prediction.terms[t].probes += share >= kNoticeable ? 1 : 0;
        }
    }
    return prediction;
}

}  // namespace

base::Result<CalibrationFit> fit_calibration(std::span<const collectors::MeasuredProbe> measured, const domain::PlanContext& context,
                                             const models::NodeModel* prior) {
    const auto facts = std::make_shared<const domain::PlanContext>(context);
    std::vector<models::ExecutedPlan> plans;
    for (const auto& probe : measured) {
        models::ExecutedPlan executed;
        executed.plan = probe.plan;
        executed.group = probe.probe.name;
        executed.database = context.database;
        executed.time_ms = probe.plain_ms;
        executed.context = facts;
        plans.push_back(std::move(executed));
    }
    const auto factory = models::factory_node_model();
    CalibrationFit fit;
    ORRERY_ASSIGN(fit.model, models::fit_node_model(plans, {.prior = prior}));
    const auto before = predict_probes(prior != nullptr ? *prior : factory, plans);
    auto after = predict_probes(fit.model, plans);
    const auto names = models::work_term_names();
    for (std::size_t t = 0; t < names.size(); ++t) {
        after.terms[t].name = names[t];
        after.terms[t].factory_ns = factory.ns[t];
        after.terms[t].fitted_ns = fit.model.ns[t];
    }
    fit.terms = std::move(after.terms);
    fit.error_before = base::median(before.errors);
    fit.error_after = base::median(after.errors);
    return fit;
}

}  // namespace orrery::engine
