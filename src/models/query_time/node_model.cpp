#include "models/query_time/node_model.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "models/query_time/lbfgs.hpp"
#include "models/query_time/work_terms.hpp"

namespace orrery::models {
namespace {

using base::ErrorKind;

constexpr double kShortestMs = 1e-4, kLongestMs = 1e10;
constexpr double kLeastNs = 1e-6, kMostNs = 1e12;

bool usable(double ms) {
    return std::isfinite(ms) && ms >= kShortestMs && ms <= kLongestMs;
}

/// The amounts of work that are not zero, in milliseconds at 1 ns a unit; one range of entries per operator.
struct Observations {
    struct Entry {
        std::uint32_t term;
        double amount;
    };
    struct Label {
        double log_ms, weight;  ///< weight 0: not measured
    };
    std::vector<Entry> entries;
    std::vector<std::size_t> ends;  ///< of each operator's entries
    std::vector<Label> operators;
    std::vector<std::size_t> plan_ends;  ///< of each plan's operators
    std::vector<Label> plans;
};

/// 1 / plans of the template, by plan; 0 for those that cannot be learnt from.
std::vector<double> plan_weights(std::span<const ExecutedPlan> plans) {
    std::map<std::string, double> sizes;
    const auto key = [](const ExecutedPlan& plan) { return plan.database + '\n' + plan.group; };
    for (const auto& plan : plans)
        if (usable(plan.time_ms) && plan.context != nullptr) sizes[key(plan)] += 1;
    std::vector<double> weights;
    weights.reserve(plans.size());
    for (const auto& plan : plans) {
        const auto found = sizes.find(key(plan));
        weights.push_back(usable(plan.time_ms) && plan.context != nullptr ? 1 / found->second : 0);
    }
    return weights;
}

Observations observe(std::span<const ExecutedPlan> plans, double operator_weight) {
    Observations all;
    std::vector<Operator> operators;
    std::vector<Work> work;
    const auto weights = plan_weights(plans);
    for (std::size_t p = 0; p < plans.size(); ++p) {
        const auto& plan = plans[p];
        if (weights[p] == 0) continue;
        flatten(plan.plan, *plan.context, RowsFrom::actuals, operators);
        count_work(operators, *plan.context, plan.conditions, {}, work);
        const auto self = self_times(plan.plan, operators);
        double total = 0;
        for (const double ms : self) total += ms;
        for (std::size_t i = 0; i < operators.size(); ++i) {
            for (std::uint32_t term = 0; term < kWorkTerms; ++term)
                if (work[i][term] > 0 && std::isfinite(work[i][term])) all.entries.push_back({term, work[i][term] * 1e-6});
            all.ends.push_back(all.entries.size());
            // The label may be of a run without timers: operators keep their shares of it.
            const double ms = total > 0 ? self[i] / total * plan.time_ms : 0;
            const bool told = ms >= std::max(kShortestMs, 1e-3 * plan.time_ms);
            all.operators.push_back({told ? std::log(ms) : 0, told ? operator_weight * weights[p] * ms / plan.time_ms : 0});
        }
        all.plan_ends.push_back(all.operators.size());
        all.plans.push_back({std::log(plan.time_ms), weights[p]});
    }
    return all;
}

struct Loss {
    double value, slope;
};
/// Quadratic near zero, linear beyond `delta`.
Loss pseudo_huber(double error, double delta) {
    const double scaled = error / delta;
    const double root = std::sqrt(1 + scaled * scaled);
    return {delta * delta * (root - 1), error / root};
}

/// What is fitted: of each kind of work the log of its price over the prior's, beyond that of the machine as a whole, which comes last.
constexpr std::size_t kSpeed = kWorkTerms;

std::array<double, kWorkTerms> prices(const NodeModel& prior, const std::vector<double>& theta) {
    std::array<double, kWorkTerms> ns{};
    for (std::size_t k = 0; k < kWorkTerms; ++k)
        ns[k] = std::clamp(std::clamp(prior.ns[k], kLeastNs, kMostNs) * std::exp(theta[k] + theta[kSpeed]), kLeastNs, kMostNs);
    return ns;
}

/// Sum of the losses at `theta`, and its gradient.
double evaluate(const Observations& all, const std::vector<double>& theta, const NodeModel& prior, const NodeFitOptions& options,
                std::vector<double>& gradient) {
    const auto ns = prices(prior, theta);
    gradient.assign(kWorkTerms + 1, 0);
    double value = 0;
    std::size_t op = 0, entry = 0;
    std::array<double, kWorkTerms> plan_parts{};
    for (std::size_t p = 0; p < all.plans.size(); ++p) {
        plan_parts.fill(0);
        double plan_ms = 0;
        for (; op < all.plan_ends[p]; ++op) {
            const std::size_t first = entry;
            double ms = 0;
            for (; entry < all.ends[op]; ++entry) {
                const double part = all.entries[entry].amount * ns[all.entries[entry].term];
                ms += part;
                plan_parts[all.entries[entry].term] += part;
            }
            plan_ms += ms;
            const auto& label = all.operators[op];
            if (label.weight == 0 || !(ms > 0)) continue;
            const auto loss = pseudo_huber(std::log(ms) - label.log_ms, options.huber_slope);
            value += label.weight * loss.value;
            const double per_ms = label.weight * loss.slope / ms;
            for (std::size_t e = first; e < entry; ++e)
                gradient[all.entries[e].term] += per_ms * all.entries[e].amount * ns[all.entries[e].term];
        }
        if (!(plan_ms > 0)) continue;
        const auto& label = all.plans[p];
        const auto loss = pseudo_huber(std::log(plan_ms) - label.log_ms, options.huber_slope);
        value += label.weight * loss.value;
        for (std::size_t k = 0; k < kWorkTerms; ++k) gradient[k] += label.weight * loss.slope / plan_ms * plan_parts[k];
    }
    for (std::size_t k = 0; k < kWorkTerms; ++k) gradient[kSpeed] += gradient[k];
    for (std::size_t k = 0; k <= kSpeed; ++k) {
        value += options.shrinkage * theta[k] * theta[k];
        gradient[k] += 2 * options.shrinkage * theta[k];
    }
    return value;
}

}  // namespace

NodeModel factory_node_model() {
    struct Price {
        Term term;
        double ns;
    };
    // Nanoseconds on an ordinary server of the 2020s with its data in memory: published and measured orders of magnitude, not a fit.
    constexpr Price kPrices[] = {
        {Term::statement, 2'000},
        {Term::node, 1'500},
        {Term::rows_passed, 25},
        {Term::sequential_pages, 600},
        {Term::pages_read_ahead, 12'000},
        {Term::sequential_tuples, 35},
        {Term::comparisons, 25},
        {Term::patterns, 120},
        {Term::list_items, 12},
        {Term::calls, 80},
        {Term::descents, 700},
        {Term::index_tuples, 60},
        {Term::index_pages, 500},
        {Term::heap_fetches, 220},
        {Term::heap_pages, 2'200},
        {Term::pages_read_random, 80'000},
        {Term::bitmap_entries, 60},
        {Term::bitmap_pages, 1'000},
        {Term::bitmap_tuples, 100},
        {Term::stored_rows, 60},
        {Term::rows_stored, 80},
        {Term::nested_loops, 150},
        {Term::pairs, 50},
        {Term::join_filters, 40},
        {Term::hash_builds, 150},
        {Term::hash_bytes, 0.5},
        {Term::hash_probes, 70},
        {Term::large_probes, 25},
        {Term::hash_matches, 80},
        {Term::merges, 80},
        {Term::merge_matches, 80},
        {Term::sorted_rows, 30},
        {Term::sorted_bytes, 1},
        {Term::temporary_bytes, 1.5},
        {Term::aggregated_rows, 60},
        {Term::transitions, 120},
        {Term::group_keys, 40},
        {Term::large_groups, 25},
        {Term::groups, 500},
        {Term::window_rows, 250},
        {Term::memoize_hits, 150},
        {Term::memoize_misses, 400},
        {Term::workers, 3'000'000},
        {Term::queued_rows, 250},
        {Term::queued_bytes, 1},
        {Term::merged_queues, 40},
        {Term::rows_modified, 4'000},
        {Term::index_entries_made, 1'200},
        {Term::foreign_rows, 400},
        {Term::contention, 50},
        {Term::dear_comparisons, 30},
        {Term::compiled_functions, 2'000'000},
    };
    static_assert(std::size(kPrices) == kWorkTerms);
    NodeModel model;
    for (const auto& price : kPrices) model.ns[static_cast<std::size_t>(price.term)] = price.ns;
    return model;
}

double operator_times(const NodeModel& model, std::span<const Work> work, std::span<double> ms) {
    double sum = 0;
    const std::size_t count = std::min(work.size(), ms.size());
    for (std::size_t i = 0; i < count; ++i) {
        // Two sums, that need not wait for each other.
        static_assert(kWorkTerms % 2 == 0);
        std::array<double, 2> ns{};
        for (std::size_t k = 0; k < kWorkTerms; k += 2)
            for (std::size_t lane = 0; lane < 2; ++lane) ns[lane] += work[i][k + lane] * model.ns[k + lane];
        ms[i] = (ns[0] + ns[1]) * 1e-6;
        sum += ms[i];
    }
    return sum;
}

base::Result<NodeModel> fit_node_model(std::span<const ExecutedPlan> plans, const NodeFitOptions& options) {
    const auto all = observe(plans, options.operator_weight);
    if (all.plans.empty())
        return base::unexpected(ErrorKind::invalid_input, "cannot fit the node model",
                                "Of " + std::to_string(plans.size()) + " plans none has a time above zero and a context.",
                                "Give plans of EXPLAIN (ANALYZE, FORMAT JSON), for instance from `orrery lab record`.");
    const NodeModel prior = options.prior != nullptr ? *options.prior : factory_node_model();
    std::vector<double> theta(kWorkTerms + 1, 0);
    minimize_lbfgs(
        theta, [&](const std::vector<double>& at, std::vector<double>& gradient) { return evaluate(all, at, prior, options, gradient); });
    NodeModel model;
    model.ns = prices(prior, theta);
    return model;
}

void encode(const NodeModel& model, base::ByteWriter& out) {
    out.u32(static_cast<std::uint32_t>(model.terms_version));
    out.reals(model.ns);
}

base::Result<NodeModel> decode_node_model(base::ByteReader& in) {
    NodeModel model;
    model.terms_version = static_cast<int>(in.u32());
    const auto ns = in.reals();
    if (in.failed()) return base::unexpected(ErrorKind::corrupt, "cannot read the node model", "Its bytes end too early.");
    if (model.terms_version != kWorkTermsVersion || ns.empty() || ns.size() > kWorkTerms)
        return base::unexpected(ErrorKind::unsupported, "cannot use the node model",
                                "It prices " + std::to_string(ns.size()) + " kinds of work of version " +
                                    std::to_string(model.terms_version) + "; this program knows " + std::to_string(kWorkTerms) +
                                    " of version " + std::to_string(kWorkTermsVersion) + ".",
                                "Train a new model with this program.");
    for (const double value : ns)
        if (!std::isfinite(value) || value < kLeastNs || value > kMostNs)
            return base::unexpected(ErrorKind::corrupt, "cannot read the node model", "A price is not a positive time.");
    model.ns = factory_node_model().ns;  // of kinds that the model did not know yet
    std::copy(ns.begin(), ns.end(), model.ns.begin());
    return model;
}

}  // namespace orrery::models
