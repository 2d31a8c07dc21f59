#pragma once

#include "base/clock.hpp"
#include "store/database.hpp"
#include "store/sqlite_store.hpp"

namespace orrery::store {

/// What the parts of SqliteStore's implementation share.
struct SqliteStore::State {
    Database database;
    base::Clock* clock;

    [[nodiscard]] std::int64_t now_ms() const { return base::to_unix_ms(clock->now()); }
};

}  // namespace orrery::store
