#include "lab/load_driver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "pg/session.hpp"

namespace orrery::lab {
namespace {

using std::chrono::steady_clock;

// Arrivals move by up to this share of the interval: two statements of one rate do not march in step.
constexpr double kJitter = 0.5;
constexpr auto kOnceAfter = std::chrono::seconds(1);
constexpr auto kReconnectPause = std::chrono::milliseconds(200);

pg::SessionOptions load_session() {
    pg::SessionOptions options;
    options.application = "load";
    options.safe_settings = false;
    return options;
}

}  // namespace

ArrivalSchedule::ArrivalSchedule(std::span<const ShopStatement> statements, double rate, std::uint64_t seed) {
    const base::Random random = base::Random(seed).fork("arrivals");
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const double per_second = statements[i].per_second * rate;
        Stream stream{per_second > 0 ? 1e9 / per_second : 0, 0, 0, random.fork(statements[i].name)};
        stream.phase = stream.random.uniform();
        streams_.push_back(stream);
        if (per_second > 0)
            queue_.push({i, due_of(i, 0)});
        else if (statements[i].once)
            queue_.push({i, kOnceAfter});
    }
}

ArrivalSchedule::Time ArrivalSchedule::due_of(std::size_t statement, std::int64_t number) {
    Stream& stream = streams_[statement];
    const double position = static_cast<double>(number) + stream.phase + kJitter * stream.random.uniform();
    return Time(std::llround(position * stream.interval_ns));
}

ArrivalSchedule::Arrival ArrivalSchedule::next() const {
    return queue_.empty() ? Arrival{0, Time::max()} : queue_.top();
}

std::int64_t ArrivalSchedule::take(Time now, Time backlog) {
    if (queue_.empty()) return 0;
    const Arrival arrival = queue_.top();
    queue_.pop();
    Stream& stream = streams_[arrival.statement];
    if (stream.interval_ns == 0) return 0;
    std::int64_t shed = 0;
    const Time oldest = now - backlog;
    if (arrival.due < oldest) shed = static_cast<std::int64_t>(static_cast<double>((oldest - arrival.due).count()) / stream.interval_ns);
    stream.number += 1 + shed;
    queue_.push({arrival.statement, due_of(arrival.statement, stream.number)});
    return shed;
}

ParameterStreams::ParameterStreams(std::span<const ShopStatement> statements, base::WallTime reference, std::uint64_t seed) {
    const base::Random random = base::Random(seed).fork("parameters");
    for (const auto& statement : statements) {
        Stream stream{{}, random.fork(statement.name)};
        for (const auto& parameter : statement.parameters) stream.sources.emplace_back(parameter, reference);
        streams_.push_back(std::move(stream));
    }
}

std::vector<domain::SqlParameter> ParameterStreams::draw(std::size_t statement) {
    Stream& stream = streams_[statement];
    std::vector<domain::SqlParameter> parameters;
    for (const auto& source : stream.sources) parameters.push_back(source.draw(stream.random));
    return parameters;
}

std::int64_t LoadReport::executed() const {
    std::int64_t sum = 0;
    for (const auto& statement : statements) sum += statement.executed;
    return sum;
}
std::int64_t LoadReport::failed() const {
    std::int64_t sum = 0;
    for (const auto& statement : statements) sum += statement.failed;
    return sum;
}
std::int64_t LoadReport::shed() const {
    std::int64_t sum = 0;
    for (const auto& statement : statements) sum += statement.shed;
    return sum;
}

struct LoadDriver::State {
    State(const Shop& shop, const LoadDriverOptions& set)
        : options(set),
          statements(shop.statements),
          schedule(statements, set.rate, set.seed),
          parameters(statements, shop.reference, set.seed),
          started(steady_clock::now()) {
        for (const auto& statement : statements) report.statements.push_back({statement.name, 0, 0, 0, ""});
    }

    struct Worker {
        std::condition_variable_any wake;
    };
    struct Call {
        std::size_t statement = 0;
        std::vector<domain::SqlParameter> parameters;
    };

    /// Schedule time: stands still during a pause. Needs the lock.
    [[nodiscard]] std::chrono::nanoseconds elapsed() const { return (paused ? pause_began : steady_clock::now()) - started - paused_for; }

    /// Waits for the next call that is due; nothing when stopping. The worker that came last goes first: with little to do one
    /// connection does most of it, with its caches warm, and the others sleep without waking for every arrival.
    std::optional<Call> next_call(Worker& me, const std::stop_token& stopping) {
        std::unique_lock lock(mutex);
        waiting.push_back(&me);
        while (!stopping.stop_requested()) {
            if (paused || waiting.back() != &me) {
                me.wake.wait(lock, stopping, [&] { return !paused && waiting.back() == &me; });
                continue;
            }
            const auto arrival = schedule.next();
            const auto now = elapsed();
            if (arrival.due > now) {
                const auto wait = std::min<std::chrono::nanoseconds>(arrival.due - now, std::chrono::seconds(1));
                me.wake.wait_for(lock, stopping, wait, [&] { return paused || waiting.back() != &me; });
                continue;
            }
            waiting.pop_back();
            if (!waiting.empty()) waiting.back()->wake.notify_one();
            report.statements[arrival.statement].shed += schedule.take(now, options.backlog);
            ++under_way;
            return Call{arrival.statement, parameters.draw(arrival.statement)};
        }
        std::erase(waiting, &me);
        return std::nullopt;
    }

