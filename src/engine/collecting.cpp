#include "engine/collecting.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;

void add_new(std::vector<std::string>& notes, const std::vector<std::string>& more) {
    for (const auto& note : more)
        if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
}

/// The store keeps whole milliseconds.
base::WallTime whole_ms(base::WallTime time) {
    return base::from_unix_ms(base::to_unix_ms(time));
}

collectors::QueryLogOptions collector_options(const Context& context) {
    return {.store_texts = context.settings.boolean("collect.store_texts")};
}

/// Waits between two readings: the interval, or after failures a back-off that does not exceed it.
milliseconds pause_after(std::int64_t failures_in_a_row, milliseconds interval) {
    if (failures_in_a_row == 0) return interval;
    constexpr std::int64_t kDoublings = 6;
    return std::min<milliseconds>(interval, milliseconds(500 << std::min(failures_in_a_row - 1, kDoublings)));
}

}  // namespace

Observer::Observer(const Context& context, domain::Store& store, pg::Session session)
    : context_(&context),
      store_(&store),
      session_(std::move(session)),
      collector_(session_, store, *context.clock, collector_options(context)) {}

base::Result<std::unique_ptr<Observer>> Observer::open(const Context& context, domain::Store& store, const std::string& target,
                                                       std::string_view part) {
    ORRERY_ASSIGN(auto session, connect_observer(context, target, part));
    std::unique_ptr<Observer> observer(new Observer(context, store, std::move(session)));
    ORRERY_ASSIGN(observer->server_, identify(store, observer->session_));
    ORRERY_ASSIGN(observer->database_, database_oid(observer->session_));
    return observer;
}

base::Result<Observation> Observer::observe(milliseconds duration, milliseconds part, const std::string& what) {
    auto& clock = *context_->clock;
    std::optional<base::Progress> progress;
    if (!what.empty()) progress.emplace(what, std::chrono::duration<double>(duration).count());
    Observation seen;
    seen.from = whole_ms(clock.now());
    ORRERY_ASSIGN(auto round, read());
    add_new(seen.notes, round.notes);
    const auto start = clock.steady();
    for (auto due = part;; due = std::min(due + part, duration)) {
        const auto wait = start + due - clock.steady();
        if (wait.count() > 0 && !clock.sleep_for(wait, context_->stop))
            return base::unexpected(ErrorKind::cancelled, "interrupted while observing");
        ORRERY_ASSIGN(round, read());
        add_new(seen.notes, round.notes);
        if (progress) progress->update(std::chrono::duration<double>(due).count());
        if (due >= duration) break;
    }
    seen.to = whole_ms(clock.now()) + milliseconds(1);
    ORRERY_ASSIGN(seen.intervals, store_->intervals(server_, seen.from, seen.to));
    for (const auto& interval : seen.intervals) {
        seen.known_ms += interval.known_exec_ms;
        seen.total_ms += interval.total_exec_ms;
    }
    return seen;
}

base::Result<CollectReport> collect(const Context& context, const CollectRequest& request) {
    ORRERY_ASSIGN(const auto store, open_store(context));
    ORRERY_ASSIGN(const auto observer, Observer::open(context, *store, request.target, "collect"));
    CollectReport report;
    report.target = observer->session().target();
    const auto start = context.clock->steady();
    std::int64_t failures_in_a_row = 0;
    for (;;) {
        auto round = observer->read();
        if (round) {
            ++report.readings;
            failures_in_a_row = 0;
            report.statements = round->statements;
            report.new_templates += round->new_texts;
            if (round->coverage_percent) report.coverage_percent = round->coverage_percent;
            report.server_time += round->server_time;
            add_new(report.notes, round->notes);
            base::log_debug(
                fmt::format("{}: {} statements, {} active, {} new", report.target, round->statements, round->active, round->new_texts));
        } else if (round.error().kind == ErrorKind::cancelled && report.readings > 0) {
            break;
        } else if (report.readings == 0 || request.once || !round.error().retryable()) {
            return base::unexpected(std::move(round).error());
        } else {
            ++report.failures;
            ++failures_in_a_row;
            base::log_warning(round.error().message);
        }
        const auto pause = pause_after(failures_in_a_row, request.interval);
        const bool over = request.duration && context.clock->steady() + pause > start + *request.duration;
        if (request.once || (over && failures_in_a_row == 0)) break;
        if (over) return base::unexpected(std::move(round).error());
        if (!context.clock->sleep_for(pause, context.stop)) break;
    }
    return report;
}

}  // namespace orrery::engine
