#include "optimizers/table_needs.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "optimizers/column_values.hpp"
#include "optimizers/selectivity.hpp"

namespace orrery::optimizers {
namespace {

using domain::ColumnUse;
using domain::IndexKey;
using domain::Predicate;
using domain::PredicateKind;

constexpr double kMostConditionValues = 64;  // a partial index for one of more values than this would serve hardly anything

bool same_key(const IndexKey& a, const IndexKey& b) {
    return a.column == b.column && a.expression == b.expression;
}

/// Collects what one use of a table needs from all blocks of a statement.
class Collector {
public:
    Collector(const domain::Catalog& catalog, const domain::StatementFacts& facts, int use, const domain::Table& table)
        : facts_(facts), use_(use), table_(table), rows_(table_rows(table, catalog.block_size)) {
        needs_.table = &table;
        needs_.reads = facts.tables[static_cast<std::size_t>(use)].access == domain::TableAccess::read;
    }

    TableNeeds collect() {
        for (std::size_t i = 0; i < facts_.blocks.size(); ++i) collect_block(facts_.blocks[i], static_cast<int>(i));
        finish_columns();
        return std::move(needs_);
    }

private:
    bool ours(const ColumnUse& use) const { return use.table == use_; }

    /// A key for a column or expression; nothing when the expression holds parameters or the column is unknown.
    std::optional<IndexKey> key_of(const ColumnUse& use) const {
        IndexKey key;
        if (!use.expression.empty()) {
            if (use.expression.find('$') != std::string::npos) return std::nullopt;
            key.expression = use.expression;
        } else {
            if (table_.find_column(use.column) == nullptr) return std::nullopt;
            key.column = use.column;
        }
        return key;
    }

    NeededKey needed(IndexKey key, const Predicate* predicate) const {
        NeededKey result{std::move(key), 1, 1};
        const auto* column = result.key.column.empty() ? nullptr : table_.find_column(result.key.column);
        if (predicate != nullptr) {
            result.selectivity = predicate_selectivity(*predicate, column, rows_);
            result.rarest_selectivity = result.selectivity;
            const bool free_value = predicate->kind == PredicateKind::equality && !literal_text(predicate->constant);
            if (free_value && column != nullptr) result.rarest_selectivity = rarest_selectivity(*column, rows_);
        } else if (column != nullptr) {
            result.selectivity = result.rarest_selectivity = equality_selectivity(*column, rows_, std::nullopt);
        }
        return result;
    }

    static void add(std::vector<NeededKey>& list, NeededKey item) {
        const auto found = std::find_if(list.begin(), list.end(), [&](const NeededKey& other) { return same_key(other.key, item.key); });
        if (found == list.end())
            list.push_back(std::move(item));
        else
            found->selectivity *= item.selectivity;  // the second bound of a range
    }

    /// LIKE 'abc%' can use a B-tree of any collation through the pattern operator class.
    std::string pattern_opclass(const IndexKey& key) const {
        const auto* column = key.column.empty() ? nullptr : table_.find_column(key.column);
        if (column != nullptr && column->type.starts_with("character varying")) return "varchar_pattern_ops";
        if (column != nullptr && column->type.starts_with("character")) return "bpchar_pattern_ops";
        return "text_pattern_ops";
    }

    void add_prefix(const Predicate& predicate, IndexKey key) {
        add(needs_.ranges, needed(key, &predicate));  // enough where the collation is C
        key.opclass = pattern_opclass(key);
        add(needs_.prefixes, needed(std::move(key), &predicate));
    }

    void add_contained(const Predicate& predicate, IndexKey key) {
        const auto* column = key.column.empty() ? nullptr : table_.find_column(key.column);
        const bool document = column != nullptr && column->type == "jsonb";
        const bool array = column != nullptr && column->type.ends_with("[]");
        const bool text_search = predicate.op == "@@";
        if (document) {
            if (predicate.op == "@>")
                key.opclass = "jsonb_path_ops";
            else if (!predicate.op.starts_with("?"))
                return;
        } else if (!array && !text_search) {
            return;
        }
        needs_.contained.push_back(std::move(key));
    }

