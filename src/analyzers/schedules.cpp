#include "analyzers/schedules.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>
#include <utility>

#include "analyzers/periodogram.hpp"
#include "analyzers/runs.hpp"
#include "base/statistics.hpp"

namespace orrery::analyzers {
namespace {

constexpr double kHour = 3'600, kDay = 86'400, kWeek = 604'800;
/// What people write into crontabs, in seconds.
constexpr std::array kUsualPeriods{10.,     15.,     20.,     30.,     60.,     120.,     180.,     240.,      300.,
                                   360.,    600.,    720.,    900.,    1'200.,  1'800.,   3'600.,   7'200.,    10'800.,
                                   14'400., 21'600., 28'800., 43'200., 86'400., 172'800., 604'800., 1'209'600.};
constexpr std::array kJitters{0.0, 0.0005, 0.003, 0.01, 0.03, 0.07, 0.13};  ///< of the period, standard deviation
constexpr std::array kMissed{0.02, 0.1, 0.3, 0.8};                          ///< share of the runs that fail to come
constexpr double kLeastBackground = 0.02;                                   ///< stray runs in a cycle
constexpr double kFitted = 2;                                               ///< nats given away for fitting period and phase to the data
constexpr double kRegularShare = 0.75;                                      ///< of the pauses of a drifting schedule
constexpr double kChainedShare = 0.6;  ///< of the time between first and last run of a drifting schedule
constexpr double kLongestRun = 0.15;   ///< of the period, and four hours: longer ones are opening hours
constexpr double kCrowded = 0.05;      ///< runs in a bin
constexpr double kNearNeighbour = 20;  ///< bins
constexpr std::size_t kMostRuns = 20'000;

/// The rate of Poisson arrivals without a schedule.
class Rate {
public:
    /// Constant over some five cycles.
    static Rate local(const std::vector<Run>& runs, const Coverage& coverage, double period) {
        Rate rate;
        rate.runs_ = &runs;
        rate.coverage_ = &coverage;
        rate.reach_ = 2.5 * period;
        return rate;
    }
    /// By the time of the day (or the week), smoothed over `reach` on each side.
    static Rate rhythm(const std::vector<Run>& runs, const Coverage& coverage, double cycle, double reach) {
        constexpr std::size_t kSlots = 336;
        Rate rate;
        rate.coverage_ = &coverage;
        rate.cycle_ = cycle;
        rate.slots_.assign(kSlots, 0);
        std::vector<double> seconds(kSlots, 0), hits(kSlots, 0);
        const double slot_s = cycle / kSlots;
        for (double at = 0; at < coverage.seconds();) {
            const double next = (std::floor((coverage.unix_s() + at) / slot_s + 1e-6) + 1) * slot_s - coverage.unix_s();
            seconds[rate.slot(at)] += coverage.between(at, next);
            at = next + 1e-6;
        }
        for (const auto& run : runs) hits[rate.slot(run.at)] += 1;
        const auto spread = static_cast<std::size_t>(reach / slot_s);
        for (std::size_t i = 0; i < kSlots; ++i) {
            double time = 0, sum = 0;
            for (std::size_t j = 0; j <= 2 * spread; ++j) {
                const std::size_t at = (i + kSlots + j - spread) % kSlots;
                time += seconds[at], sum += hits[at];
            }
            rate.slots_[i] = time > 0 ? sum / time : 0;
        }
        return rate;
    }

    [[nodiscard]] double at(double time) const {
        if (!slots_.empty()) return slots_[slot(time)];
        const auto earlier = [](const Run& run, double t) { return run.at < t; };
        const auto first = std::lower_bound(runs_->begin(), runs_->end(), time - reach_, earlier);
        const auto last = std::lower_bound(first, runs_->end(), time + reach_, earlier);
        const double seconds = coverage_->between(time - reach_, time + reach_);
        return seconds > 0 ? static_cast<double>(last - first) / seconds : 0;
    }

private:
    [[nodiscard]] std::size_t slot(double time) const {
        const double phase = std::fmod(coverage_->unix_s() + time, cycle_) / cycle_;
        return std::min(static_cast<std::size_t>(phase * static_cast<double>(slots_.size())), slots_.size() - 1);
    }
    const std::vector<Run>* runs_ = nullptr;
    const Coverage* coverage_ = nullptr;
    double reach_ = 0, cycle_ = 0;
    std::vector<double> slots_;
};

struct Candidate {
    double period = 0, phase = 0;  ///< of a run: seconds since the first bin's start
    double sigma = 0;              ///< of the runs about their due times
    double evidence = -1e300;
    bool usual = false;  ///< the period is one that people write
};

/// Everything about one set of runs that does not depend on the candidate.
struct Scene {
    const std::vector<Run>& runs;
    const Coverage& coverage;
    double shortest_period;
};

double cycles_of(const Scene& scene, double period) {
    return std::max(1.0, scene.coverage.seconds() / period);
}

double first_due_of(const Candidate& candidate) {
    return candidate.phase - std::floor(candidate.phase / candidate.period) * candidate.period;
}

/// The rate where log_ratio asks for it: the same for every jitter and share of missed runs.
struct Background {
    std::vector<double> at_runs, at_dues;
    std::vector<double> seconds;  ///< collected in each cycle
};
Background background_of(const Scene& scene, const Candidate& candidate, const Rate& rate) {
    Background background;
    const double period = candidate.period;
    for (const auto& run : scene.runs) background.at_runs.push_back(rate.at(run.at));
    for (double due = first_due_of(candidate); due < scene.coverage.seconds(); due += period) {
        background.at_dues.push_back(rate.at(due));
        background.seconds.push_back(scene.coverage.between(due - period / 2, due + period / 2));
    }
    return background;
}

/// log of: likelihood with the schedule / likelihood with the rate alone. Each cycle is judged by itself: its runs are background, and
/// one of them is the scheduled run, or that was missed. Cycles that were due while nothing was collected say nothing. `flat`: the run of a
/// cycle may come at any time of it.
double log_ratio(const Scene& scene, const Candidate& candidate, double missed, const Background& rates, bool flat = false) {
    const double period = candidate.period, sigma = candidate.sigma;
    const double height = 1 / (sigma * std::sqrt(2 * std::numbers::pi));
    const double near = std::min(period / 2, 2 * sigma + scene.coverage.width_s());
    auto run = scene.runs.begin();
    double sum = 0;
    std::size_t cycle = 0;
    for (double due = first_due_of(candidate); due < scene.coverage.seconds(); due += period, ++cycle) {
        while (run != scene.runs.end() && run->at < due - period / 2) ++run;
        if (scene.coverage.between(due - near, due + near) < near) continue;
        double explained = 0;
        for (; run != scene.runs.end() && run->at < due + period / 2; ++run) {
            const double lambda = rates.at_runs[static_cast<std::size_t>(run - scene.runs.begin())];
            const double background = std::max(lambda - (1 - missed) / period, kLeastBackground / period);
            const double away = (run->at - due) / sigma;
            explained += (flat ? 1 / period : height * std::exp(-away * away / 2)) / background;
            sum += std::log(background / lambda);
        }
        const double lambda = rates.at_dues[cycle];
        const double background = std::max(lambda - (1 - missed) / period, kLeastBackground / period);
        sum += (lambda - background) * rates.seconds[cycle];
        sum += std::log(missed + (1 - missed) * explained);
    }
    return sum;
}

/// -log of the prior weight of the candidate's cell: which period, which phase, which jitter and share of missed runs.
double cost(const Scene& scene, const Candidate& candidate) {
    const double cell = std::min(1.0, 2.5 * candidate.sigma / candidate.period);
    const double phase = -std::log(cell);
    const double period = candidate.usual ? std::log(static_cast<double>(kUsualPeriods.size()))
                                          : std::log(std::max(1.0, 12 * cycles_of(scene, candidate.period) / cell));
    const double grid = std::log(static_cast<double>(kJitters.size() * kMissed.size()));
    return std::numbers::ln2 + phase + period + grid + kFitted;
}

/// A usual period that these data cannot tell from the candidate's.
std::optional<double> usual_period(const Scene& scene, const Candidate& candidate) {
    for (const double usual : kUsualPeriods)
        if (std::abs(candidate.period - usual) * cycles_of(scene, usual) < 2 * std::max(candidate.sigma, scene.coverage.width_s() / 3))
            return usual;
    return std::nullopt;
}

std::vector<Rate> rates_without_schedule(const Scene& scene, double period) {
    std::vector<Rate> rates{Rate::local(scene.runs, scene.coverage, period)};
    if (period >= 3 * kHour) rates.push_back(Rate::rhythm(scene.runs, scene.coverage, kDay, 2 * kHour));
    if (period >= 2.5 * kDay) rates.push_back(Rate::rhythm(scene.runs, scene.coverage, kWeek, 12 * kHour));
    return rates;
}

/// Runs nearest to their due times, at most `reach` away: number of the cycle and the run.
std::vector<std::pair<double, const Run*>> matched(const Scene& scene, const Candidate& candidate, double reach) {
    std::vector<std::pair<double, const Run*>> pairs;
    for (const auto& run : scene.runs) {
        const double cycle = std::round((run.at - candidate.phase) / candidate.period);
        const double away = std::abs(run.at - candidate.phase - cycle * candidate.period);
        if (away > reach) continue;
        if (pairs.empty() || pairs.back().first != cycle) {
            pairs.emplace_back(cycle, &run);
        } else if (away < std::abs(pairs.back().second->at - candidate.phase - cycle * candidate.period)) {
            pairs.back().second = &run;
        }
    }
    return pairs;
}

/// Period and phase by least squares over the runs near their due times; false when they fall apart.
bool refine(const Scene& scene, Candidate& candidate, double reach) {
    const double proposed = candidate.period;
    for (int round = 0; round < 3; ++round) {
        const auto pairs = matched(scene, candidate, reach * candidate.period);
        if (pairs.size() < 3) return false;
        double cycle_mean = 0, time_mean = 0, cross = 0, square = 0;
        for (const auto& [cycle, run] : pairs) cycle_mean += cycle, time_mean += run->at;
        cycle_mean /= static_cast<double>(pairs.size()), time_mean /= static_cast<double>(pairs.size());
        for (const auto& [cycle, run] : pairs) {
            cross += (cycle - cycle_mean) * (run->at - time_mean);
            square += (cycle - cycle_mean) * (cycle - cycle_mean);
        }
        if (square <= 0) return false;
        candidate.period = cross / square;
        candidate.phase = time_mean - cycle_mean * candidate.period;
        if (std::abs(candidate.period - proposed) > 0.1 * proposed) return false;
    }
    return candidate.period >= scene.shortest_period;
}

/// The phase around which most runs gather, within `reach` of the period on each side; nothing when they gather nowhere, or too few to be
/// a run in every other cycle.
std::optional<double> gathering_phase(const Scene& scene, double period, double reach) {
    constexpr std::size_t kSlots = 400;
    std::array<double, kSlots> hits{}, phases{};
    for (const auto& run : scene.runs) {
        const double phase = std::fmod(run.at, period) / period;
        const auto slot = std::min(static_cast<std::size_t>(phase * kSlots), kSlots - 1);
        hits[slot] += 1;
        phases[slot] += phase;
    }
    const auto spread = static_cast<std::size_t>(2 * reach * kSlots);  // slots in the window
    double inside = 0, sum = 0, most = 0, best = 0;
    for (std::size_t last = 0; last < kSlots + spread; ++last) {
        inside += hits[last % kSlots];
        sum += phases[last % kSlots] + (last >= kSlots ? hits[last % kSlots] : 0);
        if (last >= spread) {
            const std::size_t first = last - spread;
            inside -= hits[first], sum -= phases[first];
        }
        if (inside > most) most = inside, best = sum / inside;
    }
    const double by_chance = 2 * reach * static_cast<double>(scene.runs.size());
    const double cycles = scene.coverage.whole() / period;
    if (most < std::max(3.0, 0.14 * cycles) || most < by_chance + 3 * std::sqrt(by_chance)) return std::nullopt;
    return std::fmod(best, 1.0) * period;
}

/// Periods worth trying.
std::vector<double> proposed_periods(const Scene& scene, const Arrivals& arrivals) {
    const double width = scene.coverage.width_s(), whole = scene.coverage.seconds();
    std::vector<double> periods;
    std::vector<double> presence(arrivals.counts.size(), 0);
    for (const auto& run : scene.runs) presence[static_cast<std::size_t>(run.at / width)] = 1;
    for (const double frequency : strongest_frequencies(presence, 1.5 * width / whole, width / scene.shortest_period, 12))
        for (const double divisor : {1., 2., 3., 4., 5., 6., 8., 12.}) periods.push_back(divisor * width / frequency);
    // Pauses between neighbours and next neighbours; of few runs, all of them.
    for (std::size_t apart = 1; apart <= 3; ++apart) {
        std::vector<double> pauses;
        for (std::size_t i = apart; i < scene.runs.size(); ++i) pauses.push_back(scene.runs[i].at - scene.runs[i - apart].at);
        if (pauses.empty()) break;
        if (scene.runs.size() <= 12) periods.insert(periods.end(), pauses.begin(), pauses.end());
        for (const double share : {0.25, 0.5, 0.75}) periods.push_back(base::quantile(pauses, share));
    }
    periods.push_back(scene.coverage.whole() / static_cast<double>(scene.runs.size()));
    periods.insert(periods.end(), kUsualPeriods.begin(), kUsualPeriods.end());
    std::erase_if(periods, [&](double period) { return period < scene.shortest_period || period > whole / 2; });
    std::sort(periods.begin(), periods.end());
    periods.erase(std::unique(periods.begin(), periods.end(), [&](double a, double b) { return (b - a) * whole < 0.05 * a * a; }),
                  periods.end());
    return periods;
}

double sigma_of(const Scene& scene, double period, double jitter) {
    return std::hypot(jitter * period, scene.coverage.width_s() / std::sqrt(12.0));
}

/// The candidate with a period that people write, its phase fitted again.
Candidate with_period(const Scene& scene, Candidate candidate, double usual) {
    const auto pairs = matched(scene, candidate, 0.2 * candidate.period);
    std::vector<double> late;
    const double first = pairs.empty() ? 0 : pairs.front().second->at;
    for (const auto& [cycle, run] : pairs) late.push_back(std::remainder(run->at - first, usual));
    candidate.period = usual;
    candidate.usual = true;
    candidate.phase = first + base::median(late);
    return candidate;
}

/// The candidates that look best at a rough glance, period and phase fitted.
std::vector<Candidate> shortlist(const Scene& scene, const Arrivals& arrivals) {
    constexpr std::size_t kShort = 10;
    std::vector<Candidate> candidates;
    for (const double period : proposed_periods(scene, arrivals)) {
        const auto rate = Rate::local(scene.runs, scene.coverage, period);
        for (const double reach : {0.04, 0.2}) {
            const auto phase = gathering_phase(scene, period, reach);
            if (!phase) continue;
            Candidate candidate{period, *phase, 0};
            if (!refine(scene, candidate, 1.7 * reach)) continue;
            candidate.sigma = sigma_of(scene, period, reach / 2);
            const auto background = background_of(scene, candidate, rate);
            candidate.evidence =
                std::max(log_ratio(scene, candidate, kMissed[1], background), log_ratio(scene, candidate, kMissed[3], background)) -
                cost(scene, candidate);
            candidates.push_back(candidate);
        }
    }
    const auto better = [](const Candidate& a, const Candidate& b) { return a.evidence > b.evidence; };
    std::sort(candidates.begin(), candidates.end(), better);
    if (candidates.size() > kShort) candidates.resize(kShort);
    const auto fitted = candidates;
    for (const auto& candidate : fitted)
        for (const double usual : kUsualPeriods)
            if (std::abs(candidate.period / usual - 1) < 0.03) candidates.push_back(with_period(scene, candidate, usual));
    return candidates;
}

/// Whether (nearly) all of the runs are short enough to be runs of a job.
bool short_runs(const std::vector<Run>& runs, const Coverage& coverage, double period) {
    std::vector<double> lengths;
    for (const auto& run : runs) lengths.push_back(run.until - run.at - coverage.width_s() / 2);
    return base::quantile(lengths, 0.75) <= std::min(kLongestRun * period, 4 * kHour);
}

/// Whether the runs that a candidate explains are runs of a job: short, and not the first (or last) of a busy time, to be known by others
/// soon after them (or before) but not on the other side.
bool are_of_a_job(const Scene& scene, const Candidate& candidate) {
    const double near = kNearNeighbour * scene.coverage.width_s();
    std::vector<Run> runs;
    double followed = 0, preceded = 0;
    for (const auto& [cycle, run] : matched(scene, candidate, 0.2 * candidate.period)) {
        runs.push_back(*run);
        if (run != &scene.runs.back() && (run + 1)->at - run->until < near) followed += 1;
        if (run != &scene.runs.front() && run->at - (run - 1)->until < near) preceded += 1;
    }
    if (candidate.period > 4 * near && std::abs(followed - preceded) > 0.5 * static_cast<double>(runs.size())) return false;
    return short_runs(runs, scene.coverage, candidate.period);
}

/// The best of a candidate's jitters and shares of missed runs, against the best explanation without a schedule.
Candidate weighed(const Scene& scene, const Candidate& rough) {
    Candidate best = rough;
    best.evidence = -1e300;
    std::vector<Background> backgrounds;
    for (const auto& rate : rates_without_schedule(scene, rough.period)) backgrounds.push_back(background_of(scene, rough, rate));
    // Where runs are dense, those that touch are one, and their number in a cycle varies less than Poisson's: that is no evidence.
    const bool crowded = static_cast<double>(scene.runs.size()) * scene.coverage.width_s() > kCrowded * scene.coverage.whole();
    for (const double jitter : kJitters) {
        Candidate candidate = rough;
        candidate.sigma = sigma_of(scene, rough.period, jitter);
        for (const double missed : kMissed) {
            candidate.evidence = 1e300;
            for (const auto& background : backgrounds) {
                double ratio = log_ratio(scene, candidate, missed, background);
                if (crowded) ratio -= std::max(0.0, log_ratio(scene, candidate, missed, background, true));
                candidate.evidence = std::min(candidate.evidence, ratio);
            }
            candidate.evidence -= cost(scene, candidate);
            if (candidate.evidence > best.evidence) best = candidate;
        }
    }
    return best;
}

base::WallTime wall(const Coverage& coverage, double time) {
    return base::WallTime{} + std::chrono::duration_cast<base::WallTime::duration>(std::chrono::duration<double>(coverage.unix_s() + time));
}

/// In which hours of the week (of the day, when less than two weeks are known) a schedule keeps running.
class Timetable {
public:
    explicit Timetable(const Coverage& coverage) : unix_s_(coverage.unix_s()), weekly_(coverage.seconds() >= 13 * kDay) {}
    void note(double due, bool came) {
        auto& slot = slots_[slot_of(due)];
        slot.due += 1, slot.came += came ? 1 : 0;
    }
    [[nodiscard]] bool in_its_hours(double due) const { return slots_[slot_of(due)].active(); }
    [[nodiscard]] std::int64_t missed() const {
        return std::accumulate(slots_.begin(), slots_.end(), std::int64_t{0},
                               [](auto sum, const Slot& slot) { return sum + slot.due - slot.came; });
    }
    [[nodiscard]] std::int64_t missed_in_its_hours() const {
        return std::accumulate(slots_.begin(), slots_.end(), std::int64_t{0},
                               [](auto sum, const Slot& slot) { return sum + (slot.active() ? slot.due - slot.came : 0); });
    }

private:
    struct Slot {
        std::int64_t due = 0, came = 0;
        [[nodiscard]] bool active() const { return 2 * came > due; }
    };
    [[nodiscard]] std::size_t slot_of(double due) const {
        const auto hours = static_cast<std::int64_t>((unix_s_ + due) / kHour);
        return static_cast<std::size_t>(hours % (weekly_ ? 168 : 24));
    }
    double unix_s_;
    bool weekly_;
    std::array<Slot, 168> slots_{};
};

/// The candidate as a schedule; the runs that it explains are taken out.
Schedule described(const Scene& scene, const Candidate& candidate, std::vector<Run>& rest) {
    Schedule schedule;
    const double reach = std::min(0.45 * candidate.period, 3.5 * candidate.sigma + scene.coverage.width_s() / 2);
    const auto pairs = matched(scene, candidate, reach);
    std::vector<double> sizes;
    double square = 0;
    for (const auto& [cycle, run] : pairs) {
        const double away = run->at - candidate.phase - cycle * candidate.period;
        square += away * away;
        sizes.push_back(run->size);
        std::erase_if(rest, [&, at = run->at](const Run& other) { return other.at == at; });
    }
    const auto runs = static_cast<double>(pairs.size());
    const double width = scene.coverage.width_s();
    schedule.period_s = usual_period(scene, candidate).value_or(candidate.period);
    schedule.jitter_s = std::sqrt(std::max(0.0, square / std::max(1.0, runs - 2) - width * width / 12));
    schedule.runs = static_cast<std::int64_t>(pairs.size());
    Timetable timetable(scene.coverage);
    auto pair = pairs.begin();
    const double first_cycle = -std::floor(candidate.phase / candidate.period);
    double cycle = first_cycle, due = candidate.phase + cycle * candidate.period;
    for (; due < scene.coverage.seconds(); cycle += 1, due = candidate.phase + cycle * candidate.period) {
        while (pair != pairs.end() && pair->first < cycle) ++pair;
        const bool came = pair != pairs.end() && pair->first == cycle;
        if (came || scene.coverage.between(due - width, due + width) >= width) timetable.note(due, came);
    }
    schedule.phase_s = std::fmod(scene.coverage.unix_s() + due, schedule.period_s);
    schedule.missed = timetable.missed();
    if (timetable.missed_in_its_hours() < 0.3 * static_cast<double>(timetable.missed()) && timetable.missed() > 0.12 * runs) {
        schedule.some_hours = true;
        schedule.missed = timetable.missed_in_its_hours();
        const double a_week_on = due + kWeek;
        for (double next = due; next < a_week_on; next += candidate.period)
            if (timetable.in_its_hours(next)) {
                due = next;
                break;
            }
    }
    schedule.calls_per_run = base::median(sizes);
    schedule.last_run = wall(scene.coverage, pairs.back().second->at);
    schedule.next_run = wall(scene.coverage, due);
    schedule.tolerance_s = 3 * schedule.jitter_s + width / 2;
    schedule.evidence = candidate.evidence;
    return schedule;
}

double log_gamma_ratio(double pause, double mean, double shape) {
    const double x = pause / mean;
    return shape * std::log(shape) - std::lgamma(shape) + (shape - 1) * std::log(x) - shape * x - std::log(mean);
}

/// Runs about a period apart from one to the next; strays in between are passed over.
struct Chain {
    double seconds = 0, periods = 0;
    std::int64_t missed = 0;
};
Chain chained(const Scene& scene, double period) {
    Chain chain;
    double last = scene.runs.front().at;
    for (const auto& run : scene.runs) {
        const double periods = std::round((run.at - last) / period), away = std::abs((run.at - last) / period - periods);
        if (run.at - last < 0.55 * period) continue;
        if (scene.coverage.between(last, run.at) > 0.99 * (run.at - last) - scene.coverage.width_s() && periods <= 4 && away <= 0.45) {
            chain.seconds += run.at - last, chain.periods += periods;
            chain.missed += std::llround(periods) - 1;
        }
        last = run.at;
    }
    return chain;
}

/// A job that waits so long after its last run: pauses that vary far less than those between Poisson arrivals.
std::optional<Schedule> drifting(const Scene& scene) {
    constexpr std::array kShapes{12., 25., 50., 100., 400.};
    const double width = scene.coverage.width_s();
    std::vector<double> pauses;
    for (std::size_t i = 1; i < scene.runs.size(); ++i) {
        const double from = scene.runs[i - 1].at, to = scene.runs[i].at;
        if (scene.coverage.between(from, to) > 0.99 * (to - from) - width) pauses.push_back(to - from);
    }
    if (pauses.size() < 8) return std::nullopt;
    const double mean = base::mean(pauses), middle = base::median(pauses);
    if (middle < 5 * width || middle < scene.shortest_period || !short_runs(scene.runs, scene.coverage, middle)) return std::nullopt;
    // Neighbouring bins are one run, so that no pause is shorter than two bins, schedule or not.
    double without = -1e300;
    for (const double least : {0.0, 2 * width}) {
        const double rest = mean - least + width / 2;
        without = std::max(without, -static_cast<double>(pauses.size()) * std::log(rest) -
                                        std::accumulate(pauses.begin(), pauses.end(), 0.0, [&](double sum, double pause) {
                                            return sum + std::max(0.0, pause - least) / rest;
                                        }));
    }
    double with = -1e300;
    for (const double shape : kShapes) {
        double sum = 0;
        for (const double pause : pauses)
            sum += std::log(0.92 * std::exp(log_gamma_ratio(pause, middle, shape)) + 0.08 * std::exp(-pause / mean) / mean);
        with = std::max(with, sum);
    }
    Schedule schedule;
    schedule.evidence = with - without - std::log(static_cast<double>(kShapes.size())) - kFitted - std::numbers::ln2;
    schedule.by_the_clock = false;
    std::vector<double> regular, sizes;
    for (const double pause : pauses)
        if (std::abs(pause - middle) < 0.45 * middle) regular.push_back(pause);
    // Clusters have many short pauses and a few long ones: no schedule, however unlike Poisson they are.
    if (static_cast<double>(regular.size()) < kRegularShare * static_cast<double>(pauses.size())) return std::nullopt;
    for (const auto& run : scene.runs) sizes.push_back(run.size);
    const auto chain = chained(scene, middle);
    if (chain.seconds < kChainedShare * (scene.runs.back().at - scene.runs.front().at)) return std::nullopt;
    schedule.period_s = chain.seconds / std::max(1.0, chain.periods);
    schedule.missed = chain.missed;
    schedule.jitter_s = std::sqrt(std::max(0.0, base::variance(regular) - width * width / 6));
    schedule.runs = static_cast<std::int64_t>(scene.runs.size());
    schedule.calls_per_run = base::median(sizes);
    schedule.last_run = wall(scene.coverage, scene.runs.back().at);
    schedule.next_run = wall(scene.coverage, scene.runs.back().at + schedule.period_s);
    schedule.tolerance_s = 3 * schedule.jitter_s + width / 2;
    return schedule;
}

/// Calls that come together: 5 when (nearly) all counts are multiples of 5.
double calls_together(const Arrivals& arrivals) {
    std::int64_t divisor = 0;
    for (const double count : arrivals.counts)
        if (count > 0) divisor = std::gcd(divisor, std::llround(count));
    return static_cast<double>(std::max<std::int64_t>(1, divisor));
}

double log_poisson(double count, double mean) {
    return count * std::log(mean) - mean - std::lgamma(count + 1);
}

/// The period of single runs that fall into nearly every bin, near the one that their number tells (too long when some were missed): the
/// strongest frequency, folded back when it is beyond that of every other bin.
double sharpened(const Arrivals& arrivals, double period) {
    const double width = arrivals.width_s;
    const double lowest = width / (1.03 * period), highest = width / (0.9 * period);
    if (highest > 0.93) return period;
    std::vector<double> counts;
    const double mean = arrivals.total() * width / arrivals.covered_seconds();
    for (const double count : arrivals.counts) counts.push_back(std::isnan(count) ? mean : count);
    const bool folded = lowest > 0.5;
    if (!folded && highest > 0.5) return period;
    const auto peaks =
        folded ? strongest_frequencies(counts, 1 - highest, 1 - lowest, 1) : strongest_frequencies(counts, lowest, highest, 1);
    return peaks.empty() ? period : width / (folded ? 1 - peaks[0] : peaks[0]);
}

/// A job that runs several times in a bin, or in nearly each: its counts vary far less than Poisson's.
std::optional<Schedule> steady(const Arrivals& arrivals, const Coverage& coverage, double shortest_period) {
    constexpr std::array kDispersions{0.03, 0.1, 0.25};
    const double total = arrivals.total(), together = calls_together(arrivals);
    if (total < 20 || coverage.whole() <= 0) return std::nullopt;
    const double width = arrivals.width_s, period = coverage.whole() * together / total;
    if (period < shortest_period || period > 4 * width) return std::nullopt;
    const auto bins = static_cast<std::size_t>(std::max(2.0, std::ceil(6 * period / width)));
    std::vector<double> sums;
    std::size_t last_active = 0;
    for (std::size_t i = 0; i + bins <= arrivals.counts.size(); i += bins) {
        const double sum = std::accumulate(arrivals.counts.begin() + static_cast<std::ptrdiff_t>(i),
                                           arrivals.counts.begin() + static_cast<std::ptrdiff_t>(i + bins), 0.0);
        if (!std::isnan(sum)) sums.push_back(sum / together);
    }
    for (std::size_t i = 0; i < arrivals.counts.size(); ++i)
        if (arrivals.counts[i] > 0) last_active = i;
    if (sums.size() < 10) return std::nullopt;
    const double mean = base::mean(sums);
    double best = -1e300;
    for (const double dispersion : kDispersions) {
        const double variance = std::max(dispersion * mean, 0.1);
        double ratio = 0;
        for (const double sum : sums) {
            const double poisson = std::exp(log_poisson(sum, mean));
            const double regular =
                0.5 * (std::erf((sum + 0.5 - mean) / std::sqrt(2 * variance)) - std::erf((sum - 0.5 - mean) / std::sqrt(2 * variance)));
            ratio += std::log((0.98 * regular + 0.02 * poisson) / std::max(poisson, 1e-300));
        }
        best = std::max(best, ratio);
    }
    Schedule schedule;
    schedule.evidence = best - std::log(static_cast<double>(kDispersions.size())) - kFitted - std::numbers::ln2;
    schedule.by_the_clock = false;
    schedule.period_s = sharpened(arrivals, period);
    for (const double usual : kUsualPeriods)
        if (usual > (schedule.period_s == period ? 0.975 : 0.997) * schedule.period_s && usual < 1.005 * schedule.period_s)
            schedule.period_s = usual;  // a few were missed
    schedule.missed = std::max<std::int64_t>(0, std::llround(coverage.whole() / schedule.period_s - total / together));
    schedule.jitter_s = std::sqrt(std::max(0.0, base::variance(sums) / mean - 1 / (6 * mean))) * period;
    schedule.runs = std::llround(total / together);
    schedule.calls_per_run = together;
    schedule.last_run = wall(coverage, (static_cast<double>(last_active) + 0.5) * width);
    schedule.next_run = wall(coverage, (static_cast<double>(last_active) + 0.5) * width + schedule.period_s);
    schedule.tolerance_s = width / 2 + 3 * schedule.jitter_s;
    return schedule;
}

/// Schedules of one set of runs: the most evident one is taken out, and the rest looked at again.
std::vector<Schedule> schedules_of(std::vector<Run> runs, const Arrivals& arrivals, const Coverage& coverage,
                                   const ScheduleOptions& options) {
    std::vector<Schedule> found;
    const double needed = -std::log(options.false_alarm);
    while (found.size() < options.most && runs.size() >= 4 && runs.size() <= kMostRuns) {
        const Scene scene{runs, coverage, std::max(options.shortest_period_s, 2.4 * arrivals.width_s)};
        Candidate best;
        for (const auto& rough : shortlist(scene, arrivals)) {
            const auto candidate = weighed(scene, rough);
            if (candidate.evidence > best.evidence && are_of_a_job(scene, candidate)) best = candidate;
        }
        if (const auto other = drifting(scene); other && other->evidence > std::max(1.3 * best.evidence, needed)) {
            found.push_back(*other);
            break;  // it explains all runs
        }
        if (best.evidence < needed) break;
        auto rest = runs;
        found.push_back(described(scene, best, rest));
        runs = std::move(rest);
    }
    return found;
}

double explained_runs(const std::vector<Schedule>& schedules) {
    double runs = 0;
    for (const auto& schedule : schedules) runs += static_cast<double>(schedule.runs);
    return runs;
}

}  // namespace

std::vector<Schedule> find_schedules(const Arrivals& arrivals, const ScheduleOptions& options) {
    const Coverage coverage(arrivals);
    if (arrivals.counts.empty() || coverage.whole() <= 0) return {};
    // Three looks at the series share the chance of a false alarm.
    ScheduleOptions each = options;
    each.false_alarm = options.false_alarm / 3;
    auto silent = schedules_of(runs_in_silence(arrivals), arrivals, coverage, each);
    std::vector<Schedule> loud;
    const bool varied = std::any_of(arrivals.counts.begin(), arrivals.counts.end(), [](double count) { return count > 3; });
    if (varied) loud = schedules_of(runs_above_background(arrivals), arrivals, coverage, each);
    auto& found = explained_runs(loud) > explained_runs(silent) ? loud : silent;
    const auto regular = steady(arrivals, coverage, options.shortest_period_s);
    if (regular && regular->evidence >= -std::log(each.false_alarm) && (found.empty() || regular->evidence > found[0].evidence))
        found = {*regular};
    std::sort(found.begin(), found.end(), [](const Schedule& a, const Schedule& b) { return a.evidence > b.evidence; });
    return found;
}

}  // namespace orrery::analyzers
