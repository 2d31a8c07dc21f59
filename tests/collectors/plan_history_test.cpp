#include "collectors/plan_history.hpp"

#include <gtest/gtest.h>

#include "pg/catalog_reader.hpp"

namespace orrery::collectors {
namespace {

base::WallTime minute(int minutes) {
    return base::from_unix_ms(1'700'000'000'000 + minutes * 60'000LL);
}

domain::PlanSighting sighting(int minutes, std::uint64_t shape, double cost, std::optional<double> ms = {}) {
    return {.fingerprint = {7},
            .database = "shop",
            .shape_hash = shape,
            .seen = minute(minutes),
            .source = "explain",
            .total_cost = cost,
            .execution_ms = ms,
            .document = ""};
}

TEST(PlanHistory, TheSameShapeIsNoFlipWhateverItCosts) {
    PlanHistory history;
    EXPECT_FALSE(history.add(sighting(0, 1, 10)));
    EXPECT_FALSE(history.add(sighting(1, 1, 5'000)));
    EXPECT_EQ(history.size(), 1U);
}

TEST(PlanHistory, AnotherShapeIsAFlipWithBothCostsAndTimes) {
    PlanHistory history;
    history.add(sighting(0, 1, 10, 2));
    history.add(sighting(1, 1, 10, 4));
    const auto flip = history.add(sighting(2, 2, 5'000, 90));
    ASSERT_TRUE(flip);
    EXPECT_EQ(flip->kind, "plan_flip");
    EXPECT_EQ(flip->subject, "0000000000000007");
    EXPECT_EQ(flip->at, minute(2));
    EXPECT_EQ(flip->text,
              "Another plan in shop (explain): cost 10 before, 5000 now, 500 times as much; time 3.00 ms before (mean of 2), 90 ms now.");
    const auto back = history.add(sighting(90, 1, 10));
    ASSERT_TRUE(back) << "and the way back is one too";
    EXPECT_EQ(back->text, "Another plan in shop (explain): cost 5000 before, 10 now, 0.002 of it.");
}

TEST(PlanHistory, SourcesDatabasesAndTemplatesAreApart) {
    PlanHistory history;
    history.add(sighting(0, 1, 10));
    auto logged = sighting(1, 2, 10);
    logged.source = "auto_explain";
    EXPECT_FALSE(history.add(logged));
    auto elsewhere = sighting(1, 2, 10);
    elsewhere.database = "other";
    EXPECT_FALSE(history.add(elsewhere));
    auto another = sighting(1, 2, 10);
    another.fingerprint = {8};
    EXPECT_FALSE(history.add(another));
    EXPECT_TRUE(history.add(sighting(2, 2, 10)));
}

TEST(PlanHistory, WhatTheStoreRemembersGivesNoEventButTheNextFlipIsSeen) {
    PlanHistory history;
    const std::vector<domain::PlanSighting> stored{sighting(0, 1, 10), sighting(1, 2, 20)};
    history.remember(stored);
    EXPECT_FALSE(history.add(sighting(2, 2, 20)));
    EXPECT_TRUE(history.add(sighting(3, 1, 10)));
}

TEST(PlanHistory, BackAndForthIsToldThreeTimesInAnHour) {
    PlanHistory history;
    history.add(sighting(0, 1, 10));
    int told = 0;
    for (int i = 1; i <= 60; ++i)
        if (history.add(sighting(i, 1 + static_cast<std::uint64_t>(i) % 2, 10))) ++told;
    EXPECT_EQ(told, 3);
    EXPECT_TRUE(history.add(sighting(61, 2, 10)));
}

TEST(PlanRedaction, NoConstantStaysAndNamesKeepTheirDigits) {
    domain::Plan plan;
    plan.root.type = "Sort";
    plan.root.sort_key = {"orders_2024.id DESC NULLS LAST", "(orders_2024.name || 'secret'::text) DESC"};
    plan.root.group_key = {"(date_trunc('month'::text, t.at))"};
    plan.root.children.resize(1);
    auto& scan = plan.root.children[0];
    scan.type = "Index Scan";
    scan.relation = "orders_2024";
    scan.index_condition = "((orders_2024.id = 42) AND (orders_2024.name = ANY ('{alice,bob}'::text[])))";
    scan.filter = "((NOT (hashed SubPlan 1)) AND (orders_2024.code ~~ 'tok_%'::text))";
    scan.recheck_condition = scan.index_order = scan.run_condition = scan.tid_condition = scan.cache_key = "(a.b = 'secret'::text)";
    scan.join_filter = scan.hash_condition = scan.merge_condition = scan.one_time_filter = "(a.b < 77)";
    const auto clean = redacted(plan);
    EXPECT_EQ(clean.root.sort_key[0], "orders_2024.id DESC NULLS LAST");
    EXPECT_EQ(clean.root.sort_key[1], "(orders_2024.name || $1::text) DESC");
    EXPECT_EQ(clean.root.group_key[0], "(date_trunc($1::text, t.at))");
    EXPECT_EQ(clean.root.children[0].index_condition, "((orders_2024.id = $1) AND (orders_2024.name = ANY ($2::text[])))");
    const auto text = pg::write_plan(clean);
    for (const auto* constant : {"secret", "alice", "42", "tok_", "77"})
        EXPECT_EQ(text.find(constant), std::string::npos) << constant << "\n" << text;
    EXPECT_EQ(clean.shape(), plan.shape());
}

TEST(PlanRedaction, ASightingHoldsTheRedactedPlan) {
    domain::Plan plan;
    plan.root.type = "Seq Scan";
    plan.root.filter = "(a = 'secret'::text)";
    plan.root.total_cost = base::PlannerCost(12);
    plan.execution_ms = 3;
    const auto kept = sighting_of(plan, {{9}, "shop", "auto_explain", minute(1)});
    EXPECT_EQ(kept.document.find("secret"), std::string::npos);
    EXPECT_EQ(kept.shape_hash, plan.shape_hash());
    EXPECT_EQ(kept.total_cost, 12);
    EXPECT_EQ(kept.execution_ms, 3);
    EXPECT_EQ(pg::parse_plan(kept.document)->root.filter, "(a = $1::text)");
}

}  // namespace
}  // namespace orrery::collectors
