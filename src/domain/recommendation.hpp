#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "domain/catalog.hpp"
#include "domain/query.hpp"

namespace orrery::domain {

enum class RecommendationKind { create_index, drop_index };
std::string_view to_string(RecommendationKind kind);
std::optional<RecommendationKind> recommendation_kind_from(std::string_view text);

/// Effect on one statement, per call.
struct QueryEffect {
    Fingerprint fingerprint;
    base::PlannerCost cost_before, cost_after;
};

struct Recommendation {
    std::string id;  ///< "idx-3f2a9c01": from the kind and what it acts on, so the same advice has the same id
    RecommendationKind kind = RecommendationKind::create_index;
    std::string sql;         ///< with CONCURRENTLY; one statement
    std::string revert_sql;  ///< undoes it; one statement
    RelationName index;      ///< that is made or dropped
    IndexSpec spec;
    base::Bytes estimated_size;      ///< taken (create) or freed (drop)
    base::PlannerCost benefit_cost;  ///< calls-weighted cost saved in reads, write cost not yet taken off
    base::PlannerCost write_cost;    ///< calls-weighted cost of maintaining it (create) or spared (drop)
    double benefit_percent = 0;      ///< predicted share of the workload's time (of its cost when times are unknown), net of writes
    std::vector<QueryEffect> queries;
    std::string why;  ///< one or two sentences for a person
};

struct RejectedCandidate {
    std::string sql;
    std::string why;
};

/// What an advisor answers. Costs are the planner's, weighted by calls.
struct Advice {
    std::string target;  ///< host:port/database, no password
    base::PlannerCost baseline_cost, final_cost, lower_bound_cost;
    double gap_percent = 0;  ///< (final - lower bound) / final, in percent
    std::int64_t what_if_calls = 0;
    double wall_seconds = 0;
    base::Bytes budget;
    std::vector<Recommendation> recommendations;
    std::vector<RejectedCandidate> rejected;
    std::vector<std::string> warnings;  ///< statements left out and why, twin deviations, missing rights
};

}  // namespace orrery::domain
