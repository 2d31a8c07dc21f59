#include "engine/observing.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "base/log.hpp"
#include "engine/observed_target.hpp"
#include "engine/storing.hpp"
#include "store/locked_store.hpp"

namespace orrery::engine {
namespace {

using base::ErrorKind;
using std::chrono::seconds;

constexpr seconds kLease{60}, kRenewal{15}, kLeaseRetry{5}, kConnectRetry{30}, kHousekeeping{600};
constexpr std::chrono::milliseconds kStagger{200};

/// Tells this process from all others that may write to the store, and its targets from each other: two may be one server.
std::string lease_holder() {
    static std::atomic<int> count = 0;
    char host[256] = {};
    (void)::gethostname(host, sizeof host - 1);
    return fmt::format("{}:{}:{}:{}", host, ::getpid(), base::to_unix_ms(base::system_clock().now()), ++count);
}

/// Stops when either of two does.
class EitherStop {
public:
    explicit EitherStop(const std::stop_token& outer) : callback_(outer, [this] { own_.request_stop(); }) {}
    void request() { own_.request_stop(); }
    [[nodiscard]] std::stop_token token() const { return own_.get_token(); }

private:
    std::stop_source own_;
    std::stop_callback<std::function<void()>> callback_;
};

/// One target from the first connection to the last.
class Runner {
public:
    Runner(const Context& context, domain::Store& store, const CollectRequest& request, std::string target)
        : context_(&context), store_(&store), request_(&request), target_(std::move(target)), holder_(lease_holder()) {}

    void run(std::optional<Instant> until, bool patient) {
        auto opened = ObservedTarget::open(*context_, *store_, *request_, target_);
        while (!opened && patient && opened.error().kind != ErrorKind::cancelled && before(until)) {
            base::log_warning(opened.error().to_text());
            if (!context_->clock->sleep_for(kConnectRetry, context_->stop)) break;
            opened = ObservedTarget::open(*context_, *store_, *request_, target_);
        }
        if (!opened) {
            report_.target = target_name();
            report_.failure = std::move(opened).error();
            return;
        }
        auto observed = std::move(*opened);
        if (request_->once)
            once(*observed);
        else
            observe(observed, until);
        report_ = observed->report(std::move(report_.failure));
    }
    [[nodiscard]] const TargetReport& report() const { return report_; }

private:
    [[nodiscard]] bool before(std::optional<Instant> until) const { return !until || context_->clock->steady() < *until; }
    [[nodiscard]] std::string target_name() const {
        const auto name = pg::describe_target(target_);
        return name ? *name : std::string("target");
    }

    void once(ObservedTarget& observed) {
        const auto mine = store_->lease(observed.lease_name(), holder_, kLease);
        if (mine && !*mine) {
            report_.failure = base::Error{ErrorKind::conflict, "another process is collecting " + observed.name(),
                                          "It holds the lease of the target.", "Stop it, or let it do the work."};
            return;
        }
        {
            EitherStop stop(context_->stop);
            const std::jthread renewing([&] { renew(observed, stop); });
            observed.quick().once(stop.token());
            observed.slow().once(stop.token());
            stop.request();
        }
        if (mine) (void)store_->release(observed.lease_name(), holder_);
    }

    /// While the lease is ours the lanes run; else it is asked for again and again. What was known before another process had it is no
    /// ground to go on from: the other has told the time since.
    void observe(std::unique_ptr<ObservedTarget>& observed, std::optional<Instant> until) {
        const auto lease = observed->lease_name();
        bool waiting = false, outdated = false;
        std::optional<base::Error> refusal;  // why nobody can say whose the lease is
        while (!context_->stop.stop_requested() && before(until)) {
            const auto mine = store_->lease(lease, holder_, kLease);
            // Not without an answer either: when the store goes away, whoever waits beside the holder would collect the same once more.
            refusal = mine ? std::nullopt : std::optional(mine.error());
            if (!mine || !*mine) {
                if (!std::exchange(waiting, true))
                    base::log_info(mine ? fmt::format("{} is collected by another process; waiting for its lease", observed->name())
                                        : fmt::format("waiting for the lease of {}: {}", observed->name(), mine.error().message));
                outdated = true;
                if (!pause(kLeaseRetry, until)) break;
                continue;
            }
            if (outdated) {
                auto opened = ObservedTarget::open(*context_, *store_, *request_, target_);
                if (!opened) {
                    if (opened.error().kind == ErrorKind::cancelled) break;
                    base::log_warning(opened.error().to_text());
                    if (!pause(kConnectRetry, until)) break;
                    continue;
                }
                observed = std::move(*opened);
            }
            waiting = false;
            run_lanes(*observed, until);
            outdated = true;
        }
        (void)store_->release(lease, holder_);
        if (refusal)
            report_.failure = *refusal;
        else if (waiting)
            report_.failure = base::Error{ErrorKind::conflict, "another process was collecting " + observed->name() + " all the time",
                                          "It held the lease of the target.", "Stop it, or let it do the work."};
    }

