#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/random.hpp"
#include "base/statistics.hpp"
#include "training/data_set.hpp"

namespace orrery::training {
namespace {

using models::ExecutedPlan;

constexpr double kYearMs = 365.25 * 24 * 3600 * 1000, kNanosecondMs = 1e-6;
constexpr std::size_t kFewestForOutliers = 5;  // a median of fewer says little

/// Everything that tells one execution of a plan from another, but its times and where its pages were.
void describe(const domain::PlanNode& node, base::ByteWriter& out) {
    for (const auto* text : {&node.type, &node.join_type, &node.strategy, &node.parent_relationship, &node.partial_mode, &node.schema,
                             &node.relation, &node.alias, &node.index, &node.index_condition, &node.filter, &node.join_filter,
                             &node.hash_condition, &node.merge_condition, &node.recheck_condition, &node.subplan_name})
        out.text(*text);
    for (const auto& key : node.sort_key) out.text(key);
    for (const auto& key : node.group_key) out.text(key);
    for (const double number : {node.startup_cost.value, node.total_cost.value, node.rows, node.width, node.actual_rows.value_or(-1),
                                node.actual_loops.value_or(-1), node.details.removed_by_filter.value_or(-1)})
        out.f64(number);
    out.i64(node.workers_launched.value_or(-1));
    out.u32(static_cast<std::uint32_t>(node.children.size()));
    for (const auto& child : node.children) describe(child, out);
}

std::uint64_t copy_key(const ExecutedPlan& plan) {
    base::ByteWriter out;
    out.text(plan.group);
    out.text(plan.database);
    out.f64(plan.conditions.cached_share);
    out.f64(plan.conditions.concurrent_sessions);
    describe(plan.plan.root, out);
    return base::stable_hash(out.bytes());
}

double rows_touched(const domain::PlanNode& node) {
    double rows = (node.actual_rows.value_or(0) + node.details.removed_by_filter.value_or(0)) * node.actual_loops.value_or(1);
    for (const auto& child : node.children) rows += rows_touched(child);
    return rows;
}

/// Marks what goes, counts why, and at the end lets it go.
class Sieve {
public:
    explicit Sieve(DataSet& data) : data_(&data), gone_(data.plans.size(), 0) {}

    template <typename Reason>  // an optional text by plan
    void leave_out(const Reason& reason) {
        for (std::size_t i = 0; i < gone_.size(); ++i)
            if (gone_[i] == 0)
                if (const std::optional<std::string> why = reason(data_->plans[i])) drop(i, *why);
    }
    void drop(std::size_t at, const std::string& why) {
        gone_[at] = 1;
        ++counts_[why];
    }
    /// Positions of those that stay, by a key of theirs.
    template <typename Key>
    [[nodiscard]] auto by(const Key& key) const {
        std::map<decltype(key(data_->plans[0])), std::vector<std::size_t>> groups;
        for (std::size_t i = 0; i < gone_.size(); ++i)
            if (gone_[i] == 0) groups[key(data_->plans[i])].push_back(i);
        return groups;
    }
    [[nodiscard]] const ExecutedPlan& plan(std::size_t at) const { return data_->plans[at]; }

    void finish() {
        std::vector<ExecutedPlan> kept;
        for (std::size_t i = 0; i < gone_.size(); ++i)
            if (gone_[i] == 0) kept.push_back(std::move(data_->plans[i]));
        data_->plans = std::move(kept);
        for (const auto& [why, count] : counts_) data_->left_out.push_back({why, count});
    }

private:
    DataSet* data_;
    std::vector<char> gone_;
    std::map<std::string, std::size_t> counts_;
};

std::optional<std::string> unusable(const ExecutedPlan& plan) {
    if (!std::isfinite(plan.time_ms)) return "time is missing or not finite";
    if (plan.time_ms <= 0) return "time is zero or negative";
    if (plan.time_ms > kYearMs) return "time is absurd (over a year)";
    if (plan.time_ms < kNanosecondMs) return "time is absurd (under a nanosecond)";
    if (!std::isfinite(plan.plan.root.total_cost.value) || plan.plan.root.total_cost.value < 0) return "planner's cost is no number";
    return {};
}

std::optional<std::string> in_incident(const ExecutedPlan& plan, const PreparationOptions& options) {
    if (plan.at == base::WallTime{}) return {};
    for (const auto& window : options.incidents)
        if (plan.at >= window.from && plan.at <= window.to) return fmt::format("incident of {}", base::to_iso8601(window.from));
    return {};
}

/// Of equal executions the one with the median time stays: its nodes' times go with its label.
void drop_copies(Sieve& sieve) {
    for (auto& [key, positions] : sieve.by(copy_key)) {
        if (positions.size() < 2) continue;
        auto order = positions;
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return sieve.plan(a).time_ms < sieve.plan(b).time_ms; });
        const std::size_t kept = order[(order.size() - 1) / 2];
        for (const std::size_t i : positions)
            if (i != kept) sieve.drop(i, "exact copies");
    }
}

/// An outlier is far from the others of its template both in time and in time per row: a plan that touches far more rows may take longer,
/// and a few rows more or less do not matter where most of the time goes elsewhere.
void drop_outliers(Sieve& sieve, double factor) {
    const auto alike = [](const ExecutedPlan& plan) {
        return std::tuple(plan.database, plan.group, std::lround(4 * plan.conditions.cached_share),
                          std::lround(std::log2(std::max(1.0, plan.conditions.concurrent_sessions))));
    };
    const double limit = std::log(factor);
    for (const auto& [key, positions] : sieve.by(alike)) {
        if (positions.size() < kFewestForOutliers) continue;
        std::vector<double> times, rates;
        for (const std::size_t i : positions) {
            times.push_back(std::log(sieve.plan(i).time_ms));
            rates.push_back(times.back() - std::log(1 + rows_touched(sieve.plan(i).plan.root)));
        }
        const double time = base::median(times), rate = base::median(rates);
        for (std::size_t i = 0; i < positions.size(); ++i)
            if (std::abs(times[i] - time) > limit && std::abs(rates[i] - rate) > limit)
                sieve.drop(positions[i], fmt::format("outliers, over {:g} times their template's usual time", factor));
    }
}

void cap_groups(Sieve& sieve, std::size_t most) {
    for (const auto& [group, positions] : sieve.by([](const ExecutedPlan& plan) { return plan.group; })) {
        if (positions.size() <= most) continue;
        std::size_t next = 0;  // of the kept ones
        for (std::size_t i = 0; i < positions.size(); ++i) {
            if (next < most && i == next * positions.size() / most)
                ++next;
            else
                sieve.drop(positions[i], fmt::format("beyond {} of their template", most));
        }
    }
}

}  // namespace

void prepare(DataSet& data, const PreparationOptions& options) {
    Sieve sieve(data);
    sieve.leave_out(unusable);
    sieve.leave_out([&](const ExecutedPlan& plan) { return in_incident(plan, options); });
    if (options.drop_copies) drop_copies(sieve);
    if (options.outlier_factor > 1) drop_outliers(sieve, options.outlier_factor);
    if (options.most_per_group > 0) cap_groups(sieve, options.most_per_group);
    sieve.finish();
    data.hash = hash_of(data.plans);
}

}  // namespace orrery::training
