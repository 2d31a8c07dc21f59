#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/query.hpp"

/// What a statement asks of one of its tables, in the words of an index: which keys it could look up, walk in order or cover.
namespace orrery::optimizers {

/// A condition that a partial index may take as its predicate: it holds for every row that the statement wants, whatever its parameters.
struct FixedCondition {
    std::string sql;
    std::string column;
    double selectivity = 1;
};

/// One key together with how much of the table an equality on it leaves (1 where that says nothing).
struct NeededKey {
    domain::IndexKey key;
    double selectivity = 1;         ///< typical
    double rarest_selectivity = 1;  ///< at best
};

/// One appearance of a table in a statement.
struct TableNeeds {
    const domain::Table* table = nullptr;
    bool reads = true;                  ///< false for the target of an UPDATE or DELETE: covering it is of no use
    std::vector<NeededKey> equalities;  ///< = constant, IS NULL, boolean: any number may lead
    std::vector<NeededKey> lists;       ///< IN (...)
    std::vector<NeededKey> ranges;
    std::vector<NeededKey> prefixes;            ///< LIKE 'abc%', with the pattern operator class
    std::vector<NeededKey> alternatives;        ///< inside an OR: each needs an index of its own
    std::vector<std::vector<NeededKey>> joins;  ///< by joined table: the columns of this side
    std::vector<domain::IndexKey> order;        ///< ORDER BY's leading terms that are this table's
    bool limited = false;                       ///< the ordered block has a LIMIT
    std::vector<domain::IndexKey> groups;       ///< GROUP BY or DISTINCT, when all of it is this table's
    std::vector<domain::IndexKey> extremes;     ///< what may be inside min() or max()
    std::vector<domain::IndexKey> contained;    ///< @>, &&, @@: keys for GIN, operator class set
    std::vector<FixedCondition> conditions;
    std::vector<std::string> columns;  ///< all that the statement reads or writes of it, in column order
    bool all_columns = false;          ///< `*`
};

/// One entry per use of a table that the catalog knows as ordinary, partitioned or materialized.
std::vector<TableNeeds> table_needs(const domain::Catalog& catalog, const domain::StatementFacts& facts);

/// True when an index could change how these needs are met: its first key can be looked up or walked, or it covers all columns;
/// and a partial index's predicate is among the conditions.
bool can_serve(const TableNeeds& needs, const domain::IndexSpec& spec);

}  // namespace orrery::optimizers
