#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "domain/series.hpp"
#include "store/postgres_link.hpp"

/// Tables of a PostgreSQL store: the fixed ones by versioned steps, those of series on first sight, partitions on demand.
namespace orrery::store {

/// Brings the schema to the newest version. Safe when many processes do so at once.
base::Result<void> migrate(PostgresLink& link);

/// How wide the stretch of time behind a row is, in classes: 0 below 30 s, 1 below 5 min, 2 below 6 h, 3 above. Narrow rows are many and
/// soon rolled up, so each class has partitions of its own length (a day, a week, a month, a year), and goes as a whole.
int grain_of(base::WallTime start, base::WallTime end);

struct Partition {
    int grain = 0;
    base::WallTime from{}, to{};  ///< from inclusive, to exclusive
    /// "<table>_g<grain>_<yyyymmdd>"
    [[nodiscard]] std::string name(std::string_view table) const;
};
/// The partition that holds rows of that class ending at `end`.
Partition partition_for(int grain, base::WallTime end);
/// What a partition's name says; nothing when it is no such name.
std::optional<Partition> partition_from_name(std::string_view table, std::string_view name);

/// A column of a series' table.
struct StoredColumn {
    std::string identifier;  ///< in the table; not quoted
    std::string type;        ///< "bigint", "double precision" or "text"
};
/// How a frame's columns were: which there were, in which order, and what they meant.
struct FrameLayout {
    struct Column {
        std::string name;
        domain::RollUp roll_up{};
        std::string unit;
        std::size_t kind = 0;    ///< alternative of domain::ColumnValues
        std::string identifier;  ///< of the table's column
    };
    std::vector<Column> columns;
};
/// The table of a series.
struct SeriesTable {
    std::string name;                                                        ///< "series_tables"; not quoted, without its schema
    std::map<std::pair<std::string, std::string>, std::string> identifiers;  ///< of table columns, by frame column and type
    std::map<std::string, std::int64_t> layouts;                             ///< ids, by their JSON
};

/// Names that PostgreSQL takes as they are, at most `limit` long: others lose their odd letters and get a short hash.
std::string identifier_from(std::string_view prefix, std::string_view name, std::size_t limit);

/// What this process knows of the tables that come and go.
class PostgresTables {
public:
    /// Makes the partition unless it is there.
    base::Result<void> ensure_partition(PostgresLink& link, const std::string& table, int grain, base::WallTime end);
    /// The table of the frame's series with all its columns, and the id of its layout.
    base::Result<std::pair<const SeriesTable*, std::int64_t>> ensure_series(PostgresLink& link, const domain::Frame& frame);
    base::Result<const FrameLayout*> layout(PostgresLink& link, std::int64_t id);
    /// The table of a series as it is now; null when the store has none.
    base::Result<const SeriesTable*> series(PostgresLink& link, const std::string& name);
    /// After another process dropped a partition.
    void forget_partitions() { partitions_.clear(); }

private:
    base::Result<SeriesTable> read_series(PostgresLink& link, const std::string& name);
    base::Result<void> make_series(PostgresLink& link, const domain::Frame& frame, const std::string& layout);
    std::set<std::string> partitions_;
    std::map<std::string, SeriesTable> series_;
    std::map<std::int64_t, FrameLayout> layouts_;
};

}  // namespace orrery::store
