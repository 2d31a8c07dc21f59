#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "analyzers/column_dependence.hpp"
#include "analyzers/column_shape.hpp"
#include "analyzers/distinct_values.hpp"
#include "analyzers/misestimates.hpp"
#include "analyzers/table_sample.hpp"
#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/sql_session.hpp"

namespace orrery::analyzers {

struct ColumnProfile {
    std::string column, type;
    double null_share = 0;
    double average_width = 0;                  ///< bytes
    double correlation = 0;                    ///< with the physical order, -1..1
    std::optional<DistinctEstimate> distinct;  ///< of our sample; none when the column was not read
    std::optional<double> planner_distinct;    ///< count, by pg_stats.n_distinct; none without ANALYZE
    std::optional<double> distinct_error;      ///< planner's over ours, when it lies outside of our bounds
    ColumnShape shape;
    std::optional<KeyGrowth> growth;
};

struct TableProfile {
    domain::RelationName table;
    double rows = 0;
    double sampled_rows = 0, sampled_pages = 0, pages = 0;
    std::vector<ColumnProfile> columns;
    std::vector<ColumnDependence> dependences;  ///< those without extended statistics yet
    std::vector<std::string> left_out;          ///< columns too wide to be read
};

/// Rows of one table for each row of another that it refers to.
struct JoinFanOut {
    domain::RelationName child, parent;
    std::vector<std::string> columns;  ///< of the child
    double mean = 0;                   ///< child rows per parent row that has any
    double largest = 0;                ///< of the most frequent parent
    double childless_share = 0;        ///< parents without a row, 0..1
    double orphan_share = 0;           ///< child rows that refer to none (NULL)
};

struct Advice {
    domain::RelationName table;
    std::string sql;  ///< CREATE STATISTICS ..., ALTER TABLE ... SET (n_distinct = ...), ANALYZE ...
    std::string why;
};

struct DataCharacteristics {
    std::vector<TableProfile> tables;  ///< in the order asked for
    std::vector<JoinFanOut> fan_outs;
    std::vector<Advice> advice;
    struct Skipped {
        domain::RelationName table;
        std::string why;
    };
    std::vector<Skipped> skipped;
};

struct DataOptions {
    SampleOptions sample;
    DependenceOptions dependence;
    double distinct_tolerance = 2;                     ///< the planner's n_distinct is worth correcting from this factor on
    std::function<void(std::size_t tables)> progress;  ///< told how many tables are done; may be empty
};

/// What the data are like: distributions, numbers of distinct values with error bars beside the planner's, columns that depend on each
/// other, fan-outs of joins, growth over time. Reads a bounded sample of each table through the session and everything else from the
/// catalog (with statistics). No value of the data leaves the server for it, only hashes.
class DataCharacteristicsAnalyzer {
public:
    /// `catalog` must outlive the analyzer.
    explicit DataCharacteristicsAnalyzer(const domain::Catalog& catalog, DataOptions options = {})
        : catalog_(&catalog), options_(std::move(options)) {}

    /// Of these tables; names that are not in the catalog, and tables that cannot be read (rights, locks, time) are skipped and said so.
    /// Only a lost connection or a stop request is an error.
    base::Result<DataCharacteristics> analyze(domain::SqlSession& session, const std::vector<domain::RelationName>& tables,
                                              const std::stop_token& stop = {}) const;

private:
    base::Result<void> analyze_table(domain::SqlSession& session, const domain::RelationName& name, DataCharacteristics& found) const;
    [[nodiscard]] TableProfile profile(const domain::Table& table, const std::optional<TableSample>& sample) const;
    void advise(const domain::Table& table, const TableProfile& profile, DataCharacteristics& found) const;

    const domain::Catalog* catalog_;
    DataOptions options_;
};

/// The estimate for one column of a sample.
DistinctEstimate estimate_column(const TableSample& sample, std::size_t column);

/// Fan-outs of the catalog's foreign keys, by the statistics; those of tables never analyzed are left out.
std::vector<JoinFanOut> fan_outs(const domain::Catalog& catalog);

}  // namespace orrery::analyzers
