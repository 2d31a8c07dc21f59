#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/what_if_planner.hpp"
#include "pg/session.hpp"
#include "twin/self_check.hpp"
#include "twin/twin_builder.hpp"

namespace orrery::twin {

/// A private PostgreSQL server of the target's major version that holds the target's schema and statistics and no data beyond
/// the ends of indexed columns. Its planner gives the target's plans and costs. Nothing is ever executed on it: EXPLAIN without
/// ANALYZE only. One thread at a time; the server and its files go with the object.
class PlannerTwin final : public domain::WhatIfPlanner {
public:
    /// `target` needs to read the schema and pg_statistic (pg_read_all_data is enough), or the tables that count and pg_stats.
    static base::Result<PlannerTwin> build(pg::Session& target, const TwinOptions& options = {}, const std::stop_token& stop = {});
    PlannerTwin(PlannerTwin&&) noexcept;
    PlannerTwin& operator=(PlannerTwin&&) noexcept;
    ~PlannerTwin() override;

    base::Result<domain::CandidateId> add_candidate(const domain::HypotheticalIndex& index) override;
    base::Result<void> remove_candidates() override;
    base::Result<domain::WhatIfPlan> plan(const std::string& statement, const domain::IndexConfiguration& configuration) override;
    std::vector<base::Result<domain::WhatIfPlan>> plan_all(std::span<const std::string> statements,
                                                           const domain::IndexConfiguration& configuration) override;
    base::Result<domain::CountedPlan> cost_units(const std::string& statement, const domain::IndexConfiguration& configuration) override;
    base::Result<std::vector<std::string>> parameter_types(const std::string& statement) override;
    [[nodiscard]] std::int64_t calls() const override;

    /// Follows the target. Unless it is unchanged, all candidates are forgotten: their sizes were estimated from the old statistics.
    base::Result<RefreshOutcome> refresh(pg::Session& target, const std::stop_token& stop = {});
    /// Plans statements on both sides with the application's settings; statements that the target will not plan are in `error`.
    base::Result<std::vector<StatementCheck>> self_check(pg::Session& target, std::span<const std::string> statements);

    /// What is missing or only approximate on the twin, one sentence each.
    [[nodiscard]] const std::vector<std::string>& warnings() const;
    /// Space that the twin takes on disk now (allocated, not apparent).
    [[nodiscard]] base::Result<base::Bytes> disk_usage() const;

private:
    struct State;
    explicit PlannerTwin(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace orrery::twin
