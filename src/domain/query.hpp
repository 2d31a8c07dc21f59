#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "domain/catalog.hpp"

/// Statements: their identity, and what the parser can say about them.
namespace orrery::domain {

/// libpg_query's fingerprint: the same for statements that differ in literals only, and across majors.
struct Fingerprint {
    std::uint64_t value = 0;
    [[nodiscard]] std::string hex() const;               ///< 16 lower-case digits
    static Fingerprint from_hex(std::string_view text);  ///< zero when it is not 16 hex digits
    friend auto operator<=>(Fingerprint, Fingerprint) = default;
};

enum class StatementKind { select, insert, update, remove, merge, utility };
std::string_view to_string(StatementKind kind);

/// A column of one of the statement's table uses, or an expression over columns of one table use.
struct ColumnUse {
    int table = -1;                               ///< position in StatementFacts::tables; -1 when it could not be resolved
    std::string column;                           ///< empty for an expression
    std::string expression;                       ///< "lower(email)": deparsed with unqualified column names; empty for a bare column
    std::vector<std::string> expression_columns;  ///< columns the expression reads
    friend auto operator<=>(const ColumnUse&, const ColumnUse&) = default;
};

enum class PredicateKind {
    equality,   ///< col = constant
    in_list,    ///< col IN (...), col = ANY (array)
    range,      ///< <, <=, >, >=, BETWEEN (as two)
    not_equal,  ///< <>, NOT IN
    is_null,
    is_not_null,
    boolean,      ///< a bare boolean column or its negation: `WHERE active`
    like_prefix,  ///< LIKE 'abc%'
    like_other,   ///< LIKE '%abc%', ILIKE, ~
    contains,     ///< @>, <@, ?, ?|, ?&, && and @@: jsonb, arrays, ranges, full text
    other,
};
std::string_view to_string(PredicateKind kind);

/// `use op constant`. Only comparisons with constants and parameters; column = column is a Join.
struct Predicate {
    PredicateKind kind = PredicateKind::other;
    ColumnUse use;
    std::string op;                 ///< operator as seen with the column on the left: "=", "<", "~~", "@>", ...
    std::string constant;           ///< SQL text of the other side ("5", "'x'::text", "$3", "now() - $1"); empty when none or a list
    std::vector<std::string> list;  ///< the items of IN (...)
    std::vector<int> parameters;    ///< numbers n of the $n on the other side
    bool negated = false;           ///< NOT in front
    bool conjunctive = true;        ///< false inside an OR: cannot be relied on alone
};

struct Join {
    ColumnUse left, right;
    std::string op = "=";
    bool outer = false;  ///< from LEFT/RIGHT/FULL JOIN ... ON
};

struct OrderTerm {
    ColumnUse use;
    bool descending = false;
    bool nulls_first = false;  ///< PostgreSQL's default filled in: true exactly for DESC unless said otherwise
};

enum class TableAccess { read, insert, update, remove };

/// One appearance of a relation in the statement (a self join has two).
struct TableUse {
    RelationName name;  ///< as written; views stay views; CTE references are not listed
    std::string alias;  ///< equals name.name when none is given
    TableAccess access = TableAccess::read;
    int block = 0;  ///< position in StatementFacts::blocks
};

/// One SELECT level (or the statement itself for INSERT, UPDATE, DELETE).
struct QueryBlock {
    int parent = -1;                    ///< enclosing block
    std::vector<Predicate> predicates;  ///< WHERE and ON, constants only
    std::vector<Join> joins;            ///< also correlations with an outer block
    std::vector<ColumnUse> group_by;
    std::vector<OrderTerm> order_by;
    std::vector<OrderTerm> extremes;   ///< min(x), max(x) without GROUP BY: each asks for the first row in this order
    std::vector<ColumnUse> projected;  ///< columns read by the target list, HAVING, aggregates, RETURNING, ...: all that a covering index
                                       ///< needs beyond the rest
    std::vector<bool> star;            ///< by table use of the statement: `*` or `t.*` asks for all columns
    bool distinct = false;
    bool aggregates = false;
    bool has_limit = false;
    std::string limit;  ///< SQL text of the LIMIT constant or parameter; empty when none
};

/// Everything a planner-less reader can know of one statement.
struct StatementFacts {
    StatementKind kind = StatementKind::utility;
    std::vector<TableUse> tables;
    std::vector<QueryBlock> blocks;
    std::vector<std::string> assigned_columns;  ///< of UPDATE ... SET, of INSERT (...); names of the target table
    int parameter_count = 0;                    ///< highest $n
    bool reads_only() const { return kind == StatementKind::select; }
};

}  // namespace orrery::domain
