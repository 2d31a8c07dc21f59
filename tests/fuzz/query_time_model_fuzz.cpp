#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "models/query_time/query_time_model.hpp"

namespace {

using namespace orrery;

domain::PlanNode node(const char* type, double rows, double cost) {
    domain::PlanNode made;
    made.type = type;
    made.rows = rows;
    made.width = 16;
    made.total_cost = base::PlannerCost(cost);
    return made;
}

/// A join of a filtered scan with look-ups in an index, sorted.
domain::Plan fixed_plan() {
    auto orders = node("Seq Scan", 5000, 1200);
    orders.relation = orders.alias = "orders";
    orders.filter = "(total > 10)";
    orders.parent_relationship = "Outer";
    auto customers = node("Index Scan", 1, 0.4);
    customers.relation = customers.alias = "customers";
    customers.index = "customers_pkey";
    customers.index_condition = "(id = orders.customer_id)";
    customers.parent_relationship = "Inner";
    auto join = node("Nested Loop", 5000, 3300);
    join.join_type = "Inner";
    join.parent_relationship = "Outer";
    join.children = {std::move(orders), std::move(customers)};
    domain::Plan plan;
    plan.root = node("Sort", 5000, 3700);
    plan.root.children = {std::move(join)};
    return plan;
}

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

void ask(const std::shared_ptr<const models::QueryTimeModel>& model, std::shared_ptr<const domain::PlanContext> context,
         domain::Fingerprint fingerprint) {
    static const auto plan = fixed_plan();
    const models::QueryTimePredictor predictor(model, std::move(context));
    const auto explained = predictor.explain({.plan = &plan, .fingerprint = fingerprint});
    if (!explained) return;
    const auto& answer = explained->prediction;
    require(std::isfinite(answer.ms) && answer.ms > 0, "the time is no time");
    require(std::isfinite(answer.high_ms) && answer.low_ms >= 0, "the interval is not finite");
    require(answer.low_ms <= answer.ms && answer.ms <= answer.high_ms, "the time is not in its interval");
}

}  // namespace

/// Any bytes as a stored model of query times: an error, or a model that answers in numbers whichever template is asked about, and is
/// written as bytes that read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    base::ByteReader in(std::string_view(reinterpret_cast<const char*>(data), size));
    auto decoded = models::decode_query_time_model(in);
    if (!decoded) return 0;
    const auto model = std::make_shared<const models::QueryTimeModel>(*std::move(decoded));
    ask(model, nullptr, {});
    for (std::size_t i = 0; i < model->templates.size() && i < 3; ++i) ask(model, nullptr, domain::Fingerprint{model->templates[i].key});
    auto context = std::make_shared<domain::PlanContext>();
    context->relations = {{"public", "customers", 1000, 15, 10}, {"public", "orders", 50'000, 700, 0}};
    context->indexes = {{"public", "customers_pkey", "customers", 1000, 5, 1, 0.9, true}};
    ask(model, std::move(context), {});

    base::ByteWriter once, twice;
    models::encode(*model, once);
    base::ByteReader again(once.bytes());
    const auto back = models::decode_query_time_model(again);
    require(back.has_value(), "a model is written as bytes that cannot be read");
    models::encode(*back, twice);
    require(once.bytes() == twice.bytes(), "a model does not come back as it was");
    return 0;
}
