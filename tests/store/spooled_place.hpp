#pragma once

#include <memory>

#include "base/folder.hpp"
#include "store/samples.hpp"
#include "store/spooling_store.hpp"
#include "store/sqlite_store.hpp"

namespace orrery::store_testing {

/// A store that is never away has to behave as the one behind it.
class SpooledPlace final : public StorePlace {
public:
    base::Result<std::unique_ptr<domain::Store>> open(base::Clock& clock) override {
        const auto file = folder_.path() / "store.db";
        const auto open_store = [file, &clock]() -> base::Result<std::unique_ptr<domain::Store>> {
            ORRERY_ASSIGN(auto store, store::SqliteStore::open(file, {.clock = &clock}));
            return std::unique_ptr<domain::Store>(std::make_unique<store::SqliteStore>(std::move(store)));
        };
        ORRERY_ASSIGN(auto store, store::SpoolingStore::open(open_store, {.file = folder_.path() / "spool.db", .clock = &clock}));
        return std::unique_ptr<domain::Store>(std::make_unique<store::SpoolingStore>(std::move(store)));
    }

private:
    base::TemporaryFolder folder_ = base::TemporaryFolder::create("spooled").value();
};

}  // namespace orrery::store_testing
