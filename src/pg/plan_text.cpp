#include "pg/plan_text.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <iterator>

namespace orrery::pg {
namespace {

/// Bytes that the character in front should have by its first byte; 1 for those that begin none.
std::size_t expected_length(unsigned char first) {
    if (first >= 0xF0) return 4;
    if (first >= 0xE0) return 3;
    return first >= 0xC0 ? 2 : 1;
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
    return simdjson::validate_utf8(bytes.data(), bytes.size());
}

std::string valid_utf8(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() + 16);
    while (!bytes.empty()) {
        const auto length = std::min(expected_length(static_cast<unsigned char>(bytes.front())), bytes.size());
        const auto character = bytes.substr(0, length);
        const bool valid = static_cast<unsigned char>(bytes.front()) < 0x80 || is_valid_utf8(character);
        out += valid ? character : std::string_view("\xEF\xBF\xBD");
        bytes.remove_prefix(valid ? length : 1);
    }
    return out;
}

void append_json_text(std::string& out, std::string_view text) {
    if (!is_valid_utf8(text)) return append_json_text(out, valid_utf8(text));
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    out += '"';
}

}  // namespace orrery::pg
