#include "domain/series.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace orrery::domain {
namespace {

using Integers = std::vector<std::int64_t>;
using Reals = std::vector<double>;
using Texts = std::vector<std::string>;
using testing::ElementsAre;

base::WallTime at(std::int64_t seconds) {
    return base::from_unix_ms(seconds * 1'000);
}

Frame frame(std::int64_t from, std::int64_t to, std::vector<SeriesColumn> columns, std::int64_t readings = 1) {
    return {.series = "tables", .part = "shop", .start = at(from), .end = at(to), .readings = readings, .columns = std::move(columns)};
}

SeriesColumn key(Texts values) {
    return {"table", RollUp::key, "", std::move(values)};
}

template <typename Values>
Values values(const Frame& from, std::string_view column) {
    const auto* found = from.find(column);
    if (found == nullptr) return {};
    return std::get<Values>(found->values);
}

TEST(RollUpOfFrames, MergesRowsOfOneKeyColumnByColumn) {
    const auto rolled = roll_up({frame(0, 10,
                                       {key({"orders", "users"}),
                                        {"rows", RollUp::sum, "", Integers{5, 7}},
                                        {"longest", RollUp::maximum, "ms", Reals{2.5, 9}},
                                        {"shortest", RollUp::minimum, "ms", Reals{2.5, 9}},
                                        {"size", RollUp::last, "bytes", Integers{100, 200}}}),
                                 frame(10, 20,
                                       {key({"items", "orders"}),
                                        {"rows", RollUp::sum, "", Integers{1, 30}},
                                        {"longest", RollUp::maximum, "ms", Reals{4, 3.5}},
                                        {"shortest", RollUp::minimum, "ms", Reals{4, 3.5}},
                                        {"size", RollUp::last, "bytes", Integers{50, 90}}})});
    EXPECT_EQ(rolled.series, "tables");
    EXPECT_EQ(rolled.part, "shop");
    EXPECT_EQ(rolled.start, at(0));
    EXPECT_EQ(rolled.end, at(20));
    EXPECT_EQ(rolled.readings, 2);
    EXPECT_FALSE(rolled.lower_bound);
    EXPECT_THAT(values<Texts>(rolled, "table"), ElementsAre("orders", "users", "items"));
    EXPECT_THAT(values<Integers>(rolled, "rows"), ElementsAre(35, 7, 1));
    EXPECT_THAT(values<Reals>(rolled, "longest"), ElementsAre(3.5, 9, 4));
    EXPECT_THAT(values<Reals>(rolled, "shortest"), ElementsAre(2.5, 9, 4));
    EXPECT_THAT(values<Integers>(rolled, "size"), ElementsAre(90, 200, 50));
    EXPECT_EQ(rolled.find("longest")->unit, "ms");
    EXPECT_EQ(rolled.find("longest")->roll_up, RollUp::maximum);
}

TEST(RollUpOfFrames, MeansAreWeightedByReadingsAndBecomeReals) {
    const auto rolled = roll_up(
        {frame(0, 10, {{"connections", RollUp::mean, "", Integers{10}}}), frame(10, 40, {{"connections", RollUp::mean, "", Reals{2}}}, 3)});
    EXPECT_THAT(values<Reals>(rolled, "connections"), ElementsAre(4));
    EXPECT_EQ(rolled.readings, 4);
}

TEST(RollUpOfFrames, NullsArePassedOverAndAMissingColumnIsNull) {
    const auto rolled =
        roll_up({frame(0, 10, {key({"a", "b"}), {"old", RollUp::sum, "", Integers{kNullInteger, 3}}}),
                 frame(10, 20, {key({"a", "b"}), {"new", RollUp::mean, "", Reals{NAN, 6}}, {"note", RollUp::last, "", Texts{"", "seen"}}}),
                 frame(20, 30, {key({"a", "b"}), {"note", RollUp::last, "", Texts{"", ""}}})});
    EXPECT_THAT(values<Integers>(rolled, "old"), ElementsAre(kNullInteger, 3));
    EXPECT_TRUE(std::isnan(values<Reals>(rolled, "new").at(0)));
    EXPECT_EQ(values<Reals>(rolled, "new").at(1), 6);
    EXPECT_THAT(values<Texts>(rolled, "note"), ElementsAre("", "seen"));
}

TEST(RollUpOfFrames, ALowerBoundIsInherited) {
    auto bounded = frame(10, 20, {});
    bounded.lower_bound = true;
    EXPECT_TRUE(roll_up({frame(0, 10, {}), bounded, frame(20, 30, {})}).lower_bound);
}

TEST(RollUpOfFrames, KeysOfSeveralColumnsAreNotMixedUp) {
    const Texts schemas{"a", "ab", "", "a"}, names{"bc", "c", "abc", "bc"};
    const auto rolled = roll_up({frame(0, 10,
                                       {{"schema", RollUp::key, "", schemas},
                                        {"name", RollUp::key, "", names},
                                        {"oid", RollUp::key, "", Integers{1, 1, 1, kNullInteger}},
                                        {"rows", RollUp::sum, "", Integers{1, 2, 4, 8}}})});
    EXPECT_THAT(values<Integers>(rolled, "rows"), ElementsAre(1, 2, 4, 8));
}

TEST(RollUpOfFrames, AColumnThatBecameRealIsSummedAsReals) {
    const auto rolled =
        roll_up({frame(0, 10, {{"time", RollUp::sum, "ms", Integers{3}}}), frame(10, 20, {{"time", RollUp::sum, "ms", Reals{0.5}}}),
                 frame(20, 30, {{"time", RollUp::sum, "ms", Integers{2}}})});
    EXPECT_THAT(values<Reals>(rolled, "time"), ElementsAre(5.5));
}

TEST(RollUpOfFrames, SumsOfRealsKeepTheirLastDigits) {
    std::vector<Frame> frames{frame(0, 10, {{"time", RollUp::sum, "ms", Reals{1e16}}})};
    for (int i = 1; i <= 1'000; ++i) frames.push_back(frame(i * 10, i * 10 + 10, {{"time", RollUp::sum, "ms", Reals{1}}}));
    EXPECT_EQ(values<Reals>(roll_up(frames), "time").at(0), 1e16 + 1'000);
}

TEST(RollUpOfFrames, ASumStopsAtTheLargestInteger) {
    constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
    const auto rolled =
        roll_up({frame(0, 10, {{"n", RollUp::sum, "", Integers{kLargest - 1}}, {"m", RollUp::sum, "", Integers{-kLargest}}}),
                 frame(10, 20, {{"n", RollUp::sum, "", Integers{5}}, {"m", RollUp::sum, "", Integers{-5}}})});
    EXPECT_THAT(values<Integers>(rolled, "n"), ElementsAre(kLargest));
    EXPECT_THAT(values<Integers>(rolled, "m"), ElementsAre(-kLargest)) << "and not NULL, which is the smallest";
}

TEST(RollUpOfFrames, OfNothingIsNothing) {
    EXPECT_EQ(roll_up(std::vector<Frame>{}).rows(), 0U);
    EXPECT_TRUE(roll_up(std::vector<Frame>{}).columns.empty());
}

TEST(RollUpOfFrames, EveryWayHasANameThatReadsBack) {
    for (const auto way : {RollUp::key, RollUp::sum, RollUp::mean, RollUp::maximum, RollUp::minimum, RollUp::last})
        EXPECT_EQ(roll_up_from(to_string(way)), way);
    EXPECT_FALSE(roll_up_from("median").has_value());
}

}  // namespace
}  // namespace orrery::domain
