#pragma once

#include <map>
#include <string>
#include <string_view>

/// Texts of queries with parameters as :name. Only for lab's own files.
namespace orrery::lab {

using QueryParameters = std::map<std::string, std::string, std::less<>>;

/// The text with each :name replaced by its value; a name ends where no letter, digit or underscore follows. Unknown names stay.
inline std::string substitute(std::string_view text, const QueryParameters& parameters) {
    const auto in_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    std::string sql;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        const bool cast = text.substr(at, 2) == "::";
        if (cast)
            ++end;
        else if (text[at] == ':')
            while (end < text.size() && in_name(text[end])) ++end;
        const auto found = parameters.find(text.substr(at + 1, end - at - 1));
        if (text[at] == ':' && !cast && found != parameters.end())
            sql += found->second;
        else
            sql += text.substr(at, end - at);
        at = end;
    }
    return sql;
}

}  // namespace orrery::lab
