#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/workload.hpp"

/// Counters of many statements as one packed table: an interval's deltas, or a cursor. docs/formats/packed-columns.md.
namespace orrery::store {

/// Three columns of one length.
struct CounterTable {
    std::vector<std::int64_t> statements;  ///< known_statements.id, ascending
    std::vector<std::int64_t> marks;       ///< of a delta: 1 for a lower bound; of a cursor's row: its since_us
    std::vector<domain::StatementCounters> counters;
};

// Levels of Zstandard: history is written once and read for years, a cursor is replaced a minute later.
constexpr int kLogsLevel = 3;
constexpr int kCursorLevel = 1;

/// Sorts by statement. Counters that are zero throughout take no space.
base::Result<std::string> pack_counters(const CounterTable& table, int level);
/// A `corrupt` error on damage. Counters of a newer build are passed over.
base::Result<CounterTable> unpack_counters(std::string_view packed);

/// Adds up deltas of one statement after another: integers exactly, times with compensation.
class CounterSum {
public:
    void add(const domain::StatementCounters& counters);
    [[nodiscard]] domain::StatementCounters value() const;

private:
    domain::StatementCounters sum_, lost_;
};

}  // namespace orrery::store
