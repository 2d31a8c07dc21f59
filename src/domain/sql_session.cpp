#include "domain/sql_session.hpp"

#include <cctype>
#include <charconv>
#include <cstdlib>

namespace orrery::domain {

namespace {

constexpr std::string_view kOwnMark = " /* orrery */";
constexpr std::string_view kSpace = " \t\r\n";

}  // namespace

std::string mark_own(std::string_view sql) {
    const auto word = sql.find_first_not_of(kSpace);
    if (word == std::string_view::npos || is_marked_own(sql)) return std::string(sql);
    auto end = word;
    while (end < sql.size() && std::isalpha(static_cast<unsigned char>(sql[end])) != 0) ++end;
    if (end == word) return std::string(sql);  // begins with a comment or a parenthesis: left as it is
    return std::string(sql.substr(0, end)).append(kOwnMark).append(sql.substr(end));
}

bool is_marked_own(std::string_view sql) {
    // Near the beginning only: a text that merely holds the words somewhere is not ours.
    return sql.substr(0, 64).find(kOwnMark) != std::string_view::npos;
}

std::string_view SqlRows::text(std::size_t row, std::size_t column) const {
    const auto& value = cell(row, column);
    return value ? std::string_view(*value) : std::string_view();
}

std::int64_t SqlRows::integer(std::size_t row, std::size_t column) const {
    const auto words = text(row, column);
    std::int64_t number = 0;
    std::from_chars(words.data(), words.data() + words.size(), number);
    return number;
}

double SqlRows::real(std::size_t row, std::size_t column) const {
    const auto words = text(row, column);
    double number = 0;
    std::from_chars(words.data(), words.data() + words.size(), number);
    return number;
}

bool SqlRows::boolean(std::size_t row, std::size_t column) const {
    return text(row, column) == "t";
}

std::vector<std::string> SqlRows::array(std::size_t row, std::size_t column) const {
    std::vector<std::string> items;
    const auto words = text(row, column);
    if (words.size() < 2 || words.front() != '{') return items;
    std::string item;
    bool quoted = false, was_quoted = false;
    for (std::size_t i = 1; i + 1 <= words.size(); ++i) {
        const char c = words[i];
        if (quoted) {
            if (c == '\\' && i + 1 < words.size())
                item += words[++i];
            else if (c == '"')
                quoted = false;
            else
                item += c;
        } else if (c == '"') {
            quoted = was_quoted = true;
        } else if (c == ',' || c == '}') {
            if (!(c == '}' && items.empty() && item.empty() && !was_quoted))
                items.push_back(!was_quoted && item == "NULL" ? std::string() : item);
            item.clear();
            was_quoted = false;
            if (c == '}') break;
        } else {
            item += c;
        }
    }
    return items;
}

}  // namespace orrery::domain
