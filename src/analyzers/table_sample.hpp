#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/sql_session.hpp"

namespace orrery::analyzers {

struct SampleOptions {
    double share = 0.01;              ///< of the table's pages
    std::int64_t fewest_pages = 100;  ///< read at least, or all there are
    std::int64_t most_pages = 5'000;  ///< read at most
    std::size_t most_rows = 100'000;  ///< kept at most, of whole pages
    std::uint64_t seed = 1;
};

/// Rows of whole pages, with hashes in the place of values: what the data are stays on the server.
struct TableSample {
    double pages = 0, all_pages = 0;
    double all_rows = 0;                            ///< of the table: its reltuples, or the sample's scaled up when never analyzed
    std::vector<std::string> columns;               ///< those that were read
    std::vector<std::string> left_out;              ///< columns too wide to hash (documents, long texts)
    std::vector<std::int64_t> page_of;              ///< by row
    std::vector<std::vector<std::int64_t>> hashes;  ///< [column][row]
    std::vector<std::vector<bool>> is_null;         ///< [column][row]

    [[nodiscard]] std::size_t rows() const { return page_of.size(); }
};

/// Reads a random sample of the table's pages (TABLESAMPLE SYSTEM), one statement. Partitioned tables and views have no pages of their own:
/// nothing is returned for them, nor for empty tables.
base::Result<std::optional<TableSample>> sample_table(domain::SqlSession& session, const domain::Table& table,
                                                      const SampleOptions& options);

}  // namespace orrery::analyzers
