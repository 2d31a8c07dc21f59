#include "analyzers/sequences.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace orrery::analyzers {
namespace {

constexpr double kLeastRatio = 1.8, kMostRatio = 2'000;
constexpr double kMostUnexplained = 0.35;
constexpr double kLeastCorrelation = 0.7;
constexpr double kAlarm = 9;  ///< nats: a false pair in 8,000 workloads
constexpr std::size_t kLeastDifferences = 15;

double total(const std::vector<double>& calls) {
    return std::accumulate(calls.begin(), calls.end(), 0.0, [](double sum, double c) { return sum + (std::isnan(c) ? 0 : c); });
}

bool is_lookup(const SequenceTemplate& item) {
    if (item.facts == nullptr || item.facts->kind != domain::StatementKind::select || item.facts->tables.size() != 1) return false;
    for (const auto& block : item.facts->blocks)
        for (const auto& predicate : block.predicates)
            if (predicate.kind == domain::PredicateKind::equality && predicate.conjunctive && !predicate.negated) return true;
    return false;
}

bool is_list(const SequenceTemplate& item) {
    return item.facts != nullptr && item.facts->kind == domain::StatementKind::select && !item.facts->tables.empty() &&
           item.rows_per_call >= 1.5;
}

/// The pair's evidence, or nothing.
std::optional<RepeatedLookup> judged(const SequenceTemplate& parent, const SequenceTemplate& child, double pairs) {
    const double parents = total(parent.calls), children = total(child.calls);
    if (parents < 20 || children < kLeastRatio * parents || children > kMostRatio * parents) return std::nullopt;
    const double ratio = children / parents;
    if (ratio > 1.3 * parent.rows_per_call + 0.5) return std::nullopt;  // no row for each look-up
    double n = 0, residual = 0, expected = 0, parent_square = 0, child_square = 0, cross = 0, parent_poisson = 0;
    for (std::size_t i = 1; i < parent.calls.size(); ++i) {
        const double p0 = parent.calls[i - 1], p1 = parent.calls[i], c0 = child.calls[i - 1], c1 = child.calls[i];
        if (!(p0 + p1 > 0 || c0 + c1 > 0)) continue;  // nothing ran, or nothing was collected
        const double dp = p1 - p0, dc = c1 - c0, rest = dc - ratio * dp;
        n += 1;
        residual += rest * rest;
        expected += (c0 + c1) + ratio * ratio * (p0 + p1);
        parent_square += dp * dp, child_square += dc * dc, cross += dp * dc;
        parent_poisson += p0 + p1;
    }
    if (n < kLeastDifferences || expected <= 0 || parent_square < 0.6 * parent_poisson || child_square <= 0) return std::nullopt;
    const double unexplained = residual / expected;
    const double correlation = cross / std::sqrt(parent_square * child_square);
    // Neighbouring differences share an interval: a good half of them are independent.
    const double evidence = 0.5 * (0.6 * n) * (unexplained - 1 - std::log(std::max(unexplained, 1e-9)));
    if (unexplained > kMostUnexplained || correlation < kLeastCorrelation || evidence < kAlarm + std::log(pairs)) return std::nullopt;
    RepeatedLookup found{parent.fingerprint, child.fingerprint, ratio, parent.rows_per_call, unexplained, 0};
    const bool row_by_row = std::abs(ratio / parent.rows_per_call - 1) < 0.25;
    found.confidence = std::clamp((1 - unexplained) * (row_by_row ? 1.0 : 0.85), 0.0, 0.99);
    return found;
}

}  // namespace

std::vector<RepeatedLookup> find_repeated_lookups(std::span<const SequenceTemplate> templates) {
    std::vector<const SequenceTemplate*> lists, lookups;
    for (const auto& item : templates) {
        if (is_list(item)) lists.push_back(&item);
        if (is_lookup(item)) lookups.push_back(&item);
    }
    const double pairs = std::max(1.0, static_cast<double>(lists.size()) * static_cast<double>(lookups.size()));
    std::vector<std::pair<double, RepeatedLookup>> found;
    for (const auto* child : lookups) {
        std::optional<RepeatedLookup> best;
        for (const auto* parent : lists) {
            if (parent == child) continue;
            const auto candidate = judged(*parent, *child, pairs);
            if (candidate && (!best || candidate->unexplained < best->unexplained)) best = candidate;
        }
        if (best) found.emplace_back(total(child->calls), *best);
    }
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<RepeatedLookup> result;
    for (auto& [calls, lookup] : found) result.push_back(lookup);
    return result;
}

}  // namespace orrery::analyzers
