#include "models/query_time/node_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/plan_builder.hpp"
#include "models/query_time/work_terms.hpp"

namespace orrery::models {
namespace {

using testing::node;
using testing::plan;
using testing::scan;

std::shared_ptr<const domain::PlanContext> context() {
    auto made = std::make_shared<domain::PlanContext>();
    made->relations = {{"public", "items", 1'000'000, 12'500, 0}};
    return made;
}

/// A scan and a sum whose time is a machine's: ns per tuple, page and aggregated row.
ExecutedPlan executed(double rows, double ns_per_tuple, const std::string& group, const std::shared_ptr<const domain::PlanContext>& of) {
    const double scan_ms = rows * ns_per_tuple * 1e-6;
    auto sum = node("Aggregate", {.total = rows * 0.02, .rows = 1, .actual_rows = 1, .loops = 1, .ms = 1.5 * scan_ms},
                    {scan("Seq Scan", "items", {.total = rows * 0.015, .rows = rows, .actual_rows = rows, .loops = 1, .ms = scan_ms})});
    sum.strategy = "Plain";
    ExecutedPlan made;
    made.plan = plan(std::move(sum));
    made.group = group;
    made.time_ms = 1.5 * scan_ms;
    made.context = of;
    return made;
}

double predicted(const NodeModel& model, const ExecutedPlan& of) {
    std::vector<Operator> operators;
    std::vector<Work> work;
    flatten(of.plan, *of.context, RowsFrom::actuals, operators);
    count_work(operators, *of.context, of.conditions, {}, work);
    std::vector<double> ms(work.size());
    return operator_times(model, work, ms);
}

TEST(NodeModel, TermsHaveNamesAndPrices) {
    const auto names = work_term_names();
    ASSERT_EQ(names.size(), kWorkTerms);
    EXPECT_EQ(std::set<std::string_view>(names.begin(), names.end()).size(), kWorkTerms);
    for (const double ns : factory_node_model().ns) EXPECT_GT(ns, 0);
}

TEST(NodeModel, FitFindsAMachineThatIsTenTimesSlower) {
    const auto shared = context();
    std::vector<ExecutedPlan> plans;
    for (const double rows : {1e4, 1e5, 3e5, 1e6})
        for (const char* group : {"a", "b", "c"}) plans.push_back(executed(rows, 600, group, shared));
    const auto fitted = fit_node_model(plans);
    ASSERT_TRUE(fitted) << fitted.error().to_text();
    for (const auto& one : plans) EXPECT_NEAR(std::log(predicted(*fitted, one) / one.time_ms), 0, 0.2);
    // What was not seen moves with the machine, a part of the way.
    const auto unseen = static_cast<std::size_t>(Term::heap_fetches), other = static_cast<std::size_t>(Term::merges);
    const auto factory = factory_node_model();
    const double slower = fitted->ns[unseen] / factory.ns[unseen];
    EXPECT_GT(slower, 1.5);
    EXPECT_LT(slower, 10);
    EXPECT_NEAR(fitted->ns[other] / factory.ns[other], slower, 1e-9);
    const auto again = fit_node_model(plans);
    EXPECT_EQ(again->ns, fitted->ns);
}

TEST(NodeModel, EachTemplateWeighsTheSame) {
    const auto shared = context();
    std::vector<ExecutedPlan> plans{executed(1e6, 100, "rare", shared)};
    for (int i = 0; i < 50; ++i) plans.push_back(executed(1e6, 400, "often", shared));
    const auto fitted = fit_node_model(plans, {.shrinkage = 1e-4});
    ASSERT_TRUE(fitted);
    EXPECT_NEAR(predicted(*fitted, plans[0]), std::sqrt(1.5 * 100 * 1.5 * 400), 20);
}

TEST(NodeModel, UnusableTimesAreLeftOut) {
    const auto shared = context();
    std::vector<ExecutedPlan> plans;
    for (const double ms : {0.0, -3.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e300}) {
        plans.push_back(executed(1e5, 100, "a", shared));
        plans.back().time_ms = ms;
    }
    const auto none = fit_node_model(plans);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, base::ErrorKind::invalid_input);
    EXPECT_FALSE(fit_node_model({}));
    plans.push_back(executed(1e5, 100, "a", shared));
    const auto one = fit_node_model(plans);
    ASSERT_TRUE(one);
    const auto alone = fit_node_model(std::span(plans).last(1));
    EXPECT_EQ(one->ns, alone->ns);
    for (const double ns : one->ns) EXPECT_TRUE(std::isfinite(ns) && ns > 0);
}

TEST(NodeModel, SurvivesItsBytesAndRefusesOthers) {
    base::ByteWriter writer;
    encode(factory_node_model(), writer);
    base::ByteReader reader(writer.bytes());
    const auto back = decode_node_model(reader);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->ns, factory_node_model().ns);
    EXPECT_TRUE(reader.finish("model"));
    for (std::size_t length = 0; length < writer.bytes().size(); length += 7) {
        base::ByteReader cut(std::string_view(writer.bytes()).substr(0, length));
        EXPECT_FALSE(decode_node_model(cut));
    }
    // A list from before some kinds of work were told apart: those cost what they cost in the factory's model.
    base::ByteWriter older;
    older.u32(kWorkTermsVersion);
    older.reals(std::vector<double>(40, 7.0));
    base::ByteReader of_older(older.bytes());
    const auto completed = decode_node_model(of_older);
    ASSERT_TRUE(completed);
    EXPECT_EQ(completed->ns[39], 7);
    EXPECT_EQ(completed->ns[40], factory_node_model().ns[40]);
    auto other = factory_node_model();
    other.terms_version = kWorkTermsVersion + 1;
    base::ByteWriter newer;
    encode(other, newer);
    base::ByteReader of_newer(newer.bytes());
    EXPECT_EQ(decode_node_model(of_newer).error().kind, base::ErrorKind::unsupported);
    other = factory_node_model();
    other.ns[3] = std::numeric_limits<double>::quiet_NaN();
    base::ByteWriter broken;
    encode(other, broken);
    base::ByteReader of_broken(broken.bytes());
    EXPECT_EQ(decode_node_model(of_broken).error().kind, base::ErrorKind::corrupt);
}

}  // namespace
}  // namespace orrery::models
