#include "twin/schema_dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "base/process.hpp"
#include "pg/conninfo.hpp"

namespace orrery::twin {
namespace {

using base::ErrorKind;
using namespace std::chrono_literals;

constexpr auto kDumpPatience = 300s;
constexpr std::string_view kEntryStart = "-- Name: ";
constexpr std::string_view kDumpEnd = "--\n-- PostgreSQL database dump complete";

struct Variable {
    std::string_view keyword, name;
};

/// libpq's environment variables: https://www.postgresql.org/docs/current/libpq-envars.html
constexpr std::array<Variable, 27> kVariables{{
    {"host", "PGHOST"},
    {"hostaddr", "PGHOSTADDR"},
    {"port", "PGPORT"},
    {"dbname", "PGDATABASE"},
    {"user", "PGUSER"},
    {"password", "PGPASSWORD"},
    {"passfile", "PGPASSFILE"},
    {"require_auth", "PGREQUIREAUTH"},
    {"channel_binding", "PGCHANNELBINDING"},
    {"service", "PGSERVICE"},
    {"options", "PGOPTIONS"},
    {"sslmode", "PGSSLMODE"},
    {"sslcompression", "PGSSLCOMPRESSION"},
    {"sslcert", "PGSSLCERT"},
    {"sslkey", "PGSSLKEY"},
    {"sslcertmode", "PGSSLCERTMODE"},
    {"sslrootcert", "PGSSLROOTCERT"},
    {"sslcrl", "PGSSLCRL"},
    {"sslcrldir", "PGSSLCRLDIR"},
    {"sslsni", "PGSSLSNI"},
    {"requirepeer", "PGREQUIREPEER"},
    {"ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"},
    {"ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"},
    {"gssencmode", "PGGSSENCMODE"},
    {"krbsrvname", "PGKRBSRVNAME"},
    {"connect_timeout", "PGCONNECT_TIMEOUT"},
    {"target_session_attrs", "PGTARGETSESSIONATTRS"},
}};

/// "-- Name: a; Type: TABLE; Schema: public; Owner: -" without a trailing newline.
DdlEntry parse_header(std::string_view line) {
    DdlEntry entry;
    const auto type_at = line.rfind("; Type: ");
    const auto schema_at = line.rfind("; Schema: ");
    const auto owner_at = line.rfind("; Owner:");
    if (type_at == std::string_view::npos || schema_at == std::string_view::npos || schema_at < type_at) return entry;
    entry.name = line.substr(kEntryStart.size(), type_at - kEntryStart.size());
    entry.type = line.substr(type_at + 8, schema_at - type_at - 8);
    entry.schema = line.substr(schema_at + 10, owner_at == std::string_view::npos ? owner_at : owner_at - schema_at - 10);
    return entry;
}

int dump_major(std::string_view version_text) {
    // "pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    constexpr std::string_view kBefore = "(PostgreSQL) ";
    int major = 0;
    if (const auto at = version_text.find(kBefore); at != std::string_view::npos)
        std::from_chars(version_text.data() + at + kBefore.size(), version_text.data() + version_text.size(), major);
    return major;
}

base::Result<void> check_program(const DumpRequest& request, const std::stop_token& stop) {
    const std::string hint = fmt::format("Install the package postgresql-client-{} or name a newer pg_dump.", request.server_major);
    auto version = base::run_checked({.command = {request.program.string(), "--version"}, .timeout = 10s}, stop);
    if (!version) {
        if (version.error().kind == ErrorKind::cancelled) return base::unexpected(std::move(version).error());
        return base::unexpected(ErrorKind::unsupported, fmt::format("pg_dump cannot be run: {}", request.program.string()),
                                version.error().detail.empty() ? version.error().message : version.error().detail, hint);
    }
    const int major = dump_major(*version);
    if (major < request.server_major)
        return base::unexpected(ErrorKind::unsupported,
                                fmt::format("pg_dump {} cannot read the schema of a server of version {}", major, request.server_major),
                                request.program.string(), hint);
    return {};
}

/// A pattern that names exactly one table in pg_dump's options.
std::string exact_pattern(const domain::RelationName& name) {
    const auto quoted = [](const std::string& part) {
        std::string text = "\"";
        for (const char c : part) {
            if (c == '"') text += '"';
            text += c;
        }
        return text + '"';
    };
    return quoted(name.schema) + "." + quoted(name.name);
}

base::Error dump_failure(base::Error error) {
    if (error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timeout) return error.within("reading the schema with pg_dump");
    const auto says = [&](std::string_view words) { return error.detail.find(words) != std::string::npos; };
    error.message = "pg_dump could not read the schema";
    if (says("permission denied")) {
        error.kind = ErrorKind::permission;
        error.hint = "Grant the role pg_read_all_data (PostgreSQL 14 and later), or SELECT on the tables that count.";
    } else if (says("connection to server") || says("server closed the connection") || says("terminating connection") ||
               says("the database system is")) {
        error.kind = ErrorKind::connection;
        error.hint = "Is the server still running? Try again when it is.";
    } else if (says("lock timeout") || says("could not obtain lock")) {
        error.kind = ErrorKind::conflict;
        error.hint = "Another session holds an exclusive lock on a table (a running ALTER TABLE?); try again when it is done.";
    }
    return error;
}

}  // namespace

DdlPhase phase_of(const DdlEntry& entry) {
    constexpr std::array<std::string_view, 3> kReactions{"TRIGGER", "RULE", "CONSTRAINT TRIGGER"};
    constexpr std::array<std::string_view, 15> kNever{
        "EVENT TRIGGER",  "POLICY", "ROW SECURITY", "PUBLICATION",    "PUBLICATION TABLE", "SUBSCRIPTION", "USER MAPPING",
        "COMMENT",        "ACL",    "DEFAULT ACL",  "SECURITY LABEL", "SEQUENCE SET",      "TABLE DATA",   "MATERIALIZED VIEW DATA",
        "STATISTICS DATA"};
    if (std::find(kReactions.begin(), kReactions.end(), entry.type) != kReactions.end()) return DdlPhase::reactions;
    if (std::find(kNever.begin(), kNever.end(), entry.type) != kNever.end()) return DdlPhase::never;
    return DdlPhase::structure;
}

bool needs_superuser(const DdlEntry& entry) {
    return entry.type == "EXTENSION" || entry.type == "OPERATOR CLASS" || entry.type == "OPERATOR FAMILY";
}

std::vector<DdlEntry> split_dump(std::string_view text) {
    text = text.substr(0, text.rfind(kDumpEnd));
    const std::string mark = "\n--\n" + std::string(kEntryStart);
    std::vector<DdlEntry> entries;
    auto at = text.find(mark);
    while (at != std::string_view::npos) {
        const auto header = at + 4;
        const auto header_end = text.find('\n', header);
        const auto next = text.find(mark, header);
        if (header_end == std::string_view::npos) break;
        auto entry = parse_header(text.substr(header, header_end - header));
        const auto body = text.find('\n', header_end + 1);  // the closing "--"
        if (!entry.type.empty() && body != std::string_view::npos)
            entry.sql = text.substr(body + 1, next == std::string_view::npos ? next : next - body - 1);
        if (!entry.sql.empty()) entries.push_back(std::move(entry));
        at = next;
    }
    return entries;
}

std::vector<std::pair<std::string, std::string>> connection_environment(const std::vector<std::pair<std::string, std::string>>& fields) {
    std::vector<std::pair<std::string, std::string>> environment;
    for (const auto& [keyword, value] : fields) {
        const auto* known =
            std::find_if(kVariables.begin(), kVariables.end(), [&, &key = keyword](const Variable& v) { return v.keyword == key; });
        if (known != kVariables.end()) environment.emplace_back(known->name, value);
    }
    environment.emplace_back("PGAPPNAME", "orrery/twin");
    return environment;
}

base::Result<std::vector<DdlEntry>> dump_schema(const DumpRequest& request, const std::stop_token& stop) {
    ORRERY_TRY(check_program(request, stop));
    ORRERY_ASSIGN(const auto fields, pg::parse_conninfo(request.conninfo));
    base::ProcessOptions options;
    options.command = {request.program.string(), "--schema-only",      "--no-owner",       "--no-privileges",
                       "--no-publications",      "--no-subscriptions", "--no-tablespaces", "--no-comments",
                       "--no-security-labels",   "--encoding=UTF8",    "--no-password",    "--lock-wait-timeout=2000"};
    for (const auto& name : request.left_out) options.command.push_back("--exclude-table=" + exact_pattern(name));
    options.environment = connection_environment(fields);
    options.timeout = kDumpPatience;
    auto text = base::run_checked(options, stop);
    if (!text) return base::unexpected(dump_failure(std::move(text).error()));
    return split_dump(*text);
}

}  // namespace orrery::twin
