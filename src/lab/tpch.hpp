#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

/// TPC-H: the benchmark's eight tables by the distributions of its specification (revision 3, clauses 1.4 and 4.2), and its 22 queries.
namespace orrery::lab {

enum class TpchTable { region, nation, supplier, part, partsupp, customer, orders, lineitem };
inline constexpr std::array kTpchTables{TpchTable::region,   TpchTable::nation,   TpchTable::supplier, TpchTable::part,
                                        TpchTable::partsupp, TpchTable::customer, TpchTable::orders,   TpchTable::lineitem};
std::string_view to_string(TpchTable table);
/// CREATE TABLE without keys.
std::string tpch_table_sql(TpchTable table);
std::string tpch_primary_key_sql(TpchTable table);
std::vector<std::string> tpch_foreign_key_sql(TpchTable table);

/// Rows of the tables that grow with the scale factor.
struct TpchSizes {
    std::int64_t suppliers = 0, parts = 0, customers = 0, orders = 0, clerks = 0;
};
TpchSizes tpch_sizes(double scale);

/// The data, row by row, from a seed. Const use is thread-safe.
class TpchData {
public:
    TpchData(double scale, std::uint64_t seed);
    TpchData(TpchData&&) noexcept;
    TpchData& operator=(TpchData&&) noexcept;
    ~TpchData();

    /// What `append` counts in: rows, but parts for partsupp (four rows each) and orders for lineitem (one to seven rows each).
    [[nodiscard]] std::int64_t units(TpchTable table) const;
    /// Appends the rows of units first..last (1-based) in COPY's text format.
    void append(TpchTable table, std::string& out, std::int64_t first, std::int64_t last) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

struct TpchOptions {
    double scale = 1;  ///< scale factor, 0.001 to 300
    std::uint64_t seed = 1;
    int connections = 2;
    bool primary_keys = true;
    bool foreign_keys = false;
};

/// postgresql.conf for loading and asking TPC-H.
std::map<std::string, std::string> tpch_settings();

/// Creates and fills the tables in the database: COPY streams, keys, VACUUM ANALYZE. About 8.6 million rows at scale 1.
base::Result<void> load_tpch(const TpchOptions& options, const std::string& uri, const std::stop_token& stop = {});

struct TpchQuery {
    int number = 0;  ///< 1..22
    std::string title;
    std::string sql;
};

struct TpchQueryOptions {
    std::optional<std::uint64_t> seed;  ///< nothing: the specification's validation parameters; else drawn by its rules
    double scale = 1;                   ///< the 11th query's fraction depends on it
};
std::vector<TpchQuery> tpch_queries(const TpchQueryOptions& options = {});

}  // namespace orrery::lab
