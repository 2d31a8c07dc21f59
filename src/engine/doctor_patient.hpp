#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/sql_session.hpp"
#include "engine/doctor.hpp"

/// What the panels of the doctor share. For the doctor's own files.
namespace orrery::engine {

/// What every panel may want to know.
struct Patient {
    domain::SqlSession& session;
    const DoctorOptions& options;
    int major = 0;
    std::string version, database;
    std::string role;     ///< that asks; unquoted
    std::string grantee;  ///< that grants are printed for; the same unless asked otherwise
    bool standby = false, superuser = false;
    std::vector<std::string> granted;             ///< predefined roles whose rights the role has
    std::map<std::string, std::string> settings;  ///< those that the role may see

    [[nodiscard]] bool has(std::string_view predefined) const;
    [[nodiscard]] std::optional<std::string> setting(const std::string& name) const;
    [[nodiscard]] std::string grant(std::string_view what) const;
    /// Grants and objects come to a standby from its primary.
    [[nodiscard]] std::vector<std::string> on_primary(std::vector<std::string> sql) const;
};
base::Result<Patient> introduce(domain::SqlSession& session, const DoctorOptions& options);

DoctorPanel fine(std::string seen);
/// A setting that the role may not see.
DoctorPanel unseen(std::string_view name);
std::string counted(std::int64_t count, std::string_view one, std::string_view many);

/// Setting a list of libraries to what it is and one more: each is quoted by itself, or the server would take the list for one library.
/// Nothing when the role may not see the list, which must not be overwritten then.
std::optional<std::string> add_library_sql(const Patient& patient, const std::string& setting, std::string_view library);
/// Whether a library is on one of the two lists of those that are preloaded.
bool preloaded(const Patient& patient, std::string_view library);

/// What to do about tables of a superuser, as a comment: a grant would give the server away.
std::string superuser_owns(const std::string& owner);

/// Relations of users, for "FROM pg_class c JOIN pg_namespace n".
constexpr std::string_view kUserRelation =
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_' AND c.relpersistence <> 't'";

// One panel each, without its name. doctor_server.cpp:
base::Result<DoctorPanel> examine_version(Patient& patient);
base::Result<DoctorPanel> examine_role(Patient& patient);
base::Result<DoctorPanel> examine_standby(Patient& patient);
base::Result<DoctorPanel> examine_databases(Patient& patient);
base::Result<DoctorPanel> examine_programs(Patient& patient);
base::Result<DoctorPanel> examine_helpers(Patient& patient);
// doctor_statements.cpp:
base::Result<DoctorPanel> examine_statements(Patient& patient);
// doctor_settings.cpp:
base::Result<DoctorPanel> examine_query_id(Patient& patient);
base::Result<DoctorPanel> examine_io_timing(Patient& patient);
base::Result<DoctorPanel> examine_wal_timing(Patient& patient);
base::Result<DoctorPanel> examine_query_size(Patient& patient);
base::Result<DoctorPanel> examine_auto_explain(Patient& patient);
base::Result<DoctorPanel> examine_log(Patient& patient);
base::Result<DoctorPanel> examine_checksums(Patient& patient);
// doctor_schema.cpp:
base::Result<DoctorPanel> examine_buffercache(Patient& patient);
base::Result<DoctorPanel> examine_pgstattuple(Patient& patient);
base::Result<DoctorPanel> examine_schema(Patient& patient);
base::Result<DoctorPanel> examine_statistics(Patient& patient);
base::Result<DoctorPanel> examine_analyzed(Patient& patient);
base::Result<DoctorPanel> examine_apply(Patient& patient);
base::Result<DoctorPanel> examine_invalid(Patient& patient);

}  // namespace orrery::engine
