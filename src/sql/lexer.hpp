#pragma once

#include <cstddef>
#include <string_view>

namespace orrery::sql {

enum class TokenKind {
    comment,      ///< `-- ...` without its line end, or a whole `/* ... */`
    word,         ///< unquoted identifier or keyword
    quoted_word,  ///< "..." and U&"..."
    string,       ///< '...', E'...', N'...', U&'...' with its continuations, and $tag$...$tag$
    bits,         ///< B'...' and X'...'
    number,
    parameter,  ///< $1
    op,         ///< an operator of one or more characters, `::` and `:=` among them
    open,       ///< ( or [
    close,      ///< ) or ]
    comma,
    semicolon,
    other,  ///< `.`, `:`, `\` and bytes that SQL has no use for
};

struct Token {
    TokenKind kind = TokenKind::other;
    std::size_t begin = 0, end = 0;  ///< bytes, half open
    bool terminated = true;          ///< false for a quote or comment that runs into the end of the text
};

/// Cuts text into PostgreSQL's tokens (scan.l of PostgreSQL 15, standard_conforming_strings on). Unlike the server's scanner it
/// never fails and takes any bytes, NUL included; white space is left out. Holds a view of the text; one per thread.
class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}

    /// False at the end of the text.
    bool next(Token& token);
    /// Goes on at this byte.
    void seek(std::size_t position) { position_ = position; }

    [[nodiscard]] std::string_view text(const Token& token) const { return text_.substr(token.begin, token.end - token.begin); }

    /// Do these neighbours touch such that $n in the place of a constant would run into a word? date'2024-01-01', SELECT-1
    [[nodiscard]] bool glued(const Token& before, const Token& token) const;

private:
    [[nodiscard]] char at(std::size_t position) const { return position < text_.size() ? text_[position] : '\0'; }
    void skip_space();
    void comment(Token& token);
    void quoted(Token& token, char quote, bool backslashes);
    bool continued();
    bool dollar(Token& token);
    void number();
    void word(Token& token);
    void op();

    std::string_view text_;
    std::size_t position_ = 0;
};

/// Words after which an expression may come. A $n after any other word, a type's name, is that type's literal.
bool takes_expression(std::string_view word);

/// N'...', which is short for nchar '...'.
bool is_national(std::string_view constant);

/// `word` in any case equals `lower`, which is lower case already.
bool same_word(std::string_view word, std::string_view lower);

/// A $n beyond is taken for this one: no server has as many.
constexpr int kHighestParameter = 1'000'000'000;

/// What one pass over a text tells about it.
struct TextSurvey {
    std::size_t depth = 0;       ///< upper bound of how deep the parse tree of an expression or FROM item nests
    bool escapes = false;        ///< holds the word UESCAPE
    int highest_parameter = 0;   ///< n of the highest $n
    bool bad_parameter = false;  ///< $0 or a $n no integer holds
    std::size_t statements = 0;  ///< texts between semicolons that hold more than comments
    bool has_nul = false;
    bool glued = false;  ///< see Lexer::glued; or N'...'
};

TextSurvey survey(std::string_view text);

}  // namespace orrery::sql
