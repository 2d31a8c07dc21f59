#include "pg/server_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace orrery::pg {
namespace {

using base::Error;
using base::ErrorKind;

struct SqlstateRule {
    std::string_view prefix;
    ErrorKind kind;
};

/// The longest prefix wins, so exceptions stand beside their class.
constexpr std::array<SqlstateRule, 51> kRules{{
    {"08", ErrorKind::connection},
    {"0A", ErrorKind::unsupported},
    {"0L", ErrorKind::permission},
    {"0P", ErrorKind::permission},
    {"21", ErrorKind::invalid_input},
    {"22", ErrorKind::invalid_input},
    {"23", ErrorKind::invalid_input},
    {"25", ErrorKind::invalid_input},
    {"25006", ErrorKind::permission},
    {"25P03", ErrorKind::connection},
    {"25P04", ErrorKind::timeout},
    {"26", ErrorKind::missing_object},
    {"28", ErrorKind::permission},
    {"2B", ErrorKind::conflict},
    {"34", ErrorKind::missing_object},
    {"3B", ErrorKind::invalid_input},
    {"3D", ErrorKind::missing_object},
    {"3F", ErrorKind::missing_object},
    {"40", ErrorKind::conflict},
    {"42", ErrorKind::invalid_input},
    {"42501", ErrorKind::permission},
    {"42P01", ErrorKind::missing_object},
    {"42703", ErrorKind::missing_object},
    {"42704", ErrorKind::missing_object},
    {"42883", ErrorKind::missing_object},
    {"44", ErrorKind::invalid_input},
    {"53", ErrorKind::io},
    {"53300", ErrorKind::connection},
    {"54", ErrorKind::unsupported},
    {"55", ErrorKind::unsupported},
    {"55006", ErrorKind::conflict},
    {"55P03", ErrorKind::conflict},
    {"57", ErrorKind::connection},
    {"57014", ErrorKind::timeout},
    {"58", ErrorKind::io},
    {"F0", ErrorKind::io},
    {"P0", ErrorKind::invalid_input},
    {"P0002", ErrorKind::missing_object},
    {"XX001", ErrorKind::corrupt},
    {"XX002", ErrorKind::corrupt},
    {"0B", ErrorKind::invalid_input},
    {"20", ErrorKind::invalid_input},
    {"24", ErrorKind::invalid_input},
    {"2D", ErrorKind::invalid_input},
    {"2F", ErrorKind::invalid_input},
    {"38", ErrorKind::invalid_input},
    {"39", ErrorKind::invalid_input},
    {"27", ErrorKind::conflict},
    {"72", ErrorKind::conflict},
    {"HV", ErrorKind::io},
    {"02", ErrorKind::missing_object},
}};

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::string field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text != nullptr ? text : "";
}

