#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "sql/deparse.hpp"
#include "sql/facts_reader.hpp"

namespace orrery::sql {
namespace {

using domain::ColumnUse;
using domain::Join;
using domain::Predicate;
using domain::PredicateKind;

/// Longer arms of an OR are not searched for what they have in common.
constexpr std::size_t kMostCompared = 200;

struct Pair {
    std::string_view from, to;
};

template <std::size_t N>
std::optional<std::string> look_up(const std::array<Pair, N>& pairs, std::string_view op) {
    for (const auto& pair : pairs) {
        if (pair.from == op) return std::string(pair.to);
        if (pair.to == op) return std::string(pair.from);
    }
    return std::nullopt;
}

/// The operator with the same meaning once its sides are exchanged.
std::optional<std::string> commuted(std::string_view op) {
    constexpr std::array<Pair, 13> kPairs{{{"=", "="},
                                           {"<>", "<>"},
                                           {"<", ">"},
                                           {"<=", ">="},
                                           {"@>", "<@"},
                                           {"&&", "&&"},
                                           {"@@", "@@"},
                                           {"<<", ">>"},
                                           {"-|-", "-|-"},
                                           {"<->", "<->"},
                                           {"+", "+"},
                                           {"IS DISTINCT FROM", "IS DISTINCT FROM"},
                                           {"IS NOT DISTINCT FROM", "IS NOT DISTINCT FROM"}}};
    return look_up(kPairs, op);
}

/// The operator that holds where this one does not (nulls aside).
std::optional<std::string> negation(std::string_view op) {
    constexpr std::array<Pair, 9> kPairs{{{"=", "<>"},
                                          {"<", ">="},
                                          {"<=", ">"},
                                          {"~~", "!~~"},
                                          {"~~*", "!~~*"},
                                          {"~", "!~"},
                                          {"~*", "!~*"},
                                          {"IS NULL", "IS NOT NULL"},
                                          {"IS DISTINCT FROM", "IS NOT DISTINCT FROM"}}};
    return look_up(kPairs, op);
}

PredicateKind kind_of(std::string_view op) {
    if (op == "=") return PredicateKind::equality;
    if (op == "<>") return PredicateKind::not_equal;
    if (op == "<" || op == "<=" || op == ">" || op == ">=") return PredicateKind::range;
    if (op == "^@") return PredicateKind::like_prefix;
    for (const std::string_view known : {"@>", "<@", "?", "?|", "?&", "&&", "@@", "@@@", "@?"})
        if (op == known) return PredicateKind::contains;
    for (const std::string_view known : {"~~", "~~*", "~", "~*", "!~~", "!~~*", "!~", "!~*"})
        if (op == known) return PredicateKind::like_other;
    return PredicateKind::other;
}

std::string operator_name(const PgQuery__AExpr& expression) {
    return expression.n_name == 0 ? std::string() : std::string(string_value(expression.name[expression.n_name - 1]));
}

bool is(const PgQuery__Node* node, PgQuery__Node__NodeCase node_case) {
    return node != nullptr && node->node_case == node_case;
}

bool same(const Predicate& a, const Predicate& b) {
    return a.kind == b.kind && a.use == b.use && a.op == b.op && a.constant == b.constant && a.list == b.list && a.negated == b.negated;
}

bool same(const Join& a, const Join& b) {
    if (a.op != b.op) return false;
    return (a.left == b.left && a.right == b.right) || (a.op == "=" && a.left == b.right && a.right == b.left);
}

/// The string a pattern is when it is a constant.
const char* constant_pattern(const PgQuery__Node* node) {
    while (is(node, PG_QUERY__NODE__NODE_TYPE_CAST)) node = node->type_cast->arg;
    if (!is(node, PG_QUERY__NODE__NODE_A_CONST) || node->a_const->isnull || node->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
        return nullptr;
    return node->a_const->sval->sval;
}

PredicateKind like_kind(std::string_view pattern) {
    const auto wildcard = pattern.find_first_of("%_\\");
    if (wildcard == std::string_view::npos) return PredicateKind::equality;
    if (wildcard > 0 || pattern[0] == '\\') return PredicateKind::like_prefix;
    return PredicateKind::like_other;
}

}  // namespace

void FactsReader::read_where(PgQuery__Node* condition, Scope& scope) {
    if (condition == nullptr) return;
    Conditions found;
    read_condition(condition, {&scope, &found, true, false});
    auto& to = block(scope.block);
    std::move(found.predicates.begin(), found.predicates.end(), std::back_inserter(to.predicates));
    std::move(found.joins.begin(), found.joins.end(), std::back_inserter(to.joins));
}

void FactsReader::read_condition(PgQuery__Node* condition, const ConditionContext& context) {
    if (condition == nullptr) return;
    switch (condition->node_case) {
        case PG_QUERY__NODE__NODE_BOOL_EXPR: return read_boolean(*condition->bool_expr, context);
        case PG_QUERY__NODE__NODE_A_EXPR: return read_comparison(condition, context);
        case PG_QUERY__NODE__NODE_SUB_LINK: return read_sublink_condition(condition, context);
        case PG_QUERY__NODE__NODE_NULL_TEST: return read_null_test(condition, context);
        case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return read_boolean_test(condition, context);
        case PG_QUERY__NODE__NODE_COLUMN_REF: return read_bare(condition, context);
        default: return add_condition_text(condition, context);
    }
}

void FactsReader::read_boolean(const PgQuery__BoolExpr& expression, const ConditionContext& context) {
    if (expression.boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        ConditionContext inner = context;
        inner.negated = !context.negated;
        if (expression.n_args > 0) read_condition(expression.args[0], inner);
        return;
    }
    const bool all = (expression.boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) != context.negated;
    if (!all) return read_alternatives(expression.args, expression.n_args, context);
    for (std::size_t i = 0; i < expression.n_args; ++i) read_condition(expression.args[i], context);
}

/// The arms of an OR. What every arm asks for holds outside of the OR too, as the planner finds out as well.
void FactsReader::read_alternatives(PgQuery__Node** arms, std::size_t count, const ConditionContext& context) {
    std::vector<Conditions> found(count);
    for (std::size_t i = 0; i < count; ++i) {
        ConditionContext arm = context;
        arm.out = &found[i];
        arm.conjunctive = true;
        read_condition(arms[i], arm);
    }
    const auto everywhere = [&](const auto& item, auto list) {
        return std::all_of(found.begin() + 1, found.end(), [&](const Conditions& arm) {
            return std::any_of((arm.*list).begin(), (arm.*list).end(), [&](const auto& other) { return same(item, other); });
        });
    };
    std::vector<Predicate> common;
    std::vector<Join> common_joins;
    if (found[0].predicates.size() + found[0].joins.size() <= kMostCompared) {
        for (const auto& predicate : found[0].predicates)
            if (predicate.conjunctive && everywhere(predicate, &Conditions::predicates)) common.push_back(predicate);
        for (const auto& join : found[0].joins)
            if (everywhere(join, &Conditions::joins)) common_joins.push_back(join);
    }

    for (auto predicate : common) {
        predicate.conjunctive = context.conjunctive;
        context.out->predicates.push_back(std::move(predicate));
    }
    for (auto& arm : found) {
        for (auto& predicate : arm.predicates) {
            if (std::any_of(common.begin(), common.end(), [&](const auto& known) { return same(known, predicate); })) continue;
            predicate.conjunctive = false;
            context.out->predicates.push_back(std::move(predicate));
        }
        for (const auto& join : arm.joins)
            if (!std::any_of(common_joins.begin(), common_joins.end(), [&](const auto& known) { return same(known, join); }))
                project({join.left, join.right}, context.scope->block);
    }
    if (context.conjunctive)
        std::move(common_joins.begin(), common_joins.end(), std::back_inserter(context.out->joins));
    else
        for (const auto& join : common_joins) project({join.left, join.right}, context.scope->block);
}

void FactsReader::read_comparison(PgQuery__Node* node, const ConditionContext& context) {
    const auto& expression = *node->a_expr;
    switch (expression.kind) {
        case PG_QUERY__A__EXPR__KIND__AEXPR_OP: return read_operator(node, operator_name(expression), context);
        case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT: return read_operator(node, "IS DISTINCT FROM", context);
        case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT: return read_operator(node, "IS NOT DISTINCT FROM", context);
        case PG_QUERY__A__EXPR__KIND__AEXPR_IN: return read_in(node, context);
        case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
        case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ALL: return read_any(node, context);
        case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
        case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR: return read_like(node, context);
        case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
        case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
        case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
        case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM: return read_between(expression, context);
        default: return add_condition_text(node, context);
    }
}

void FactsReader::read_operator(PgQuery__Node* node, std::string op, const ConditionContext& context) {
    const auto& expression = *node->a_expr;
    if (expression.lexpr == nullptr || expression.rexpr == nullptr) return add_condition_text(node, context);
    if (is(expression.lexpr, PG_QUERY__NODE__NODE_ROW_EXPR) && is(expression.rexpr, PG_QUERY__NODE__NODE_ROW_EXPR) &&
        expression.lexpr->row_expr->n_args == expression.rexpr->row_expr->n_args)
        return read_rows(expression, op, context);
    compare(operand(expression.lexpr, *context.scope), std::move(op), operand(expression.rexpr, *context.scope), context, node);
}

/// (a, b) = (c, d) is a = c and b = d; (a, b) > (c, d) says a >= c, and b > d where a = c.
void FactsReader::read_rows(const PgQuery__AExpr& expression, const std::string& op, const ConditionContext& context) {
    const auto& left = *expression.lexpr->row_expr;
    const auto& right = *expression.rexpr->row_expr;
    const std::string effective = context.negated ? negation(op).value_or(op) : op;
    const bool ordered = kind_of(effective) == PredicateKind::range;
    for (std::size_t i = 0; i < left.n_args; ++i) {
        ConditionContext pair = context;
        pair.negated = false;
        std::string pair_op = effective;
        if (ordered && i == 0 && left.n_args > 1 && pair_op.size() == 1) pair_op += '=';
        if ((ordered && i > 0) || (effective != "=" && !ordered && left.n_args > 1)) pair.conjunctive = false;
        compare(operand(left.args[i], *context.scope), pair_op, operand(right.args[i], *context.scope), pair, nullptr);
    }
}

void FactsReader::compare(const Operand& left, std::string op, const Operand& right, const ConditionContext& context,
                          PgQuery__Node* whole) {
    using Kind = Operand::Kind;
    const auto by_text = [&] {
        if (whole != nullptr) return add_condition_text(whole, context);
        project(left.columns, context.scope->block);
        project(right.columns, context.scope->block);
    };
    if (left.kind == Kind::constant && right.kind == Kind::constant) return;
    if (left.kind == Kind::use && right.kind == Kind::constant) return compare_constant(left, std::move(op), right, context);
    if (left.kind == Kind::constant && right.kind == Kind::use) {
        const auto flipped = commuted(op);
        return flipped ? compare_constant(right, *flipped, left, context) : by_text();
    }
    if (left.kind == Kind::constant || right.kind == Kind::constant || left.correlated || right.correlated) return by_text();
    if (left.kind == Kind::mixed && right.kind == Kind::mixed) return by_text();
    const auto reads = [](const Operand& side, int table) {
        return std::any_of(side.columns.begin(), side.columns.end(), [&](const ColumnUse& c) { return c.table == table; });
    };
    if (left.kind == Kind::use && left.use.table >= 0 && reads(right, left.use.table)) return by_text();
    if (right.kind == Kind::use && right.use.table >= 0 && reads(left, right.use.table)) return by_text();
    join(left, std::move(op), right, context);
}

/// Subqueries in subqueries in ... would be written out once at each level: from some depth on they have no text.
std::string FactsReader::constant_text(const Operand& constant, const Scope& scope) {
    constexpr int kDeepestText = 16;
    int depth = 0;
    for (const Scope* level = &scope; constant.subquery && level != nullptr; level = level->outer) ++depth;
    return depth > kDeepestText ? std::string() : deparse(constant.node);
}

void FactsReader::compare_constant(const Operand& use, std::string op, const Operand& constant, const ConditionContext& context) {
    Predicate predicate;
    predicate.negated = context.negated;
    if (context.negated)
        if (auto other = negation(op)) {
            op = std::move(*other);
            predicate.negated = false;
        }
    predicate.kind = constant.is_volatile ? PredicateKind::other : kind_of(op);
    if (op.starts_with("!~")) predicate.negated = true;
    predicate.op = std::move(op);
    predicate.constant = constant_text(constant, *context.scope);
    predicate.parameters = parameters_of(constant.node);
    add_predicate(use, std::move(predicate), context);
}

void FactsReader::add_predicate(const Operand& operand, Predicate predicate, const ConditionContext& context) {
    predicate.conjunctive = context.conjunctive;
    for (const auto& branch : operand.branches) {
        Predicate copy = predicate;
        copy.use = branch;
        context.out->predicates.push_back(std::move(copy));
    }
    predicate.use = operand.use;
    context.out->predicates.push_back(std::move(predicate));
}

void FactsReader::join(const Operand& left, std::string op, const Operand& right, const ConditionContext& context) {
    const auto negated = context.negated ? negation(op) : std::optional<std::string>(op);
    const auto known = [](const Operand& side) { return side.kind == Operand::Kind::use && side.use.table >= 0; };
    if (!negated || !context.conjunctive || (!known(left) && !known(right))) {
        project(left.columns, context.scope->block);
        project(right.columns, context.scope->block);
        return;
    }
    // The columns of a side that no Join names still have to be read.
    if (left.kind == Operand::Kind::mixed) project(left.columns, context.scope->block);
    if (right.kind == Operand::Kind::mixed) project(right.columns, context.scope->block);
    const auto side = [](const Operand& operand) { return operand.kind == Operand::Kind::use ? operand.use : ColumnUse{}; };
    context.out->joins.push_back({side(left), side(right), *negated, false});
    for (const auto& branch : left.branches) context.out->joins.push_back({branch, side(right), *negated, false});
    for (const auto& branch : right.branches) context.out->joins.push_back({side(left), branch, *negated, false});
}

/// A condition that compares no use with a constant: kept as an expression of its table, or for the columns it reads.
void FactsReader::add_condition_text(PgQuery__Node* node, const ConditionContext& context) {
    const Operand whole = operand(node, *context.scope);
    if (whole.kind != Operand::Kind::use) return project(whole.columns, context.scope->block);
    Predicate predicate;
    predicate.negated = context.negated;
    add_predicate(whole, std::move(predicate), context);
}

void FactsReader::read_bare(PgQuery__Node* node, const ConditionContext& context) {
    const Operand column = operand(node, *context.scope);
    if (column.kind != Operand::Kind::use) return;
    Predicate predicate;
    predicate.kind = PredicateKind::boolean;
    predicate.negated = context.negated;
    add_predicate(column, std::move(predicate), context);
}

void FactsReader::read_in(PgQuery__Node* node, const ConditionContext& context) {
    const auto& expression = *node->a_expr;
    if (!is(expression.rexpr, PG_QUERY__NODE__NODE_LIST)) return add_condition_text(node, context);
    const auto& items = *expression.rexpr->list;
    const bool negated = (operator_name(expression) == "<>") != context.negated;
    // Each column of (a, b) IN ((1, 2), ...) has a list of its own.
    const bool rows = is(expression.lexpr, PG_QUERY__NODE__NODE_ROW_EXPR);
    const std::size_t width = rows ? expression.lexpr->row_expr->n_args : 1;
    for (std::size_t column = 0; column < width; ++column) {
        const Operand left = operand(rows ? expression.lexpr->row_expr->args[column] : expression.lexpr, *context.scope);
        ConditionContext inner = context;
        inner.negated = false;
        inner.conjunctive = context.conjunctive && !(negated && rows);
        Predicate predicate;
        predicate.kind = negated ? PredicateKind::not_equal : PredicateKind::in_list;
        predicate.op = negated ? "<>" : "=";
        for (std::size_t i = 0; i < items.n_items; ++i) {
            PgQuery__Node* item = items.items[i];
            if (rows) {
                if (!is(item, PG_QUERY__NODE__NODE_ROW_EXPR) || item->row_expr->n_args != width) return add_condition_text(node, context);
                item = item->row_expr->args[column];
            }
            const Operand right = operand(item, *context.scope);
            if (left.kind == Operand::Kind::use && right.kind == Operand::Kind::constant && !right.is_volatile) {
                predicate.list.push_back(constant_text(right, *context.scope));
                for (const int n : parameters_of(item)) predicate.parameters.push_back(n);
                continue;
            }
            ConditionContext one = inner;
            one.conjunctive = inner.conjunctive && (negated || items.n_items == 1);
            compare(left, negated ? "<>" : "=", right, one, nullptr);
            inner.conjunctive = inner.conjunctive && negated;
        }
        if (!predicate.list.empty()) add_predicate(left, std::move(predicate), inner);
    }
}

/// x = ANY (array), x <> ALL (array).
void FactsReader::read_any(PgQuery__Node* node, const ConditionContext& context) {
    const auto& expression = *node->a_expr;
    const bool any = expression.kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY;
    const std::string op = operator_name(expression);
    const Operand left = operand(expression.lexpr, *context.scope);
    const Operand right = operand(expression.rexpr, *context.scope);
    const bool in = any && op == "=";
    const bool not_in = !any && op == "<>";
    if (left.kind == Operand::Kind::use && in && right.kind != Operand::Kind::constant && !context.negated) {
        Operand array = right;  // no index serves its side
        array.kind = Operand::Kind::mixed;
        return compare(left, "=", array, context, node);
    }
    Predicate predicate;
    predicate.op = op + (any ? " ANY" : " ALL");
    predicate.negated = context.negated;
    if (left.kind == Operand::Kind::constant && right.kind == Operand::Kind::use) {
        predicate.constant = constant_text(left, *context.scope);
        predicate.parameters = parameters_of(left.node);
        return add_predicate(right, std::move(predicate), context);
    }
    if (left.kind != Operand::Kind::use || right.kind != Operand::Kind::constant) return add_condition_text(node, context);
    if (in || not_in) {
        const bool negated = not_in != context.negated;
        predicate.kind = negated ? PredicateKind::not_equal : PredicateKind::in_list;
        predicate.op = negated ? "<>" : "=";
        predicate.negated = false;
    }
    predicate.constant = constant_text(right, *context.scope);
    predicate.parameters = parameters_of(right.node);
    const PgQuery__Node* array = expression.rexpr;
    if (is(array, PG_QUERY__NODE__NODE_TYPE_CAST)) array = array->type_cast->arg;
    if (is(array, PG_QUERY__NODE__NODE_A_ARRAY_EXPR) && !right.subquery)
        for (std::size_t i = 0; i < array->a_array_expr->n_elements; ++i)
            predicate.list.push_back(deparse(array->a_array_expr->elements[i]));
    add_predicate(left, std::move(predicate), context);
}

void FactsReader::read_between(const PgQuery__AExpr& expression, const ConditionContext& context) {
    if (!is(expression.rexpr, PG_QUERY__NODE__NODE_LIST) || expression.rexpr->list->n_items != 2) return;
    const auto kind = expression.kind;
    const bool outside =
        (kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN || kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM) != context.negated;
    const bool symmetric = kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM || kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    ConditionContext inner = context;
    inner.negated = false;
    inner.conjunctive = context.conjunctive && !outside && !symmetric;
    const Operand middle = operand(expression.lexpr, *context.scope);
    PgQuery__Node** ends = expression.rexpr->list->items;
    compare(middle, outside ? "<" : ">=", operand(ends[0], *context.scope), inner, nullptr);
    compare(middle, outside ? ">" : "<=", operand(ends[1], *context.scope), inner, nullptr);
}

void FactsReader::read_like(PgQuery__Node* node, const ConditionContext& context) {
    const auto& expression = *node->a_expr;
    const Operand left = operand(expression.lexpr, *context.scope);
    const Operand right = operand(expression.rexpr, *context.scope);
    if (left.kind != Operand::Kind::use || right.kind != Operand::Kind::constant)
        return compare(left, operator_name(expression), right, context, node);
    Predicate predicate;
    const std::string op = operator_name(expression);
    predicate.op = context.negated ? negation(op).value_or(op) : op;
    predicate.kind = PredicateKind::like_other;
    const char* pattern = constant_pattern(expression.rexpr);
    if (pattern != nullptr && (predicate.op == "~~" || predicate.op == "!~~")) predicate.kind = like_kind(pattern);
    if (predicate.op.starts_with('!')) {
        predicate.negated = true;
        predicate.kind = predicate.kind == PredicateKind::equality ? PredicateKind::not_equal : PredicateKind::like_other;
    }
    predicate.constant = constant_text(right, *context.scope);
    predicate.parameters = parameters_of(right.node);
    add_predicate(left, std::move(predicate), context);
}

void FactsReader::read_null_test(PgQuery__Node* node, const ConditionContext& context) {
    const auto& test = *node->null_test;
    const Operand subject = operand(test.arg, *context.scope);
    if (subject.kind != Operand::Kind::use) return project(subject.columns, context.scope->block);
    const bool null = (test.nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL) != context.negated;
    Predicate predicate;
    predicate.kind = null ? PredicateKind::is_null : PredicateKind::is_not_null;
    predicate.op = null ? "IS NULL" : "IS NOT NULL";
    add_predicate(subject, std::move(predicate), context);
}

void FactsReader::read_boolean_test(PgQuery__Node* node, const ConditionContext& context) {
    const auto& test = *node->boolean_test;
    const bool is_true = test.booltesttype == PG_QUERY__BOOL_TEST_TYPE__IS_TRUE;
    const bool is_false = test.booltesttype == PG_QUERY__BOOL_TEST_TYPE__IS_FALSE;
    const bool column = is(test.arg, PG_QUERY__NODE__NODE_COLUMN_REF);
    if (!column || (!is_true && !is_false) || context.negated) return add_condition_text(node, context);
    ConditionContext inner = context;
    inner.negated = is_false;
    read_bare(test.arg, inner);
}

void FactsReader::read_sublink_condition(PgQuery__Node* node, const ConditionContext& context) {
    const auto& link = *node->sub_link;
    if (link.sub_link_type == PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK) return read_in_subquery(link, context);
    read_subquery(link, *context.scope);
    project(link.testexpr, *context.scope);
}

/// x IN (SELECT y ...): a Join of x with y, if y is a column, in the block of the subquery.
void FactsReader::read_in_subquery(const PgQuery__SubLink& link, const ConditionContext& context) {
    const Subquery subquery = read_subquery(link, *context.scope);
    const bool rows = is(link.testexpr, PG_QUERY__NODE__NODE_ROW_EXPR);
    const std::size_t width = rows ? link.testexpr->row_expr->n_args : 1;
    const std::string op = link.n_oper_name == 0 ? "=" : std::string(string_value(link.oper_name[link.n_oper_name - 1]));
    Conditions found;
    ConditionContext inner = context;
    inner.out = &found;
    inner.conjunctive = true;
    for (std::size_t i = 0; i < width; ++i) {
        const Operand left = operand(rows ? link.testexpr->row_expr->args[i] : link.testexpr, *context.scope);
        if (left.kind == Operand::Kind::constant) continue;
        Operand right;
        right.kind = Operand::Kind::use;
        if (i < subquery.outputs.size()) {
            right.use = subquery.outputs[i].use;
            right.branches = subquery.outputs[i].branches;
        }
        join(left, op, right, inner);
    }
    auto& joins = block(subquery.block >= 0 ? subquery.block : context.scope->block).joins;
    std::move(found.joins.begin(), found.joins.end(), std::back_inserter(joins));
}

}  // namespace orrery::sql
