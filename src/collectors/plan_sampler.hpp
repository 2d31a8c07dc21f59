#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "collectors/pacer.hpp"
#include "collectors/plan_history.hpp"
#include "collectors/reading.hpp"
#include "domain/sql_session.hpp"
#include "domain/workload.hpp"

namespace orrery::collectors {

struct PlanSamplerOptions {
    std::string database;          ///< in which the templates run
    std::string application_role;  ///< whose search_path finds unqualified names; empty: that of the database
    PaceOptions pace{.period = std::chrono::minutes(1), .share = 0.0005, .longest = std::chrono::hours(1)};
    std::chrono::milliseconds statement_timeout{500};         ///< of one EXPLAIN
    std::chrono::milliseconds again_after{6 * 3'600'000};     ///< a template is planned at most so often
    std::chrono::milliseconds refused_after{24 * 3'600'000};  ///< one that could not be planned
    std::size_t templates_per_round = 20;
    base::Milliseconds round_cost{200};  ///< a round ends when it cost the server this much
    std::size_t max_text_length = 100'000;
};

/// Asks the server for the generic plans of the heaviest templates of one database, a few at a time: the new ones first, then those not
/// asked for longest, each by its share of the time.
///
/// What keeps it safe:
/// - only a text that parses as one SELECT, INSERT, UPDATE or DELETE is planned, and EXPLAIN never executes it;
/// - each runs in a READ ONLY transaction that is rolled back, under a short statement_timeout and the session's lock_timeout, with
///   standard_conforming_strings on, so that the server cuts the text where the parser did;
/// - parameters stay parameters (GENERIC_PLAN from 16 on, a prepared statement with plan_cache_mode = force_generic_plan before), so the
///   planner has no constants to evaluate functions with; what it may still evaluate are functions declared immutable or stable, without
///   rights beyond those of the observing role and without writing;
/// - the texts that the server sees as statements are always the same three, so pg_stat_statements gets no entries per template.
/// Before 16 parameters are NULL when partitions are pruned at the start of execution: those plans show "Subplans Removed".
///
/// State (what was planned when) is kept over sessions: the session is given to each round. One thread at a time.
class PlanSampler {
public:
    explicit PlanSampler(base::Clock& clock, PlanSamplerOptions options);

    /// What the store has, oldest first: templates seen lately are not new, and a flip since is told.
    void remember(std::span<const domain::PlanSighting> sightings);
    [[nodiscard]] bool due() const { return pacer_.due(clock_->steady()); }
    [[nodiscard]] const Pacer& pacer() const { return pacer_; }

    /// One round over the workload of the database. Plans and events are in the batch; templates that cannot be planned are no failure:
    /// they are noted, and left alone for a day.
    Reading sample(domain::SqlSession& session, const domain::Workload& workload, const std::stop_token& stop = {});

private:
    struct Past {
        base::WallTime planned{};
        std::optional<std::chrono::steady_clock::time_point> not_before;
    };
    [[nodiscard]] std::vector<const domain::WorkloadStatement*> choose(const domain::Workload& workload) const;
    base::Result<domain::Plan> plan_of(domain::SqlSession& session, const std::string& text, Reading& reading);
    base::Result<std::string> explained(domain::SqlSession& session, const std::string& text, Reading& reading);
    base::Result<void> find_search_path(domain::SqlSession& session, Reading& reading);
    base::Result<domain::SqlRows> ask(domain::SqlSession& session, const std::string& sql, Reading& reading,
                                      std::span<const domain::SqlParameter> parameters = {});
    void settle(const domain::WorkloadStatement& statement, base::Result<domain::Plan> plan, Reading& reading);

    base::Clock* clock_;
    PlanSamplerOptions options_;
    Pacer pacer_;
    PlanHistory history_;
    std::unordered_map<std::uint64_t, Past> past_;  // by template
    std::optional<std::string> search_path_;
    std::size_t refused_ = 0;  // by missing rights, in the round under way
};

}  // namespace orrery::collectors
