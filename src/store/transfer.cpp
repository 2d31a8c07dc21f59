#include "store/transfer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace orrery::store {
namespace {

using base::ErrorKind;
using base::Result;
using base::WallTime;
using domain::Frame;
using domain::QueryLogInterval;
using domain::ServerId;
using domain::Store;

/// Position by which a target remembers where its content comes from. It belongs to no server.
constexpr ServerId kNoServer = 0;
constexpr const char* kMark = "transfer";

constexpr std::size_t kBatchRows = 20'000;  ///< rows of frames written at once
constexpr std::size_t kTemplatesAtOnce = 500;
constexpr std::size_t kPlansAtOnce = 100;

Result<bool> is_empty(Store& store) {
    ORRERY_ASSIGN(const auto servers, store.servers());
    if (!servers.empty()) return false;
    ORRERY_ASSIGN(const auto templates, store.templates());
    return templates.empty();
}

Result<void> claim(Store& target, const std::string& source) {
    ORRERY_ASSIGN(const auto mark, target.state(kNoServer, kMark));
    if (mark == source) return {};
    ORRERY_ASSIGN(const bool empty, is_empty(target));
    if (mark || !empty)
        return base::unexpected(ErrorKind::conflict, "the target store is not empty",
                                mark ? fmt::format("it holds a transfer from {}", *mark) : "it holds a history of its own",
                                "Choose a new file or database; two histories are not mixed.");
    return target.write(kNoServer, {.state = {{kMark, source}}});
}

/// What is told while copying.
class Count {
public:
    Count(const TransferOptions& options, std::string what, std::int64_t total)
        : options_(&options), what_(std::move(what)), total_(total) {}
    void one() {
        ++done_;
        if (options_->progress && (done_ % 100 == 0 || done_ == total_)) options_->progress(what_, done_, total_);
    }

private:
    const TransferOptions* options_;
    std::string what_;
    std::int64_t total_, done_ = 0;
};

/// The copy of one server's part.
class ServerTransfer {
public:
    ServerTransfer(Store& source, Store& target, const TransferOptions& options, const domain::StoreSummary::Server& server, ServerId there)
        : source_(&source), target_(&target), options_(&options), server_(&server), here_(server.record.id), there_(there) {}

    Result<void> run() {
        ORRERY_ASSIGN(const auto known, source_->known_statements(here_));
        ORRERY_TRY(target_->save_known_statements(there_, known));
        ORRERY_TRY(intervals());
        for (const auto& [series, extent] : server_->series) ORRERY_TRY(frames(series, extent.count));
        ORRERY_TRY(plans_events_and_states());
        return ledger();
    }

private:
    [[nodiscard]] std::string named(std::string_view what) const { return fmt::format("{} of {}", what, server_->record.target); }

    Result<void> intervals() {
        // Intervals are written with a cursor; the real one follows at the end, so that nobody goes on from half a history.
        ORRERY_ASSIGN(const auto cursor, source_->cursor(here_));
        std::set<std::pair<WallTime, WallTime>> present;
        ORRERY_TRY(target_->each_interval(there_, [&](QueryLogInterval&& interval) -> Result<void> {
            present.emplace(interval.start, interval.end);
            return {};
        }));
        Count count(*options_, named("intervals"), server_->intervals.count);
        ORRERY_TRY(source_->each_interval(here_, [&](QueryLogInterval&& interval) -> Result<void> {
            count.one();
            if (present.contains({interval.start, interval.end})) return {};
            domain::QueryLogCursor next;
            next.taken = interval.end;
            next.scope = "a transfer under way";  // nobody takes deltas from it
            return target_->append(there_, interval, next);
        }));
        return cursor ? target_->save_cursor(there_, *cursor) : Result<void>();
    }

    Result<void> frames(const std::string& series, std::int64_t total) {
        Count count(*options_, named(series), total);
        domain::Batch batch;
        std::size_t rows = 0;
        const auto flush = [&]() -> Result<void> {
            if (batch.frames.empty()) return {};
            rows = 0;
            return target_->write(there_, std::exchange(batch, {}));
        };
        const auto take = [&](Frame&& frame) -> Result<void> {
            count.one();
            rows += frame.rows() + 1;
            batch.frames.push_back(std::move(frame));
            return rows >= kBatchRows ? flush() : Result<void>();
        };
        ORRERY_TRY(source_->each_frame(here_, series, take));
        return flush();
    }

    Result<void> plans_events_and_states() {
        domain::Batch some;
        ORRERY_TRY(source_->each_plan(here_, [&](domain::PlanSighting&& plan) -> Result<void> {
            some.plans.push_back(std::move(plan));
            return some.plans.size() < kPlansAtOnce ? Result<void>() : target_->write(there_, std::exchange(some, {}));
        }));
        ORRERY_TRY(target_->write(there_, some));
        domain::Batch rest;
        ORRERY_ASSIGN(rest.events, source_->events(here_, WallTime::min(), WallTime::max()));
        ORRERY_ASSIGN(rest.state, source_->states(here_));
        return target_->write(there_, rest);
    }

