#pragma once

#include <filesystem>
#include <tuple>
#include <utility>

#include "base/clock.hpp"
#include "domain/workload.hpp"
#include "store/database.hpp"
#include "store/sqlite_store.hpp"

namespace orrery::store {

/// What the parts of SqliteStore's implementation share.
struct SqliteStore::State {
    Database database;
    base::Clock* clock;

    [[nodiscard]] std::int64_t now_ms() const { return base::to_unix_ms(clock->now()); }
};

/// Columns of StatementCounters, in the order of `fields_of`.
constexpr std::string_view kCounterColumns =
    "calls, rows, exec_ms, exec_square_ms2, plan_ms, shared_hit, shared_read, shared_dirtied, shared_written, local_blocks, temp_read, "
    "temp_written, io_read_ms, io_write_ms, wal_records, wal_bytes";

template <typename Counters>
auto fields_of(Counters& c) {
    return std::tie(c.calls, c.rows, c.exec_ms, c.exec_square_ms2, c.plan_ms, c.shared_hit, c.shared_read, c.shared_dirtied,
                    c.shared_written, c.local_blocks, c.temp_read, c.temp_written, c.io_read_ms, c.io_write_ms, c.wal_records, c.wal_bytes);
}

}  // namespace orrery::store
