#include "engine/lane.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace orrery::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

collectors::Reading reading_of(std::int64_t rows) {
    collectors::Reading reading;
    domain::Frame frame{.series = "numbers"};
    frame.columns.push_back(
        {.name = "n", .roll_up = domain::RollUp::sum, .values = std::vector<std::int64_t>(static_cast<std::size_t>(rows), 1)});
    reading.batch.frames.push_back(std::move(frame));
    reading.server_time = base::Milliseconds(2);
    return reading;
}

class LaneTest : public ::testing::Test {
protected:
    Source source(const std::string& name, milliseconds period) {
        return {.name = name, .period = period, .round = [this, name](const std::stop_token&) -> base::Result<collectors::Reading> {
                    turns.push_back(fmt::format("{}@{}", name, elapsed()));
                    if (failing.contains(name)) return base::unexpected(base::ErrorKind::connection, "server away");
                    return reading_of(3);
                }};
    }
    std::int64_t elapsed() { return std::chrono::duration_cast<milliseconds>(clock.steady() - start).count(); }
    base::Result<void> write(const domain::Batch& batch) {
        if (full) return base::unexpected(base::ErrorKind::io, "disk full");
        written += static_cast<std::int64_t>(batch.frames.size());
        return {};
    }
    Lane lane(std::vector<Source> sources, const LaneOptions& options = {}) {
        return Lane(
            std::move(sources), [this](const domain::Batch& batch) { return write(batch); }, clock, options);
    }
    base::ManualClock clock;
    Instant start = clock.steady();
    std::vector<std::string> turns;
    std::set<std::string> failing;
    bool full = false;
    std::int64_t written = 0;
};

