// How well the analyzers know a workload: its kind, its schedules, its data.
// --fit prints the coefficients of src/analyzers/workload_class.cpp; --record the statements of tests/analyzers/data.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "analyzers/workload_analyzer.hpp"
#include "base/folder.hpp"
#include "base/random.hpp"
#include "cardinality.hpp"
#include "figure.hpp"
#include "logistic_fit.hpp"
#include "planted_schedules.hpp"
#include "recorded_statements.hpp"
#include "sql/facts.hpp"
#include "workload_mixes.hpp"

using namespace orrery;

namespace {

constexpr int kMixes = 200, kPlanted = 300, kInnocent = 400;
// The models are fitted to the one, and judged on the other: other scales, other data, other texts.
constexpr bench::RecordingOptions kTraining{1, 0.02, 1}, kTrial{10, 0.05, 2};

analyzers::Features features_of(const bench::RecordedStatement& item) {
    auto features = analyzers::counter_features(item.counters, 0);
    if (const auto facts = sql::extract_facts(item.text)) analyzers::add_text_features(features, *facts);
    return features;
}

base::Result<void> fit() {
    ORRERY_ASSIGN(const auto recorded, bench::record(kTraining));
    std::vector<bench::Labelled<analyzers::kClassInputs>> templates;
    for (const auto& item : recorded)
        if (item.workload != "jobs" && item.workload != "ad hoc")
            templates.push_back({analyzers::class_inputs(features_of(item)), item.analytical ? 1U : 0U});
    const auto model =
        bench::fit_logistic<analyzers::kClassInputs, 2>(std::span<const bench::Labelled<analyzers::kClassInputs>>(templates), 0.05);
    fmt::print("kTemplateModel{{{:.3f}}} from {} statements\n", fmt::join(model[0], ", "), templates.size());
    std::vector<bench::Labelled<analyzers::kMixInputs>> mixes;
    bench::MixComposer composer(recorded, base::Random(11));
    for (int i = 0; i < 300; ++i) {
        const auto mix = composer.compose(static_cast<bench::MixLabel>(i % 3));
        const auto summary = analyzers::WorkloadAnalyzer({.most_examined = 0}).get_summary(mix.input());
        mixes.push_back({analyzers::mix_inputs(summary.olap_time_share, summary.olap_call_share), static_cast<std::size_t>(mix.label)});
    }
    const auto kinds = bench::fit_logistic<analyzers::kMixInputs, 3>(std::span<const bench::Labelled<analyzers::kMixInputs>>(mixes), 0.5);
    fmt::print("kMixedModel{{{:.3f}}} kOlapModel{{{:.3f}}} from {} mixes, by the template model that is compiled in\n",
               fmt::join(kinds[0], ", "), fmt::join(kinds[1], ", "), mixes.size());
    return {};
}

base::Result<void> print_recorded() {
    ORRERY_ASSIGN(const auto recorded, bench::record(kTrial));
    for (const auto& item : recorded) {
        const auto& c = item.counters;
        if (item.workload == "ad hoc") continue;
        fmt::print("{}\t{}\t{}\t{}\t{:.4f}\t{:.4f}\t{}\t{}\t{}\t{}\t{}\t{}\n", item.workload, item.analytical ? 1 : 0, c.calls, c.rows,
                   c.exec_ms, c.exec_square_ms2, c.shared_hit, c.shared_read, c.shared_dirtied, c.temp_read + c.temp_written, c.wal_bytes,
                   item.text);
    }
    return {};
}

bool right(const bench::Mix& mix, const analyzers::WorkloadSummary& summary) {
    using enum analyzers::WorkloadKind;
    using analyzers::Recurrence;
    const auto recurrence = summary.recurrence.largest();
    switch (mix.label) {
        case bench::MixLabel::oltp: return summary.kind.kind() == oltp && recurrence == Recurrence::application;
        case bench::MixLabel::mixed: return summary.kind.kind() == mixed && recurrence == Recurrence::application;
        case bench::MixLabel::olap: return summary.kind.kind() == olap && recurrence == Recurrence::application;
        case bench::MixLabel::scheduled: return recurrence == Recurrence::scheduled;
        case bench::MixLabel::ad_hoc: return recurrence == Recurrence::ad_hoc;
    }
    return false;
}

base::Result<void> measure_classes() {
    ORRERY_ASSIGN(const auto recorded, bench::record(kTrial));
    bench::MixComposer composer(recorded, base::Random(5));
    std::array<int, bench::kMixLabels> good{};
    int all = 0;
    for (int i = 0; i < kMixes; ++i) {
        const auto mix = composer.compose(static_cast<bench::MixLabel>(i % bench::kMixLabels));
        const auto summary = analyzers::WorkloadAnalyzer().get_summary(mix.input());
        if (right(mix, summary)) {
            ++good[static_cast<std::size_t>(mix.label)], ++all;
        } else {
            fmt::print(stderr,
                       "wrong: label {} said {} {:.2f}, analytical {:.3f} of time, {:.4f} of calls; application {:.2f} scheduled {:.2f} ad "
                       "hoc {:.2f}\n",
                       static_cast<int>(mix.label), to_string(summary.kind.kind()), summary.kind.probability(), summary.olap_time_share,
                       summary.olap_call_share, summary.recurrence.application, summary.recurrence.scheduled, summary.recurrence.ad_hoc);
        }
    }
    bench::print(
        {"analyze.class_right_percent", 100.0 * all / kMixes, "%",
         fmt::format("{} mixes of statements recorded from pgbench (scale {}), TPC-H (SF {}) and a shop; right of {}: OLTP {}, mixed {}, "
                     "OLAP {}, cron-like {}, ad-hoc {}",
                     kMixes, kTrial.pgbench_scale, kTrial.tpch_scale, kMixes / bench::kMixLabels, good[0], good[1], good[2], good[3],
                     good[4])});
    return {};
}

void measure_schedules() {
    base::Random random(3);
    int planted = 0, found = 0;
    for (int i = 0; i < kPlanted; ++i) {
        const auto series = bench::plant(random);
        const auto schedules = analyzers::find_schedules(series.arrivals);
        for (const double period : series.periods) {
            ++planted;
            const bool hit = std::any_of(schedules.begin(), schedules.end(),
                                         [&](const auto& schedule) { return std::abs(schedule.period_s / period - 1) <= 0.02; });
            if (hit)
                ++found;
            else
                fmt::print(stderr, "missed: {} ({:.0f} s); said {:.0f} s\n", series.what, period,
                           schedules.empty() ? 0 : schedules[0].period_s);
        }
    }
    bench::print(
        {"analyze.schedules_found_percent", 100.0 * found / planted, "%",
         fmt::format(
             "{} planted: periods of 1 min to 6 h with 40 to 100 runs and 10 % jitter (seven in ten uniform, else normal), days with 14 "
             "runs, weeks with 6; period within 2 %",
             planted)});
    int alarms = 0;
    for (int i = 0; i < kInnocent; ++i) {
        auto arrivals = bench::empty_series(std::array{1.0, 3.0, 7.0, 14.0, 28.0}[static_cast<std::size_t>(i % 5)]);
        bench::traffic(arrivals, random, std::pow(10, 4.5 * random.uniform()), static_cast<bench::Traffic>(i / 5 % 4));
        const auto schedules = analyzers::find_schedules(arrivals);
        if (schedules.empty()) continue;
        ++alarms;
        fmt::print(stderr, "false: {:.0f} s, {} runs in traffic {} over {:.0f} days\n", schedules[0].period_s, schedules[0].runs, i / 5 % 4,
                   arrivals.seconds() / 86'400);
    }
    bench::print(
        {"analyze.false_schedules", static_cast<double>(alarms), "count",
         fmt::format("{} series of 1 to 28 days without a schedule: even Poisson traffic, daily waves, office hours, bursts", kInnocent)});
}

base::Result<void> measure() {
    measure_schedules();
    ORRERY_TRY(measure_classes());
    return bench::measure_cardinality();
}

}  // namespace

int main(int count, char** words) {
    base::reaper::start();
    const std::string word = count > 1 ? words[1] : "";
    const auto done = word == "--fit" ? fit() : word == "--record" ? print_recorded() : measure();
    if (done) return 0;
    fmt::print(stderr, "{}\n", done.error().to_text());
    return 1;
}
