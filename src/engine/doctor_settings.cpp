#include <fmt/format.h>

#include <cstdlib>

#include "engine/doctor_patient.hpp"

// Settings of the server that let more be seen.
namespace orrery::engine {
namespace {

using base::Result;

constexpr std::int64_t kGoodQuerySize = 4096;  ///< bytes of a session's statement that pg_stat_activity should keep
constexpr auto kReload = "SELECT pg_reload_conf();";

/// A switch that should be on.
DoctorPanel examine_switch(const Patient& patient, const std::string& name, std::string why) {
    const auto value = patient.setting(name);
    if (!value) return unseen(name);
    DoctorPanel panel = fine(fmt::format("{} = {}", name, *value));
    if (*value == "on") return panel;
    panel.state = PanelState::partial;
    panel.why = std::move(why);
    panel.unlock = {fmt::format("ALTER SYSTEM SET {} = on;", name), kReload};
    return panel;
}

}  // namespace

Result<DoctorPanel> examine_query_id(Patient& patient) {
    if (patient.major < 14) return fine("computed by pg_stat_statements");
    const auto value = patient.setting("compute_query_id");
    if (!value) return unseen("compute_query_id");
    DoctorPanel panel = fine("compute_query_id = " + *value);
    if (*value != "off") return panel;
    panel.state = PanelState::missing;
    panel.why = "Statements have no identifier: pg_stat_statements records nothing.";
    panel.unlock = {"ALTER SYSTEM SET compute_query_id = 'auto';", kReload};
    return panel;
}

Result<DoctorPanel> examine_io_timing(Patient& patient) {
    return examine_switch(patient, "track_io_timing",
                          "How long statements wait for reads and writes is not measured. It costs little where reading the clock is quick "
                          "(pg_test_timing).");
}

Result<DoctorPanel> examine_wal_timing(Patient& patient) {
    if (patient.major < 14) return fine("not measured before PostgreSQL 14");
    return examine_switch(patient, "track_wal_io_timing",
                          "How long writing and syncing the log takes is not measured; commits wait for it.");
}

Result<DoctorPanel> examine_query_size(Patient& patient) {
    const auto value = patient.setting("track_activity_query_size");
    if (!value) return unseen("track_activity_query_size");
    const auto bytes = std::strtoll(value->c_str(), nullptr, 10);
    DoctorPanel panel = fine(fmt::format("track_activity_query_size = {} bytes", bytes));
    if (bytes >= kGoodQuerySize) return panel;
    panel.state = PanelState::partial;
    panel.why = "Longer statements are cut in pg_stat_activity; pg_stat_statements keeps them whole.";
    panel.unlock = {fmt::format("ALTER SYSTEM SET track_activity_query_size = {};", kGoodQuerySize), "-- restart the server"};
    return panel;
}

/// Plans of slow statements as they were executed. The library may be loaded into each new session, without a restart.
Result<DoctorPanel> examine_auto_explain(Patient& patient) {
    if (!patient.setting("session_preload_libraries")) return unseen("session_preload_libraries");
    const bool loaded = preloaded(patient, "auto_explain");
    const auto least = patient.setting("auto_explain.log_min_duration"), format = patient.setting("auto_explain.log_format");
    DoctorPanel panel = fine("auto_explain is loaded" + (least ? fmt::format(", log_min_duration = {} ms", *least) : ""));
    // Its settings show in sessions that have loaded it, as ours has when all do.
    if (loaded && least && *least != "-1") return panel;
    panel.state = PanelState::partial;
    panel.why = "Plans of slow statements are not logged as they run; what EXPLAIN says of them later is still read.";
    panel.unlock = {"LOAD 'auto_explain';", "ALTER SYSTEM SET auto_explain.log_min_duration = '2s';"};
    if (!format || *format != "json") panel.unlock.emplace_back("ALTER SYSTEM SET auto_explain.log_format = 'json';");
    if (!loaded) {
        panel.seen = "auto_explain is not loaded";
        if (auto sql = add_library_sql(patient, "session_preload_libraries", "auto_explain")) panel.unlock.push_back(*std::move(sql));
    }
    panel.unlock.emplace_back(kReload);
    return panel;
}

Result<DoctorPanel> examine_log(Patient& patient) {
    const auto collector = patient.setting("logging_collector"), destination = patient.setting("log_destination");
    if (!collector || !destination) return unseen("logging_collector");
    DoctorPanel panel = fine(fmt::format("logging_collector = {}, log_destination = {}", *collector, *destination));
    if (*collector == "on") return panel;
    panel.state = PanelState::partial;
    panel.why = "Where the log is kept is decided outside of the server: plans and errors are read from it only if its file is named.";
    panel.unlock = {"ALTER SYSTEM SET logging_collector = on;", "-- restart the server"};
    return panel;
}

Result<DoctorPanel> examine_checksums(Patient& patient) {
    const auto value = patient.setting("data_checksums");
    if (!value) return unseen("data_checksums");
    DoctorPanel panel = fine("data_checksums = " + *value);
    if (*value == "on") return panel;
    panel.state = PanelState::partial;
    panel.why = "Pages that the disk returns broken are not noticed, and pg_stat_database counts none.";
    panel.unlock = {"-- while the server is stopped: pg_checksums --enable --pgdata <its data folder>"};
    return panel;
}

}  // namespace orrery::engine
