#include "analyzers/query_pattern_analyzer.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "sql/facts.hpp"

namespace orrery::analyzers {
namespace {

using domain::ColumnUse;
using domain::PredicateKind;
using domain::QueryBlock;
using domain::RelationName;
using domain::StatementFacts;
using domain::TableAccess;
using domain::WorkloadStatement;

/// A column or an expression of a table.
struct Place {
    RelationName table;
    std::string column, expression;
    friend auto operator<=>(const Place&, const Place&) = default;
};

struct EdgeKey {
    Place left, right;
    std::string op;
    friend auto operator<=>(const EdgeKey&, const EdgeKey&) = default;
};

ColumnRole role_of(PredicateKind kind) {
    switch (kind) {
        case PredicateKind::equality:
        case PredicateKind::boolean: return ColumnRole::equality;
        case PredicateKind::in_list: return ColumnRole::in_list;
        case PredicateKind::range: return ColumnRole::range;
        case PredicateKind::like_prefix:
        case PredicateKind::like_other: return ColumnRole::pattern;
        case PredicateKind::contains: return ColumnRole::contains;
        case PredicateKind::is_null:
        case PredicateKind::is_not_null: return ColumnRole::null_test;
        case PredicateKind::not_equal:
        case PredicateKind::other: return ColumnRole::other_filter;
    }
    return ColumnRole::other_filter;
}

/// `a < b` is `b > a` when the sides are exchanged.
std::string commuted(const std::string& op) {
    static const std::map<std::string, std::string> kPairs{{"<", ">"}, {">", "<"}, {"<=", ">="}, {">=", "<="}, {"@>", "<@"}, {"<@", "@>"}};
    const auto pair = kPairs.find(op);
    return pair == kPairs.end() ? op : pair->second;
}

struct PredicateKey {
    Place place;
    PredicateKind kind = PredicateKind::other;
    std::string op;
    friend auto operator<=>(const PredicateKey&, const PredicateKey&) = default;
};

/// What one statement uses, each thing once.
struct Uses {
    std::set<std::pair<RelationName, TableAccess>> tables;
    std::set<RelationName> whole_rows;
    std::set<std::pair<Place, ColumnRole>> columns;
    std::map<EdgeKey, bool> joins;                   ///< outer?
    std::map<PredicateKey, std::size_t> predicates;  ///< items of the longest list
    bool only_predicate = false;                     ///< one condition on one table decides which rows come out
};

class Reader {
public:
    Reader(const domain::Catalog& catalog, const StatementFacts& facts) : facts_(facts) {
        for (const auto& use : facts.tables) {
            const auto* table = catalog.find_table(use.name);
            names_.push_back(table != nullptr ? table->name : use.name);
        }
    }

    Uses read() {
        for (std::size_t i = 0; i < names_.size(); ++i) uses_.tables.emplace(names_[i], facts_.tables[i].access);
        for (const auto& block : facts_.blocks) read_block(block);
        for (std::size_t i = 0; i < names_.size(); ++i)
            if (facts_.tables[i].access != TableAccess::read)
                for (const auto& column : facts_.assigned_columns)
                    uses_.columns.emplace(Place{names_[i], column, {}}, ColumnRole::assigned);
        uses_.only_predicate = only_predicate();
        return std::move(uses_);
    }

private:
    [[nodiscard]] bool only_predicate() const {
        if (facts_.tables.size() != 1 || facts_.blocks.size() != 1 || facts_.kind == domain::StatementKind::insert) return false;
        const auto& block = facts_.blocks.front();
        return block.predicates.size() == 1 && block.joins.empty() && block.group_by.empty() && !block.aggregates && !block.distinct &&
               !block.has_limit && block.extremes.empty();
    }

