#include "models/query_time/context_inference.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "models/query_time/operators.hpp"
#include "models/query_time/planner_costs.hpp"

namespace orrery::models {
namespace {

struct Sizes {
    double tuples = 0, pages = 0;
    double operators = 1e9;  ///< in the filter of the scan that told the pages: the fewer, the surer
    bool full = false;       ///< a full scan was seen; else `tuples` is the largest number that came from it
};

struct IndexUse {
    std::string table;
    double most_rows = 0;  ///< the planner's, per look-up: of the least filtered scan
    struct Scan {
        double executions, cost, rows;
        bool filtered;
        double index_operators, filter_operators;
    };
    std::vector<Scan> scans;
};

using Relations = std::map<std::string, Sizes>;
using Indexes = std::map<std::string, IndexUse>;

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Rows that all processes together looked at, for one execution.
double looked_at(const Operator& op) {
    return op.scanned * (op.partial ? op.processes : 1);
}

void learn_full_scan(const std::vector<Operator>& operators, const Operator& op, const domain::PlanContext& context, Sizes& sizes) {
    const auto& server = context.server;
    if (op.never_executed || op.fraction < 1 || op.loops > 1.5) return;
    const double tuples = looked_at(op);
    if (!sizes.full || tuples > sizes.tuples) sizes.tuples = tuples;
    sizes.full = true;
    ConditionWork filter;
    count_condition(op.node->filter, filter);
    const double own_work = filter.operators() + (op.first_child >= 0 ? 1e6 : 0);  // subplans' costs are in the scan's
    if (own_work >= sizes.operators) return;
    const double divisor = planner_divisor(operators, op, context);
    const double pages =
        op.node->total_cost.value - tuples * (server.cpu_tuple_cost + filter.operators() * server.cpu_operator_cost) / divisor;
    if (!(pages >= 0.5)) return;
    sizes.operators = own_work;
    sizes.pages = std::round(pages / server.seq_page_cost);
}

void learn_index_scan(const Operator& op, double executions, IndexUse& use) {
    if (op.partial || op.node->index_condition.find(" = ") == std::string::npos) return;
    IndexUse::Scan scan{executions, op.node->total_cost.value, op.node->rows, !op.node->filter.empty(), 0, 0};
    ConditionWork index, filter;
    count_condition(op.node->index_condition, index);
    count_condition(op.node->filter, filter);
    scan.index_operators = index.operators();
    scan.filter_operators = filter.operators();
    use.most_rows = std::max(use.most_rows, scan.rows);
    if (use.scans.size() < 400) use.scans.push_back(scan);
}

/// What the scans' costs say of the order of the table along the index, 0..1.
double correlation_of(const IndexUse& use, const domain::RelationFacts& table, const domain::IndexFacts& index,
                      const domain::ServerFacts& server) {
    std::vector<double> ordered_shares;
    for (const auto& scan : use.scans) {
        IndexScanCost cost{.index_tuples = index.tuples,
                           .index_pages = index.pages,
                           .height = static_cast<double>(index.height),
                           .table_tuples = table.tuples,
                           .table_pages = table.pages,
                           .correlation2 = 0,
                           .executions = scan.executions,
                           .cache = static_cast<double>(server.effective_cache_size.value) / server.block_size,
                           .index_operators = scan.index_operators,
                           .filter_operators = scan.filter_operators,
                           .unseen_share = 1,
                           .server = &server};
        cost.prepare();
        const double tuples = std::max(scan.filtered ? use.most_rows : scan.rows, 1.0);
        const double scattered = cost.of(tuples);
        cost.correlation2 = 1;
        const double ordered = cost.of(tuples);
        if (scattered - ordered > 0.02 * scattered && scattered - ordered > 0.05)
            ordered_shares.push_back(std::clamp((scattered - scan.cost) / (scattered - ordered), 0.0, 1.0));
    }
    constexpr double kUnknown = 0.5;
    return ordered_shares.empty() ? kUnknown : std::sqrt(median(std::move(ordered_shares)));
}

Relations learn_relations(std::span<const ExecutedPlan> plans) {
    const domain::PlanContext nothing;
    Relations relations;
    std::vector<Operator> operators;
    for (const auto& plan : plans) {
        flatten(plan.plan, nothing, RowsFrom::actuals, operators);
        for (const auto& op : operators) {
            if (op.node->relation.empty()) continue;
            auto& sizes = relations[op.node->relation];
            if (op.kind == OperatorKind::seq_scan) learn_full_scan(operators, op, nothing, sizes);
            if (!sizes.full) sizes.tuples = std::max(sizes.tuples, looked_at(op));
        }
    }
    return relations;
}

Indexes learn_indexes(std::span<const ExecutedPlan> plans, const domain::PlanContext& context) {
    Indexes indexes;
    std::vector<Operator> operators;
    for (const auto& plan : plans) {
        flatten(plan.plan, context, RowsFrom::actuals, operators);
        for (std::size_t i = 0; i < operators.size(); ++i) {
            const auto& op = operators[i];
            if (op.node->index.empty()) continue;
            auto& use = indexes[op.node->index];
            if (op.kind == OperatorKind::index_scan) learn_index_scan(op, planned_executions(operators, i, context), use);
            if (!op.node->relation.empty()) use.table = op.node->relation;
            // A Bitmap Index Scan does not name its table; the heap scan above does.
            for (int above = op.parent; use.table.empty() && above >= 0; above = operators[static_cast<std::size_t>(above)].parent)
                use.table = operators[static_cast<std::size_t>(above)].node->relation;
        }
    }
    return indexes;
}

}  // namespace

domain::PlanContext infer_context(std::span<const ExecutedPlan> plans) {
    domain::PlanContext context;
    for (const auto& [name, sizes] : learn_relations(plans)) {
        if (!(sizes.tuples >= 1)) continue;
        domain::RelationFacts facts;
        facts.name = name;
        facts.tuples = sizes.tuples;
        facts.pages = sizes.pages > 0 ? sizes.pages : std::ceil(sizes.tuples / 60);
        facts.all_visible_pages = facts.pages;
        context.relations.push_back(facts);
    }
    context.sort();
    for (const auto& [name, use] : learn_indexes(plans, context)) {
        const auto* table = context.find_relation(use.table);
        if (table == nullptr) continue;
        domain::IndexFacts facts;
        facts.name = name;
        facts.table = use.table;
        facts.tuples = table->tuples;
        facts.pages = std::ceil(table->tuples / 365) + 1;
        facts.height = static_cast<int>(std::clamp(std::ceil(std::log(facts.pages) / std::log(285.0)), 0.0, 9.0));
        facts.correlation = correlation_of(use, *table, facts, context.server);
        context.indexes.push_back(facts);
    }
    context.sort();
    return context;
}

}  // namespace orrery::models
