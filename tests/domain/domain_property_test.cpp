#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/query.hpp"
#include "domain/sql_session.hpp"

namespace orrery::domain {
namespace {

/// Letters that trouble parsers, UTF-8 of two and three bytes among them.
rc::Gen<std::string> awkward_text() {
    const auto piece = rc::gen::elementOf(
        std::vector<std::string>{"a", "Z", "0", "_", " ", "\"", "'", "\\", "{", "}", ",", "NULL", "ä", "€", "\n", ".", "select"});
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece), [](const std::vector<std::string>& pieces) {
        std::string text;
        for (const auto& part : pieces) text += part;
        return text;
    });
}

std::string array_literal(const std::vector<std::string>& items) {
    std::string text = "{";
    for (const auto& item : items) {
        text += text.size() > 1 ? ",\"" : "\"";
        for (const char c : item) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

RC_GTEST_PROP(SqlRowsProperty, ArraysReadBackAsWritten, ()) {
    const auto items = *rc::gen::container<std::vector<std::string>>(awkward_text());
    SqlRows rows;
    rows.columns = {"a"};
    rows.cells = {array_literal(items)};
    RC_ASSERT(rows.array(0, 0) == items);
}

RC_GTEST_PROP(SqlRowsProperty, AnyTextIsTakenAsAnArrayWithoutHarm, (const std::string& noise)) {
    SqlRows rows;
    rows.columns = {"a"};
    rows.cells = {"{" + noise};
    RC_ASSERT(rows.array(0, 0).size() <= noise.size() + 1);
}

/// Takes a quoted identifier or literal apart as the server's lexer does.
std::string unquoted(const std::string& text, char quote) {
    if (text.front() != quote) return text;
    std::string inside;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
        inside += text[i];
        if (text[i] == quote) {
            ++i;
            RC_ASSERT(i + 1 < text.size() && text[i] == quote);
        }
    }
    RC_ASSERT(text.size() >= 2 && text.back() == quote);
    return inside;
}

RC_GTEST_PROP(QuotingProperty, NothingBreaksOut, ()) {
    const auto text = *awkward_text();
    RC_ASSERT(unquoted(quote_identifier(text), '"') == text);
    RC_ASSERT(unquoted(quote_literal(text), '\'') == text);
}

bool valid_utf8(const std::string& text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80 ? 1 : (lead & 0xE0U) == 0xC0U ? 2 : (lead & 0xF0U) == 0xE0U ? 3 : 0;
        if (length == 0 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80U) return false;
        i += length;
    }
    return true;
}

RC_GTEST_PROP(IndexSpecProperty, DefaultNamesFitAndStayValidUtf8, ()) {
    IndexSpec spec;
    spec.table = {"public", *awkward_text() + *awkward_text()};
    for (const auto& column : *rc::gen::container<std::vector<std::string>>(awkward_text())) spec.keys.push_back({.column = column});
    const std::string name = spec.default_name();
    RC_ASSERT(name.size() <= 63U);
    RC_ASSERT(name.ends_with("_idx"));
    RC_ASSERT(valid_utf8(name));
}

RC_GTEST_PROP(FingerprintProperty, HexReadsBack, (std::uint64_t value)) {
    RC_ASSERT(Fingerprint::from_hex(Fingerprint{value}.hex()).value == value);
}

}  // namespace
}  // namespace orrery::domain