    void read_block(const QueryBlock& block) {
        for (const auto& predicate : block.predicates) {
            note(predicate.use, role_of(predicate.kind));
            if (const auto where = place(predicate.use)) {
                auto& longest = uses_.predicates[{*where, predicate.kind, predicate.op}];
                longest = std::max(longest, predicate.list.size());
            }
        }
        for (const auto& join : block.joins) read_join(join);
        for (const auto& use : block.group_by) note(use, ColumnRole::group);
        for (const auto& term : block.order_by) note(term.use, ColumnRole::order);
        for (const auto& term : block.extremes) note(term.use, ColumnRole::order);
        for (const auto& use : block.projected) note(use, ColumnRole::projected);
        for (std::size_t i = 0; i < block.star.size() && i < names_.size(); ++i)
            if (block.star[i]) uses_.whole_rows.insert(names_[i]);
    }

    void read_join(const domain::Join& join) {
        note(join.left, ColumnRole::join);
        note(join.right, ColumnRole::join);
        const auto left = place(join.left), right = place(join.right);
        if (!left || !right) return;
        const bool exchange = *right < *left;
        EdgeKey key{exchange ? *right : *left, exchange ? *left : *right, exchange ? commuted(join.op) : join.op};
        auto& outer = uses_.joins[std::move(key)];
        outer = outer || join.outer;
    }

    void note(const ColumnUse& use, ColumnRole role) {
        const auto where = place(use);
        if (!where) return;
        uses_.columns.emplace(*where, role);
        if (role == ColumnRole::projected || use.expression.empty()) return;
        for (const auto& column : use.expression_columns) uses_.columns.emplace(Place{where->table, column, {}}, ColumnRole::expression);
    }

    [[nodiscard]] std::optional<Place> place(const ColumnUse& use) const {
        if (use.table < 0 || static_cast<std::size_t>(use.table) >= names_.size()) return std::nullopt;
        return Place{names_[static_cast<std::size_t>(use.table)], use.column, use.expression};
    }

    const StatementFacts& facts_;
    std::vector<RelationName> names_;  ///< of facts_.tables, resolved
    Uses uses_;
};

double time_of(const WorkloadStatement& statement) {
    return statement.mean_ms.value_or(0) * statement.calls;
}

void add(Usage& usage, const WorkloadStatement& statement) {
    usage.statements += 1;
    usage.calls += statement.calls;
    usage.ms += time_of(statement);
}

/// What the planner's statistics say of `column = value`, over the values there are; nothing for conditions whose constant decides.
std::optional<SelectivityRange> by_statistics(const domain::Table& table, const PredicateUsage& predicate) {
    const auto* column = table.find_column(predicate.column);
    if (column == nullptr || !column->statistics) return std::nullopt;
    const auto& statistics = *column->statistics;
    if (predicate.kind == PredicateKind::is_null)
        return SelectivityRange{statistics.null_fraction, statistics.null_fraction, statistics.null_fraction};
    const double filled = 1 - statistics.null_fraction;
    if (predicate.kind == PredicateKind::is_not_null) return SelectivityRange{filled, filled, filled};
    const bool matches =
        predicate.kind == PredicateKind::equality || predicate.kind == PredicateKind::in_list || predicate.kind == PredicateKind::boolean;
    const double distinct = statistics.distinct_count(table.tuples);
    if (!matches || distinct < 1) return std::nullopt;
    double common = 0;
    for (const double frequency : statistics.common_frequencies) common += frequency;
    const double others = distinct - static_cast<double>(statistics.common_frequencies.size());
    const double rare = others >= 1 ? std::max(0.0, filled - common) / others
                                    : (statistics.common_frequencies.empty() ? filled / distinct : statistics.common_frequencies.back());
    const double most = statistics.common_frequencies.empty() ? rare : std::max(rare, statistics.common_frequencies.front());
    const auto items = static_cast<double>(std::max<std::size_t>(predicate.longest_list, 1));
    const auto share = [&](double one) { return std::min(filled, items * one); };
    return SelectivityRange{share(std::min(rare, most)), share(filled / distinct), share(most)};
}

SelectivityRange by_rows(std::vector<double> rows_per_call, double tuples) {
    std::sort(rows_per_call.begin(), rows_per_call.end());
    const auto share = [&](double rows) { return std::min(1.0, rows / tuples); };
    return {share(rows_per_call.front()), share(rows_per_call[rows_per_call.size() / 2]), share(rows_per_call.back()), true};
}

/// Gathers the statements' uses.
class Tally {
public:
    void count(const Uses& uses, const WorkloadStatement& statement) {
        for (const auto& [table, access] : uses.tables) {
            auto& usage = tables_[table];
            add(access_of(usage, access), statement);
            if (access != TableAccess::read) usage.written_rows += statement.rows_per_call.value_or(0) * statement.calls;
        }
        for (const auto& table : uses.whole_rows) add(tables_[table].whole_rows, statement);
        for (const auto& [place, role] : uses.columns) add(columns_[place].roles[static_cast<std::size_t>(role)], statement);
        for (const auto& [key, list] : uses.predicates) {
            auto& tallied = predicates_[key];
            add(tallied.usage.usage, statement);
            tallied.usage.longest_list = std::max(tallied.usage.longest_list, list);
            if (uses.only_predicate && statement.rows_per_call) tallied.rows_per_call.push_back(*statement.rows_per_call);
        }
        for (const auto& [key, outer] : uses.joins) {
            add(joins_[key].usage, statement);
            if (outer) add(joins_[key].outer, statement);
        }
    }

