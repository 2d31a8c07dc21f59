#include "engine/workload_analysis.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "support/absent_store.hpp"

namespace orrery::engine {
namespace {

using namespace std::chrono_literals;

base::WallTime at(std::chrono::seconds since_1970) {
    return base::WallTime{} + since_1970;
}

/// Knows intervals, and how many it was asked for at once.
class IntervalStore final : public testing_support::AbsentStore {
public:
    base::Result<std::vector<domain::QueryLogInterval>> intervals(domain::ServerId, base::WallTime from, base::WallTime to) override {
        std::vector<domain::QueryLogInterval> found;
        for (const auto& interval : all)
            if (interval.start >= from && interval.end <= to) found.push_back(interval);
        most = std::max(most, found.size());
        ++asked;
        return found;
    }
    void add(std::chrono::seconds start, std::chrono::seconds length) {
        all.push_back({.start = at(start),
                       .end = at(start + length),
                       .deltas = {{.key = {.query_id = 1}, .counters = {.calls = static_cast<std::int64_t>(all.size() + 1)}}}});
    }
    std::vector<domain::QueryLogInterval> all;
    std::size_t most = 0, asked = 0;
};

TEST(WorkloadReading, EveryIntervalOfEveryTierIsReadOnceAFewAtATime) {
    IntervalStore store;
    std::chrono::seconds time = 0s;
    const auto tier = [&](int count, std::chrono::seconds length) {
        for (int i = 0; i < count; ++i) store.add(std::exchange(time, time + length), length);
    };
    tier(60, 24h);
    time += 17h;  // nobody collected
    tier(500, 10min);
    store.add(time, 0s);
    tier(3'000, 1min);
    const std::vector<domain::KnownStatement> known{{{.query_id = 1}, {7}}};
    analyzers::WorkloadHistory history(known);
    ASSERT_TRUE(read_intervals(store, 1, at(0s), at(time), history));
    const auto read = history.intervals();
    ASSERT_EQ(read.size(), store.all.size() - 1) << "all but the one of no length";
    std::int64_t calls = 0;
    for (const auto& some : history.templates().at({7}).calls) calls += some.calls;
    const auto count = static_cast<std::int64_t>(store.all.size());
    EXPECT_EQ(calls, count * (count + 1) / 2 - 561);
    for (std::size_t i = 1; i < read.size(); ++i) EXPECT_GE(read[i].start, read[i - 1].end);
    EXPECT_LE(store.most, 120U);
    EXPECT_LE(store.asked, 600U);
}

TEST(WorkloadReading, NothingIsReadBeforeItsBeginning) {
    IntervalStore store;
    for (int i = 0; i < 10; ++i) store.add(i * 60s, 60s);
    analyzers::WorkloadHistory history({});
    ASSERT_TRUE(read_intervals(store, 1, at(90s), at(500s), history));
    ASSERT_EQ(history.intervals().size(), 6U);
    EXPECT_EQ(history.intervals().front().start, at(120s));
    ASSERT_TRUE(read_intervals(store, 1, at(500s), at(500s), history));
    EXPECT_EQ(history.intervals().size(), 6U);
}

}  // namespace
}  // namespace orrery::engine
