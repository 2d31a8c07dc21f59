#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "training/split.hpp"

namespace orrery::training {
namespace {

std::vector<models::ExecutedPlan> some_plans() {
    const auto count = *rc::gen::inRange<std::size_t>(0, 120);
    const auto templates = *rc::gen::inRange(1, 12), databases = *rc::gen::inRange(1, 4);
    std::vector<models::ExecutedPlan> plans(count);
    for (auto& plan : plans) {
        plan.group = "q" + std::to_string(*rc::gen::inRange(0, templates));
        plan.database = "d" + std::to_string(*rc::gen::inRange(0, databases));
    }
    return plans;
}

TEST(SplitProperty, NoTemplateInBothPartsAndEveryPlanTestedOnce) {
    EXPECT_TRUE(rc::check([] {
        const auto plans = some_plans();
        const auto kind = *rc::gen::element(SplitKind::leave_one_template_out, SplitKind::group_kfold, SplitKind::holdout_database);
        const auto folds = make_folds(plans, kind, *rc::gen::inRange(0, 6), *rc::gen::arbitrary<std::uint64_t>());
        if (!folds) {
            RC_ASSERT(folds.error().kind == base::ErrorKind::invalid_input);
            RC_ASSERT(!folds.error().hint.empty());
            return;
        }
        RC_ASSERT(folds->size() >= 2U);
        std::vector<int> tested(plans.size(), 0);
        std::set<std::string> names;
        for (const auto& fold : *folds) {
            RC_ASSERT(names.insert(fold.name).second);
            RC_ASSERT(!fold.train.empty());
            RC_ASSERT(!fold.test.empty());
            RC_ASSERT(std::is_sorted(fold.train.begin(), fold.train.end()));
            std::set<std::string> groups, databases;
            for (const auto i : fold.test) {
                ++tested[i];
                groups.insert(plans[i].group);
                databases.insert(plans[i].database);
            }
            for (const auto i : fold.train) {
                RC_ASSERT(!groups.contains(plans[i].group));
                if (kind == SplitKind::holdout_database) RC_ASSERT(!databases.contains(plans[i].database));
            }
            if (kind != SplitKind::holdout_database) RC_ASSERT(fold.train.size() + fold.test.size() == plans.size());
        }
        RC_ASSERT(std::all_of(tested.begin(), tested.end(), [](int times) { return times == 1; }));
    }));
}

TEST(SplitProperty, TheSameSeedGivesTheSameFolds) {
    EXPECT_TRUE(rc::check([] {
        const auto plans = some_plans();
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        const auto one = make_folds(plans, SplitKind::group_kfold, 3, seed), two = make_folds(plans, SplitKind::group_kfold, 3, seed);
        RC_ASSERT(one.has_value() == two.has_value());
        if (!one) return;
        for (std::size_t i = 0; i < one->size(); ++i) RC_ASSERT((*one)[i].test == (*two)[i].test);
    }));
}

}  // namespace
}  // namespace orrery::training
