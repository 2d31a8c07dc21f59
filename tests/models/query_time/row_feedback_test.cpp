#include "models/query_time/row_feedback.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "models/query_time/plan_builder.hpp"

namespace orrery::models {
namespace {

using testing::as;
using testing::index_scan;
using testing::node;
using testing::Numbers;
using testing::parallel;
using testing::plan;
using testing::scan;

domain::PlanContext shop() {
    domain::PlanContext context;
    context.relations = {
        {"public", "customers", 1'000, 10, 0}, {"public", "orders", 100'000, 1'000, 0}, {"public", "items", 1'000'000, 12'500, 0}};
    context.sort();
    return context;
}

domain::PlanNode filtered(domain::PlanNode scan, std::string filter) {
    scan.filter = std::move(filter);
    return scan;
}

domain::PlanNode hash_join(const Numbers& numbers, std::string condition, domain::PlanNode outer, domain::PlanNode inner) {
    Numbers built{.rows = inner.rows};
    if (inner.actual_rows) {
        built.actual_rows = *inner.actual_rows;
        built.loops = *inner.actual_loops;
    }
    auto hash = as(node("Hash", built, {as(std::move(inner), "Outer")}), "Inner");
    auto made = node("Hash Join", numbers, {as(std::move(outer), "Outer"), std::move(hash)});
    made.join_type = "Inner";
    made.hash_condition = std::move(condition);
    return made;
}

domain::PlanNode nested_loop(const Numbers& numbers, domain::PlanNode outer, domain::PlanNode inner, std::string type = "Inner") {
    auto made = node("Nested Loop", numbers, {as(std::move(outer), "Outer"), as(std::move(inner), "Inner")});
    made.join_type = std::move(type);
    return made;
}

std::vector<Operator> corrected(const domain::Plan& of, const RowFeedback& feedback, const domain::ObservedRows* observed = nullptr,
                                const domain::PlanContext& context = shop()) {
    std::vector<Operator> out;
    flatten(of, context, RowsFrom::estimates, out);
    correct_rows(out, context, feedback, observed);
    return out;
}

ExecutedPlan executed(domain::Plan plan, std::string group) {
    ExecutedPlan made;
    made.plan = std::move(plan);
    made.group = std::move(group);
    made.database = "shop";
    made.context = std::make_shared<domain::PlanContext>(shop());
    return made;
}

const domain::ObservedRows::Set* find(const domain::ObservedRows& observed, std::vector<std::string> aliases) {
    for (const auto& set : observed.sets)
        if (set.aliases == aliases) return &set;
    return nullptr;
}

/// orders joined with customers; the estimate says 10,000, the truth is 400.
domain::Plan joined_by_hash() {
    return plan(hash_join({.rows = 10'000, .actual_rows = 400, .loops = 1}, "(orders.customer = customers.id)",
                          filtered(scan("Seq Scan", "orders", {.rows = 20'000, .actual_rows = 5'000, .loops = 1}), "(day > 5)"),
                          filtered(scan("Seq Scan", "customers", {.rows = 500, .actual_rows = 80, .loops = 1}), "(kind = 'a'::text)")));
}

TEST(ObserveRows, SetsOfRelations) {
    const auto observed = observe_rows(joined_by_hash());
    const auto* join = find(observed, {"customers", "orders"});
    ASSERT_NE(join, nullptr);
    EXPECT_EQ(join->rows, 400);
    EXPECT_EQ(join->estimated_rows, 10'000);
    ASSERT_NE(find(observed, {"orders"}), nullptr);
    EXPECT_EQ(find(observed, {"orders"})->rows, 5'000);
    EXPECT_EQ(find(observed, {"customers"})->rows, 80);
    EXPECT_EQ(observed.sets.size(), 3U);
}

TEST(ObserveRows, ProcessesAreSummed) {
    auto part = parallel(scan("Seq Scan", "items", {.total = 20'000, .rows = 100, .actual_rows = 90, .loops = 3}));
    auto gather = node("Gather", {.rows = 240, .actual_rows = 271, .loops = 1}, {as(part, "Outer")});
    gather.workers_planned = 2;
    gather.workers_launched = 2;
    const auto observed = observe_rows(plan(gather));
    ASSERT_EQ(observed.sets.size(), 1U);
    EXPECT_EQ(observed.sets[0].rows, 271);  // exact above, rounded below

    auto counting = node("Gather", {.rows = 2, .actual_rows = 3, .loops = 1},
                         {as(node("Aggregate", {.rows = 1, .actual_rows = 1, .loops = 3}, {as(part, "Outer")}), "Outer")});
    counting.workers_planned = 2;
    counting.workers_launched = 2;
    counting.children[0].partial_mode = "Partial";
    counting.children[0].strategy = "Plain";
    const auto below = observe_rows(plan(counting));
    ASSERT_NE(find(below, {"items"}), nullptr);
    EXPECT_EQ(find(below, {"items"})->rows, 270);
    EXPECT_NEAR(find(below, {"items"})->estimated_rows, 240, 1e-9);
}

TEST(ObserveRows, WhatStoppedEarlyIsLeftOut) {
    const auto inner = filtered(scan("Seq Scan", "items", {.rows = 1'000, .actual_rows = 3, .loops = 50}), "(price > 1)");
    // Semi: the inner side is only asked for a first row.
    const auto semi =
        observe_rows(plan(nested_loop({.rows = 40, .actual_rows = 30, .loops = 1},
                                      scan("Seq Scan", "orders", {.rows = 50, .actual_rows = 50, .loops = 1}), inner, "Semi")));
    EXPECT_EQ(find(semi, {"items"}), nullptr);
    EXPECT_NE(find(semi, {"orders"}), nullptr);
    EXPECT_NE(find(semi, {"items", "orders"}), nullptr);
    // LIMIT: nothing below it, but below a Sort all was read.
    const auto limited = [&](domain::PlanNode child) {
        return node("Limit", {.rows = 10, .actual_rows = 10, .loops = 1}, {as(child, "Outer")});
    };
    EXPECT_EQ(find(observe_rows(plan(limited(scan("Seq Scan", "orders", {.rows = 50, .actual_rows = 10, .loops = 1})))), {"orders"}),
              nullptr);
    const auto sorted = node("Sort", {.rows = 50, .actual_rows = 10, .loops = 1},
                             {as(scan("Seq Scan", "orders", {.rows = 50, .actual_rows = 48, .loops = 1}), "Outer")});
    const auto below_sort = observe_rows(plan(limited(sorted)));
    ASSERT_NE(find(below_sort, {"orders"}), nullptr);
    EXPECT_EQ(find(below_sort, {"orders"})->rows, 48);
    // Merge joins stop when one side ends; an empty hash table ends a hash join.
    auto merge = node("Merge Join", {.rows = 5, .actual_rows = 5, .loops = 1},
                      {as(scan("Index Scan", "orders", {.rows = 50, .actual_rows = 7, .loops = 1}), "Outer"), as(sorted, "Inner")});
    merge.join_type = "Inner";
    merge.children[1].children[0].relation = merge.children[1].children[0].alias = "items";
    EXPECT_EQ(find(observe_rows(plan(merge)), {"orders"}), nullptr);
    EXPECT_NE(find(observe_rows(plan(merge)), {"items"}), nullptr);
    auto empty = joined_by_hash();
    for (auto* n : {&empty.root.children[1], &empty.root.children[1].children[0]}) n->actual_rows = 0;
    empty.root.actual_rows = 0;
    empty.root.children[0].actual_rows = 1;
    EXPECT_EQ(find(observe_rows(empty), {"orders"}), nullptr);
    // Never executed.
    auto never = joined_by_hash();
    for (auto* n : {&never.root.children[1], &never.root.children[1].children[0]}) n->actual_loops = 0;
    EXPECT_EQ(find(observe_rows(never), {"customers"}), nullptr);
}

TEST(ObserveRows, PartsCountForTheirTable) {
    auto first = scan("Seq Scan", "sales_2024", {.rows = 10, .actual_rows = 100, .loops = 1});
    auto second = scan("Seq Scan", "sales_2025", {.rows = 20, .actual_rows = 300, .loops = 1});
    first.alias = "sales_1";
    second.alias = "sales_2";
    const auto observed =
        observe_rows(plan(node("Append", {.rows = 30, .actual_rows = 400, .loops = 1}, {as(first, "Member"), as(second, "Member")})));
    ASSERT_EQ(observed.sets.size(), 1U);
    EXPECT_EQ(observed.sets[0].aliases, std::vector<std::string>{"sales"});
    EXPECT_EQ(observed.sets[0].rows, 400);
}

TEST(ObserveRows, PlansWithoutExecutionTeachNothing) {
    EXPECT_TRUE(observe_rows(plan(scan("Seq Scan", "orders", {.rows = 50}))).sets.empty());
    EXPECT_TRUE(observe_rows(domain::Plan{}).sets.empty());
}

TEST(CorrectRows, UnknownStaysAsPlanned) {
    const auto ops = corrected(joined_by_hash(), {});
    EXPECT_EQ(ops[0].rows, 10'000);
    EXPECT_EQ(ops[1].rows, 20'000);
    EXPECT_EQ(ops[3].rows, 500);
}

TEST(CorrectRows, KnownSetsHoldInAPlanOfAnotherKind) {
    const auto observed = observe_rows(joined_by_hash());
    // The twin plans a nested loop over an index that does not exist.
    const auto hypothetical =
        plan(nested_loop({.rows = 10'000}, filtered(scan("Seq Scan", "customers", {.rows = 500}), "(kind = 'b'::text)"),
                         index_scan("orders", "new_index", "(customer = customers.id)", {.rows = 20})));
    const auto ops = corrected(hypothetical, {}, &observed);
    EXPECT_NEAR(ops[0].rows, 400, 1e-6);
    EXPECT_NEAR(ops[1].rows, 80, 1e-6);
    EXPECT_NEAR(ops[2].loops, 80, 1e-6);
    EXPECT_NEAR(ops[2].rows, 5, 1e-6);  // 400 rows in 80 look-ups
}

TEST(CorrectRows, UnknownSetsAreCoveredByTheLargestKnownOnes) {
    const auto observed = observe_rows(joined_by_hash());  // {customers, orders} is 25 times too high
    const auto wider = plan(hash_join(
        {.rows = 50'000}, "(items.order_id = orders.id)", scan("Seq Scan", "items", {.rows = 1'000'000}),
        hash_join({.rows = 10'000}, "(orders.customer = customers.id)", filtered(scan("Seq Scan", "orders", {.rows = 20'000}), "(day > 5)"),
                  filtered(scan("Seq Scan", "customers", {.rows = 500}), "(kind = 'a'::text)"))));
    const auto ops = corrected(wider, {}, &observed);
    EXPECT_NEAR(ops[0].rows, 2'000, 1e-6);
    EXPECT_NEAR(ops[1].rows, 1'000'000, 1e-6);
    // Another join order: {items, orders} is covered by {orders} alone, 4 times too high.
    const auto other = plan(hash_join({.rows = 200'000}, "(items.order_id = orders.id)", scan("Seq Scan", "items", {.rows = 1'000'000}),
                                      filtered(scan("Seq Scan", "orders", {.rows = 20'000}), "(day > 5)")));
    EXPECT_NEAR(corrected(other, {}, &observed)[0].rows, 50'000, 1e-6);
}

TEST(CorrectRows, GroupsAndTheRowsBelowThemAreToldApart) {
    auto grouped = node("Aggregate", {.rows = 1'000, .actual_rows = 70, .loops = 1}, {as(joined_by_hash().root, "Outer")});
    grouped.strategy = "Hashed";
    grouped.group_key = {"orders.customer"};
    const auto observed = observe_rows(plan(grouped));
    EXPECT_EQ(observed.sets.size(), 4U);
    auto sorted = grouped;
    sorted.strategy = "Sorted";
    const auto ops = corrected(plan(sorted), {}, &observed);
    EXPECT_NEAR(ops[0].rows, 70, 1e-6);
    EXPECT_NEAR(ops[1].rows, 400, 1e-6);
}

TEST(CorrectRows, InnerRowsFitTheJoins) {
    // The scan's own estimate, 17 rows a look-up, ignores what the join's knows: 40,000 rows of 10,000 look-ups.
    auto made = plan(nested_loop({.rows = 40'000}, scan("Seq Scan", "orders", {.rows = 10'000}),
                                 index_scan("items", "items_order", "(order_id = orders.id)", {.rows = 17})));
    EXPECT_NEAR(corrected(made, {})[2].rows, 4, 1e-9);
    // A filter that names the outer table drops rows that the index found: then there are at least the join's.
    made.root.children[1].filter = "(price > orders.price)";
    EXPECT_NEAR(corrected(made, {})[2].rows, 17, 1e-9);
    made.root.rows = 400'000;
    EXPECT_NEAR(corrected(made, {})[2].rows, 40, 1e-9);
    EXPECT_GE(corrected(made, {})[2].scanned, 40);
}

TEST(CorrectRows, RowsThatPassAFilterOnTheOuterRowAreNoReasonToLookAtMore) {
    // 30 items of an order are looked at, and nearly 8 pass where the planner thought 1: the index finds as many as ever.
    auto made = plan(nested_loop({.rows = 73}, scan("Seq Scan", "orders", {.rows = 4'000}),
                                 index_scan("items", "new_index", "(order_id = orders.id)", {.rows = 1})));
    const domain::ObservedRows observed{{{{"items", "orders"}, 31'000, 73}, {{"orders"}, 4'000, 4'000}}};
    const auto looked_at = [&] {
        std::vector<Operator> out;
        flatten(made, shop(), RowsFrom::estimates, out);
        use_units(std::vector<domain::CostUnits>{{}, {}, {.tuples = 30}}, out);
        correct_rows(out, shop(), {}, &observed);
        EXPECT_NEAR(out[2].rows, 7.75, 1e-6);
        return out[2].scanned;
    };
    EXPECT_GT(looked_at(), 100);
    made.root.children[1].filter = "(price = orders.price)";
    EXPECT_NEAR(looked_at(), 30, 1e-6);
}

TEST(CorrectRows, UniqueInnerSidesBoundTheJoin) {
    // A tenth of the customers pass the filter: at least a tenth of the orders find theirs, where the estimate says 10 rows.
    auto made = plan(hash_join({.rows = 10}, "((orders.customer = customers.id) AND (orders.place = customers.place))",
                               scan("Seq Scan", "orders", {.rows = 100'000}),
                               filtered(scan("Seq Scan", "customers", {.rows = 100}), "(kind = 'a'::text)")));
    EXPECT_NEAR(corrected(made, {})[0].rows, 10, 1e-9);
    made.root.inner_unique = true;
    EXPECT_NEAR(corrected(made, {})[0].rows, 10'000, 1e-6);
    auto by_one = made;  // of one condition the planner knows how many orders have no customer
    by_one.root.hash_condition = "(orders.customer = customers.id)";
    EXPECT_NEAR(corrected(by_one, {})[0].rows, 10, 1e-9);
    made.root.rows = 5e6;  // and none finds two
    EXPECT_NEAR(corrected(made, {})[0].rows, 100'000, 1e-6);
}

TEST(CorrectRows, NeverAboveTheCrossProduct) {
    auto made = plan(hash_join({.rows = 1e9}, "(orders.customer = customers.id)", scan("Seq Scan", "orders", {.rows = 100}),
                               scan("Seq Scan", "customers", {.rows = 30})));
    EXPECT_NEAR(corrected(made, {})[0].rows, 3'000, 1e-6);
}

TEST(CorrectRows, ALimitTakesASmallerShareOfMoreRows) {
    const auto observed =
        observe_rows(plan(filtered(scan("Seq Scan", "items", {.rows = 1'000, .actual_rows = 10'000, .loops = 1}), "(price > 1)")));
    const auto made = plan(node("Limit", {.total = 200, .rows = 10},
                                {as(filtered(scan("Seq Scan", "items", {.total = 20'000, .rows = 1'000}), "(price > 1)"), "Outer")}));
    const auto before = corrected(made, {}), after = corrected(made, {}, &observed);
    EXPECT_NEAR(after[0].rows, 10, 1e-6);
    EXPECT_NEAR(after[1].rows, before[1].rows, 1e-6);
    EXPECT_NEAR(after[1].scanned, before[1].scanned / 10, 1e-6);
}

/// Each look-up of items by order finds 40 rows, where the planner expects 2.
ExecutedPlan skewed_look_ups(const std::string& group, double outer = 100) {
    auto items = index_scan("items", "items_order", "(order_id = orders.id)", {.rows = 2, .actual_rows = 40, .loops = outer});
    return executed(plan(nested_loop({.rows = outer * 2, .actual_rows = outer * 40, .loops = 1},
                                     scan("Seq Scan", "orders", {.rows = outer, .actual_rows = outer, .loops = 1}), items)),
                    group);
}

TEST(LearnRows, FanOutsCorrectWhateverIndexServesThem) {
    const std::vector<ExecutedPlan> plans{skewed_look_ups("a"), skewed_look_ups("b", 200), skewed_look_ups("c", 300)};
    const auto feedback = learn_rows(plans, {.joins = false});
    ASSERT_FALSE(feedback.fan_outs.empty());
    EXPECT_NEAR(feedback.fan_outs[0].rows, 40, 1e-6);
    const auto made = plan(nested_loop({.rows = 2'000}, scan("Seq Scan", "orders", {.rows = 1'000}),
                                       index_scan("items", "another_index", "(order_id = orders.id)", {.rows = 2})));
    const auto ops = corrected(made, feedback);
    EXPECT_GT(ops[2].rows, 25);
    EXPECT_LT(ops[2].rows, 41);
    EXPECT_NEAR(ops[0].rows, ops[2].rows * 1'000, 1e-6);
    // A Semi join of the same: nearly each order has one, and the first ends the look-up.
    const auto semi = corrected(plan(nested_loop({.rows = 100}, scan("Seq Scan", "orders", {.rows = 1'000}),
                                                 index_scan("items", "another_index", "(order_id = orders.id)", {.rows = 2}), "Semi")),
                                feedback);
    EXPECT_GT(semi[0].rows, 800);
    EXPECT_LE(semi[0].rows, 1'000);
    EXPECT_LE(semi[2].rows, 1);
}

TEST(LearnRows, SemiJoinsAndUniqueLookUpsAreNoFanOuts) {
    auto semi = skewed_look_ups("a"), unique = skewed_look_ups("b");
    semi.plan.root.join_type = "Semi";
    unique.plan.root.inner_unique = true;
    EXPECT_TRUE(learn_rows(std::vector<ExecutedPlan>{semi, unique}).fan_outs.empty());
}

ExecutedPlan filtered_scan(const std::string& group, const std::string& filter, double estimate, double actual) {
    return executed(plan(filtered(scan("Seq Scan", "items", {.rows = estimate, .actual_rows = actual, .loops = 1}), filter)), group);
}

TEST(LearnRows, ConditionsWithoutValuesAreBelievedSooner) {
    const std::vector<ExecutedPlan> plans{filtered_scan("a", "(shipped < received)", 1'000, 8'000),
                                          filtered_scan("b", "(name ~~ '%x%'::text)", 1'000, 8'000)};
    const auto feedback = learn_rows(plans);
    const auto of_columns = corrected(plan(filtered(scan("Seq Scan", "items", {.rows = 100}), "(received > shipped)")), feedback)[0].rows;
    const auto of_values = corrected(plan(filtered(scan("Seq Scan", "items", {.rows = 100}), "(name ~~ 'y%'::text)")), feedback)[0].rows;
    EXPECT_GT(of_columns, of_values);
    EXPECT_GT(of_values, 105);
    EXPECT_LT(of_columns, 800);
    EXPECT_EQ(corrected(plan(filtered(scan("Seq Scan", "orders", {.rows = 100}), "(name ~~ 'y%'::text)")), feedback)[0].rows, 100);
}

TEST(LearnRows, MoreTemplatesPullHarderButCopiesDoNot) {
    const auto pull = [](const std::vector<ExecutedPlan>& plans) {
        return corrected(plan(filtered(scan("Seq Scan", "items", {.rows = 100}), "(price > 3)")), learn_rows(plans))[0].rows;
    };
    const auto one = filtered_scan("a", "(price > 1)", 1'000, 8'000);
    const auto other = filtered_scan("b", "(price > 2)", 1'000, 8'001);
    EXPECT_GT(pull({one, other}), pull({one}) * 1.2);
    EXPECT_NEAR(pull({one, one, one, one}), pull({one}), 1e-9);
}

TEST(LearnRows, ValuesThatDisagreeLeaveThePlannerAlone) {
    const std::vector<ExecutedPlan> plans{filtered_scan("a", "(price > 1)", 1'000, 30'000), filtered_scan("a", "(price > 2)", 1'000, 33)};
    const auto rows = corrected(plan(filtered(scan("Seq Scan", "items", {.rows = 100}), "(price > 3)")), learn_rows(plans))[0].rows;
    EXPECT_NEAR(rows, 100, 10);
}

TEST(LearnRows, TableSizesServePlansWithoutContext) {
    auto scanned = filtered_scan("a", "(price > 1)", 1'000, 30'000);
    scanned.plan.root.details.removed_by_filter = 570'000;
    const auto feedback = learn_rows(std::vector<ExecutedPlan>{scanned});
    const auto ops = corrected(plan(filtered(scan("Seq Scan", "items", {.total = 5, .rows = 100}), "(other = 3)")), feedback, nullptr, {});
    EXPECT_NEAR(ops[0].scanned, 600'000, 1e-6);
}

TEST(LearnRows, JoinsOfFilteredInputsAreLearntBeyondTheirInputs) {
    // Each input is estimated right, their join is not: as happens when the two conditions are correlated.
    const auto correlated = [](const std::string& group, double factor) {
        auto made = joined_by_hash();
        made.root.rows = 1'000;
        made.root.actual_rows = 10;
        made.root.children[0].rows = *made.root.children[0].actual_rows = 5'000 * factor;
        made.root.children[1].children[0].rows = *made.root.children[1].children[0].actual_rows = 80;
        return executed(made, group);
    };
    std::vector<ExecutedPlan> plans;
    for (int i = 0; i < 40; ++i) plans.push_back(correlated("t" + std::to_string(i), 1 + 0.01 * i));
    auto asked = joined_by_hash();
    asked.root.rows = 1'000;
    EXPECT_LT(corrected(asked, learn_rows(plans))[0].rows, 150);
    EXPECT_NEAR(corrected(asked, learn_rows(plans, {.joins = false}))[0].rows, 1'000, 1e-6);
    EXPECT_GT(corrected(asked, learn_rows(std::span(plans).first(1)))[0].rows, 500);  // one template is not much evidence
}

TEST(CorrectRows, OddPlans) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    auto odd = joined_by_hash();
    odd.root.rows = nan;
    odd.root.children[0].alias.clear();
    odd.root.children[1].children[0].rows = 0;
    odd.root.children[1].children[0].actual_rows = nan;
    domain::ObservedRows observed = observe_rows(odd);
    observed.sets.push_back({.aliases = {"customers"}, .rows = nan, .estimated_rows = 1});
    observed.sets.push_back({.aliases = {"customers", "orders"}, .rows = std::numeric_limits<double>::infinity(), .estimated_rows = 0});
    observed.sets.push_back({.aliases = {"#zz", ""}, .rows = 3, .estimated_rows = 0});
    observed.sets.push_back({.aliases = {}, .rows = 3, .estimated_rows = 3});
    for (const auto& op : corrected(odd, {}, &observed)) {
        EXPECT_TRUE(std::isfinite(op.rows) && op.rows >= 0);
        EXPECT_TRUE(std::isfinite(op.loops) && op.loops >= 0);
        EXPECT_TRUE(std::isfinite(op.scanned) && op.scanned >= op.rows);
    }
    std::vector<Operator> none;
    correct_rows(none, shop(), {}, nullptr);
    EXPECT_TRUE(none.empty());
}

TEST(CorrectRows, MoreThan64RelationsStayAsPlanned) {
    auto chain = scan("Seq Scan", "t0", {.rows = 10, .actual_rows = 20, .loops = 1});
    for (int i = 1; i < 80; ++i)
        chain = hash_join({.rows = 10, .actual_rows = 20, .loops = 1}, "(t0.a = t" + std::to_string(i) + ".a)", std::move(chain),
                          scan("Seq Scan", "t" + std::to_string(i), {.rows = 10, .actual_rows = 20, .loops = 1}));
    const auto made = plan(std::move(chain));
    const auto observed = observe_rows(made);
    const auto ops = corrected(made, learn_rows(std::vector<ExecutedPlan>{executed(made, "a")}), &observed);
    EXPECT_GT(ops[0].rows, 0);
    EXPECT_EQ(observed.sets.size() > 60, true);
}

TEST(RowFeedbackFile, DamageIsAnError) {
    RowFeedback feedback;
    feedback.fan_outs = {{.key = 3, .log_ratio = 1, .rows = 4, .weight = 2}, {.key = 9, .log_ratio = 0, .rows = 1, .weight = 1}};
    feedback.scans = {{.key = 1, .log_ratio = -0.5, .weight = 3}};
    feedback.tables = {{.key = 5, .rows = 100}};
    base::ByteWriter out;
    encode(feedback, out);
    const std::string bytes = out.take();
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        base::ByteReader in(std::string_view(bytes).substr(0, length));
        EXPECT_FALSE(decode_row_feedback(in)) << length;
    }
    feedback.fan_outs[0].key = 10;  // not sorted: a search would miss it
    base::ByteWriter unsorted;
    encode(feedback, unsorted);
    base::ByteReader in(unsorted.bytes());
    EXPECT_FALSE(decode_row_feedback(in));
    feedback.fan_outs[0].key = 3;
    feedback.scans[0].log_ratio = std::numeric_limits<double>::infinity();
    base::ByteWriter absurd;
    encode(feedback, absurd);
    base::ByteReader reader(absurd.bytes());
    EXPECT_FALSE(decode_row_feedback(reader));
}

}  // namespace
}  // namespace orrery::models
