#include "domain/sql_session.hpp"

#include <charconv>
#include <cstdlib>

namespace orrery::domain {

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
