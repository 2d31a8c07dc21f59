#include "store/spooling_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "store/record.hpp"

namespace orrery::store {

using base::Error;
using base::ErrorKind;
using base::Result;
using domain::ServerId;

namespace {

/// The same call may succeed when the store is back, has space or is writable again. An overlap (a conflict that no server raised) stays
/// one.
bool is_away(const Error& error) {
    switch (error.kind) {
        case ErrorKind::connection:
        case ErrorKind::timeout:
        case ErrorKind::io:
        case ErrorKind::permission: return true;
        case ErrorKind::conflict: return !error.sqlstate.empty();
        default: return false;
    }
}

/// One process at a time replays. Goes with the process, however that ends.
class DrainLock {
public:
    explicit DrainLock(const std::filesystem::path& spool) {
        const auto file = spool.string() + ".lock";
        fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        held_ = fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
    }
    DrainLock(const DrainLock&) = delete;
    DrainLock& operator=(const DrainLock&) = delete;
    ~DrainLock() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] bool held() const { return held_; }

private:
    int fd_ = -1;
    bool held_ = false;
};

/// Whether an interval that was refused for overlapping is itself what it overlaps with.
Result<bool> is_there(domain::Store& store, ServerId server, const domain::QueryLogInterval& interval) {
    ORRERY_ASSIGN(const auto found, store.intervals(server, interval.start, interval.end));
    return std::any_of(found.begin(), found.end(), [&](const domain::QueryLogInterval& other) {
        return other.start == interval.start && other.end == interval.end && other.known_exec_ms == interval.known_exec_ms &&
               other.deltas.size() == interval.deltas.size();
    });
}

}  // namespace

SpoolingStore::SpoolingStore(OpenStore open_store, SpoolingOptions options)
    : open_store_(std::move(open_store)),
      options_(std::move(options)),
      clock_(options_.clock != nullptr ? options_.clock : &base::system_clock()) {}

Result<SpoolingStore> SpoolingStore::open(OpenStore open_store, SpoolingOptions options) {
    SpoolingStore store(std::move(open_store), std::move(options));
    const auto opened = store.remote();
    if (!opened && opened.error().kind != ErrorKind::connection) return base::unexpected(opened.error());
    return store;
}

Result<domain::Store*> SpoolingStore::remote() {
    if (absence_ && clock_->steady() < next_try_) return base::unexpected(*absence_);
    if (remote_ == nullptr) {
        auto opened = open_store_();
        if (!opened) {
            note_absence(opened.error());
            return base::unexpected(std::move(opened).error());
        }
        remote_ = std::move(opened).value();
    }
    return remote_.get();
}

void SpoolingStore::note_absence(const Error& error) {
    pause_ = absence_ ? std::min(pause_ * 2, options_.last_pause) : options_.first_pause;
    next_try_ = clock_->steady() + pause_;
    absence_ = error;
}

void SpoolingStore::note_presence() {
    if (absence_) base::log_info("the store is back");
    absence_.reset();
}

template <typename Call>
auto SpoolingStore::ask(Call call) -> decltype(call(std::declval<domain::Store&>())) {
    ORRERY_ASSIGN(domain::Store * store, remote());
    auto outcome = call(*store);
    if (!outcome && is_away(outcome.error()))
        note_absence(outcome.error());
    else
        note_presence();
    return outcome;
}

template <typename Call>
auto SpoolingStore::ask_in_turn(Call call) -> decltype(call(std::declval<domain::Store&>())) {
    ORRERY_ASSIGN(const auto waiting, drain());
    if (waiting > 0 && !absence_)
        base::log_warning(fmt::format("{} items still wait in {} for the store", waiting, options_.file.string()));
    return ask(call);
}

/// To the store when nothing waits before it, else, or when the store is away, behind what waits.
template <typename Call, typename Keep>
Result<void> SpoolingStore::send(Call call, Keep keep) {
    ORRERY_ASSIGN(const auto waiting, drain());
    if (waiting == 0) {
        const bool was_away = absence_.has_value();
        auto outcome = ask(call);
        if (outcome || !is_away(outcome.error())) return outcome;
        if (!was_away)
            base::log_warning(fmt::format("{}; what is collected meanwhile waits in {}", outcome.error().message, options_.file.string()));
    }
    ORRERY_ASSIGN(Spool * queue, spool(true));
    auto kept = keep(*queue);
    if (kept) return {};
    auto error = std::move(kept).error().within("the store is away, and its spool cannot be written");
    if (absence_) error.detail += fmt::format("; the store: {}", absence_->message);
    return base::unexpected(std::move(error));
}

