#include "twin/target_facts.hpp"

#include <fmt/format.h>

namespace orrery::twin {
namespace {

constexpr const char* kBegin =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    "SET LOCAL search_path = pg_catalog;"
    "SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = postgres; SET LOCAL TimeZone = 'UTC';"
    "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = hex; SET LOCAL xmloption = content;"
    "SET LOCAL quote_all_identifiers = off; SET LOCAL jit = off";

}  // namespace

std::string oid_list(const std::vector<domain::Oid>& oids) {
    std::string text;
    for (const auto oid : oids) text += (text.empty() ? "" : ",") + std::to_string(oid);
    return text;
}

base::Result<TargetSnapshot> TargetSnapshot::begin(pg::Session& session) {
    TargetSnapshot snapshot(session);
    ORRERY_TRY(session.execute(kBegin));
    return snapshot;
}

TargetSnapshot::~TargetSnapshot() {
    if (session_ != nullptr && session_->connected()) (void)session_->execute("ROLLBACK");
}

base::Result<void> TargetSnapshot::renew() {
    ORRERY_TRY(session_->execute("ROLLBACK"));
    return session_->execute(kBegin);
}

base::Result<TargetDatabase> read_database(TargetSnapshot& snapshot, const std::string& application_role) {
    const int version = snapshot.session().server_version();
    const char* provider = version >= 150000 ? "d.datlocprovider" : "'c'";
    const char* locale = version >= 170000 ? "d.datlocale" : version >= 150000 ? "d.daticulocale" : "NULL";
    ORRERY_ASSIGN(
        const auto rows,
        snapshot.query(fmt::format(
            "SELECT current_user, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, {}, {}, current_setting('block_size'),"
            " has_table_privilege('pg_statistic', 'SELECT') AND has_table_privilege('pg_statistic_ext_data', 'SELECT'),"
            " has_function_privilege('pg_read_binary_file(text,bigint,bigint)', 'EXECUTE'),"
            " (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = {}),"
            " EXISTS (SELECT FROM pg_tablespace s WHERE s.spcoptions IS NOT NULL AND (s.oid = d.dattablespace"
            "  OR EXISTS (SELECT FROM pg_class c WHERE c.reltablespace = s.oid))),"
            " (SELECT quote_ident(n.nspname) || '.' || quote_ident(p.proname) FROM pg_extension e JOIN pg_depend x ON x.refobjid = e.oid"
            "  AND x.refclassid = 'pg_extension'::regclass AND x.classid = 'pg_proc'::regclass AND x.deptype = 'e'"
            "  JOIN pg_proc p ON p.oid = x.objid JOIN pg_namespace n ON n.oid = p.pronamespace"
            "  WHERE e.extname = 'pageinspect' AND p.proname = 'get_raw_page' AND p.pronargs = 2"
            "  AND has_function_privilege(p.oid, 'EXECUTE') AND (SELECT usesuper FROM pg_user WHERE usename = current_user))"
            " FROM pg_database d WHERE d.datname = current_database()",
            provider, locale, application_role.empty() ? "current_user" : domain::quote_literal(application_role))));
    if (rows.empty()) return base::unexpected(base::ErrorKind::missing_object, "the target's database has no entry in pg_database");
    if (rows.is_null(0, 9))
        return base::unexpected(base::ErrorKind::invalid_input,
                                fmt::format("the application's role {} does not exist on the target", application_role));
    TargetDatabase database;
    database.server_version = version;
    database.user = rows.text(0, 0);
    database.encoding = rows.text(0, 1);
    database.collate = rows.text(0, 2);
    database.ctype = rows.text(0, 3);
    database.locale_provider = rows.text(0, 4).empty() ? 'c' : rows.text(0, 4).front();
    database.provider_locale = rows.text(0, 5);
    database.block_size = rows.integer(0, 6);
    database.reads_pg_statistic = rows.boolean(0, 7);
    database.reads_files = rows.boolean(0, 8);
    database.bypasses_row_security = rows.boolean(0, 9);
    database.has_priced_tablespaces = rows.boolean(0, 10);
    database.raw_page_function = rows.text(0, 11);
    return database;
}

base::Result<std::vector<TargetRelation>> read_relations(TargetSnapshot& snapshot) {
    // Relations under an exclusive lock keep their last known size: asking for it would wait for the lock.
    const std::string sql = fmt::format(
        "SELECT c.oid, n.nspname, c.relname, c.relkind, am.amname, tn.nspname, t.relname, c.reltuples, c.relpages, c.relallvisible,"
        " CASE WHEN c.relkind NOT IN ('r', 'm', 'i') THEN 0"
        "      WHEN EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = c.oid AND l.mode = 'AccessExclusiveLock'"
        "                   AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN "
        "c.relpages"
        "      ELSE coalesce(pg_relation_size(c.oid) / current_setting('block_size')::int, c.relpages) END,"
        " c.relispopulated,"
        " has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(coalesce(t.oid, c.oid), 'SELECT'),"
        " EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = coalesce(t.oid, c.oid) AND d.deptype = 'e'),"
        " coalesce(i.indisvalid, true), coalesce(t.relrowsecurity, c.relrowsecurity)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.oid = i.indrelid"
        " LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace LEFT JOIN pg_am am ON am.oid = c.relam AND c.relkind IN ('i', 'I')"
        " WHERE c.relkind IN ('r', 'm', 'p', 'i', 'I') AND c.relpersistence <> 't' AND {} ORDER BY c.oid",
        kUserSchemas);
    ORRERY_ASSIGN(const auto rows, snapshot.query(sql));
    std::vector<TargetRelation> relations(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        auto& relation = relations[i];
        relation.oid = static_cast<domain::Oid>(rows.integer(i, 0));
        relation.name = {std::string(rows.text(i, 1)), std::string(rows.text(i, 2))};
        relation.kind = rows.text(i, 3).front();
        relation.method = rows.text(i, 4);
        relation.table = {std::string(rows.text(i, 5)), std::string(rows.text(i, 6))};
        relation.tuples = rows.real(i, 7);
        relation.pages = rows.integer(i, 8);
        relation.all_visible = rows.integer(i, 9);
        relation.blocks = rows.integer(i, 10);
        relation.populated = rows.boolean(i, 11);
        relation.readable = rows.boolean(i, 12);
        relation.of_extension = rows.boolean(i, 13);
        relation.valid = rows.boolean(i, 14);
        relation.row_security = rows.boolean(i, 15);
    }
    return relations;
}

base::Result<ChangeMark> read_change_mark(TargetSnapshot& snapshot, bool from_pg_statistic) {
    // What VACUUM, ANALYZE, REINDEX or temporary tables change must not look like DDL.
    const auto part = [](std::string_view what, std::string_view from) {
        return fmt::format(", (SELECT count(*) || ':' || coalesce(sum(hashtext(concat_ws('/', {}))), 0) FROM {})", what, from);
    };
    const std::string user_class = fmt::format(
        "(SELECT c.* , c.oid AS id FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relpersistence <> 't' AND {}) c",
        kUserSchemas);
    const std::string schema =
        "SELECT concat_ws('/'" +
        part(
            "c.id, c.relname, c.relnamespace, c.relkind, c.reltablespace, c.reloptions, c.relispopulated, c.relpartbound, c.relrowsecurity",
            user_class) +
        part("c.id, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attisdropped, a.attcollation",
             user_class + " JOIN pg_attribute a ON a.attrelid = c.id AND a.attnum > 0") +
        part("x.indexrelid, x.indisvalid, x.xmin", user_class + " JOIN pg_index x ON x.indexrelid = c.id") +
        part("x.conname, x.convalidated, x.xmin", user_class + " JOIN pg_constraint x ON x.conrelid = c.id") +
        part("x.ev_class, x.xmin", user_class + " JOIN pg_rewrite x ON x.ev_class = c.id") +
        part("x.inhrelid, x.inhparent", user_class + " JOIN pg_inherits x ON x.inhrelid = c.id") +
        part("x.stxname, x.xmin", user_class + " JOIN pg_statistic_ext x ON x.stxrelid = c.id") +
        part("x.typname, x.xmin", "pg_type x WHERE x.typtype IN ('d', 'e', 'r') AND x.oid >= 16384") +
        part("x.enumlabel, x.enumsortorder", "pg_enum x") + part("x.proname, x.xmin", "pg_proc x WHERE x.oid >= 16384") +
        part("x.oprname, x.xmin", "pg_operator x WHERE x.oid >= 16384") + part("x.opcname, x.xmin", "pg_opclass x WHERE x.oid >= 16384") +
        ")";
    const char* statistics =
        from_pg_statistic
            ? "SELECT s.starelid, count(*) || ':' || sum(hashtext(concat_ws('/', s.staattnum, s.stainherit, s.xmin))) FROM pg_statistic s"
              " WHERE s.starelid >= 16384 GROUP BY 1"
              " UNION ALL SELECT d.stxoid, count(*) || ':' || sum(hashtext(d.xmin::text)) FROM pg_statistic_ext_data d GROUP BY 1"
            : "SELECT t.relid, concat_ws(':', t.analyze_count, t.autoanalyze_count) FROM pg_stat_user_tables t";
    ORRERY_ASSIGN(const auto first, snapshot.query(schema));
    ORRERY_ASSIGN(const auto second, snapshot.query(statistics));
    ChangeMark mark{std::string(first.text(0, 0)), {}};
    for (std::size_t i = 0; i < second.size(); ++i) mark.statistics[static_cast<domain::Oid>(second.integer(i, 0))] = second.text(i, 1);
    return mark;
}

}  // namespace orrery::twin
