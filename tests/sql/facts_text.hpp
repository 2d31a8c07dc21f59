#pragma once

#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/query.hpp"
#include "sql/facts.hpp"

/// Facts as a few lines of text, for tests whose cases are data.
namespace orrery::sql::testing {
namespace detail {

using domain::ColumnUse;
using domain::StatementFacts;

inline std::string table_label(const StatementFacts& facts, int table) {
    if (table < 0) return "?";
    const auto& alias = facts.tables[static_cast<std::size_t>(table)].alias;
    int same = 0;
    for (const auto& use : facts.tables) same += use.alias == alias ? 1 : 0;
    return same > 1 ? fmt::format("{}#{}", alias, table) : alias;
}

inline std::string text_of(const StatementFacts& facts, const ColumnUse& use) {
    const std::string table = table_label(facts, use.table);
    if (use.expression.empty()) return use.column.empty() ? table : table + "." + use.column;
    return fmt::format("{}.{{{} <- {}}}", table, use.expression, fmt::join(use.expression_columns, ","));
}

inline std::string text_of(const StatementFacts& facts, const domain::Predicate& predicate) {
    std::string text = fmt::format("  where {}{}", predicate.negated ? "not " : "", text_of(facts, predicate.use));
    if (!predicate.op.empty()) text += " " + predicate.op;
    if (!predicate.constant.empty()) text += " " + predicate.constant;
    if (!predicate.list.empty()) text += fmt::format(" ({})", fmt::join(predicate.list, ", "));
    text += fmt::format("   | {}", domain::to_string(predicate.kind));
    if (!predicate.conjunctive) text += " in or";
    if (!predicate.parameters.empty()) text += fmt::format(" ${}", fmt::join(predicate.parameters, ",$"));
    return text + "\n";
}

inline std::string order_text(const StatementFacts& facts, const std::vector<domain::OrderTerm>& terms) {
    std::vector<std::string> parts;
    for (const auto& term : terms) {
        std::string part = text_of(facts, term.use);
        if (term.descending) part += " desc";
        if (term.nulls_first != term.descending) part += term.nulls_first ? " nulls first" : " nulls last";
        parts.push_back(std::move(part));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

inline std::string use_list(const StatementFacts& facts, const std::vector<ColumnUse>& uses) {
    std::vector<std::string> parts;
    for (const auto& use : uses) parts.push_back(text_of(facts, use));
    return fmt::format("{}", fmt::join(parts, ", "));
}

inline std::string block_text(const StatementFacts& facts, std::size_t number) {
    const auto& block = facts.blocks[number];
    std::string text = fmt::format("[{}]", number);
    if (block.parent >= 0) text += fmt::format(" in [{}]", block.parent);
    if (block.distinct) text += " distinct";
    if (block.aggregates) text += " aggregates";
    text += '\n';
    for (const auto& predicate : block.predicates) text += text_of(facts, predicate);
    for (const auto& join : block.joins)
        text += fmt::format("  join {} {} {}{}\n", text_of(facts, join.left), join.op, text_of(facts, join.right),
                            join.outer ? "   | outer" : "");
    if (!block.group_by.empty()) text += "  group " + use_list(facts, block.group_by) + "\n";
    if (!block.order_by.empty()) text += "  order " + order_text(facts, block.order_by) + "\n";
    if (!block.extremes.empty()) text += "  extremes " + order_text(facts, block.extremes) + "\n";
    if (!block.projected.empty()) text += "  read " + use_list(facts, block.projected) + "\n";
    for (std::size_t i = 0; i < block.star.size(); ++i)
        if (block.star[i]) text += "  read " + table_label(facts, static_cast<int>(i)) + ".*\n";
    if (block.has_limit) text += fmt::format("  limit {}\n", block.limit);
    return text;
}

}  // namespace detail

/// For example
///     select params 1
///     tables o=orders
///     [0] distinct
///       where o.customer_id = $1   | equality
///       join o.customer_id = c.id
inline std::string to_text(const domain::StatementFacts& facts) {
    constexpr std::array<std::string_view, 4> kAccess{"", " insert", " update", " delete"};
    std::string text(domain::to_string(facts.kind));
    if (facts.parameter_count > 0) text += fmt::format(" params {}", facts.parameter_count);
    text += '\n';
    std::vector<std::string> tables;
    for (std::size_t i = 0; i < facts.tables.size(); ++i) {
        const auto& use = facts.tables[i];
        std::string table = detail::table_label(facts, static_cast<int>(i));
        if (use.alias != use.name.name || !use.name.schema.empty()) table += "=" + use.name.sql();
        table += kAccess[static_cast<std::size_t>(use.access)];
        if (use.block != 0) table += fmt::format(" [{}]", use.block);
        tables.push_back(std::move(table));
    }
    if (!tables.empty()) text += fmt::format("tables {}\n", fmt::join(tables, ", "));
    if (!facts.assigned_columns.empty()) text += fmt::format("assigns {}\n", fmt::join(facts.assigned_columns, ", "));
    for (std::size_t i = 0; i < facts.blocks.size(); ++i) text += detail::block_text(facts, i);
    return text;
}

/// The columns of the tables that the tests speak of (a small shop and TPC-H).
inline ColumnLookup test_columns() {
    return [](const domain::RelationName& name) -> std::vector<std::string> {
        static const std::vector<std::pair<std::string, std::vector<std::string>>> kTables{
            {"users", {"id", "email", "name", "active", "created_at", "profile", "tags", "country"}},
            {"orders", {"id", "customer_id", "status", "total", "created_at", "shipped_at", "note"}},
            {"lines", {"order_id", "product_id", "quantity", "price"}},
            {"products", {"id", "title", "category_id", "price", "attributes", "search"}},
            {"categories", {"id", "parent_id", "name"}},
            {"events", {"id", "user_id", "kind", "payload", "at"}},
            {"part", {"p_partkey", "p_name", "p_mfgr", "p_brand", "p_type", "p_size", "p_container", "p_retailprice", "p_comment"}},
            {"supplier", {"s_suppkey", "s_name", "s_address", "s_nationkey", "s_phone", "s_acctbal", "s_comment"}},
            {"partsupp", {"ps_partkey", "ps_suppkey", "ps_availqty", "ps_supplycost", "ps_comment"}},
            {"customer", {"c_custkey", "c_name", "c_address", "c_nationkey", "c_phone", "c_acctbal", "c_mktsegment", "c_comment"}},
            {"torders",
             {"o_orderkey", "o_custkey", "o_orderstatus", "o_totalprice", "o_orderdate", "o_orderpriority", "o_clerk", "o_shippriority",
              "o_comment"}},
            {"lineitem",
             {"l_orderkey", "l_partkey", "l_suppkey", "l_linenumber", "l_quantity", "l_extendedprice", "l_discount", "l_tax",
              "l_returnflag", "l_linestatus", "l_shipdate", "l_commitdate", "l_receiptdate", "l_shipinstruct", "l_shipmode", "l_comment"}},
            {"nation", {"n_nationkey", "n_name", "n_regionkey", "n_comment"}},
            {"region", {"r_regionkey", "r_name", "r_comment"}}};
        for (const auto& [table, columns] : kTables)
            if (table == name.name) return columns;
        return {};
    };
}

}  // namespace orrery::sql::testing