    /// Until the end, or until the lease is lost.
    void run_lanes(ObservedTarget& observed, std::optional<Instant> until) {
        EitherStop stop(context_->stop);
        std::jthread slow([&] { observed.slow().run(stop.token(), until); });
        const std::jthread renewing([&] { renew(observed, stop); });
        observed.quick().run(stop.token(), until);
        slow.join();
        stop.request();
    }

    /// False when it was stopped meanwhile.
    bool pause(std::chrono::nanoseconds length, std::optional<Instant> until) {
        if (until) length = std::clamp<std::chrono::nanoseconds>(*until - context_->clock->steady(), std::chrono::nanoseconds(0), length);
        return context_->clock->sleep_for(length, context_->stop);
    }

    void renew(ObservedTarget& observed, EitherStop& stop) {
        while (context_->clock->sleep_for(kRenewal, stop.token())) {
            const auto mine = store_->lease(observed.lease_name(), holder_, kLease);
            if (!mine || *mine) continue;  // a store that is away does not stop the observing
            base::log_warning(fmt::format("the lease of {} has passed to another process", observed.name()));
            stop.request();
        }
    }

    const Context* context_;
    domain::Store* store_;
    const CollectRequest* request_;
    std::string target_, holder_;
    TargetReport report_;
};

/// Keeps the store within its retention, on a connection of its own: rolling up may take a while.
void keep_house(const Context& context, const domain::RetentionPolicy& policy, const std::stop_token& stop) {
    const std::string holder = lease_holder();
    while (context.clock->sleep_for(kHousekeeping, stop)) {
        auto store = open_store(context);
        const auto mine = store ? (*store)->lease("roll_up", holder, kHousekeeping) : base::Result<bool>(base::unexpected(store.error()));
        if (mine && !*mine) continue;
        const auto done = mine ? (*store)->roll_up(policy) : base::Result<domain::RollUpReport>(base::unexpected(mine.error()));
        if (!done) base::log_warning(fmt::format("the store could not be rolled up: {}", done.error().to_text()));
    }
}

base::Result<void> check(const CollectRequest& request) {
    if (request.targets.empty())
        return base::unexpected(ErrorKind::invalid_input, "there is no target", "", "Give --target, once for each server.");
    const auto& names = collector_names();
    for (const auto& name : request.only)
        if (std::find(names.begin(), names.end(), name) == names.end())
            return base::unexpected(ErrorKind::invalid_input, fmt::format("there is no collector \"{}\"", name), "",
                                    fmt::format("There are: {}.", fmt::join(names, ", ")));
    return {};
}

}  // namespace

const std::vector<std::string>& collector_names() {
    static const std::vector<std::string> kNames{"statements", "sessions", "metrics", "resources", "plans", "log"};
    return kNames;
}

base::Result<CollectReport> collect(const Context& context, const CollectRequest& request) {
    ORRERY_TRY(check(request));
    ORRERY_ASSIGN(const auto policy, retention_policy(context.settings));
    // A heap per thread would keep the largest answer that each has ever read.
    ::mallopt(M_ARENA_MAX, 2);
    ORRERY_ASSIGN(auto opened, open_store(context));
    store::LockedStore store(std::move(opened));
    const auto start = context.clock->steady();
    const auto until = request.duration ? std::optional(start + *request.duration) : std::nullopt;

    std::vector<std::unique_ptr<Runner>> runners;
    for (const auto& target : request.targets) runners.push_back(std::make_unique<Runner>(context, store, request, target));
    {
        EitherStop stop(context.stop);
        std::optional<std::jthread> house;
        if (!request.once) house.emplace([&] { keep_house(context, policy, stop.token()); });
        std::vector<std::jthread> threads;
        for (std::size_t i = 1; i < runners.size(); ++i) threads.emplace_back([&, i] { runners[i]->run(until, !request.once); });
        runners.front()->run(until, !request.once && runners.size() > 1);
        for (auto& thread : threads) thread.join();
        stop.request();
    }
    CollectReport report;
    report.seconds = std::chrono::duration<double>(context.clock->steady() - start).count();
    for (const auto& runner : runners) report.targets.push_back(runner->report());
    const bool none = std::all_of(report.targets.begin(), report.targets.end(), [](const TargetReport& t) {
        const bool silent = std::all_of(t.sources.begin(), t.sources.end(), [](const SourceStatus& s) { return s.rounds == 0; });
        return t.failure.has_value() || silent;
    });
    if (!none) return report;
    for (const auto& target : report.targets) {
        if (target.failure) return base::unexpected(*target.failure);
        for (const auto& source : target.sources)
            if (source.last_error) return base::unexpected(*source.last_error);
    }
    return base::unexpected(ErrorKind::cancelled, "interrupted before the first reading");
}

}  // namespace orrery::engine
