#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "models/query_time/row_feedback.hpp"
#include "models/query_time/row_observing.hpp"

namespace orrery::models {
namespace {

/// log of actual over estimated rows, neither below one.
double log_error(double rows, double planned) {
    return std::log(std::max(rows, 1.0) / std::max(planned, 1.0));
}

struct Mean {
    double sum = 0, squares = 0, n = 0;
    void add(double value) {
        sum += value;
        squares += value * value;
        ++n;
    }
    [[nodiscard]] double mean() const { return n > 0 ? sum / n : 0; }
    [[nodiscard]] double variance() const { return n > 0 ? std::max(0.0, squares / n - mean() * mean()) : 0; }
};

/// Executions of one template under one list of keys: one observation, however many they are.
struct Cell {
    std::vector<std::uint64_t> keys;
    Mean errors;
    /// Near 1 for many alike; less where executions of the very same conditions differ: then the values decide, which keys do not hold.
    [[nodiscard]] double weight() const { return errors.n / (errors.n + 0.25) / (1 + errors.variance()); }
};

class Cells {
public:
    /// The same numbers of the same template are one execution repeated.
    void add(const std::string& group, const std::vector<std::uint64_t>& keys, double error) {
        if (keys.empty() || !std::isfinite(error)) return;
        std::uint64_t all = 0;
        for (const auto key : keys) all += hash_pair(key, 1);
        auto& [cell, seen] = cells_[{group, all}];
        if (!seen.insert(error).second) return;
        cell.keys = keys;
        cell.errors.add(std::clamp(error, -12.0, 12.0));
    }

    /// Ridge regression of the errors on the keys by coordinate descent: what several keys explain is shared among them.
    [[nodiscard]] std::vector<RowFeedback::Correction> fit(double shrinkage) const {
        struct Key {
            double value = 0, weight = 0, penalty = 0;
            std::vector<std::size_t> cells;
        };
        std::map<std::uint64_t, Key> keys;
        std::vector<const Cell*> cells;
        std::vector<double> residual;
        for (const auto& [where, entry] : cells_) {
            const auto& cell = entry.first;
            for (const auto key : cell.keys) {
                auto& k = keys[key];
                k.penalty = depends_on_values(key) ? shrinkage : shrinkage / 4;
                k.weight += cell.weight();
                k.cells.push_back(cells.size());
            }
            cells.push_back(&cell);
            residual.push_back(cell.errors.mean());
        }
        for (int sweep = 0; sweep < 50; ++sweep)
            for (auto& [key, k] : keys) {
                double pull = 0;
                for (const auto c : k.cells) pull += cells[c]->weight() * (residual[c] + k.value);
                const double value = pull / (k.weight + k.penalty);
                for (const auto c : k.cells) residual[c] -= value - k.value;
                k.value = value;
            }
        std::vector<RowFeedback::Correction> corrections;
        for (const auto& [key, k] : keys)
            if (std::abs(k.value) > 0.01) corrections.push_back({.key = key, .log_ratio = k.value, .weight = k.weight});
        return corrections;
    }

private:
    std::map<std::pair<std::string, std::uint64_t>, std::pair<Cell, std::set<double>>> cells_;
};

/// Rows per look-up, by template.
class LookUps {
public:
    void add(const std::string& group, std::uint64_t key, double rows) {
        if (key != 0) by_key_[key][group].add(std::log(std::max(rows, 0.01)));
    }
    /// The planner's guess does not depend on who asks: it is kept by the columns alone.
    void expect(const LookUpKeys& keys, double planned) {
        auto& most = planned_[keys.columns];
        most = std::max(most, planned);
        columns_of_[keys.from] = keys.columns;
        columns_of_[keys.columns] = keys.columns;
    }
    [[nodiscard]] std::vector<RowFeedback::FanOut> fit() const {
        std::vector<RowFeedback::FanOut> fan_outs;
        for (const auto& [key, seen] : by_key_) {
            const double planned = planned_.at(columns_of_.at(key));
            if (!(planned > 0)) continue;
            Mean found;
            double within = 0;
            for (const auto& [group, mean] : seen) {
                found.add(mean.mean());
                within += mean.variance() / static_cast<double>(seen.size());
            }
            fan_outs.push_back({.key = key,
                                .log_ratio = std::clamp(found.mean() - std::log(planned), -40.0, 40.0),
                                .rows = std::exp(found.mean()),
                                .weight = found.n / (1 + found.variance() + within)});
        }
        return fan_outs;
    }

private:
    std::map<std::uint64_t, std::map<std::string, Mean>> by_key_;
    std::map<std::uint64_t, double> planned_;
    std::map<std::uint64_t, std::uint64_t> columns_of_;
};

class Learning {
public:
    explicit Learning(const RowLearningOptions& options) : options_(options) {}

