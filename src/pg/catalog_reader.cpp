#include "pg/catalog_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "pg/catalog_queries.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using domain::Catalog;
using domain::Column;
using domain::Oid;
using domain::RelationName;
using domain::SqlRows;
using domain::Table;

/// Stands for an expression or predicate of an index whose table was locked: the server would have waited to print it.
constexpr std::string_view kUnreadExpression = "?";

Oid oid_at(const SqlRows& rows, std::size_t row, std::size_t column) {
    return static_cast<Oid>(rows.integer(row, column));
}
std::string string_at(const SqlRows& rows, std::size_t row, std::size_t column) {
    return std::string(rows.text(row, column));
}
char char_at(const SqlRows& rows, std::size_t row, std::size_t column) {
    const auto text = rows.text(row, column);
    return text.empty() ? ' ' : text.front();
}

std::vector<std::int64_t> numbers_of(std::string_view text) {
    std::vector<std::int64_t> numbers;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        std::int64_t number = 0;
        const auto read = std::from_chars(at, end, number);
        if (read.ec == std::errc{}) numbers.push_back(number);
        at = std::find(read.ptr, end, ' ');
        if (at < end) ++at;
    }
    return numbers;
}

/// Splits a search_path as the server does: commas, double quotes, unquoted names in lower case.
std::vector<std::string> split_path(std::string_view text) {
    std::vector<std::string> names;
    std::string name;
    bool quoted = false, any = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const char c = i < text.size() ? text[i] : ',';
        if (quoted && i < text.size()) {
            if (c != '"')
                name += c;
            else if (i + 1 < text.size() && text[i + 1] == '"')
                name += text[++i];
            else
                quoted = false;
        } else if (c == '"') {
            quoted = any = true;
        } else if (c == ',') {
            if (any) names.push_back(name);
            name.clear();
            any = false;
        } else if (c != ' ') {
            name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            any = true;
        }
    }
    return names;
}

/// The path of the session's role first (what RESET would give), then those set for the database and for other roles in it:
/// the application's unqualified names are to be found even when Orrery's role has another path.
base::Result<void> read_database(domain::SqlSession& session, Catalog& catalog) {
    ORRERY_ASSIGN(const auto facts,
                  session.query("SELECT pg_catalog.current_database(), pg_catalog.current_setting('block_size'), current_user, "
                                "(SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'), "
                                "ARRAY(SELECT nspname::text FROM pg_catalog.pg_namespace)"));
    if (facts.empty()) return base::unexpected(ErrorKind::internal, "the server told nothing about the database");
    catalog.server_version = session.server_version();
    catalog.database = string_at(facts, 0, 0);
    catalog.block_size = static_cast<int>(facts.integer(0, 1));
    const auto schemas = facts.array(0, 4);
    catalog.search_path.clear();
    const auto add = [&](std::string_view path, std::string_view user) {
        for (auto& name : split_path(path)) {
            if (name == "$user") name = user;
            const bool exists = std::find(schemas.begin(), schemas.end(), name) != schemas.end();
            const bool known = std::find(catalog.search_path.begin(), catalog.search_path.end(), name) != catalog.search_path.end();
            if (exists && !known && name != "pg_catalog") catalog.search_path.push_back(name);
        }
    };
    add(facts.text(0, 3), facts.text(0, 2));

    ORRERY_ASSIGN(const auto configured,
                  session.query("SELECT coalesce(r.rolname, ''), pg_catalog.substr(setting, 13) "
                                "FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
                                "CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS setting "
                                "WHERE setting LIKE 'search\\_path=%' AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database "
                                "WHERE datname = pg_catalog.current_database())) ORDER BY s.setdatabase = 0, s.setrole <> 0, 1"));
    for (std::size_t row = 0; row < configured.size(); ++row) add(configured.text(row, 1), configured.text(row, 0));
    return {};
}

using TablePlaces = std::unordered_map<Oid, std::size_t>;

