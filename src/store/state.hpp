#pragma once

#include "base/clock.hpp"
#include "store/database.hpp"
#include "store/frame_rows.hpp"
#include "store/sqlite_store.hpp"
#include "store/statement_numbers.hpp"

namespace orrery::store {

/// What the parts of SqliteStore's implementation share.
struct SqliteStore::State {
    Database database;
    base::Clock* clock;
    StatementNumbers numbers{};
    FrameBases bases{};

    [[nodiscard]] std::int64_t now_ms() const { return base::to_unix_ms(clock->now()); }
};

}  // namespace orrery::store
