#include "sql/features.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace orrery::sql {
namespace {

using domain::ColumnUse;
using domain::PredicateKind;
using domain::QueryBlock;
using domain::StatementFacts;
using domain::StatementKind;
using domain::TableAccess;

constexpr std::size_t place_of(std::string_view name) {
    std::size_t place = 0;
    while (kFeatureNames[place] != name) ++place;  // an unknown name does not compile
    return place;
}

/// Fills the vector in; names are looked up when the program is compiled.
class Counting {
public:
    explicit Counting(const StatementFacts& facts) : facts_(&facts) {}

    Features count() {
        count_kind();
        count_tables();
        std::vector<int> depths(facts_->blocks.size(), 1);
        for (std::size_t i = 0; i < facts_->blocks.size(); ++i) {
            const auto& block = facts_->blocks[i];
            if (block.parent >= 0) depths[i] = depths[static_cast<std::size_t>(block.parent)] + 1;
            at<place_of("block_depth")>() = std::max(at<place_of("block_depth")>(), static_cast<float>(depths[i]));
            count_joins(block, static_cast<int>(i));
            for (const auto& predicate : block.predicates) count_predicate(predicate);
            count_shape(block);
        }
        add<place_of("blocks")>(facts_->blocks.size());
        add<place_of("filtered_columns")>(filtered_.size());
        add<place_of("assigned_columns")>(facts_->assigned_columns.size());
        at<place_of("parameters")>() = static_cast<float>(facts_->parameter_count);
        return features_;
    }

private:
    template <std::size_t Place>
    float& at() {
        return features_[Place];
    }
    template <std::size_t Place>
    void add(std::size_t more = 1) {
        features_[Place] += static_cast<float>(more);
    }

    void count_kind() {
        switch (facts_->kind) {
            case StatementKind::select: add<place_of("select")>(); break;
            case StatementKind::insert: add<place_of("insert")>(); break;
            case StatementKind::update: add<place_of("update")>(); break;
            case StatementKind::remove: add<place_of("delete")>(); break;
            case StatementKind::merge: add<place_of("merge")>(); break;
            case StatementKind::utility: add<place_of("utility")>(); break;
        }
    }

    void count_tables() {
        std::set<domain::RelationName> names;
        std::set<std::pair<domain::RelationName, int>> of_block;
        for (const auto& table : facts_->tables) {
            names.insert(table.name);
            if (!of_block.emplace(table.name, table.block).second) add<place_of("self_joins")>();
            if (table.access != TableAccess::read) add<place_of("target_tables")>();
        }
        add<place_of("table_uses")>(facts_->tables.size());
        add<place_of("tables")>(names.size());
    }

    [[nodiscard]] int block_of(const ColumnUse& use) const {
        return use.table < 0 ? -1 : facts_->tables[static_cast<std::size_t>(use.table)].block;
    }

    void note(const ColumnUse& use) {
        if (use.table < 0) add<place_of("unresolved_columns")>();
    }

    void count_joins(const QueryBlock& block, int number) {
        std::set<int> reached;
        for (const auto& join : block.joins) {
            note(join.left);
            note(join.right);
            const bool outward =
                (join.left.table >= 0 && block_of(join.left) < number) || (join.right.table >= 0 && block_of(join.right) < number);
            if (outward)
                add<place_of("correlations")>();
            else if (join.outer)
                add<place_of("joins_outer")>();
            else
                add<place_of("joins_inner")>();
            if (join.op != "=") add<place_of("joins_unequal")>();
            reached.insert(join.left.table);
            reached.insert(join.right.table);
        }
        std::size_t alone = 0, tables = 0;
        for (std::size_t i = 0; i < facts_->tables.size(); ++i) {
            if (facts_->tables[i].block != number) continue;
            ++tables;
            if (!reached.contains(static_cast<int>(i))) ++alone;
        }
        if (tables > 1) add<place_of("cross_products")>(std::min(alone, tables - 1));
    }

    void count_predicate(const domain::Predicate& predicate) {
        switch (predicate.kind) {
            case PredicateKind::equality: add<place_of("equality")>(); break;
            case PredicateKind::in_list: add<place_of("in_list")>(); break;
            case PredicateKind::range: add<place_of("range")>(); break;
            case PredicateKind::not_equal: add<place_of("not_equal")>(); break;
            case PredicateKind::is_null:
            case PredicateKind::is_not_null: add<place_of("null_tests")>(); break;
            case PredicateKind::boolean: add<place_of("boolean")>(); break;
            case PredicateKind::like_prefix: add<place_of("like_prefix")>(); break;
            case PredicateKind::like_other: add<place_of("like_other")>(); break;
            case PredicateKind::contains: add<place_of("contains")>(); break;
            case PredicateKind::other: add<place_of("other_predicates")>(); break;
        }
        if (!predicate.conjunctive) add<place_of("predicates_in_or")>();
        if (predicate.negated) add<place_of("predicates_negated")>();
        if (!predicate.use.expression.empty()) add<place_of("predicates_on_expressions")>();
        if (predicate.use.table >= 0 && !predicate.use.column.empty()) filtered_.emplace(predicate.use.table, predicate.use.column);
        note(predicate.use);
        auto& longest = at<place_of("longest_in_list")>();
        longest = std::max(longest, static_cast<float>(predicate.list.size()));
    }

    void count_shape(const QueryBlock& block) {
        add<place_of("group_by_columns")>(block.group_by.size());
        if (!block.group_by.empty()) add<place_of("grouped_blocks")>();
        if (block.aggregates) add<place_of("aggregate_blocks")>();
        if (block.distinct) add<place_of("distinct_blocks")>();
        add<place_of("order_by_columns")>(block.order_by.size());
        if (!block.order_by.empty()) add<place_of("ordered_blocks")>();
        for (const auto& term : block.order_by)
            if (term.descending) add<place_of("descending_columns")>();
        if (block.has_limit) add<place_of("limited_blocks")>();
        if (block.has_limit && !block.order_by.empty()) add<place_of("ordered_and_limited")>();
        add<place_of("extremes")>(block.extremes.size());
        add<place_of("projected_columns")>(block.projected.size());
        add<place_of("stars")>(static_cast<std::size_t>(std::count(block.star.begin(), block.star.end(), true)));
    }

    const StatementFacts* facts_;
    Features features_{};
    std::set<std::pair<int, std::string>> filtered_;
};

}  // namespace

Features features(const StatementFacts& facts) {
    return Counting(facts).count();
}

}  // namespace orrery::sql