base::Result<TablePlaces> read_tables(domain::SqlSession& session, Catalog& catalog) {
    const auto sql = fmt::format(
        "{}SELECT c.oid, n.nspname, c.relname, c.relkind, pn.nspname, p.relname, c.reltuples, c.relpages, c.relallvisible, "
        "CASE WHEN c.relkind NOT IN ('r', 'm') THEN 0 WHEN l.relation IS NULL THEN pg_catalog.pg_relation_size(c.oid) END, "
        "pg_catalog.pg_stat_get_tuples_inserted(c.oid), pg_catalog.pg_stat_get_tuples_updated(c.oid), "
        "pg_catalog.pg_stat_get_tuples_hot_updated(c.oid), pg_catalog.pg_stat_get_tuples_deleted(c.oid), "
        "pg_catalog.pg_stat_get_numscans(c.oid) "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN locked l ON l.relation = c.oid "
        "LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition "
        "LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND {} ORDER BY n.nspname, c.relname",
        kLocked, kUserRelation);
    ORRERY_ASSIGN(const auto rows, query_around_locks(session, sql));
    TablePlaces places;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        Table table;
        table.oid = oid_at(rows, row, 0);
        table.name = {string_at(rows, row, 1), string_at(rows, row, 2)};
        table.kind = char_at(rows, row, 3);
        if (!rows.is_null(row, 5)) table.parent = RelationName{string_at(rows, row, 4), string_at(rows, row, 5)};
        table.tuples = rows.real(row, 6);
        table.pages = base::Pages(rows.integer(row, 7));
        table.all_visible = base::Pages(rows.integer(row, 8));
        // Before version 14 a table that was never analyzed says 0.
        if (catalog.server_version < 140000 && table.tuples == 0 && table.pages.value == 0) table.tuples = -1;
        table.size = base::Bytes(rows.is_null(row, 9) ? table.pages.value * catalog.block_size : rows.integer(row, 9));
        table.activity = {rows.integer(row, 10), rows.integer(row, 11), rows.integer(row, 12),
                          rows.integer(row, 13), rows.integer(row, 14), 0};
        places.emplace(table.oid, catalog.tables.size());
        catalog.tables.push_back(std::move(table));
    }
    return places;
}

base::Result<void> read_columns(domain::SqlSession& session, Catalog& catalog, const TablePlaces& places) {
    const auto sql = fmt::format(
        "SELECT a.attrelid, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid, t.typcategory, t.typlen, "
        "t.typalign, "
        "a.attnotnull FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
        "WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'v', 'f') AND {} ORDER BY a.attrelid, a.attnum",
        kUserRelation);
    ORRERY_ASSIGN(const auto rows, session.query(sql));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto place = places.find(oid_at(rows, row, 0));
        if (place == places.end()) continue;
        Column column;
        column.number = static_cast<int>(rows.integer(row, 1));
        column.name = string_at(rows, row, 2);
        column.type = string_at(rows, row, 3);
        column.type_oid = oid_at(rows, row, 4);
        column.type_category = char_at(rows, row, 5);
        column.type_length = static_cast<int>(rows.integer(row, 6));
        column.type_alignment = char_at(rows, row, 7);
        column.not_null = rows.boolean(row, 8);
        catalog.tables[place->second].columns.push_back(std::move(column));
    }
    return {};
}

domain::ColumnStatistics statistics_at(const SqlRows& rows, std::size_t row) {
    domain::ColumnStatistics statistics;
    statistics.null_fraction = rows.real(row, 4);
    statistics.average_width = rows.real(row, 5);
    statistics.distinct = rows.real(row, 6);
    statistics.correlation = rows.real(row, 7);
    statistics.common_values = rows.array(row, 8);
    for (const auto& frequency : rows.array(row, 9)) {
        double share = 0;
        std::from_chars(frequency.data(), frequency.data() + frequency.size(), share);
        statistics.common_frequencies.push_back(share);
    }
    statistics.histogram_bounds = rows.array(row, 10);
    return statistics;
}

