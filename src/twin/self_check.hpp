#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/plan.hpp"
#include "pg/session.hpp"
#include "twin/planner_settings.hpp"
#include "twin/twin_builder.hpp"

namespace orrery::twin {

/// One statement, planned on the target and on its twin.
struct StatementCheck {
    std::string statement;
    domain::Plan target_plan, twin_plan;
    bool same_shape = false;
    bool identical = false;            ///< costs, rows and widths of every node are equal as printed
    double cost_ratio = 1;             ///< twin / target
    std::string cause;                 ///< a guess, for statements that deviate
    std::optional<base::Error> error;  ///< it could not be planned on one of the two sides

    /// Another shape, or a total cost more than 0.1 % off.
    [[nodiscard]] bool deviates() const;
};

/// EXPLAINs the statements on the target in a read-only transaction with those settings.
base::Result<std::vector<StatementCheck>> plan_on_target(pg::Session& target, const SettingList& settings,
                                                         std::span<const std::string> statements);

/// Fills in the comparison.
void compare_plans(StatementCheck& check, const domain::Plan& twin_plan);

/// The most likely reason in one sentence.
std::string guess_cause(const StatementCheck& check, const TargetChanges& changes, const BuiltTwin& twin);

}  // namespace orrery::twin
