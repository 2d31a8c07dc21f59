#include "sql/facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sql/facts_reader.hpp"

namespace orrery::sql {
namespace {

using domain::StatementKind;
using domain::TableAccess;

StatementKind kind_of(const PgQuery__Node* statement) {
    switch (statement->node_case) {
        case PG_QUERY__NODE__NODE_SELECT_STMT:
            return statement->select_stmt->into_clause == nullptr ? StatementKind::select : StatementKind::utility;
        case PG_QUERY__NODE__NODE_INSERT_STMT: return StatementKind::insert;
        case PG_QUERY__NODE__NODE_UPDATE_STMT: return StatementKind::update;
        case PG_QUERY__NODE__NODE_DELETE_STMT: return StatementKind::remove;
        case PG_QUERY__NODE__NODE_MERGE_STMT: return StatementKind::merge;
        default: return StatementKind::utility;
    }
}

}  // namespace

void CommonTable::name_columns() {
    for (std::size_t i = 0; i < std::min(column_names.size(), outputs.size()); ++i) {
        if (outputs[i].name.empty()) return;  // stands for an unknown number of columns
        outputs[i].name = column_names[i];
    }
}

int FactsReader::new_block(int parent) {
    facts_.blocks.emplace_back().parent = parent;
    return static_cast<int>(facts_.blocks.size()) - 1;
}

int FactsReader::new_table(const PgQuery__RangeVar& relation, TableAccess access, int block_number) {
    domain::TableUse use;
    use.name.schema = relation.schemaname;
    use.name.name = relation.relname;
    use.alias = relation.alias != nullptr ? relation.alias->aliasname : relation.relname;
    use.access = access;
    use.block = block_number;
    facts_.tables.push_back(std::move(use));
    columns_.emplace_back();
    return static_cast<int>(facts_.tables.size()) - 1;
}

void FactsReader::add_target_table(const PgQuery__RangeVar& relation, TableAccess access, Scope& scope) {
    Source source;
    source.kind = Source::Kind::table;
    source.table = new_table(relation, access, scope.block);
    source.alias = facts_.tables.back().alias;
    source.schema = facts_.tables.back().name.schema;
    source.aliased = relation.alias != nullptr;
    scope.sources.push_back(std::move(source));
}

void FactsReader::read_common_tables(const PgQuery__WithClause* with, Scope& scope, CommonTables& common) {
    if (with == nullptr) return;
    if (with->recursive)  // each may name any other
        for (std::size_t i = 0; i < with->n_ctes; ++i) common.tables.push_back({with->ctes[i]->common_table_expr->ctename, {}, {}, false});
    for (std::size_t i = 0; i < with->n_ctes; ++i) {
        const auto& expression = *with->ctes[i]->common_table_expr;
        CommonTable table{expression.ctename, {}, {}, true};
        for (std::size_t k = 0; k < expression.n_aliascolnames; ++k)
            table.column_names.emplace_back(string_value(expression.aliascolnames[k]));
        CommonTable* recursive = with->recursive ? &common.tables[i] : nullptr;
        if (recursive != nullptr) recursive->column_names = table.column_names;
        table.outputs = read_statement(expression.ctequery, scope.outer, &common, scope.block, recursive);
        table.name_columns();
        if (recursive != nullptr)
            *recursive = std::move(table);
        else
            common.tables.push_back(std::move(table));
    }
}

std::vector<Output> FactsReader::read_statement(PgQuery__Node* node, Scope* outer, CommonTables* common, int parent_block,
                                                CommonTable* recursive) {
    if (node == nullptr) return {};
    if (node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
        return read_select(*node->select_stmt, outer, common, parent_block, Wanted::outputs, recursive);
    const StatementKind kind = kind_of(node);
    if (kind == StatementKind::utility) return {};
    if (facts_.kind == StatementKind::select) facts_.kind = kind;  // a CTE that changes data
    Scope scope;
    scope.outer = outer;
    scope.block = new_block(parent_block);
    CommonTables own;
    own.outer = common;
    scope.common = &own;
    switch (kind) {
        case StatementKind::insert: return read_insert(*node->insert_stmt, scope);
        case StatementKind::update: return read_update(*node->update_stmt, scope);
        case StatementKind::remove: return read_delete(*node->delete_stmt, scope);
        default: read_merge(*node->merge_stmt, scope); return {};
    }
}

void FactsReader::assign(std::string_view column) {
    auto& assigned = facts_.assigned_columns;
    if (std::find(assigned.begin(), assigned.end(), column) == assigned.end()) assigned.emplace_back(column);
}

void FactsReader::read_assignments(PgQuery__Node** targets, std::size_t count, Scope& scope) {
    for (std::size_t i = 0; i < count; ++i) {
        if (targets[i]->node_case != PG_QUERY__NODE__NODE_RES_TARGET) continue;
        const auto& target = *targets[i]->res_target;
        assign(target.name);
        if (target.val == nullptr) continue;
        if (target.val->node_case == PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF) {
            // (a, b) = (SELECT ...): every column carries a copy of the source.
            if (target.val->multi_assign_ref->colno == 1) project(target.val->multi_assign_ref->source, scope);
        } else {
            project(target.val, scope);
        }
    }
}

std::vector<Output> FactsReader::read_insert(const PgQuery__InsertStmt& insert, Scope& scope) {
    read_common_tables(insert.with_clause, scope, *scope.common);
    add_target_table(*insert.relation, TableAccess::insert, scope);
    const Source target = scope.sources.back();
    for (std::size_t i = 0; i < insert.n_cols; ++i)
        if (insert.cols[i]->node_case == PG_QUERY__NODE__NODE_RES_TARGET) assign(insert.cols[i]->res_target->name);
    if (insert.select_stmt != nullptr) {
        // The source does not see the target.
        scope.sources.clear();
        const auto* select = insert.select_stmt->node_case == PG_QUERY__NODE__NODE_SELECT_STMT ? insert.select_stmt->select_stmt : nullptr;
        if (select != nullptr && select->n_values_lists > 0 && select->with_clause == nullptr && select->limit_count == nullptr) {
            for (std::size_t i = 0; i < select->n_values_lists; ++i) project(select->values_lists[i], scope);
        } else if (select != nullptr) {
            read_select(*select, scope.outer, scope.common, scope.block, Wanted::outputs, nullptr);
        }
        scope.sources.push_back(target);
    }
    if (insert.on_conflict_clause != nullptr) read_on_conflict(*insert.on_conflict_clause, scope, target);
    return read_targets(insert.returning_list, insert.n_returning_list, scope);
}

void FactsReader::read_on_conflict(const PgQuery__OnConflictClause& clause, Scope& scope, const Source& target) {
    Source excluded;  // the row proposed for insertion
    excluded.alias = "excluded";
    scope.sources = {target, std::move(excluded)};
    read_assignments(clause.target_list, clause.n_target_list, scope);
    project(clause.where_clause, scope);
    scope.sources = {target};
}

std::vector<Output> FactsReader::read_update(const PgQuery__UpdateStmt& update, Scope& scope) {
    read_common_tables(update.with_clause, scope, *scope.common);
    add_target_table(*update.relation, TableAccess::update, scope);
    for (std::size_t i = 0; i < update.n_from_clause; ++i) read_from_item(update.from_clause[i], scope);
    read_where(update.where_clause, scope);
    read_assignments(update.target_list, update.n_target_list, scope);
    return read_targets(update.returning_list, update.n_returning_list, scope);
}

std::vector<Output> FactsReader::read_delete(const PgQuery__DeleteStmt& remove, Scope& scope) {
    read_common_tables(remove.with_clause, scope, *scope.common);
    add_target_table(*remove.relation, TableAccess::remove, scope);
    for (std::size_t i = 0; i < remove.n_using_clause; ++i) read_from_item(remove.using_clause[i], scope);
    read_where(remove.where_clause, scope);
    return read_targets(remove.returning_list, remove.n_returning_list, scope);
}

void FactsReader::read_merge(const PgQuery__MergeStmt& merge, Scope& scope) {
    read_common_tables(merge.with_clause, scope, *scope.common);
    TableAccess access = TableAccess::insert;
    for (std::size_t i = 0; i < merge.n_merge_when_clauses; ++i) {
        const auto command = merge.merge_when_clauses[i]->merge_when_clause->command_type;
        if (command == PG_QUERY__CMD_TYPE__CMD_UPDATE) access = TableAccess::update;
        if (command == PG_QUERY__CMD_TYPE__CMD_DELETE && access != TableAccess::update) access = TableAccess::remove;
    }
    add_target_table(*merge.relation, access, scope);
    read_from_item(merge.source_relation, scope);
    read_where(merge.join_condition, scope);
    for (std::size_t i = 0; i < merge.n_merge_when_clauses; ++i) {
        const auto& clause = *merge.merge_when_clauses[i]->merge_when_clause;
        project(clause.condition, scope);
        read_assignments(clause.target_list, clause.n_target_list, scope);
        for (std::size_t k = 0; k < clause.n_values; ++k) project(clause.values[k], scope);
    }
}

domain::StatementFacts FactsReader::read(PgQuery__Node* statement) {
    facts_.kind = kind_of(statement);
    if (facts_.kind != StatementKind::utility) read_statement(statement, nullptr, nullptr, -1, nullptr);
    for (auto& block : facts_.blocks) block.star.resize(facts_.tables.size());
    return std::move(facts_);
}

base::Result<domain::StatementFacts> extract_facts(const std::string& text, const ColumnLookup& columns) {
    ORRERY_ASSIGN(const ParseTree tree, parse(text));
    if (tree.statement_count() != 1) {
        return base::unexpected(base::ErrorKind::invalid_input, "one statement was expected",
                                fmt::format("The text holds {}.", tree.statement_count()));
    }
    auto facts = FactsReader(columns).read(tree.statement(0));
    facts.parameter_count = tree.highest_parameter();
    return facts;
}

base::Result<domain::StatementFacts> extract_facts(const std::string& text, const domain::Catalog& catalog) {
    const ColumnLookup columns = [&](const domain::RelationName& name) {
        std::vector<std::string> names;
        if (const auto* table = catalog.find_table(name))
            for (const auto& column : table->columns) names.push_back(column.name);
        return names;
    };
    return extract_facts(text, columns);
}

}  // namespace orrery::sql
