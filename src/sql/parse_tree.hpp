#pragma once

#include <pg_query/pg_query.pb-c.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sql/lexer.hpp"

/// Internal to this part: libpg_query's parse tree with its memory. No header that other parts include may include this one.
namespace orrery::sql {

/// Expressions and FROM items that nest deeper are refused, for recursion over them must fit a thread's stack.
constexpr std::size_t kDeepestNesting = 1000;
/// Longer statements are refused: their trees take some hundred times the memory.
constexpr std::size_t kLongestStatement = std::size_t{16} << 20U;  // bytes

/// Memory for one tree: handed out in turn, given back at once.
class Arena {
public:
    explicit Arena(std::size_t first_block_bytes);
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    void* allocate(std::size_t bytes);
    ProtobufCAllocator* allocator() { return &allocator_; }

private:
    std::vector<std::unique_ptr<std::byte[]>> blocks_;
    std::byte* free_ = nullptr;
    std::size_t left_ = 0, next_block_bytes_;
    ProtobufCAllocator allocator_;
};

/// A parsed text. The nodes live as long as it does.
class ParseTree {
public:
    [[nodiscard]] std::size_t statement_count() const { return root_->n_stmts; }
    [[nodiscard]] PgQuery__Node* statement(std::size_t i) const { return root_->stmts[i]->stmt; }

    [[nodiscard]] int highest_parameter() const { return highest_parameter_; }

private:
    friend base::Result<ParseTree> parse(const std::string& text);
    std::unique_ptr<Arena> arena_;
    PgQuery__ParseResult* root_ = nullptr;
    int highest_parameter_ = 0;
};

/// Fails with invalid_input for text that does not parse, holds NUL, or is too long or too deep.
base::Result<ParseTree> parse(const std::string& text);

/// The checks that come before libpg_query sees a text: no NUL, bounded length and depth.
base::Result<TextSurvey> check_text(const std::string& text);

/// The error of a failed call; `cursor` counts characters from 1, 0 when not known. Never shows a literal of the text.
base::Error syntax_error(const std::string& text, std::string_view reason, int cursor);

/// The text of a String node; empty for another.
std::string_view string_value(const PgQuery__Node* node);

}  // namespace orrery::sql
