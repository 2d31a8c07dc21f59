#include "twin/statistics_copy.hpp"

#include <fmt/format.h>

#include <cmath>

namespace orrery::twin {
namespace {

constexpr int kSlots = 5;  // STATISTIC_NUM_SLOTS
constexpr std::size_t kCopyChunk = 1 << 20;

/// The type of an anyarray's elements is in its binary form (bytes 9 to 12); types without one have the column's type.
std::string element_type(const std::string& values, const std::string& fallback_type) {
    const std::string oid =
        fmt::format("('x' || encode(substr(array_send({}), 9, 4), 'hex'))::bit(32)::bigint::oid::regtype::text", values);
    if (fallback_type.empty()) return fmt::format("CASE WHEN {} IS NOT NULL THEN {} END", values, oid);
    return fmt::format(
        "CASE WHEN {0} IS NULL THEN NULL WHEN (SELECT y.typsend = 0 FROM pg_type y WHERE y.oid = {1}) THEN ({1})::regtype::text ELSE {2} "
        "END",
        values, fallback_type, oid);
}

/// The five slots of a row of pg_statistic `s`, each as kind, operator, collation, numbers, values, type of the values.
std::string slot_columns(const std::string& column_type) {
    std::string sql;
    for (int i = 1; i <= kSlots; ++i)
        sql += fmt::format(
            ", s.stakind{0}, CASE WHEN s.staop{0} <> 0 THEN s.staop{0}::regoperator::text END,"
            " CASE WHEN s.stacoll{0} <> 0 THEN s.stacoll{0}::regcollation::text END, s.stanumbers{0}::text, s.stavalues{0}::text, {1}",
            i, element_type(fmt::format("s.stavalues{}", i), column_type));
    return sql;
}

/// Restricts rows of pg_statistic to some tables and their indexes.
std::string of_tables(std::string_view relation, const std::vector<domain::Oid>& tables) {
    if (tables.empty()) return {};
    return fmt::format(" AND ({0} IN ({1}) OR {0} IN (SELECT indexrelid FROM pg_index WHERE indrelid IN ({1})))", relation,
                       oid_list(tables));
}

std::string catalog_query(const std::vector<domain::Oid>& tables) {
    return fmt::format(
        "SELECT n.nspname, c.relname, c.relkind, a.attname, s.staattnum, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct{}"
        " FROM pg_statistic s JOIN pg_class c ON c.oid = s.starelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum AND NOT a.attisdropped"
        " WHERE c.relpersistence <> 't' AND {}{}",
        slot_columns("a.atttypid"), kUserSchemas, of_tables("s.starelid", tables));
}

/// Kind 'e': the relation's name is that of the statistics object, the number counts its expressions.
std::string expression_query(int server_version, const std::vector<domain::Oid>& tables) {
    return fmt::format(
        "SELECT n.nspname, e.stxname, 'e', '', s.ordinality, {}, s.stanullfrac, s.stawidth, s.stadistinct{}"
        " FROM pg_statistic_ext e JOIN pg_statistic_ext_data d ON d.stxoid = e.oid JOIN pg_namespace n ON n.oid = e.stxnamespace,"
        " LATERAL unnest(d.stxdexpr) WITH ORDINALITY s WHERE {}{}",
        server_version >= 150000 ? "d.stxdinherit" : "false", slot_columns(""), kUserSchemas, of_tables("e.stxrelid", tables));
}

/// The view shows no operators or collations: '@' names what is to be looked up on the twin.
std::string view_query(int server_version, const std::vector<domain::Oid>& tables) {
    const auto slot = [](const std::string& condition, std::string_view kind, std::string_view op, const std::string& numbers,
                         const std::string& values) {
        const std::string type = values.empty() ? "NULL" : element_type("s." + values, "");
        return fmt::format(", CASE WHEN {0} THEN {1} ELSE 0 END, CASE WHEN {0} THEN '{2}' END, CASE WHEN {0} THEN '@' END, {3}, {4}, {5}",
                           condition, kind, op, numbers.empty() ? "NULL" : numbers, values.empty() ? "NULL" : "s." + values + "::text",
                           type);
    };
    const std::string common =
        "SELECT s.schemaname, s.tablename, 'r', s.attname, 0, s.inherited, s.null_frac, s.avg_width, s.n_distinct" +
        slot("s.most_common_vals IS NOT NULL", "1", "@eq", "s.most_common_freqs::text", "most_common_vals") +
        slot("s.histogram_bounds IS NOT NULL", "2", "@lt", "", "histogram_bounds") +
        slot("s.correlation IS NOT NULL", "3", "@lt", "CASE WHEN s.correlation IS NOT NULL THEN ARRAY[s.correlation]::text END", "");
    const std::string elements =
        slot("s.most_common_elems IS NOT NULL", "4", "@element", "s.most_common_elem_freqs::text", "most_common_elems") +
        slot("s.elem_count_histogram IS NOT NULL", "5", "@element", "s.elem_count_histogram::text", "");
    const std::string ranges =
        slot("s.range_length_histogram IS NOT NULL", "6", "@float8lt", "ARRAY[s.range_empty_frac]::text", "range_length_histogram") +
        slot("s.range_bounds_histogram IS NOT NULL", "7", "", "", "range_bounds_histogram");
    std::string from = " FROM pg_stats s WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'";
    if (!tables.empty()) from += fmt::format(" AND to_regclass(format('%I.%I', s.schemaname, s.tablename))::oid IN ({})", oid_list(tables));
    if (server_version < 170000) return common + elements + from;
    constexpr std::string_view kIsRange = "s.range_length_histogram IS NOT NULL OR s.range_bounds_histogram IS NOT NULL";
    return fmt::format("{0}{1}{2} AND NOT ({3}) UNION ALL {0}{4}{2} AND ({3})", common, elements, from, kIsRange, ranges);
}

constexpr const char* kStage =
    "CREATE TEMP TABLE orrery_statistics (space text, relation text, kind \"char\", attribute text, number int, inherited bool,"
    " null_fraction float4, width int, distinct_values float4,"
    " kind1 int, op1 text, coll1 text, numbers1 text, values1 text, type1 text,"
    " kind2 int, op2 text, coll2 text, numbers2 text, values2 text, type2 text,"
    " kind3 int, op3 text, coll3 text, numbers3 text, values3 text, type3 text,"
    " kind4 int, op4 text, coll4 text, numbers4 text, values4 text, type4 text,"
    " kind5 int, op5 text, coll5 text, numbers5 text, values5 text, type5 text) ON COMMIT DROP";

/// The slots of a staged row `s` as the columns of pg_statistic.
std::string staged_slots() {
    std::string kinds, operators, collations, numbers, values;
    for (int i = 1; i <= kSlots; ++i) {
        kinds += fmt::format(", s.kind{}::int2", i);
        operators += fmt::format(", coalesce(to_regoperator(s.op{})::oid, 0)", i);
        collations += fmt::format(", coalesce(to_regcollation(s.coll{})::oid, 0)", i);
        numbers += fmt::format(", s.numbers{}::float4[]", i);
        values += fmt::format(", array_in(textout(s.values{0}), (SELECT y.type FROM orrery_types y WHERE y.name = s.type{0}), -1)", i);
    }
    return kinds + operators + collations + numbers + values;
}

/// The types of the values. Reading a value of a domain would run the domain's conditions, which are the target's code, with a
/// superuser's rights: base types stand for domains, and types with a domain somewhere inside are not usable.
constexpr const char* kValueTypes =
    "CREATE TEMP TABLE orrery_types ON COMMIT DROP AS WITH RECURSIVE"
    " named AS (SELECT DISTINCT t.name FROM orrery_statistics, unnest(ARRAY[type1, type2, type3, type4, type5]) t(name) WHERE t.name IS "
    "NOT NULL),"
    " chain(name, type) AS (SELECT name, to_regtype(name)::oid FROM named"
    "  UNION ALL SELECT c.name, y.typbasetype FROM chain c JOIN pg_type y ON y.oid = c.type WHERE y.typtype = 'd'),"
    " base AS (SELECT c.name, c.type FROM chain c JOIN pg_type y ON y.oid = c.type WHERE y.typtype <> 'd'),"
    " parts(name, type) AS (SELECT name, type FROM base UNION SELECT p.name, x.type FROM parts p, LATERAL ("
    "  SELECT y.typelem FROM pg_type y WHERE y.oid = p.type AND y.typelem <> 0 AND y.typlen = -1"
    "  UNION ALL SELECT y.typbasetype FROM pg_type y WHERE y.oid = p.type AND y.typtype = 'd'"
    "  UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE p.type IN (r.rngtypid, r.rngmultitypid)"
    "  UNION ALL SELECT a.atttypid FROM pg_type y JOIN pg_attribute a ON a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped"
    "   WHERE y.oid = p.type AND y.typtype = 'c') x(type))"
    " SELECT b.name, b.type FROM base b"
    " WHERE NOT EXISTS (SELECT FROM parts p JOIN pg_type y ON y.oid = p.type WHERE p.name = b.name AND y.typtype = 'd')";

/// Rows of which all values can be read: a slot without its values would make the planner fail.
std::string types_usable() {
    std::string sql;
    for (int i = 1; i <= kSlots; ++i)
        sql += fmt::format("{}(s.values{} IS NULL OR s.type{} IN (SELECT y.name FROM orrery_types y))", i > 1 ? " AND " : "", i, i);
    return sql;
}

/// Fills in the operators that ANALYZE would have used: those of the default B-tree class of the column's base type,
/// of its elements for arrays; the collation is the column's.
std::string resolve_view_markers() {
    std::string sets;
    for (int i = 1; i <= kSlots; ++i)
        sets += fmt::format(
            "{0}op{1} = CASE s.op{1} WHEN '@eq' THEN o.eq WHEN '@lt' THEN o.lt WHEN '@element' THEN o.element_eq"
            " WHEN '@float8lt' THEN '<(double precision,double precision)' END,"
            " coll{1} = CASE WHEN s.coll{1} = '@' THEN o.collation END",
            i > 1 ? ", " : "", i);
    return "WITH RECURSIVE columns AS (SELECT DISTINCT space, relation, attribute FROM orrery_statistics),"
           " types AS (SELECT k.*, a.atttypid AS type, a.attcollation AS coll FROM columns k JOIN pg_namespace n ON n.nspname = k.space"
           "  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = k.relation"
           "  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.attribute AND NOT a.attisdropped),"
           " wanted AS (SELECT type FROM types UNION SELECT CASE WHEN y.typtype = 'd' THEN y.typbasetype ELSE y.typelem END FROM wanted w"
           "  JOIN pg_type y ON y.oid = w.type WHERE y.typtype = 'd' OR (y.typelem <> 0 AND y.typlen = -1)),"
           " base AS (SELECT type AS root, type FROM wanted UNION ALL SELECT b.root, y.typbasetype FROM base b JOIN pg_type y ON y.oid = "
           "b.type"
           "  WHERE y.typtype = 'd'),"
           " leaf AS (SELECT b.root, y.* FROM base b JOIN pg_type y ON y.oid = b.type WHERE y.typtype <> 'd'),"
           " ops AS (SELECT l.root, CASE WHEN l.typelem <> 0 AND l.typlen = -1 THEN l.typelem END AS element, f.opcfamily AS family, "
           "f.opcintype AS input"
           "  FROM leaf l LEFT JOIN LATERAL (SELECT p.opcfamily, p.opcintype FROM pg_opclass p WHERE p.opcmethod = 403 AND p.opcdefault"
           "   AND (p.opcintype = l.oid"
           "    OR p.opcintype = CASE WHEN l.typtype = 'e' THEN 'anyenum'::regtype WHEN l.typtype = 'r' THEN 'anyrange'::regtype"
           "       WHEN l.typtype = 'm' THEN to_regtype('anymultirange') WHEN l.typtype = 'c' THEN 'record'::regtype"
           "       WHEN l.typelem <> 0 AND l.typlen = -1 THEN 'anyarray'::regtype END"
           "    OR EXISTS (SELECT FROM pg_cast x WHERE x.castsource = l.oid AND x.casttarget = p.opcintype AND x.castmethod = 'b' AND "
           "x.castcontext = 'i'))"
           "   ORDER BY p.opcintype = l.oid DESC, p.opcintype LIMIT 1) f ON true),"
           " named AS (SELECT o.root, o.element,"
           "  (SELECT m.amopopr FROM pg_amop m WHERE m.amopfamily = o.family AND m.amoplefttype = o.input AND m.amoprighttype = o.input "
           "AND m.amopstrategy = 3) AS eq,"
           "  (SELECT m.amopopr FROM pg_amop m WHERE m.amopfamily = o.family AND m.amoplefttype = o.input AND m.amoprighttype = o.input "
           "AND m.amopstrategy = 1) AS lt"
           "  FROM ops o),"
           " found AS (SELECT t.space, t.relation, t.attribute, d.eq::regoperator::text AS eq, d.lt::regoperator::text AS lt,"
           "  CASE WHEN t.type = 'tsvector'::regtype THEN '=(text,text)'"
           "       ELSE (SELECT e.eq::regoperator::text FROM named e WHERE e.root = d.element) END AS element_eq,"
           "  CASE WHEN t.type = 'tsvector'::regtype THEN '\"default\"' WHEN t.coll <> 0 THEN t.coll::regcollation::text END AS collation"
           "  FROM types t JOIN named d ON d.root = t.type)"
           " UPDATE orrery_statistics s SET " +
           sets + " FROM found o WHERE o.space = s.space AND o.relation = s.relation AND o.attribute = s.attribute";
}

/// A field of COPY's text format.
std::string copy_field(std::string_view text) {
    std::string field;
    for (const char c : text) {
        if (c == '\\')
            field += "\\\\";
        else if (c == '\t')
            field += "\\t";
        else if (c == '\n')
            field += "\\n";
        else if (c == '\r')
            field += "\\r";
        else
            field += c;
    }
    return field;
}

std::string array_literal(const std::vector<std::string>& items) {
    std::string text = "{";
    for (const auto& item : items) {
        text += text.size() > 1 ? ",\"" : "\"";
        for (const char c : item) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + '}';
}

base::Result<void> copy_lines(pg::Session& twin, const std::string& lines) {
    std::size_t sent = 0;
    const auto produce = [&](std::string& buffer) {
        if (sent >= lines.size()) return false;
        const auto chunk = std::string_view(lines).substr(sent, kCopyChunk);
        buffer.append(chunk);
        sent += chunk.size();
        return true;
    };
    ORRERY_ASSIGN([[maybe_unused]] const auto rows, twin.copy_in("COPY orrery_statistics FROM STDIN", produce));
    return {};
}

/// Runs `work` in a transaction in which the rows are in the table orrery_statistics.
template <typename Work>
base::Result<void> in_stage(pg::Session& twin, const StatisticsRows& rows, const Work& work) {
    const auto run = [&]() -> base::Result<void> {
        ORRERY_TRY(twin.execute(std::string("BEGIN; ") + kStage));
        ORRERY_TRY(copy_lines(twin, rows.lines));
        if (rows.from_view) ORRERY_TRY(twin.execute(resolve_view_markers()));
        ORRERY_TRY(twin.execute(kValueTypes));
        ORRERY_TRY(work());
        return twin.execute("COMMIT");
    };
    auto done = run();
    if (!done && twin.connected()) (void)twin.execute("ROLLBACK");
    return done;
}

base::Result<void> insert_staged(pg::Session& twin) {
    const std::string columns = "s.inherited, s.null_fraction, s.width, s.distinct_values" + staged_slots();
    const std::string where = " WHERE " + types_usable();
    const std::string relation =
        " FROM orrery_statistics s JOIN pg_namespace n ON n.nspname = s.space"
        " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.relation JOIN pg_attribute a ON a.attrelid = c.oid";
    ORRERY_TRY(twin.execute("INSERT INTO pg_statistic SELECT c.oid, a.attnum, " + columns + relation +
                            " AND a.attname = s.attribute AND NOT a.attisdropped" + where + " AND s.kind NOT IN ('i', 'I', 'e')"));
    ORRERY_TRY(twin.execute("INSERT INTO pg_statistic SELECT c.oid, a.attnum, " + columns + relation + " AND a.attnum = s.number" + where +
                            " AND s.kind IN ('i', 'I')"));
    return {};
}

}  // namespace

base::Result<StatisticsRows> read_statistics(TargetSnapshot& snapshot, StatisticsSource source, const std::vector<domain::Oid>& tables) {
    StatisticsRows rows;
    rows.from_view = source == StatisticsSource::pg_stats;
    const int version = snapshot.session().server_version();
    const std::string query =
        rows.from_view ? view_query(version, tables) : catalog_query(tables) + " UNION ALL " + expression_query(version, tables);
    ORRERY_TRY(snapshot.session().copy_out("COPY (" + query + ") TO STDOUT", [&](std::string_view line) {
        rows.lines.append(line);
        rows.lines += '\n';
        ++rows.count;
    }));
    ORRERY_ASSIGN(rows.extended, read_extended_statistics(snapshot, rows.from_view, tables));
    return rows;
}

std::string statistics_line(const domain::RelationName& relation, std::string_view attribute, int number,
                            const domain::ColumnStatistics& statistics, std::string_view type) {
    constexpr std::string_view kNull = "\\N";
    constexpr std::string_view kNoSlot = "\t0\t\\N\t\\N\t\\N\t\\N\t\\N";
    std::string line =
        fmt::format("{}\t{}\ti\t{}\t{}\tf\t{}\t{}\t{}", copy_field(relation.schema), copy_field(relation.name), copy_field(attribute),
                    number, statistics.null_fraction, std::lround(statistics.average_width), statistics.distinct);
    std::string frequencies;
    for (const double share : statistics.common_frequencies) frequencies += fmt::format("{}{}", frequencies.empty() ? "" : ",", share);
    if (statistics.common_values.empty() || statistics.common_values.size() != statistics.common_frequencies.size())
        line += kNoSlot;
    else
        line +=
            fmt::format("\t1\t@eq\t@\t{{{}}}\t{}\t{}", frequencies, copy_field(array_literal(statistics.common_values)), copy_field(type));
    if (statistics.histogram_bounds.size() < 2)
        line += kNoSlot;
    else
        line += fmt::format("\t2\t@lt\t@\t{}\t{}\t{}", kNull, copy_field(array_literal(statistics.histogram_bounds)), copy_field(type));
    line += fmt::format("\t3\t@lt\t@\t{{{}}}\t{}\t{}", statistics.correlation, kNull, kNull);
    line += kNoSlot;
    line += kNoSlot;
    return line + '\n';
}

base::Result<void> add_index_statistics(pg::Session& twin, const StatisticsRows& rows) {
    return in_stage(twin, rows, [&] { return insert_staged(twin); });
}

base::Result<std::vector<std::string>> write_statistics(pg::Session& twin, const StatisticsRows& rows,
                                                        const std::vector<domain::Oid>& tables) {
    std::vector<std::string> left_out;
    const auto fill = [&]() -> base::Result<void> {
        ORRERY_TRY(twin.execute("DELETE FROM pg_statistic s WHERE s.starelid >= 16384" + of_tables("s.starelid", tables)));
        ORRERY_TRY(insert_staged(twin));
        const std::string expression_row =
            "ROW(0::oid, 0::int2, false, s.null_fraction, s.width, s.distinct_values" + staged_slots() + ")::pg_statistic";
        ORRERY_TRY(twin.execute("DELETE FROM pg_statistic_ext_data d USING pg_statistic_ext e WHERE e.oid = d.stxoid" +
                                of_tables("e.stxrelid", tables)));
        ORRERY_ASSIGN(left_out, write_extended_statistics(twin, rows.extended, expression_row));
        ORRERY_ASSIGN(const auto unusable,
                      twin.query("SELECT s.space, s.relation, s.attribute FROM orrery_statistics s WHERE NOT (" + types_usable() + ")"));
        for (std::size_t i = 0; i < unusable.size(); ++i)
            left_out.push_back(fmt::format("statistics of {}.{} are left out: their type is not on the twin, or contains a domain",
                                           domain::RelationName{std::string(unusable.text(i, 0)), std::string(unusable.text(i, 1))}.sql(),
                                           unusable.text(i, 2)));
        return {};
    };
    ORRERY_TRY(in_stage(twin, rows, fill));
    return left_out;
}

}  // namespace orrery::twin
