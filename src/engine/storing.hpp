#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/observation.hpp"
#include "domain/store.hpp"
#include "engine/context.hpp"
#include "store/transfer.hpp"

/// Looking after stores.
namespace orrery::engine {

/// "10s:48h, 1min:14d": how wide the rows of each tier are, and for how long it keeps them. Widths and times must grow from tier to tier,
/// and each width must be a multiple of the one before.
base::Result<domain::RetentionPolicy> parse_retention(std::string_view text);
/// The setting store.retention.
base::Result<domain::RetentionPolicy> retention_policy(const config::Settings& settings);

struct StoreReport {
    domain::StoreSummary summary;
    domain::RetentionPolicy policy;
    std::int64_t waiting = 0;  ///< items in the spool
};
base::Result<StoreReport> store_report(const Context& context);

base::Result<domain::RollUpReport> roll_up_store(const Context& context);

struct StoreMigration {
    std::string source, target;  ///< as shown to people, without passwords
    std::vector<store::TransferCheck> checks;
    [[nodiscard]] bool equal() const;
};
/// Copies all of one store into an empty one; a broken-off copy is gone on with. Progress goes to standard error.
base::Result<StoreMigration> migrate_store(const Context& context, const std::string& source, const std::string& target);

}  // namespace orrery::engine
