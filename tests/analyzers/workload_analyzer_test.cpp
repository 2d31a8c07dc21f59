#include "analyzers/workload_analyzer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/random.hpp"

namespace orrery::analyzers {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr std::int64_t kStart = 1'767'225'600;  // 2026-01-01 00:00 UTC

/// Hours of minutes to which statements are added.
class Hours {
public:
    explicit Hours(int hours) {
        for (int i = 0; i < hours * 60; ++i) {
            domain::QueryLogInterval interval;
            interval.start = base::from_unix_ms((kStart + 60 * i) * 1'000);
            interval.end = base::from_unix_ms((kStart + 60 * (i + 1)) * 1'000);
            intervals.push_back(interval);
        }
    }

    /// Calls of a template in an interval; `ms`, `rows` and `blocks` are per call.
    struct Cost {
        double ms = 0.1;
        std::int64_t rows = 1, blocks = 4;
    };
    void add(std::size_t minute, std::uint64_t number, const std::string& text, std::int64_t calls, const Cost& cost) {
        if (calls == 0) return;
        const domain::StatementKey key{static_cast<std::int64_t>(number), 1, 10, true};
        if (texts.emplace(number, text).second) {
            known.push_back({key, {number}});
            templates.push_back({.fingerprint = {number}, .text = text});
        }
        domain::StatementDelta delta{key, {}, false};
        const auto n = static_cast<double>(calls);
        delta.counters.calls = calls, delta.counters.rows = calls * cost.rows, delta.counters.exec_ms = n * cost.ms;
        delta.counters.exec_square_ms2 = n * cost.ms * cost.ms, delta.counters.shared_hit = calls * cost.blocks;
        intervals[minute].known_exec_ms += n * cost.ms, intervals[minute].total_exec_ms += n * cost.ms;
        intervals[minute].deltas.push_back(delta);
    }

    [[nodiscard]] WorkloadSummary summary(const WorkloadOptions& options = {}) const {
        return WorkloadAnalyzer(options).get_summary({intervals, known, templates, sessions});
    }

    std::vector<domain::QueryLogInterval> intervals;
    std::vector<domain::KnownStatement> known;
    std::vector<domain::WorkloadStatement> templates;
    std::vector<domain::Frame> sessions;
    std::map<std::uint64_t, std::string> texts;
};

std::int64_t poisson(base::Random& random, double mean) {
    std::int64_t count = -1;
    for (double time = 0; time <= mean; ++count) time += random.exponential(1);
    return count;
}

const std::string kLookup = "SELECT abalance FROM accounts WHERE aid = $1",
                  kWrite = "UPDATE accounts SET abalance = abalance + $1 WHERE aid = $2",
                  kReport =
                      "SELECT region, sum(total), count(*) FROM orders JOIN customers ON customers.id = orders.customer_id GROUP BY region";
constexpr Hours::Cost kPoint{0.05, 1, 4}, kScan{800, 12, 60'000};

TEST(WorkloadAnalyzer, Transactions) {
    Hours hours(6);
    base::Random random(1);
    for (std::size_t i = 0; i < 360; ++i) {
        hours.add(i, 1, kLookup, poisson(random, 300), kPoint);
        hours.add(i, 2, kWrite, poisson(random, 100), {0.1, 1, 6});
    }
    const auto summary = hours.summary();
    EXPECT_EQ(summary.kind.kind(), WorkloadKind::oltp);
    EXPECT_GT(summary.kind.probability(), 0.9);
    EXPECT_EQ(summary.recurrence.largest(), Recurrence::application);
    EXPECT_FALSE(summary.heavy);
    EXPECT_NEAR(summary.calls, 144'000, 2'000);
    EXPECT_NEAR(summary.features[Feature::calls_per_s], 6.67, 0.1);
    EXPECT_DOUBLE_EQ(summary.seconds, 6 * 3'600);
    ASSERT_EQ(summary.templates.size(), 2U);
    EXPECT_EQ(summary.templates[0].fingerprint.value, 1U) << "most time first";
    EXPECT_NEAR(summary.templates[0].features[Feature::dispersion], 1, 0.35);
    EXPECT_NEAR(summary.templates[1].features[Feature::call_share], 0.25, 0.01);
    ASSERT_EQ(summary.intervals.size(), 360U);
    EXPECT_NEAR(summary.intervals[7].write_share, 0.25, 0.1);
    EXPECT_TRUE(summary.templates[0].schedules.empty());
    EXPECT_EQ(summary.find({2})->text, kWrite);
    EXPECT_EQ(summary.find({77}), nullptr);
    EXPECT_THAT(summary.sentences, Contains(AllOf(HasSubstr("It is OLTP"), HasSubstr("probability"))));
}

TEST(WorkloadAnalyzer, AnalystsBesideTransactions) {
    Hours hours(6);
    base::Random random(2);
    for (std::size_t i = 0; i < 360; ++i) {
        hours.add(i, 1, kLookup, poisson(random, 3'000), kPoint);
        hours.add(i, 3, kReport, poisson(random, 1.5), kScan);
    }
    const auto summary = hours.summary();
    EXPECT_EQ(summary.kind.kind(), WorkloadKind::mixed);
    EXPECT_GT(summary.olap_time_share, 0.8);
    EXPECT_LT(summary.olap_call_share, 0.15);
    EXPECT_GT(summary.heavy_time_share, 0.8);
    EXPECT_TRUE(summary.find({3})->heavy);
}

TEST(WorkloadAnalyzer, OnlyAnalystsAndAHeavyLoad) {
    Hours hours(4);
    base::Random random(3);
    for (std::size_t i = 0; i < 240; ++i) hours.add(i, 3, kReport, 60 + poisson(random, 60), {2'000, 12, 60'000});
    const auto summary = hours.summary();
    EXPECT_EQ(summary.kind.kind(), WorkloadKind::olap);
    EXPECT_TRUE(summary.heavy);
    EXPECT_FALSE(hours.summary({.cores = 16}).heavy) << "4 sessions are little on 16 cores";
}

TEST(WorkloadAnalyzer, JobsAreScheduledAndTheirNextRunIsTold) {
    Hours hours(24);
    base::Random random(4);
    for (std::size_t i = 0; i < 1'440; ++i) {
        hours.add(i, 1, kLookup, poisson(random, 20), kPoint);
        if (i % 60 == 5) hours.add(i, 3, kReport, 1, kScan);
    }
    const auto summary = hours.summary();
    EXPECT_EQ(summary.recurrence.largest(), Recurrence::scheduled);
    const auto* job = summary.find({3});
    ASSERT_EQ(job->schedules.size(), 1U);
    EXPECT_EQ(job->recurrence, Recurrence::scheduled);
    EXPECT_DOUBLE_EQ(job->schedules[0].period_s, 3'600);
    EXPECT_THAT(summary.sentences, Contains(AllOf(HasSubstr("every hour, at minute 5"), HasSubstr("next at 2026-01-02 00:05 UTC"))));
    EXPECT_TRUE(summary.find({1})->schedules.empty());
}

TEST(WorkloadAnalyzer, AHistoryThatIsTooLongForAllIsLookedAtWhereMostTimeWent) {
    Hours hours(24);
    for (std::size_t i = 0; i < 1'440; ++i) {
        if (i % 60 == 5) hours.add(i, 3, kReport, 1, kScan);
        if (i % 30 == 7) hours.add(i, 4, kLookup, 1, kPoint);
    }
    const auto all = hours.summary(), some = hours.summary({.most_work = 1});
    EXPECT_EQ(all.find({4})->schedules.size(), 1U);
    EXPECT_TRUE(some.find({4})->schedules.empty());
    EXPECT_EQ(some.find({3})->schedules.size(), 1U);
    EXPECT_EQ(some.find({4})->calls, 48) << "its counters are told all the same";
}

TEST(WorkloadAnalyzer, StatementsThatComeOnceAreAdHoc) {
    Hours hours(5);
    for (std::uint64_t i = 0; i < 50; ++i)
        hours.add(i * 5 + 3, 100 + i, "SELECT sum(c" + std::to_string(i) + ") FROM facts GROUP BY d", 1, kScan);
    const auto summary = hours.summary();
    EXPECT_EQ(summary.recurrence.largest(), Recurrence::ad_hoc);
    EXPECT_DOUBLE_EQ(summary.recurrence.ad_hoc, 1);
}

TEST(WorkloadAnalyzer, RepeatedLookupsMappersAndHintsComeTogether) {
    Hours hours(4);
    base::Random random(5);
    for (std::size_t i = 0; i < 240; ++i) {
        const auto lists = poisson(random, 30);
        hours.add(i, 1, "select o1_0.id, o1_0.customer_id from orders o1_0 where o1_0.state = $1", lists, {0.5, 20, 30});
        hours.add(i, 2, "select c1_0.id, c1_0.name from customers c1_0 where c1_0.id = $1", 20 * lists, kPoint);
        hours.add(i, 3, "SET application_name = $1", lists * 15, {0.001, 0, 0});
        hours.add(i, 4, "SELECT $1", lists * 12, {0.001, 1, 0});
    }
    const auto summary = hours.summary();
    ASSERT_EQ(summary.repeated_lookups.size(), 1U);
    EXPECT_NEAR(summary.repeated_lookups[0].per_call, 20, 0.01);
    ASSERT_EQ(summary.orms.size(), 1U);
    EXPECT_EQ(summary.orms[0].orm, "Hibernate");
    std::vector<std::string> kinds;
    for (const auto& hint : summary.hints) kinds.push_back(hint.kind);
    EXPECT_THAT(kinds, Contains("connection_per_query"));
    EXPECT_THAT(kinds, Contains("ping_before_query"));
    EXPECT_THAT(summary.sentences, Contains(HasSubstr("runs 20.0 times for each call of")));
    EXPECT_THAT(summary.sentences, Contains(HasSubstr("as Hibernate writes them")));
}

TEST(WorkloadAnalyzer, SamplesOfSessionsShowWhoWaitsForLocks) {
    Hours hours(1);
    for (std::size_t i = 0; i < 60; ++i) hours.add(i, 2, kWrite, 50 + static_cast<std::int64_t>(i % 7), {0.1, 1, 6});
    domain::Frame frame;
    frame.series = "sessions";
    frame.columns = {
        {"wait_class", domain::RollUp::key, "", std::vector<std::string>{"Lock", "CPU", "CPU"}},
        {"fingerprint", domain::RollUp::key, "", std::vector<std::string>{domain::Fingerprint{2}.hex(), domain::Fingerprint{2}.hex(), ""}},
        {"samples", domain::RollUp::sum, "", std::vector<std::int64_t>{60, 40, 500}}};
    hours.sessions.push_back(frame);
    const auto summary = hours.summary();
    const auto lock = std::find_if(summary.hints.begin(), summary.hints.end(), [](const Hint& hint) { return hint.kind == "lock_prone"; });
    ASSERT_NE(lock, summary.hints.end());
    EXPECT_EQ(lock->fingerprint->value, 2U);
    EXPECT_DOUBLE_EQ(lock->share, 0.6);
    EXPECT_THAT(summary.sentences, Contains(HasSubstr("wait for locks in 60 % of the samples")));
    const auto writes =
        std::find_if(summary.hints.begin(), summary.hints.end(), [](const Hint& hint) { return hint.kind == "write_heavy"; });
    EXPECT_NE(writes, summary.hints.end());
}

TEST(WorkloadAnalyzer, WhatIsNotKnownIsSaid) {
    Hours hours(1);
    hours.add(3, 1, kLookup, 100, kPoint);
    for (auto& interval : hours.intervals) interval.total_exec_ms += 1, interval.lower_bound = true;
    hours.intervals[4].deltas.push_back({{999, 1, 10, true}, {.calls = 5, .exec_ms = 1}, false});  // no template
    hours.add(5, 9, "SELEC broken", 7, kPoint);
    hours.known.push_back({{555, 1, 10, true}, {0}});  // a statement of our own
    hours.intervals[6].deltas.push_back({{555, 1, 10, true}, {.calls = 1'000, .exec_ms = 1}, false});
    const auto summary = hours.summary();
    EXPECT_LT(summary.coverage, 0.2);
    EXPECT_TRUE(summary.lower_bound);
    EXPECT_EQ(summary.templates.size(), 2U);
    EXPECT_FALSE(summary.find({9})->kind.has_value());
    EXPECT_THAT(summary.sentences, Contains(HasSubstr("is known by statement")));
}

TEST(WorkloadAnalyzer, NothingRan) {
    const auto nothing = WorkloadAnalyzer().get_summary({});
    EXPECT_THAT(nothing.sentences, Contains("Nothing ran while it was observed."));
    EXPECT_TRUE(nothing.templates.empty());
    EXPECT_TRUE(Hours(2).summary().templates.empty());
}

}  // namespace
}  // namespace orrery::analyzers
