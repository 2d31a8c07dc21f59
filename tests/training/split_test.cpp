#include "training/split.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orrery::training {
namespace {

std::vector<models::ExecutedPlan> plans_of(std::initializer_list<std::tuple<const char*, const char*, int>> groups) {
    std::vector<models::ExecutedPlan> plans;
    for (const auto& [group, database, count] : groups)
        for (int i = 0; i < count; ++i) {
            plans.emplace_back().group = group;
            plans.back().database = database;
        }
    return plans;
}

TEST(Split, FoldsAreBalancedByPlans) {
    const auto plans = plans_of({{"a", "d", 60}, {"b", "d", 30}, {"c", "d", 20}, {"e", "d", 20}, {"f", "d", 50}});
    const auto folds = make_folds(plans, SplitKind::group_kfold, 3, 1);
    ASSERT_TRUE(folds);
    ASSERT_EQ(folds->size(), 3U);
    for (const auto& fold : *folds) {
        EXPECT_GE(fold.test.size(), 50U);
        EXPECT_LE(fold.test.size(), 70U);
    }
    EXPECT_EQ((*folds)[1].name, "2 of 3");
}

TEST(Split, OneTemplateAtATimeByName) {
    const auto folds = make_folds(plans_of({{"b", "d", 2}, {"a", "d", 1}}), SplitKind::leave_one_template_out, 0, 1);
    ASSERT_TRUE(folds);
    ASSERT_EQ(folds->size(), 2U);
    EXPECT_EQ((*folds)[0].name, "a");
    EXPECT_THAT((*folds)[0].train, ::testing::ElementsAre(0, 1));
    EXPECT_THAT((*folds)[0].test, ::testing::ElementsAre(2));
    EXPECT_EQ(fold_named(*folds, "b")->test.size(), 2U);
    EXPECT_EQ(fold_named(*folds, "z").error().kind, base::ErrorKind::missing_object);
}

TEST(Split, TemplatesOfBothDatabasesAreNotTrainedOn) {
    const auto plans = plans_of({{"q1", "x", 1}, {"q2", "x", 1}, {"q1", "y", 1}, {"q3", "y", 1}});
    const auto folds = make_folds(plans, SplitKind::holdout_database, 0, 1);
    ASSERT_TRUE(folds);
    EXPECT_THAT((*folds)[0].test, ::testing::ElementsAre(0, 1));
    EXPECT_THAT((*folds)[0].train, ::testing::ElementsAre(3));
    const auto shared = make_folds(plans_of({{"q1", "x", 1}, {"q1", "y", 1}}), SplitKind::holdout_database, 0, 1);
    ASSERT_FALSE(shared);
    EXPECT_EQ(shared.error().kind, base::ErrorKind::invalid_input);
}

TEST(Split, AStatementUnderTwoNamesIsNotOnBothSides) {
    auto plans = plans_of({{"q1", "x", 2}, {"00000000000000aa", "x", 1}, {"q2", "x", 1}});
    for (std::size_t i = 0; i < 3; ++i) plans[i].fingerprint = domain::Fingerprint{0xaa};
    for (const auto kind : {SplitKind::leave_one_template_out, SplitKind::group_kfold}) {
        const auto folds = make_folds(plans, kind, 3, 1);
        ASSERT_TRUE(folds);
        for (const auto& fold : *folds)
            for (const auto tested : fold.test)
                for (const auto trained : fold.train)
                    EXPECT_FALSE(plans[tested].fingerprint.value != 0 && plans[tested].fingerprint == plans[trained].fingerprint)
                        << fold.name;
    }
}

TEST(Split, TooLittleIsAnErrorThatSaysSo) {
    for (const auto kind : {SplitKind::leave_one_template_out, SplitKind::group_kfold, SplitKind::holdout_database})
        for (const auto& plans : {plans_of({}), plans_of({{"a", "d", 1}}), plans_of({{"a", "d", 9}})}) {
            const auto folds = make_folds(plans, kind, 5, 1);
            ASSERT_FALSE(folds);
            EXPECT_EQ(folds.error().kind, base::ErrorKind::invalid_input);
        }
    EXPECT_FALSE(make_folds(plans_of({{"a", "d", 1}, {"b", "d", 1}}), SplitKind::group_kfold, 3, 1));
}

TEST(Split, Names) {
    for (const auto kind : {SplitKind::leave_one_template_out, SplitKind::group_kfold, SplitKind::holdout_database})
        EXPECT_EQ(split_kind_from(to_string(kind)).value(), kind);
    EXPECT_EQ(split_kind_from("by-row").error().kind, base::ErrorKind::invalid_input);
}

}  // namespace
}  // namespace orrery::training
