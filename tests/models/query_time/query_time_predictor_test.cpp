#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "models/query_time/query_time_model.hpp"

namespace orrery::models {
namespace {

using domain::PredictionRoute;

domain::PlanNode seq_scan(std::string relation, double rows, double cost) {
    domain::PlanNode node;
    node.type = "Seq Scan";
    node.relation = node.alias = std::move(relation);
    node.filter = "(total > 10)";
    node.rows = rows;
    node.width = 16;
    node.total_cost = base::PlannerCost(cost);
    return node;
}

/// Hash join of two scans below an aggregate.
domain::Plan joined() {
    auto hash = seq_scan("customers", 1000, 25);
    hash.parent_relationship = "Outer";
    domain::PlanNode build;
    build.type = "Hash";
    build.parent_relationship = "Inner";
    build.rows = 1000;
    build.width = 16;
    build.startup_cost = build.total_cost = base::PlannerCost(25);
    build.children = {hash};
    domain::PlanNode join;
    join.type = "Hash Join";
    join.join_type = "Inner";
    join.hash_condition = "(o.customer_id = c.id)";
    join.rows = 50'000;
    join.width = 24;
    join.total_cost = base::PlannerCost(2000);
    auto outer = seq_scan("orders", 50'000, 1200);
    outer.parent_relationship = "Outer";
    join.children = {outer, build};
    join.parent_relationship = "Outer";
    domain::Plan plan;
    plan.root.type = "Aggregate";
    plan.root.strategy = "Plain";
    plan.root.rows = 1;
    plan.root.width = 8;
    plan.root.total_cost = base::PlannerCost(2100);
    plan.root.children = {join};
    return plan;
}

std::shared_ptr<const domain::PlanContext> context() {
    auto facts = std::make_shared<domain::PlanContext>();
    facts->relations = {{"public", "customers", 1000, 15, 0}, {"public", "orders", 50'000, 700, 0}};
    return facts;
}

/// One split on the first input (the physics' own time): 0.5 below the threshold, `above` beyond.
Forest one_split(float threshold, float above) {
    Forest forest;
    forest.features = static_cast<std::uint32_t>(residual_feature_names().size());
    const BranchNode nodes[] = {{.left = 1, .right = 2, .feature = 0, .threshold = threshold, .cover = 10},
                                {.value = 0.5F, .cover = 5},
                                {.value = above, .cover = 5}};
    EXPECT_TRUE(add_tree(forest, nodes));
    return forest;
}

QueryTimeModel untrained() {
    QueryTimeModel model;
    model.nodes = factory_node_model();
    return model;
}

TemplateTimes times_of(std::string_view name, double executions, bool steady) {
    return {.key = template_key(name).value,
            .executions = executions,
            .log_median = std::log(40.0),
            .log_low = std::log(30.0),
            .log_high = std::log(60.0),
            .trees_spread = 0.2,
            .steady = steady,
            .shapes = {joined().shape_hash()}};
}

domain::TimeExplanation explained(QueryTimeModel model, const domain::Plan& plan, std::string_view name) {
    const QueryTimePredictor predictor(std::make_shared<QueryTimeModel>(std::move(model)), context());
    auto answer = predictor.explain({.plan = &plan, .fingerprint = template_key(name)});
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().to_text());
    return answer ? *answer : domain::TimeExplanation{};
}

double sum(const std::vector<domain::TimeShare>& shares) {
    return std::accumulate(shares.begin(), shares.end(), 0.0, [](double total, const auto& share) { return total + share.ms; });
}

TEST(QueryTimePredictor, AnUnknownTemplateIsPricedByPhysicsAlone) {
    const auto plan = joined();
    auto model = untrained();
    model.residual = one_split(0, 3);
    model.templates = {times_of("another", 100, true)};
    const auto answer = explained(model, plan, "unknown");
    EXPECT_EQ(answer.prediction.route, PredictionRoute::physics);
    PlanReading reading;
    ASSERT_TRUE(read_plan(model.nodes, model.rows, *context(), {.plan = &plan}, false, reading));
    EXPECT_DOUBLE_EQ(answer.prediction.ms, reading.physics_ms);
    EXPECT_GT(answer.prediction.ms, 0.5);
    EXPECT_LT(answer.prediction.ms, 500);
    EXPECT_LT(answer.prediction.low_ms, answer.prediction.ms);
    EXPECT_GT(answer.prediction.high_ms, answer.prediction.ms);
}

TEST(QueryTimePredictor, ThePlannersCountsSayHowManyRowsWereLookedAt) {
    domain::Plan plan;
    plan.root.type = "Index Scan";
    plan.root.relation = plan.root.alias = "orders";
    plan.root.index_condition = "(customer = 5)";
    plan.root.filter = "(day > 5)";
    plan.root.total_cost = base::PlannerCost(10);
    plan.root.rows = 1;
    const auto model = untrained();
    const std::vector<domain::CostUnits> units{{.random_pages = 300, .tuples = 300, .index_tuples = 300, .operators = 700}};
    PlanReading guessed, counted;
    ASSERT_TRUE(read_plan(model.nodes, model.rows, *context(), {.plan = &plan}, false, guessed));
    ASSERT_TRUE(read_plan(model.nodes, model.rows, *context(), {.plan = &plan, .units = units}, false, counted));
    EXPECT_EQ(counted.operators[0].scanned, 300);
    EXPECT_GT(counted.physics_ms, 5 * guessed.physics_ms);
}

TEST(QueryTimePredictor, TreesCorrectTemplatesThatTheyLearntFrom) {
    const auto plan = joined();
    auto model = untrained();
    const double physics = explained(model, plan, "q").prediction.ms;
    model.residual = one_split(static_cast<float>(std::log(physics)) - 1, 0.25F);
    model.templates = {times_of("q", 10, true)};  // too few for its own times
    const auto answer = explained(model, plan, "q");
    EXPECT_EQ(answer.prediction.route, PredictionRoute::residual);
    EXPECT_NEAR(answer.prediction.ms, physics * std::exp(0.25), physics * 1e-6);
    EXPECT_NEAR(answer.prediction.high_ms / answer.prediction.ms, std::exp(0.2), 1e-9);
    model.templates.front().executions = 2;
    EXPECT_EQ(explained(model, plan, "q").prediction.route, PredictionRoute::physics);
}

TEST(QueryTimePredictor, TreesForNewTemplatesCountByTheirWeight) {
    const auto plan = joined();
    auto model = untrained();
    const double physics = explained(model, plan, "new").prediction.ms;
    model.newcomers = {one_split(static_cast<float>(std::log(physics)) - 1, 0.8F), 0.5};
    const auto answer = explained(model, plan, "new");
    EXPECT_EQ(answer.prediction.route, PredictionRoute::residual);
    EXPECT_NEAR(answer.prediction.ms, physics * std::exp(0.4), physics * 1e-6);
    EXPECT_NEAR(answer.base_ms + sum(answer.features), answer.prediction.ms, 1e-6);
    EXPECT_NEAR(answer.base_ms + sum(answer.operators), answer.prediction.ms, 1e-6);
    model.newcomers.weight = 0;
    EXPECT_EQ(explained(model, plan, "new").prediction.route, PredictionRoute::physics);
}

TEST(QueryTimePredictor, ASteadyTemplateSpeaksForItself) {
    auto plan = joined();
    auto model = untrained();
    model.templates = {times_of("q", 50, true)};
    const auto answer = explained(model, plan, "q").prediction;
    EXPECT_EQ(answer.route, PredictionRoute::recent_times);
    EXPECT_NEAR(answer.ms, 40, 1e-9);
    EXPECT_NEAR(answer.low_ms, 30, 1e-9);
    EXPECT_NEAR(answer.high_ms, 60, 1e-9);
    // With another plan its past says nothing.
    plan.root.children.front().type = "Merge Join";
    EXPECT_EQ(explained(model, plan, "q").prediction.route, PredictionRoute::physics);
}

TEST(QueryTimePredictor, WorkThatThePlanDoesNotShowIsPricedByItsCost) {
    domain::Plan plan;
    plan.root.type = "Foreign Scan";
    plan.root.relation = "elsewhere";
    plan.root.rows = 10;
    plan.root.total_cost = base::PlannerCost(1000);
    auto model = untrained();
    model.cost = {.intercept = std::log(0.02), .slope = 1};
    const auto answer = explained(model, plan, "q").prediction;
    EXPECT_EQ(answer.route, PredictionRoute::calibrated_cost);
    EXPECT_NEAR(answer.ms, 20, 1e-6);
}

TEST(QueryTimePredictor, FarBeyondWhatWasLearntTheCostAnswersWithAnIntervalThatHoldsThePhysics) {
    const auto plan = joined();
    auto model = untrained();
    const double physics = explained(model, plan, "q").prediction.ms;
    model.cost = {.intercept = std::log(0.001), .slope = 1};
    model.largest_ms = physics / 50;
    EXPECT_EQ(explained(model, plan, "q").prediction.route, PredictionRoute::physics);
    model.largest_ms = physics / 200;
    const auto answer = explained(model, plan, "q").prediction;
    EXPECT_EQ(answer.route, PredictionRoute::calibrated_cost);
    EXPECT_NEAR(answer.ms, 2.1, 1e-6);
    EXPECT_LE(answer.low_ms, physics * (1 + 1e-9));
    EXPECT_GE(answer.high_ms, physics * (1 - 1e-9));
}

TEST(QueryTimePredictor, SharesSumToThePredictionOnEveryRoute) {
    const auto plan = joined();
    auto model = untrained();
    const double physics = explained(model, plan, "q").prediction.ms;
    for (const auto& [executions, steady, trees] : {std::tuple{0.0, false, false}, {10.0, false, true}, {50.0, true, true}}) {
        model.residual = trees ? one_split(static_cast<float>(std::log(physics)) + 1, -2) : Forest{};
        model.templates = executions > 0 ? std::vector{times_of("q", executions, steady)} : std::vector<TemplateTimes>{};
        const auto answer = explained(model, plan, "q");
        EXPECT_NEAR(answer.base_ms + sum(answer.features), answer.prediction.ms, 1e-6) << domain::to_string(answer.prediction.route);
        EXPECT_NEAR(answer.base_ms + sum(answer.operators), answer.prediction.ms, 1e-6) << domain::to_string(answer.prediction.route);
        ASSERT_EQ(answer.operators.size(), 5U);
        EXPECT_EQ(answer.operators[2].name, "Seq Scan on orders");
    }
}

TEST(QueryTimePredictor, RowsThatWereSeenReplaceEstimates) {
    const auto plan = joined();
    const auto model = untrained();
    const QueryTimePredictor predictor(std::make_shared<QueryTimeModel>(model), context());
    domain::ObservedRows observed;
    observed.sets = {{{"orders"}, 5'000'000, 50'000}};
    const auto planned = predictor.predict({.plan = &plan});
    const auto corrected = predictor.predict({.plan = &plan, .observed = &observed});
    ASSERT_TRUE(planned && corrected);
    EXPECT_GT(corrected->ms, 3 * planned->ms);
}

TEST(QueryTimePredictor, APlanWithoutACostIsRefused) {
    auto plan = joined();
    plan.root.total_cost = base::PlannerCost(std::numeric_limits<double>::quiet_NaN());
    const QueryTimePredictor predictor(std::make_shared<QueryTimeModel>(untrained()), context());
    const auto answer = predictor.predict({.plan = &plan});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, base::ErrorKind::invalid_input);
    EXPECT_FALSE(predictor.predict(domain::PlanQuestion{}));
}

TEST(QueryTimeModel, ComesBackFromItsBytes) {
    auto model = untrained();
    model.residual = one_split(1, 2);
    model.templates = {times_of("q", 50, true)};
    model.cost = {.intercept = -1, .slope = 0.5};
    model.largest_ms = 1234;
    base::ByteWriter out;
    encode(model, out);
    base::ByteReader in(out.bytes());
    const auto back = decode_query_time_model(in);
    ASSERT_TRUE(back) << back.error().to_text();
    ASSERT_TRUE(in.finish("model"));
    base::ByteWriter again;
    encode(*back, again);
    EXPECT_EQ(again.bytes(), out.bytes());
    const auto plan = joined();
    EXPECT_EQ(explained(*back, plan, "q").prediction.ms, explained(model, plan, "q").prediction.ms);
}

TEST(QueryTimeModel, EveryTruncationIsAnError) {
    auto model = untrained();
    model.residual = one_split(1, 2);
    model.templates = {times_of("q", 50, true)};
    base::ByteWriter out;
    encode(model, out);
    for (std::size_t length = 0; length < out.bytes().size(); length += 7) {
        base::ByteReader in(std::string_view(out.bytes()).substr(0, length));
        EXPECT_FALSE(decode_query_time_model(in)) << length;
    }
}

TEST(QueryTimeModel, TemplatesOutOfOrderAreRefused) {
    auto model = untrained();
    model.templates = {times_of("b", 50, true), times_of("a", 50, true)};
    if (model.templates[0].key < model.templates[1].key) std::swap(model.templates[0], model.templates[1]);
    base::ByteWriter out;
    encode(model, out);
    base::ByteReader in(out.bytes());
    EXPECT_FALSE(decode_query_time_model(in));
}

TEST(QueryTimeModel, NumbersThatNoTrainingGivesAreRefused) {
    const auto refused = [](auto change) {
        auto model = untrained();
        model.templates = {times_of("q", 50, true)};
        change(model);
        base::ByteWriter out;
        encode(model, out);
        base::ByteReader in(out.bytes());
        return !decode_query_time_model(in);
    };
    EXPECT_FALSE(refused([](auto&) {}));
    EXPECT_TRUE(refused([](auto& m) { m.templates[0].log_median = 5000; }));
    EXPECT_TRUE(refused([](auto& m) { m.templates[0].log_low = m.templates[0].log_median + 1; }));
    EXPECT_TRUE(refused([](auto& m) { m.templates[0].log_high = m.templates[0].log_median - 1; }));
    EXPECT_TRUE(refused([](auto& m) { m.templates[0].trees_spread = -0.1; }));
    EXPECT_TRUE(refused([](auto& m) { m.templates[0].executions = -1; }));
    EXPECT_TRUE(refused([](auto& m) { m.templates.push_back(m.templates[0]); })) << "the same key twice";
    EXPECT_TRUE(refused([](auto& m) { m.unseen.physics = -1; }));
    EXPECT_TRUE(refused([](auto& m) { m.unseen.cost = -1; }));
    EXPECT_TRUE(refused([](auto& m) { m.inferred = {{.database = "d", .relations = {{"s", "r", -5, 1, 0}}}}; }));
}

TEST(QueryTimePredictor, TimesStayNumbersWhateverTheTreesSay) {
    const auto plan = joined();
    auto model = untrained();
    for (const float leaf : {3e38F, -3e38F, 800.0F}) {
        model.residual = one_split(-100, leaf);
        model.templates = {times_of("q", 10, false)};
        const auto answer = explained(model, plan, "q");
        EXPECT_EQ(answer.prediction.route, PredictionRoute::residual);
        EXPECT_TRUE(std::isfinite(answer.prediction.ms) && std::isfinite(answer.prediction.high_ms)) << leaf;
        EXPECT_GT(answer.prediction.ms, 0) << leaf;
        EXPECT_LE(answer.prediction.low_ms, answer.prediction.ms) << leaf;
        EXPECT_NEAR(sum(answer.features) / answer.prediction.ms, 1, 1e-5) << leaf;
    }
    model.residual = {};
    model.unseen = {900, 900};
    const auto wide = explained(model, plan, "z").prediction;
    EXPECT_TRUE(std::isfinite(wide.high_ms));
}

TEST(QueryTimePredictor, APlanOfOneNodeThatTakesNothingIsToldWhole) {
    domain::Plan plan;
    plan.root.type = "Result";
    plan.root.rows = 1;
    auto model = untrained();
    model.nodes.ns.fill(1e-6);
    const auto answer = explained(model, plan, "q");
    EXPECT_DOUBLE_EQ(sum(answer.features), answer.prediction.ms);
    EXPECT_DOUBLE_EQ(sum(answer.operators), answer.prediction.ms);
}

TEST(TemplateKey, IsTheFingerprintOrAHashOfTheName) {
    EXPECT_EQ(template_key("00000000000000ff").value, 255U);
    EXPECT_NE(template_key("tpch_q01").value, 0U);
    EXPECT_NE(template_key("tpch_q01"), template_key("tpch_q02"));
}

}  // namespace
}  // namespace orrery::models
