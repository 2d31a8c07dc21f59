#include "pg/index_builds.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace orrery::pg {

base::Result<std::vector<domain::Oid>> indexes_being_built(domain::SqlSession& session) {
    ORRERY_ASSIGN(
        const auto rows,
        session.query(
            "SELECT i.indexrelid FROM pg_catalog.pg_index AS i WHERE NOT i.indisvalid AND EXISTS (SELECT FROM pg_catalog.pg_locks AS l "
            "WHERE l.relation = i.indrelid AND l.granted AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock') "
            "AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()) "
            "AND l.pid NOT IN (SELECT v.pid FROM pg_catalog.pg_stat_progress_vacuum AS v) "
            "AND l.pid NOT IN (SELECT a.pid FROM pg_catalog.pg_stat_progress_analyze AS a))"));
    std::vector<domain::Oid> building;
    for (std::size_t row = 0; row < rows.size(); ++row) building.push_back(static_cast<domain::Oid>(rows.integer(row, 0)));
    return building;
}

base::Result<std::optional<BuildProgress>> index_build_progress(domain::SqlSession& session, int backend_pid) {
    const std::vector<domain::SqlParameter> parameters{std::to_string(backend_pid)};
    ORRERY_ASSIGN(const auto rows, session.query("SELECT phase, command, blocks_total, blocks_done, tuples_total, tuples_done "
                                                 "FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1::int",
                                                 parameters));
    if (rows.empty()) return std::optional<BuildProgress>{};

    struct Phase {
        std::string_view name;
        double start, end;  ///< share of the whole, by rule of thumb
        std::size_t total;  ///< column with the phase's amount of work; 0 = it has none
    };
    constexpr std::size_t kBlocks = 2, kTuples = 4;
    static constexpr std::array<Phase, 10> kConcurrent{{{"building index: scanning table", 0.02, 0.40, kBlocks},
                                                        {"building index: sorting live tuples", 0.40, 0.48, 0},
                                                        {"building index: loading tuples in tree", 0.48, 0.68, kTuples},
                                                        {"building index", 0.02, 0.68, kBlocks},
                                                        {"waiting for writers before validation", 0.68, 0.68, 0},
                                                        {"index validation: scanning index", 0.68, 0.76, kBlocks},
                                                        {"index validation: sorting tuples", 0.76, 0.80, 0},
                                                        {"index validation: scanning table", 0.80, 0.98, kBlocks},
                                                        {"waiting for old snapshots", 0.98, 0.98, 0},
                                                        {"waiting for readers", 0.99, 0.99, 0}}};
    BuildProgress progress{0, std::string(rows.text(0, 0))};
    const Phase* best = nullptr;
    for (const auto& phase : kConcurrent)
        if (progress.phase.starts_with(phase.name) && (best == nullptr || phase.name.size() > best->name.size())) best = &phase;
    if (best == nullptr) return std::optional(progress);
    // Without CONCURRENTLY there is no validation: the build is the whole.
    const double scale = rows.text(0, 1).ends_with("CONCURRENTLY") ? 1.0 : 0.98 / 0.68;
    double within = 0;
    if (best->total != 0 && rows.real(0, best->total) > 0)
        within = std::clamp(rows.real(0, best->total + 1) / rows.real(0, best->total), 0.0, 1.0);
    progress.share = std::min(1.0, scale * (best->start + (best->end - best->start) * within));
    return std::optional(progress);
}

}  // namespace orrery::pg
