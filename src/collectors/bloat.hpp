#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"

/// How much of a table or B-tree is air, told from statistics alone: the pages that its rows would fill if they were written anew, against
/// those that it has. Layouts: https://www.postgresql.org/docs/current/storage-page-layout.html and btree.html#BTREE-DEDUPLICATION.
namespace orrery::collectors {

/// A column as it is stored: of the heap, or of an index (where it may be an expression).
struct StoredColumn {
    int length = -1;              ///< pg_attribute.attlen: bytes, -1 varying, -2 C string
    int alignment = 4;            ///< 1, 2, 4 or 8
    std::optional<double> width;  ///< average stored bytes of the values that are not NULL; unknown: no statistics
    double null_share = 0;
    double distinct = 0;  ///< as in pg_statistic: negative is a share of the rows, 0 unknown
    bool even = false;    ///< varying in principle, of one length in fact (codes, hashes)
};
/// "length:alignment:width:null share[:distinct[:even]]", separated by commas, as the views table_shapes and index_shapes write them.
base::Result<std::vector<StoredColumn>> parse_stored_columns(std::string_view text);

struct TableShape {
    double rows = 0;  ///< live ones
    base::Pages pages;
    int fillfactor = 100;
    int block_size = 8192;
    std::vector<StoredColumn> columns;  ///< in their order; dropped ones are always NULL
    std::optional<double> row_bytes;    ///< known from a measurement: the average length of a stored row; the columns are not looked at
};

struct IndexShape {
    double rows = 0;  ///< entries
    base::Pages pages;
    int fillfactor = 90;
    int block_size = 8192;
    bool distinct_keys = false;  ///< unique: no two entries are equal
    bool deduplicates = false;   ///< equal entries share one (13 and later, where the operator classes allow it)
    std::vector<StoredColumn> columns;
};

struct BloatEstimate {
    base::Pages needed;    ///< if it were written anew
    base::Bytes wasted;    ///< what is beyond that; never negative
    double row_bytes = 0;  ///< average stored row or index entry, header and padding included
};

/// Nothing when a width is unknown. The average row is 23 bytes of header and the bitmap of NULLs (when a row has any), aligned to 8, then
/// the columns one after another, each aligned as its type asks (values of varying length under 127 bytes are not), at the expected
/// padding, and 4 bytes for its line pointer; pages have 24 bytes of header and are filled up to `fillfactor`.
std::optional<BloatEstimate> estimate_bloat(const TableShape& table);
/// Nothing when a width is unknown. Entries have 8 bytes of header (16 with a NULL) and a line pointer; with deduplication equal ones
/// share a key and take 6 bytes each; leaves have 16 bytes more overhead and are filled up to `fillfactor`; the levels above are added.
/// A tree that grew by insertions in random order is about 70 % full, and counts as bloated by a fifth: a rebuild would win that.
std::optional<BloatEstimate> estimate_bloat(const IndexShape& index);

/// Shares of accesses that found their block in shared buffers; nothing when there were none.
std::optional<double> hit_ratio(std::int64_t hit, std::int64_t read);

}  // namespace orrery::collectors
