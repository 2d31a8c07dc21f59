#include "domain/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/random.hpp"

namespace orrery::domain {
namespace {

/// Words that PostgreSQL does not take as a bare column or table name (reserved, and those reserved for functions and types).
constexpr std::array<std::string_view, 100> kReserved{"all",
                                                      "analyse",
                                                      "analyze",
                                                      "and",
                                                      "any",
                                                      "array",
                                                      "as",
                                                      "asc",
                                                      "asymmetric",
                                                      "authorization",
                                                      "between",
                                                      "bigint",
                                                      "binary",
                                                      "bit",
                                                      "boolean",
                                                      "both",
                                                      "case",
                                                      "cast",
                                                      "char",
                                                      "character",
                                                      "check",
                                                      "coalesce",
                                                      "collate",
                                                      "collation",
                                                      "column",
                                                      "concurrently",
                                                      "constraint",
                                                      "create",
                                                      "cross",
                                                      "current_catalog",
                                                      "current_date",
                                                      "current_role",
                                                      "current_schema",
                                                      "current_time",
                                                      "current_timestamp",
                                                      "current_user",
                                                      "dec",
                                                      "decimal",
                                                      "default",
                                                      "deferrable",
                                                      "desc",
                                                      "distinct",
                                                      "do",
                                                      "else",
                                                      "end",
                                                      "except",
                                                      "exists",
                                                      "extract",
                                                      "false",
                                                      "fetch",
                                                      "float",
                                                      "for",
                                                      "foreign",
                                                      "freeze",
                                                      "from",
                                                      "full",
                                                      "grant",
                                                      "greatest",
                                                      "group",
                                                      "grouping",
                                                      "having",
                                                      "ilike",
                                                      "in",
                                                      "initially",
                                                      "inner",
                                                      "int",
                                                      "integer",
                                                      "intersect",
                                                      "interval",
                                                      "into",
                                                      "is",
                                                      "isnull",
                                                      "join",
                                                      "lateral",
                                                      "leading",
                                                      "least",
                                                      "left",
                                                      "like",
                                                      "limit",
                                                      "localtime",
                                                      "localtimestamp",
                                                      "natural",
                                                      "not",
                                                      "notnull",
                                                      "null",
                                                      "numeric",
                                                      "offset",
                                                      "on",
                                                      "only",
                                                      "or",
                                                      "order",
                                                      "outer",
                                                      "overlaps",
                                                      "placing",
                                                      "primary",
                                                      "references",
                                                      "returning",
                                                      "right",
                                                      "row",
                                                      "select"};
constexpr std::array<std::string_view, 25> kReservedToo{
    "session_user", "setof", "similar",   "smallint", "some",     "substring", "symmetric", "table", "tablesample",
    "then",         "time",  "timestamp", "to",       "trailing", "treat",     "trim",      "true",  "union",
    "unique",       "user",  "using",     "values",   "variadic", "verbose",   "window"};
constexpr std::array<std::string_view, 5> kReservedLast{"varchar", "when", "where", "with", "system_user"};  // the last since 16

bool reserved(std::string_view name) {
    const auto in = [&](const auto& words) { return std::find(words.begin(), words.end(), name) != words.end(); };
    return in(kReserved) || in(kReservedToo) || in(kReservedLast);
}

bool plain(std::string_view name) {
    if (name.empty() || !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_')) return false;
    return std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string join(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, ", "));
}

std::string key_list(const IndexSpec& spec) {
    std::vector<std::string> keys;
    for (const auto& key : spec.keys) keys.push_back(key.sql());
    return join(keys);
}

std::string tail(const IndexSpec& spec) {
    std::string text;
    if (!spec.include.empty()) {
        std::vector<std::string> columns;
        for (const auto& column : spec.include) columns.push_back(quote_identifier(column));
        text += fmt::format(" INCLUDE ({})", join(columns));
    }
    if (!spec.predicate.empty()) text += fmt::format(" WHERE {}", spec.predicate);
    return text;
}

}  // namespace

std::string quote_identifier(std::string_view name) {
    if (plain(name) && !reserved(name)) return std::string(name);
    std::string quoted = "\"";
    for (const char c : name) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string quote_literal(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') quoted += '\'';
        quoted += c;
    }
    return quoted + '\'';
}

std::string RelationName::sql() const {
    return schema.empty() ? quote_identifier(name) : quote_identifier(schema) + "." + quote_identifier(name);
}

double ColumnStatistics::distinct_count(double rows) const {
    const double count = distinct >= 0 ? distinct : -distinct * std::max(rows, 1.0);
    return std::max(count, 1.0);
}

std::string IndexKey::sql() const {
    std::string text = column.empty() ? "(" + expression + ")" : quote_identifier(column);
    if (!collation.empty()) text += " COLLATE " + collation;
    if (!opclass.empty()) text += " " + opclass;
    if (descending)
        text += nulls_first ? " DESC" : " DESC NULLS LAST";
    else if (nulls_first)
        text += " NULLS FIRST";
    return text;
}

std::string IndexSpec::create_sql(std::string_view index_name, bool concurrently) const {
    return fmt::format("CREATE {}INDEX {}{} ON {} USING {} ({}){}", unique ? "UNIQUE " : "", concurrently ? "CONCURRENTLY " : "",
                       quote_identifier(index_name), table.sql(), method, key_list(*this), tail(*this));
}

std::string IndexSpec::label() const {
    return fmt::format("{}{}({}){}", table.sql(), method == "btree" ? "" : " USING " + method + " ", key_list(*this), tail(*this));
}

std::string IndexSpec::default_name() const {
    constexpr std::size_t kLongest = 63;
    std::string name = table.name;
    bool exact = include.empty() && predicate.empty() && method == "btree";
    for (const auto& key : keys) {
        name += "_" + (key.column.empty() ? std::string("expr") : key.column);
        exact = exact && !key.column.empty() && !key.descending && !key.nulls_first && key.opclass.empty() && key.collation.empty();
    }
    name += "_idx";
    if (exact && name.size() <= kLongest) return name;
    const std::string hash = fmt::format("_{:08x}", base::stable_hash(label()) & 0xffffffffU);
    name = name.substr(0, name.size() - 4);
    if (name.size() > kLongest - 13) {
        std::size_t cut = kLongest - 13;
        while (cut > 0 && (static_cast<unsigned char>(name[cut]) & 0xC0U) == 0x80U) --cut;  // not inside a UTF-8 character
        name.resize(cut);
    }
    return name + hash + "_idx";
}

const Column* Table::find_column(std::string_view column) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == column; });
    return found == columns.end() ? nullptr : &*found;
}

const Table* Catalog::find_table(const RelationName& name) const {
    const auto exact = [&](const std::string& schema) -> const Table* {
        const auto found =
            std::find_if(tables.begin(), tables.end(), [&](const Table& t) { return t.name.name == name.name && t.name.schema == schema; });
        return found == tables.end() ? nullptr : &*found;
    };
    if (!name.schema.empty()) return exact(name.schema);
    for (const auto& schema : search_path)
        if (const Table* table = exact(schema)) return table;
    return nullptr;
}

const Index* Catalog::find_index(const RelationName& name) const {
    const auto found = std::find_if(indexes.begin(), indexes.end(), [&](const Index& index) {
        if (index.name.name != name.name) return false;
        return name.schema.empty() ? std::find(search_path.begin(), search_path.end(), index.name.schema) != search_path.end()
                                   : index.name.schema == name.schema;
    });
    return found == indexes.end() ? nullptr : &*found;
}

std::vector<const Index*> Catalog::indexes_of(const RelationName& table) const {
    std::vector<const Index*> found;
    for (const auto& index : indexes)
        if (index.spec.table == table) found.push_back(&index);
    return found;
}

}  // namespace orrery::domain
