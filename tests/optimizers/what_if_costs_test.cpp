#include "optimizers/what_if_costs.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "optimizers/fixtures.hpp"

namespace orrery::optimizers {
namespace {

using testing::CostTable;

/// Two tables with candidates a, b (orders) and c, d (items); names are columns.
class WhatIfCostsTest : public ::testing::Test {
protected:
    void start(CostTable::Statement statement, int draws = 1) {
        planner.statements = {{"Q", std::move(statement)}};
        std::vector<Question> questions;
        for (int i = 0; i < draws; ++i) questions.push_back({"Q" + std::to_string(i), 0, 1.0 / draws});
        costs = std::make_unique<WhatIfCosts>(planner, std::move(questions));
        for (const auto& [table, column] :
             std::vector<std::pair<std::string, std::string>>{{"orders", "a"}, {"orders", "b"}, {"items", "c"}, {"items", "d"}}) {
            const auto added = costs->add({testing::index("x", table, {column}).spec, base::Pages(10), 1, 100});
            ASSERT_TRUE(added);
        }
        for (int i = 0; i < draws; ++i) costs->set_relevant(i, {0, 1, 2, 3});
        costs->ask_baseline();
        planner.asked.clear();
    }
    static std::string label(const std::string& table, const std::string& column) { return "public." + table + "(" + column + ")"; }

