#include "sql/parse_tree.hpp"

#include <fmt/format.h>
#include <pg_query.h>

#include <algorithm>

#include "sql/lexer.hpp"

namespace orrery::sql {
namespace {

void* allocate_in(void* arena, std::size_t bytes) {
    return static_cast<Arena*>(arena)->allocate(bytes);
}
void release_nothing(void* /*arena*/, void* /*memory*/) {}

/// Where the cursor points: line and column count from 1.
struct Place {
    std::size_t byte = 0;
    int line = 1, column = 1;
};

Place place_of(std::string_view text, int cursor) {
    Place place;
    for (int i = 1; i < cursor && place.byte < text.size(); ++i) {
        if (text[place.byte] == '\n') {
            ++place.line;
            place.column = 0;
        }
        ++place.column;
        ++place.byte;
        while (place.byte < text.size() && (static_cast<unsigned char>(text[place.byte]) & 0xC0U) == 0x80U) ++place.byte;
    }
    return place;
}

}  // namespace

Arena::Arena(std::size_t first_block_bytes) : next_block_bytes_(first_block_bytes), allocator_{&allocate_in, &release_nothing, this} {}

void* Arena::allocate(std::size_t bytes) {
    constexpr std::size_t kAlign = alignof(std::max_align_t);
    constexpr std::size_t kLargestBlock = std::size_t{1} << 20U;
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    if (bytes > left_) {
        const std::size_t block = std::max(bytes, next_block_bytes_);
        blocks_.emplace_back(new std::byte[block]);
        free_ = blocks_.back().get();
        left_ = block;
        next_block_bytes_ = std::min(2 * next_block_bytes_, kLargestBlock);
    }
    void* result = free_;
    free_ += bytes;
    left_ -= bytes;
    return result;
}

base::Error syntax_error(const std::string& text, std::string_view reason, int cursor) {
    const Place place = place_of(text, cursor);
    // "at or near" quotes the text, which may be a literal.
    std::string detail(reason.substr(0, reason.find(" at or near ")));
    if (cursor > 0 && place.byte < text.size()) {
        Token token;
        Lexer lexer(std::string_view(text).substr(place.byte));
        const bool word = lexer.next(token) && token.kind == TokenKind::word && token.begin == 0;
        const bool sign = token.begin == 0 && token.end <= 2 && token.kind != TokenKind::string && token.kind != TokenKind::number;
        if (word || sign) detail += fmt::format(" at \"{}\"", lexer.text(token).substr(0, 63));
        detail += fmt::format(", line {}, column {}", place.line, place.column);
    } else if (cursor > 0) {
        detail += " at the end";
    }
    return base::Error{base::ErrorKind::invalid_input, "the statement does not parse", std::move(detail),
                       "Check the statement; PostgreSQL 15's grammar is used.", "42601"};
}

base::Result<TextSurvey> check_text(const std::string& text) {
    const auto refuse = [](std::string detail) {
        return base::unexpected(base::ErrorKind::invalid_input, "the statement cannot be read", std::move(detail));
    };
    if (text.size() > kLongestStatement) return refuse(fmt::format("It is longer than {} MiB.", kLongestStatement >> 20U));
    const TextSurvey found = survey(text);
    if (found.has_nul) return refuse("It holds a NUL byte.");
    if (found.statements == 0) return refuse("It is empty.");
    if (found.depth > kDeepestNesting) return refuse(fmt::format("It nests deeper than {} levels.", kDeepestNesting));
    return found;
}

base::Result<ParseTree> parse(const std::string& text) {
    ORRERY_ASSIGN(const TextSurvey found, check_text(text));
    if (found.bad_parameter)
        return base::unexpected(base::ErrorKind::invalid_input, "the statement cannot be read", "There is no such parameter as $0.",
                                "Parameters count from $1.");
    struct Parsed {
        PgQueryProtobufParseResult result;
        explicit Parsed(const char* sql) : result(pg_query_parse_protobuf(sql)) {}
        ~Parsed() { pg_query_free_protobuf_parse_result(result); }
        Parsed(const Parsed&) = delete;
        Parsed& operator=(const Parsed&) = delete;
    } const parsed(text.c_str());
    if (parsed.result.error != nullptr)
        return base::unexpected(syntax_error(text, parsed.result.error->message, parsed.result.error->cursorpos));

    ParseTree tree;
    tree.highest_parameter_ = found.highest_parameter;
    const std::size_t packed = parsed.result.parse_tree.len;
    tree.arena_ = std::make_unique<Arena>(std::max<std::size_t>(4096, 8 * packed));
    tree.root_ = pg_query__parse_result__unpack(tree.arena_->allocator(), packed,
                                                reinterpret_cast<const std::uint8_t*>(parsed.result.parse_tree.data));
    if (tree.root_ == nullptr) return base::unexpected(base::ErrorKind::internal, "the parse tree cannot be unpacked");
    return tree;
}

std::string_view string_value(const PgQuery__Node* node) {
    if (node == nullptr || node->node_case != PG_QUERY__NODE__NODE_STRING) return {};
    return node->string->sval;
}

}  // namespace orrery::sql
