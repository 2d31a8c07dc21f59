#include <algorithm>
#include <iterator>
#include <utility>

#include "sql/deparse.hpp"
#include "sql/facts_reader.hpp"

namespace orrery::sql {
namespace {

using domain::ColumnUse;
using domain::OrderTerm;

/// PostgreSQL refuses longer target lists (MaxTupleAttributeNumber); `*` over subqueries of `*` could make them grow without end.
constexpr std::size_t kMostOutputs = 1664;
/// A column of more UNION branches is followed into the first ones only.
constexpr std::size_t kMostBranches = 64;

bool is(const PgQuery__Node* node, PgQuery__Node__NodeCase node_case) {
    return node != nullptr && node->node_case == node_case;
}

bool is_star(const PgQuery__Node* node) {
    if (!is(node, PG_QUERY__NODE__NODE_COLUMN_REF) || node->column_ref->n_fields == 0) return false;
    return is(node->column_ref->fields[node->column_ref->n_fields - 1], PG_QUERY__NODE__NODE_A_STAR);
}

/// The name PostgreSQL gives an unnamed output column; empty for "?column?".
std::string_view output_name(const PgQuery__Node* node) {
    if (node == nullptr) return {};
    switch (node->node_case) {
        case PG_QUERY__NODE__NODE_COLUMN_REF:
            return node->column_ref->n_fields == 0 ? std::string_view{}
                                                   : string_value(node->column_ref->fields[node->column_ref->n_fields - 1]);
        case PG_QUERY__NODE__NODE_FUNC_CALL:
            return node->func_call->n_funcname == 0 ? std::string_view{}
                                                    : string_value(node->func_call->funcname[node->func_call->n_funcname - 1]);
        case PG_QUERY__NODE__NODE_TYPE_CAST: {
            const auto inner = output_name(node->type_cast->arg);
            const auto* type = node->type_cast->type_name;
            if (!inner.empty() || type == nullptr || type->n_names == 0) return inner;
            return string_value(type->names[type->n_names - 1]);
        }
        case PG_QUERY__NODE__NODE_COLLATE_CLAUSE: return output_name(node->collate_clause->arg);
        case PG_QUERY__NODE__NODE_COALESCE_EXPR: return "coalesce";
        case PG_QUERY__NODE__NODE_CASE_EXPR: return "case";
        case PG_QUERY__NODE__NODE_SUB_LINK: {
            const auto& link = *node->sub_link;
            if (link.sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK) return "exists";
            if (link.sub_link_type != PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK || !is(link.subselect, PG_QUERY__NODE__NODE_SELECT_STMT))
                return {};
            const auto& select = *link.subselect->select_stmt;
            if (select.n_target_list == 0 || !is(select.target_list[0], PG_QUERY__NODE__NODE_RES_TARGET)) return {};
            const auto& target = *select.target_list[0]->res_target;
            return target.name != nullptr && target.name[0] != '\0' ? std::string_view(target.name) : output_name(target.val);
        }
        default: return {};
    }
}

std::string_view target_name(const PgQuery__ResTarget& target) {
    return target.name != nullptr && target.name[0] != '\0' ? std::string_view(target.name) : output_name(target.val);
}

void rename(std::vector<Output>& outputs, PgQuery__Node** names, std::size_t count) {
    for (std::size_t i = 0; i < std::min(count, outputs.size()); ++i) {
        if (outputs[i].name.empty() && outputs[i].use.table >= 0) return;  // stands for an unknown number of columns
        outputs[i].name = string_value(names[i]);
    }
}

Source derived_source(std::vector<Output> outputs, const PgQuery__Alias* alias) {
    Source source;
    source.kind = Source::Kind::derived;
    source.outputs = std::move(outputs);
    if (alias != nullptr) {
        source.alias = alias->aliasname;
        source.aliased = true;
        rename(source.outputs, alias->colnames, alias->n_colnames);
    }
    return source;
}

}  // namespace

std::vector<Output> FactsReader::read_select(const PgQuery__SelectStmt& select, Scope* outer, CommonTables* common, int parent_block,
                                             Wanted wanted, CommonTable* recursive) {
    Scope scope;
    scope.outer = outer;
    scope.block = new_block(parent_block);
    CommonTables own;
    own.outer = common;
    scope.common = &own;
    read_common_tables(select.with_clause, scope, own);
    if (select.op != PG_QUERY__SET_OPERATION__SETOP_NONE && select.op != PG_QUERY__SET_OPERATION__SET_OPERATION_UNDEFINED)
        return read_set_operation(select, scope, recursive);

    for (std::size_t i = 0; i < select.n_from_clause; ++i) read_from_item(select.from_clause[i], scope);
    scope.visible_begin = 0;
    read_where(select.where_clause, scope);
    scope.targets = select.target_list;
    scope.target_count = select.n_target_list;
    std::vector<Output> outputs;
    if (wanted == Wanted::outputs) outputs = read_targets(select.target_list, select.n_target_list, scope);
    for (std::size_t row = 0; row < select.n_values_lists; ++row) {
        project(select.values_lists[row], scope);
        if (row == 0 && is(select.values_lists[0], PG_QUERY__NODE__NODE_LIST))
            for (std::size_t i = 0; i < select.values_lists[0]->list->n_items; ++i)
                outputs.push_back({"column" + std::to_string(i + 1), {}, {}});
    }
    read_grouping(select, scope);
    if (select.having_clause != nullptr) {
        block(scope.block).aggregates = true;
        project(select.having_clause, scope);
    }
    read_windows(select, scope);
    read_order(select.sort_clause, select.n_sort_clause, scope, nullptr);
    read_limit(select, scope);
    if (select.n_group_clause == 0 && select.having_clause == nullptr && wanted == Wanted::outputs)
        for (std::size_t i = 0; i < select.n_target_list; ++i) read_extreme(select.target_list[i], scope);
    return outputs;
}

void FactsReader::collect_branches(const PgQuery__SelectStmt& select, std::vector<const PgQuery__SelectStmt*>& branches, bool& distinct) {
    distinct = distinct || !select.all;
    for (const PgQuery__SelectStmt* side : {select.larg, select.rarg}) {
        if (side == nullptr) continue;
        const bool operation = side->op != PG_QUERY__SET_OPERATION__SETOP_NONE;
        if (operation && side->n_sort_clause == 0 && side->limit_count == nullptr && side->limit_offset == nullptr &&
            side->with_clause == nullptr)
            collect_branches(*side, branches, distinct);
        else
            branches.push_back(side);
    }
}

std::vector<Output> FactsReader::read_set_operation(const PgQuery__SelectStmt& select, Scope& scope, CommonTable* recursive) {
    std::vector<const PgQuery__SelectStmt*> branches;
    bool distinct = false;
    collect_branches(select, branches, distinct);
    std::vector<Output> outputs;
    for (std::size_t i = 0; i < branches.size(); ++i) {
        auto columns = read_select(*branches[i], scope.outer, scope.common, scope.block, Wanted::outputs, nullptr);
        if (i == 0) {
            outputs = std::move(columns);
            if (recursive != nullptr) {  // the recursive branch reads what the first one gives
                recursive->outputs = outputs;
                recursive->name_columns();
                recursive->known = true;
            }
            continue;
        }
        for (std::size_t k = 0; k < std::min(columns.size(), outputs.size()); ++k) {
            auto& known = outputs[k].branches;
            columns[k].branches.push_back(std::move(columns[k].use));
            for (auto& use : columns[k].branches)
                if (use.table >= 0 && outputs[k].use.table >= 0 && use != outputs[k].use && known.size() < kMostBranches)
                    known.push_back(std::move(use));
        }
    }
    block(scope.block).distinct = distinct;
    read_order(select.sort_clause, select.n_sort_clause, scope, &outputs);
    read_limit(select, scope);
    return outputs;
}

void FactsReader::expand_source(const Source& source, Scope& scope, std::vector<Output>& outputs) {
    switch (source.kind) {
        case Source::Kind::table: {
            ask_whole_row(source.table, scope.block);
            const auto names = source_names(source);
            const auto& known = columns_of(source.table);
            if (known.empty()) outputs.push_back({{}, ColumnUse{source.table, {}, {}, {}}, {}});
            for (std::size_t i = 0; i < known.size(); ++i) outputs.push_back({names[i], ColumnUse{source.table, known[i], {}, {}}, {}});
            return;
        }
        case Source::Kind::derived:
            for (const auto& output : source.outputs) {
                if (output.name.empty()) ask_whole_row(output.use.table, scope.block);
                outputs.push_back(output);
            }
            return;
        case Source::Kind::opaque:
            for (const auto& name : source.column_aliases) outputs.push_back({name, {}, {}});
            return;
        case Source::Kind::join:
            for (std::size_t i = source.begin; i < source.end; ++i) expand_source(scope.sources[i], scope, outputs);
    }
}

void FactsReader::expand_star(const PgQuery__ColumnRef& star, Scope& scope, std::vector<Output>& outputs) {
    if (star.n_fields > 1) {
        const auto relation = string_value(star.fields[star.n_fields - 2]);
        const auto schema = star.n_fields > 2 ? string_value(star.fields[star.n_fields - 3]) : std::string_view{};
        for (Scope* level = &scope; level != nullptr; level = level->outer)
            if (const Source* source = find_source(schema, relation, *level)) {
                const Source copy = *source;
                expand_source(copy, *level, outputs);
                break;
            }
    } else {
        for (std::size_t i = 0; i < scope.sources.size() && outputs.size() < kMostOutputs; ++i)
            if (scope.sources[i].kind != Source::Kind::join) expand_source(scope.sources[i], scope, outputs);
    }
    outputs.resize(std::min(outputs.size(), kMostOutputs));
}

std::vector<Output> FactsReader::read_targets(PgQuery__Node** targets, std::size_t count, Scope& scope) {
    std::vector<Output> outputs;
    for (std::size_t i = 0; i < count; ++i) {
        if (!is(targets[i], PG_QUERY__NODE__NODE_RES_TARGET)) continue;
        const auto& target = *targets[i]->res_target;
        if (is_star(target.val)) {
            expand_star(*target.val->column_ref, scope, outputs);
            continue;
        }
        project(target.val, scope);
        Output output;
        output.name = target_name(target);
        Operand value = operand(target.val, scope);
        if (value.kind == Operand::Kind::use && value.use.table >= 0) {
            output.use = std::move(value.use);
            output.branches = std::move(value.branches);
        }
        if (output.name.empty()) output.name = "?column?";
        outputs.push_back(std::move(output));
    }
    return outputs;
}

/// min(x) and max(x) of a whole block ask for the first row in the order of x.
void FactsReader::read_extreme(PgQuery__Node* target, Scope& scope) {
    if (!is(target, PG_QUERY__NODE__NODE_RES_TARGET) || !is(target->res_target->val, PG_QUERY__NODE__NODE_FUNC_CALL)) return;
    const auto& call = *target->res_target->val->func_call;
    if (call.n_args != 1 || call.n_funcname == 0 || call.over != nullptr || call.agg_filter != nullptr) return;
    const auto name = string_value(call.funcname[call.n_funcname - 1]);
    if (name != "min" && name != "max") return;
    Operand value = operand(call.args[0], scope);
    if (value.kind != Operand::Kind::use || value.use.table < 0) return;
    block(scope.block).extremes.push_back({std::move(value.use), name == "max", name == "max"});
}

/// The target that an ordinal or an output name stands for.
PgQuery__Node* FactsReader::named_target(const PgQuery__Node* item, const Scope& scope) const {
    const auto target = [&](std::size_t i) {
        return is(scope.targets[i], PG_QUERY__NODE__NODE_RES_TARGET) ? scope.targets[i]->res_target : nullptr;
    };
    if (is(item, PG_QUERY__NODE__NODE_A_CONST) && item->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        const int ordinal = item->a_const->ival->ival;
        if (ordinal < 1 || static_cast<std::size_t>(ordinal) > scope.target_count) return nullptr;
        for (int i = 0; i < ordinal; ++i)
            if (target(static_cast<std::size_t>(i)) == nullptr || is_star(target(static_cast<std::size_t>(i))->val)) return nullptr;
        return target(static_cast<std::size_t>(ordinal) - 1)->val;
    }
    if (!is(item, PG_QUERY__NODE__NODE_COLUMN_REF) || item->column_ref->n_fields != 1) return nullptr;
    const auto name = string_value(item->column_ref->fields[0]);
    for (std::size_t i = 0; i < scope.target_count; ++i)
        if (const auto* found = target(i); found != nullptr && !is_star(found->val) && target_name(*found) == name) return found->val;
    return nullptr;
}

void FactsReader::read_group_item(PgQuery__Node* item, Scope& scope) {
    if (is(item, PG_QUERY__NODE__NODE_GROUPING_SET)) {
        for (std::size_t i = 0; i < item->grouping_set->n_content; ++i) read_group_item(item->grouping_set->content[i], scope);
        return;
    }
    if (is(item, PG_QUERY__NODE__NODE_ROW_EXPR)) {
        for (std::size_t i = 0; i < item->row_expr->n_args; ++i) read_group_item(item->row_expr->args[i], scope);
        return;
    }
    PgQuery__Node* value = item;
    if (is(item, PG_QUERY__NODE__NODE_COLUMN_REF)) {
        // A column of that name goes before an output.
        auto* target = named_target(item, scope);
        const auto name = output_name(item);
        const auto has = [&](const Source& source) { return has_column(source, name); };
        if (target != nullptr && std::none_of(scope.sources.begin(), scope.sources.end(), has)) value = target;
    } else if (is(item, PG_QUERY__NODE__NODE_A_CONST)) {
        value = named_target(item, scope);
    }
    if (value == nullptr) return;
    Operand key = operand(value, scope);
    if (key.kind == Operand::Kind::constant) return;
    if (key.kind == Operand::Kind::mixed) {
        project(key.columns, scope.block);
        key.use = ColumnUse{};
    }
    auto& keys = block(scope.block).group_by;
    if (std::find(keys.begin(), keys.end(), key.use) == keys.end()) keys.push_back(std::move(key.use));
}

void FactsReader::read_grouping(const PgQuery__SelectStmt& select, Scope& scope) {
    if (select.n_group_clause > 0) block(scope.block).aggregates = true;
    for (std::size_t i = 0; i < select.n_group_clause; ++i) read_group_item(select.group_clause[i], scope);
    if (select.n_distinct_clause == 0) return;
    block(scope.block).distinct = true;
    for (std::size_t i = 0; i < select.n_distinct_clause; ++i)
        if (select.distinct_clause[i]->node_case != PG_QUERY__NODE__NODE__NOT_SET) read_group_item(select.distinct_clause[i], scope);
}

/// What ORDER BY sorts by; nothing for a constant.
std::optional<ColumnUse> FactsReader::sorted_use(PgQuery__Node* item, Scope& scope, const std::vector<Output>* outputs) {
    if (outputs != nullptr) {  // of a set operation: outputs only
        std::size_t position = outputs->size();
        if (is(item, PG_QUERY__NODE__NODE_A_CONST) && item->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL &&
            item->a_const->ival->ival > 0)
            position = static_cast<std::size_t>(item->a_const->ival->ival) - 1;
        if (is(item, PG_QUERY__NODE__NODE_COLUMN_REF))
            for (std::size_t i = outputs->size(); i-- > 0;)
                if ((*outputs)[i].name == output_name(item)) position = i;
        return position < outputs->size() ? (*outputs)[position].use : ColumnUse{};
    }
    PgQuery__Node* value = named_target(item, scope);
    if (value == nullptr) value = item;
    Operand key = operand(value, scope);
    if (key.kind == Operand::Kind::constant) return std::nullopt;
    if (key.kind == Operand::Kind::use) return std::move(key.use);
    project(value, scope);
    return ColumnUse{};
}

void FactsReader::read_order(PgQuery__Node** items, std::size_t count, Scope& scope, const std::vector<Output>* outputs) {
    for (std::size_t i = 0; i < count; ++i) {
        if (!is(items[i], PG_QUERY__NODE__NODE_SORT_BY)) continue;
        const auto& sort = *items[i]->sort_by;
        auto use = sorted_use(sort.node, scope, outputs);
        if (!use) continue;
        OrderTerm term;
        term.use = std::move(*use);
        const auto op = sort.n_use_op > 0 ? string_value(sort.use_op[sort.n_use_op - 1]) : std::string_view{};
        term.descending = sort.sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC || op.starts_with('>');
        term.nulls_first = sort.sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST ||
                           (sort.sortby_nulls != PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST && term.descending);
        block(scope.block).order_by.push_back(std::move(term));
    }
}

void FactsReader::read_windows(const PgQuery__SelectStmt& select, Scope& scope) {
    for (std::size_t i = 0; i < select.n_window_clause; ++i) project(select.window_clause[i], scope);
}

void FactsReader::read_limit(const PgQuery__SelectStmt& select, Scope& scope) {
    project(select.limit_offset, scope);
    auto* count = select.limit_count;
    if (count == nullptr || (is(count, PG_QUERY__NODE__NODE_A_CONST) && count->a_const->isnull)) return;
    project(count, scope);
    block(scope.block).has_limit = true;
    block(scope.block).limit = constant_text(operand(count, scope), scope);
}

// ---- FROM

void FactsReader::read_from_item(PgQuery__Node* item, Scope& scope) {
    if (item == nullptr) return;
    switch (item->node_case) {
        case PG_QUERY__NODE__NODE_RANGE_VAR: return read_relation(*item->range_var, scope);
        case PG_QUERY__NODE__NODE_JOIN_EXPR: return read_join(*item->join_expr, scope);
        case PG_QUERY__NODE__NODE_RANGE_SUBSELECT: {
            const auto& from = *item->range_subselect;
            if (!is(from.subquery, PG_QUERY__NODE__NODE_SELECT_STMT)) return;
            auto outputs = read_select(*from.subquery->select_stmt, from.lateral ? &scope : scope.outer, scope.common, scope.block,
                                       Wanted::outputs, nullptr);
            scope.sources.push_back(derived_source(std::move(outputs), from.alias));
            return;
        }
        case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE: return read_from_item(item->range_table_sample->relation, scope);
        case PG_QUERY__NODE__NODE_RANGE_FUNCTION: return read_opaque(item, item->range_function->alias, scope);
        case PG_QUERY__NODE__NODE_RANGE_TABLE_FUNC: return read_opaque(item, item->range_table_func->alias, scope);
        default: return;
    }
}

void FactsReader::read_relation(const PgQuery__RangeVar& relation, Scope& scope) {
    if (relation.schemaname == nullptr || relation.schemaname[0] == '\0') {
        for (const CommonTables* level = scope.common; level != nullptr; level = level->outer)
            for (const auto& table : level->tables) {
                if (table.name != relation.relname) continue;
                Source source = derived_source(table.outputs, relation.alias);
                if (!table.known) source.kind = Source::Kind::opaque;
                if (relation.alias == nullptr) source.alias = relation.relname;
                scope.sources.push_back(std::move(source));
                return;
            }
    }
    Source source;
    source.kind = Source::Kind::table;
    source.table = new_table(relation, domain::TableAccess::read, scope.block);
    const auto& use = facts_.tables[static_cast<std::size_t>(source.table)];
    source.alias = use.alias;
    source.schema = use.name.schema;
    source.aliased = relation.alias != nullptr;
    if (relation.alias != nullptr)
        for (std::size_t i = 0; i < relation.alias->n_colnames; ++i)
            source.column_aliases.emplace_back(string_value(relation.alias->colnames[i]));
    scope.sources.push_back(std::move(source));
}

/// A function, or another thing whose columns are no table's.
void FactsReader::read_opaque(PgQuery__Node* item, const PgQuery__Alias* alias, Scope& scope) {
    project(item, scope);
    Source source;
    if (alias != nullptr) {
        source.alias = alias->aliasname;
        source.aliased = true;
        for (std::size_t i = 0; i < alias->n_colnames; ++i) source.column_aliases.emplace_back(string_value(alias->colnames[i]));
    }
    if (is(item, PG_QUERY__NODE__NODE_RANGE_FUNCTION)) {
        const auto& function = *item->range_function;
        for (std::size_t i = 0; i < function.n_coldeflist; ++i)
            if (is(function.coldeflist[i], PG_QUERY__NODE__NODE_COLUMN_DEF))
                source.column_aliases.emplace_back(function.coldeflist[i]->column_def->colname);
        if (alias == nullptr && function.n_functions > 0 && is(function.functions[0], PG_QUERY__NODE__NODE_LIST) &&
            function.functions[0]->list->n_items > 0)
            source.alias = output_name(function.functions[0]->list->items[0]);
    }
    scope.sources.push_back(std::move(source));
}

std::vector<std::string> FactsReader::source_names(const Source& source) {
    std::vector<std::string> names;
    switch (source.kind) {
        case Source::Kind::table:
            names = columns_of(source.table);
            std::copy_n(source.column_aliases.begin(), std::min(names.size(), source.column_aliases.size()), names.begin());
            return names;
        case Source::Kind::derived:
            for (const auto& output : source.outputs) names.push_back(output.name);
            return names;
        case Source::Kind::opaque: return source.column_aliases;
        case Source::Kind::join: return names;
    }
    return names;
}

/// NATURAL: the names that both sides have.
std::vector<std::string> FactsReader::common_names(const Scope& scope, std::size_t begin, std::size_t middle) {
    std::vector<std::string> left, common;
    for (std::size_t i = begin; i < middle; ++i)
        for (auto& name : source_names(scope.sources[i])) left.push_back(std::move(name));
    for (std::size_t i = middle; i < scope.sources.size(); ++i)
        for (auto& name : source_names(scope.sources[i]))
            if (!name.empty() && std::find(left.begin(), left.end(), name) != left.end() &&
                std::find(common.begin(), common.end(), name) == common.end())
                common.push_back(std::move(name));
    return common;
}

void FactsReader::merge_columns(const std::vector<std::string>& names, const PgQuery__JoinExpr& join, std::size_t begin, std::size_t middle,
                                Scope& scope) {
    const auto side = [&](const std::string& name, std::size_t from, std::size_t to) {
        const Source* open = nullptr;
        for (std::size_t i = from; i < to; ++i) {
            const Source& source = scope.sources[i];
            if (source.kind == Source::Kind::join) continue;
            if (has_column(source, name)) return find_in(source, name, scope);
            const bool any = source.kind == Source::Kind::table ? columns_of(source.table).empty()
                                                                : std::any_of(source.outputs.begin(), source.outputs.end(),
                                                                              [](const Output& o) { return o.name.empty(); });
            if (any && open == nullptr) open = &source;
        }
        return open == nullptr ? Resolved{} : find_in(*open, name, scope);
    };
    for (const auto& name : names) {
        Resolved left = side(name, begin, middle);
        const Resolved right = side(name, middle, scope.sources.size());
        if (left.use.table >= 0 || right.use.table >= 0)
            block(scope.block).joins.push_back({left.use, right.use, "=", join.jointype != PG_QUERY__JOIN_TYPE__JOIN_INNER});
        const bool from_right = left.use.table < 0 || join.jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT;
        const Resolved& kept = from_right && right.use.table >= 0 ? right : left;
        const auto known =
            std::find_if(scope.merged.begin(), scope.merged.end(), [&](const Output& merged) { return merged.name == name; });
        if (known == scope.merged.end()) scope.merged.push_back({name, kept.use, kept.branches});
    }
}

void FactsReader::read_join(const PgQuery__JoinExpr& join, Scope& scope) {
    const std::size_t begin = scope.sources.size();
    const int first_table = static_cast<int>(facts_.tables.size());
    read_from_item(join.larg, scope);
    const std::size_t middle = scope.sources.size();
    const int middle_table = static_cast<int>(facts_.tables.size());
    read_from_item(join.rarg, scope);
    const int end_table = static_cast<int>(facts_.tables.size());
    const bool outer = join.jointype != PG_QUERY__JOIN_TYPE__JOIN_INNER;

    std::vector<std::string> names;
    if (join.is_natural) names = common_names(scope, begin, middle);
    for (std::size_t i = 0; i < join.n_using_clause; ++i) names.emplace_back(string_value(join.using_clause[i]));
    merge_columns(names, join, begin, middle, scope);

    if (join.quals != nullptr) {
        const std::size_t visible = std::exchange(scope.visible_begin, begin);
        Conditions found;
        read_condition(join.quals, {&scope, &found, true, false});
        scope.visible_begin = visible;
        // A condition on the side whose rows are all kept filters nothing there.
        const bool keeps_left = join.jointype == PG_QUERY__JOIN_TYPE__JOIN_LEFT || join.jointype == PG_QUERY__JOIN_TYPE__JOIN_FULL;
        const bool keeps_right = join.jointype == PG_QUERY__JOIN_TYPE__JOIN_RIGHT || join.jointype == PG_QUERY__JOIN_TYPE__JOIN_FULL;
        for (auto& predicate : found.predicates) {
            const int table = predicate.use.table;
            const bool left = table >= first_table && table < middle_table;
            const bool right = table >= middle_table && table < end_table;
            if ((left && keeps_left) || (right && keeps_right)) predicate.conjunctive = false;
        }
        for (auto& edge : found.joins) edge.outer = outer;
        auto& to = block(scope.block);
        std::move(found.predicates.begin(), found.predicates.end(), std::back_inserter(to.predicates));
        std::move(found.joins.begin(), found.joins.end(), std::back_inserter(to.joins));
    }
    if (join.alias != nullptr) {
        Source source;
        source.kind = Source::Kind::join;
        source.alias = join.alias->aliasname;
        source.aliased = true;
        source.begin = begin;
        source.end = scope.sources.size();
        scope.sources.push_back(std::move(source));
    }
}

}  // namespace orrery::sql
