#include "sql/lexer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace orrery::sql {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v' || c == '\0';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool starts_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool in_word(char c) {
    return starts_word(c) || is_digit(c) || c == '$';
}
bool is_operator(char c) {
    return c != '\0' && std::string_view("~!@#^&|`?+-*/%<>=").find(c) != std::string_view::npos;
}
char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

bool same_word(std::string_view word, std::string_view lower_word) {
    return word.size() == lower_word.size() &&
           std::equal(word.begin(), word.end(), lower_word.begin(), [](char a, char b) { return lower(a) == b; });
}

bool takes_expression(std::string_view word) {
    constexpr std::array<std::string_view, 62> kWords{
        "all",       "and",      "any",     "asc",      "asymmetric", "between", "both",      "by",      "case",      "check",    "default",
        "desc",      "distinct", "else",    "end",      "escape",     "except",  "fetch",     "first",   "following", "for",      "from",
        "groups",    "having",   "ilike",   "in",       "intersect",  "is",      "isnull",    "join",    "leading",   "like",     "limit",
        "next",      "not",      "notnull", "offset",   "on",         "or",      "order",     "placing", "preceding", "range",    "return",
        "returning", "rows",     "select",  "set",      "similar",    "some",    "symmetric", "then",    "to",        "trailing", "union",
        "using",     "value",    "values",  "variadic", "when",       "where",   "with"};
    return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view known) { return same_word(word, known); });
}

bool Lexer::glued(const Token& before, const Token& token) const {
    const auto constant = [](const Token& t) { return t.kind == TokenKind::string || t.kind == TokenKind::bits; };
    if (before.end != token.begin) return false;
    if (constant(before)) return token.kind == TokenKind::word;
    if (before.kind != TokenKind::word) return false;
    return constant(token) || token.kind == TokenKind::number ||
           (token.kind == TokenKind::op && text(token) == "-" && takes_expression(text(before)));
}

bool is_national(std::string_view constant) {
    return !constant.empty() && lower(constant[0]) == 'n';
}

void Lexer::skip_space() {
    while (position_ < text_.size() && is_space(text_[position_])) ++position_;
}

void Lexer::comment(Token& token) {
    token.kind = TokenKind::comment;
    if (at(position_) == '-') {
        position_ = std::min(text_.find_first_of("\r\n", position_), text_.size());
        return;
    }
    std::size_t open = 1;
    for (position_ += 2; position_ < text_.size() && open > 0; ++position_) {
        const bool pair = position_ + 1 < text_.size();
        if (pair && text_[position_] == '/' && text_[position_ + 1] == '*')
            ++open, ++position_;
        else if (pair && text_[position_] == '*' && text_[position_ + 1] == '/')
            --open, ++position_;
    }
    token.terminated = open == 0;
}

/// After a closing quote: white space with a line end in it and another quote continue the constant.
bool Lexer::continued() {
    bool line_end = false;
    std::size_t ahead = position_;
    while (ahead < text_.size()) {
        const char c = text_[ahead];
        if (c == '-' && at(ahead + 1) == '-') {
            ahead = std::min(text_.find_first_of("\r\n", ahead), text_.size());
        } else if (is_space(c) && c != '\0') {
            line_end = line_end || c == '\n' || c == '\r';
            ++ahead;
        } else {
            break;
        }
    }
    if (!line_end || at(ahead) != '\'') return false;
    position_ = ahead + 1;
    return true;
}

/// `position_` is behind the opening quote.
void Lexer::quoted(Token& token, char quote, bool backslashes) {
    while (position_ < text_.size()) {
        const char c = text_[position_++];
        if (c == '\\' && backslashes && position_ < text_.size()) {
            ++position_;
        } else if (c == quote) {
            if (at(position_) == quote)
                ++position_;
            else if (quote != '\'' || !continued())
                return;
        }
    }
    token.terminated = false;
}

bool Lexer::dollar(Token& token) {
    std::size_t ahead = position_ + 1;
    if (is_digit(at(ahead))) {
        while (is_digit(at(ahead))) ++ahead;
        token.kind = TokenKind::parameter;
        position_ = ahead;
        return true;
    }
    if (starts_word(at(ahead)))
        while (starts_word(at(ahead)) || is_digit(at(ahead))) ++ahead;
    if (at(ahead) != '$') return false;
    const std::string_view tag = text_.substr(position_, ahead + 1 - position_);
    token.kind = TokenKind::string;
    const std::size_t close = text_.find(tag, ahead + 1);
    token.terminated = close != std::string_view::npos;
    position_ = token.terminated ? close + tag.size() : text_.size();
    return true;
}