    void collect_predicate(const Predicate& predicate) {
        auto key = key_of(predicate.use);
        if (!key) return;
        const bool usable = !predicate.negated || predicate.kind == PredicateKind::boolean;
        if (!predicate.conjunctive) {
            const bool lookup = predicate.kind == PredicateKind::equality || predicate.kind == PredicateKind::in_list ||
                                predicate.kind == PredicateKind::range;
            if (usable && lookup) add(needs_.alternatives, needed(*key, &predicate));
            return;
        }
        add_condition(predicate);
        if (!usable) return;
        switch (predicate.kind) {
            case PredicateKind::equality:
            case PredicateKind::is_null:
            case PredicateKind::boolean: add(needs_.equalities, needed(*key, &predicate)); break;
            case PredicateKind::in_list: add(needs_.lists, needed(*key, &predicate)); break;
            case PredicateKind::range: add(needs_.ranges, needed(*key, &predicate)); break;
            case PredicateKind::like_prefix: add_prefix(predicate, std::move(*key)); break;
            case PredicateKind::like_other:  // a parameter's pattern may well be a prefix
                if (predicate.op == "~~" && !predicate.parameters.empty()) add_prefix(predicate, std::move(*key));
                break;
            case PredicateKind::contains: add_contained(predicate, std::move(*key)); break;
            default: break;
        }
    }

    void add_condition(const Predicate& predicate) {
        if (!predicate.use.expression.empty() || !predicate.parameters.empty()) return;
        const auto* column = table_.find_column(predicate.use.column);
        if (column == nullptr) return;
        const std::string name = domain::quote_identifier(predicate.use.column);
        std::string sql;
        switch (predicate.kind) {
            case PredicateKind::is_null: sql = name + (predicate.negated ? " IS NOT NULL" : " IS NULL"); break;
            case PredicateKind::is_not_null: sql = name + (predicate.negated ? " IS NULL" : " IS NOT NULL"); break;
            case PredicateKind::boolean: sql = (predicate.negated ? "NOT " : "") + name; break;
            case PredicateKind::equality: {
                const bool few = column->statistics && column->statistics->distinct_count(rows_) <= kMostConditionValues;
                if (predicate.negated || !few || !literal_text(predicate.constant)) return;
                sql = name + " = " + predicate.constant;
                break;
            }
            default: return;
        }
        const double share = predicate_selectivity(predicate, column, rows_);
        const auto found =
            std::find_if(needs_.conditions.begin(), needs_.conditions.end(), [&](const FixedCondition& c) { return c.sql == sql; });
        if (found == needs_.conditions.end()) needs_.conditions.push_back({std::move(sql), predicate.use.column, share});
    }

    void collect_joins(const domain::QueryBlock& block, std::map<int, std::vector<NeededKey>>& by_partner) const {
        for (const auto& join : block.joins) {
            if (join.op != "=") continue;
            for (const auto& [mine, other] : {std::pair(&join.left, &join.right), std::pair(&join.right, &join.left)}) {
                if (!ours(*mine)) continue;
                // Sides that are no column of one table (-1) have nothing to do with each other.
                const int partner = other->table >= 0 ? other->table : -1 - static_cast<int>(by_partner.size());
                if (auto key = key_of(*mine)) add(by_partner[partner], needed(std::move(*key), nullptr));
            }
        }
    }

    void collect_order(const domain::QueryBlock& block) {
        for (const auto& term : block.order_by) {
            auto key = ours(term.use) ? key_of(term.use) : std::nullopt;
            if (!key) break;
            key->descending = term.descending;
            key->nulls_first = term.nulls_first;
            needs_.order.push_back(std::move(*key));
        }
        needs_.limited = needs_.limited || (block.has_limit && !needs_.order.empty());
    }

    void collect_groups(const domain::QueryBlock& block) {
        const bool by_distinct = block.distinct && block.group_by.empty();
        const auto& uses = by_distinct ? block.projected : block.group_by;
        std::vector<IndexKey> keys;
        for (const auto& use : uses) {
            auto key = ours(use) ? key_of(use) : std::nullopt;
            if (!key) return;
            keys.push_back(std::move(*key));
        }
        if (!keys.empty()) needs_.groups = std::move(keys);
    }

    void collect_block(const domain::QueryBlock& block, int position) {
        for (const auto& predicate : block.predicates)
            if (ours(predicate.use)) collect_predicate(predicate);
        std::map<int, std::vector<NeededKey>> by_partner;
        collect_joins(block, by_partner);
        for (auto& [partner, keys] : by_partner) needs_.joins.push_back(std::move(keys));
        if (facts_.tables[static_cast<std::size_t>(use_)].block == position) {
            collect_order(block);
            collect_groups(block);
            if (block.aggregates && block.group_by.empty())
                for (const auto& use : block.projected)
                    if (auto key = ours(use) && use.expression.empty() ? key_of(use) : std::nullopt)
                        needs_.extremes.push_back(std::move(*key));
        }
        note_columns(block);
    }

