#include "engine/planning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.hpp"

namespace orrery::engine {
namespace {

std::vector<const optimizers::AdvisedStatement*> heaviest(const optimizers::AdvisedWorkload& workload, std::size_t sample) {
    std::vector<const optimizers::AdvisedStatement*> chosen;
    for (const auto& statement : workload.statements)
        if (!statement.parts.empty() && !statement.parts.front().draws.empty()) chosen.push_back(&statement);
    const auto weight = [](const auto* statement) { return statement->calls * statement->mean_ms.value_or(1); };
    std::stable_sort(chosen.begin(), chosen.end(), [&](const auto* a, const auto* b) { return weight(a) > weight(b); });
    if (chosen.size() > sample) chosen.resize(sample);
    return chosen;
}

}  // namespace

base::Result<twin::PlannerTwin> build_twin(const Context& context, pg::Session& target) {
    base::Progress progress("building the planner twin", 1);
    twin::TwinOptions options;
    options.endpoints = context.settings.boolean("twin.endpoints");
    options.statement_timeout = context.settings.duration("twin.statement_timeout");
    options.progress = [&](std::string_view stage, double share) { progress.update(share, stage); };
    auto twin = twin::PlannerTwin::build(target, options, context.stop);
    progress.finish();
    if (!twin) return base::unexpected(twin.error().within("cannot build the planner twin"));
    return twin;
}

base::Result<std::vector<std::string>> check_twin(const Context& context, pg::Session& target, twin::PlannerTwin& twin,
                                                  const optimizers::AdvisedWorkload& workload, std::size_t sample) {
    const auto chosen = heaviest(workload, sample);
    std::vector<std::string> texts, warnings;
    for (const auto* statement : chosen) texts.push_back(statement->parts.front().draws.front());
    ORRERY_ASSIGN(const auto checks, twin.self_check(target, texts));
    const double limit = context.settings.real("twin.deviation_limit") / 100;
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const auto& check = checks[i];
        if (check.error || (check.same_shape && std::abs(check.cost_ratio - 1) <= limit)) continue;
        warnings.push_back(fmt::format("Statement {}: the twin's plan costs {:+.2f} % of the target's{}. {}", chosen[i]->fingerprint.hex(),
                                       100 * (check.cost_ratio - 1), check.same_shape ? "" : " and has another shape", check.cause));
    }
    base::log_debug(fmt::format("twin checked on {} statements, {} differ", checks.size(), warnings.size()));
    return warnings;
}

}  // namespace orrery::engine
