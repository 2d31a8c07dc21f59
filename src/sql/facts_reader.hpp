#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "domain/query.hpp"
#include "sql/facts.hpp"
#include "sql/parse_tree.hpp"

/// Internal to this part: the walk over a parse tree that collects facts. Four sources: facts.cpp (statements),
/// facts_select.cpp (SELECT and FROM), facts_conditions.cpp (WHERE and ON), facts_columns.cpp (names and expressions).
namespace orrery::sql {

/// What a column of a derived relation stands for. `use.table` is -1 when it is no column or expression of one table.
struct Output {
    std::string name;  ///< empty: all columns of `use.table`, whose names are not known
    domain::ColumnUse use;
    std::vector<domain::ColumnUse> branches;  ///< the same column of UNION's other branches
};

/// An entry of FROM.
struct Source {
    enum class Kind { table, derived, opaque, join };
    Kind kind = Kind::opaque;
    std::string alias;
    std::string schema;                       ///< for schema.table.column
    bool aliased = false;                     ///< an alias hides the table's name
    int table = -1;                           ///< kind table
    std::vector<std::string> column_aliases;  ///< t AS x(a, b)
    std::vector<Output> outputs;              ///< kind derived
    std::size_t begin = 0, end = 0;           ///< kind join: the sources it is made of
};

struct CommonTable {
    std::string name;
    std::vector<Output> outputs;
    std::vector<std::string> column_names;  ///< WITH name(a, b)
    bool known = false;                     ///< outputs are filled in

    void name_columns();  ///< gives the outputs their names from `column_names`
};

struct CommonTables {
    CommonTables* outer = nullptr;
    std::vector<CommonTable> tables;
};

/// One level of names.
struct Scope {
    Scope* outer = nullptr;
    CommonTables* common = nullptr;
    int block = -1;
    std::vector<Source> sources;
    std::vector<Output> merged;     ///< columns of JOIN ... USING
    std::size_t visible_begin = 0;  ///< ON sees only the sources of its own join
    bool correlated = false;        ///< a name was found further out
    /// The target list, for ORDER BY and GROUP BY.
    PgQuery__Node** targets = nullptr;
    std::size_t target_count = 0;
};

/// What a name turned out to be.
struct Resolved {
    enum class Kind { column, whole_row, nothing };
    Kind kind = Kind::nothing;  ///< nothing: an output of a derived relation that is no column of a table
    domain::ColumnUse use;
    std::vector<domain::ColumnUse> branches;
    bool may_be_row = false;  ///< a table of that name is in scope and its columns are not known
};

/// One side of a comparison.
struct Operand {
    enum class Kind {
        constant,  ///< the same for all rows of a block
        use,       ///< a column or indexable expression of one table
        mixed,     ///< anything else
    };
    Kind kind = Kind::constant;
    domain::ColumnUse use;
    std::vector<domain::ColumnUse> branches;
    std::vector<domain::ColumnUse> columns;  ///< base columns it reads
    bool is_volatile = false;                ///< not even the same for all rows
    bool correlated = false;                 ///< holds a subquery that reads this or an outer block
    bool subquery = false;
    PgQuery__Node* node = nullptr;
};

/// Where conditions go, and under what sign they stand.
struct Conditions {
    std::vector<domain::Predicate> predicates;
    std::vector<domain::Join> joins;
};

struct ConditionContext {
    Scope* scope = nullptr;
    Conditions* out = nullptr;
    bool conjunctive = true;
    bool negated = false;
};

class FactsReader {
public:
    explicit FactsReader(const ColumnLookup& lookup) : lookup_(lookup) {}
    domain::StatementFacts read(PgQuery__Node* statement);

private:
    // facts.cpp
    std::vector<Output> read_statement(PgQuery__Node* node, Scope* outer, CommonTables* common, int parent_block, CommonTable* recursive);
    std::vector<Output> read_insert(const PgQuery__InsertStmt& insert, Scope& scope);
    std::vector<Output> read_update(const PgQuery__UpdateStmt& update, Scope& scope);
    std::vector<Output> read_delete(const PgQuery__DeleteStmt& remove, Scope& scope);
    void read_merge(const PgQuery__MergeStmt& merge, Scope& scope);
    void read_on_conflict(const PgQuery__OnConflictClause& clause, Scope& scope, const Source& target);
    void read_assignments(PgQuery__Node** targets, std::size_t count, Scope& scope);
    void assign(std::string_view column);
    void read_common_tables(const PgQuery__WithClause* with, Scope& scope, CommonTables& common);
    int new_block(int parent);
    int new_table(const PgQuery__RangeVar& relation, domain::TableAccess access, int block);
    void add_target_table(const PgQuery__RangeVar& relation, domain::TableAccess access, Scope& scope);

