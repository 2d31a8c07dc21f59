#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>

#include "optimizers/selection.hpp"

namespace orrery::optimizers {
namespace {

/// A statement's possible plans: each needs a set of candidates and has a cost. The planner takes the cheapest that it can.
struct Option {
    CandidateSet needs;
    double cost = 0;
};

struct Instance {
    SelectionProblem problem;
    std::vector<std::vector<Option>> options;  ///< by statement; the first needs nothing

    [[nodiscard]] double cost(int statement, const CandidateSet& set) const {
        double best = 1e300;
        for (const auto& option : options[static_cast<std::size_t>(statement)])
            if (std::includes(set.begin(), set.end(), option.needs.begin(), option.needs.end())) best = std::min(best, option.cost);
        return best;
    }
    /// A true bound that is loose: all candidates.
    [[nodiscard]] double floor(int statement) const {
        double best = 1e300;
        for (const auto& option : options[static_cast<std::size_t>(statement)]) best = std::min(best, option.cost);
        return best;
    }
    [[nodiscard]] CostOracle oracle() const {
        return {[this](int q, const CandidateSet& set) { return cost(q, set); }, [this](int q, const CandidateSet&) { return floor(q); }};
    }
    [[nodiscard]] bool allowed(const CandidateSet& set) const {
        std::int64_t bytes = 0;
        std::vector<double> growth(options.size());
        for (int q = 0; q < static_cast<int>(options.size()); ++q)
            growth[static_cast<std::size_t>(q)] = cost(q, relevant_part(problem, q, set)) - cost(q, {});
        for (const int candidate : set) {
            bytes += problem.sizes[static_cast<std::size_t>(candidate)];
            for (const auto& charge : problem.charges[static_cast<std::size_t>(candidate)])
                growth[static_cast<std::size_t>(charge.statement)] += charge.cost;
        }
        if (bytes > problem.budget) return false;
        for (std::size_t q = 0; q < growth.size(); ++q)
            if (growth[q] > problem.growth_limits[q] + 1e-6) return false;
        return true;
    }
};

Instance make_instance() {
    Instance instance;
    const int candidates = *rc::gen::inRange(1, 9), statements = *rc::gen::inRange(1, 7);
    auto& problem = instance.problem;
    std::int64_t all = 0;
    for (int c = 0; c < candidates; ++c) {
        problem.sizes.push_back(*rc::gen::inRange<std::int64_t>(1, 100) << 20U);
        all += problem.sizes.back();
        problem.other_upkeep.push_back(*rc::gen::inRange(0, 5));
        problem.charges.emplace_back();
        if (*rc::gen::inRange(0, 3) == 0)
            problem.charges.back().push_back({*rc::gen::inRange(0, statements), static_cast<double>(*rc::gen::inRange(0, 30))});
    }
    for (int q = 0; q < statements; ++q) {
        const double base = *rc::gen::inRange(20, 1000);
        std::vector<Option> options{{{}, base}};
        std::vector<int> relevant;
        for (int k = *rc::gen::inRange(0, 5); k > 0; --k) {
            CandidateSet needs;
            for (int n = *rc::gen::inRange(1, 3); n > 0; --n) needs.push_back(*rc::gen::inRange(0, candidates));
            std::sort(needs.begin(), needs.end());
            needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
            relevant.insert(relevant.end(), needs.begin(), needs.end());
            if (needs.size() > 1) problem.packages.push_back(needs);
            options.push_back({needs, base * *rc::gen::inRange(1, 100) / 100.0});
        }
        std::sort(relevant.begin(), relevant.end());
        relevant.erase(std::unique(relevant.begin(), relevant.end()), relevant.end());
        problem.relevant.push_back(relevant);
        problem.growth_limits.push_back(*rc::gen::inRange(0, 50));
        instance.options.push_back(std::move(options));
    }
    problem.budget = all * *rc::gen::inRange(0, 101) / 100;
    return instance;
}

double exhaustive(const Instance& instance) {
    double best = 1e300;
    const auto candidates = instance.problem.sizes.size();
    for (unsigned bits = 0; bits < (1U << candidates); ++bits) {
        CandidateSet set;
        for (std::size_t c = 0; c < candidates; ++c)
            if ((bits >> c & 1U) != 0) set.push_back(static_cast<int>(c));
        if (instance.allowed(set)) best = std::min(best, priced_cost(instance.problem, instance.oracle(), set));
    }
    return best;
}

TEST(SelectionProperty, KeepsItsPromises) {
    EXPECT_TRUE(rc::check("within budget and limits, never dearer than nothing, its cost as stated", [] {
        const Instance instance = make_instance();
        const auto selection = select_candidates(instance.problem, instance.oracle(), [] { return false; });
        RC_ASSERT(selection.finished);
        RC_ASSERT(selection.size <= instance.problem.budget);
        RC_ASSERT(instance.allowed(selection.chosen));
        const double stated = total_cost(instance.problem, instance.oracle(), selection.chosen);
        RC_ASSERT(std::abs(selection.cost - stated) < 1e-6);
        RC_ASSERT(stated <= total_cost(instance.problem, instance.oracle(), {}) + 1e-6);
    }));
}

TEST(SelectionProperty, IsNearTheBestOfSmallInstances) {
    int optimal = 0, tried = 0;
    EXPECT_TRUE(rc::check("at most 10 % above the optimum", [&] {
        Instance instance = make_instance();
        // Limits that one candidate breaks and another mends again need sets that no search of neighbours finds.
        for (double& limit : instance.problem.growth_limits) limit = 1e9;
        const auto selection = select_candidates(instance.problem, instance.oracle(), [] { return false; });
        const double best = exhaustive(instance);
        ++tried;
        optimal += selection.cost <= best * (1 + 1e-9) ? 1 : 0;
        RC_ASSERT(selection.cost <= best * 1.10 + 1e-6);
    }));
    EXPECT_GE(optimal, tried * 95 / 100);
}

TEST(SelectionProperty, EveryChosenCandidatePays) {
    EXPECT_TRUE(rc::check("leaving one out saves less than the minimum gain asks", [] {
        Instance instance = make_instance();
        instance.problem.minimum_gain = *rc::gen::inRange(0, 50);
        const auto selection = select_candidates(instance.problem, instance.oracle(), [] { return false; });
        for (const int candidate : selection.chosen) {
            CandidateSet rest = selection.chosen;
            std::erase(rest, candidate);
            if (!instance.allowed(rest)) continue;  // it makes up for what another one charges
            RC_ASSERT(total_cost(instance.problem, instance.oracle(), rest) - selection.cost >= instance.problem.minimum_gain - 1e-6);
        }
    }));
}

TEST(SelectionProperty, StoppedSearchesStayValid) {
    EXPECT_TRUE(rc::check("whatever the moment", [] {
        const Instance instance = make_instance();
        int left = *rc::gen::inRange(0, 60);
        const auto selection = select_candidates(instance.problem, instance.oracle(), [&] { return --left < 0; });
        RC_ASSERT(instance.allowed(selection.chosen));
        RC_ASSERT(total_cost(instance.problem, instance.oracle(), selection.chosen) <=
                  total_cost(instance.problem, instance.oracle(), {}) + 1e-6);
    }));
}

}  // namespace
}  // namespace orrery::optimizers