    void note(const ColumnUse& use) {
        if (!ours(use)) return;
        if (!use.column.empty()) read_.insert(use.column);
        read_.insert(use.expression_columns.begin(), use.expression_columns.end());
    }

    void note_columns(const domain::QueryBlock& block) {
        for (const auto& predicate : block.predicates) note(predicate.use);
        for (const auto& join : block.joins) {
            note(join.left);
            note(join.right);
        }
        for (const auto& use : block.group_by) note(use);
        for (const auto& term : block.order_by) note(term.use);
        for (const auto& use : block.projected) note(use);
        if (static_cast<std::size_t>(use_) < block.star.size() && block.star[static_cast<std::size_t>(use_)]) needs_.all_columns = true;
    }

    void finish_columns() {
        for (const auto& column : table_.columns)
            if (needs_.all_columns || read_.contains(column.name)) needs_.columns.push_back(column.name);
    }

    const domain::StatementFacts& facts_;
    int use_;
    const domain::Table& table_;
    double rows_;
    TableNeeds needs_;
    std::set<std::string, std::less<>> read_;
};

bool covers(const TableNeeds& needs, const domain::IndexSpec& spec) {
    if (!needs.reads || needs.columns.empty() || spec.method != "btree") return false;
    return std::all_of(needs.columns.begin(), needs.columns.end(), [&](const std::string& column) {
        const bool keyed = std::any_of(spec.keys.begin(), spec.keys.end(), [&](const IndexKey& key) { return key.column == column; });
        return keyed || std::find(spec.include.begin(), spec.include.end(), column) != spec.include.end();
    });
}

bool opens(const std::vector<NeededKey>& list, const IndexKey& key) {
    return std::any_of(list.begin(), list.end(), [&](const NeededKey& item) { return same_key(item.key, key); });
}

bool opens(const std::vector<IndexKey>& list, const IndexKey& key) {
    return std::any_of(list.begin(), list.end(), [&](const IndexKey& item) { return same_key(item, key); });
}

/// Every conjunct of the predicate is one of the conditions.
bool implies(const TableNeeds& needs, std::string_view predicate) {
    constexpr std::string_view kAnd = " AND ";
    const auto known = [&](std::string_view sql) {
        return std::any_of(needs.conditions.begin(), needs.conditions.end(), [&](const FixedCondition& c) { return c.sql == sql; });
    };
    if (known(predicate)) return true;
    while (!predicate.empty()) {
        const auto end = std::min(predicate.find(kAnd), predicate.size());
        if (!known(predicate.substr(0, end))) return false;
        predicate.remove_prefix(std::min(predicate.size(), end + kAnd.size()));
    }
    return true;
}

}  // namespace

std::vector<TableNeeds> table_needs(const domain::Catalog& catalog, const domain::StatementFacts& facts) {
    std::vector<TableNeeds> result;
    for (int use = 0; use < static_cast<int>(facts.tables.size()); ++use) {
        const auto& appearance = facts.tables[static_cast<std::size_t>(use)];
        const auto* table = catalog.find_table(appearance.name);
        const bool indexable = table != nullptr && (table->kind == 'r' || table->kind == 'p' || table->kind == 'm');
        if (!indexable || appearance.access == domain::TableAccess::insert) continue;
        result.push_back(Collector(catalog, facts, use, *table).collect());
    }
    return result;
}

bool can_serve(const TableNeeds& needs, const domain::IndexSpec& spec) {
    if (needs.table == nullptr || needs.table->name != spec.table || spec.keys.empty() || !implies(needs, spec.predicate)) return false;
    const auto& first = spec.keys.front();
    if (spec.method == "gin") return opens(needs.contained, first);
    if (spec.method == "brin") return opens(needs.ranges, first) || opens(needs.equalities, first);
    for (const auto* list : {&needs.equalities, &needs.lists, &needs.ranges, &needs.prefixes, &needs.alternatives})
        if (opens(*list, first)) return true;
    for (const auto& join : needs.joins)
        if (opens(join, first)) return true;
    if (opens(needs.groups, first) || opens(needs.extremes, first)) return true;
    if (!needs.order.empty() && same_key(needs.order.front(), first)) return true;
    // A predicate that the statement asks for may be all that the index gives it.
    return !spec.predicate.empty() || covers(needs, spec);
}

}  // namespace orrery::optimizers
