#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/query.hpp"
#include "domain/what_if_planner.hpp"
#include "domain/workload.hpp"

/// A workload made ready for the planner: facts read, constants drawn, and the hidden work of foreign keys spelled out.
namespace orrery::optimizers {

/// Something that one call of a statement plans: the statement itself, or a check that a foreign key makes it run.
struct StatementPart {
    std::string text;  ///< with its parameters
    domain::StatementFacts facts;
    std::vector<std::string> draws;  ///< texts without parameters
    double times = 1;                ///< per call
};

struct AdvisedStatement {
    domain::Fingerprint fingerprint;
    double calls = 1;
    std::optional<double> mean_ms, rows_per_call;
    std::vector<StatementPart> parts;  ///< the statement first
    bool once = false;                 ///< ran at most once in the window: no reason for an index
};

struct AdvisedWorkload {
    std::vector<AdvisedStatement> statements;
    std::vector<std::string> warnings;
    bool complete = false;  ///< collected from a server: all that ran is in it
};

struct WorkloadReading {
    int draws = 3;
    std::uint64_t seed = 1;
};

/// Statements that do not parse are left out with a warning; utility statements and those on no known table without one.
/// Deleting or re-keying rows that a foreign key references makes PostgreSQL look for referencing rows: that look-up is added
/// as a part of its own (ri_triggers.c runs SELECT 1 FROM ONLY child WHERE key = $1 FOR KEY SHARE), for EXPLAIN does not show it.
AdvisedWorkload read_advised_workload(const domain::Catalog& catalog, const domain::Workload& workload, domain::WhatIfPlanner& planner,
                                      const WorkloadReading& reading);

}  // namespace orrery::optimizers
