#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/plan.hpp"
#include "domain/plan_context.hpp"

namespace orrery::domain {

/// A candidate index as known to a WhatIfPlanner.
using CandidateId = int;

/// An index that does not exist, with the physical facts that the planner reads from a real one.
struct HypotheticalIndex {
    IndexSpec spec;
    base::Pages pages;    ///< size of the main fork
    int tree_height = 0;  ///< levels above the leaves (a single-page B-tree has 0)
    double tuples = 0;    ///< pg_class.reltuples of the index
    /// Statistics of its expressions, in their order, as ANALYZE would find them once the index exists; absent = not known.
    std::vector<std::optional<ColumnStatistics>> expression_statistics{};
};

/// Which indexes a question sees.
struct IndexConfiguration {
    std::vector<CandidateId> visible;  ///< candidates shown; all others are hidden
    std::vector<Oid> hidden;           ///< existing indexes (the target's OIDs) that are to look dropped
};

struct WhatIfPlan {
    Plan plan;
    std::vector<CandidateId> used;   ///< candidates that the plan scans
    std::vector<Oid> used_existing;  ///< existing indexes (the target's OIDs) that it scans
};

/// A plan with what it was charged for.
struct CountedPlan {
    WhatIfPlan answer;
    PlanUnits units;
};

/// Answers "how would the server plan this, had it these indexes?" at no cost to the server.
/// Implemented by twin::PlannerTwin and, for tests, by a table of costs. One thread at a time.
class WhatIfPlanner {
public:
    virtual ~WhatIfPlanner() = default;

    /// Makes an index known, hidden. A definition that the server refuses is an `invalid_input` error and changes nothing.
    virtual base::Result<CandidateId> add_candidate(const HypotheticalIndex& index) = 0;
    virtual base::Result<void> remove_candidates() = 0;

    /// Plans one statement without $n parameters. It is never executed.
    virtual base::Result<WhatIfPlan> plan(const std::string& statement, const IndexConfiguration& configuration) = 0;

    /// Plans many statements under one configuration: cheaper than one by one. One result per statement.
    virtual std::vector<base::Result<WhatIfPlan>> plan_all(std::span<const std::string> statements,
                                                           const IndexConfiguration& configuration) = 0;

    /// Plans one statement and counts how often the planner applied each of its cost constants. About five to nine EXPLAINs. `unsupported`
    /// by planners that cannot tell, and for plans that are not priced by the constants alone.
    virtual base::Result<CountedPlan> cost_units(const std::string& statement, const IndexConfiguration& configuration) {
        static_cast<void>(statement), static_cast<void>(configuration);
        return base::unexpected(base::ErrorKind::unsupported, "this planner does not tell what its costs are made of");
    }

    /// Types of the parameters $1..$n of a statement ("integer", "text", ...), as the server infers them.
    virtual base::Result<std::vector<std::string>> parameter_types(const std::string& statement) = 0;

    /// EXPLAINs asked of the planner so far.
    [[nodiscard]] virtual std::int64_t calls() const = 0;
};

}  // namespace orrery::domain
