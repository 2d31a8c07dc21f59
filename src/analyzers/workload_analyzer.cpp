#include "analyzers/workload_analyzer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "analyzers/workload_hints.hpp"
#include "analyzers/workload_words.hpp"
#include "base/statistics.hpp"
#include "sql/facts.hpp"

namespace orrery::analyzers {
namespace {

using domain::Fingerprint;

constexpr std::size_t kMostEnds = 150;   ///< lists, and look-ups, that are tried as ends of a sequence
constexpr std::size_t kMostBursts = 10;  ///< kept of one template
constexpr double kScheduledShare = 0.7;  ///< of a template's calls, to be called scheduled
constexpr double kFewIntervals = 3;      ///< an ad-hoc template is active in so many at most ...
constexpr double kEnoughIntervals = 20;  ///< ... of so many at least

/// A template while it is being looked at.
struct Subject {
    Fingerprint fingerprint;
    std::string text;
    std::optional<domain::StatementFacts> facts;
    domain::StatementCounters counters;
    std::vector<std::pair<std::size_t, double>> calls;  ///< by bin, in order of time
};

double seconds_of(const domain::QueryLogInterval& interval) {
    return std::max(0.0, std::chrono::duration<double>(interval.end - interval.start).count());
}

class Analysis {
public:
    Analysis(const WorkloadHistory& history, const WorkloadTexts& texts, const WorkloadOptions& options)
        : history_(history), texts_(texts), options_(options), grid_(history.intervals()) {}

    WorkloadSummary run() {
        gather();
        read_texts();
        sum_intervals();
        describe_templates();
        classify();
        movements();
        sequences();
        std::vector<OrmText> texts;
        for (const auto& subject : subjects_)
            if (!subject.text.empty()) texts.push_back({subject.fingerprint, subject.text});
        summary_.orms = guess_orms(texts);
        summary_.hints = find_hints(summary_, texts_.sessions);
        summary_.sentences = in_words(summary_);
        return std::move(summary_);
    }

private:
    /// Templates with their calls by bin, most time first.
    void gather() {
        for (const auto& [fingerprint, item] : history_.templates()) {
            auto& subject = subjects_.emplace_back(Subject{.fingerprint = fingerprint, .counters = item.counters});
            for (const auto& some : item.calls) {
                const auto bin = grid_.bin(some.interval);
                if (bin == ArrivalGrid::kNoBin) continue;
                const auto calls = static_cast<double>(some.calls);
                if (!subject.calls.empty() && subject.calls.back().first == bin)
                    subject.calls.back().second += calls;
                else
                    subject.calls.emplace_back(bin, calls);
            }
        }
        std::stable_sort(subjects_.begin(), subjects_.end(), [](const Subject& a, const Subject& b) {
            return std::pair(a.counters.exec_ms, a.counters.calls) > std::pair(b.counters.exec_ms, b.counters.calls);
        });
    }

    void read_texts() {
        std::map<Fingerprint, const std::string*> texts;
        for (const auto& item : texts_.templates) texts.emplace(item.fingerprint, &item.text);
        for (auto& subject : subjects_) {
            const auto text = texts.find(subject.fingerprint);
            if (text == texts.end() || text->second->empty()) continue;
            subject.text = *text->second;
            if (auto facts = sql::extract_facts(subject.text)) subject.facts = std::move(*facts);
        }
    }

    /// Totals of each interval and of all. Statements inside functions are part of their callers and count once.
    void sum_intervals() {
        const auto intervals = history_.intervals();
        std::vector<double> written(intervals.size(), 0), told(intervals.size(), 0);  // calls of statements whose text is known
        for (const auto& subject : subjects_) {
            if (!subject.facts) continue;
            const bool writes = !subject.facts->reads_only() && subject.facts->kind != domain::StatementKind::utility;
            for (const auto& some : history_.templates().at(subject.fingerprint).calls) {
                if (!some.toplevel) continue;
                told[some.interval] += static_cast<double>(some.calls);
                if (writes) written[some.interval] += static_cast<double>(some.calls);
            }
        }
        double known_ms = 0, all_ms = 0;
        summary_.lower_bound = false;
        for (std::size_t i = 0; i < intervals.size(); ++i) {
            const auto& interval = intervals[i];
            accumulate(all_, history_.sum(i));
            IntervalSummary item{interval.start, interval.end, counter_features(history_.sum(i), seconds_of(interval))};
            item.write_share = told[i] > 0 ? written[i] / told[i] : 0;
            item.coverage = interval.total_exec_ms > 0 ? std::min(1.0, interval.known_exec_ms / interval.total_exec_ms) : 1;
            item.lower_bound = interval.lower_bound;
            summary_.intervals.push_back(item);
            summary_.seconds += seconds_of(interval);
            summary_.lower_bound = summary_.lower_bound || interval.lower_bound;
            known_ms += interval.known_exec_ms, all_ms += interval.total_exec_ms;
        }
        if (!intervals.empty()) summary_.start = intervals.front().start, summary_.end = intervals.back().end;
        summary_.coverage = all_ms > 0 ? std::min(1.0, known_ms / all_ms) : 1;
        summary_.calls = static_cast<double>(all_.calls);
        summary_.ms = all_.exec_ms;
        summary_.features = counter_features(all_, summary_.seconds);
    }

