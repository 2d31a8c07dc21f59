#include "optimizers/selection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace orrery::optimizers {
namespace {

/// One statement per entry of `costs`; a set's cost is that of its largest listed subset's.
struct Table {
    SelectionProblem problem;
    std::vector<std::map<CandidateSet, double>> costs;

    void add_candidate(std::int64_t bytes, double upkeep = 0) {
        problem.sizes.push_back(bytes);
        problem.charges.emplace_back();
        problem.other_upkeep.push_back(upkeep);
    }
    void add_statement(std::map<CandidateSet, double> options) {
        std::vector<int> relevant;
        for (int c = 0; c < static_cast<int>(problem.sizes.size()); ++c) relevant.push_back(c);
        problem.relevant.push_back(relevant);
        problem.growth_limits.push_back(1e9);
        costs.push_back(std::move(options));
    }
    CandidateSet select() {
        const CostOracle oracle{[this](int q, const CandidateSet& set) {
                                    double best = 1e300;
                                    for (const auto& [needs, cost] : costs[static_cast<std::size_t>(q)])
                                        if (std::includes(set.begin(), set.end(), needs.begin(), needs.end())) best = std::min(best, cost);
                                    return best;
                                },
                                {}};
        return select_candidates(problem, oracle, [] { return false; }).chosen;
    }
};

TEST(Selection, TakesWhatPays) {
    Table table;
    table.add_candidate(10);
    table.add_candidate(10, 500);  // maintained for more than it saves
    table.add_statement({{{}, 1000}, {{0}, 100}});
    table.add_statement({{{}, 400}, {{1}, 10}});
    table.problem.budget = 100;
    EXPECT_EQ(table.select(), (CandidateSet{0}));
}

TEST(Selection, PrefersTheSmallerOfEquals) {
    Table table;
    table.add_candidate(80);
    table.add_candidate(10);
    table.add_statement({{{}, 1000}, {{0}, 100}, {{1}, 100}});
    table.problem.budget = 100;
    EXPECT_EQ(table.select(), (CandidateSet{1}));
}

TEST(Selection, PutsOneInPlaceOfTwo) {
    Table table;
    table.add_candidate(40);
    table.add_candidate(40);
    table.add_candidate(60);  // serves both statements nearly as well
    table.add_statement({{{}, 1000}, {{0}, 100}, {{2}, 105}});
    table.add_statement({{{}, 1000}, {{1}, 100}, {{2}, 105}});
    table.problem.budget = 1000;
    table.problem.minimum_gain = 20;
    EXPECT_EQ(table.select(), (CandidateSet{2}));
}

TEST(Selection, TakesPackagesOfWhichNoPartHelpsAlone) {
    Table table;
    table.add_candidate(40);
    table.add_candidate(40);
    table.add_statement({{{}, 1000}, {{0, 1}, 50}});
    table.problem.budget = 100;
    table.problem.packages = {{0, 1}};
    EXPECT_EQ(table.select(), (CandidateSet{0, 1}));
    table.problem.budget = 70;
    EXPECT_TRUE(table.select().empty());
}

TEST(Selection, RespectsTheLimitOfAStatement) {
    Table table;
    table.add_candidate(10);
    table.add_statement({{{}, 1000}, {{0}, 100}});
    table.add_statement({{{}, 50}});
    table.problem.charges[0] = {{1, 30}};
    table.problem.budget = 100;
    EXPECT_EQ(table.select(), (CandidateSet{0}));
    table.problem.growth_limits[1] = 25;
    EXPECT_TRUE(table.select().empty());
}

TEST(Selection, AsksForAShareOfWhatItHelps) {
    Table table;
    table.add_candidate(10);
    table.add_statement({{{}, 100000}, {{0}, 99500}});
    table.problem.budget = 100;
    EXPECT_EQ(table.select(), (CandidateSet{0}));
    table.problem.minimum_gain_share = 0.01;
    EXPECT_TRUE(table.select().empty());
}

}  // namespace
}  // namespace orrery::optimizers