    Result<void> ledger() {
        // Advice goes over as one batch in its order, newest first, which is how it is listed.
        ORRERY_ASSIGN(const auto recommendations, source_->recommendations(here_));
        if (!recommendations.empty()) ORRERY_TRY(target_->save_recommendations(there_, recommendations));
        ORRERY_ASSIGN(const auto actions, source_->actions(here_));
        for (const auto& action : actions) {
            ORRERY_ASSIGN(const auto present, target_->action(action.id));
            if (!present) ORRERY_TRY(target_->import_action(there_, action));
        }
        ORRERY_ASSIGN(const auto evaluations, source_->evaluations_of(here_));
        ORRERY_ASSIGN(const auto present, target_->evaluations_of(there_));
        for (std::size_t i = present.size(); i < evaluations.size(); ++i) ORRERY_TRY(target_->save_evaluation(there_, evaluations[i]));
        return {};
    }

    Store* source_;
    Store* target_;
    const TransferOptions* options_;
    const domain::StoreSummary::Server* server_;
    ServerId here_, there_;
};

/// Sums that a lost or doubled item would change.
Result<std::map<std::string, std::int64_t>> sums_of(Store& store) {
    std::map<std::string, std::int64_t> sums;
    ORRERY_ASSIGN(const auto servers, store.servers());
    sums["servers"] = static_cast<std::int64_t>(servers.size());
    ORRERY_ASSIGN(const auto templates, store.templates());
    sums["templates"] = static_cast<std::int64_t>(templates.size());
    for (const auto& server : servers) {
        ORRERY_ASSIGN(const auto known, store.known_statements(server.id));
        sums["known statements"] += static_cast<std::int64_t>(known.size());
        ORRERY_ASSIGN(const auto cursor, store.cursor(server.id));
        sums["cursor rows"] += cursor ? static_cast<std::int64_t>(cursor->rows.size()) : 0;
        ORRERY_TRY(store.each_interval(server.id, [&](QueryLogInterval&& interval) -> Result<void> {
            ++sums["intervals"];
            sums["query log rows"] += static_cast<std::int64_t>(interval.deltas.size());
            for (const auto& delta : interval.deltas) {
                sums["calls in query logs"] += delta.counters.calls;
                sums["rows in query logs"] += delta.counters.rows;
            }
            return {};
        }));
        ORRERY_ASSIGN(const auto series, store.series(server.id));
        for (const auto& name : series) {
            auto& frames = sums[fmt::format("frames of {}", name)];
            auto& rows = sums[fmt::format("rows of {}", name)];
            ORRERY_TRY(store.each_frame(server.id, name, [&](Frame&& frame) -> Result<void> {
                ++frames;
                rows += static_cast<std::int64_t>(frame.rows());
                return {};
            }));
        }
        ORRERY_TRY(store.each_plan(server.id, [&](domain::PlanSighting&&) -> Result<void> {
            ++sums["plans"];
            return {};
        }));
        ORRERY_ASSIGN(const auto events, store.events(server.id, WallTime::min(), WallTime::max()));
        sums["events"] += static_cast<std::int64_t>(events.size());
        ORRERY_ASSIGN(const auto states, store.states(server.id));
        sums["positions"] += static_cast<std::int64_t>(states.size());
        ORRERY_ASSIGN(const auto recommendations, store.recommendations(server.id));
        sums["recommendations"] += static_cast<std::int64_t>(recommendations.size());
        ORRERY_ASSIGN(const auto evaluations, store.evaluations_of(server.id));
        sums["evaluations"] += static_cast<std::int64_t>(evaluations.size());
    }
    ORRERY_ASSIGN(const auto actions, store.actions(0));
    sums["actions"] = static_cast<std::int64_t>(actions.size());
    for (const auto& action : actions) sums["sum of action ids"] += action.id;
    return sums;
}

}  // namespace

Result<std::vector<TransferCheck>> transfer(Store& source, Store& target, const TransferOptions& options) {
    ORRERY_TRY(claim(target, options.source));
    ORRERY_ASSIGN(const auto templates, source.templates());
    for (std::size_t i = 0; i < templates.size(); i += kTemplatesAtOnce)
        ORRERY_TRY(target.save_templates(std::span(templates).subspan(i, std::min(kTemplatesAtOnce, templates.size() - i))));
    ORRERY_ASSIGN(const auto summary, source.summary({}));
    for (const auto& server : summary.servers) {
        ORRERY_ASSIGN(const auto there, target.server(server.record.target, server.record.system_identifier));
        if (auto copied = ServerTransfer(source, target, options, server, there).run(); !copied)
            return base::unexpected(copied.error().within(fmt::format("cannot copy what is known of {}", server.record.target)));
    }
    if (options.progress) options.progress("reading both stores to compare them", 0, 0);
    ORRERY_ASSIGN(const auto before, sums_of(source));
    ORRERY_ASSIGN(auto after, sums_of(target));
    std::vector<TransferCheck> checks;
    for (const auto& [what, count] : before) checks.push_back({what, count, after[what]});
    for (const auto& [what, count] : after)
        if (!before.contains(what)) checks.push_back({what, 0, count});
    return checks;
}

}  // namespace orrery::store
