#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "base/random.hpp"
#include "models/query_time/query_time_model.hpp"

namespace orrery::models {
namespace {

/// Inputs of the residual trees beside one per kind of work.
enum class Input : std::size_t {
    physics_ms,
    cost_total,
    cost_startup,
    rows,
    width,
    nodes,
    depth,
    joins,
    processes,
    largest_rows,
    largest_loops,
    correction_root,
    correction_largest,
    memory_over_work_mem,
    pages_over_shared_buffers,
    cached_share,
    concurrent_sessions,
    work_mem,
    shared_buffers,
    count,
};
constexpr auto kInputs = static_cast<std::size_t>(Input::count);
constexpr std::array<std::string_view, kInputs> kInputNames{"physics time",
                                                            "planner's cost",
                                                            "planner's startup cost",
                                                            "rows returned",
                                                            "width of the rows",
                                                            "plan nodes",
                                                            "depth of the plan",
                                                            "joins",
                                                            "processes",
                                                            "rows of the largest node",
                                                            "loops of the busiest node",
                                                            "correction of the rows returned",
                                                            "largest correction",
                                                            "memory needed over work_mem",
                                                            "pages over shared_buffers",
                                                            "share of blocks cached",
                                                            "sessions at the same time",
                                                            "work_mem",
                                                            "shared_buffers"};

std::vector<std::string> make_names() {
    std::vector<std::string> names(kInputNames.begin(), kInputNames.end());
    for (const auto term : work_term_names()) names.push_back("work: " + std::string(term));
    return names;
}

bool is_join(OperatorKind kind) {
    return kind == OperatorKind::nested_loop || kind == OperatorKind::hash_join || kind == OperatorKind::merge_join;
}

/// Nodes whose work the plan does not show.
bool is_foreign(OperatorKind kind) {
    return kind == OperatorKind::other || kind == OperatorKind::foreign_scan || kind == OperatorKind::function_scan;
}

/// Bytes that a node holds in memory at once; 0 for those that stream.
double memory_of(const Operator& op) {
    switch (op.kind) {
        case OperatorKind::hash:
        case OperatorKind::sort:
        case OperatorKind::materialize:
        case OperatorKind::hashed_aggregate: return op.rows * (op.node->width + 32);
        default: return 0;
    }
}

double self_cost(const domain::PlanNode& node) {
    double children = 0;
    for (const auto& child : node.children) children += child.total_cost.value;
    return std::max(0.0, node.total_cost.value - children);
}

double log_ratio(double a, double b) {
    return std::log(std::max(a, 1.0) / std::max(b, 1.0));
}

/// What a walk over the operators finds.
struct Walk {
    double joins = 0, processes = 1, largest_rows = 0, largest_loops = 0, largest_correction = 0, memory = 0, pages = 0, depth = 0;
    double foreign_cost = 0, cost = 0;
};

Walk walk(const std::vector<Operator>& operators, std::vector<int>& depths) {
    Walk w;
    depths.assign(operators.size(), 1);
    for (std::size_t i = 0; i < operators.size(); ++i) {
        const auto& op = operators[i];
        if (op.parent >= 0) depths[i] = depths[static_cast<std::size_t>(op.parent)] + 1;
        w.depth = std::max(w.depth, static_cast<double>(depths[i]));
        w.joins += is_join(op.kind) ? 1 : 0;
        w.processes = std::max(w.processes, op.processes);
        w.largest_rows = std::max(w.largest_rows, op.rows * op.loops);
        w.largest_loops = std::max(w.largest_loops, op.loops);
        const double correction = log_ratio(op.rows * op.loops, op.planned_rows * op.loops);
        if (std::abs(correction) > std::abs(w.largest_correction)) w.largest_correction = correction;
        w.memory = std::max(w.memory, memory_of(op));
        const double cost = self_cost(*op.node);
        w.cost += cost;
        if (is_foreign(op.kind)) w.foreign_cost += cost;
        if (op.relation != nullptr) w.pages += op.relation->pages;
    }
    return w;
}

/// What no float holds is as good as not known.
float as_input(double value) {
    const bool fits = std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
    return fits ? static_cast<float>(value) : std::numeric_limits<float>::quiet_NaN();
}

void fill_features(const domain::PlanQuestion& question, const domain::PlanContext& context, const Walk& w, PlanReading& out) {
    const auto& root = out.operators.front();
    const auto& server = context.server;
    out.features.resize(residual_feature_names().size());
    const auto set = [&](Input input, double value) { out.features[static_cast<std::size_t>(input)] = as_input(value); };
    set(Input::physics_ms, std::log(std::max(out.physics_ms, 1e-6)));
    set(Input::cost_total, std::log1p(std::max(0.0, root.node->total_cost.value)));
    set(Input::cost_startup, std::log1p(std::max(0.0, root.node->startup_cost.value)));
    set(Input::rows, std::log1p(root.rows));
    set(Input::width, root.node->width);
    set(Input::nodes, static_cast<double>(out.operators.size()));
    set(Input::depth, w.depth);
    set(Input::joins, w.joins);
    set(Input::processes, w.processes);
    set(Input::largest_rows, std::log1p(w.largest_rows));
    set(Input::largest_loops, std::log1p(w.largest_loops));
    set(Input::correction_root, log_ratio(root.rows, root.planned_rows));
    set(Input::correction_largest, w.largest_correction);
    set(Input::memory_over_work_mem, std::log1p(w.memory / std::max<double>(1, static_cast<double>(server.work_mem.value))));
    set(Input::pages_over_shared_buffers,
        std::log1p(w.pages * server.block_size / std::max<double>(1, static_cast<double>(server.shared_buffers.value))));
    set(Input::cached_share, question.conditions.cached_share);
    set(Input::concurrent_sessions, question.conditions.concurrent_sessions);
    set(Input::work_mem, std::log(std::max<double>(1, static_cast<double>(server.work_mem.value))));
    set(Input::shared_buffers, std::log(std::max<double>(1, static_cast<double>(server.shared_buffers.value))));
    for (std::size_t term = 0; term < kWorkTerms; ++term) {
        double amount = 0;
        for (const auto& work : out.work) amount += work[term];
        out.features[kInputs + term] = as_input(std::log1p(amount));
    }
}

}  // namespace

std::span<const std::string> residual_feature_names() {
    static const std::vector<std::string> names = make_names();
    return names;
}

std::uint64_t query_time_features_hash() {
    static const std::uint64_t hash = base::stable_hash_of(residual_feature_names(), base::stable_hash("query-time"));
    return hash;
}

std::uint64_t node_model_hash() {
    static const std::uint64_t hash = base::stable_hash_of(work_term_names(), base::stable_hash("node"));
    return hash;
}

base::Result<void> read_plan(const NodeModel& nodes, const RowFeedback& rows, const domain::PlanContext& context,
                             const domain::PlanQuestion& question, bool with_features, PlanReading& out) {
    if (question.plan == nullptr || !std::isfinite(question.plan->root.total_cost.value))
        return base::unexpected(base::ErrorKind::invalid_input, "the plan has no finite cost", {},
                                "Give a plan as EXPLAIN (FORMAT JSON) prints it.");
    thread_local std::vector<int> depths;
    flatten(*question.plan, context, RowsFrom::estimates, out.operators);
    use_units(question.units, out.operators);
    correct_rows(out.operators, context, rows, question.observed);
    count_work(out.operators, context, question.conditions, question.units, out.work);
    out.ms.resize(out.operators.size());
    out.physics_ms = operator_times(nodes, out.work, out.ms);
    if (!(out.physics_ms <= kLongestMs))
        return base::unexpected(base::ErrorKind::invalid_input, "the plan's row counts are beyond any time",
                                "its estimates multiply to more than a number can hold");
    const auto w = walk(out.operators, depths);
    out.foreign_share = w.cost > 0 ? w.foreign_cost / w.cost : 0;
    // Each join multiplies what is not known of its inputs; errors of estimates grow with their number.
    out.uncertainty = 1 + 0.1 * w.joins;
    if (!with_features) return {};
    out.shape = question.plan->shape_hash();
    fill_features(question, context, w, out);
    return {};
}

}  // namespace orrery::models
