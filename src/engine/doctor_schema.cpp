#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "engine/doctor_patient.hpp"
#include "pg/index_builds.hpp"

// Tables and indexes of the database: what can be read of them, what is wrong with them, and who may change them.
namespace orrery::engine {
namespace {

using base::ErrorKind;
using base::Result;
using domain::quote_identifier;
using domain::RelationName;

constexpr std::size_t kExamples = 5;

/// Rows of (schema, name, total count) that are not as they should be.
struct Findings {
    std::vector<RelationName> names;
    std::int64_t total = 0;

    [[nodiscard]] bool all_named() const { return total == static_cast<std::int64_t>(names.size()); }
    /// "shop.a, shop.b and 7 more".
    [[nodiscard]] std::string text() const {
        std::vector<std::string> words;
        for (const auto& name : names) words.push_back(name.sql());
        return fmt::format("{}{}", fmt::join(words, ", "),
                           all_named() ? "" : fmt::format(" and {} more", total - static_cast<std::int64_t>(names.size())));
    }
};
Result<Findings> find(Patient& patient, const std::string& sql) {
    ORRERY_ASSIGN(const auto rows, patient.session.query(sql));
    Findings findings;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        findings.names.push_back({std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
        findings.total = rows.integer(row, 2);
    }
    return findings;
}

/// `step` is the SQL that mends one, with "{}" for its name.
DoctorPanel panel_of(const Patient& patient, const Findings& findings, std::string_view what, std::string why, std::string_view step) {
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.seen = fmt::format("{} {}: {}", findings.total, what, findings.text());
    panel.why = std::move(why);
    for (const auto& name : findings.names) panel.unlock.push_back(fmt::format(fmt::runtime(step), name.sql()));
    panel.unlock = patient.on_primary(std::move(panel.unlock));
    return panel;
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

/// An extension whose functions pg_monitor may call.
Result<DoctorPanel> examine_extension(Patient& patient, const std::string& name, std::string why) {
    ORRERY_ASSIGN(const auto rows, patient.session.query(fmt::format(
                                       "SELECT default_version, installed_version FROM pg_available_extensions() AS a LEFT JOIN LATERAL "
                                       "(SELECT extversion AS installed_version FROM pg_extension WHERE extname = a.name) AS e ON true "
                                       "WHERE a.name = {}",
                                       domain::quote_literal(name))));
    if (!rows.empty() && !rows.is_null(0, 1)) return fine(fmt::format("{} {}", name, rows.text(0, 1)));
    DoctorPanel panel;
    panel.state = PanelState::partial;
    panel.why = std::move(why);
    panel.seen = rows.empty() ? "the extension is not installed on the server" : "not created in database " + patient.database;
    if (rows.empty()) panel.unlock = {"-- install the server's contrib package (postgresql-contrib)"};
    panel.unlock.push_back(fmt::format("CREATE EXTENSION IF NOT EXISTS {};", name));
    panel.unlock = patient.on_primary(std::move(panel.unlock));
    return panel;
}

}  // namespace

Result<DoctorPanel> examine_buffercache(Patient& patient) {
    return examine_extension(patient, "pg_buffercache", "Which tables fill the cache is not seen.");
}

Result<DoctorPanel> examine_pgstattuple(Patient& patient) {
    return examine_extension(patient, "pgstattuple", "Bloat is estimated from statistics only, not measured.");
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
    const std::string role = quote_identifier(patient.grantee);
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
                                                         quote_identifier(patient.grantee))});
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
    ORRERY_ASSIGN(const auto found, find(patient, sql));
    if (found.total == 0) return fine("every table with rows has statistics");
    auto panel = panel_of(patient, found, found.total == 1 ? "table without statistics" : "tables without statistics",
                          "Never analyzed: the planner guesses there, and so does every prediction.", "ANALYZE {};");
    if (!found.all_named()) panel.unlock = patient.on_primary({"ANALYZE;"});
    return panel;
}

Result<DoctorPanel> examine_apply(Patient& patient) {
    if (patient.standby) {
        DoctorPanel panel;
        panel.state = PanelState::missing;
        panel.seen = "a standby accepts no changes";
        panel.why = "Apply on the primary.";
        return panel;
    }
    constexpr std::string_view kOwns = "pg_has_role(c.relowner, 'USAGE')";
    constexpr std::string_view kMayCreate = "has_schema_privilege(n.oid, 'CREATE')";
    ORRERY_ASSIGN(const auto rows,
                  patient.session.query(
                      fmt::format("SELECT count(*), count(*) FILTER (WHERE {0} AND {1}), "
                                  "array_agg(DISTINCT r.rolname::text) FILTER (WHERE NOT {0} AND NOT r.rolsuper), "
                                  "array_agg(DISTINCT n.nspname::text) FILTER (WHERE {0} AND NOT {1}), "
                                  "array_agg(DISTINCT r.rolname::text) FILTER (WHERE NOT {0} AND r.rolsuper) "
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
    for (const auto& owner : rows.array(0, 4)) panel.unlock.push_back(superuser_owns(owner));
    return panel;
}

/// An index that is being built now is invalid too.
Result<DoctorPanel> examine_invalid(Patient& patient) {
    ORRERY_ASSIGN(const auto building, pg::indexes_being_built(patient.session));
    const auto sql = fmt::format(
        "SELECT n.nspname, x.relname, count(*) OVER () FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "
        "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = x.relnamespace "
        "WHERE NOT i.indisvalid AND x.relkind = 'i' AND {} AND i.indexrelid <> ALL ('{{{}}}'::oid[]) ORDER BY 1, 2 LIMIT {}",
        kUserRelation, fmt::join(building, ","), kExamples);
    ORRERY_ASSIGN(const auto found, find(patient, sql));
    if (found.total == 0) return fine("none");
    return panel_of(patient, found, found.total == 1 ? "invalid index" : "invalid indexes",
                    "Left by a build that failed: every write pays for them and no query uses them.", "DROP INDEX CONCURRENTLY {};");
}

}  // namespace orrery::engine
