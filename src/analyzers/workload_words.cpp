#include "analyzers/workload_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace orrery::analyzers {
namespace {

constexpr double kMinute = 60, kHour = 3'600, kDay = 86'400, kWeek = 604'800;
constexpr std::size_t kMostTold = 5;

std::string duration(double seconds) {
    if (seconds >= 2 * kDay) return fmt::format("{:.3g} days", seconds / kDay);
    if (seconds >= 2 * kHour) return fmt::format("{:.3g} hours", seconds / kHour);
    const double whole = std::round(seconds);
    if (whole >= 100 && std::fmod(whole, kMinute) == 0) return fmt::format("{:.0f} min", whole / kMinute);
    if (whole >= 100) return fmt::format("{} min {} s", static_cast<int>(whole / kMinute), static_cast<int>(std::fmod(whole, kMinute)));
    return fmt::format("{:.3g} s", seconds);
}

std::string quantity(double number) {
    if (number >= 1e9) return fmt::format("{:.1f} billion", number / 1e9);
    if (number >= 1e6) return fmt::format("{:.1f} million", number / 1e6);
    if (number >= 1e4) return fmt::format("{:.0f},000", std::round(number / 1e3));
    return fmt::format("{:.0f}", number);
}

std::string rate(double number) {
    return number < 10 ? fmt::format("{:.2f}", number) : quantity(number);
}

/// "2026-01-05 02:30 UTC".
std::string moment(base::WallTime time) {
    const auto text = base::to_iso8601(time);
    return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

std::string short_text(const std::string& text) {
    constexpr std::size_t kLongest = 60;
    std::string line;
    for (const char c : text.substr(0, kLongest)) line += c == '\n' || c == '\t' ? ' ' : c;
    while (!line.empty() && text.size() > line.size() && (static_cast<unsigned char>(line.back()) & 0x80U) != 0) line.pop_back();
    return text.size() > kLongest ? line + "..." : line;
}

std::string named(const WorkloadSummary& summary, domain::Fingerprint fingerprint) {
    const auto* item = summary.find(fingerprint);
    return item == nullptr || item->text.empty() ? fingerprint.hex() : fmt::format("{} ({})", fingerprint.hex(), short_text(item->text));
}

std::string percent(double share) {
    const double number = 100 * share;
    if (number > 0 && number < 1) return "under 1 %";
    return number < 100 && number > 99 ? "over 99 %" : fmt::format("{:.0f} %", number);
}

std::string hours_words(const std::vector<int>& hours) {
    std::string words;
    for (std::size_t i = 0; i < hours.size();) {
        std::size_t last = i;
        while (last + 1 < hours.size() && hours[last + 1] == hours[last] + 1) ++last;
        words += fmt::format("{}{:02}:00 to {:02}:00", words.empty() ? "" : " and ", hours[i], (hours[last] + 1) % 24);
        i = last + 1;
    }
    return words;
}

void kind_words(const WorkloadSummary& s, std::vector<std::string>& out) {
    out.push_back(fmt::format("{} statements of {} templates took {} in {} of observation: {} a second, {:.2f} executing at a time{}.",
                              quantity(s.calls), s.templates.size(), base::to_text(base::Milliseconds(s.ms)), duration(s.seconds),
                              rate(s.features[Feature::calls_per_s]), s.features[Feature::active_sessions],
                              s.lower_bound ? " (at least: counters were reset in between)" : ""));
    if (s.coverage < 0.9)
        out.push_back(fmt::format("Only {} of the server's time in statements is known by statement: the rest is judged alike.",
                                  percent(s.coverage)));
    const auto kind = s.kind.kind();
    const char* why = kind == WorkloadKind::oltp   ? "short transactions"
                      : kind == WorkloadKind::olap ? "long analytical queries"
                                                   : "transactions and analytical queries side by side";
    out.push_back(fmt::format("It is {} ({}, probability {:.2f}): analytical templates take {} of the time and {} of the calls.",
                              to_string(kind), why, s.kind.probability(), percent(s.olap_time_share), percent(s.olap_call_share)));
    out.push_back(s.heavy ? fmt::format("The load is heavy in {} of the intervals.", percent(s.heavy_probability))
                          : fmt::format("The load is light; calls that are dear each make {} of the time.", percent(s.heavy_time_share)));
    const auto& r = s.recurrence;
    out.push_back(fmt::format("Of the time, {} comes from the application's own traffic, {} from schedules, {} from ad-hoc statements.",
                              percent(r.application), percent(r.scheduled), percent(r.ad_hoc)));
}

void schedule_sentences(const WorkloadSummary& s, std::vector<std::string>& out) {
    std::size_t told = 0, more = 0;
    for (const auto& item : s.templates)
        for (const auto& schedule : item.schedules) {
            if (told == kMostTold) {
                ++more;
                continue;
            }
            ++told;
            auto sentence = fmt::format("{} runs {}", named(s, item.fingerprint), schedule_words(schedule));
            if (schedule.some_hours) sentence += ", in some hours of the week only";
            if (schedule.calls_per_run >= 1.5) sentence += fmt::format(", {} calls each", quantity(schedule.calls_per_run));
            sentence += fmt::format("; next at {} (within {})", moment(schedule.next_run), duration(schedule.tolerance_s));
            if (schedule.missed > 0)
                sentence += fmt::format("; {} of {} runs did not come", schedule.missed, schedule.missed + schedule.runs);
            out.push_back(sentence + ".");
        }
    if (more > 0) out.push_back(fmt::format("{} more schedules are in the list of templates.", more));
}

void movement_words(const WorkloadSummary& s, std::vector<std::string>& out) {
    if (s.rhythm.daily)
        out.push_back(fmt::format("It follows the day ({} of the variance between hours): busiest {} UTC.",
                                  percent(s.rhythm.daily_strength), hours_words(s.rhythm.peak_hours)));
    if (s.rhythm.weekly)
        out.push_back(s.rhythm.quiet_weekend
                          ? fmt::format("Weekends are quiet: {} of a usual day's calls on Saturdays, {} on Sundays.",
                                        percent(s.rhythm.weekdays[5]), percent(s.rhythm.weekdays[6]))
                          : fmt::format("It follows the week ({} of the variance between days).", percent(s.rhythm.weekly_strength)));
    const auto growth = [&](const std::optional<Growth>& g, const char* what) {
        if (!g || !g->significant()) return;
        out.push_back(fmt::format("{} {} by {:.1f} % a day (95 % interval {:.1f} to {:.1f} %, {} days).", what,
                                  g->per_day > 0 ? "grow" : "fall", 100 * std::abs(g->per_day),
                                  100 * std::min(std::abs(g->low), std::abs(g->high)), 100 * std::max(std::abs(g->low), std::abs(g->high)),
                                  g->days));
    };
    growth(s.calls_growth, "Calls");
    growth(s.time_growth, "Seconds of execution");
    std::size_t unplanned = 0;
    const Burst* biggest = nullptr;
    for (const auto& burst : s.bursts) {
        if (burst.scheduled) continue;
        ++unplanned;
        if (biggest == nullptr) biggest = &burst;
    }
    if (biggest != nullptr)
        out.push_back(fmt::format("{} burst{}; the biggest at {}: {:.0f} times the usual calls for {}.", unplanned,
                                  unplanned == 1 ? "" : "s", moment(biggest->start), biggest->factor,
                                  duration(std::chrono::duration<double>(biggest->end - biggest->start).count())));
}

void pattern_words(const WorkloadSummary& s, std::vector<std::string>& out) {
    for (std::size_t i = 0; i < std::min(kMostTold, s.repeated_lookups.size()); ++i) {
        const auto& lookup = s.repeated_lookups[i];
        out.push_back(
            fmt::format("{} runs {:.1f} times for each call of {}, which returns {:.1f} rows: one join would do (confidence {:.2f}).",
                        named(s, lookup.child), lookup.per_call, named(s, lookup.parent), lookup.parent_rows, lookup.confidence));
    }
    for (const auto& guess : s.orms)
        out.push_back(fmt::format("{} template{} written as {} writes {} ({}; confidence {:.2f}).", guess.templates,
                                  guess.templates == 1 ? " is" : "s are", guess.orm, guess.templates == 1 ? "it" : "them", guess.why,
                                  guess.confidence));
    for (const auto& hint : s.hints)
        out.push_back(hint.fingerprint ? fmt::format("{}: {}", named(s, *hint.fingerprint), hint.text) : hint.text);
}

}  // namespace

std::string schedule_words(const Schedule& schedule) {
    const double period = schedule.period_s;
    const auto clock = [&](double seconds) {
        const int minutes = static_cast<int>(std::fmod(seconds, kDay) / kMinute);
        return fmt::format("{:02}:{:02} UTC", minutes / 60, minutes % 60);
    };
    if (!schedule.by_the_clock) return fmt::format("about every {}", duration(period));
    if (period == kHour) return fmt::format("every hour, at minute {:.0f}", std::floor(schedule.phase_s / kMinute));
    if (period == kDay) return "each day at " + clock(schedule.phase_s);
    if (period == kWeek) {
        constexpr std::array<const char*, 7> kDays{"Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"};
        return fmt::format("each {} at {}", kDays[static_cast<std::size_t>(schedule.phase_s / kDay) % 7], clock(schedule.phase_s));
    }
    return "every " + duration(period);
}

std::vector<std::string> in_words(const WorkloadSummary& summary) {
    if (summary.calls <= 0) return {"Nothing ran while it was observed."};
    std::vector<std::string> sentences;
    kind_words(summary, sentences);
    movement_words(summary, sentences);
    schedule_sentences(summary, sentences);
    pattern_words(summary, sentences);
    return sentences;
}

}  // namespace orrery::analyzers
