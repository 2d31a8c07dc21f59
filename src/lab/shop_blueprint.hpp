#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lab/ground_truth.hpp"
#include "lab/shop.hpp"
#include "lab/value.hpp"

/// The shop before it has names. Tables and columns go by roles; SQL writes them as {table} and {table.column}.
/// make_shop chooses names and problems by the seed. Only for lab's own files.
namespace orrery::lab {

struct ColumnBlueprint {
    std::string role;
    std::string type;
    Value value;
    std::string refers;  ///< role of the table that a foreign key points to; the column is named after it
    bool cascade = false;
};

struct TableBlueprint {
    std::string role;
    std::int64_t rows = 0;  ///< at scale 1
    bool scales = true;
    int fill_factor = 100;
    std::vector<ColumnBlueprint> columns;
};

struct IndexBlueprint {
    std::string key;  ///< how problems and decoys refer to it
    std::string table;
    std::vector<std::string> columns;
    bool unique = false;
    bool constraint = false;
};

struct StatementBlueprint {
    std::string name;
    std::string sql;
    std::vector<Value> parameters;
    double per_second = 0;
    StatementClass statement_class = StatementClass::oltp;
    bool once = false;
    std::string inserts_into;  ///< role of a table: left out when planted fixes would leave that table with more indexes
};

/// A planted problem or, with a reason, a decoy.
struct PlantBlueprint {
    std::string id;
    std::string category;  ///< of a problem; why advice would be wrong, of a decoy
    domain::RecommendationKind kind = domain::RecommendationKind::create_index;
    std::string table;
    std::vector<IndexRequirement> requirements;  ///< in roles; texts with braces are expanded
    std::vector<std::string> claims;             ///< two plants with a claim in common are never planted together
    std::vector<IndexBlueprint> indexes;         ///< planted with it
    std::vector<std::string> index_keys;         ///< drop: the indexes meant
    std::vector<StatementBlueprint> statements;
};

std::vector<TableBlueprint> shop_tables();
std::vector<IndexBlueprint> shop_indexes();
std::vector<StatementBlueprint> shop_statements();
std::vector<PlantBlueprint> shop_problems();
std::vector<PlantBlueprint> shop_decoys();

/// Names by role, chosen by the seed.
class ShopNames {
public:
    explicit ShopNames(std::uint64_t seed, const std::vector<TableBlueprint>& tables);
    [[nodiscard]] const std::string& theme() const { return theme_; }
    [[nodiscard]] const std::string& table(const std::string& role) const;
    [[nodiscard]] const std::string& column(const std::string& table, const std::string& role) const;
    /// "idx_orders_customer_id" or "orders_customer_id_idx", by the seed's habit.
    [[nodiscard]] std::string index(const IndexBlueprint& index) const;
    /// Replaces {table} and {table.column} by quoted names.
    [[nodiscard]] std::string expand(const std::string& text) const;

private:
    std::string theme_;
    bool index_prefix_ = false;
    std::vector<std::pair<std::string, std::string>> names_;  ///< "order" or "order.placed" and the name, sorted
    [[nodiscard]] const std::string& find(const std::string& role) const;
};

}  // namespace orrery::lab
