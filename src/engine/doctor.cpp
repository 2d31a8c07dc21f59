#include "engine/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "domain/catalog.hpp"
#include "pg/private_cluster.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using base::Result;
using domain::quote_identifier;
using domain::quote_literal;
using domain::RelationName;
using domain::SqlRows;

constexpr int kOldestMajor = 13, kNewestMajor = 18;
constexpr std::size_t kExamples = 5;
constexpr std::int64_t kGoodQuerySize = 4096;  ///< bytes of a session's statement that pg_stat_activity should keep

constexpr std::string_view kUserRelation =
    "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname !~ '^pg_(toast_)?temp_' AND c.relpersistence <> 't'";

/// What every panel may want to know.
struct Patient {
    domain::SqlSession& session;
    const DoctorOptions& options;
    int major = 0;
    std::string version, database, role;  ///< the role unquoted
    bool standby = false, superuser = false;
    std::vector<std::string> granted;             ///< predefined roles whose rights the role has
    std::map<std::string, std::string> settings;  ///< those that the role may see

    [[nodiscard]] bool has(std::string_view predefined) const {
        return superuser || std::find(granted.begin(), granted.end(), predefined) != granted.end();
    }
    [[nodiscard]] std::optional<std::string> setting(const std::string& name) const {
        const auto found = settings.find(name);
        return found == settings.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::string grant(std::string_view what) const { return fmt::format("GRANT {} TO {};", what, quote_identifier(role)); }
    /// Grants and objects come to a standby from its primary.
    [[nodiscard]] std::vector<std::string> on_primary(std::vector<std::string> sql) const {
        if (standby && !sql.empty()) sql.insert(sql.begin(), "-- on the primary:");
        return sql;
    }
};

DoctorPanel fine(std::string seen) {
    return {{}, PanelState::ok, std::move(seen), {}, {}};
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// Rows of (schema, name, total count): "shop.a, shop.b and 7 more".
struct Examples {
    std::vector<RelationName> names;
    std::int64_t total = 0;

    [[nodiscard]] std::string text() const {
        std::vector<std::string> words;
        for (const auto& name : names) words.push_back(name.sql());
        const auto more = total - static_cast<std::int64_t>(names.size());
        return fmt::format("{}{}", fmt::join(words, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
    }
};
Examples examples_of(const SqlRows& rows) {
    Examples examples;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        examples.names.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
        examples.total = rows.integer(row, 2);
    }
    return examples;
}

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
    return DoctorPanel{{},
                       PanelState::partial,
                       "a standby (in recovery)",
                       "Observing and advising work here; applying is refused. Apply on the primary.",
                       {}};
}

/// Adding to a list setting: each item is quoted by itself, or the server would take the list for one library.
std::string preload_sql(const Patient& patient) {
    std::string items;
    std::string_view rest = patient.settings.at("shared_preload_libraries");
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        std::string_view item = rest.substr(0, comma);
        while (!item.empty() && (item.front() == ' ' || item.front() == '"')) item.remove_prefix(1);
        while (!item.empty() && (item.back() == ' ' || item.back() == '"')) item.remove_suffix(1);
        if (!item.empty()) items += quote_literal(item) + ", ";
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    return fmt::format("ALTER SYSTEM SET shared_preload_libraries = {}'pg_stat_statements';", items);
}

std::vector<std::string> steps_to_load(const Patient& patient, bool created) {
    std::vector<std::string> steps;
    if (patient.setting("shared_preload_libraries"))
        steps.push_back(preload_sql(patient));
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
            patient.on_primary({fmt::format("GRANT USAGE ON SCHEMA {} TO {};", quote_identifier(schema), quote_identifier(patient.role)),
                                fmt::format("GRANT SELECT ON {0}.pg_stat_statements, {0}.pg_stat_statements_info TO {1};",
                                            quote_identifier(schema), quote_identifier(patient.role)),
                                fmt::format("GRANT EXECUTE ON FUNCTION {}.pg_stat_statements(boolean) TO {};", quote_identifier(schema),
                                            quote_identifier(patient.role))});
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

/// A setting that the role may not see.
DoctorPanel unseen(std::string_view name) {
    return {{}, PanelState::unknown, fmt::format("{} is not shown to this role", name), "Whether it is set cannot be told.", {}};
}

Result<DoctorPanel> examine_query_id(Patient& patient) {
    if (patient.major < 14) return fine("computed by pg_stat_statements");
    const auto value = patient.setting("compute_query_id");
    if (!value) return unseen("compute_query_id");
    if (*value != "off") return fine("compute_query_id = " + *value);
    return DoctorPanel{{},
                       PanelState::missing,
                       "compute_query_id = off",
                       "Statements have no identifier: pg_stat_statements records nothing.",
                       {"ALTER SYSTEM SET compute_query_id = 'auto';", "SELECT pg_reload_conf();"}};
}

Result<DoctorPanel> examine_io_timing(Patient& patient) {
    const auto value = patient.setting("track_io_timing");
    if (!value) return unseen("track_io_timing");
    if (*value == "on") return fine("track_io_timing = on");
    return DoctorPanel{
        {},
        PanelState::partial,
        "track_io_timing = off",
        "How long statements wait for reads and writes is not measured. It costs little where reading the clock is quick (pg_test_timing).",
        {"ALTER SYSTEM SET track_io_timing = on;", "SELECT pg_reload_conf();"}};
}

Result<DoctorPanel> examine_query_size(Patient& patient) {
    const auto value = patient.setting("track_activity_query_size");
    if (!value) return unseen("track_activity_query_size");
    const auto bytes = std::strtoll(value->c_str(), nullptr, 10);
    if (bytes >= kGoodQuerySize) return fine(fmt::format("track_activity_query_size = {} bytes", bytes));
    return DoctorPanel{{},
                       PanelState::partial,
                       fmt::format("track_activity_query_size = {} bytes", bytes),
                       "Longer statements are cut in pg_stat_activity; pg_stat_statements keeps them whole.",
                       {fmt::format("ALTER SYSTEM SET track_activity_query_size = {};", kGoodQuerySize), "-- restart the server"}};
}

/// Tables that pg_dump would lock, and how many of them the role may read.
struct Readable {
    std::int64_t tables = 0, readable = 0;
    std::vector<std::string> closed_schemas;  ///< where something is not readable
};
Result<Readable> count_readable(Patient& patient) {
    constexpr std::string_view kMayRead = "coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), false)";
    ORRERY_ASSIGN(const auto rows, patient.session.query(fmt::format("SELECT count(*), count(*) FILTER (WHERE {0}), "
                                                                     "array_agg(DISTINCT n.nspname::text) FILTER (WHERE NOT {0}) "
                                                                     "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                                                                     "WHERE c.relkind IN ('r', 'p') AND {1}",
                                                                     kMayRead, kUserRelation)));
    if (rows.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about its tables");
    return Readable{rows.integer(0, 0), rows.integer(0, 1), rows.array(0, 2)};
}

Result<DoctorPanel> examine_schema(Patient& patient) {
    ORRERY_ASSIGN(const auto seen, count_readable(patient));
    DoctorPanel panel;
    if (seen.tables == 0) {
        panel.state = PanelState::partial;
        panel.seen = fmt::format("database {} has no tables", patient.database);
        panel.why = "There is nothing to advise on: is it the right database?";
        return panel;
    }
    panel.seen = fmt::format("{} of {} readable", seen.readable, counted(seen.tables, "table", "tables"));
    if (seen.readable == seen.tables) return panel;
    panel.state = seen.readable == 0 ? PanelState::missing : PanelState::partial;
    panel.why = "pg_dump locks every table, for which it needs SELECT: without it the planner twin has no schema.";
    if (patient.major >= 14) {
        panel.unlock = patient.on_primary({patient.grant("pg_read_all_data")});
        return panel;
    }
    const std::string role = quote_identifier(patient.role);
    for (const auto& name : seen.closed_schemas) {
        const std::string schema = quote_identifier(name);
        panel.unlock.push_back(fmt::format("GRANT USAGE ON SCHEMA {} TO {};", schema, role));
        panel.unlock.push_back(fmt::format("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {};", schema, role));
    }
    panel.unlock = patient.on_primary(std::move(panel.unlock));
    return panel;
}

Result<DoctorPanel> examine_statistics(Patient& patient) {
    ORRERY_ASSIGN(const auto rows, patient.session.query("SELECT has_table_privilege('pg_catalog.pg_statistic', 'SELECT'), "
                                                         "has_table_privilege('pg_catalog.pg_statistic_ext_data', 'SELECT')"));
    if (rows.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about its statistics");
    if (rows.boolean(0, 0) && rows.boolean(0, 1)) return fine("pg_statistic is readable: the planner twin plans as the target does");
    ORRERY_ASSIGN(const auto seen, count_readable(patient));
    DoctorPanel panel;
    panel.state = seen.readable > 0 ? PanelState::partial : PanelState::missing;
    panel.seen = fmt::format("pg_stats only, for {} of {}", seen.readable, counted(seen.tables, "table", "tables"));
    panel.why =
        "Left out are the other tables, expressions in indexes and extended statistics: plans of the twin may differ from the target's.";
    panel.unlock = patient.on_primary({patient.major >= 14
                                           ? patient.grant("pg_read_all_data")
                                           : fmt::format("GRANT SELECT ON pg_catalog.pg_statistic, pg_catalog.pg_statistic_ext_data TO {};",
                                                         quote_identifier(patient.role))});
    return panel;
}

/// A partitioned table counts when its partitions hold rows: autovacuum never analyzes it itself.
Result<DoctorPanel> examine_analyzed(Patient& patient) {
    const auto sql = fmt::format(
        "WITH known AS MATERIALIZED (SELECT DISTINCT schemaname, tablename FROM pg_stats) "
        "SELECT n.nspname, c.relname, count(*) OVER () FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE {} AND (c.reltuples < 0 OR has_table_privilege(c.oid, 'SELECT') AND (n.nspname, c.relname) NOT IN (TABLE known)) "
        "AND CASE c.relkind WHEN 'p' THEN EXISTS (SELECT FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid "
        "WHERE i.inhparent = c.oid AND (k.reltuples > 0 OR pg_stat_get_live_tuples(k.oid) > 0)) "
        "WHEN 'r' THEN c.reltuples > 0 OR pg_stat_get_live_tuples(c.oid) > 0 OR c.reltuples < 0 AND c.relpages > 0 "
        "WHEN 'm' THEN c.reltuples > 0 OR pg_stat_get_live_tuples(c.oid) > 0 OR c.reltuples < 0 AND c.relpages > 0 ELSE false END "
        "ORDER BY c.relpages DESC, 1, 2 LIMIT {}",
        kUserRelation, kExamples);
    ORRERY_ASSIGN(const auto rows, patient.session.query(sql));
    const auto examples = examples_of(rows);
    if (examples.total == 0) return fine("every table with rows has statistics");
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.seen = fmt::format("{} without statistics: {}", counted(examples.total, "table", "tables"), examples.text());
    panel.why = "Never analyzed: the planner guesses there, and so does every prediction.";
    for (const auto& name : examples.names) panel.unlock.push_back(fmt::format("ANALYZE {};", name.sql()));
    if (examples.total > static_cast<std::int64_t>(examples.names.size())) panel.unlock.assign(1, "ANALYZE;");
    panel.unlock = patient.on_primary(std::move(panel.unlock));
    return panel;
}

Result<DoctorPanel> examine_apply(Patient& patient) {
    if (patient.standby) return DoctorPanel{{}, PanelState::missing, "a standby accepts no changes", "Apply on the primary.", {}};
    constexpr std::string_view kOwns = "pg_has_role(c.relowner, 'USAGE')";
    constexpr std::string_view kMayCreate = "has_schema_privilege(n.oid, 'CREATE')";
    ORRERY_ASSIGN(const auto rows,
                  patient.session.query(
                      fmt::format("SELECT count(*), count(*) FILTER (WHERE {0} AND {1}), "
                                  "array_agg(DISTINCT r.rolname::text) FILTER (WHERE NOT {0}), "
                                  "array_agg(DISTINCT n.nspname::text) FILTER (WHERE {0} AND NOT {1}) "
                                  "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner "
                                  "WHERE c.relkind IN ('r', 'p', 'm') AND {2}",
                                  kOwns, kMayCreate, kUserRelation)));
    if (rows.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about owners");
    const auto total = rows.integer(0, 0), owned = rows.integer(0, 1);
    DoctorPanel panel;
    panel.seen = fmt::format("may create and drop indexes on {} of {}", owned, counted(total, "table", "tables"));
    if (owned == total) return panel;
    panel.state = owned == 0 ? PanelState::missing : PanelState::partial;
    panel.why = "Only a table's owner may; observing and advising need none of it. Apply as a role that owns the tables, or grant it.";
    for (const auto& owner : rows.array(0, 2)) panel.unlock.push_back(patient.grant(quote_identifier(owner)));
    for (const auto& schema : rows.array(0, 3))
        panel.unlock.push_back(patient.grant(fmt::format("CREATE ON SCHEMA {}", quote_identifier(schema))));
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

/// An index that is being built now is invalid too; its table is then locked against other changes of its schema.
Result<DoctorPanel> examine_invalid(Patient& patient) {
    const auto sql = fmt::format(
        "SELECT n.nspname, x.relname, count(*) OVER () FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "
        "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = x.relnamespace "
        "WHERE NOT i.indisvalid AND x.relkind = 'i' AND {} AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.relation = i.indrelid "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.mode = 'ShareUpdateExclusiveLock' AND "
        "l.granted) "
        "ORDER BY 1, 2 LIMIT {}",
        kUserRelation, kExamples);
    ORRERY_ASSIGN(const auto rows, patient.session.query(sql));
    const auto examples = examples_of(rows);
    if (examples.total == 0) return fine("none");
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.seen = fmt::format("{}: {}", counted(examples.total, "invalid index", "invalid indexes"), examples.text());
    panel.why = "Left by a build that failed: every write pays for them and no query uses them.";
    for (const auto& name : examples.names) panel.unlock.push_back(fmt::format("DROP INDEX CONCURRENTLY {};", name.sql()));
    panel.unlock = patient.on_primary(std::move(panel.unlock));
    return panel;
}

struct Examination {
    std::string_view name;
    Result<DoctorPanel> (*examine)(Patient&);
};
constexpr Examination kExaminations[] = {
    {"server version", examine_version},
    {"role", examine_role},
    {"primary or standby", examine_standby},
    {"pg_stat_statements", examine_statements},
    {"query identifiers", examine_query_id},
    {"I/O timing", examine_io_timing},
    {"statement length", examine_query_size},
    {"statistics", examine_statistics},
    {"schema", examine_schema},
    {"analyzed tables", examine_analyzed},
    {"rights to apply", examine_apply},
    {"server programs", examine_programs},
    {"invalid indexes", examine_invalid},
};

Result<ServerPrograms> find_installed(int major) {
    ORRERY_ASSIGN(const auto installation, pg::find_installation(major));
    std::error_code ignored;
    return ServerPrograms{installation.bin, std::filesystem::exists(installation.bin / "pg_dump", ignored)};
}

Result<void> introduce(Patient& patient) {
    ORRERY_ASSIGN(const auto rows,
                  patient.session.query("SELECT current_user, current_database(), current_setting('server_version'), pg_is_in_recovery(), "
                                        "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user), "
                                        "ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'pg\\_%' AND "
                                        "pg_has_role(current_user, oid, 'USAGE') ORDER BY 1)"));
    if (rows.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about the session");
    patient.role = rows.text(0, 0);
    patient.database = rows.text(0, 1);
    patient.version = rows.text(0, 2);
    patient.standby = rows.boolean(0, 3);
    patient.superuser = rows.boolean(0, 4);
    patient.granted = rows.array(0, 5);
    ORRERY_ASSIGN(
        const auto settings,
        patient.session.query("SELECT name, setting FROM pg_settings WHERE name IN ('shared_preload_libraries', 'pg_stat_statements.max', "
                              "'pg_stat_statements.track', 'compute_query_id', 'track_io_timing', 'track_activity_query_size')"));
    for (std::size_t row = 0; row < settings.size(); ++row) patient.settings.emplace(settings.text(row, 0), settings.text(row, 1));
    return {};
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
    Patient patient{.session = session, .options = complete};
    patient.major = session.server_version() / 10000;
    ORRERY_TRY(introduce(patient));
    DoctorReport report{session.target(), patient.role, session.server_version(), patient.standby, {}};
    for (const auto& examination : kExaminations) {
        auto panel = examination.examine(patient);
        if (!panel) {
            const auto& error = panel.error();
            if (error.kind == ErrorKind::connection || error.kind == ErrorKind::cancelled) return base::unexpected(error);
            panel = DoctorPanel{{}, PanelState::unknown, "the question failed", error.message, {}};
        }
        panel->name = examination.name;
        report.panels.push_back(std::move(*panel));
    }
    return report;
}

}  // namespace orrery::engine
