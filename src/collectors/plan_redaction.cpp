#include "collectors/plan_redaction.hpp"

#include <string_view>

#include "sql/lexer.hpp"
#include "sql/statement.hpp"

namespace orrery::collectors {
namespace {

using domain::PlanNode;

constexpr std::string PlanNode::*kConditions[] = {
    &PlanNode::index_condition, &PlanNode::filter,        &PlanNode::join_filter,       &PlanNode::hash_condition,
    &PlanNode::merge_condition, &PlanNode::tid_condition, &PlanNode::recheck_condition, &PlanNode::one_time_filter,
    &PlanNode::run_condition,   &PlanNode::index_order,   &PlanNode::cache_key,
};
constexpr std::vector<std::string> PlanNode::*kKeys[] = {&PlanNode::sort_key, &PlanNode::presorted_key, &PlanNode::group_key};

/// The number in "SubPlan 1" names a part of the plan.
bool has_constants(std::string_view text) {
    sql::Lexer lexer(text);
    bool numbered = false;
    for (sql::Token token; lexer.next(token);) {
        if (token.kind == sql::TokenKind::string || token.kind == sql::TokenKind::bits || !token.terminated) return true;
        if (token.kind == sql::TokenKind::number && !numbered) return true;
        numbered = token.kind == sql::TokenKind::word && (lexer.text(token) == "SubPlan" || lexer.text(token) == "InitPlan");
    }
    return false;
}

void redact_node(PlanNode& node) {
    for (const auto member : kConditions) node.*member = redact_condition(node.*member);
    for (const auto member : kKeys)
        for (auto& item : node.*member) item = redact_condition(item);
    for (auto& child : node.children) redact_node(child);
}

}  // namespace

std::string redact_condition(const std::string& text) {
    if (!has_constants(text)) return text;
    constexpr std::string_view kSelect = "SELECT ";
    const auto redacted = sql::redact(std::string(kSelect) + text);
    return redacted.starts_with(kSelect) ? redacted.substr(kSelect.size()) : redacted;
}

void redact_plan(domain::Plan& plan) {
    redact_node(plan.root);
}

}  // namespace orrery::collectors
