#include "optimizers/advised_workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "optimizers/parameter_draws.hpp"
#include "sql/facts.hpp"
#include "sql/literal.hpp"

namespace orrery::optimizers {
namespace {

using domain::StatementFacts;
using domain::TableAccess;

constexpr double kCallsThatRepeat = 2;

std::string excerpt(const std::string& text) {
    constexpr std::size_t kLongest = 80;
    std::string line;
    for (const char c : text) line += c == '\n' || c == '\t' ? ' ' : c;
    return line.size() <= kLongest ? line : line.substr(0, kLongest - 3) + "...";
}

bool touches_known_table(const domain::Catalog& catalog, const StatementFacts& facts) {
    return std::any_of(facts.tables.begin(), facts.tables.end(),
                       [&](const domain::TableUse& use) { return catalog.find_table(use.name) != nullptr; });
}

std::vector<std::string> bind_draws(const domain::Catalog& catalog, const StatementPart& part, const std::vector<std::string>& types,
                                    const DrawOptions& options) {
    std::vector<std::string> texts;
    for (const auto& literals : draw_parameters(catalog, part.text, part.facts, types, options))
        texts.push_back(literals.empty() ? part.text : sql::bind_parameters(part.text, literals));
    return texts;
}

/// The look-up of rows that reference a deleted or re-keyed one.
std::optional<StatementPart> referencing_lookup(const domain::Catalog& catalog, const domain::ForeignKey& key) {
    const auto* child = catalog.find_table(key.table);
    if (child == nullptr) return std::nullopt;
    StatementPart part;
    part.facts.kind = domain::StatementKind::select;
    part.facts.tables.push_back({key.table, "x", TableAccess::read, 0});
    domain::QueryBlock block;
    block.star = {false};
    std::string condition;
    std::vector<std::string> types;
    for (const auto& name : key.columns) {
        const auto* column = child->find_column(name);
        if (column == nullptr) return std::nullopt;
        types.push_back(column->type);
        const int n = static_cast<int>(types.size());
        domain::Predicate predicate;
        predicate.kind = domain::PredicateKind::equality;
        predicate.use.table = 0;
        predicate.use.column = name;
        predicate.op = "=";
        predicate.constant = fmt::format("${}", n);
        predicate.parameters = {n};
        block.predicates.push_back(std::move(predicate));
        condition += fmt::format("{}{} = ${}", condition.empty() ? "" : " AND ", domain::quote_identifier(name), n);
    }
    part.facts.parameter_count = static_cast<int>(types.size());
    part.facts.blocks.push_back(std::move(block));
    part.text =
        fmt::format("SELECT 1 FROM {}{} x WHERE {} FOR KEY SHARE OF x", child->kind == 'p' ? "" : "ONLY ", key.table.sql(), condition);
    return part;
}

bool changes_parent(const StatementFacts& facts, const domain::TableUse& use, const domain::ForeignKey& key) {
    if (use.access == TableAccess::remove) return true;
    if (use.access != TableAccess::update) return false;
    return std::any_of(key.referenced_columns.begin(), key.referenced_columns.end(), [&](const std::string& column) {
        return std::find(facts.assigned_columns.begin(), facts.assigned_columns.end(), column) != facts.assigned_columns.end();
    });
}

void add_foreign_key_parts(const domain::Catalog& catalog, const WorkloadReading& reading, AdvisedStatement& statement) {
    const StatementFacts facts = statement.parts.front().facts;
    for (const auto& use : facts.tables) {
        const auto* parent = use.access == TableAccess::read ? nullptr : catalog.find_table(use.name);
        if (parent == nullptr) continue;
        for (const auto& key : catalog.foreign_keys) {
            if (key.referenced_table != parent->name || !changes_parent(facts, use, key)) continue;
            auto part = referencing_lookup(catalog, key);
            if (!part) continue;
            part->times = statement.rows_per_call.value_or(1);
            if (part->times <= 0) continue;
            part->draws = bind_draws(catalog, *part, {}, {reading.draws, reading.seed, {}});
            statement.parts.push_back(std::move(*part));
        }
    }
}

}  // namespace

AdvisedWorkload read_advised_workload(const domain::Catalog& catalog, const domain::Workload& workload, domain::WhatIfPlanner& planner,
                                      const WorkloadReading& reading) {
    AdvisedWorkload result;
    result.complete = workload.observed_seconds > 0;
    for (const auto& source : workload.statements) {
        auto facts = sql::extract_facts(source.text, catalog);
        if (!facts) {
            result.warnings.push_back(fmt::format("left out \"{}\": {}", excerpt(source.text), facts.error().message));
            continue;
        }
        if (facts->kind == domain::StatementKind::utility || !touches_known_table(catalog, *facts)) continue;
        AdvisedStatement statement;
        statement.fingerprint = source.fingerprint;
        statement.calls = source.calls;
        statement.mean_ms = source.mean_ms;
        statement.rows_per_call = source.rows_per_call;
        statement.once = result.complete && source.calls < kCallsThatRepeat;
        StatementPart part;
        part.text = source.text;
        part.facts = std::move(*facts);
        std::vector<std::string> types;
        if (part.facts.parameter_count > 0) types = planner.parameter_types(source.text).value_or(std::vector<std::string>());
        part.draws = bind_draws(catalog, part, types, {reading.draws, reading.seed, source.rows_per_call});
        statement.parts.push_back(std::move(part));
        add_foreign_key_parts(catalog, reading, statement);
        result.statements.push_back(std::move(statement));
    }
    return result;
}

}  // namespace orrery::optimizers
