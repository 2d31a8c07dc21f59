#include "collectors/helper_sql.hpp"

#include "collectors/embedded_file.hpp"
#include "domain/catalog.hpp"

namespace orrery::collectors {

std::string helper_sql(std::string_view role) {
    constexpr std::string_view kRole = ":\"role\"";  // as psql would take it: psql -v role=...
    const std::string quoted = domain::quote_identifier(role);
    std::string text;
    for (const auto& file : sql_files()) {
        if (file.name != "helpers") continue;
        auto rest = file.text;
        for (auto place = rest.find(kRole); place != std::string_view::npos; place = rest.find(kRole)) {
            text.append(rest.substr(0, place)).append(quoted);
            rest = rest.substr(place + kRole.size());
        }
        text.append(rest);
    }
    return text;
}

}  // namespace orrery::collectors