/// Null when there is none and none is to be made.
Result<Spool*> SpoolingStore::spool(bool make) {
    if (!spool_) {
        std::error_code ignored;
        if (!make && !std::filesystem::exists(options_.file, ignored)) return static_cast<Spool*>(nullptr);
        ORRERY_ASSIGN(Spool opened, Spool::open(options_.file, *clock_));
        spool_.emplace(std::move(opened));
    }
    return &*spool_;
}

Result<std::int64_t> SpoolingStore::drain() {
    ORRERY_ASSIGN(Spool * queue, spool(false));
    if (queue == nullptr) return std::int64_t{0};
    ORRERY_ASSIGN(auto waiting, queue->waiting());
    if (waiting == 0 || (absence_ && clock_->steady() < next_try_)) return waiting;
    const DrainLock lock(options_.file);
    if (!lock.held()) return waiting;
    const auto deadline = clock_->steady() + options_.drain_share;
    const auto before = waiting;
    while (clock_->steady() < deadline) {
        ORRERY_ASSIGN(const auto item, queue->front());
        if (!item) {
            static_cast<void>(queue->shrink().has_value());  // another process may be writing to it: next time
            base::log_info(fmt::format("{} items that waited for the store are written", before));
            return std::int64_t{0};
        }
        auto done = ask([&](domain::Store& store) { return replay(store, *item); });
        if (!done && is_away(done.error())) break;
        if (!done) {
            base::log_error(
                fmt::format("the store does not take item {} of {}: {}", item->number, options_.file.string(), done.error().message));
            ORRERY_TRY(queue->refuse(*item, done.error()));
        } else {
            ORRERY_TRY(queue->pop(item->number));
        }
    }
    return queue->waiting();
}

Result<void> SpoolingStore::replay(domain::Store& store, const Spool::Item& item) {
    switch (item.kind) {
        case Spool::Kind::templates: {
            ORRERY_ASSIGN(const auto templates, unpack_templates(item.payload));
            return store.save_templates(templates);
        }
        case Spool::Kind::known_statements: {
            ORRERY_ASSIGN(const auto statements, unpack_known_statements(item.payload));
            return store.save_known_statements(item.server, statements);
        }
        case Spool::Kind::interval: {
            ORRERY_ASSIGN(const auto both, unpack_interval(item.payload));
            auto appended = store.append(item.server, both.interval, both.next);
            if (appended || appended.error().kind != ErrorKind::conflict || is_away(appended.error())) return appended;
            ORRERY_ASSIGN(const bool there, is_there(store, item.server, both.interval));
            return there ? Result<void>() : appended;
        }
        case Spool::Kind::cursor: {
            ORRERY_ASSIGN(const auto cursor, unpack_cursor(item.payload));
            return store.save_cursor(item.server, cursor);
        }
        case Spool::Kind::batch: {
            ORRERY_ASSIGN(const auto batch, unpack_batch(item.payload));
            return store.write(item.server, batch);
        }
    }
    return base::unexpected(ErrorKind::corrupt, "the spool holds an item of an unknown kind");
}

Result<ServerId> SpoolingStore::server(const std::string& target, const std::string& system_identifier) {
    ORRERY_ASSIGN([[maybe_unused]] const auto waiting, drain());
    auto id = ask([&](domain::Store& store) { return store.server(target, system_identifier); });
    ORRERY_ASSIGN(Spool * queue, spool(true));
    if (id) {
        ORRERY_TRY(queue->remember_server({*id, target, system_identifier}));
        return id;
    }
    if (!is_away(id.error())) return id;
    ORRERY_ASSIGN(const auto known, queue->server(target, system_identifier));
    return known ? Result<ServerId>(*known) : id;
}

Result<void> SpoolingStore::save_templates(std::span<const domain::QueryTemplate> templates) {
    if (templates.empty()) return {};
    return send([&](domain::Store& store) { return store.save_templates(templates); },
                [&](Spool& queue) { return queue.push(Spool::Kind::templates, 0, pack(templates)); });
}

Result<void> SpoolingStore::save_known_statements(ServerId server, std::span<const domain::KnownStatement> statements) {
    if (statements.empty()) return {};
    return send([&](domain::Store& store) { return store.save_known_statements(server, statements); },
                [&](Spool& queue) { return queue.push(Spool::Kind::known_statements, server, pack(statements)); });
}

