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

}  // namespace orrery::engine