/// libpq's message on one line, without its tabs and the source location of the verbose form.
std::string one_line(std::string_view text) {
    std::string line;
    for (const char c : text) {
        const bool blank = c == '\n' || c == '\t' || c == ' ';
        if (!blank)
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    return line;
}

std::string statement_hint(std::string_view sqlstate, std::string_view message) {
    if (sqlstate == "42501") return "`orrery doctor` names the grant that is missing.";
    if (sqlstate == "25006")
        return "This session only observes (default_transaction_read_only), or the server is a standby: changes go to the primary.";
    if (sqlstate == "55P03") return "Another session holds a lock on it; try again when it is done (see pg_locks).";
    if (sqlstate == "53100") return "The server's disk is full: free space on it and try again.";
    if (sqlstate == "57014" && contains(message, "statement timeout"))
        return "Allow it more time (statement_timeout), or try when the server is less busy.";
    return {};
}

bool speaks_of_pg_stat_statements(std::string_view sqlstate, std::string_view message) {
    return contains(message, "pg_stat_statements") &&
           (sqlstate == "42P01" || sqlstate == "42883" || sqlstate == "55000" || sqlstate == "58P01");
}

void mention_pg_stat_statements(Error& error) {
    error.kind = ErrorKind::missing_extension;
    error.hint = error.sqlstate == "55000"
                     ? "Add pg_stat_statements to shared_preload_libraries and restart the server."
                     : "Run CREATE EXTENSION pg_stat_statements in the target database (it must be in shared_preload_libraries too).";
}

/// What the server said when it refused a connection: "FATAL:  28P01: text", then lines of DETAIL, HINT and LOCATION.
struct Refusal {
    std::string sqlstate, message, detail, hint;
};

std::string line_after(std::string_view text, std::string_view label) {
    const auto start = text.find(label);
    if (start == std::string_view::npos) return {};
    const auto from = start + label.size();
    return one_line(text.substr(from, text.find('\n', from) - from));
}

std::optional<Refusal> find_refusal(std::string_view text) {
    constexpr std::string_view kMark = ":  ";
    std::optional<Refusal> last;  // of several hosts the last one tried
    for (auto at = text.find(kMark); at != std::string_view::npos; at = text.find(kMark, at + 1)) {
        const auto code = text.substr(at + kMark.size(), 5);
        const auto rest = at + kMark.size() + 5;
        const bool five = code.size() == 5 &&
                          std::all_of(code.begin(), code.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
        if (!five || text.substr(rest, 2) != ": ") continue;
        const auto tail = text.substr(rest + 2);
        last = Refusal{std::string(code), one_line(tail.substr(0, tail.find('\n'))), line_after(tail, "DETAIL:  "),
                       line_after(tail, "HINT:  ")};
    }
    return last;
}

std::string refusal_hint(std::string_view sqlstate, std::string_view message) {
    if (sqlstate == "28P01") return "Check the user and the password: in the connection string, PGPASSWORD, or ~/.pgpass (mode 0600).";
    if (contains(message, "pg_hba.conf"))
        return "Add a line for this client, user and database to the server's pg_hba.conf and reload it (SELECT pg_reload_conf()).";
    if (contains(message, "Peer authentication") || contains(message, "Ident authentication"))
        return "The server wants the operating system's user to be the role: run as that user, or connect over TCP with a password.";
    if (sqlstate == "28000") return "Check that the role exists and may log in (CREATE ROLE ... LOGIN), and name it with user=...";
    if (sqlstate == "3D000") return "Name an existing database: SELECT datname FROM pg_database lists them.";
    if (sqlstate == "53300") return "All connection slots are taken: close sessions or raise max_connections, then try again.";
    if (sqlstate == "57P03") return "The server is starting, stopping or recovering: try again shortly.";
    if (sqlstate == "42501") return "Grant CONNECT on the database to the role.";
    return {};
}

Error failure_without_answer(std::string_view text, std::string_view target) {
    Error error{ErrorKind::connection, fmt::format("cannot connect to {}", target), one_line(text), {}, {}};
    if (contains(text, "no password supplied") || contains(text, "password authentication failed")) {
        error.kind = ErrorKind::permission;
        error.hint = refusal_hint("28P01", {});
    } else if (contains(text, "could not translate host name")) {
        error.hint = "Check the host name and this machine's name resolution.";
    } else if (contains(text, "does not support SSL") || contains(text, "certificate")) {
        error.kind = ErrorKind::invalid_input;
        error.hint = "Check sslmode, sslrootcert and the client certificate in the connection string.";
    } else if (contains(text, "connection to server") || contains(text, "timeout")) {
        error.hint = fmt::format("Is the server running, and does it listen at {}? A firewall may also be in the way.",
                                 target.substr(0, target.starts_with("local:") ? target.rfind('/') : target.find('/')));
    } else {
        error.kind = ErrorKind::invalid_input;
        error.hint = "Check the connection string.";
    }
    return error;
}

}  // namespace

ErrorKind kind_of_sqlstate(std::string_view sqlstate) {
    ErrorKind kind = ErrorKind::internal;
    std::size_t longest = 0;
    for (const auto& rule : kRules) {
        if (rule.prefix.size() <= longest || !sqlstate.starts_with(rule.prefix)) continue;
        kind = rule.kind;
        longest = rule.prefix.size();
    }
    return kind;
}

Error error_of_result(const PGresult* result) {
    Error error;
    error.sqlstate = field(result, PG_DIAG_SQLSTATE);
    error.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (error.message.empty()) error.message = one_line(PQresultErrorMessage(result));
    error.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
    error.hint = field(result, PG_DIAG_MESSAGE_HINT);
    error.kind = kind_of_sqlstate(error.sqlstate);
    if (error.detail.empty()) {
        const std::string position = field(result, PG_DIAG_STATEMENT_POSITION);
        if (!position.empty()) error.detail = fmt::format("At character {} of the statement.", position);
    }
    if (speaks_of_pg_stat_statements(error.sqlstate, error.message))
        mention_pg_stat_statements(error);
    else if (error.hint.empty())
        error.hint = statement_hint(error.sqlstate, error.message);
    return error;
}

Error lost_connection(std::string_view text, std::string_view target) {
    return Error{ErrorKind::connection,
                 fmt::format("the connection to {} was lost", target),
                 one_line(text),
                 "The server restarted, ended the session, or the network failed: the server's log says which.",
                 {}};
}

Error connect_failure(std::string_view text, std::string_view target) {
    auto refusal = find_refusal(text);
    if (!refusal) return failure_without_answer(text, target);
    Error error{kind_of_sqlstate(refusal->sqlstate), fmt::format("cannot connect to {}", target), std::move(refusal->message),
                std::move(refusal->hint), refusal->sqlstate};
    if (!refusal->detail.empty()) error.detail += ": " + refusal->detail;
    if (error.hint.empty()) error.hint = refusal_hint(error.sqlstate, error.detail);
    return error;
}

}  // namespace orrery::pg