    [[nodiscard]] Arrivals arrivals_of(const Subject& subject) const {
        auto arrivals = grid_.nothing_yet();
        for (const auto& [bin, calls] : subject.calls) arrivals.counts[bin] += calls;
        return arrivals;
    }

    void describe_templates() {
        std::size_t examined = 0;
        for (const auto& subject : subjects_)
            if (subject.calls.size() >= 4) ++examined;
        ScheduleOptions schedule_options;
        schedule_options.false_alarm =
            options_.false_alarm / static_cast<double>(std::clamp<std::size_t>(examined, 1, options_.most_examined));
        examined = 0;
        double work = 0;
        for (const auto& subject : subjects_) {
            TemplateSummary item{.fingerprint = subject.fingerprint, .text = subject.text};
            if (subject.facts) item.kind = subject.facts->kind;
            item.calls = static_cast<double>(subject.counters.calls);
            item.ms = subject.counters.exec_ms;
            item.features = counter_features(subject.counters, summary_.seconds);
            if (subject.facts) add_text_features(item.features, *subject.facts);
            item.features[Feature::time_share] = summary_.ms > 0 ? std::min(1.0, item.ms / summary_.ms) : 0;
            item.features[Feature::call_share] = summary_.calls > 0 ? std::min(1.0, item.calls / summary_.calls) : 0;
            const double left = options_.most_work - work;
            if (subject.calls.size() >= 4 && left > 0 && examined++ < options_.most_examined) {
                work += work_of(subject);
                examine(subject, schedule_options, item);
            } else {
                lonely(subject, item);
            }
            item.olap_probability = olap_probability(item.features);
            item.heavy = is_heavy(item.features);
            item.recurrence = recurrence_of(subject, item);
            summary_.templates.push_back(std::move(item));
        }
    }

    /// What the arrivals of a template tell.
    static void examine_rhythm(const Arrivals& arrivals, TemplateSummary& item) {
        base::Moments counts;
        double active = 0;
        for (const double count : arrivals.counts) {
            if (std::isnan(count)) continue;
            counts.add(count);
            active += count > 0 ? 1 : 0;
        }
        item.features[Feature::dispersion] = counts.count > 4 && counts.sum > 0 ? counts.variance() / counts.mean() : std::nan("");
        item.features[Feature::active_intervals] = counts.count > 0 ? active / counts.count : std::nan("");
        item.rhythm = find_rhythm(arrivals);
        if (item.rhythm.days >= 2.9) item.features[Feature::daily_strength] = item.rhythm.daily_strength;
    }

    /// Bins that its schedules, rhythm and bursts take to be found; empty ones take less.
    [[nodiscard]] double work_of(const Subject& subject) const {
        const auto bins = static_cast<double>(grid_.bins()), active = static_cast<double>(subject.calls.size());
        return bins / 8 + std::min(6 * active, bins);
    }

    void examine(const Subject& subject, const ScheduleOptions& options, TemplateSummary& item) const {
        const auto arrivals = arrivals_of(subject);
        examine_rhythm(arrivals, item);
        item.schedules = find_schedules(arrivals, options);
        item.growth = find_growth(arrivals);
        item.bursts = find_bursts(arrivals, item.schedules);
        if (item.bursts.size() > kMostBursts) item.bursts.resize(kMostBursts);
    }

    void lonely(const Subject& subject, TemplateSummary& item) const {
        if (grid_.bins() > 0)
            item.features[Feature::active_intervals] = static_cast<double>(subject.calls.size()) / static_cast<double>(grid_.bins());
    }

    [[nodiscard]] Recurrence recurrence_of(const Subject& subject, const TemplateSummary& item) const {
        double scheduled = 0;
        for (const auto& schedule : item.schedules) scheduled += static_cast<double>(schedule.runs) * schedule.calls_per_run;
        if (scheduled >= kScheduledShare * item.calls) return Recurrence::scheduled;
        const bool few =
            static_cast<double>(subject.calls.size()) <= kFewIntervals && static_cast<double>(grid_.bins()) >= kEnoughIntervals;
        return few ? Recurrence::ad_hoc : Recurrence::application;
    }

