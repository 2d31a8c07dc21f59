#include <fmt/format.h>

#include "collectors/database_list.hpp"
#include "engine/doctor_patient.hpp"

// The server and the role: what can be done at all.
namespace orrery::engine {
namespace {

using base::Result;
using domain::quote_identifier;

constexpr int kOldestMajor = 13, kNewestMajor = 18;

}  // namespace

Result<DoctorPanel> examine_version(Patient& patient) {
    DoctorPanel panel = fine("PostgreSQL " + patient.version);
    if (patient.major < kOldestMajor) {
        panel.state = PanelState::missing;
        panel.why = fmt::format("Orrery works with PostgreSQL {} to {}.", kOldestMajor, kNewestMajor);
        panel.unlock = {fmt::format("-- upgrade the server to PostgreSQL {} or later", kOldestMajor)};
    } else if (patient.major > kNewestMajor) {
        panel.state = PanelState::partial;
        panel.why = fmt::format("Orrery knows PostgreSQL {} to {}: what is new since may be overlooked.", kOldestMajor, kNewestMajor);
    }
    return panel;
}

Result<DoctorPanel> examine_role(Patient& patient) {
    const std::string role = quote_identifier(patient.role);
    if (patient.superuser) return fine(fmt::format("{} is a superuser; to observe, pg_monitor is enough", role));
    if (patient.has("pg_monitor")) return fine(fmt::format("{} has the rights of pg_monitor", role));
    const bool statistics = patient.has("pg_read_all_stats"), settings = patient.has("pg_read_all_settings");
    if (statistics && settings) return fine(fmt::format("{} has the rights of pg_read_all_stats and pg_read_all_settings", role));
    DoctorPanel panel;
    panel.state = statistics || settings ? PanelState::partial : PanelState::missing;
    panel.seen = fmt::format("{} has {}", role,
                             statistics ? "pg_read_all_stats only"
                             : settings ? "pg_read_all_settings only"
                                        : "no right to monitor");
    panel.why = statistics ? "Some of the server's settings stay hidden." : "Statements and sessions of other roles stay hidden.";
    panel.unlock = patient.on_primary({patient.grant("pg_monitor")});
    return panel;
}

Result<DoctorPanel> examine_standby(Patient& patient) {
    if (!patient.standby) return fine("a primary: it accepts changes");
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.seen = "a standby (in recovery)";
    panel.why = "Observing and advising work here; applying is refused. Apply on the primary.";
    return panel;
}

Result<DoctorPanel> examine_databases(Patient& patient) {
    ORRERY_ASSIGN(const auto list, collectors::list_databases(patient.session));
    const auto closed = static_cast<std::int64_t>(list.closed.size());
    const auto total = static_cast<std::int64_t>(list.databases.size()) + closed;
    if (closed == 0) return fine(counted(total, "database", "databases") + ", open to this role");
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.seen = fmt::format("{} of {} closed to this role", closed, counted(total, "database", "databases"));
    panel.why = "Tables, indexes and their sizes are not seen there; statements are.";
    panel.unlock = patient.on_primary(collectors::unlock_databases(list, patient.grantee));
    return panel;
}

Result<DoctorPanel> examine_programs(Patient& patient) {
    const auto programs = patient.options.find_programs(patient.major);
    if (programs && programs->pg_dump) return fine(fmt::format("PostgreSQL {} in {}", patient.major, programs->folder.string()));
    DoctorPanel panel;
    panel.state = PanelState::missing;
    panel.seen =
        programs ? fmt::format("PostgreSQL {} in {}, without pg_dump", patient.major, programs->folder.string()) : programs.error().message;
    panel.why = "The planner twin is a server of the target's major version on this machine, made from its dumped schema.";
    panel.unlock = {fmt::format("-- on this machine: apt-get install postgresql-{}", patient.major)};
    return panel;
}

/// Of use when the server runs on another machine, and for its log.
Result<DoctorPanel> examine_helpers(Patient& patient) {
    ORRERY_ASSIGN(const auto rows, patient.session.query("SELECT count(*), count(*) FILTER (WHERE has_schema_privilege(n.oid, 'USAGE') AND "
                                                         "has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p JOIN pg_namespace n "
                                                         "ON n.oid = p.pronamespace WHERE n.nspname = 'orrery' "
                                                         "AND p.proname IN ('read_proc', 'read_log')"));
    constexpr std::int64_t kFunctions = 2;
    const auto made = rows.empty() ? 0 : rows.integer(0, 0), usable = rows.empty() ? 0 : rows.integer(0, 1);
    if (usable == kFunctions) return fine("orrery.read_proc and orrery.read_log may be called");
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.seen = made == kFunctions ? "there, but not for this role" : "not created in database " + patient.database;
    panel.why = "Only with them: the host's CPU, memory and disks when the server runs on another machine, and its log from there.";
    panel.unlock = patient.on_primary({"-- run as a superuser what \"orrery doctor --tier helpers --sql\" prints"});
    return panel;
}

}  // namespace orrery::engine
