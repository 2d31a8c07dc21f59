#include "twin/planner_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "domain/catalog.hpp"

namespace orrery::twin {
namespace {

/// Beside the category "Query Tuning": what planning reads, and how constants are spelled.
constexpr std::array<std::string_view, 26> kOtherSettings{"work_mem",
                                                          "hash_mem_multiplier",
                                                          "max_parallel_workers_per_gather",
                                                          "parallel_leader_participation",
                                                          "temp_buffers",
                                                          "effective_io_concurrency",
                                                          "force_parallel_mode",
                                                          "debug_parallel_query",
                                                          "search_path",
                                                          "row_security",
                                                          "TimeZone",
                                                          "DateStyle",
                                                          "IntervalStyle",
                                                          "lc_monetary",
                                                          "lc_numeric",
                                                          "lc_time",
                                                          "xmloption",
                                                          "array_nulls",
                                                          "backslash_quote",
                                                          "standard_conforming_strings",
                                                          "transform_null_equals",
                                                          "default_text_search_config",
                                                          "bytea_output",
                                                          "extra_float_digits",
                                                          "timezone_abbreviations",
                                                          "escape_string_warning"};

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// The value before anything that belongs to the session or its role.
const std::string& server_value(const SettingRow& row, bool same_role) {
    const bool of_role = row.source == "user" || row.source == "database user";
    if (row.source == "client" || (of_role && !same_role)) return row.boot_value;
    return row.reset_value;
}

/// "$user" stands for the application's role, not for the twin's.
std::string with_user(std::string path, const std::string& role) {
    constexpr std::string_view kUser = "\"$user\"";
    if (const auto at = path.find(kUser); at != std::string::npos) path.replace(at, kUser.size(), domain::quote_identifier(role));
    return path;
}

}  // namespace

SettingList merge_settings(const std::vector<SettingRow>& rows, const std::vector<std::string>& overlays, const SettingScope& scope) {
    const std::string& role = scope.application_role.empty() ? scope.session_role : scope.application_role;
    const bool same_role = role == scope.session_role;
    SettingList settings;
    for (const auto& row : rows) settings.emplace_back(row.name, server_value(row, same_role));
    for (const auto& item : overlays) {
        const auto equals = item.find('=');
        if (equals == std::string::npos) continue;
        const auto found = std::find_if(settings.begin(), settings.end(),
                                        [&](const auto& s) { return same_name(s.first, std::string_view(item).substr(0, equals)); });
        if (found != settings.end()) found->second = item.substr(equals + 1);
    }
    for (auto& [name, value] : settings) {
        if (name != "search_path") continue;
        if (!scope.search_path.empty()) value = scope.search_path;
        value = with_user(std::move(value), role);
    }
    return settings;
}

base::Result<SettingList> read_planner_settings(TargetSnapshot& snapshot, const SettingScope& scope) {
    std::string names;
    for (const auto name : kOtherSettings) names += fmt::format("{}{}", names.empty() ? "" : ", ", domain::quote_literal(name));
    ORRERY_ASSIGN(const auto rows,
                  snapshot.query(fmt::format("SELECT name, coalesce(reset_val, ''), coalesce(boot_val, ''), source FROM pg_settings"
                                             " WHERE category LIKE 'Query Tuning%' OR name IN ({}) ORDER BY name",
                                             names)));
    std::vector<SettingRow> settings;
    for (std::size_t i = 0; i < rows.size(); ++i)
        settings.push_back(
            {std::string(rows.text(i, 0)), std::string(rows.text(i, 1)), std::string(rows.text(i, 2)), std::string(rows.text(i, 3))});

    const std::string& role = scope.application_role.empty() ? scope.session_role : scope.application_role;
    const std::vector<domain::SqlParameter> parameters{role};
    ORRERY_ASSIGN(
        const auto overlays,
        snapshot.session().query("SELECT unnest(s.setconfig) FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole"
                                 " LEFT JOIN pg_database d ON d.oid = s.setdatabase"
                                 " WHERE (s.setdatabase = 0 OR d.datname = current_database()) AND (s.setrole = 0 OR r.rolname = $1)"
                                 " ORDER BY s.setrole <> 0, s.setdatabase <> 0",
                                 parameters));
    std::vector<std::string> items;
    for (std::size_t i = 0; i < overlays.size(); ++i) items.emplace_back(overlays.text(i, 0));
    return merge_settings(settings, items, scope);
}

base::Result<std::vector<std::string>> apply_settings(pg::Session& session, const SettingList& settings, bool local) {
    // In one statement that skips what this server does not have; a refused value is then found one by one.
    std::string list;
    for (const auto& [name, value] : settings)
        list += fmt::format("{}({}, {})", list.empty() ? "" : ", ", domain::quote_literal(name), domain::quote_literal(value));
    if (list.empty()) return std::vector<std::string>{};
    const auto statement = [&](const std::string& values) {
        return fmt::format(
            "SELECT pg_catalog.set_config(v.name, v.value, {}) FROM (VALUES {}) AS v(name, value)"
            " WHERE v.name IN (SELECT name FROM pg_catalog.pg_settings)",
            local ? "true" : "false", values);
    };
    if (local) ORRERY_TRY(session.execute("SAVEPOINT settings"));
    auto all = session.query(statement(list));
    if (all) return std::vector<std::string>{};
    if (all.error().kind == base::ErrorKind::connection || all.error().kind == base::ErrorKind::cancelled)
        return base::unexpected(std::move(all).error());
    std::vector<std::string> refused;
    if (local) ORRERY_TRY(session.execute("ROLLBACK TO settings"));
    for (const auto& [name, value] : settings) {
        if (local) ORRERY_TRY(session.execute("SAVEPOINT settings"));
        auto one = session.query(statement(fmt::format("({}, {})", domain::quote_literal(name), domain::quote_literal(value))));
        if (one) continue;
        if (one.error().kind == base::ErrorKind::connection) return base::unexpected(std::move(one).error());
        refused.push_back(name);
        if (local) ORRERY_TRY(session.execute("ROLLBACK TO settings"));
    }
    return refused;
}

}  // namespace orrery::twin