    void classify() {
        const bool timed = summary_.ms > 0;
        double time = 0, calls = 0, olap_time = 0, olap_calls = 0, heavy_time = 0;
        auto& shares = summary_.recurrence;
        for (const auto& item : summary_.templates) {
            if (item.kind == domain::StatementKind::utility) continue;  // BEGIN and COMMIT belong to both
            const double weight = timed ? item.ms : item.calls;
            time += weight, calls += item.calls;
            olap_time += item.olap_probability * weight, olap_calls += item.olap_probability * item.calls;
            heavy_time += item.heavy ? weight : 0;
            (item.recurrence == Recurrence::scheduled ? shares.scheduled
             : item.recurrence == Recurrence::ad_hoc  ? shares.ad_hoc
                                                      : shares.application) += weight;
        }
        if (time > 0 && calls > 0) {
            summary_.olap_time_share = olap_time / time, summary_.olap_call_share = olap_calls / calls;
            summary_.heavy_time_share = heavy_time / time;
            shares = {shares.application / time, shares.scheduled / time, shares.ad_hoc / time};
        }
        summary_.kind = workload_kind(summary_.olap_time_share, summary_.olap_call_share);
        const double busy = options_.cores > 0 ? options_.cores / 2 : 1;
        double heavy_intervals = 0;
        for (const auto& interval : summary_.intervals) heavy_intervals += interval.features[Feature::active_sessions] >= busy ? 1 : 0;
        if (!summary_.intervals.empty()) summary_.heavy_probability = heavy_intervals / static_cast<double>(summary_.intervals.size());
        summary_.heavy = summary_.heavy_probability > 0.5;
    }

    void movements() {
        auto calls = grid_.nothing_yet(), time = calls;
        for (std::size_t i = 0; i < summary_.intervals.size(); ++i) {
            const auto bin = grid_.bin(i);
            if (bin == ArrivalGrid::kNoBin) continue;
            const auto& interval = summary_.intervals[i];
            const double seconds = std::chrono::duration<double>(interval.end - interval.start).count();
            calls.counts[bin] += interval.features[Feature::calls_per_s] * seconds;
            time.counts[bin] += interval.features[Feature::active_sessions] * seconds;
        }
        summary_.rhythm = find_rhythm(calls);
        summary_.calls_growth = find_growth(calls);
        summary_.time_growth = find_growth(time);
        std::vector<Schedule> schedules;
        for (const auto& item : summary_.templates) schedules.insert(schedules.end(), item.schedules.begin(), item.schedules.end());
        summary_.bursts = find_bursts(calls, schedules);
        if (summary_.rhythm.days >= 2.9) summary_.features[Feature::daily_strength] = summary_.rhythm.daily_strength;
    }

    void sequences() {
        std::vector<const Subject*> subjects;
        for (const auto& subject : subjects_)
            if (subject.facts && subject.facts->kind == domain::StatementKind::select) subjects.push_back(&subject);
        std::stable_sort(subjects.begin(), subjects.end(),
                         [](const Subject* a, const Subject* b) { return a->counters.calls > b->counters.calls; });
        if (subjects.size() > 2 * kMostEnds) subjects.resize(2 * kMostEnds);
        std::vector<SequenceTemplate> ends;
        for (const auto* subject : subjects)
            ends.push_back(
                {subject->fingerprint, &*subject->facts,
                 static_cast<double>(subject->counters.rows) / static_cast<double>(std::max<std::int64_t>(1, subject->counters.calls)),
                 arrivals_of(*subject).counts});
        summary_.repeated_lookups = find_repeated_lookups(ends);
    }

    const WorkloadHistory& history_;
    const WorkloadTexts& texts_;
    const WorkloadOptions& options_;
    ArrivalGrid grid_;
    std::vector<Subject> subjects_;
    domain::StatementCounters all_;
    WorkloadSummary summary_;
};

}  // namespace

std::string_view to_string(Recurrence recurrence) {
    constexpr std::array<std::string_view, 3> kNames{"application", "scheduled", "ad-hoc"};
    return kNames[static_cast<std::size_t>(recurrence)];
}

Recurrence RecurrenceShares::largest() const {
    if (ad_hoc > scheduled && ad_hoc > application) return Recurrence::ad_hoc;
    return scheduled > application ? Recurrence::scheduled : Recurrence::application;
}

const TemplateSummary* WorkloadSummary::find(domain::Fingerprint fingerprint) const {
    const auto found =
        std::find_if(templates.begin(), templates.end(), [&](const TemplateSummary& t) { return t.fingerprint == fingerprint; });
    return found == templates.end() ? nullptr : &*found;
}

WorkloadSummary WorkloadAnalyzer::get_summary(const WorkloadInput& input) const {
    WorkloadHistory history(input.known);
    for (const auto& interval : input.intervals) history.add(interval);
    return get_summary(history, {.templates = input.templates, .sessions = input.sessions});
}

WorkloadSummary WorkloadAnalyzer::get_summary(const WorkloadHistory& history, const WorkloadTexts& texts) const {
    return Analysis(history, texts, options_).run();
}

}  // namespace orrery::analyzers
