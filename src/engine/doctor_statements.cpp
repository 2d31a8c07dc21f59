#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "engine/doctor_patient.hpp"

// pg_stat_statements: without it there is no workload.
namespace orrery::engine {
namespace {

using base::ErrorKind;
using base::Result;
using domain::quote_identifier;

std::vector<std::string> steps_to_load(const Patient& patient, bool created) {
    std::vector<std::string> steps;
    if (auto sql = add_library_sql(patient, "shared_preload_libraries", "pg_stat_statements"))
        steps.push_back(*std::move(sql));
    else
        steps.emplace_back("-- add pg_stat_statements to shared_preload_libraries (these rights do not show what else is in it)");
    steps.emplace_back("-- restart the server");
    if (!created)
        steps.emplace_back(patient.standby ? "-- on the primary: CREATE EXTENSION pg_stat_statements;"
                                           : "CREATE EXTENSION pg_stat_statements;");
    return steps;
}

/// How much of pg_stat_statements the role sees: other roles' statements have no queryid without the right to read them.
Result<DoctorPanel> examine_statements_read(Patient& patient, const std::string& schema, const std::string& version) {
    const auto rows = patient.session.query(fmt::format(
        "SELECT count(*), count(*) FILTER (WHERE queryid IS NULL) FROM {}.pg_stat_statements(false)", quote_identifier(schema)));
    DoctorPanel panel;
    if (!rows && rows.error().kind == ErrorKind::permission) {
        panel.state = PanelState::missing;
        panel.seen = fmt::format("pg_stat_statements {} in schema {}, not readable", version, schema);
        panel.why = "No statement is seen: there is no workload to work on.";
        panel.unlock =
            patient.on_primary({fmt::format("GRANT USAGE ON SCHEMA {} TO {};", quote_identifier(schema), quote_identifier(patient.grantee)),
                                fmt::format("GRANT SELECT ON {0}.pg_stat_statements, {0}.pg_stat_statements_info TO {1};",
                                            quote_identifier(schema), quote_identifier(patient.grantee)),
                                fmt::format("GRANT EXECUTE ON FUNCTION {}.pg_stat_statements(boolean) TO {};", quote_identifier(schema),
                                            quote_identifier(patient.grantee))});
        return panel;
    }
    if (!rows) return base::unexpected(rows.error());
    const auto total = rows->integer(0, 0), hidden = rows->integer(0, 1);
    panel.seen = fmt::format("pg_stat_statements {}: {}, {} of them hidden", version, counted(total, "statement", "statements"), hidden);
    if (hidden > 0 && !patient.has("pg_read_all_stats")) {
        panel.state = PanelState::partial;
        panel.why = "Statements of other roles are counted but cannot be told apart or read.";
        panel.unlock = patient.on_primary({patient.grant("pg_read_all_stats")});
    }
    return panel;
}

/// "1.10" is later than "1.9".
bool older_than(const std::string& version, int wanted_major, int wanted_minor) {
    int major = 0, minor = 0;
    if (std::sscanf(version.c_str(), "%d.%d", &major, &minor) != 2) return false;
    return std::pair(major, minor) < std::pair(wanted_major, wanted_minor);
}

}  // namespace

Result<DoctorPanel> examine_statements(Patient& patient) {
    ORRERY_ASSIGN(
        const auto rows,
        patient.session.query("SELECT e.extversion, n.nspname, (SELECT default_version FROM pg_available_extensions WHERE name = "
                              "'pg_stat_statements') FROM (SELECT) AS one LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements' "
                              "LEFT JOIN pg_namespace n ON n.oid = e.extnamespace"));
    if (rows.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about its extensions");
    const bool created = !rows.is_null(0, 0), available = created || !rows.is_null(0, 2);
    const bool loaded = patient.setting("pg_stat_statements.max").has_value();  // the library's own settings exist once it is loaded
    DoctorPanel panel;
    panel.state = PanelState::missing;
    panel.why = "Without it no statement is seen: there is no workload to work on (files of statements still work).";
    if (!available) {
        panel.seen = "the extension is not installed on the server";
        panel.unlock = {"-- install the server's contrib package (postgresql-contrib)"};
        for (auto& step : steps_to_load(patient, false)) panel.unlock.push_back(std::move(step));
        return panel;
    }
    if (!loaded) {
        panel.seen = created ? "created, but its library is not loaded" : "installed, but neither loaded nor created";
        panel.unlock = steps_to_load(patient, created);
        return panel;
    }
    if (!created) {
        panel.seen = fmt::format("loaded, but not created in database {}", patient.database);
        panel.unlock = patient.on_primary({"CREATE EXTENSION pg_stat_statements;"});
        return panel;
    }
    const std::string version(rows.text(0, 0));
    if (older_than(version, 1, 8)) {
        panel.seen = fmt::format("version {} of the extension: its columns are those of an old server", version);
        panel.unlock = patient.on_primary({"ALTER EXTENSION pg_stat_statements UPDATE;"});
        return panel;
    }
    if (patient.setting("pg_stat_statements.track") == "none") {
        panel.seen = "pg_stat_statements.track is none";
        panel.unlock = {"ALTER SYSTEM SET pg_stat_statements.track = 'top';", "SELECT pg_reload_conf();"};
        return panel;
    }
    return examine_statements_read(patient, std::string(rows.text(0, 1)), version);
}

}  // namespace orrery::engine