/// pg_stats shows only what the role may read; columns without a row stay without statistics.
base::Result<void> read_statistics(domain::SqlSession& session, Catalog& catalog) {
    ORRERY_ASSIGN(const auto rows,
                  session.query("SELECT schemaname, tablename, attname, inherited, null_frac, avg_width, n_distinct, correlation, "
                                "most_common_vals::text, most_common_freqs::text, histogram_bounds::text FROM pg_catalog.pg_stats "
                                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"));
    std::map<std::tuple<std::string_view, std::string_view, std::string_view, bool>, std::size_t> found;
    for (std::size_t row = 0; row < rows.size(); ++row)
        found.emplace(std::tuple(rows.text(row, 0), rows.text(row, 1), rows.text(row, 2), rows.boolean(row, 3)), row);
    for (auto& table : catalog.tables) {
        // A partitioned table has no rows of its own, only those of the whole tree.
        const bool inherited = table.kind == 'p';
        for (auto& column : table.columns) {
            const auto row = found.find(std::tuple<std::string_view, std::string_view, std::string_view, bool>(
                table.name.schema, table.name.name, column.name, inherited));
            if (row != found.end()) column.statistics = statistics_at(rows, row->second);
        }
    }
    return {};
}

/// One row per index; keys and their options as arrays in the keys' order.
std::string index_sql() {
    return fmt::format(
        "{}SELECT i.indexrelid, n.nspname, ic.relname, i.indrelid, am.amname, i.indisunique, i.indisprimary, "
        "EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')), "
        "i.indisvalid, i.indisready, i.indisreplident, i.indisclustered, ic.relispartition, ic.reltuples, ic.relpages, "
        "pg_catalog.pg_stat_get_numscans(i.indexrelid), i.indnkeyatts, i.indkey::text, i.indoption::text, l.locked, "
        "CASE WHEN l.locked THEN NULL WHEN ic.relkind = 'I' THEN 0 ELSE pg_catalog.pg_relation_size(i.indexrelid) END, "
        "CASE WHEN NOT l.locked THEN pg_catalog.pg_get_indexdef(i.indexrelid) END, "
        "CASE WHEN NOT l.locked THEN pg_catalog.pg_get_expr(i.indpred, i.indrelid) END, i.indpred IS NOT NULL, "
        "CASE WHEN NOT l.locked AND i.indexprs IS NOT NULL THEN ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, k, true) "
        "FROM pg_catalog.generate_series(1, i.indnkeyatts) AS k ORDER BY k) END, "
        "i.indclass::text, "
        "ARRAY(SELECT CASE WHEN co.oid IS NULL OR co.oid = coalesce(a.attcollation, 100) THEN '' "
        "WHEN n3.nspname = 'pg_catalog' THEN pg_catalog.quote_ident(co.collname) "
        "ELSE pg_catalog.quote_ident(n3.nspname) || '.' || pg_catalog.quote_ident(co.collname) END "
        "FROM ROWS FROM (pg_catalog.unnest(i.indcollation::oid[]), pg_catalog.unnest(i.indkey::int2[])) WITH ORDINALITY AS "
        "u(collation_oid, attnum, k) "
        "LEFT JOIN pg_catalog.pg_collation co ON co.oid = u.collation_oid LEFT JOIN pg_catalog.pg_namespace n3 ON n3.oid = "
        "co.collnamespace "
        "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum AND u.attnum > 0 "
        "WHERE u.k <= i.indnkeyatts ORDER BY u.k) "
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = ic.relam "
        "JOIN pg_catalog.pg_class c ON c.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM locked WHERE relation IN (i.indexrelid, i.indrelid)) AS locked) l "
        "WHERE c.relkind IN ('r', 'p', 'm') AND {} ORDER BY n.nspname, ic.relname",
        kLocked, kUserRelation);
}

/// pg_get_indexdef puts parentheses around what is not a plain function call.
std::string without_outer_parentheses(std::string text) {
    if (text.size() < 2 || text.front() != '(' || text.back() != ')') return text;
    int depth = 0;
    bool quoted = false;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == quote) quoted = false;
        } else if (c == '\'' || c == '"') {
            quoted = true;
            quote = c;
        } else if (c == '(') {
            ++depth;
        } else if (c == ')' && --depth == 0 && i + 1 < text.size()) {
            return text;  // the first parenthesis closes before the end
        }
    }
    return text.substr(1, text.size() - 2);
}

std::string column_name(const Table& table, std::int64_t number) {
    const auto found =
        std::find_if(table.columns.begin(), table.columns.end(), [&](const Column& column) { return column.number == number; });
    return found == table.columns.end() ? std::string() : found->name;
}

/// Operator classes that are not their type's default, by OID.
using OpclassNames = std::unordered_map<Oid, std::string>;
base::Result<OpclassNames> read_opclasses(domain::SqlSession& session) {
    ORRERY_ASSIGN(
        const auto rows,
        session.query("SELECT o.oid, CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.quote_ident(o.opcname) "
                      "ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(o.opcname) END "
                      "FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace n ON n.oid = o.opcnamespace WHERE NOT o.opcdefault"));
    OpclassNames names;
    for (std::size_t row = 0; row < rows.size(); ++row) names.emplace(oid_at(rows, row, 0), string_at(rows, row, 1));
    return names;
}

constexpr int kDescending = 1, kNullsFirst = 2;  // bits of pg_index.indoption

