#include "twin/self_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "pg/catalog_reader.hpp"

namespace orrery::twin {
namespace {

using domain::PlanNode;

constexpr double kTolerance = 0.001;

bool same_numbers(const PlanNode& a, const PlanNode& b) {
    if (a.startup_cost != b.startup_cost || a.total_cost != b.total_cost || a.rows != b.rows || a.width != b.width) return false;
    return std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), same_numbers);
}

void collect_names(const PlanNode& node, std::set<std::string>& tables, std::set<std::string>& indexes) {
    if (!node.relation.empty()) tables.insert(node.relation);
    if (!node.index.empty()) indexes.insert(node.index);
    for (const auto& child : node.children) collect_names(child, tables, indexes);
}

}  // namespace

bool StatementCheck::deviates() const {
    return !error && (!same_shape || std::abs(cost_ratio - 1) > kTolerance);
}

base::Result<std::vector<StatementCheck>> plan_on_target(pg::Session& target, const SettingList& settings,
                                                         std::span<const std::string> statements) {
    ORRERY_ASSIGN(auto snapshot, TargetSnapshot::begin(target));
    const auto set_up = [&]() -> base::Result<void> {
        ORRERY_ASSIGN([[maybe_unused]] const auto refused, apply_settings(target, settings, true));
        return {};
    };
    ORRERY_TRY(set_up());
    std::vector<StatementCheck> checks;
    for (const auto& statement : statements) {
        StatementCheck check;
        check.statement = statement;
        auto rows = snapshot.query("EXPLAIN (FORMAT JSON) " + statement);
        if (rows) {
            ORRERY_ASSIGN(check.target_plan, pg::parse_plan(std::string(rows->text(0, 0))));
        } else {
            if (rows.error().kind == base::ErrorKind::connection || rows.error().kind == base::ErrorKind::cancelled)
                return base::unexpected(std::move(rows).error());
            check.error = std::move(rows).error();
            ORRERY_TRY(snapshot.renew());
            ORRERY_TRY(set_up());
        }
        checks.push_back(std::move(check));
    }
    return checks;
}

void compare_plans(StatementCheck& check, const domain::Plan& twin_plan) {
    check.twin_plan = twin_plan;
    check.same_shape = check.target_plan.shape() == twin_plan.shape();
    check.identical = check.same_shape && same_numbers(check.target_plan.root, twin_plan.root);
    const double there = check.target_plan.total_cost().value, here = twin_plan.total_cost().value;
    check.cost_ratio = there == here ? 1 : here / std::max(there, 1e-9);
}

std::string guess_cause(const StatementCheck& check, const TargetChanges& changes, const BuiltTwin& twin) {
    if (changes.schema) return "the schema has changed since the twin was built";
    std::set<std::string> tables, indexes;
    collect_names(check.target_plan.root, tables, indexes);
    collect_names(check.twin_plan.root, tables, indexes);
    for (const auto& pair : twin.pairs) {
        const bool changed = std::find(changes.tables.begin(), changes.tables.end(), pair.target.oid) != changes.tables.end();
        if (changed && tables.contains(pair.target.name.name))
            return fmt::format("{} has changed in size or was analyzed since the twin was built", pair.target.name.sql());
    }
    if (changes.settings) return "the settings of the application's role have changed since the twin was built";
    for (const auto& pair : twin.pairs) {
        if (pair.target.row_security && tables.contains(pair.target.name.name))
            return fmt::format("row security policies of {} are not on the twin", pair.target.name.sql());
        if (pair.target.method == "gin" && indexes.contains(pair.target.name.name))
            return fmt::format("the GIN index {} has a pending list or entry counts that were not on disk yet", pair.target.name.sql());
    }
    if (twin.source == StatisticsSource::pg_stats) return "the statistics had to be rebuilt from pg_stats";
    return "unknown";
}

}  // namespace orrery::twin