/// Letters that follow at once are taken in: they are an error in SQL, and part of no identifier.
void Lexer::number() {
    const auto run = [&] {
        while (in_word(at(position_))) ++position_;
    };
    const auto sign = [&] {
        const char before = lower(text_[position_ - 1]);
        if (before == 'e' && (at(position_) == '+' || at(position_) == '-') && is_digit(at(position_ + 1))) {
            ++position_;
            run();
        }
    };
    if (at(position_) != '.') {
        run();
        sign();
    }
    if (at(position_) == '.' && at(position_ + 1) != '.') {
        ++position_;
        run();
        sign();
    }
}

void Lexer::word(Token& token) {
    const char first = lower(text_[position_]);
    const char second = at(position_ + 1);
    if (second == '\'' && (first == 'b' || first == 'x' || first == 'e' || first == 'n')) {
        token.kind = first == 'b' || first == 'x' ? TokenKind::bits : TokenKind::string;
        position_ += 2;
        return quoted(token, '\'', first == 'e');
    }
    const char third = at(position_ + 2);
    if (first == 'u' && second == '&' && (third == '\'' || third == '"')) {
        token.kind = third == '"' ? TokenKind::quoted_word : TokenKind::string;
        position_ += 3;
        return quoted(token, third, false);
    }
    token.kind = TokenKind::word;
    while (in_word(at(position_))) ++position_;
}

/// The longest run of operator characters, cut before a comment; a trailing + or - belongs to it only beside certain characters.
void Lexer::op() {
    const std::size_t begin = position_;
    bool takes_sign = false;
    while (is_operator(at(position_))) {
        const char c = text_[position_];
        if (position_ > begin && ((c == '-' && at(position_ + 1) == '-') || (c == '/' && at(position_ + 1) == '*'))) break;
        takes_sign = takes_sign || std::string_view("~!@#^&|`?%").find(c) != std::string_view::npos;
        ++position_;
    }
    while (!takes_sign && position_ > begin + 1 && (text_[position_ - 1] == '+' || text_[position_ - 1] == '-')) --position_;
}

bool Lexer::next(Token& token) {
    skip_space();
    token = Token{TokenKind::other, position_, position_, true};
    if (position_ >= text_.size()) return false;
    const char c = text_[position_];
    const char ahead = at(position_ + 1);
    if ((c == '-' && ahead == '-') || (c == '/' && ahead == '*')) {
        comment(token);
    } else if (starts_word(c)) {
        word(token);
    } else if (c == '\'' || c == '"') {
        token.kind = c == '"' ? TokenKind::quoted_word : TokenKind::string;
        ++position_;
        quoted(token, c, false);
    } else if (is_digit(c) || (c == '.' && is_digit(ahead))) {
        token.kind = TokenKind::number;
        number();
    } else if (c == '$' && dollar(token)) {
    } else if (is_operator(c)) {
        token.kind = TokenKind::op;
        op();
    } else if (c == ':' && (ahead == ':' || ahead == '=')) {
        token.kind = TokenKind::op;
        position_ += 2;
    } else {
        token.kind = c == '(' || c == '['   ? TokenKind::open
                     : c == ')' || c == ']' ? TokenKind::close
                     : c == ','             ? TokenKind::comma
                     : c == ';'             ? TokenKind::semicolon
                                            : TokenKind::other;
        ++position_;
    }
    token.end = position_;
    return true;
}

