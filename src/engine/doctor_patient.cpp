#include "engine/doctor_patient.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace orrery::engine {
namespace {

using base::ErrorKind;

/// The items of a list setting, without quotes.
std::vector<std::string_view> items_of(std::string_view list) {
    std::vector<std::string_view> items;
    while (!list.empty()) {
        const auto comma = list.find(',');
        std::string_view item = list.substr(0, comma);
        while (!item.empty() && (item.front() == ' ' || item.front() == '"')) item.remove_prefix(1);
        while (!item.empty() && (item.back() == ' ' || item.back() == '"')) item.remove_suffix(1);
        if (!item.empty()) items.push_back(item);
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    }
    return items;
}

constexpr const char* kSettings[] = {"shared_preload_libraries",
                                     "session_preload_libraries",
                                     "pg_stat_statements.max",
                                     "pg_stat_statements.track",
                                     "compute_query_id",
                                     "track_io_timing",
                                     "track_wal_io_timing",
                                     "track_activity_query_size",
                                     "auto_explain.log_min_duration",
                                     "auto_explain.log_format",
                                     "logging_collector",
                                     "log_destination",
                                     "data_checksums"};

}  // namespace

bool Patient::has(std::string_view predefined) const {
    return superuser || std::find(granted.begin(), granted.end(), predefined) != granted.end();
}

std::optional<std::string> Patient::setting(const std::string& name) const {
    const auto found = settings.find(name);
    return found == settings.end() ? std::nullopt : std::optional(found->second);
}

std::string Patient::grant(std::string_view what) const {
    return fmt::format("GRANT {} TO {};", what, domain::quote_identifier(grantee));
}

std::vector<std::string> Patient::on_primary(std::vector<std::string> sql) const {
    if (standby && !sql.empty()) sql.insert(sql.begin(), "-- on the primary:");
    return sql;
}

base::Result<Patient> introduce(domain::SqlSession& session, const DoctorOptions& options) {
    Patient patient{.session = session, .options = options};
    patient.major = session.server_version() / 10000;
    ORRERY_ASSIGN(const auto rows,
                  session.query("SELECT current_user, current_database(), current_setting('server_version'), pg_is_in_recovery(), "
                                "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user), "
                                "ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'pg\\_%' AND "
                                "pg_has_role(current_user, oid, 'USAGE') ORDER BY 1)"));
    if (rows.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about the session");
    patient.role = rows.text(0, 0);
    patient.grantee = options.role.empty() ? patient.role : options.role;
    patient.database = rows.text(0, 1);
    patient.version = rows.text(0, 2);
    patient.standby = rows.boolean(0, 3);
    patient.superuser = rows.boolean(0, 4);
    patient.granted = rows.array(0, 5);
    std::string names;
    for (const auto* name : kSettings) names += (names.empty() ? "" : ", ") + domain::quote_literal(name);
    ORRERY_ASSIGN(const auto settings, session.query(fmt::format("SELECT name, setting FROM pg_settings WHERE name IN ({})", names)));
    for (std::size_t row = 0; row < settings.size(); ++row) patient.settings.emplace(settings.text(row, 0), settings.text(row, 1));
    return patient;
}

DoctorPanel fine(std::string seen) {
    DoctorPanel panel;
    panel.seen = std::move(seen);
    return panel;
}

DoctorPanel unseen(std::string_view name) {
    DoctorPanel panel;
    panel.state = PanelState::unknown;
    panel.seen = fmt::format("{} is not shown to this role", name);
    panel.why = "Whether it is set cannot be told.";
    return panel;
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::optional<std::string> add_library_sql(const Patient& patient, const std::string& setting, std::string_view library) {
    const auto list = patient.setting(setting);
    if (!list) return std::nullopt;
    std::string items;
    for (const auto item : items_of(*list)) items += domain::quote_literal(item) + ", ";
    return fmt::format("ALTER SYSTEM SET {} = {}{};", setting, items, domain::quote_literal(library));
}

bool preloaded(const Patient& patient, std::string_view library) {
    for (const char* name : {"shared_preload_libraries", "session_preload_libraries"}) {
        const auto list = patient.setting(name).value_or("");
        for (const auto item : items_of(list))
            if (item == library || item == fmt::format("$libdir/{}", library)) return true;
    }
    return false;
}

std::string superuser_owns(const std::string& owner) {
    return fmt::format(
        "-- tables of the superuser {}: give them an owner without such rights (ALTER TABLE ... OWNER TO ...), or change them by hand",
        owner);
}

}  // namespace orrery::engine
