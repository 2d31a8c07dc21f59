#include "sql/deparse.hpp"

#include <fmt/format.h>
#include <pg_query.h>

#include <iterator>
#include <string_view>

#include "domain/catalog.hpp"

namespace orrery::sql {
namespace {

/// Writes the common expressions. What it does not know it leaves to libpg_query, which takes some ten times as long.
class QuickWriter {
public:
    bool write(const PgQuery__Node* node, bool nested = false) {
        if (node == nullptr) return false;
        switch (node->node_case) {
            case PG_QUERY__NODE__NODE_A_CONST: return constant(*node->a_const);
            case PG_QUERY__NODE__NODE_PARAM_REF:
                fmt::format_to(std::back_inserter(out_), "${}", node->param_ref->number);
                return node->param_ref->number > 0;
            case PG_QUERY__NODE__NODE_COLUMN_REF: return column(*node->column_ref);
            case PG_QUERY__NODE__NODE_TYPE_CAST: return cast(*node->type_cast);
            case PG_QUERY__NODE__NODE_FUNC_CALL: return call(*node->func_call);
            case PG_QUERY__NODE__NODE_A_EXPR: return operation(*node->a_expr, nested);
            default: return false;
        }
    }
    std::string take() { return std::move(out_); }

private:
    bool constant(const PgQuery__AConst& value) {
        if (value.isnull) {
            out_ += "NULL";
            return true;
        }
        switch (value.val_case) {
            case PG_QUERY__A__CONST__VAL_IVAL: fmt::format_to(std::back_inserter(out_), "{}", value.ival->ival); return true;
            case PG_QUERY__A__CONST__VAL_FVAL: out_ += value.fval->fval; return true;
            case PG_QUERY__A__CONST__VAL_BOOLVAL: out_ += value.boolval->boolval ? "true" : "false"; return true;
            case PG_QUERY__A__CONST__VAL_SVAL: out_ += domain::quote_literal(value.sval->sval); return true;
            default: return false;
        }
    }

    bool column(const PgQuery__ColumnRef& reference) {
        for (std::size_t i = 0; i < reference.n_fields; ++i) {
            const auto* field = reference.fields[i];
            if (field->node_case != PG_QUERY__NODE__NODE_STRING) return false;
            if (i > 0) out_ += '.';
            out_ += domain::quote_identifier(field->string->sval);
        }
        return true;
    }

    bool cast(const PgQuery__TypeCast& cast) {
        const auto* type = cast.type_name;
        if (type == nullptr || type->n_names == 0 || type->n_names > 2 || type->n_typmods > 0 || type->n_array_bounds > 0 || type->setof ||
            type->pct_type)
            return false;
        const bool negative = cast.arg != nullptr && cast.arg->node_case == PG_QUERY__NODE__NODE_A_CONST && is_negative(*cast.arg->a_const);
        if (negative) out_ += '(';
        if (!write(cast.arg, true)) return false;
        if (negative) out_ += ')';
        out_ += "::";
        const auto last = string_value(type->names[type->n_names - 1]);
        if (type->n_names == 1) {
            out_ += domain::quote_identifier(last);
            return true;
        }
        if (string_value(type->names[0]) != "pg_catalog" || last == "bpchar" || last == "char") return false;
        out_ += last;
        return true;
    }

    static bool is_negative(const PgQuery__AConst& value) {
        if (value.val_case == PG_QUERY__A__CONST__VAL_IVAL) return value.ival->ival < 0;
        return value.val_case == PG_QUERY__A__CONST__VAL_FVAL && value.fval->fval[0] == '-';
    }

    bool call(const PgQuery__FuncCall& call) {
        if (call.n_funcname != 1 || call.n_agg_order > 0 || call.agg_filter != nullptr || call.over != nullptr || call.agg_within_group ||
            call.agg_star || call.agg_distinct || call.func_variadic)
            return false;
        out_ += domain::quote_identifier(string_value(call.funcname[0]));
        out_ += '(';
        for (std::size_t i = 0; i < call.n_args; ++i) {
            if (i > 0) out_ += ", ";
            if (!write(call.args[i])) return false;
        }
        out_ += ')';
        return true;
    }

    bool operation(const PgQuery__AExpr& expression, bool nested) {
        if (expression.kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || expression.n_name != 1 || expression.rexpr == nullptr) return false;
        if (nested) out_ += '(';
        if (expression.lexpr != nullptr) {
            if (!write(expression.lexpr, true)) return false;
            out_ += ' ';
        }
        out_ += string_value(expression.name[0]);
        out_ += ' ';
        if (!write(expression.rexpr, true)) return false;
        if (nested) out_ += ')';
        return true;
    }

    std::string out_;
};

/// libpg_query gets a few rare constructs wrong (operators with three-part names).
bool parses(const char* text) {
    const PgQueryFingerprintResult result = pg_query_fingerprint(text);
    const bool good = result.error == nullptr;
    pg_query_free_fingerprint_result(result);
    return good;
}

/// As the only column of a SELECT.
std::string write_with_library(PgQuery__Node* expression) {
    PgQuery__ResTarget target;
    pg_query__res_target__init(&target);
    target.val = expression;
    PgQuery__Node target_node;
    pg_query__node__init(&target_node);
    target_node.node_case = PG_QUERY__NODE__NODE_RES_TARGET;
    target_node.res_target = &target;
    PgQuery__Node* targets[] = {&target_node};
    PgQuery__SelectStmt select;
    pg_query__select_stmt__init(&select);
    select.n_target_list = 1;
    select.target_list = targets;
    select.limit_option = PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_DEFAULT;
    select.op = PG_QUERY__SET_OPERATION__SETOP_NONE;
    PgQuery__Node select_node;
    pg_query__node__init(&select_node);
    select_node.node_case = PG_QUERY__NODE__NODE_SELECT_STMT;
    select_node.select_stmt = &select;
    PgQuery__RawStmt raw;
    pg_query__raw_stmt__init(&raw);
    raw.stmt = &select_node;
    PgQuery__RawStmt* statements[] = {&raw};
    PgQuery__ParseResult tree;
    pg_query__parse_result__init(&tree);
    tree.n_stmts = 1;
    tree.stmts = statements;

    std::string packed(pg_query__parse_result__get_packed_size(&tree), '\0');
    pg_query__parse_result__pack(&tree, reinterpret_cast<std::uint8_t*>(packed.data()));
    const PgQueryDeparseResult result = pg_query_deparse_protobuf({packed.size(), packed.data()});
    constexpr std::string_view kSelect = "SELECT ";
    std::string text;
    if (result.error == nullptr && result.query != nullptr && std::string_view(result.query).starts_with(kSelect) && parses(result.query))
        text = result.query + kSelect.size();
    pg_query_free_deparse_result(result);
    return text;
}

}  // namespace

std::string deparse(PgQuery__Node* expression) {
    QuickWriter writer;
    if (writer.write(expression)) return writer.take();
    return expression == nullptr ? std::string() : write_with_library(expression);
}

}  // namespace orrery::sql
