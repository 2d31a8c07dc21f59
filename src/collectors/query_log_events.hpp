#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectors/query_log_diff.hpp"
#include "domain/observation.hpp"

namespace orrery::collectors {

/// Where counters come from and how they were read, kept as the `scope` of a cursor: counters of two scopes are never compared.
struct ServerScope {
    std::string rights;    ///< "all", or "role 16384" that sees its own statements only
    std::string system;    ///< system identifier; empty when it may not be read
    std::string timeline;  ///< "00000001", or "standby"; empty when it may not be read
    int major = 0;
    std::size_t columns = 0;  ///< of pg_stat_statements: an update of the extension brings counters that did not begin at zero

    [[nodiscard]] std::string text() const;  ///< "all; system 7123; timeline 00000001; PostgreSQL 15; 43 columns"
    static ServerScope parse(std::string_view text);
};

/// What befell the server between two readings: "failover" (another cluster, or a promoted replica), "upgrade", "rights" (this role sees
/// more or less than before). At the time of the newer reading.
std::vector<domain::Event> scope_events(std::string_view before, const domain::QueryLogCursor& now);
/// The same within one scope: "restart", "statistics_reset", "evictions". Times are the server's own where it tells them, so that the same
/// two readings give the same events.
std::vector<domain::Event> counter_events(const domain::QueryLogCursor& before, const QueryLogSnapshot& now);

}  // namespace orrery::collectors
