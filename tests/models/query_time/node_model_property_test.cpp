#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "models/query_time/node_model.hpp"
#include "models/query_time/operators.hpp"
#include "models/query_time/plan_builder.hpp"
#include "models/query_time/work_terms.hpp"

namespace orrery::models {
namespace {

using testing::as;
using testing::index_scan;
using testing::node;
using testing::parallel;
using testing::plan;
using testing::scan;

domain::PlanContext context() {
    domain::PlanContext made;
    made.relations = {{"public", "a", 20'000, 300, 100}, {"public", "b", 3'000'000, 60'000, 60'000}};
    made.indexes = {{"public", "b_key", "b", 3'000'000, 8'200, 2, 0.3, false}};
    made.sort();
    return made;
}

double rows() {
    return *rc::gen::map(rc::gen::inRange(0, 70), [](int exponent) { return std::floor(std::pow(10.0, exponent / 10.0)); });
}

domain::PlanNode some_scan() {
    const double count = rows();
    auto made = *rc::gen::element(1, 2, 3, 4) == 1
                    ? index_scan("b", "b_key", "(key = a.key)", {.total = 0.5 + count * 0.1, .rows = count})
                    : scan(*rc::gen::element<std::string>("Seq Scan", "Function Scan", "Index Only Scan", "New Scan"),
                           *rc::gen::element<std::string>("a", "b", "unknown"), {.total = 1 + count * 0.02, .rows = count});
    if (*rc::gen::arbitrary<bool>()) made.filter = "((x > 5) AND (name ~~ '%y%'::text) AND (kind = ANY ('{1,2,3}'::integer[])))";
    if (*rc::gen::arbitrary<bool>()) made.parallel_aware = true;
    return made;
}

domain::PlanNode some_node(int depth) {
    if (depth == 0) return some_scan();
    const double count = rows();
    const auto type = *rc::gen::element<std::string>("Nested Loop", "Hash Join", "Merge Join", "Sort", "Aggregate", "Limit", "Materialize",
                                                     "Gather", "Memoize", "Append", "WindowAgg", "ModifyTable", "Future Node");
    std::vector<domain::PlanNode> children;
    children.push_back(some_node(depth - 1));
    const bool two = type.find("Join") != std::string::npos || type == "Nested Loop" || type == "Append";
    if (two) children.push_back(type == "Hash Join" ? node("Hash", {.total = 9, .rows = rows()}, {some_scan()}) : some_node(depth - 1));
    if (*rc::gen::inRange(0, 5) == 0) children.push_back(as(some_scan(), "SubPlan", "SubPlan 1"));
    const double below = children[0].total_cost.value;
    auto made = node(type, {.total = below + count * 0.02, .rows = count, .width = 30}, std::move(children));
    if (type == "Aggregate") made.strategy = *rc::gen::element<std::string>("Plain", "Sorted", "Hashed");
    if (type == "Aggregate" && made.strategy != "Plain") made.group_key = {"k"};
    if (type == "Gather") made.workers_planned = *rc::gen::inRange(1, 8);
    return made;
}

double time_of(const std::vector<Operator>& operators, const domain::PlanContext& of) {
    std::vector<Work> work;
    count_work(operators, of, {}, {}, work);
    std::vector<double> ms(work.size());
    return operator_times(factory_node_model(), work, ms);
}

RC_GTEST_PROP(NodeModelProperty, EveryPlanTakesAFiniteTimeAboveZero, ()) {
    const auto of = context();
    const auto made = plan(some_node(*rc::gen::inRange(0, 5)));
    std::vector<Operator> operators;
    flatten(made, of, RowsFrom::estimates, operators);
    for (const auto& op : operators) {
        RC_ASSERT(std::isfinite(op.rows) && op.rows >= 0);
        RC_ASSERT(std::isfinite(op.loops) && op.loops >= 0);
        RC_ASSERT(std::isfinite(op.scanned) && op.scanned >= 0);
        RC_ASSERT(op.processes >= 1);
        RC_ASSERT(op.fraction > 0 && op.fraction <= 1);
    }
    std::vector<Work> work;
    count_work(operators, of, {}, {}, work);
    for (const auto& one : work)
        for (const double amount : one) RC_ASSERT(std::isfinite(amount) && amount >= 0);
    const double ms = time_of(operators, of);
    RC_ASSERT(std::isfinite(ms) && ms > 0);
}

RC_GTEST_PROP(NodeModelProperty, MoreRowsNeverTakeLessTime, ()) {
    const auto of = context();
    const auto made = plan(some_node(*rc::gen::inRange(0, 4)));
    std::vector<Operator> operators;
    flatten(made, of, RowsFrom::estimates, operators);
    const double before = time_of(operators, of);
    const double factor = 1 + *rc::gen::inRange(0, 30) * 0.5;
    for (auto& op : operators) {
        op.rows *= factor;
        op.scanned *= factor;
    }
    RC_ASSERT(time_of(operators, of) >= before * (1 - 1e-9));
}

RC_GTEST_PROP(NodeModelProperty, TwiceTheLoopsAreTwiceTheWork, ()) {
    const auto of = context();
    const auto made = plan(node("Nested Loop", {.total = 1e6, .rows = 50}, {some_scan(), some_scan()}));
    std::vector<Operator> operators;
    flatten(made, of, RowsFrom::estimates, operators);
    std::vector<Work> once, twice;
    count_work(operators, of, {}, {}, once);
    operators[2].loops *= 2;
    count_work(operators, of, {}, {}, twice);
    for (std::size_t term = 0; term < kWorkTerms; ++term) {
        if (term == static_cast<std::size_t>(Term::node)) continue;
        RC_ASSERT(std::abs(twice[2][term] - 2 * once[2][term]) <= 1e-9 * (1 + twice[2][term]));
    }
}

RC_GTEST_PROP(NodeModelProperty, WorseConditionsNeverTakeLessTime, ()) {
    const auto of = context();
    const auto made = plan(some_node(*rc::gen::inRange(0, 4)));
    std::vector<Operator> operators;
    flatten(made, of, RowsFrom::estimates, operators);
    const auto timed = [&](const domain::RunConditions& conditions) {
        std::vector<Work> work;
        count_work(operators, of, conditions, {}, work);
        std::vector<double> ms(work.size());
        return operator_times(factory_node_model(), work, ms);
    };
    const double cached = *rc::gen::inRange(0, 100) / 100.0, sessions = 1 + *rc::gen::inRange(0, 50);
    RC_ASSERT(timed({.concurrent_sessions = sessions, .cached_share = 1}) >= timed({}));
    RC_ASSERT(timed({.concurrent_sessions = 1, .cached_share = cached}) >= timed({}));
}

RC_GTEST_PROP(NodeModelProperty, BytesBringTheModelBack, ()) {
    NodeModel model = factory_node_model();
    for (auto& ns : model.ns) ns *= std::exp(*rc::gen::inRange(-50, 50) / 10.0);
    base::ByteWriter writer;
    encode(model, writer);
    base::ByteReader reader(writer.bytes());
    const auto back = decode_node_model(reader);
    RC_ASSERT(static_cast<bool>(back));
    RC_ASSERT(back->ns == model.ns);
}

}  // namespace
}  // namespace orrery::models
