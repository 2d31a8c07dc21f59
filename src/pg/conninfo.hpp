#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace orrery::pg {

/// Keywords and values that a conninfo names, in libpq's order. May hold a password.
using ConninfoFields = std::vector<std::pair<std::string, std::string>>;

/// Reads a URI or keyword string; libpq's complaint is repeated without anything that may be part of a password.
base::Result<ConninfoFields> parse_conninfo(const std::string& conninfo);

/// Where a conninfo leads once the environment, the service file and libpq's defaults are added.
struct Endpoint {
    std::string host;  ///< name, address or socket folder; comma-separated when several are given
    std::string port;
    std::string database;
    std::string user;
    std::string connect_timeout;  ///< seconds as given, or empty

    /// host:port/database, or local:/folder:port/database for a unix socket.
    [[nodiscard]] std::string label() const;
    [[nodiscard]] bool several_hosts() const { return host.find(',') != std::string::npos; }
};
base::Result<Endpoint> resolve_endpoint(const ConninfoFields& fields);

/// host:port/database of what libpq calls a host (a socket folder included).
std::string endpoint_label(std::string_view host, std::string_view port, std::string_view database);

}  // namespace orrery::pg
