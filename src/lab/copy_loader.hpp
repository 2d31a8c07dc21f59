#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace orrery::lab {

/// One table to create and fill. `append_rows` must be safe to call for different tables at once.
struct TableLoad {
    std::string table;  ///< quoted name
    std::string create_sql;
    std::int64_t rows = 0;  ///< units that append_rows counts in; also the guess of the work
    std::function<void(std::string& out, std::int64_t first, std::int64_t last)>
        append_rows;                      ///< COPY text lines of units first..last, 1-based
    std::vector<std::string> index_sql;   ///< after the rows, in the same transaction
    std::vector<std::string> finish_sql;  ///< once every table is filled: foreign keys, sequences
};

/// Creates and fills the tables over `connections` sessions at once, the largest first: COPY FREEZE into a table made in the same
/// transaction, keys and indexes, then foreign keys, then VACUUM ANALYZE. No temporary files.
base::Result<void> load_tables(const std::vector<TableLoad>& tables, const std::string& uri, int connections, const std::stop_token& stop);

}  // namespace orrery::lab