    void deliver_predicates(const domain::Catalog& catalog, QueryPatterns& patterns) {
        for (auto& [key, tallied] : predicates_) {
            PredicateUsage& found = tallied.usage;
            std::tie(found.table, found.column, found.expression) = std::tie(key.place.table, key.place.column, key.place.expression);
            found.kind = key.kind;
            found.op = key.op;
            const auto* table = catalog.find_table(found.table);
            if (table != nullptr && table->tuples >= 1) {
                found.selectivity = by_statistics(*table, found);
                if (found.selectivity && found.selectivity->typical > 0)
                    found.parameter_skew = found.selectivity->most / found.selectivity->typical;
                if (!tallied.rows_per_call.empty()) found.selectivity = by_rows(tallied.rows_per_call, table->tuples);
            }
            patterns.predicates.push_back(std::move(found));
        }
    }

    void deliver(const domain::Catalog& catalog, QueryPatterns& patterns) && {
        deliver_predicates(catalog, patterns);
        for (auto& [name, usage] : tables_) {
            usage.table = name;
            usage.in_catalog = catalog.find_table(name) != nullptr;
            patterns.tables.push_back(std::move(usage));
        }
        for (auto& [place, usage] : columns_) {
            std::tie(usage.table, usage.column, usage.expression) = std::tie(place.table, place.column, place.expression);
            patterns.columns.push_back(std::move(usage));
        }
        for (auto& [key, edge] : joins_) {
            edge.left = key.left.table;
            edge.right = key.right.table;
            edge.left_column = key.left.column.empty() ? key.left.expression : key.left.column;
            edge.right_column = key.right.column.empty() ? key.right.expression : key.right.column;
            edge.op = key.op;
            patterns.joins.push_back(std::move(edge));
        }
    }

private:
    static Usage& access_of(TableUsage& usage, TableAccess access) {
        switch (access) {
            case TableAccess::read: return usage.reads;
            case TableAccess::insert: return usage.inserts;
            case TableAccess::update: return usage.updates;
            case TableAccess::remove: return usage.removes;
        }
        return usage.reads;
    }
    struct Predicates {
        PredicateUsage usage;
        std::vector<double> rows_per_call;  ///< of statements that this condition alone decides
    };
    std::map<PredicateKey, Predicates> predicates_;
    std::map<RelationName, TableUsage> tables_;
    std::map<Place, ColumnUsage> columns_;
    std::map<EdgeKey, JoinEdge> joins_;
};

/// Heaviest first; equals stay in the order of their names.
template <typename Item, typename Time, typename Calls>
void by_weight(std::vector<Item>& items, Time time, Calls calls) {
    std::stable_sort(items.begin(), items.end(),
                     [&](const Item& a, const Item& b) { return std::pair(time(a), calls(a)) > std::pair(time(b), calls(b)); });
}

void rank_templates(QueryPatterns& patterns) {
    by_weight(
        patterns.templates, [](const auto& t) { return t.total_ms; }, [](const auto& t) { return t.calls; });
    const double whole = patterns.measured ? patterns.total_ms : patterns.total_calls;
    double sum = 0;
    for (auto& item : patterns.templates) {
        const double weight = patterns.measured ? item.total_ms : item.calls;
        sum += weight;
        item.share_percent = whole > 0 ? 100 * weight / whole : 0;
        item.cumulative_percent = whole > 0 ? 100 * sum / whole : 0;
    }
}

bool is_search(ColumnRole role) {
    return role != ColumnRole::projected && role != ColumnRole::assigned && role != ColumnRole::expression;
}

}  // namespace

std::string_view to_string(ColumnRole role) {
    constexpr std::array<std::string_view, kColumnRoles> kNames{"equality",  "in_list",      "range",     "pattern", "contains",
                                                                "null_test", "other_filter", "join",      "group",   "order",
                                                                "projected", "assigned",     "expression"};
    return kNames[static_cast<std::size_t>(role)];
}

double TableUsage::read_share() const {
    const double all = reads.calls + writes();
    return all > 0 ? reads.calls / all : 0;
}

double ColumnUsage::searched_calls() const {
    double sum = 0;
    for (std::size_t i = 0; i < kColumnRoles; ++i)
        if (is_search(static_cast<ColumnRole>(i))) sum += roles[i].calls;
    return sum;
}

double ColumnUsage::searched_ms() const {
    double sum = 0;
    for (std::size_t i = 0; i < kColumnRoles; ++i)
        if (is_search(static_cast<ColumnRole>(i))) sum += roles[i].ms;
    return sum;
}

QueryPatterns QueryPatternAnalyzer::analyze(const domain::Workload& workload) const {
    QueryPatterns patterns;
    Tally tally;
    for (const auto& statement : workload.statements) {
        const double total_ms = time_of(statement);
        patterns.total_calls += statement.calls;
        patterns.total_ms += total_ms;
        TemplateWeight weight{.fingerprint = statement.fingerprint,
                              .text = statement.text,
                              .kind = std::nullopt,
                              .calls = statement.calls,
                              .mean_ms = statement.mean_ms,
                              .rows_per_call = statement.rows_per_call,
                              .total_ms = total_ms};
        if (const auto facts = sql::extract_facts(statement.text, *catalog_)) {
            weight.kind = facts->kind;
            tally.count(Reader(*catalog_, *facts).read(), statement);
        } else {
            patterns.unreadable.push_back({statement.fingerprint, statement.text, facts.error().message, statement.calls, total_ms});
        }
        patterns.templates.push_back(std::move(weight));
    }
    patterns.measured = patterns.total_ms > 0;
    std::move(tally).deliver(*catalog_, patterns);
    rank_templates(patterns);
    by_weight(
        patterns.tables, [](const auto& t) { return t.total_ms(); }, [](const auto& t) { return t.reads.calls + t.writes(); });
    by_weight(
        patterns.columns, [](const auto& c) { return c.searched_ms(); }, [](const auto& c) { return c.searched_calls(); });
    by_weight(
        patterns.predicates, [](const auto& p) { return p.usage.ms; }, [](const auto& p) { return p.usage.calls; });
    by_weight(
        patterns.joins, [](const auto& j) { return j.usage.ms; }, [](const auto& j) { return j.usage.calls; });
    by_weight(
        patterns.unreadable, [](const auto& u) { return u.total_ms; }, [](const auto& u) { return u.calls; });
    return patterns;
}

}  // namespace orrery::analyzers