Result<std::vector<domain::KnownStatement>> SpoolingStore::known_statements(ServerId server) {
    ORRERY_ASSIGN([[maybe_unused]] const auto waiting, drain());
    auto known = ask([&](domain::Store& store) { return store.known_statements(server); });
    if (!known && !is_away(known.error())) return known;
    ORRERY_ASSIGN(Spool * queue, spool(false));
    // Away, the store's own are not known: they are learnt again, which changes nothing.
    if (queue == nullptr) return known ? known : Result<std::vector<domain::KnownStatement>>(std::vector<domain::KnownStatement>());
    ORRERY_ASSIGN(auto waiting_ones, queue->known_statements(server));
    if (!known) return waiting_ones;
    known->insert(known->end(), waiting_ones.begin(), waiting_ones.end());
    return known;
}

Result<void> SpoolingStore::append(ServerId server, const domain::QueryLogInterval& interval, const domain::QueryLogCursor& next) {
    auto sent = send([&](domain::Store& store) { return store.append(server, interval, next); },
                     [&](Spool& queue) { return queue.push(Spool::Kind::interval, server, pack(interval, next)); });
    if (sent)
        cursors_[server] = pack(next);
    else
        cursors_.erase(server);
    return sent;
}

Result<void> SpoolingStore::save_cursor(ServerId server, const domain::QueryLogCursor& cursor) {
    auto sent = send([&](domain::Store& store) { return store.save_cursor(server, cursor); },
                     [&](Spool& queue) { return queue.push(Spool::Kind::cursor, server, pack(cursor)); });
    if (sent) cursors_[server] = pack(cursor);
    return sent;
}

Result<std::optional<domain::QueryLogCursor>> SpoolingStore::cursor(ServerId server) {
    ORRERY_ASSIGN(const auto waiting, drain());
    if (waiting > 0) {
        ORRERY_ASSIGN(Spool * queue, spool(false));
        ORRERY_ASSIGN(auto newest, queue->cursor(server));
        if (newest) return newest;
    }
    auto stored = ask([&](domain::Store& store) { return store.cursor(server); });
    if (stored || !is_away(stored.error())) return stored;
    const auto last = cursors_.find(server);
    if (last == cursors_.end()) return stored;
    ORRERY_ASSIGN(auto cursor, unpack_cursor(last->second));
    return std::optional(std::move(cursor));
}

Result<void> SpoolingStore::write(ServerId server, const domain::Batch& batch) {
    auto sent = send([&](domain::Store& store) { return store.write(server, batch); },
                     [&](Spool& queue) { return queue.push_batch(server, batch); });
    if (sent)
        for (const auto& [name, value] : batch.state) states_[{server, name}] = value;
    return sent;
}

Result<std::optional<std::string>> SpoolingStore::state(ServerId server, const std::string& name) {
    ORRERY_ASSIGN(const auto waiting, drain());
    if (waiting > 0) {
        ORRERY_ASSIGN(Spool * queue, spool(false));
        ORRERY_ASSIGN(auto newest, queue->state(server, name));
        if (newest) return newest;
    }
    auto stored = ask([&](domain::Store& store) { return store.state(server, name); });
    if (stored || !is_away(stored.error())) return stored;
    const auto last = states_.find({server, name});
    return last == states_.end() ? stored : Result<std::optional<std::string>>(std::optional(last->second));
}

Result<bool> SpoolingStore::lease(const std::string& name, const std::string& holder, std::chrono::milliseconds duration) {
    auto taken = ask([&](domain::Store& store) { return store.lease(name, holder, duration); });
    if (!taken && !is_away(taken.error())) return taken;
    ORRERY_ASSIGN(Spool * queue, spool(taken && *taken));
    if (queue == nullptr) return taken;
    if (!taken) {
        // Away: the machine that held it goes on. Should another have taken over meanwhile, the overlap shows when the spool is replayed.
        ORRERY_ASSIGN(const auto ours, queue->take_lease(name, holder, duration));
        return ours ? Result<bool>(*ours) : taken;
    }
    if (*taken)
        ORRERY_TRY(queue->remember_lease(name, holder, duration));
    else
        ORRERY_TRY(queue->forget_lease(name, holder));
    return taken;
}

Result<void> SpoolingStore::release(const std::string& name, const std::string& holder) {
    ORRERY_ASSIGN(Spool * queue, spool(false));
    if (queue != nullptr) ORRERY_TRY(queue->free_lease(name, holder));
    return ask([&](domain::Store& store) { return store.release(name, holder); });
}

