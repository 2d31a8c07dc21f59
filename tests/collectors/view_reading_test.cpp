#include "collectors/view_reading.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using domain::kNullInteger;
using Cells = std::vector<std::vector<std::optional<std::string>>>;

base::WallTime at(int seconds) {
    return base::from_unix_ms(1'700'000'000'000 + seconds * 1000LL);
}

domain::SqlRows made_of(const Cells& cells) {
    domain::SqlRows rows;
    if (!cells.empty()) rows.columns.resize(cells.front().size(), "column");
    for (const auto& row : cells) rows.cells.insert(rows.cells.end(), row.begin(), row.end());
    return rows;
}

View made_of(const std::string& columns, bool all_rows = true) {
    const auto view =
        parse_view("things", "-- series: things\n-- about: Things.\n-- group: performance\n" + columns + "-- from: 13\nSELECT 1\n");
    EXPECT_TRUE(view) << view.error().to_text();
    auto made = view.value_or(View{});
    made.all_rows = all_rows;
    return made;
}

const std::string kName = "-- column: name text key\n";
const std::string kCalls = "-- column: calls integer counter\n";
const std::string kTime = "-- column: ms real counter [ms]\n";
const std::string kOpen = "-- column: open integer gauge mean\n";
const std::string kReset = "-- column: reset text reset\n";

class Counting : public ::testing::Test {
protected:
    void view(const std::string& columns, bool all_rows = true) {
        view_ = made_of(columns, all_rows);
        reading.emplace(view_, "part");
    }
    std::optional<domain::Frame> add(const Cells& cells) {
        auto frame = reading->add(made_of(cells), at(now += 10));
        EXPECT_TRUE(frame) << frame.error().to_text();
        return frame.value_or(std::nullopt);
    }
    View view_;
    std::optional<ViewReading> reading;
    int now = 0;
};

std::int64_t integer(const std::optional<domain::Frame>& frame, const char* column, std::size_t row = 0) {
    return std::get<0>(frame->find(column)->values).at(row);
}
double real(const std::optional<domain::Frame>& frame, const char* column, std::size_t row = 0) {
    return std::get<1>(frame->find(column)->values).at(row);
}
std::string text(const std::optional<domain::Frame>& frame, const char* column, std::size_t row = 0) {
    return std::get<2>(frame->find(column)->values).at(row);
}

TEST_F(Counting, TheFirstAnswerIsTheBaselineAndTheNextTellsTheGrowth) {
    view(kName + kCalls + kTime);
    EXPECT_FALSE(add({{"a", "100", "5.5"}, {"b", "7", "1"}}));
    const auto frame = add({{"a", "103", "6"}, {"b", "7", "1"}});
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->series, "things");
    EXPECT_EQ(frame->part, "part");
    EXPECT_EQ(frame->start, at(10));
    EXPECT_EQ(frame->end, at(20));
    EXPECT_FALSE(frame->lower_bound);
    ASSERT_EQ(frame->rows(), 1U) << "a row that did not grow is left out";
    EXPECT_EQ(text(frame, "name"), "a");
    EXPECT_EQ(integer(frame, "calls"), 3);
    EXPECT_DOUBLE_EQ(real(frame, "ms"), 0.5);
    EXPECT_EQ(frame->find("ms")->unit, "ms");
    EXPECT_EQ(frame->find("ms")->roll_up, domain::RollUp::sum);
    EXPECT_EQ(frame->find("name")->roll_up, domain::RollUp::key);
}

TEST_F(Counting, WhenNothingGrewThereIsNoFrameAndTheNextOneBeginsThere) {
    view(kName + kCalls);
    add({{"a", "1"}});
    EXPECT_FALSE(add({{"a", "1"}}));
    EXPECT_EQ(add({{"a", "2"}})->start, at(20));
}

TEST_F(Counting, GaugesAreToldEachTimeWithUnknownGrowthAtFirst) {
    view(kName + kCalls + kTime + kOpen);
    const auto first = add({{"a", "100", "5", "3"}});
    ASSERT_TRUE(first);
    EXPECT_EQ(integer(first, "open"), 3);
    EXPECT_EQ(integer(first, "calls"), kNullInteger);
    EXPECT_TRUE(std::isnan(real(first, "ms")));
    EXPECT_FALSE(first->lower_bound);
    EXPECT_EQ(first->start, first->end);
    const auto second = add({{"a", "100", "5", "4"}});
    EXPECT_EQ(integer(second, "open"), 4);
    EXPECT_EQ(integer(second, "calls"), 0);
}

TEST_F(Counting, AViewOfGaugesAloneIsNeverALowerBound) {
    view(kName + kOpen);
    EXPECT_FALSE(add({{"a", "1"}, {"b", "1"}})->lower_bound);
    reading->disturbed();
    EXPECT_FALSE(add({{"c", "1"}})->lower_bound);
    EXPECT_FALSE(add({})) << "nothing to tell";
    EXPECT_EQ(reading->memory_rows(), 0U);
}

