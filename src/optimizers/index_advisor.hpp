#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "config/settings.hpp"
#include "domain/catalog.hpp"
#include "domain/recommendation.hpp"
#include "domain/what_if_planner.hpp"
#include "domain/workload.hpp"
#include "optimizers/index_candidates.hpp"

/// The IndexAdvisor: which indexes to make and which to drop for a workload.
namespace orrery::optimizers {

struct IndexAdvisorOptions {
    std::string target;                            ///< copied into the advice
    base::Bytes budget{500LL << 20U};              ///< for all new indexes together
    std::chrono::milliseconds time_limit{60'000};  ///< then the best so far is the answer
    int parameter_draws = 3;
    std::uint64_t seed = 1;
    double minimum_benefit_percent = 1;          ///< of the time of the statements an index helps, upkeep taken off
    double minimum_workload_percent = 1;         ///< of the time that would remain with every candidate: less is not worth one more index
    double storage_percent = 5;                  ///< of that time: what indexes as large as all tables together must gain for their space
    double regression_limit_percent = 10;        ///< no reading statement may get dearer by more
    double write_regression_limit_percent = 50;  ///< no writing statement either, unless what it adds is small beside the gain
    double small_statement_percent =
        0.1;                       ///< statements below this share of the time bring forth no candidates, unless among the 100 heaviest
    double noise_percent = 5;      ///< a statement whose cost falls by less has not got cheaper
    double remainder_percent = 3;  ///< what is left of a statement below this share counts for a tenth
    /// What an execution costs whatever its plan (start, locks, result): part of the measured mean that no index can save.
    double fixed_statement_ms = 0.02;
    /// One B-tree entry: descent, insertion, WAL and its share of dirtied leaves. 5-15 us on cached trees (PostgreSQL 15, one
    /// core); an INSERT that was measured to take less per index and row lowers it.
    double entry_ms = 0.01;
    /// Time of one planner cost unit where nothing was measured: calibrated constants put a sequential page at 0.5 us and a
    /// tuple's 0.01 at 0.07 us, which is about 3 us for the mix of a cached scan.
    double ms_per_cost = 0.003;
    /// The counters of scans are old enough to believe that an index without one is not used.
    bool scan_counters_tell = true;
    CandidateOptions candidates;
};

/// From the settings `advise.*`.
IndexAdvisorOptions index_advisor_options(const config::Settings& settings);

/// What a run needs from outside.
struct AdvisorRun {
    base::Clock* clock = &base::system_clock();
    std::stop_token stop;                                               ///< ends it with a `cancelled` error
    std::function<void(double share, std::string_view step)> progress;  ///< share of the work done, 0..1; may be empty
};

/// Advises on one database. The planner must know the catalog's tables and existing indexes; its candidates are replaced.
/// With measured times (WorkloadStatement::mean_ms) gains are shares of time, else of planner cost. Fails when the planner is lost
/// or the run is stopped; a statement that cannot be planned becomes a warning. Deterministic for equal inputs unless the time limit
/// strikes.
base::Result<domain::Advice> advise_indexes(const domain::Catalog& catalog, const domain::Workload& workload,
                                            domain::WhatIfPlanner& planner, const IndexAdvisorOptions& options, const AdvisorRun& run = {});

}  // namespace orrery::optimizers
