#include "sql/literal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "domain/catalog.hpp"
#include "sql/lexer.hpp"

namespace orrery::sql {
namespace {

struct Window {
    const Lexer& lexer;
    const std::vector<Token>& tokens;

    [[nodiscard]] bool is_word(std::size_t i, std::string_view lower) const {
        return i < tokens.size() && tokens[i].kind == TokenKind::word && same_word(lexer.text(tokens[i]), lower);
    }
    /// The token before the bracket that token `i` closes; tokens.size() when there is none.
    [[nodiscard]] std::size_t before_bracket(std::size_t i) const {
        std::size_t open = 0;
        for (std::size_t k = i + 1; k-- > 0;) {
            if (tokens[k].kind == TokenKind::close) ++open;
            if (tokens[k].kind == TokenKind::open && --open == 0) return k == 0 ? tokens.size() : k - 1;
        }
        return tokens.size();
    }
    /// Is the parameter at `i` a literal of the type named before it?
    [[nodiscard]] bool typed(std::size_t i) const {
        if (i == 0) return false;
        const Token& before = tokens[i - 1];
        if (before.kind == TokenKind::quoted_word) return true;
        if (before.kind == TokenKind::close) {
            const std::size_t name = before_bracket(i - 1);  // timestamp(3) $1
            return name < tokens.size() && tokens[name].kind == TokenKind::word && !is_word(name, "operator") && !is_word(name, "on") &&
                   !is_word(name, "array") && lexer.text(before) == ")" && !takes_expression(lexer.text(tokens[name]));
        }
        if (before.kind != TokenKind::word) return false;
        if (same_word(lexer.text(before), "zone")) return !(i >= 3 && is_word(i - 2, "time") && is_word(i - 3, "at"));
        return !takes_expression(lexer.text(before));
    }
    /// The first token of the type's name that ends before `end`.
    [[nodiscard]] std::size_t type_begin(std::size_t end) const {
        std::size_t first = end - 1;
        if (is_word(first, "zone") && first >= 3) first -= 3;  // time [(p)] with time zone
        if (tokens[first].kind == TokenKind::close) first = before_bracket(first);
        if (first >= tokens.size()) return end - 1;
        if (first > 0 && (is_word(first, "precision") || is_word(first, "varying"))) --first;
        while (first >= 2 && lexer.text(tokens[first - 1]) == ".") first -= 2;
        return first;
    }
};

bool plain_string(std::string_view literal) {
    Lexer lexer(literal);
    Token token;
    if (!lexer.next(token) || token.kind != TokenKind::string || !token.terminated) return false;
    return !lexer.next(token);
}

bool is_null(std::string_view literal) {
    Lexer lexer(literal);
    Token first;
    return lexer.next(first) && first.kind == TokenKind::word && same_word(lexer.text(first), "null");
}

/// As the literal of a type whose name stands before it, which must be a string.
std::string as_typed(std::string_view literal) {
    Lexer lexer(literal);
    Token first;
    Token second;
    const bool string = lexer.next(first) && first.kind == TokenKind::string && first.terminated;
    // 'x'::text: the type in front decides.
    if (string && lexer.next(second) && lexer.text(second) == "::") return std::string(lexer.text(first));
    return domain::quote_literal(literal);
}

bool merges_with(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c == '\'' || c == '"' ||
           c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

int parameter_number(std::string_view token) {
    int number = 0;
    const auto digits = token.substr(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc()) return 0;
    return number;
}

}  // namespace

std::string bind_parameters(std::string_view text, std::span<const std::string> literals) {
    Lexer lexer(text);
    std::vector<Token> tokens;
    for (Token token; lexer.next(token);)
        if (token.kind != TokenKind::comment) tokens.push_back(token);
    const Window window{lexer, tokens};

    std::string out;
    out.reserve(text.size() + 8 * literals.size());
    std::size_t copied = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].kind != TokenKind::parameter) continue;
        const int number = parameter_number(lexer.text(tokens[i]));
        if (number < 1 || static_cast<std::size_t>(number) > literals.size()) continue;
        const std::string& literal = literals[static_cast<std::size_t>(number) - 1];
        out += text.substr(copied, tokens[i].begin - copied);
        std::string value = literal;
        if (!plain_string(literal) && window.typed(i)) {
            const std::size_t type = tokens[window.type_begin(i)].begin;
            if (is_null(literal) && type >= copied) {  // no type takes NULL for its literal
                out.resize(out.size() - (tokens[i].begin - type));
                value = fmt::format("NULL::{}", text.substr(type, tokens[i - 1].end - type));
            } else {
                value = as_typed(literal);
            }
        }
        copied = tokens[i].end;
        if (!value.empty() && (value[0] == '-' || value[0] == '+')) value = "(" + value + ")";
        if (!out.empty() && !value.empty() && merges_with(out.back())) out += ' ';
        out += value;
        if (copied < text.size() && merges_with(text[copied])) out += ' ';
    }
    out += text.substr(copied);
    return out;
}

int parameter_count(std::string_view text) {
    return survey(text).highest_parameter;
}

}  // namespace orrery::sql