TEST_F(Counting, OfAViewThatStoresChangesTheSameAnswerIsToldOnce) {
    view(kName + kOpen + "-- store: changes\n");
    EXPECT_TRUE(add({{"a", "1"}, {"b", std::nullopt}}));
    EXPECT_FALSE(add({{"a", "1"}, {"b", std::nullopt}}));
    EXPECT_EQ(add({{"a", "2"}, {"b", std::nullopt}})->rows(), 2U);
    EXPECT_FALSE(add({{"a", "2"}, {"b", std::nullopt}}));
}

TEST_F(Counting, ACounterThatWentBackIsCountedFromZero) {
    view(kName + kCalls + kTime);
    add({{"a", "100", "5"}});
    const auto frame = add({{"a", "4", "7"}});
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(integer(frame, "calls"), 4);
    EXPECT_DOUBLE_EQ(real(frame, "ms"), 2) << "what did not go back may have gone on";
    const auto next = add({{"a", "9", "8"}});
    EXPECT_FALSE(next->lower_bound);
    EXPECT_EQ(integer(next, "calls"), 5);
}

TEST_F(Counting, AResetOfTheRowCountsAllItsCountersFromZero) {
    view(kName + kCalls + kTime + kReset);
    add({{"a", "100", "5", "monday"}});
    const auto frame = add({{"a", "4", "7", "tuesday"}});
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(integer(frame, "calls"), 4);
    EXPECT_DOUBLE_EQ(real(frame, "ms"), 7);
    EXPECT_EQ(frame->find("reset"), nullptr);
}

TEST_F(Counting, AResetThatTheCountersDoNotShowInflatesNothing) {
    view(kName + kCalls + kReset);
    add({{"a", "100", "monday"}});
    const auto frame = add({{"a", "103", "tuesday"}});
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(integer(frame, "calls"), 3);
}

TEST_F(Counting, ACounterThatWentBackWithoutAResetDidNotGrow) {
    view(kName + kCalls + kReset);
    add({{"a", "100", "monday"}});
    const auto frame = add({{"a", "99", "monday"}});
    ASSERT_TRUE(frame);
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(frame->rows(), 0U);
    add({{"a", "98", std::nullopt}});
    EXPECT_EQ(integer(add({{"a", "50", std::nullopt}}), "calls"), 50) << "a crash on 15 and later leaves no time of reset";
}

TEST_F(Counting, ANewRowOfAViewOfAllRowsBeganAtZero) {
    view(kName + kCalls);
    add({{"a", "1"}});
    const auto frame = add({{"a", "1"}, {"b", "40"}});
    EXPECT_FALSE(frame->lower_bound);
    EXPECT_EQ(text(frame, "name"), "b");
    EXPECT_EQ(integer(frame, "calls"), 40);
}

TEST_F(Counting, ANewRowOfAnotherViewMayHaveAPast) {
    view(kName + kCalls, false);
    add({{"a", "1"}});
    const auto frame = add({{"a", "1"}, {"b", "40"}});
    ASSERT_TRUE(frame);
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(frame->rows(), 0U);
    EXPECT_EQ(integer(add({{"a", "1"}, {"b", "42"}}), "calls"), 2);
}

TEST_F(Counting, AVanishedRowTookItsLastGrowthAlong) {
    view(kName + kCalls);
    add({{"a", "1"}, {"b", "2"}});
    const auto frame = add({{"a", "2"}});
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(integer(frame, "calls"), 1);
    EXPECT_FALSE(add({{"a", "3"}})->lower_bound);
    EXPECT_EQ(reading->memory_rows(), 1U);
}

TEST_F(Counting, ARenamedRowGoesOn) {
    view("-- column: oid integer key\n-- column: name text label\n" + kCalls);
    add({{"1", "old", "100"}});
    const auto frame = add({{"1", "new", "101"}});
    EXPECT_EQ(integer(frame, "calls"), 1);
    EXPECT_EQ(text(frame, "name"), "new");
    EXPECT_FALSE(frame->lower_bound);
}

TEST_F(Counting, KeysDoNotRunIntoEachOther) {
    view(kName + "-- column: other text key\n" + kCalls);
    add({{"ab", "c", "1"}, {"a", "bc", "5"}});
    const auto frame = add({{"ab", "c", "2"}, {"a", "bc", "5"}});
    ASSERT_EQ(frame->rows(), 1U);
    EXPECT_EQ(text(frame, "name"), "ab");
}

