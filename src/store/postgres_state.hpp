#pragma once

#include <bit>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "domain/store.hpp"
#include "store/postgres_link.hpp"
#include "store/postgres_schema.hpp"
#include "store/postgres_store.hpp"

namespace orrery::store {

/// What the parts of PostgresStore's implementation share.
struct PostgresStore::State {
    PostgresLink link;
    PostgresTables tables;
    base::Clock* clock;     ///< never null
    bool servers_own_time;  ///< leases go by the store's clock

    /// Waits for the turn to change this server's history: one writer at a time keeps intervals from overlapping.
    base::Result<void> lock_server(domain::ServerId server) {
        ORRERY_TRY(link.query("SELECT FROM ml_optimization.servers WHERE id = $1 FOR NO KEY UPDATE", server));
        return {};
    }

    /// Writes that meet a partition which another process has just dropped are made once more.
    template <typename Write>
    auto with_partitions(Write write) {
        auto outcome = write();
        if (outcome || outcome.error().sqlstate != "23514") return outcome;
        tables.forget_partitions();
        return write();
    }

    /// Frames that are known to be new, within a transaction; their partitions are there.
    base::Result<void> insert_frames(domain::ServerId server, std::span<const domain::Frame* const> frames);
    base::Result<void> prepare_frames(std::span<const domain::Frame* const> frames);
    /// Oldest first, one at a time; `condition` is SQL on frame `f` (interval `i`, plan).
    base::Result<void> visit_frames(domain::ServerId server, const std::string& series, const std::string& condition,
                                    const domain::Take<domain::Frame>& take);
    base::Result<void> visit_intervals(domain::ServerId server, const std::string& condition,
                                       const domain::Take<domain::QueryLogInterval>& take);
    base::Result<void> visit_plans(domain::ServerId server, const std::string& condition, const domain::Take<domain::PlanSighting>& take);
};

inline std::int64_t column_of(std::uint64_t bits) {
    return std::bit_cast<std::int64_t>(bits);
}
inline std::uint64_t bits_of(std::int64_t column) {
    return std::bit_cast<std::uint64_t>(column);
}

/// All counters, comma-separated, each behind `prefix`.
std::string postgres_counter_columns(std::string_view prefix = "");

}  // namespace orrery::store
