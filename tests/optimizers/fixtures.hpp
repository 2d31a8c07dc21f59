#pragma once

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/what_if_planner.hpp"

/// A small made-up database, and a planner that answers from a table.
namespace orrery::optimizers::testing {

inline domain::Column column(std::string name, std::string type, double distinct, double width = 8) {
    domain::Column result;
    result.name = std::move(name);
    result.type = std::move(type);
    if (result.type == "integer" || result.type == "date") result.type_length = 4, result.type_alignment = 'i', width = 4;
    if (result.type == "bigint" || result.type.starts_with("timestamp")) result.type_length = 8, result.type_alignment = 'd';
    if (result.type == "boolean") result.type_length = 1, result.type_alignment = 'c', width = 1;
    result.type_category = result.type == "boolean" ? 'B' : result.type_length > 0 ? 'N' : 'S';
    domain::ColumnStatistics statistics;
    statistics.distinct = distinct;
    statistics.average_width = width;
    result.statistics = std::move(statistics);
    return result;
}

inline domain::Column with_common(domain::Column column, std::vector<std::string> values, std::vector<double> frequencies) {
    column.statistics->common_values = std::move(values);
    column.statistics->common_frequencies = std::move(frequencies);
    return column;
}

inline domain::Column with_histogram(domain::Column column, std::vector<std::string> bounds, double correlation = 0) {
    column.statistics->histogram_bounds = std::move(bounds);
    column.statistics->correlation = correlation;
    return column;
}

inline domain::Table table(std::string name, double rows, std::int64_t pages, std::vector<domain::Column> columns) {
    domain::Table result;
    static domain::Oid next = 1000;
    result.oid = next++;
    result.name = {"public", std::move(name)};
    result.tuples = rows;
    result.pages = base::Pages(pages);
    result.size = base::Bytes(pages * 8192);
    result.columns = std::move(columns);
    return result;
}

inline domain::Index index(std::string name, std::string table, std::vector<std::string> columns) {
    domain::Index result;
    static domain::Oid next = 5000;
    result.oid = next++;
    result.name = {"public", std::move(name)};
    result.spec.table = {"public", std::move(table)};
    for (auto& column : columns) {
        domain::IndexKey key;
        key.column = std::move(column);
        result.spec.keys.push_back(std::move(key));
    }
    result.size = base::Bytes(10 << 20);
    return result;
}

inline domain::Index primary_key(std::string table, std::vector<std::string> columns) {
    domain::Index result = index(table + "_pkey", table, std::move(columns));
    result.primary = result.constraint = result.spec.unique = true;
    return result;
}

/// customers (50,000 rows), orders (1,000,000), items (3,000,000), colors (40 rows), journal (900,000 in partitions).
inline domain::Catalog shop() {
    domain::Catalog catalog;
    catalog.server_version = 150000;
    auto status = with_common(column("status", "text", 4, 8), {"done", "open", "paid", "lost"}, {0.9, 0.05, 0.04, 0.01});
    auto placed = with_histogram(column("placed", "timestamp without time zone", -1),
                                 {"2024-01-01 00:00:00", "2024-07-01 00:00:00", "2025-01-01 00:00:00"}, 0.99);
    auto archived = column("archived", "timestamp without time zone", 500);
    archived.statistics->null_fraction = 0.97;
    auto urgent = with_common(column("urgent", "boolean", 2), {"f", "t"}, {0.98, 0.02});
    auto total = with_histogram(column("total", "numeric(10,2)", 20000, 6), {"1.00", "50.00", "900.00"});
    catalog.tables.push_back(table("customers", 50000, 800,
                                   {column("id", "bigint", -1), column("email", "text", -1, 25),
                                    with_common(column("country", "text", 3, 3), {"de", "fr", "it"}, {0.34, 0.33, 0.33}),
                                    column("name", "text", 40000, 20), column("notes", "text", -1, 60)}));
    catalog.tables.push_back(table("orders", 1000000, 14000,
                                   {column("id", "bigint", -1), column("customer_id", "bigint", 50000), status, placed, archived, urgent,
                                    total, column("comment", "text", -0.9, 50)}));
    catalog.tables.push_back(
        table("items", 3000000, 30000,
              {column("id", "bigint", -1), column("order_id", "bigint", 1000000), column("product_id", "integer", 8000),
               column("quantity", "integer", 20), column("tags", "text[]", 500, 40), column("data", "jsonb", -1, 60)}));
    catalog.tables.push_back(table("colors", 40, 1, {column("id", "integer", -1), column("name", "text", -1, 10)}));
    catalog.tables.push_back(table("journal", 900000, 9000, {column("id", "bigint", -1), column("entry", "integer", 90000)}));
    catalog.tables.back().kind = 'p';
    for (const char* name : {"customers", "orders", "items", "colors"}) catalog.indexes.push_back(primary_key(name, {"id"}));
    catalog.foreign_keys.push_back({"orders_customer", {"public", "orders"}, {"customer_id"}, {"public", "customers"}, {"id"}, 'a'});
    catalog.foreign_keys.push_back({"items_order", {"public", "items"}, {"order_id"}, {"public", "orders"}, {"id"}, 'c'});
    return catalog;
}

/// Answers from a table: each statement has a cost without candidates and cheaper ones for sets of candidates, named by label.
class CostTable final : public domain::WhatIfPlanner {
public:
    struct Option {
        std::vector<std::string> labels;
        double cost = 0;
    };
    struct Statement {
        double cost = 1;
        std::vector<Option> options;
        std::vector<domain::Oid> existing;           ///< indexes that the plan without candidates scans
        std::map<domain::Oid, double> cost_without;  ///< when one of them is hidden
        bool fails = false;
    };
    /// The first entry whose key is inside the text answers.
    std::vector<std::pair<std::string, Statement>> statements;
    std::vector<std::string> refused;  ///< labels that the "server" does not take
    std::vector<std::string> types;    ///< answer of parameter_types
    std::vector<domain::HypotheticalIndex> known;
    std::vector<std::string> asked;  ///< texts, in order

