#include "sql/index_statement.hpp"

#include <fmt/format.h>

#include <span>

#include "sql/deparse.hpp"
#include "sql/parse_tree.hpp"

namespace orrery::sql {
namespace {

using base::ErrorKind;

std::string dotted(std::span<PgQuery__Node* const> names) {
    std::string text;
    for (const auto* name : names) text += (text.empty() ? "" : ".") + domain::quote_identifier(string_value(name));
    return text;
}

base::Result<domain::IndexKey> read_key(const PgQuery__IndexElem& element) {
    if (element.n_collation > 0 || element.n_opclassopts > 0)
        return base::unexpected(ErrorKind::unsupported, "an index key with COLLATE or operator class parameters cannot be tried out");
    domain::IndexKey key;
    if (element.name != nullptr) key.column = element.name;
    if (key.column.empty()) {
        key.expression = deparse(element.expr);
        if (key.expression.empty()) return base::unexpected(ErrorKind::unsupported, "an index key is an expression of an unknown form");
    }
    key.opclass = dotted({element.opclass, element.n_opclass});
    key.descending = element.ordering == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    key.nulls_first = element.nulls_ordering == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST ||
                      (key.descending && element.nulls_ordering != PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST);
    return key;
}

base::Result<IndexStatement> read_create(const PgQuery__IndexStmt& statement) {
    if (statement.nulls_not_distinct) return base::unexpected(ErrorKind::unsupported, "NULLS NOT DISTINCT cannot be tried out");
    IndexStatement result;
    result.name = statement.idxname;
    auto& spec = result.spec;
    spec.table = {statement.relation->schemaname, statement.relation->relname};
    spec.method = statement.access_method;
    spec.unique = statement.unique != 0;
    for (const auto* node : std::span(statement.index_params, statement.n_index_params)) {
        ORRERY_ASSIGN(auto key, read_key(*node->index_elem));
        spec.keys.push_back(std::move(key));
    }
    for (const auto* node : std::span(statement.index_including_params, statement.n_index_including_params))
        spec.include.emplace_back(node->index_elem->name);
    if (statement.where_clause != nullptr) spec.predicate = deparse(statement.where_clause);
    return result;
}

base::Result<IndexStatement> read_drop(const PgQuery__DropStmt& statement) {
    IndexStatement result;
    result.creates = false;
    for (const auto* object : std::span(statement.objects, statement.n_objects)) {
        const auto* list = object->list;
        if (list == nullptr || list->n_items == 0) continue;
        domain::RelationName name;
        name.name = string_value(list->items[list->n_items - 1]);
        if (list->n_items > 1) name.schema = string_value(list->items[list->n_items - 2]);
        result.dropped.push_back(std::move(name));
    }
    return result;
}

}  // namespace

base::Result<IndexStatement> parse_index_statement(const std::string& text) {
    ORRERY_ASSIGN(const auto tree, parse(text));
    const auto* statement = tree.statement_count() == 1 ? tree.statement(0) : nullptr;
    if (statement != nullptr && statement->node_case == PG_QUERY__NODE__NODE_INDEX_STMT) return read_create(*statement->index_stmt);
    if (statement != nullptr && statement->node_case == PG_QUERY__NODE__NODE_DROP_STMT &&
        statement->drop_stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_INDEX)
        return read_drop(*statement->drop_stmt);
    return base::unexpected(ErrorKind::invalid_input, "only CREATE INDEX and DROP INDEX can be tried out", text.substr(0, 200));
}

}  // namespace orrery::sql
