#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/catalog.hpp"
#include "domain/query.hpp"
#include "domain/workload.hpp"

namespace orrery::analyzers {

/// How much something is used. A statement counts once for each thing that it uses, with all its calls and time: the weights of several
/// tables may add up to more than the workload.
struct Usage {
    std::size_t statements = 0;
    double calls = 0;
    double ms = 0;  ///< execution time; 0 when the workload was not measured

    friend bool operator==(const Usage&, const Usage&) = default;
};

struct TemplateWeight {
    domain::Fingerprint fingerprint;
    std::string text;
    std::optional<domain::StatementKind> kind;  ///< none when it does not parse
    double calls = 0;
    std::optional<double> mean_ms, rows_per_call;
    double total_ms = 0;
    double share_percent = 0, cumulative_percent = 0;  ///< of the workload's time, or of its calls when no time is known
};

struct TableUsage {
    domain::RelationName table;
    bool in_catalog = false;  ///< false: a system table, a dropped one, a name the search path does not find
    Usage reads, inserts, updates, removes;
    Usage whole_rows;         ///< reads by `*`
    double written_rows = 0;  ///< by INSERT, UPDATE, DELETE and their RETURNING counts; 0 when not measured

    [[nodiscard]] double writes() const { return inserts.calls + updates.calls + removes.calls; }
    [[nodiscard]] double total_ms() const { return reads.ms + inserts.ms + updates.ms + removes.ms; }
    /// Reads among all calls, 0..1.
    [[nodiscard]] double read_share() const;
};

/// What a statement does with a column.
enum class ColumnRole {
    equality,  ///< = constant, a bare boolean
    in_list,
    range,
    pattern,   ///< LIKE, regular expressions
    contains,  ///< jsonb, arrays, ranges, full text
    null_test,
    other_filter,
    join,
    group,
    order,
    projected,
    assigned,    ///< written by UPDATE or INSERT
    expression,  ///< read inside an expression that is filtered, joined, grouped or ordered by
};
constexpr std::size_t kColumnRoles = 13;
std::string_view to_string(ColumnRole role);

struct ColumnUsage {
    domain::RelationName table;
    std::string column;      ///< empty for an expression
    std::string expression;  ///< "lower(email)"; empty for a column
    std::array<Usage, kColumnRoles> roles{};

    [[nodiscard]] const Usage& as(ColumnRole role) const { return roles[static_cast<std::size_t>(role)]; }
    /// Calls and time of the roles that an index could serve: all but projected, assigned and expression; of one statement the time
    /// counts once per role.
    [[nodiscard]] double searched_calls() const;
    [[nodiscard]] double searched_ms() const;
};

/// Tables joined on a pair of columns (or expressions). The lesser table stands left.
struct JoinEdge {
    domain::RelationName left, right;
    std::string left_column, right_column;
    std::string op = "=";
    Usage usage;
    Usage outer;  ///< of these, by outer joins
};

/// Shares of a table's rows.
struct SelectivityRange {
    double least = 0, typical = 0, most = 0;
    bool measured = false;  ///< from the rows that statements returned; else from the planner's statistics
};

/// A kind of condition on a column, over all statements that set it.
struct PredicateUsage {
    domain::RelationName table;
    std::string column;      ///< empty for an expression
    std::string expression;  ///< empty for a column
    domain::PredicateKind kind = domain::PredicateKind::other;
    std::string op;
    Usage usage;
    std::size_t longest_list = 0;  ///< items of IN (...), as far as texts tell
    std::optional<SelectivityRange> selectivity;
    /// Rows that the most frequent value finds over those a typical one finds: 1 = it does not matter which constant is asked for.
    std::optional<double> parameter_skew;
};

struct UnreadableStatement {
    domain::Fingerprint fingerprint;
    std::string text;
    std::string why;
    double calls = 0, total_ms = 0;
};

struct QueryPatterns {
    double total_calls = 0, total_ms = 0;
    bool measured = false;  ///< times are known, and lists are by time; else by calls
    std::vector<TemplateWeight> templates;
    std::vector<TableUsage> tables;
    std::vector<ColumnUsage> columns;        ///< by searched time, then by name
    std::vector<PredicateUsage> predicates;  ///< by time
    std::vector<JoinEdge> joins;
    std::vector<UnreadableStatement> unreadable;
};

/// Which templates, tables, columns and joins a workload is made of, heaviest first. Pure: no I/O, and the same answer for the same input.
/// Names are resolved along the catalog's search path; statements that do not parse are listed and still count among the templates.
class QueryPatternAnalyzer {
public:
    /// `catalog` must outlive the analyzer.
    explicit QueryPatternAnalyzer(const domain::Catalog& catalog) : catalog_(&catalog) {}
    [[nodiscard]] QueryPatterns analyze(const domain::Workload& workload) const;

private:
    const domain::Catalog* catalog_;
};

}  // namespace orrery::analyzers