    base::Result<domain::CandidateId> add_candidate(const domain::HypotheticalIndex& index) override {
        if (std::find(refused.begin(), refused.end(), index.spec.label()) != refused.end())
            return base::unexpected(base::ErrorKind::invalid_input, "functions in index expression must be marked IMMUTABLE");
        known.push_back(index);
        return static_cast<domain::CandidateId>(known.size()) + 99;  // ids are not positions
    }
    base::Result<void> remove_candidates() override {
        known.clear();
        return {};
    }
    base::Result<domain::WhatIfPlan> plan(const std::string& text, const domain::IndexConfiguration& configuration) override {
        asked.push_back(text);
        const auto* statement = find(text);
        if (statement == nullptr || statement->fails) return base::unexpected(base::ErrorKind::invalid_input, "cannot plan " + text);
        domain::WhatIfPlan result;
        result.used_existing = statement->existing;
        double cost = statement->cost;
        for (const auto oid : configuration.hidden) {
            if (const auto found = statement->cost_without.find(oid); found != statement->cost_without.end()) cost = found->second;
            std::erase(result.used_existing, oid);
        }
        for (const auto& option : statement->options) {
            std::vector<domain::CandidateId> ids;
            for (const auto id : configuration.visible)
                if (const auto& label = known.at(static_cast<std::size_t>(id) - 100).spec.label();
                    std::find(option.labels.begin(), option.labels.end(), label) != option.labels.end())
                    ids.push_back(id);
            if (ids.size() < option.labels.size() || option.cost >= cost) continue;
            cost = option.cost;
            result.used = ids;
            result.used_existing.clear();
        }
        result.plan.root.type = result.used.empty() ? "Seq Scan" : "Index Scan";
        result.plan.root.relation = "orders";
        result.plan.root.total_cost = base::PlannerCost(cost);
        return result;
    }
    std::vector<base::Result<domain::WhatIfPlan>> plan_all(std::span<const std::string> texts,
                                                           const domain::IndexConfiguration& configuration) override {
        std::vector<base::Result<domain::WhatIfPlan>> results;
        for (const auto& text : texts) results.push_back(plan(text, configuration));
        return results;
    }
    base::Result<std::vector<std::string>> parameter_types(const std::string&) override { return types; }
    [[nodiscard]] std::int64_t calls() const override { return static_cast<std::int64_t>(asked.size()); }

private:
    [[nodiscard]] const Statement* find(const std::string& text) const {
        for (const auto& [key, statement] : statements)
            if (text.find(key) != std::string::npos) return &statement;
        return nullptr;
    }
};

}  // namespace orrery::optimizers::testing
