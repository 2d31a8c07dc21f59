#include "sql/statement.hpp"

#include <fmt/format.h>
#include <pg_query.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

#include "sql/lexer.hpp"
#include "sql/parse_tree.hpp"

namespace orrery::sql {
namespace {

/// A statement whose constants libpg_query's normalization knows where to find.
bool starts_query(std::string_view word) {
    constexpr std::array<std::string_view, 8> kWords{"select", "insert", "update", "delete", "merge", "with", "values", "table"};
    return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view known) { return same_word(word, known); });
}

/// Of the character in front; 0 for an invalid byte and for NUL.
std::size_t utf8_length(std::string_view bytes) {
    const auto byte = [&](std::size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U; };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return first == 0 ? 0 : 1;
    if (first >= 0xC2 && first <= 0xDF && tail(1)) return 2;
    if (first >= 0xE0 && first <= 0xEF && tail(1) && tail(2)) {
        if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
        return 3;
    }
    if (first >= 0xF0 && first <= 0xF4 && tail(1) && tail(2) && tail(3)) {
        if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
        return 4;
    }
    return 0;
}

void append_valid_utf8(std::string& out, std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t length = utf8_length(bytes);
        if (length == 0)
            out += "\xEF\xBF\xBD";
        else
            out += bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
}

bool is_valid_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::size_t length = utf8_length(bytes);
        if (length == 0) return false;
        bytes.remove_prefix(length);
    }
    return true;
}

/// A word of a text that does not parse: a number may have run into it, so long runs of digits become one 0.
std::string without_numbers(std::string_view word) {
    constexpr std::size_t kLongestRun = 4;
    std::string out;
    while (!word.empty()) {
        const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
        const std::size_t rest = std::min(word.find_first_of("0123456789", digits), word.size());
        out += digits > kLongestRun ? std::string_view("0") : word.substr(0, digits);
        out += word.substr(digits, rest - digits);
        word.remove_prefix(rest);
    }
    return out;
}

/// Quotes that do not pair up turn constants into words and words into constants: nothing from the first quote on can be shown.
std::optional<std::size_t> doubtful_from(std::string_view text) {
    std::optional<std::size_t> first_quote;
    bool doubtful = false;
    Lexer lexer(text);
    Token before;
    for (Token token; lexer.next(token); before = token) {
        const bool touches = token.begin == before.end && token.begin > 0;
        const bool number = before.kind == TokenKind::number || token.kind == TokenKind::number;
        const bool quote = token.kind == TokenKind::string || token.kind == TokenKind::bits || token.kind == TokenKind::quoted_word;
        const bool constant = token.kind == TokenKind::string || token.kind == TokenKind::bits;
        const bool after_constant = before.kind == TokenKind::string || before.kind == TokenKind::bits;
        const bool bad = !token.terminated || lexer.glued(before, token) || (touches && number && (constant || after_constant)) ||
                         (touches && after_constant && quote);
        if (!first_quote && (quote || !token.terminated))
            first_quote = touches && before.kind == TokenKind::word ? before.begin : token.begin;
        doubtful = doubtful || bad;
    }
    return doubtful ? first_quote : std::nullopt;
}

/// With a space between words and quoted constants that touch: $1 in the constant's place would run into the word.
std::string unglued(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 16);
    std::size_t copied = 0;
    Lexer lexer(text);
    Token before;
    for (Token token; lexer.next(token); before = token) {
        const bool national = token.kind == TokenKind::string && is_national(lexer.text(token));
        if (!national && !lexer.glued(before, token)) continue;
        out += text.substr(copied, token.begin - copied);
        out += national ? " nchar " : " ";
        copied = token.begin + (national ? 1 : 0);
    }
    out += text.substr(copied);
    return out;
}

