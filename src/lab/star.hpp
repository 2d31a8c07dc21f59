#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

/// A retailer's star schema: four facts (shop and web sales, returns, stock) around nine dimensions, some of them snowflaked. Foreign keys
/// are skewed (Zipf), columns depend on each other within and across tables, facts lie in the order of their days, some columns are NULL.
namespace orrery::lab {

enum class StarTable {
    calendar,
    region,
    place,
    shop,
    category,
    brand,
    product,
    customer,
    promotion,
    shop_sale,
    web_sale,
    return_item,
    stock
};
inline constexpr std::array kStarTables{StarTable::calendar,  StarTable::region,    StarTable::place,    StarTable::shop,
                                        StarTable::category,  StarTable::brand,     StarTable::product,  StarTable::customer,
                                        StarTable::promotion, StarTable::shop_sale, StarTable::web_sale, StarTable::return_item,
                                        StarTable::stock};
std::string_view to_string(StarTable table);
/// CREATE TABLE without keys.
std::string star_table_sql(StarTable table);
/// Primary key, and indexes of some of the facts' foreign keys.
std::vector<std::string> star_index_sql(StarTable table);
std::vector<std::string> star_foreign_key_sql(StarTable table);

/// Rows of the tables that grow with the scale.
struct StarSizes {
    std::int64_t shops = 0, products = 0, customers = 0, shop_sales = 0, web_sales = 0, returns = 0;
    std::int64_t stocked = 0;  ///< pairs of product and shop in each week of the stock
};
StarSizes star_sizes(double scale);

/// The data, row by row, from a seed. Const use is thread-safe.
class StarData {
public:
    StarData(double scale, std::uint64_t seed);
    StarData(StarData&&) noexcept;
    StarData& operator=(StarData&&) noexcept;
    ~StarData();

    [[nodiscard]] std::int64_t rows(StarTable table) const;
    /// Appends rows first..last (1-based) in COPY's text format.
    void append(StarTable table, std::string& out, std::int64_t first, std::int64_t last) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

struct StarOptions {
    double scale = 1;  ///< 0.001 to 100
    std::uint64_t seed = 1;
    int connections = 2;
    bool foreign_keys = false;
};

/// postgresql.conf for loading and asking it.
std::map<std::string, std::string> star_settings();

/// Creates and fills the tables in the database: COPY streams, keys, indexes, VACUUM ANALYZE. About 2.6 million rows of facts at scale 1.
base::Result<void> load_star(const StarOptions& options, const std::string& uri, const std::stop_token& stop = {});

struct StarQuery {
    std::string name;  ///< "s01-brands-of-a-month"
    std::string sql;
};
/// Some thirty queries, their parameters drawn from the seed: the same seed gives the same texts.
std::vector<StarQuery> star_queries(double scale, std::uint64_t seed);

}  // namespace orrery::lab