    RowFeedback run(std::span<const ExecutedPlan> plans) {
        for (const auto& executed : plans) each(executed, [&](std::size_t i) { take_scan(i, executed.group); });
        feedback_.scans = scans_.fit(options_.scan_shrinkage);
        feedback_.fan_outs = look_ups_.fit();
        for (const auto& [key, rows] : tables_) feedback_.tables.push_back({.key = key, .rows = rows});
        if (!options_.joins) return std::move(feedback_);
        for (const auto& executed : plans) each(executed, [&](std::size_t i) { take_join(i, executed.group); });
        feedback_.joins = joins_.fit(options_.join_shrinkage);
        return std::move(feedback_);
    }

private:
    template <typename Take>
    void each(const ExecutedPlan& executed, Take take) {
        place_nodes(executed.plan.root, nodes_);
        static const domain::PlanContext unknown;
        plan_.read(nodes_, executed.context == nullptr ? unknown : *executed.context);
        read_shown_rows(plan_, shown_);
        for (std::size_t i = 0; i < plan_.size(); ++i) take(i);
    }

    void take_scan(std::size_t i, const std::string& group) {
        const auto& facts = plan_[i];
        const auto& node = plan_.node(i);
        if (!facts.is_scan) return;
        if (const auto keys = plan_.look_up_keys(i); keys.columns != 0) {
            look_ups_.expect(keys, facts.planned);
            if (shown_[i].per_look_up >= 0) {
                look_ups_.add(group, keys.columns, shown_[i].per_look_up);
                look_ups_.add(group, keys.from, shown_[i].per_look_up);
            }
        }
        if (!shown_[i].whole) return;
        std::vector<std::uint64_t> keys;
        plan_.scan_keys(i, false, keys);
        scans_.add(group, keys, log_error(shown_[i].rows, facts.planned));
        if (node.type != "Seq Scan") return;
        const double removed = node.details.removed_by_filter.value_or(0) * (facts.partial ? node.actual_loops.value_or(1) : 1);
        auto& rows = tables_[hash_text(node.relation)];
        if (std::isfinite(removed)) rows = std::max(rows, shown_[i].rows + std::max(removed, 0.0));
    }

    void take_join(std::size_t i, const std::string& group) {
        const auto& facts = plan_[i];
        if (!is_join(plan_.node(i)) || !shown_[i].whole || facts.outer < 0 || facts.inner < 0) return;
        const auto outer = input_error(facts.outer);
        if (!outer) return;
        double error = log_error(shown_[i].rows, facts.planned) - *outer;
        if (!only_tests(plan_.node(i))) {
            const auto inner = static_cast<std::size_t>(facts.inner);
            const auto of_inner = plan_[inner].parametrized ? look_up_error(facts.inner) : input_error(facts.inner);
            if (!of_inner) return;
            error -= *of_inner;
        }
        std::vector<std::uint64_t> keys;
        plan_.join_keys(i, keys);
        joins_.add(group, keys, error);
    }

    /// Of a join's input: of the node itself, or of what it sorts, hashes or keeps.
    [[nodiscard]] std::optional<double> input_error(int from) const {
        for (int at = from; at >= 0;) {
            const auto i = static_cast<std::size_t>(at);
            if (shown_[i].whole) return log_error(shown_[i].rows, plan_[i].planned);
            if (plan_[i].inner >= 0 || plan_[i].outer < 0 || plan_[static_cast<std::size_t>(plan_[i].outer)].set != plan_[i].set) return {};
            at = plan_[i].outer;
        }
        return {};
    }

    /// What the scan's own conditions are known to be off by.
    [[nodiscard]] std::optional<double> look_up_error(int inner) const {
        const int leaf = plan_.leaf(inner);
        if (leaf < 0) return {};
        std::vector<std::uint64_t> keys;
        plan_.scan_keys(static_cast<std::size_t>(leaf), false, keys);
        double sum = 0;
        for (const auto key : keys) {
            const auto at = std::lower_bound(feedback_.scans.begin(), feedback_.scans.end(), key,
                                             [](const RowFeedback::Correction& c, std::uint64_t k) { return c.key < k; });
            if (at != feedback_.scans.end() && at->key == key) sum += at->log_ratio;
        }
        return sum;
    }

    RowLearningOptions options_;
    RowFeedback feedback_;
    Cells scans_, joins_;
    LookUps look_ups_;
    std::map<std::uint64_t, double> tables_;
    std::vector<PlacedNode> nodes_;
    PlanRelations plan_;
    std::vector<ShownRows> shown_;
};

}  // namespace

RowFeedback learn_rows(std::span<const ExecutedPlan> plans, const RowLearningOptions& options) {
    return Learning(options).run(plans);
}

}  // namespace orrery::models