namespace {

/// Bounds the depth of the parse tree. A chain of operators nests as deep as it is long; each arm of AND, OR, a comma or a clause
/// starts anew; chains of joins and of set operations run on through all of these; a bracket is as deep as its deepest arm.
class DepthBound {
public:
    void link() { ++levels_.back().links; }
    void chain() { ++levels_.back().chained; }
    void between() {
        ++levels_.back().links;
        ++levels_.back().betweens;
    }
    void conjunction() {
        if (levels_.back().betweens > 0)
            --levels_.back().betweens;  // the AND of BETWEEN
        else
            arm();
    }
    void arm() {
        Level& level = levels_.back();
        level.deepest = std::max(level.deepest, level.links + level.inside);
        level.links = level.inside = 0;
    }
    void open(bool is_case) { levels_.push_back({.is_case = is_case}); }
    void close(bool is_case) {
        if (is_case && !levels_.back().is_case) return;
        while (!is_case && levels_.size() > 1 && levels_.back().is_case) fold();
        if (levels_.size() > 1) fold();
    }
    std::size_t result() {
        while (levels_.size() > 1) fold();
        arm();
        return levels_.back().deepest + levels_.back().chained;
    }

private:
    struct Level {
        std::size_t links = 0, chained = 0, betweens = 0, inside = 0, deepest = 0;
        bool is_case = false;
    };
    void fold() {
        arm();
        const std::size_t depth = levels_.back().deepest + levels_.back().chained + 1;
        levels_.pop_back();
        levels_.back().inside = std::max(levels_.back().inside, depth);
    }
    std::vector<Level> levels_{Level{}};
};

enum class Role { plain, link, chain, arm, between, conjunction, open, close };

Role role_of(std::string_view word) {
    struct Entry {
        std::string_view word;
        Role role;
    };
    constexpr std::array<Entry, 27> kRoles{
        {{"and", Role::conjunction}, {"at", Role::link},      {"between", Role::between}, {"case", Role::open},     {"collate", Role::link},
         {"else", Role::arm},        {"end", Role::close},    {"except", Role::chain},    {"ilike", Role::link},    {"in", Role::link},
         {"intersect", Role::chain}, {"is", Role::link},      {"isnull", Role::link},     {"join", Role::chain},    {"like", Role::link},
         {"not", Role::link},        {"notnull", Role::link}, {"on", Role::arm},          {"operator", Role::link}, {"or", Role::arm},
         {"over", Role::link},       {"select", Role::arm},   {"similar", Role::link},    {"then", Role::arm},      {"union", Role::chain},
         {"when", Role::arm},        {"where", Role::arm}}};
    if (word.size() < 2 || word.size() > 9) return Role::plain;
    const char first = lower(word[0]);
    for (const Entry& entry : kRoles)
        if (first == entry.word[0] && same_word(word, entry.word)) return entry.role;
    return Role::plain;
}

void bound_word(DepthBound& depth, std::string_view word) {
    switch (role_of(word)) {
        case Role::plain: return;
        case Role::link: return depth.link();
        case Role::chain: return depth.chain();
        case Role::arm: return depth.arm();
        case Role::between: return depth.between();
        case Role::conjunction: return depth.conjunction();
        case Role::open: return depth.open(true);
        case Role::close: return depth.close(true);
    }
}

}  // namespace

TextSurvey survey(std::string_view text) {
    TextSurvey result;
    DepthBound depth;
    bool in_statement = false;
    Lexer lexer(text);
    Token before;
    for (Token token; lexer.next(token); before = token) {
        result.glued = result.glued || lexer.glued(before, token) || (token.kind == TokenKind::string && is_national(lexer.text(token)));
        if (token.kind == TokenKind::comment) continue;
        if (token.kind == TokenKind::semicolon)
            in_statement = false;
        else if (!in_statement)
            in_statement = true, ++result.statements;
        switch (token.kind) {
            case TokenKind::word:
                bound_word(depth, lexer.text(token));
                result.escapes = result.escapes || same_word(lexer.text(token), "uescape");
                break;
            case TokenKind::op: depth.link(); break;
            case TokenKind::open: depth.open(false); break;
            case TokenKind::close: depth.close(false); break;
            case TokenKind::comma:
            case TokenKind::semicolon: depth.arm(); break;
            case TokenKind::parameter: {
                int number = 0;
                const auto digits = lexer.text(token).substr(1);
                const bool overflow = std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc();
                result.bad_parameter = result.bad_parameter || overflow || number == 0;
                if (overflow) number = kHighestParameter;
                result.highest_parameter = std::max(result.highest_parameter, std::min(number, kHighestParameter));
                break;
            }
            default: break;
        }
    }
    result.depth = depth.result();
    result.has_nul = text.find('\0') != std::string_view::npos;
    return result;
}

}  // namespace orrery::sql
