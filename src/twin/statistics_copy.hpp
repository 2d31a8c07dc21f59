#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "pg/session.hpp"
#include "twin/extended_statistics.hpp"
#include "twin/target_facts.hpp"

namespace orrery::twin {

/// Where the statistics come from.
enum class StatisticsSource {
    automatic,     ///< pg_statistic when the role may read it, else pg_stats
    pg_statistic,  ///< everything; needs superuser or pg_read_all_data
    pg_stats,      ///< columns of readable tables; no index expressions, no range types before 17
};

/// Statistics in transit: lines of COPY in text form. Held in memory only.
struct StatisticsRows {
    bool from_view = false;  ///< read from pg_stats: operators are yet to be found
    std::string lines;
    std::size_t count = 0;
    std::vector<ExtendedStatistics> extended;
};

/// Column and index-expression statistics, and extended statistics, of these tables of the target; of all when none is given.
base::Result<StatisticsRows> read_statistics(TargetSnapshot& snapshot, StatisticsSource source,
                                             const std::vector<domain::Oid>& tables = {});

/// A line of StatisticsRows, `from_view`, for one column or expression of a relation. `type` is that of its values.
std::string statistics_line(const domain::RelationName& relation, std::string_view attribute, int number,
                            const domain::ColumnStatistics& statistics, std::string_view type);

/// Adds the statistics of one index's expressions.
base::Result<void> add_index_statistics(pg::Session& twin, const StatisticsRows& rows);

/// Replaces the statistics of these tables of the twin (of all when none is given). Columns are matched by name. `twin` may modify system
/// tables. Returns what could not be carried over, in words.
base::Result<std::vector<std::string>> write_statistics(pg::Session& twin, const StatisticsRows& rows,
                                                        const std::vector<domain::Oid>& tables = {});

}  // namespace orrery::twin