TEST_F(Counting, UnknownCountersStayUnknown) {
    view(kName + kCalls + kTime);
    add({{"a", "1", std::nullopt}});
    const auto lacking = add({{"a", "2", std::nullopt}});
    EXPECT_FALSE(lacking->lower_bound) << "a version that lacks a column lacks it always";
    EXPECT_TRUE(std::isnan(real(lacking, "ms")));
    const auto appeared = add({{"a", "3", "900"}});
    EXPECT_TRUE(appeared->lower_bound);
    EXPECT_TRUE(std::isnan(real(appeared, "ms")));
    EXPECT_DOUBLE_EQ(real(add({{"a", "3", "901"}}), "ms"), 1);
    const auto gone = add({{"a", "4", "NaN"}});
    EXPECT_TRUE(gone->lower_bound);
    EXPECT_TRUE(std::isnan(real(gone, "ms")));
}

TEST_F(Counting, AfterADisturbanceTheNextFrameIsALowerBound) {
    view(kName + kCalls);
    reading->disturbed();
    EXPECT_FALSE(add({{"a", "1"}})) << "before the first answer there was nothing to disturb";
    reading->disturbed();
    EXPECT_TRUE(add({{"a", "2"}})->lower_bound);
    EXPECT_FALSE(add({{"a", "3"}})->lower_bound);
}

TEST_F(Counting, AnotherServerBeginsAnew) {
    view(kName + kCalls);
    add({{"a", "1"}});
    reading->begin_anew();
    const auto gap = add({{"a", "1000"}});
    ASSERT_TRUE(gap) << "the time in between is not told as idle";
    EXPECT_TRUE(gap->lower_bound);
    EXPECT_EQ(gap->rows(), 0U);
    EXPECT_EQ(integer(add({{"a", "1001"}}), "calls"), 1);
}

TEST_F(Counting, AClockThatStepsBackGivesNoFrameFromTheFuture) {
    view(kName + kCalls);
    add({{"a", "1"}});
    now = -100;
    const auto frame = add({{"a", "2"}});
    EXPECT_EQ(frame->start, frame->end);
    EXPECT_EQ(integer(frame, "calls"), 1);
}

TEST_F(Counting, AnAnswerThatDoesNotFitChangesNothing) {
    view(kName + kCalls);
    add({{"a", "1"}});
    const auto refused = [&](const Cells& cells) {
        const auto frame = reading->add(made_of(cells), at(now + 5));
        ASSERT_FALSE(frame);
        EXPECT_EQ(frame.error().kind, ErrorKind::corrupt);
    };
    refused({{"a", "1", "2"}});
    refused({{"a"}});
    refused({{"a", "many"}});
    refused({{"a", "12.5"}});
    refused({{"a", "99999999999999999999"}});
    refused({{"a", "1"}, {"a", "2"}});
    const auto frame = add({{"a", "4"}});
    EXPECT_EQ(integer(frame, "calls"), 3);
    EXPECT_EQ(frame->start, at(10));
}

TEST_F(Counting, ItGoesOnFromWhatWasSaved) {
    view(kName + kCalls + kTime + kReset);
    EXPECT_EQ(reading->save(), "") << "there is nothing yet";
    add({{"a\tb\n\\c", "100", "0.1", "x\ty"}, {"", std::nullopt, "7", std::nullopt}});
    const auto saved = reading->save();
    ViewReading other(view_, "part");
    ASSERT_TRUE(other.restore(saved));
    EXPECT_EQ(other.memory_rows(), 2U);
    const auto frame = *other.add(made_of({{"a\tb\n\\c", "103", "0.3", "x\ty"}, {"", std::nullopt, "8", std::nullopt}}), at(100));
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->start, at(10));
    EXPECT_FALSE(frame->lower_bound);
    EXPECT_EQ(integer(frame, "calls"), 3);
    EXPECT_DOUBLE_EQ(real(frame, "ms"), 0.2);
    EXPECT_EQ(integer(frame, "calls", 1), kNullInteger);
    EXPECT_DOUBLE_EQ(real(frame, "ms", 1), 1);
}

TEST_F(Counting, WhatWasSavedOfOtherColumnsIsRefused) {
    view(kName + kCalls);
    add({{"a", "100"}});
    const auto saved = reading->save();
    const auto wider = made_of(kName + kCalls + kTime);
    EXPECT_FALSE(ViewReading(wider).restore(saved));
    ViewReading same(view_);
    for (const auto& text : {std::string(), std::string("1"), saved + "b\t\t1,2\t\n", saved + "b\t\tx\t\n", saved + "b\n"}) {
        EXPECT_FALSE(same.restore(text)) << text;
        EXPECT_EQ(same.memory_rows(), 0U);
    }
    EXPECT_TRUE(same.restore(saved));
}

TEST_F(Counting, NumbersBeyondAllBoundsDoNotOverflow) {
    view(kName + kCalls);
    add({{"a", "-9223372036854775807"}});
    const auto frame = add({{"a", "9223372036854775807"}});
    EXPECT_TRUE(frame->lower_bound);
    EXPECT_EQ(frame->rows(), 0U);
}

}  // namespace
}  // namespace orrery::collectors
