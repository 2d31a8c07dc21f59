#include "engine/doctor.hpp"

#include <algorithm>
#include <utility>

#include "engine/doctor_patient.hpp"
#include "engine/doctor_tiers.hpp"
#include "pg/private_cluster.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using base::Result;

struct Examination {
    std::string_view name;
    Tier tier;
    Result<DoctorPanel> (*examine)(Patient&);
};
constexpr Examination kExaminations[] = {
    {"server version", Tier::observe, examine_version},
    {"role", Tier::observe, examine_role},
    {"primary or standby", Tier::apply, examine_standby},
    {"databases", Tier::observe, examine_databases},
    {"pg_stat_statements", Tier::observe, examine_statements},
    {"query identifiers", Tier::observe, examine_query_id},
    {"I/O timing", Tier::observe, examine_io_timing},
    {"WAL timing", Tier::observe, examine_wal_timing},
    {"statement length", Tier::observe, examine_query_size},
    {"cache contents", Tier::observe, examine_buffercache},
    {"bloat", Tier::observe, examine_pgstattuple},
    {"checksums", Tier::observe, examine_checksums},
    {"plans in the log", Tier::observe, examine_auto_explain},
    {"server log", Tier::observe, examine_log},
    {"helper functions", Tier::helpers, examine_helpers},
    {"statistics", Tier::advise, examine_statistics},
    {"schema", Tier::advise, examine_schema},
    {"analyzed tables", Tier::advise, examine_analyzed},
    {"server programs", Tier::advise, examine_programs},
    {"rights to apply", Tier::apply, examine_apply},
    {"invalid indexes", Tier::apply, examine_invalid},
};

Result<ServerPrograms> find_installed(int major) {
    ORRERY_ASSIGN(const auto installation, pg::find_installation(major));
    std::error_code ignored;
    return ServerPrograms{installation.bin, std::filesystem::exists(installation.bin / "pg_dump", ignored)};
}

/// The caller's answer when a question fails: the other panels are worth having.
bool ends_examination(const base::Error& error) {
    return error.kind == ErrorKind::connection || error.kind == ErrorKind::cancelled;
}

}  // namespace

std::string_view to_string(PanelState state) {
    switch (state) {
        case PanelState::ok: return "ok";
        case PanelState::partial: return "partial";
        case PanelState::missing: return "missing";
        case PanelState::unknown: return "unknown";
    }
    return "unknown";
}

const DoctorPanel* DoctorReport::find(std::string_view name) const {
    const auto found = std::find_if(panels.begin(), panels.end(), [&](const DoctorPanel& panel) { return panel.name == name; });
    return found == panels.end() ? nullptr : &*found;
}

base::Result<DoctorReport> examine_target(domain::SqlSession& session, const DoctorOptions& options) {
    DoctorOptions complete = options;
    if (!complete.find_programs) complete.find_programs = find_installed;
    ORRERY_ASSIGN(auto patient, introduce(session, complete));
    DoctorReport report;
    report.target = session.target();
    report.role = patient.role;
    report.server_version = session.server_version();
    report.standby = patient.standby;
    for (const auto& examination : kExaminations) {
        auto panel = examination.examine(patient);
        if (!panel) {
            if (ends_examination(panel.error())) return base::unexpected(panel.error());
            DoctorPanel failed;
            failed.state = PanelState::unknown;
            failed.seen = "the question failed";
            failed.why = panel.error().message;
            panel = std::move(failed);
        }
        panel->name = examination.name;
        panel->tier = examination.tier;
        report.panels.push_back(std::move(*panel));
    }
    ORRERY_ASSIGN(report.tiers, tier_scripts(patient, report));
    return report;
}

}  // namespace orrery::engine
