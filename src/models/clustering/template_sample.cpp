#include "models/clustering/template_sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sql/facts.hpp"

namespace orrery::models {

void describe(TemplateSample& sample, const domain::StatementFacts& facts, std::string_view database) {
    sample.facts = sql::features(facts);
    sample.relations.clear();
    for (const auto& table : facts.tables) {
        const bool qualified = !table.name.schema.empty() && table.name.schema != "public";
        auto name = qualified ? table.name.schema + "." + table.name.name : table.name.name;
        sample.relations.push_back({database.empty() ? std::move(name) : fmt::format("{}.{}", database, name), {}});
    }
    const auto add = [&](const domain::ColumnUse& use) {
        if (use.table < 0 || static_cast<std::size_t>(use.table) >= sample.relations.size()) return;
        auto& columns = sample.relations[static_cast<std::size_t>(use.table)].columns;
        if (!use.column.empty()) columns.push_back(use.column);
        columns.insert(columns.end(), use.expression_columns.begin(), use.expression_columns.end());
    };
    for (const auto& block : facts.blocks) {
        for (const auto& predicate : block.predicates) add(predicate.use);
        for (const auto& join : block.joins) add(join.left), add(join.right);
        for (const auto& use : block.group_by) add(use);
        for (const auto& term : block.order_by) add(term.use);
        for (const auto& term : block.extremes) add(term.use);
        for (const auto& use : block.projected) add(use);
    }
    for (std::size_t i = 0; i < facts.tables.size(); ++i)
        if (facts.tables[i].access != domain::TableAccess::read) {
            auto& columns = sample.relations[i].columns;
            columns.insert(columns.end(), facts.assigned_columns.begin(), facts.assigned_columns.end());
        }
    for (auto& relation : sample.relations) {
        std::ranges::sort(relation.columns);
        relation.columns.erase(std::unique(relation.columns.begin(), relation.columns.end()), relation.columns.end());
    }
}

base::Result<void> read_text(TemplateSample& sample, std::string_view database) {
    ORRERY_ASSIGN(const auto facts, sql::extract_facts(sample.text));
    describe(sample, facts, database);
    return {};
}

}  // namespace orrery::models