Result<domain::Workload> SpoolingStore::workload(ServerId server, base::WallTime from, base::WallTime to, domain::Oid database) {
    return ask_in_turn([&](domain::Store& store) { return store.workload(server, from, to, database); });
}
Result<std::vector<domain::QueryLogInterval>> SpoolingStore::intervals(ServerId server, base::WallTime from, base::WallTime to) {
    return ask_in_turn([&](domain::Store& store) { return store.intervals(server, from, to); });
}
Result<std::vector<domain::Frame>> SpoolingStore::frames(ServerId server, const std::string& series, base::WallTime from,
                                                         base::WallTime to) {
    return ask_in_turn([&](domain::Store& store) { return store.frames(server, series, from, to); });
}
Result<std::vector<std::string>> SpoolingStore::series(ServerId server) {
    return ask_in_turn([&](domain::Store& store) { return store.series(server); });
}
Result<std::vector<domain::PlanSighting>> SpoolingStore::plans(ServerId server, std::optional<domain::Fingerprint> fingerprint,
                                                               base::WallTime from, base::WallTime to) {
    return ask_in_turn([&](domain::Store& store) { return store.plans(server, fingerprint, from, to); });
}
Result<std::vector<domain::Event>> SpoolingStore::events(ServerId server, base::WallTime from, base::WallTime to) {
    return ask_in_turn([&](domain::Store& store) { return store.events(server, from, to); });
}
Result<domain::RollUpReport> SpoolingStore::roll_up(const domain::RetentionPolicy& policy) {
    return ask_in_turn([&](domain::Store& store) { return store.roll_up(policy); });
}

Result<void> SpoolingStore::save_recommendations(ServerId server, std::span<const domain::Recommendation> recommendations) {
    return ask([&](domain::Store& store) { return store.save_recommendations(server, recommendations); });
}
Result<std::optional<domain::Recommendation>> SpoolingStore::recommendation(const std::string& id) {
    return ask([&](domain::Store& store) { return store.recommendation(id); });
}
Result<std::vector<domain::Recommendation>> SpoolingStore::recommendations(ServerId server) {
    return ask([&](domain::Store& store) { return store.recommendations(server); });
}
Result<std::int64_t> SpoolingStore::add_action(ServerId server, const domain::Action& action) {
    return ask([&](domain::Store& store) { return store.add_action(server, action); });
}
Result<void> SpoolingStore::move_action(std::int64_t id, domain::ActionState expected, domain::ActionState next, const std::string& note) {
    return ask([&](domain::Store& store) { return store.move_action(id, expected, next, note); });
}
Result<std::optional<domain::Action>> SpoolingStore::action(std::int64_t id) {
    return ask([&](domain::Store& store) { return store.action(id); });
}
Result<std::vector<domain::Action>> SpoolingStore::actions(ServerId server) {
    return ask([&](domain::Store& store) { return store.actions(server); });
}
Result<void> SpoolingStore::save_evaluation(ServerId server, const domain::Evaluation& evaluation) {
    return ask([&](domain::Store& store) { return store.save_evaluation(server, evaluation); });
}
Result<std::vector<domain::Evaluation>> SpoolingStore::evaluations(std::int64_t action) {
    return ask([&](domain::Store& store) { return store.evaluations(action); });
}

Result<std::vector<domain::ServerRecord>> SpoolingStore::servers() {
    return ask_in_turn([&](domain::Store& store) { return store.servers(); });
}
Result<std::vector<domain::QueryTemplate>> SpoolingStore::templates() {
    return ask_in_turn([&](domain::Store& store) { return store.templates(); });
}
Result<void> SpoolingStore::each_interval(ServerId server, const domain::Take<domain::QueryLogInterval>& take) {
    return ask_in_turn([&](domain::Store& store) { return store.each_interval(server, take); });
}
Result<void> SpoolingStore::each_frame(ServerId server, const std::string& series, const domain::Take<domain::Frame>& take) {
    return ask_in_turn([&](domain::Store& store) { return store.each_frame(server, series, take); });
}
Result<void> SpoolingStore::each_plan(ServerId server, const domain::Take<domain::PlanSighting>& take) {
    return ask_in_turn([&](domain::Store& store) { return store.each_plan(server, take); });
}
Result<std::vector<std::pair<std::string, std::string>>> SpoolingStore::states(ServerId server) {
    return ask_in_turn([&](domain::Store& store) { return store.states(server); });
}
Result<std::vector<domain::Evaluation>> SpoolingStore::evaluations_of(ServerId server) {
    return ask([&](domain::Store& store) { return store.evaluations_of(server); });
}
Result<void> SpoolingStore::import_action(ServerId server, const domain::Action& action) {
    return ask([&](domain::Store& store) { return store.import_action(server, action); });
}
Result<domain::StoreSummary> SpoolingStore::summary(const domain::RetentionPolicy& policy) {
    return ask_in_turn([&](domain::Store& store) { return store.summary(policy); });
}

}  // namespace orrery::store
