#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "sql/facts.hpp"
#include "sql/facts_text.hpp"
#include "sql/lexer.hpp"
#include "sql/literal.hpp"
#include "sql/statement.hpp"
#include "sql/workload_file.hpp"

/// Any bytes as SQL: nothing may crash, hang or leak, and what the functions of the part say must fit together.
namespace {

using namespace orrery;

void require(bool holds, const char* what, const std::string& text) {
    if (holds) return;
    std::fprintf(stderr, "%s: %s\n", what, text.c_str());
    std::abort();
}

void check_use(const domain::StatementFacts& facts, const domain::ColumnUse& use) {
    require(use.table >= -1 && use.table < static_cast<int>(facts.tables.size()), "table out of range", use.column);
    require(use.expression.empty() || use.column.empty(), "column and expression", use.column);
    if (use.expression.empty()) return;
    require(!use.expression_columns.empty(), "expression without columns", use.expression);
    require(sql::fingerprint("SELECT " + use.expression).has_value(), "expression does not parse", use.expression);
    require(sql::parameter_count(use.expression) == 0, "expression with parameters", use.expression);
}

void check_facts(const domain::StatementFacts& facts) {
    for (const auto& table : facts.tables)
        require(table.block >= 0 && table.block < static_cast<int>(facts.blocks.size()), "block out of range", table.alias);
    for (std::size_t i = 0; i < facts.blocks.size(); ++i) {
        const auto& block = facts.blocks[i];
        require(block.parent < static_cast<int>(i), "parent after its child", std::to_string(i));
        require(block.star.size() == facts.tables.size(), "star of another size", std::to_string(i));
        for (const auto& predicate : block.predicates) {
            check_use(facts, predicate.use);
            // The brackets of a longer one may nest too deep to be read again.
            if (!predicate.constant.empty() && predicate.constant.size() < 1000)
                require(sql::fingerprint("SELECT " + predicate.constant).has_value(), "constant does not parse", predicate.constant);
        }
        for (const auto& join : block.joins) {
            check_use(facts, join.left);
            check_use(facts, join.right);
            require(join.left.table >= 0 || join.right.table >= 0, "join of nothing", join.op);
        }
        for (const auto& use : block.group_by) check_use(facts, use);
        for (const auto& use : block.projected) check_use(facts, use);
        for (const auto& term : block.order_by) check_use(facts, term.use);
    }
}

/// -'x': the parser places the constant at the sign, which normalization then takes away with it.
bool negates_a_string(const std::string& text) {
    sql::Lexer lexer(text);
    bool minus = false;
    for (sql::Token token; lexer.next(token);) {
        if (token.kind == sql::TokenKind::comment) continue;
        if (minus && (token.kind == sql::TokenKind::string || token.kind == sql::TokenKind::bits)) return true;
        minus = lexer.text(token) == "-";
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto fingerprint = sql::fingerprint(text);
    const auto normal = sql::normalize(text);
    require(fingerprint.has_value() == normal.has_value(), "fingerprint and normalize disagree", text);
    const auto facts = sql::extract_facts(text, sql::testing::test_columns());
    if (facts) {
        check_facts(*facts);
        if (facts->kind != domain::StatementKind::utility && !negates_a_string(text)) {
            const auto again = sql::fingerprint(*normal);
            require(again.has_value() && *again == *fingerprint, "normalize changes the fingerprint", text);
            require(*sql::normalize(*normal) == *normal, "normalize is not idempotent", text);
        }
        // Without knowledge of columns.
        const auto bare = sql::extract_facts(text);
        require(bare.has_value(), "facts need a catalog", text);
        check_facts(*bare);
    }
    const std::string redacted = sql::redact(text);
    require(redacted.find('\'') == std::string::npos || redacted.find('"') != std::string::npos, "redact leaves a quote", text);
    (void)sql::split(text);
    (void)sql::parse_workload(text);
    (void)sql::bind_parameters(text, std::vector<std::string>{"1", "NULL", "-2"});
    return 0;
}
