#include <algorithm>
#include <array>
#include <memory>

#include "domain/catalog.hpp"
#include "sql/deparse.hpp"
#include "sql/facts_reader.hpp"

namespace orrery::sql {
namespace {

using domain::ColumnUse;
using Words = std::vector<std::string_view>;

/// Nobody indexes longer ones.
constexpr std::size_t kLongestExpression = 1000;  // bytes

/// No index can hold them, and they are in no list of columns.
bool is_system_column(std::string_view name) {
    constexpr std::array<std::string_view, 6> kNames{"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

/// Functions of pg_catalog that give different values within one statement.
bool is_volatile(std::string_view name) {
    static const Words kNames{"clock_timestamp", "currval", "gen_random_uuid", "lastval",          "nextval",
                              "random",          "setval",  "timeofday",       "uuid_generate_v1", "uuid_generate_v4"};
    return std::binary_search(kNames.begin(), kNames.end(), name);
}

/// Functions of pg_catalog, with this number of arguments, that an index cannot hold: they depend on settings, the time or more, or return
/// sets.
bool is_unstable(std::string_view name, std::size_t arguments) {
    static const Words kNames{"array_to_json",
                              "array_to_string",
                              "concat",
                              "concat_ws",
                              "current_database",
                              "current_schema",
                              "current_setting",
                              "format",
                              "generate_series",
                              "generate_subscripts",
                              "json_agg",
                              "json_array_elements",
                              "json_array_elements_text",
                              "json_build_array",
                              "json_build_object",
                              "json_each",
                              "json_each_text",
                              "json_object_keys",
                              "jsonb_array_elements",
                              "jsonb_array_elements_text",
                              "jsonb_build_array",
                              "jsonb_build_object",
                              "jsonb_each",
                              "jsonb_each_text",
                              "jsonb_object_keys",
                              "jsonb_path_query",
                              "now",
                              "pg_sleep",
                              "pg_typeof",
                              "quote_nullable",
                              "regexp_matches",
                              "regexp_split_to_table",
                              "row_to_json",
                              "statement_timestamp",
                              "string_to_table",
                              "to_char",
                              "to_date",
                              "to_json",
                              "to_jsonb",
                              "to_regclass",
                              "transaction_timestamp",
                              "txid_current",
                              "unnest",
                              "version"};
    static const Words kWithOneArgument{"age", "phraseto_tsquery", "plainto_tsquery", "to_tsquery", "to_tsvector", "websearch_to_tsquery"};
    if (std::binary_search(kNames.begin(), kNames.end(), name)) return true;
    if (name == "to_timestamp" || name == "quote_literal") return arguments == 2 || name == "quote_literal";
    return arguments == 1 && std::binary_search(kWithOneArgument.begin(), kWithOneArgument.end(), name);
}

bool is_aggregate(std::string_view name) {
    static const Words kNames{"array_agg",  "avg",
                              "bit_and",    "bit_or",
                              "bit_xor",    "bool_and",
                              "bool_or",    "corr",
                              "count",      "covar_pop",
                              "covar_samp", "every",
                              "json_agg",   "json_object_agg",
                              "jsonb_agg",  "jsonb_object_agg",
                              "max",        "min",
                              "range_agg",  "range_intersect_agg",
                              "regr_avgx",  "regr_avgy",
                              "regr_count", "regr_intercept",
                              "regr_r2",    "regr_slope",
                              "regr_sxx",   "regr_sxy",
                              "regr_syy",   "stddev",
                              "stddev_pop", "stddev_samp",
                              "string_agg", "sum",
                              "var_pop",    "var_samp",
                              "variance",   "xmlagg"};
    return std::binary_search(kNames.begin(), kNames.end(), name);
}

void add_once(std::vector<ColumnUse>& uses, const ColumnUse& use) {
    if (std::find(uses.begin(), uses.end(), use) == uses.end()) uses.push_back(use);
}

/// The base columns behind a use.
void add_columns(std::vector<ColumnUse>& columns, const ColumnUse& use) {
    if (use.expression.empty()) return add_once(columns, use);
    for (const auto& column : use.expression_columns) add_once(columns, ColumnUse{use.table, column, {}, {}});
}

}  // namespace

/// What an expression reads, and what keeps it out of an index.
struct FactsReader::Reading {
    struct Reference {
        PgQuery__ColumnRef* node;
        std::string name;  ///< of the base column
    };
    std::vector<Reference> references;
    std::vector<ColumnUse> columns;
    int table = -2;  ///< of all references; -2 none seen, -1 several or not known
    bool parameter = false, subquery = false, correlated = false, unstable = false, is_volatile = false, aggregate = false, window = false;
    bool bare = true;      ///< each reference is a plain column
    bool outputs = false;  ///< reads a column of a derived relation that is none of a table
    std::vector<int> whole_rows;

    void see_table(int t) { table = table == -2 || table == t ? t : -1; }
    [[nodiscard]] bool reads_rows() const {
        return !references.empty() || outputs || !whole_rows.empty() || correlated || aggregate || window;
    }
    [[nodiscard]] bool indexable() const {
        return table >= 0 && bare && !parameter && !subquery && !unstable && !is_volatile && !aggregate && !outputs && whole_rows.empty();
    }
};

const std::vector<std::string>& FactsReader::columns_of(int table) {
    auto& known = columns_[static_cast<std::size_t>(table)];
    if (!known) known = lookup_ ? lookup_(facts_.tables[static_cast<std::size_t>(table)].name) : std::vector<std::string>{};
    return *known;
}

/// Is it known to have this column?
bool FactsReader::has_column(const Source& source, std::string_view column) {
    const auto among = [&](const std::vector<std::string>& names) { return std::find(names.begin(), names.end(), column) != names.end(); };
    if (among(source.column_aliases)) return true;
    if (source.kind == Source::Kind::table) {
        const auto& known = columns_of(source.table);
        const auto found = std::find(known.begin(), known.end(), column);
        return found != known.end() && static_cast<std::size_t>(found - known.begin()) >= source.column_aliases.size();
    }
    return std::any_of(source.outputs.begin(), source.outputs.end(), [&](const Output& output) { return output.name == column; });
}

/// `column` as a column of this source. Without a list of columns a table has any column.
Resolved FactsReader::find_in(const Source& source, std::string_view column, const Scope& scope) {
    Resolved found;
    found.use.column = column;
    switch (source.kind) {
        case Source::Kind::opaque: return found;
        case Source::Kind::table: {
            const auto renamed = std::find(source.column_aliases.begin(), source.column_aliases.end(), column);
            if (renamed != source.column_aliases.end()) {
                const auto position = static_cast<std::size_t>(renamed - source.column_aliases.begin());
                const auto& known = columns_of(source.table);
                if (position >= known.size()) return found;
                found.use.column = known[position];
            }
            if (is_system_column(column)) return found;
            found.kind = Resolved::Kind::column;
            found.use.table = source.table;
            return found;
        }
        case Source::Kind::derived:
            for (const auto& output : source.outputs) {
                if (output.name != column && !(output.name.empty() && output.use.table >= 0)) continue;
                found.use = output.use;
                found.branches = output.branches;
                if (output.name.empty()) found.use.column = column;
                if (found.use.table >= 0)
                    found.kind = Resolved::Kind::column;
                else
                    found.use = ColumnUse{-1, std::string(column), {}, {}};
                if (!output.name.empty()) break;
            }
            return found;
        case Source::Kind::join:
            for (std::size_t i = source.begin; i < source.end; ++i) {
                const Source& inner = scope.sources[i];
                if (has_column(inner, column)) return find_in(inner, column, scope);
            }
            return found;
    }
    return found;
}

const Source* FactsReader::find_source(std::string_view schema, std::string_view relation, const Scope& scope) const {
    for (const Source& source : scope.sources) {
        if (source.alias != relation) continue;
        if (!schema.empty() && (source.aliased || (!source.schema.empty() && source.schema != schema))) continue;
        return &source;
    }
    return nullptr;
}

Resolved FactsReader::find_qualified(std::string_view schema, std::string_view relation, std::string_view column, Scope& scope) {
    for (Scope* level = &scope; level != nullptr; level = level->outer) {
        const Source* source = find_source(schema, relation, *level);
        if (source == nullptr) continue;
        for (Scope* inner = &scope; inner != level; inner = inner->outer) inner->correlated = true;
        return find_in(*source, column, *level);
    }
    Resolved unknown;
    unknown.kind = Resolved::Kind::column;
    unknown.use.column = column;
    return unknown;
}

Resolved FactsReader::find_unqualified(std::string_view column, Scope& scope) {
    std::optional<Resolved> guess;  // the only table at its level that may have the column
    bool guessing = true;
    for (Scope* level = &scope; level != nullptr; level = level->outer) {
        const auto mark = [&] {
            for (Scope* inner = &scope; inner != level; inner = inner->outer) inner->correlated = true;
        };
        for (const auto& merged : level->merged)
            if (merged.name == column) {
                mark();
                Resolved found;
                found.use = merged.use;
                found.branches = merged.branches;
                if (merged.use.table >= 0) found.kind = Resolved::Kind::column;
                return found;
            }
        const std::size_t begin = level == &scope ? level->visible_begin : 0;
        const bool only_one = level == &scope && level->outer == nullptr && level->sources.size() - begin == 1;
        const Source* maybe = nullptr;
        std::size_t maybes = 0;
        for (std::size_t i = begin; i < level->sources.size(); ++i) {
            const Source& source = level->sources[i];
            if (source.kind == Source::Kind::join) continue;
            const bool alone = only_one && source.kind == Source::Kind::table && source.alias != column && source.column_aliases.empty();
            if (alone) return find_in(source, column, *level);
            const bool open = source.kind == Source::Kind::table ? columns_of(source.table).empty()
                                                                 : std::any_of(source.outputs.begin(), source.outputs.end(),
                                                                               [](const Output& o) { return o.name.empty(); });
            if (has_column(source, column)) {
                mark();
                return find_in(source, column, *level);
            }
            if (open) maybe = &source, ++maybes;
        }
        const Source* row = find_source({}, column, *level);
        if (row != nullptr && maybes == 0) {
            mark();
            Resolved whole;
            whole.kind = row->kind == Source::Kind::opaque ? Resolved::Kind::nothing : Resolved::Kind::whole_row;
            whole.use.table = row->table;
            return whole;
        }
        if (guessing && maybes == 1) {
            guess = find_in(*maybe, column, *level);
            guess->may_be_row = row != nullptr;
            guessing = false;
        } else if (maybes > 1) {
            guessing = false;
        }
    }
    if (guess) return *guess;
    Resolved unknown;
    unknown.kind = Resolved::Kind::column;
    unknown.use.column = column;
    return unknown;
}

Resolved FactsReader::resolve(const PgQuery__ColumnRef& reference, Scope& scope) {
    const std::size_t count = reference.n_fields;
    if (count == 0) return {};
    const auto* last = reference.fields[count - 1];
    const auto field = [&](std::size_t from_end) {
        return count >= from_end ? string_value(reference.fields[count - from_end]) : std::string_view{};
    };
    if (last->node_case == PG_QUERY__NODE__NODE_A_STAR) {
        Resolved row;
        row.kind = Resolved::Kind::whole_row;
        for (Scope* level = &scope; level != nullptr; level = level->outer)
            if (const Source* source = find_source(field(3), field(2), *level)) {
                row.use.table = source->table;
                break;
            }
        return row;
    }
    if (count == 1) return find_unqualified(field(1), scope);
    return find_qualified(field(3), field(2), field(1), scope);
}

void FactsReader::gather_column(PgQuery__ColumnRef& reference, Scope& scope, Reading& reading) {
    Resolved found = resolve(reference, scope);
    switch (found.kind) {
        case Resolved::Kind::nothing: reading.outputs = true; return;
        case Resolved::Kind::whole_row: reading.whole_rows.push_back(found.use.table); return;
        case Resolved::Kind::column: break;
    }
    if (found.may_be_row) reading.whole_rows.push_back(found.use.table);
    reading.see_table(found.use.table);
    reading.bare = reading.bare && found.use.expression.empty();
    add_columns(reading.columns, found.use);
    for (const auto& branch : found.branches) add_columns(reading.columns, branch);
    reading.references.push_back({&reference, std::move(found.use.column)});
}

void FactsReader::gather_call(const PgQuery__FuncCall& call, Reading& reading) {
    if (call.n_funcname == 0) return;
    const std::string_view name = string_value(call.funcname[call.n_funcname - 1]);
    const bool window = call.over != nullptr;
    const bool aggregate = call.agg_within_group || call.agg_star || call.agg_distinct || call.n_agg_order > 0 ||
                           call.agg_filter != nullptr || is_aggregate(name);
    reading.aggregate = reading.aggregate || (aggregate && !window);
    reading.is_volatile = reading.is_volatile || is_volatile(name);
    reading.window = reading.window || window;
    reading.unstable = reading.unstable || window || is_unstable(name, call.n_args);
}

void FactsReader::gather_message(const ProtobufCMessage& message, Scope& scope, Reading& reading) {
    const auto* bytes = reinterpret_cast<const char*>(&message);
    const auto visit = [&](ProtobufCMessage* child) {
        if (child == nullptr || child->descriptor == &pg_query__type_name__descriptor) return;
        if (child->descriptor == &pg_query__node__descriptor)
            gather(reinterpret_cast<PgQuery__Node*>(child), scope, reading);
        else
            gather_message(*child, scope, reading);
    };
    const auto* descriptor = message.descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; ++i) {
        const auto& field = descriptor->fields[i];
        if (field.type != PROTOBUF_C_TYPE_MESSAGE || (field.flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) continue;
        if (field.label == PROTOBUF_C_LABEL_REPEATED) {
            const auto count = *reinterpret_cast<const std::size_t*>(bytes + field.quantifier_offset);
            auto* const* children = *reinterpret_cast<ProtobufCMessage* const* const*>(bytes + field.offset);
            for (std::size_t k = 0; k < count; ++k) visit(children[k]);
        } else {
            visit(*reinterpret_cast<ProtobufCMessage* const*>(bytes + field.offset));
        }
    }
}

void FactsReader::gather(PgQuery__Node* node, Scope& scope, Reading& reading) {
    if (node == nullptr) return;
    switch (node->node_case) {
        case PG_QUERY__NODE__NODE__NOT_SET:
        case PG_QUERY__NODE__NODE_A_CONST:
        case PG_QUERY__NODE__NODE_STRING:
        case PG_QUERY__NODE__NODE_TYPE_NAME:
        case PG_QUERY__NODE__NODE_SELECT_STMT: return;
        case PG_QUERY__NODE__NODE_COLUMN_REF: return gather_column(*node->column_ref, scope, reading);
        case PG_QUERY__NODE__NODE_PARAM_REF: reading.parameter = true; return;
        case PG_QUERY__NODE__NODE_TYPE_CAST: return gather(node->type_cast->arg, scope, reading);
        case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION: reading.unstable = true; return;
        case PG_QUERY__NODE__NODE_SUB_LINK: {
            gather(node->sub_link->testexpr, scope, reading);
            reading.subquery = true;
            reading.correlated = read_subquery(*node->sub_link, scope).correlated || reading.correlated;
            return;
        }
        case PG_QUERY__NODE__NODE_FUNC_CALL: gather_call(*node->func_call, reading); [[fallthrough]];
        default:
            // The members of the union are pointers to messages.
            if (node->alias != nullptr) gather_message(node->alias->base, scope, reading);
    }
}

/// The text with the names of the base columns, unqualified.
std::string FactsReader::expression_text(PgQuery__Node* node, Scope& scope) {
    Reading reading;
    gather(node, scope, reading);
    struct Rename {
        PgQuery__ColumnRef* reference;
        std::size_t count;
        PgQuery__Node** fields;
        PgQuery__String name;
        PgQuery__Node node;
        PgQuery__Node* field = nullptr;
    };
    std::vector<std::unique_ptr<Rename>> renames;
    for (auto& reference : reading.references) {
        auto rename = std::make_unique<Rename>();
        rename->reference = reference.node;
        rename->count = reference.node->n_fields;
        rename->fields = reference.node->fields;
        pg_query__string__init(&rename->name);
        pg_query__node__init(&rename->node);
        rename->name.sval = reference.name.data();
        rename->node.node_case = PG_QUERY__NODE__NODE_STRING;
        rename->node.string = &rename->name;
        rename->field = &rename->node;
        reference.node->n_fields = 1;
        reference.node->fields = &rename->field;
        renames.push_back(std::move(rename));
    }
    std::string text = deparse(node);
    for (auto& rename : renames) {
        rename->reference->n_fields = rename->count;
        rename->reference->fields = rename->fields;
    }
    return text;
}

Operand FactsReader::operand(PgQuery__Node* node, Scope& scope) {
    Operand result;
    result.node = node;
    if (node == nullptr || node->node_case == PG_QUERY__NODE__NODE_A_CONST || node->node_case == PG_QUERY__NODE__NODE_PARAM_REF)
        return result;
    if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
        Resolved found = resolve(*node->column_ref, scope);
        result.kind = found.kind == Resolved::Kind::whole_row ? Operand::Kind::mixed : Operand::Kind::use;
        if (found.kind == Resolved::Kind::column) {
            add_columns(result.columns, found.use);
            for (const auto& branch : found.branches) add_columns(result.columns, branch);
        }
        if (found.kind == Resolved::Kind::whole_row) ask_whole_row(found.use.table, scope.block);
        result.use = std::move(found.use);
        result.branches = std::move(found.branches);
        return result;
    }
    Reading reading;
    gather(node, scope, reading);
    for (const int row : reading.whole_rows) ask_whole_row(row, scope.block);
    result.columns = std::move(reading.columns);
    result.is_volatile = reading.is_volatile;
    result.correlated = reading.correlated;
    result.subquery = reading.subquery;
    if (!reading.reads_rows()) return result;
    result.kind = Operand::Kind::mixed;
    if (!reading.indexable()) return result;
    result.use.expression = expression_text(node, scope);
    if (result.use.expression.empty() || result.use.expression.size() > kLongestExpression) {
        result.use = ColumnUse{};
        return result;
    }
    result.kind = Operand::Kind::use;
    result.use.table = reading.table;
    for (const auto& column : result.columns) result.use.expression_columns.push_back(column.column);
    return result;
}

void FactsReader::ask_whole_row(int table, int block_number) {
    if (table < 0) return;
    auto& star = block(block_number).star;
    if (star.size() <= static_cast<std::size_t>(table)) star.resize(static_cast<std::size_t>(table) + 1);
    star[static_cast<std::size_t>(table)] = true;
}

void FactsReader::project(const std::vector<ColumnUse>& columns, int block_number) {
    for (const auto& column : columns) add_columns(block(block_number).projected, column);
}

void FactsReader::project(PgQuery__Node* node, Scope& scope) {
    if (node == nullptr) return;
    Reading reading;
    gather(node, scope, reading);
    project(reading.columns, scope.block);
    for (const int row : reading.whole_rows) ask_whole_row(row, scope.block);
    if (reading.aggregate) block(scope.block).aggregates = true;
}

const FactsReader::Subquery& FactsReader::read_subquery(const PgQuery__SubLink& link, Scope& scope) {
    const auto known = subqueries_.find(&link);
    if (known != subqueries_.end()) return known->second;
    Subquery subquery;
    if (link.subselect != nullptr && link.subselect->node_case == PG_QUERY__NODE__NODE_SELECT_STMT) {
        const Wanted wanted = link.sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK ? Wanted::rows_only : Wanted::outputs;
        // A level without names of its own: it learns whether the subquery looked further out.
        Scope fence;
        fence.outer = &scope;
        fence.block = scope.block;
        subquery.block = static_cast<int>(facts_.blocks.size());
        subquery.outputs = read_select(*link.subselect->select_stmt, &fence, scope.common, scope.block, wanted, nullptr);
        subquery.correlated = fence.correlated;
    }
    return subqueries_.emplace(&link, std::move(subquery)).first->second;
}

std::vector<int> FactsReader::parameters_of(PgQuery__Node* node) {
    std::vector<int> numbers;
    const auto visit = [&](auto&& self, const ProtobufCMessage& message) -> void {
        if (message.descriptor == &pg_query__node__descriptor) {
            const auto& child = reinterpret_cast<const PgQuery__Node&>(message);
            if (child.node_case == PG_QUERY__NODE__NODE_PARAM_REF)
                numbers.push_back(child.param_ref->number);
            else if (child.node_case != PG_QUERY__NODE__NODE__NOT_SET && child.alias != nullptr)
                self(self, child.alias->base);
            return;
        }
        const auto* bytes = reinterpret_cast<const char*>(&message);
        for (unsigned i = 0; i < message.descriptor->n_fields; ++i) {
            const auto& field = message.descriptor->fields[i];
            if (field.type != PROTOBUF_C_TYPE_MESSAGE || (field.flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) continue;
            if (field.label == PROTOBUF_C_LABEL_REPEATED) {
                const auto count = *reinterpret_cast<const std::size_t*>(bytes + field.quantifier_offset);
                auto* const* children = *reinterpret_cast<ProtobufCMessage* const* const*>(bytes + field.offset);
                for (std::size_t k = 0; k < count; ++k)
                    if (children[k] != nullptr) self(self, *children[k]);
            } else if (const auto* child = *reinterpret_cast<ProtobufCMessage* const*>(bytes + field.offset)) {
                self(self, *child);
            }
        }
    };
    if (node != nullptr) visit(visit, node->base);
    return numbers;
}

}  // namespace orrery::sql
