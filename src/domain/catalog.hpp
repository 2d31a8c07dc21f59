#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

/// What a database's catalog says, as plain data. Filled by pg::read_catalog, used by every level above.
namespace orrery::domain {

using Oid = std::uint32_t;

/// Double-quotes a name where SQL needs it: `orders` stays, `Order Lines` becomes `"Order Lines"`.
std::string quote_identifier(std::string_view name);
/// A single-quoted literal with quotes doubled (standard_conforming_strings).
std::string quote_literal(std::string_view text);

/// A relation's name; `schema` is empty where the text that named it did not qualify it.
struct RelationName {
    std::string schema;
    std::string name;

    [[nodiscard]] std::string sql() const;  ///< quoted, qualified when the schema is known
    friend auto operator<=>(const RelationName&, const RelationName&) = default;
};

/// One column's statistics in the units of pg_stats.
struct ColumnStatistics {
    double null_fraction = 0;
    double average_width = 0;                   ///< bytes
    double distinct = 0;                        ///< as pg_stats.n_distinct: > 0 a count, < 0 minus the share of rows
    double correlation = 0;                     ///< with the physical order, -1..1; 0 when unknown
    std::vector<std::string> common_values;     ///< MCVs in text form, most common first
    std::vector<double> common_frequencies;     ///< share of all rows, same length
    std::vector<std::string> histogram_bounds;  ///< equi-depth, MCVs left out

    /// Number of distinct values in a table of `rows` rows.
    [[nodiscard]] double distinct_count(double rows) const;
};

struct Column {
    int number = 0;  ///< pg_attribute.attnum
    std::string name;
    std::string type;  ///< format_type(), "character varying(40)"
    Oid type_oid = 0;
    char type_category = 'X';   ///< pg_type.typcategory
    int type_length = -1;       ///< bytes; -1 varlena, -2 cstring
    char type_alignment = 'i';  ///< pg_type.typalign: c, s, i, d
    bool not_null = false;
    std::optional<ColumnStatistics> statistics;
};

/// One key of an index: a column or an expression.
struct IndexKey {
    std::string column;      ///< column name; empty for an expression
    std::string expression;  ///< SQL text without outer parentheses; empty for a column
    bool descending = false;
    bool nulls_first = false;
    std::string opclass;      ///< only when it is not the type's default
    std::string collation{};  ///< quoted SQL name, only when it is not the column's own

    [[nodiscard]] std::string sql() const;
    friend auto operator<=>(const IndexKey&, const IndexKey&) = default;
};

/// What an index is, apart from whether it exists.
struct IndexSpec {
    RelationName table;
    std::string method = "btree";
    std::vector<IndexKey> keys;
    std::vector<std::string> include;
    std::string predicate;  ///< SQL text of a partial index, else empty
    bool unique = false;

    /// "CREATE [UNIQUE] INDEX [CONCURRENTLY] name ON schema.table USING method (...) ...".
    [[nodiscard]] std::string create_sql(std::string_view index_name, bool concurrently) const;
    /// "orders(customer_id, created_at DESC) INCLUDE (total) WHERE ...": for people and as a key.
    [[nodiscard]] std::string label() const;
    /// A name in PostgreSQL's habit, <= 63 bytes: "orders_customer_id_created_at_idx" with a hash when too long or not plain.
    [[nodiscard]] std::string default_name() const;
    friend auto operator<=>(const IndexSpec&, const IndexSpec&) = default;
};

/// An index that exists.
struct Index {
    Oid oid = 0;
    RelationName name;
    IndexSpec spec;
    std::string definition;  ///< pg_get_indexdef
    bool primary = false;
    bool constraint = false;  ///< backs a primary key, unique or exclusion constraint
    bool valid = true;        ///< indisvalid
    bool ready = true;        ///< indisready
    bool replica_identity = false;
    bool clustered = false;
    bool partition_child = false;  ///< attached to a parent's index: cannot be dropped alone
    base::Bytes size;
    double tuples = 0;       ///< pg_class.reltuples
    std::int64_t scans = 0;  ///< pg_stat_user_indexes.idx_scan
};

struct ForeignKey {
    std::string name;
    RelationName table;
    std::vector<std::string> columns;
    RelationName referenced_table;
    std::vector<std::string> referenced_columns;
    char on_delete = 'a';  ///< pg_constraint.confdeltype
};

/// Cumulative write counters of pg_stat_user_tables.
struct TableActivity {
    std::int64_t inserted = 0, updated = 0, hot_updated = 0, deleted = 0;  ///< rows
    std::int64_t sequential_scans = 0, index_scans = 0;
};

struct Table {
    Oid oid = 0;
    RelationName name;
    char kind = 'r';                     ///< pg_class.relkind: r table, p partitioned, m materialized view, v view, f foreign
    std::optional<RelationName> parent;  ///< of a partition
    double tuples = -1;                  ///< pg_class.reltuples; -1 never analyzed
    base::Pages pages;                   ///< pg_class.relpages
    base::Pages all_visible;             ///< pg_class.relallvisible
    base::Bytes size;                    ///< main fork now
    std::vector<Column> columns;
    TableActivity activity;

    [[nodiscard]] const Column* find_column(std::string_view column) const;
};

struct Catalog {
    int server_version = 0;  ///< server_version_num, 150020
    std::string database;
    std::vector<std::string> search_path{"public"};
    int block_size = 8192;      ///< bytes
    std::vector<Table> tables;  ///< ordinary, partitioned, materialized views and views; system schemas left out
    std::vector<Index> indexes;
    std::vector<ForeignKey> foreign_keys;

    /// By name; an unqualified one is looked for along the search path. Null when absent.
    [[nodiscard]] const Table* find_table(const RelationName& name) const;
    [[nodiscard]] const Index* find_index(const RelationName& name) const;
    [[nodiscard]] std::vector<const Index*> indexes_of(const RelationName& table) const;
};

}  // namespace orrery::domain