    CostTable planner;
    std::unique_ptr<WhatIfCosts> costs;
};

TEST_F(WhatIfCostsTest, OneAnswerSettlesAllSetsBetweenUsedAndVisible) {
    start({100, {{{label("orders", "a")}, 10}}, {}, {}, false});
    EXPECT_EQ(costs->ask(0, {0, 1, 2, 3}).cost, 10);
    EXPECT_EQ(planner.asked.size(), 1U);
    EXPECT_EQ(costs->ask(0, {0}).cost, 10);
    EXPECT_EQ(costs->ask(0, {0, 2}).cost, 10);
    EXPECT_EQ(costs->ask(0, {}).cost, 100);
    EXPECT_EQ(planner.asked.size(), 1U);
    EXPECT_EQ(costs->ask(0, {1, 2, 3}).cost, 100);
    EXPECT_EQ(costs->ask(0, {2}).cost, 100);
    EXPECT_EQ(planner.asked.size(), 2U);
}

TEST_F(WhatIfCostsTest, BoundsFollowFromSmallerAndLargerSets) {
    start({100, {{{label("orders", "a")}, 60}, {{label("orders", "a"), label("items", "c")}, 10}}, {}, {}, false});
    EXPECT_EQ(costs->floor(0, {0}), 0);  // nothing is known of larger sets
    costs->ask(0, {0, 1, 2, 3});
    EXPECT_EQ(costs->floor(0, {0}), 10);
    EXPECT_EQ(costs->cheapest_known(0, {0}).cost, 100);
    EXPECT_EQ(costs->ask(0, {0}).cost, 60);
    EXPECT_EQ(costs->floor(0, {0}), 60);
    EXPECT_EQ(costs->cheapest_known(0, {0, 3}).cost, 60);
    EXPECT_EQ(costs->packages(), (std::vector<CandidateSet>{{0, 2}}));
    EXPECT_EQ(costs->ever_used(), (std::vector<bool>{true, false, true, false}));
}

TEST_F(WhatIfCostsTest, ExploringFindsEverySingleAndTheBestPlans) {
    start({100,
           {{{label("orders", "a")}, 60},
            {{label("orders", "b")}, 70},
            {{label("items", "d")}, 80},
            {{label("orders", "a"), label("items", "d")}, 20}},
           {},
           {},
           false});
    const std::vector<CandidateTraits> traits{{0, 10}, {0, 20}, {1, 30}, {1, 40}};
    costs->explore(0, traits, [] { return false; });
    const auto asked = planner.asked.size();
    EXPECT_EQ(costs->ask(0, {0}).cost, 60);
    EXPECT_EQ(costs->ask(0, {1}).cost, 70);
    EXPECT_EQ(costs->ask(0, {2}).cost, 100);
    EXPECT_EQ(costs->ask(0, {3}).cost, 80);
    EXPECT_EQ(costs->ask(0, {0, 3}).cost, 20);
    EXPECT_EQ(planner.asked.size(), asked);
    EXPECT_LE(asked, 8U);
}

TEST_F(WhatIfCostsTest, DoesNotPeelWhenNothingHelps) {
    start({100, {}, {}, {}, false});
    const std::vector<CandidateTraits> traits(4);
    costs->explore(0, traits, [] { return false; });
    EXPECT_EQ(planner.asked.size(), 1U);
}

TEST_F(WhatIfCostsTest, AsksForAllDrawsAtOnce) {
    start({100, {{{label("orders", "a")}, 10}}, {}, {}, false}, 3);
    costs->ask(0, {0});
    EXPECT_EQ(planner.asked, (std::vector<std::string>{"Q0", "Q1", "Q2"}));
    costs->ask(2, {0});
    EXPECT_EQ(planner.asked.size(), 3U);
}

TEST_F(WhatIfCostsTest, KeepsFailuresApart) {
    start({100, {}, {}, {}, true});
    ASSERT_TRUE(costs->failure(0));
    EXPECT_EQ(costs->ask(0, {0}).cost, 0);
    EXPECT_TRUE(planner.asked.empty());
    EXPECT_FALSE(costs->fatal());
}

TEST_F(WhatIfCostsTest, HidesExistingIndexes) {
    start({100, {{{label("orders", "a")}, 10}}, {77}, {{77, 300}}, false});
    EXPECT_EQ(costs->ask(0, {}).used_existing, (std::vector<domain::Oid>{77}));
    const auto without = costs->ask_without(0, {}, {77});
    ASSERT_TRUE(without);
    EXPECT_EQ(without->cost, 300);
    EXPECT_EQ(costs->ask(0, {}).cost, 100);
}

/// Answers every question with one plan.
class OnePlan final : public domain::WhatIfPlanner {
public:
    domain::Plan answer;
    base::Result<domain::CandidateId> add_candidate(const domain::HypotheticalIndex&) override { return 0; }
    base::Result<void> remove_candidates() override { return {}; }
    base::Result<domain::WhatIfPlan> plan(const std::string&, const domain::IndexConfiguration&) override {
        return domain::WhatIfPlan{answer, {}, {}};
    }
    std::vector<base::Result<domain::WhatIfPlan>> plan_all(std::span<const std::string> texts,
                                                           const domain::IndexConfiguration& configuration) override {
        std::vector<base::Result<domain::WhatIfPlan>> results;
        for (const auto& text : texts) results.push_back(plan(text, configuration));
        return results;
    }
    base::Result<std::vector<std::string>> parameter_types(const std::string&) override { return std::vector<std::string>(); }
    [[nodiscard]] std::int64_t calls() const override { return 0; }
};

TEST(WhatIfRisk, IsCountedForLimitsThatBetOnAnEarlyMatch) {
    domain::PlanNode scan;
    scan.type = "Index Scan";
    scan.relation = "orders";
    scan.total_cost = base::PlannerCost(10000);
    OnePlan planner;
    planner.answer.root.type = "Limit";
    planner.answer.root.total_cost = base::PlannerCost(20);
    planner.answer.root.children = {scan};
    const auto ask = [&] {
        WhatIfCosts costs(planner, {{"Q", 0, 1}});
        costs.ask_baseline();
        return costs.ask(0, {});
    };
    EXPECT_EQ(ask().risk, 0);
    planner.answer.root.children[0].filter = "(kind = 3)";
    EXPECT_NEAR(ask().risk, 0.05 * 9980, 1e-6);
    EXPECT_EQ(ask().cost, 20);
    planner.answer.root.children[0].type = "Seq Scan";
    EXPECT_EQ(ask().risk, 0);
}

}  // namespace
}  // namespace orrery::optimizers