    void wake_all() {
        for (auto* worker : waiting) worker->wake.notify_one();
    }

    void finished(std::size_t statement, const base::Result<domain::SqlRows>& result, bool stopping) {
        const std::lock_guard lock(mutex);
        if (--under_way == 0) all_quiet.notify_all();
        auto& entry = report.statements[statement];
        if (result) {
            ++entry.executed;
        } else if (!stopping) {
            ++entry.failed;
            if (entry.first_error.empty()) {
                entry.first_error = result.error().message;
                base::log_warning(fmt::format("load: {}: {}", entry.name, result.error().to_text()));
            }
        }
    }

    void work(pg::Session session, const std::stop_token& stopping) {
        Worker me;
        session.cancel_on(stopping);
        while (auto call = next_call(me, stopping)) {
            const auto result = session.query(statements[call->statement].sql, call->parameters);
            finished(call->statement, result, stopping.stop_requested());
            while (!session.connected() && !stopping.stop_requested() && !session.reconnect()) {
                std::unique_lock lock(mutex);
                me.wake.wait_for(lock, stopping, kReconnectPause, [] { return false; });
            }
        }
    }

    const LoadDriverOptions options;
    const std::vector<ShopStatement> statements;
    mutable std::mutex mutex;
    std::condition_variable_any all_quiet;
    std::vector<Worker*> waiting;  // the last one is next to get a call
    ArrivalSchedule schedule;
    ParameterStreams parameters;
    LoadReport report;
    steady_clock::time_point started, pause_began{};
    steady_clock::duration paused_for{};
    bool paused = false;
    int under_way = 0;
    std::vector<std::jthread> threads;  // last: joined before the rest goes
};

LoadDriver::LoadDriver(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadDriver::LoadDriver(LoadDriver&&) noexcept = default;
LoadDriver& LoadDriver::operator=(LoadDriver&&) noexcept = default;
LoadDriver::~LoadDriver() = default;

base::Result<LoadDriver> LoadDriver::start(const std::string& uri, const Shop& shop, const LoadDriverOptions& options) {
    std::vector<pg::Session> sessions;
    for (int i = 0; i < options.connections; ++i) {
        ORRERY_ASSIGN(auto session, pg::Session::connect(uri, load_session()));
        sessions.push_back(std::move(session));
    }
    auto state = std::make_unique<State>(shop, options);
    for (auto& session : sessions)
        state->threads.emplace_back([driver = state.get(), mine = std::move(session)](const std::stop_token& stopping) mutable {
            driver->work(std::move(mine), stopping);
        });
    return LoadDriver(std::move(state));
}

void LoadDriver::pause() {
    std::unique_lock lock(state_->mutex);
    if (!state_->paused) {
        state_->pause_began = steady_clock::now();
        state_->paused = true;
        state_->wake_all();
    }
    state_->all_quiet.wait(lock, [&] { return state_->under_way == 0; });
}

void LoadDriver::resume() {
    const std::lock_guard lock(state_->mutex);
    if (!state_->paused) return;
    state_->paused_for += steady_clock::now() - state_->pause_began;
    state_->paused = false;
    state_->wake_all();
}

void LoadDriver::stop() {
    {
        const std::lock_guard lock(state_->mutex);
        if (!state_->paused) state_->pause_began = steady_clock::now();
        state_->paused = true;
    }
    for (auto& thread : state_->threads) thread.request_stop();
    state_->threads.clear();
}

LoadReport LoadDriver::report() const {
    const std::lock_guard lock(state_->mutex);
    LoadReport report = state_->report;
    report.seconds = std::chrono::duration<double>(state_->elapsed()).count();
    return report;
}

base::Result<void> run_each(domain::SqlSession& session, const Shop& shop, int times, std::uint64_t seed) {
    ParameterStreams parameters(shop.statements, shop.reference, seed ^ base::stable_hash("warm-up"));
    for (int round = 0; round < times; ++round) {
        for (std::size_t i = 0; i < shop.statements.size(); ++i) {
            if (shop.statements[i].once) continue;
            auto result = session.query(shop.statements[i].sql, parameters.draw(i));
            if (!result) return base::unexpected(result.error().within(shop.statements[i].name));
        }
    }
    return {};
}

}  // namespace orrery::lab