    // facts_select.cpp
    enum class Wanted { outputs, rows_only };
    std::vector<Output> read_select(const PgQuery__SelectStmt& select, Scope* outer, CommonTables* common, int parent_block, Wanted wanted,
                                    CommonTable* recursive);
    std::vector<Output> read_set_operation(const PgQuery__SelectStmt& select, Scope& scope, CommonTable* recursive);
    void collect_branches(const PgQuery__SelectStmt& select, std::vector<const PgQuery__SelectStmt*>& branches, bool& distinct);
    std::vector<Output> read_targets(PgQuery__Node** targets, std::size_t count, Scope& scope);
    void expand_star(const PgQuery__ColumnRef& star, Scope& scope, std::vector<Output>& outputs);
    void expand_source(const Source& source, Scope& scope, std::vector<Output>& outputs);
    void read_grouping(const PgQuery__SelectStmt& select, Scope& scope);
    void read_group_item(PgQuery__Node* item, Scope& scope);
    void read_order(PgQuery__Node** items, std::size_t count, Scope& scope, const std::vector<Output>* outputs);
    std::optional<domain::ColumnUse> sorted_use(PgQuery__Node* item, Scope& scope, const std::vector<Output>* outputs);
    PgQuery__Node* named_target(const PgQuery__Node* item, const Scope& scope) const;
    void read_extreme(PgQuery__Node* target, Scope& scope);
    void read_windows(const PgQuery__SelectStmt& select, Scope& scope);
    void read_limit(const PgQuery__SelectStmt& select, Scope& scope);
    void read_from_item(PgQuery__Node* item, Scope& scope);
    void read_relation(const PgQuery__RangeVar& relation, Scope& scope);
    void read_join(const PgQuery__JoinExpr& join, Scope& scope);
    void merge_columns(const std::vector<std::string>& names, const PgQuery__JoinExpr& join, std::size_t begin, std::size_t middle,
                       Scope& scope);
    void read_opaque(PgQuery__Node* item, const PgQuery__Alias* alias, Scope& scope);
    std::vector<std::string> common_names(const Scope& scope, std::size_t begin, std::size_t middle);
    std::vector<std::string> source_names(const Source& source);

    // facts_conditions.cpp
    void read_where(PgQuery__Node* condition, Scope& scope);
    void read_condition(PgQuery__Node* condition, const ConditionContext& context);
    void read_boolean(const PgQuery__BoolExpr& expression, const ConditionContext& context);
    void read_alternatives(PgQuery__Node** arms, std::size_t count, const ConditionContext& context);
    void read_comparison(PgQuery__Node* node, const ConditionContext& context);
    void read_operator(PgQuery__Node* node, std::string op, const ConditionContext& context);
    void read_rows(const PgQuery__AExpr& expression, const std::string& op, const ConditionContext& context);
    void read_in(PgQuery__Node* node, const ConditionContext& context);
    void read_any(PgQuery__Node* node, const ConditionContext& context);
    void read_between(const PgQuery__AExpr& expression, const ConditionContext& context);
    void read_like(PgQuery__Node* node, const ConditionContext& context);
    void read_null_test(PgQuery__Node* node, const ConditionContext& context);
    void read_boolean_test(PgQuery__Node* node, const ConditionContext& context);
    void read_sublink_condition(PgQuery__Node* node, const ConditionContext& context);
    void read_in_subquery(const PgQuery__SubLink& link, const ConditionContext& context);
    void read_bare(PgQuery__Node* node, const ConditionContext& context);
    void compare(const Operand& left, std::string op, const Operand& right, const ConditionContext& context, PgQuery__Node* whole);
    static std::string constant_text(const Operand& constant, const Scope& scope);
    void compare_constant(const Operand& use, std::string op, const Operand& constant, const ConditionContext& context);
    void join(const Operand& left, std::string op, const Operand& right, const ConditionContext& context);
    void add_predicate(const Operand& operand, domain::Predicate predicate, const ConditionContext& context);
    void add_condition_text(PgQuery__Node* node, const ConditionContext& context);

    // facts_columns.cpp
    Resolved resolve(const PgQuery__ColumnRef& reference, Scope& scope);
    bool has_column(const Source& source, std::string_view column);
    Resolved find_in(const Source& source, std::string_view column, const Scope& scope);
    Resolved find_unqualified(std::string_view column, Scope& scope);
    Resolved find_qualified(std::string_view schema, std::string_view relation, std::string_view column, Scope& scope);
    const Source* find_source(std::string_view schema, std::string_view relation, const Scope& scope) const;
    const std::vector<std::string>& columns_of(int table);
    Operand operand(PgQuery__Node* node, Scope& scope);
    std::string expression_text(PgQuery__Node* node, Scope& scope);
    struct Reading;
    void gather(PgQuery__Node* node, Scope& scope, Reading& reading);
    void gather_message(const ProtobufCMessage& message, Scope& scope, Reading& reading);
    void gather_call(const PgQuery__FuncCall& call, Reading& reading);
    void gather_column(PgQuery__ColumnRef& reference, Scope& scope, Reading& reading);
    /// Adds the columns an expression reads to the block's `projected` and `star`.
    void project(PgQuery__Node* node, Scope& scope);
    void project(const std::vector<domain::ColumnUse>& columns, int block);
    void ask_whole_row(int table, int block);
    struct Subquery {
        std::vector<Output> outputs;
        int block = -1;
        bool correlated = false;
    };
    const Subquery& read_subquery(const PgQuery__SubLink& link, Scope& scope);
    static std::vector<int> parameters_of(PgQuery__Node* node);

    domain::QueryBlock& block(int i) { return facts_.blocks[static_cast<std::size_t>(i)]; }

    const ColumnLookup& lookup_;
    domain::StatementFacts facts_;
    std::vector<std::optional<std::vector<std::string>>> columns_;  ///< by table use
    std::unordered_map<const PgQuery__SubLink*, Subquery> subqueries_;
};

}  // namespace orrery::sql