domain::IndexSpec spec_at(const SqlRows& rows, std::size_t row, const Table& table, const OpclassNames& special) {
    domain::IndexSpec spec;
    spec.table = table.name;
    spec.method = string_at(rows, row, 4);
    spec.unique = rows.boolean(row, 5);
    const auto key_count = static_cast<std::size_t>(rows.integer(row, 16));
    const auto attributes = numbers_of(rows.text(row, 17));
    const auto options = numbers_of(rows.text(row, 18));
    const auto expressions = rows.array(row, 24);
    const auto opclasses = numbers_of(rows.text(row, 25));
    const auto collations = rows.array(row, 26);
    for (std::size_t i = 0; i < attributes.size(); ++i) {
        if (i >= key_count) {
            spec.include.push_back(column_name(table, attributes[i]));
            continue;
        }
        domain::IndexKey key;
        if (attributes[i] != 0)
            key.column = column_name(table, attributes[i]);
        else
            key.expression = i < expressions.size() ? without_outer_parentheses(expressions[i]) : std::string(kUnreadExpression);
        const auto option = i < options.size() ? options[i] : 0;
        key.descending = (option & kDescending) != 0;
        key.nulls_first = (option & kNullsFirst) != 0;
        const auto opclass = i < opclasses.size() ? special.find(static_cast<Oid>(opclasses[i])) : special.end();
        if (opclass != special.end()) key.opclass = opclass->second;
        if (i < collations.size()) key.collation = collations[i];
        spec.keys.push_back(std::move(key));
    }
    if (rows.boolean(row, 23))
        spec.predicate = rows.is_null(row, 22) ? std::string(kUnreadExpression) : without_outer_parentheses(string_at(rows, row, 22));
    return spec;
}

base::Result<void> read_indexes(domain::SqlSession& session, Catalog& catalog, const TablePlaces& places) {
    ORRERY_ASSIGN(const auto special, read_opclasses(session));
    ORRERY_ASSIGN(const auto rows, query_around_locks(session, index_sql()));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto place = places.find(oid_at(rows, row, 3));
        if (place == places.end()) continue;
        Table& table = catalog.tables[place->second];
        domain::Index index;
        index.oid = oid_at(rows, row, 0);
        index.name = {string_at(rows, row, 1), string_at(rows, row, 2)};
        index.spec = spec_at(rows, row, table, special);
        index.primary = rows.boolean(row, 6);
        index.constraint = rows.boolean(row, 7);
        index.valid = rows.boolean(row, 8);
        index.ready = rows.boolean(row, 9);
        index.replica_identity = rows.boolean(row, 10);
        index.clustered = rows.boolean(row, 11);
        index.partition_child = rows.boolean(row, 12);
        index.tuples = rows.real(row, 13);
        index.scans = rows.integer(row, 15);
        index.size = base::Bytes(rows.is_null(row, 20) ? rows.integer(row, 14) * catalog.block_size : rows.integer(row, 20));
        index.definition = string_at(rows, row, 21);
        table.activity.index_scans += index.scans;
        catalog.indexes.push_back(std::move(index));
    }
    return {};
}

base::Result<void> read_foreign_keys(domain::SqlSession& session, Catalog& catalog, const TablePlaces& places) {
    // A key that refers to a partitioned table has one more row per partition of that table, under the first: left out.
    const auto sql = fmt::format(
        "SELECT k.conname, k.conrelid, k.confrelid, pg_catalog.array_to_string(k.conkey, ' '), pg_catalog.array_to_string(k.confkey, ' '), "
        "k.confdeltype FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_constraint above ON above.oid = k.conparentid "
        "WHERE k.contype = 'f' AND above.conrelid IS DISTINCT FROM k.conrelid AND {} ORDER BY n.nspname, c.relname, k.conname",
        kUserRelation);
    ORRERY_ASSIGN(const auto rows, session.query(sql));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto place = places.find(oid_at(rows, row, 1));
        const auto referenced = places.find(oid_at(rows, row, 2));
        if (place == places.end() || referenced == places.end()) continue;
        const Table &table = catalog.tables[place->second], &target = catalog.tables[referenced->second];
        domain::ForeignKey key;
        key.name = string_at(rows, row, 0);
        key.table = table.name;
        key.referenced_table = target.name;
        for (const auto number : numbers_of(rows.text(row, 3))) key.columns.push_back(column_name(table, number));
        for (const auto number : numbers_of(rows.text(row, 4))) key.referenced_columns.push_back(column_name(target, number));
        key.on_delete = char_at(rows, row, 5);
        catalog.foreign_keys.push_back(std::move(key));
    }
    return {};
}

}  // namespace

base::Result<domain::Catalog> read_catalog(domain::SqlSession& session, const CatalogOptions& options) {
    Catalog catalog;
    ORRERY_TRY(read_database(session, catalog));
    ORRERY_ASSIGN(const auto places, read_tables(session, catalog));
    ORRERY_TRY(read_columns(session, catalog, places));
    if (options.statistics) {
        auto read = read_statistics(session, catalog);
        if (!read && read.error().kind != ErrorKind::permission) return base::unexpected(std::move(read).error());
        if (!read) base::log_warning(fmt::format("{}: statistics are not readable: {}", session.target(), read.error().message));
    }
    ORRERY_TRY(read_indexes(session, catalog, places));
    ORRERY_TRY(read_foreign_keys(session, catalog, places));
    return catalog;
}

}  // namespace orrery::pg
