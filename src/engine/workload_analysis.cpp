#include "engine/workload_analysis.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>

namespace orrery::engine {
namespace {

constexpr std::size_t kMostStretches = 60;
constexpr std::chrono::hours kWindow{2};  ///< of intervals with all their deltas in memory

template <typename Value>
std::span<const Value> cells(const domain::Frame& frame, std::string_view name) {
    const auto* column = frame.find(name);
    const auto* values = column == nullptr ? nullptr : std::get_if<std::vector<Value>>(&column->values);
    return values == nullptr ? std::span<const Value>() : std::span<const Value>(*values);
}

/// Samples by class of wait over samples taken, in equal stretches of the time that the frames cover.
std::vector<WorkloadReport::WaitClass> waits_of(const std::vector<domain::Frame>& frames) {
    if (frames.empty()) return {};
    const std::size_t stretches = std::min(kMostStretches, frames.size());
    const double start = static_cast<double>(base::to_unix_ms(frames.front().start)),
                 end = static_cast<double>(base::to_unix_ms(frames.back().end));
    std::vector<double> taken(stretches, 0);
    std::map<std::string, std::vector<double>> samples;
    for (const auto& frame : frames) {
        const double middle = (static_cast<double>(base::to_unix_ms(frame.start)) + static_cast<double>(base::to_unix_ms(frame.end))) / 2;
        const double share = end > start ? (middle - start) / (end - start) : 0;
        const auto stretch = std::min(stretches - 1, static_cast<std::size_t>(std::max(0.0, share) * static_cast<double>(stretches)));
        const auto classes = cells<std::string>(frame, "wait_class");
        const auto states = cells<std::string>(frame, "state");
        const auto counts = cells<std::int64_t>(frame, "samples");
        const auto looks = cells<std::int64_t>(frame, "taken");
        for (std::size_t row = 0; row < frame.rows(); ++row) {
            if (row < looks.size() && looks[row] != domain::kNullInteger) taken[stretch] += static_cast<double>(looks[row]);
            const bool idle = row < states.size() && states[row].starts_with("idle");
            if (idle || row >= counts.size() || row >= classes.size() || counts[row] == domain::kNullInteger || classes[row].empty())
                continue;
            samples.try_emplace(classes[row], stretches, 0.0).first->second[stretch] += static_cast<double>(counts[row]);
        }
    }
    double all_taken = 0;
    for (const double count : taken) all_taken += count;
    std::vector<WorkloadReport::WaitClass> waits;
    for (auto& [name, counts] : samples) {
        WorkloadReport::WaitClass wait{.name = name};
        for (std::size_t i = 0; i < stretches; ++i) {
            wait.sessions += counts[i];
            wait.active_sessions.push_back(taken[i] > 0 ? counts[i] / taken[i] : std::numeric_limits<double>::quiet_NaN());
        }
        if (all_taken > 0) wait.sessions /= all_taken;
        waits.push_back(std::move(wait));
    }
    std::stable_sort(waits.begin(), waits.end(), [](const auto& a, const auto& b) { return a.sessions > b.sessions; });
    return waits;
}

}  // namespace

base::Result<void> read_intervals(domain::Store& store, domain::ServerId server, base::WallTime from, base::WallTime to,
                                  analyzers::WorkloadHistory& history) {
    // No interval overlaps another: the next one begins where the last one found ended, or later. A window that holds none (a gap, or a
    // piece of a long interval) is widened.
    base::WallTime::duration window = kWindow;
    while (from < to) {
        const auto until = to - from > window ? from + window : to;
        ORRERY_ASSIGN(const auto some, store.intervals(server, from, until));
        auto next = from;
        for (const auto& interval : some) {
            if (interval.end <= next) continue;  // nothing, but it would be found again
            history.add(interval);
            next = interval.end;
        }
        if (until == to) return {};
        window = next > from ? kWindow : window * 2;
        from = next;
    }
    return {};
}

base::Result<WorkloadReport> analyze_workload(const Context& context, const WorkloadRequest& request) {
    WorkloadReport report;
    ORRERY_ASSIGN(const auto store, open_store(context));
    domain::ServerId server = 0;
    {
        ORRERY_ASSIGN(auto session, connect_observer(context, request.target, "analyze"));
        report.target = session.target();
        ORRERY_ASSIGN(server, identify(*store, session));
    }
    const auto now = context.clock->now();
    const auto from = request.since ? now - *request.since : base::from_unix_ms(0);
    ORRERY_ASSIGN(const auto known, store->known_statements(server));
    analyzers::WorkloadHistory history(known);
    if (request.since)
        ORRERY_TRY(read_intervals(*store, server, from, now, history));
    else
        ORRERY_TRY(store->each_interval(server, [&](domain::QueryLogInterval&& interval) -> base::Result<void> {
            history.add(interval);
            return {};
        }));
    if (history.intervals().empty())
        return base::unexpected(base::ErrorKind::missing_object, "no workload of this server has been collected yet", "",
                                "Let orrery collect --target ... run for a while.");
    ORRERY_ASSIGN(const auto workload, store->workload(server, from, now, 0));
    ORRERY_ASSIGN(const auto sessions, store->frames(server, "sessions", from, now));
    report.summary = analyzers::WorkloadAnalyzer().get_summary(history, {.templates = workload.statements, .sessions = sessions});
    report.waits = waits_of(sessions);
    return report;
}

}  // namespace orrery::engine
