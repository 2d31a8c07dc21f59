#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analyzers/workload_analyzer.hpp"
#include "base/random.hpp"

namespace orrery::analyzers {
namespace {

constexpr std::array<const char*, 8> kTexts{"SELECT a FROM t WHERE id = $1",
                                            "UPDATE t SET a = $1 WHERE id = $2",
                                            "SELECT count(*) FROM t JOIN u ON t.id = u.id GROUP BY t.a",
                                            "VACUUM t",
                                            "not a statement",
                                            "",
                                            "SELECT t.* FROM t WHERE a > $1 LIMIT 5",
                                            "SELECT \"\xff"};

struct History {
    std::vector<domain::QueryLogInterval> intervals;
    std::vector<domain::KnownStatement> known;
    std::vector<domain::WorkloadStatement> templates;
};

/// Intervals as they should not be: overlapping, empty, endless, out of order; counters of all sizes.
History odd_history(std::uint64_t seed) {
    base::Random random(seed);
    History history;
    std::int64_t at = 1'767'225'600'000;
    const auto length = random.integer(500, 100'000);
    for (auto i = random.integer(0, 120); i > 0; --i) {
        domain::QueryLogInterval interval;
        interval.start = base::from_unix_ms(at);
        at += random.chance(0.05) ? random.integer(-1'000'000, 5'000'000) : length;
        interval.end = base::from_unix_ms(at);
        if (random.chance(0.1)) at += random.integer(0, 2'000'000);
        for (std::int64_t key = 0; key < 10; ++key) {
            if (random.chance(0.5)) continue;
            domain::StatementDelta delta{{key, 1, 10, !random.chance(0.1)}, {}, random.chance(0.1)};
            delta.counters.calls = random.chance(0.1) ? random.integer(0, 1'000'000'000'000) : random.integer(0, 5);
            delta.counters.rows = random.integer(0, 1'000);
            delta.counters.exec_ms = random.chance(0.2) ? 0 : random.exponential(100);
            delta.counters.exec_square_ms2 = random.exponential(100);
            delta.counters.shared_hit = random.integer(0, 10'000);
            interval.total_exec_ms += delta.counters.exec_ms;
            interval.deltas.push_back(delta);
        }
        history.intervals.push_back(std::move(interval));
    }
    for (std::int64_t key = 0; key < 9; ++key) {
        history.known.push_back({{key, 1, 10, true}, {static_cast<std::uint64_t>(key)}});  // the first is our own
        if (key > 0)
            history.templates.push_back(
                {.fingerprint = {static_cast<std::uint64_t>(key)}, .text = kTexts[static_cast<std::size_t>(key - 1)]});
    }
    return history;
}

RC_GTEST_PROP(WorkloadAnalyzerProperty, OddHistoriesGiveSoundSummaries, (std::uint64_t seed)) {
    const auto history = odd_history(seed);
    const auto summary = WorkloadAnalyzer().get_summary({history.intervals, history.known, history.templates});
    RC_ASSERT(std::abs(summary.kind.oltp + summary.kind.mixed + summary.kind.olap - 1) < 1e-9);
    const double shares = summary.recurrence.application + summary.recurrence.scheduled + summary.recurrence.ad_hoc;
    RC_ASSERT(std::abs(shares - 1) < 1e-9 || shares == 0);
    RC_ASSERT(summary.intervals.size() == history.intervals.size());
    RC_ASSERT(!summary.sentences.empty());
    for (const auto& item : summary.templates) {
        RC_ASSERT(item.fingerprint.value != 0);
        RC_ASSERT(item.olap_probability >= 0 && item.olap_probability <= 1);
        RC_ASSERT(!std::isnan(item.features[Feature::calls_per_s]));
        for (const auto& schedule : item.schedules)
            RC_ASSERT(schedule.period_s > 0 && std::isfinite(schedule.tolerance_s) && schedule.runs > 0);
    }
}

RC_GTEST_PROP(WorkloadAnalyzerProperty, TheOrderOfTheDeltasDoesNotMatter, (std::uint64_t seed)) {
    auto history = odd_history(seed);
    const auto before = WorkloadAnalyzer().get_summary({history.intervals, history.known, history.templates});
    for (auto& interval : history.intervals) std::reverse(interval.deltas.begin(), interval.deltas.end());
    const auto after = WorkloadAnalyzer().get_summary({history.intervals, history.known, history.templates});
    RC_ASSERT(before.templates.size() == after.templates.size());
    RC_ASSERT(std::abs(before.olap_time_share - after.olap_time_share) < 1e-9);
    RC_ASSERT(before.calls == after.calls);
}

}  // namespace
}  // namespace orrery::analyzers
