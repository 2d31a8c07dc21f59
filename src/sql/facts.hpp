#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "domain/catalog.hpp"
#include "domain/query.hpp"

namespace orrery::sql {

/// The columns of a relation, named as the statement names it, in their order; empty when it is not known.
using ColumnLookup = std::function<std::vector<std::string>(const domain::RelationName&)>;

/// What one statement says about tables, predicates, joins, grouping and order. `columns` settles unqualified columns in joins; without
/// it they resolve in a scope of one table only, and have table -1 otherwise.
///
/// - Columns are followed through subqueries in FROM, CTEs and set operations to the tables below, so a block may name table uses of
///   other blocks. An output that is not a column or expression of one table (an aggregate, say) has table -1.
/// - A statement's own level is block 0; CTEs, subqueries and UNION's branches are blocks of their own. A UNION has one more, their
///   parent, which holds its ORDER BY and LIMIT. Correlations and `x IN (SELECT y ...)` are Joins of the inner block.
/// - A join whose other side is no column or indexable expression of one table has a side with table -1.
/// - Predicates: NOT is pushed inward where the operator has a negation; a predicate or join found in every arm of an OR counts as
///   outside of it; in ON of an outer join, predicates on the preserved side are not conjunctive. `(a, b) > ($1, $2)` gives `a >= $1` and
///   a non-conjunctive `b > $2`. A LIKE pattern without wildcards is an equality (op `~~`), an unknown one (`LIKE $1`) is like_other with
///   its parameter. A condition on one table that fits no other kind, such as `shipped > ordered`, is `other` with its text
///   as the expression and no op.
/// - Expressions have text that CREATE INDEX takes, as far as names tell: those that read parameters, subqueries, aggregates, now() and
///   other functions known not to be immutable are left out of predicates, and their columns appear in `projected`. Casts whose
///   immutability depends on types (text to date) stay; the planner refuses such an index.
/// - DISTINCT ON's columns count as group_by. EXISTS ignores what its subquery selects.
/// - Bounds against hostile texts: subqueries nested some ten deep have no text as constants, a column is followed into 64 branches of a
///   UNION, target lists end at 1664 columns (PostgreSQL's own limit),
///   and expressions of more than 1000 bytes count as not indexable.
/// - `kind` is that of the data-changing CTE when there is one; SELECT INTO and everything but queries is `utility`, without further facts.
///
/// Fails with invalid_input when the text does not parse, holds other than one statement, is longer than 16 MiB or nests deeper than 1000.
base::Result<domain::StatementFacts> extract_facts(const std::string& text, const ColumnLookup& columns = {});
base::Result<domain::StatementFacts> extract_facts(const std::string& text, const domain::Catalog& catalog);

}  // namespace orrery::sql