TEST_F(LaneTest, EachSourceHasItsRhythm) {
    auto both = lane({source("fast", seconds(1)), source("slow", seconds(3))});
    both.run({}, start + milliseconds(3'500));
    EXPECT_EQ(turns, (std::vector<std::string>{"fast@0", "slow@0", "fast@1000", "fast@2000", "fast@3000", "slow@3000"}));
    const auto status = both.status();
    EXPECT_EQ(status[0].rounds, 4);
    EXPECT_EQ(status[1].rows, 6);
    EXPECT_EQ(status[0].server_time.count(), 8);
    EXPECT_EQ(written, 6);
}

TEST_F(LaneTest, ALateTurnDoesNotShiftThoseAfterIt) {
    auto slow = source("slow", seconds(1));
    slow.round = [this](const std::stop_token&) -> base::Result<collectors::Reading> {
        turns.push_back(fmt::format("slow@{}", elapsed()));
        clock.advance(turns.size() == 1 ? milliseconds(2'400) : milliseconds(10));
        return collectors::Reading{};
    };
    lane({slow}).run({}, start + milliseconds(4'500));
    EXPECT_EQ(turns, (std::vector<std::string>{"slow@0", "slow@2400", "slow@3400", "slow@4400"}));
}

TEST_F(LaneTest, AWishForThePastDoesNotSpinTheLane) {
    auto eager = source("eager", seconds(1));
    eager.next = [this] { return start; };
    lane({eager}).run({}, start + milliseconds(1'000));
    EXPECT_LE(turns.size(), 51U);
    EXPECT_GE(turns.size(), 10U);
}

TEST_F(LaneTest, OneThatFailsBacksOffWhileTheOthersGoOn) {
    failing.insert("broken");
    auto both = lane({source("broken", seconds(1)), source("well", seconds(1))}, {.longest_back_off = seconds(4)});
    both.run({}, start + milliseconds(12'500));
    std::vector<std::string> broken;
    for (const auto& turn : turns)
        if (turn.starts_with("broken")) broken.push_back(turn);
    EXPECT_EQ(broken, (std::vector<std::string>{"broken@0", "broken@1000", "broken@3000", "broken@7000", "broken@11000"}));
    const auto status = both.status();
    EXPECT_EQ(status[0].failures, 5);
    ASSERT_TRUE(status[0].last_error.has_value());
    EXPECT_EQ(status[0].last_error->message, "server away");
    EXPECT_EQ(status[1].rounds, 13);
}

TEST_F(LaneTest, ReadingsWaitForTheStoreAndAreWrittenInTheEnd) {
    full = true;
    auto one = lane({source("a", seconds(1))});
    one.run({}, start + milliseconds(2'500));
    EXPECT_EQ(written, 0);
    full = false;
    one.once({});
    EXPECT_EQ(written, 4);
    EXPECT_EQ(one.dropped_batches(), 0);
}

TEST_F(LaneTest, WhatWaitsForTheStoreIsBounded) {
    full = true;
    auto one = lane({source("a", seconds(1))}, {.most_unwritten_rows = 10});
    one.run({}, start + milliseconds(9'500));
    EXPECT_EQ(one.dropped_batches(), 7);
    full = false;
    one.once({});
    EXPECT_EQ(written, 4);
}

TEST_F(LaneTest, AReadingThatTheStoreNeverTakesDoesNotHoldUpThoseBehindIt) {
    std::int64_t asked = 0, taken = 0;
    Lane one(
        {source("a", seconds(1))},
        [&](const domain::Batch&) -> base::Result<void> {
            if (++asked == 2) return base::unexpected(base::ErrorKind::invalid_input, "no such column");
            ++taken;
            return {};
        },
        clock);
    one.run({}, start + milliseconds(3'500));
    EXPECT_EQ(asked, 4);
    EXPECT_EQ(taken, 3);
    EXPECT_EQ(one.dropped_batches(), 1);
}

TEST_F(LaneTest, ANoteWithOtherNumbersIsTheSameNote) {
    auto noting = source("sessions", seconds(1));
    noting.round = [this](const std::stop_token&) -> base::Result<collectors::Reading> {
        collectors::Reading reading;
        turns.push_back("turn");
        reading.notes = {fmt::format("looking costs {}.{} ms of shop_{}", turns.size(), turns.size() * 7, turns.size() / 3)};
        return reading;
    };
    auto one = lane({noting});
    one.run({}, start + milliseconds(4'500));
    EXPECT_EQ(one.status()[0].notes, (std::vector<std::string>{"looking costs 2.14 ms of shop_0", "looking costs 5.35 ms of shop_1"}));
}

TEST_F(LaneTest, OneThatThrowsFailsWhileTheOthersGoOn) {
    auto broken = source("broken", seconds(1));
    broken.round = [](const std::stop_token&) -> base::Result<collectors::Reading> { throw std::out_of_range("at"); };
    auto both = lane({broken, source("well", seconds(1))});
    both.run({}, start + milliseconds(1'500));
    EXPECT_EQ(both.status()[0].failures, 2);
    EXPECT_EQ(both.status()[0].last_error->kind, base::ErrorKind::internal);
    EXPECT_EQ(both.status()[1].rounds, 2);
}

TEST_F(LaneTest, NotesAreBounded) {
    auto noting = source("resources", seconds(1));
    noting.round = [](const std::stop_token&) -> base::Result<collectors::Reading> {
        collectors::Reading reading;
        for (int i = 0; i < 500; ++i) reading.notes.push_back(fmt::format("table_{} is locked", i));
        return reading;
    };
    auto one = lane({noting});
    one.once({});
    EXPECT_EQ(one.status()[0].notes.size(), 100U);
}

TEST_F(LaneTest, OneThatFailsAfterALongTimeRestsAllTheSame) {
    auto hanging = source("hanging", seconds(1));
    hanging.round = [this](const std::stop_token&) -> base::Result<collectors::Reading> {
        turns.push_back(fmt::format("hanging@{}", elapsed()));
        clock.advance(seconds(30));
        return base::unexpected(base::ErrorKind::timeout, "canceled");
    };
    lane({hanging}).run({}, start + milliseconds(64'500));
    EXPECT_EQ(turns, (std::vector<std::string>{"hanging@0", "hanging@31000", "hanging@63000"}));
}

TEST_F(LaneTest, TheEndHandsOutWhatIsLeft) {
    auto sampler = source("sampler", seconds(1));
    sampler.finish = [] { return reading_of(1); };
    auto one = lane({sampler});
    one.run({}, start + milliseconds(500));
    EXPECT_EQ(written, 2);
    EXPECT_EQ(one.status()[0].rows, 4);
}

TEST_F(LaneTest, AStopEndsItAtOnce) {
    std::stop_source stop;
    auto stopping = source("a", seconds(1));
    stopping.round = [&](const std::stop_token& token) -> base::Result<collectors::Reading> {
        turns.push_back("a");
        if (turns.size() == 2) stop.request_stop();
        EXPECT_EQ(token.stop_requested(), turns.size() == 2);
        return collectors::Reading{};
    };
    lane({stopping}).run(stop.get_token());
    EXPECT_EQ(turns.size(), 2U);
}

TEST_F(LaneTest, ClassesThatFailAloneAreCounted) {
    auto partly = source("views", seconds(1));
    partly.round = [](const std::stop_token&) -> base::Result<collectors::Reading> {
        auto reading = reading_of(1);
        reading.failures.push_back({"wal", {base::ErrorKind::permission, "permission denied", "", ""}});
        return reading;
    };
    auto one = lane({partly});
    one.once({});
    const auto status = one.status();
    EXPECT_EQ(status[0].rounds, 1);
    EXPECT_EQ(status[0].failures, 1);
    EXPECT_EQ(status[0].notes, (std::vector<std::string>{"wal: permission denied"}));
    EXPECT_EQ(written, 1);
}

}  // namespace
}  // namespace orrery::engine
