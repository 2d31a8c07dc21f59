#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "training/data_set.hpp"
#include "training/made_plans.hpp"

namespace orrery::training {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

DataSet data_of(std::vector<models::ExecutedPlan> plans) {
    DataSet data;
    data.plans = std::move(plans);
    data.hash = hash_of(data.plans);
    return data;
}

std::vector<std::string> told(const DataSet& data) {
    std::vector<std::string> lines;
    for (const auto& left : data.left_out) lines.push_back(fmt::format("{} {}", left.count, left.why));
    return lines;
}

constexpr PreparationOptions kNothing{.drop_copies = false, .most_per_group = 0, .outlier_factor = 0, .incidents = {}};

TEST(Prepare, TimesThatCannotBeAlwaysGo) {
    std::vector<models::ExecutedPlan> plans;
    for (const double ms :
         {5.0, 0.0, -3.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 4e10, 1e-9}) {
        plans.push_back(executed({}, "q"));
        plans.back().time_ms = ms;
    }
    auto data = data_of(plans);
    const auto before = data.hash;
    prepare(data, kNothing);
    ASSERT_EQ(data.plans.size(), 1U);
    EXPECT_EQ(data.plans[0].time_ms, 5);
    EXPECT_THAT(told(data), ElementsAre("1 time is absurd (over a year)", "1 time is absurd (under a nanosecond)",
                                        "2 time is missing or not finite", "2 time is zero or negative"));
    EXPECT_NE(data.hash, before) << "other data are learnt from";
}

TEST(Prepare, EmptyDataStayEmpty) {
    DataSet data;
    prepare(data, {});
    EXPECT_TRUE(data.plans.empty());
    EXPECT_THAT(data.left_out, IsEmpty());
    auto one = data_of({executed({}, "q")});
    prepare(one, {});
    EXPECT_EQ(one.plans.size(), 1U);
}

TEST(Prepare, OfCopiesTheMedianStays) {
    auto data = data_of({executed({.ms = 9}, "q"), executed({.ms = 5}, "q"), executed({.ms = 100}, "q"), executed({.ms = 1}, "other"),
                         executed({.actual_rows = 7, .ms = 2}, "q"), executed({.ms = 3}, "q", "another database")});
    data.plans.push_back(executed({.ms = 50}, "q"));
    data.plans.back().conditions.concurrent_sessions = 8;
    prepare(data, {.outlier_factor = 0});
    std::vector<double> kept;
    for (const auto& plan : data.plans) kept.push_back(plan.time_ms);
    EXPECT_THAT(kept, ElementsAre(9, 1, 2, 3, 50));
    EXPECT_THAT(told(data), ElementsAre("2 exact copies"));
}

TEST(Prepare, OutliersAreFarInTimeAndInTimePerRow) {
    std::vector<models::ExecutedPlan> plans;
    for (int i = 1; i <= 10; ++i) plans.push_back(executed({.rows = 1000.0 * i, .actual_rows = 1000.0 * i, .ms = 1.0 * i}, "q"));
    plans.push_back(executed({.rows = 3e6, .actual_rows = 3e6, .ms = 3000}, "q"));   // much work takes long
    plans.push_back(executed({.rows = 5000, .actual_rows = 5000, .ms = 900}, "q"));  // somebody held it up
    plans.push_back(executed({.rows = 5000, .actual_rows = 5000, .ms = 900}, "rare"));
    auto data = data_of(plans);
    prepare(data, {.drop_copies = false, .outlier_factor = 20});
    EXPECT_EQ(data.plans.size(), 12U);
    EXPECT_THAT(told(data), ElementsAre("1 outliers, over 20 times their template's usual time"));
    for (const auto& plan : data.plans) EXPECT_FALSE(plan.group == "q" && plan.time_ms == 900);
}

TEST(Prepare, IncidentsAreLeftOut) {
    auto data = data_of({executed({.ms = 1}, "q"), executed({.ms = 2}, "q"), executed({.ms = 3}, "q")});
    data.plans[1].at = base::from_unix_ms(1'700'000'005'000);
    data.plans[2].at = base::from_unix_ms(1'700'000'020'000);
    auto options = kNothing;
    options.incidents = {{base::from_unix_ms(1'700'000'000'000), base::from_unix_ms(1'700'000'010'000)},
                         {base::WallTime{}, base::from_unix_ms(1)}};
    prepare(data, options);
    ASSERT_EQ(data.plans.size(), 2U) << "a plan without a time is in no incident";
    EXPECT_EQ(data.plans[1].time_ms, 3);
    EXPECT_THAT(told(data), ElementsAre("1 incident of 2023-11-14T22:13:20.000Z"));
}

TEST(Prepare, CapsAreEvenlyChosen) {
    std::vector<models::ExecutedPlan> plans;
    for (int i = 0; i < 10; ++i) plans.push_back(executed({.ms = 1.0 + i}, "many"));
    plans.push_back(executed({.ms = 99}, "few"));
    auto data = data_of(plans);
    auto options = kNothing;
    options.most_per_group = 4;
    prepare(data, options);
    std::vector<double> kept;
    for (const auto& plan : data.plans) kept.push_back(plan.time_ms);
    EXPECT_THAT(kept, ElementsAre(1, 3, 6, 8, 99));
    EXPECT_THAT(told(data), ElementsAre("6 beyond 4 of their template"));
}

}  // namespace
}  // namespace orrery::training