/// Without UESCAPE '!' after $n, which cannot stand there.
std::string without_escapes(const std::string& text) {
    std::string out;
    std::size_t copied = 0;
    Lexer lexer(text);
    Token before;
    for (Token token; lexer.next(token);) {
        if (token.kind == TokenKind::comment) continue;
        const bool escape = before.kind == TokenKind::parameter && token.kind == TokenKind::word && same_word(lexer.text(token), "uescape");
        const Token parameter = std::exchange(before, token);
        if (!escape || !lexer.next(token)) continue;
        out += std::string_view(text).substr(copied, parameter.end - copied);
        copied = token.end;
    }
    return out += std::string_view(text).substr(copied);
}

enum class Text { normalized, unparsed };

/// Every constant as $n, comments left out, one space where white space was.
std::string redact_tokens(std::string_view text, Text state) {
    const auto doubtful = state == Text::unparsed ? doubtful_from(text) : std::nullopt;
    if (doubtful) text = text.substr(0, *doubtful);
    std::string out;
    out.reserve(text.size());
    int parameter = survey(text).highest_parameter;
    bool in_query = false;
    bool at_start = true;
    Lexer lexer(text);
    Token before;
    for (Token token; lexer.next(token); before = token) {
        if (token.kind == TokenKind::comment) continue;
        if (!out.empty() && (before.end != token.begin || lexer.glued(before, token))) out += ' ';
        if (at_start && token.kind != TokenKind::open) {
            in_query = token.kind == TokenKind::word && starts_query(lexer.text(token));
            at_start = false;
        }
        if (token.kind == TokenKind::semicolon) at_start = true;
        const bool number = token.kind == TokenKind::number && (state == Text::unparsed || !in_query);
        if (number || token.kind == TokenKind::string || token.kind == TokenKind::bits)
            fmt::format_to(std::back_inserter(out), "${}", ++parameter);
        else if (state == Text::unparsed && token.kind == TokenKind::word)
            append_valid_utf8(out, without_numbers(lexer.text(token)));
        else
            append_valid_utf8(out, lexer.text(token));
    }
    if (doubtful) out += out.empty() || out.back() == ' ' ? "..." : " ...";
    return out;
}

}  // namespace

base::Result<domain::Fingerprint> fingerprint(const std::string& text) {
    ORRERY_TRY(check_text(text));
    const PgQueryFingerprintResult result = pg_query_fingerprint(text.c_str());
    if (result.error != nullptr) {
        auto error = syntax_error(text, result.error->message, result.error->cursorpos);
        pg_query_free_fingerprint_result(result);
        return base::unexpected(std::move(error));
    }
    const domain::Fingerprint value{result.fingerprint};
    pg_query_free_fingerprint_result(result);
    return value;
}

base::Result<std::string> normalize(const std::string& text) {
    ORRERY_ASSIGN(const TextSurvey found, check_text(text));
    const PgQueryNormalizeResult result = pg_query_normalize(found.glued ? unglued(text).c_str() : text.c_str());
    if (result.error != nullptr) {
        auto error = syntax_error(text, result.error->message, result.error->cursorpos);
        pg_query_free_normalize_result(result);
        return base::unexpected(std::move(error));
    }
    std::string normalized(result.normalized_query);
    pg_query_free_normalize_result(result);
    if (found.escapes) normalized = without_escapes(normalized);
    return normalized;
}

std::string redact(const std::string& text) {
    // Invalid UTF-8 is taken for letters by the grammar, by no server.
    if (!is_valid_utf8(text)) return redact_tokens(text, Text::unparsed);
    if (const auto normalized = normalize(text)) return redact_tokens(*normalized, Text::normalized);
    return redact_tokens(text, Text::unparsed);
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> statements;
    std::size_t begin = 0, end = 0;
    Lexer lexer(text);
    const auto finish = [&] {
        if (end > begin) statements.emplace_back(text.substr(begin, end - begin));
        begin = end = 0;
    };
    for (Token token; lexer.next(token);) {
        if (token.kind == TokenKind::semicolon) {
            finish();
        } else if (token.kind != TokenKind::comment) {
            if (end == 0) begin = token.begin;
            end = token.end;
        }
    }
    finish();
    return statements;
}

}  // namespace orrery::sql
