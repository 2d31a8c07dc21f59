#include "pg/conninfo.hpp"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <memory>

#include "pg/session.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using OptionList = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

constexpr auto kFormHint = "Write a URI (postgresql://user@host:5432/database) or keywords (host=... port=... dbname=... user=...).";

bool may_hold_password(const std::string& conninfo) {
    if (conninfo.find("password") != std::string::npos) return true;
    const auto scheme = conninfo.find("://");
    return scheme != std::string::npos && conninfo.find(':', scheme + 3) < conninfo.find('@', scheme + 3);
}

/// libpq quotes pieces of what it was given, and a piece may come from a password with a blank in it.
std::string without_quotations(std::string_view text) {
    std::string safe;
    bool inside = false;
    for (const char c : text) {
        if (c == '"') {
            safe += inside ? "\"" : "\"...";
            inside = !inside;
        } else if (!inside) {
            safe += c;
        }
    }
    return safe;
}

std::vector<std::string> split_commas(std::string_view text) {
    std::vector<std::string> items;
    while (true) {
        const auto comma = text.find(',');
        items.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos) return items;
        text.remove_prefix(comma + 1);
    }
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

std::string quoted_value(std::string_view value) {
    std::string quoted = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '\'';
}

std::string host_and_port(const std::string& host, const std::string& port) {
    if (host.starts_with('/') || host.starts_with('@')) return fmt::format("local:{}:{}", host, port);
    const bool ipv6 = host.find(':') != std::string::npos;
    return ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

base::Result<ConninfoFields> parse_conninfo(const std::string& conninfo) {
    char* complaint = nullptr;
    const OptionList options(PQconninfoParse(conninfo.c_str(), &complaint), &PQconninfoFree);
    if (!options) {
        std::string why = complaint != nullptr ? trimmed(complaint) : "out of memory";
        PQfreemem(complaint);
        if (may_hold_password(conninfo)) why = without_quotations(why);
        return base::unexpected(ErrorKind::invalid_input, "cannot read the connection string", why, kFormHint);
    }
    ConninfoFields fields;
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option)
        if (option->val != nullptr) fields.emplace_back(option->keyword, option->val);
    return fields;
}

base::Result<Endpoint> resolve_endpoint(const ConninfoFields& fields) {
    // libpq fills in the environment, the service file and its defaults before it looks at target_session_attrs;
    // a value that it must refuse makes it stop there, before any connection is tried.
    constexpr auto kRefused = "none-resolve-only";
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : fields) {
        if (keyword == "target_session_attrs") continue;
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back("target_session_attrs");
    values.push_back(kRefused);
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    const std::unique_ptr<PGconn, decltype(&PQfinish)> resolved(PQconnectStartParams(keywords.data(), values.data(), 0), &PQfinish);
    if (!resolved) return base::unexpected(ErrorKind::internal, "out of memory in libpq");
    const std::string complaint = trimmed(PQerrorMessage(resolved.get()));
    if (complaint.find(kRefused) == std::string::npos)
        return base::unexpected(ErrorKind::invalid_input, "cannot use the connection string", complaint, kFormHint);

    Endpoint endpoint;
    const OptionList options(PQconninfo(resolved.get()), &PQconninfoFree);
    for (const PQconninfoOption* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
        const std::string_view keyword = option->keyword;
        const std::string value = option->val != nullptr ? option->val : "";
        if (keyword == "host" || (keyword == "hostaddr" && endpoint.host.empty()))
            endpoint.host = value;
        else if (keyword == "port")
            endpoint.port = value;
        else if (keyword == "dbname")
            endpoint.database = value;
        else if (keyword == "user")
            endpoint.user = value;
        else if (keyword == "connect_timeout")
            endpoint.connect_timeout = value;
    }
    if (endpoint.host.empty()) endpoint.host = PQhost(resolved.get());
    return endpoint;
}

std::string endpoint_label(std::string_view host, std::string_view port, std::string_view database) {
    const auto hosts = split_commas(host);
    const auto ports = split_commas(port);
    std::vector<std::string> places;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        const std::string& given = ports[std::min(i, ports.size() - 1)];
        places.push_back(host_and_port(hosts[i].empty() ? "localhost" : hosts[i], given.empty() ? "5432" : given));
    }
    return fmt::format("{}/{}", fmt::join(places, ","), database);
}

std::string Endpoint::label() const {
    return endpoint_label(host, port, database);
}

base::Result<std::string> describe_target(const std::string& conninfo) {
    ORRERY_ASSIGN(const auto fields, parse_conninfo(conninfo));
    ORRERY_ASSIGN(const auto endpoint, resolve_endpoint(fields));
    return endpoint.label();
}

base::Result<std::string> with_database(const std::string& conninfo, const std::string& database) {
    ORRERY_ASSIGN(const auto fields, parse_conninfo(conninfo));
    std::string text;
    for (const auto& [keyword, value] : fields)
        if (keyword != "dbname") text += fmt::format("{}={} ", keyword, quoted_value(value));
    return text + "dbname=" + quoted_value(database);
}

}  // namespace orrery::pg
