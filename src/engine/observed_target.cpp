#include "engine/observed_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "collectors/database_list.hpp"
#include "collectors/performance_metrics_collector.hpp"
#include "collectors/plan_history.hpp"
#include "collectors/plan_sampler.hpp"
#include "collectors/query_log_collector.hpp"
#include "collectors/resource_usage_collector.hpp"
#include "collectors/server_log_collector.hpp"
#include "collectors/session_sampler.hpp"
#include "pg/session.hpp"

namespace orrery::engine {
namespace {

using base::Result;
using collectors::Reading;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kDatabasesPerVisit = 10;
constexpr std::size_t kOpenSessions = 4;  // of databases; with more, each is hung up after its visit
constexpr std::size_t kAwayInARow = 2;
constexpr std::string_view kTooManyConnections = "53300";  // to one database, it may be
constexpr seconds kDatabaseListAge{300};

/// Templates by what a session's row tells of its statement; filled by one thread, asked by another.
class KnownTemplates {
public:
    void fill(const std::vector<domain::KnownStatement>& statements) {
        std::unordered_map<domain::StatementKey, domain::Fingerprint, collectors::StatementKeyHash> known;
        for (const auto& statement : statements) known.emplace(statement.key, statement.fingerprint);
        const std::scoped_lock lock(guard_);
        known_ = std::move(known);
    }
    [[nodiscard]] std::optional<domain::Fingerprint> find(std::int64_t query_id, domain::Oid database, domain::Oid user) const {
        const std::scoped_lock lock(guard_);
        for (const bool toplevel : {true, false})
            if (const auto found = known_.find({query_id, database, user, toplevel}); found != known_.end()) return found->second;
        return std::nullopt;
    }

private:
    mutable std::mutex guard_;
    std::unordered_map<domain::StatementKey, domain::Fingerprint, collectors::StatementKeyHash> known_;
};

/// A collector with the connection it owns.
template <typename Collector>
struct Connected {
    pg::Session session;
    std::optional<Collector> collector{};
    explicit Connected(pg::Session opened) : session(std::move(opened)) {}
};

/// Resources and plans of one database.
struct ObservedDatabase {
    pg::Session session;
    collectors::ResourceUsageCollector resources;
    collectors::PlanSampler plans;

    ObservedDatabase(pg::Session opened, base::Clock& clock, const collectors::ResourceUsageOptions& resource_options,
                     collectors::PlanSamplerOptions plan_options)
        : session(std::move(opened)), resources(session, clock, resource_options), plans(clock, std::move(plan_options)) {}
};

/// Counters read from now on have another past.
bool tells_of_another_server(const Reading& reading) {
    return std::any_of(reading.batch.events.begin(), reading.batch.events.end(),
                       [](const domain::Event& event) { return event.kind == "failover"; });
}

void merge(Reading& into, Reading from) {
    const auto append = [](auto& to, auto& items) {
        to.insert(to.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
    };
    append(into.batch.frames, from.batch.frames);
    append(into.batch.plans, from.batch.plans);
    append(into.batch.events, from.batch.events);
    append(into.batch.state, from.batch.state);
    append(into.failures, from.failures);
    append(into.notes, from.notes);
    into.server_time += from.server_time;
    into.longest_statement = std::max(into.longest_statement, from.longest_statement);
}

}  // namespace

struct ObservedTarget::State {
    const Context* context;
    domain::Store* store;
    const CollectRequest* request;
    std::string conninfo, name;
    domain::ServerId server = 0;

    KnownTemplates templates;
    std::atomic<int> failovers = 0;  // seen by the quick lane
    int failovers_heeded = 0;        // by the slow one
    std::unique_ptr<Connected<collectors::QueryLogCollector>> statements;
    std::unique_ptr<Connected<collectors::SessionSampler>> sessions;
    std::unique_ptr<Connected<collectors::PerformanceMetricsCollector>> metrics;
    std::unique_ptr<Connected<collectors::ServerLogCollector>> log;

    std::unique_ptr<pg::Session> lister;  // of databases
    std::optional<Instant> listed;
    collectors::DatabaseRound resource_round, plan_round;
    std::map<std::string, std::unique_ptr<ObservedDatabase>> databases;
    std::vector<domain::PlanSighting> past_plans;
    collectors::PlanHistory logged_plans;      // of auto_explain
    std::map<std::string, std::string> noted;  // what is amiss, and the database it was first seen in

    mutable std::mutex guard;  // of what follows
    std::size_t statement_count = 0, new_templates = 0;
    std::optional<double> coverage_percent;

    std::optional<Lane> quick, slow;

    [[nodiscard]] bool wanted(const std::string& collector) const { return request->only.empty() || request->only.contains(collector); }
    Lane::Write writer() {
        return [this](const domain::Batch& batch) { return store->write(server, batch); };
    }

    Result<Source> statements_source();
    Result<Source> sessions_source();
    Result<Source> metrics_source();
    Result<Source> log_source();
    Source resources_source();
    Source plans_source();

    Result<Reading> read_statements(const std::stop_token& stop);
    void tell_once(Reading& reading, const std::string& database_name);
    Result<void> list_databases(Reading& reading);
    Result<ObservedDatabase*> database(const std::string& database_name);
    /// Calls `each` for the next `count` databases of the round; for all of them when there is one round only.
    Result<Reading> visit(collectors::DatabaseRound& round, std::size_t count, const std::string& what,
                          const std::function<Result<Reading>(const collectors::DatabaseEntry&, ObservedDatabase&)>& each);
};

Result<Source> ObservedTarget::State::statements_source() {
    ORRERY_ASSIGN(auto session, connect_observer(*context, conninfo, "statements"));
    statements = std::make_unique<Connected<collectors::QueryLogCollector>>(std::move(session));
    statements->collector.emplace(statements->session, *store, *context->clock,
                                  collectors::QueryLogOptions{.store_texts = context->settings.boolean("collect.store_texts")});
    return Source{
        .name = "statements", .period = request->interval, .round = [this](const std::stop_token& stop) { return read_statements(stop); }};
}

Result<Reading> ObservedTarget::State::read_statements(const std::stop_token& stop) {
    ORRERY_ASSIGN(auto round, statements->collector->collect_once(stop));
    if (round.new_texts > 0 || round.baseline) {
        ORRERY_ASSIGN(const auto known, store->known_statements(round.server));
        templates.fill(known);
    }
    Reading reading;
    reading.notes = std::move(round.notes);
    reading.server_time = round.server_time;
    reading.longest_statement = round.longest_statement;
    const std::scoped_lock lock(guard);
    statement_count = round.statements;
    new_templates += round.new_texts;
    if (round.coverage_percent) coverage_percent = round.coverage_percent;
    return reading;
}

Result<Source> ObservedTarget::State::sessions_source() {
    ORRERY_ASSIGN(auto session, connect_observer(*context, conninfo, "sessions"));
    sessions = std::make_unique<Connected<collectors::SessionSampler>>(std::move(session));
    collectors::SessionSamplerOptions options;
    options.period = context->settings.duration("collect.sessions_interval");
    options.template_of = [this](std::int64_t query_id, domain::Oid database, domain::Oid user) {
        return templates.find(query_id, database, user);
    };
    sessions->collector.emplace(sessions->session, *context->clock, options);
    auto& sampler = *sessions->collector;
    return Source{.name = "sessions",
                  .period = options.period,
                  .round = [&sampler](const std::stop_token&) -> Result<Reading> {
                      ORRERY_TRY(sampler.sample());
                      return sampler.take();
                  },
                  .next = [&sampler] { return sampler.next(); },
                  .finish = [&sampler] { return sampler.finish(); }};
}

Result<Source> ObservedTarget::State::metrics_source() {
    ORRERY_ASSIGN(auto session, connect_observer(*context, conninfo, "metrics"));
    metrics = std::make_unique<Connected<collectors::PerformanceMetricsCollector>>(std::move(session));
    const auto interval = context->settings.duration("collect.metrics_interval");
    metrics->collector.emplace(metrics->session, *context->clock,
                               collectors::PerformanceOptions{.interval = interval, .everything = request->once});
    auto& collector = *metrics->collector;
    ORRERY_ASSIGN(const auto past, store->state(server, "performance"));
    if (past) collector.restore(*past);
    return Source{.name = "metrics",
                  .period = interval,
                  .round = [this, &collector](const std::stop_token& stop) -> Result<Reading> {
                      auto reading = collector.collect(stop);
                      if (reading && tells_of_another_server(*reading)) ++failovers;
                      return reading;
                  },
                  .next = [&collector] { return std::optional(collector.next()); },
                  .finish = [&collector] { return collector.finish(); }};
}

Result<Source> ObservedTarget::State::log_source() {
    ORRERY_ASSIGN(auto session, connect_observer(*context, conninfo, "log"));
    log = std::make_unique<Connected<collectors::ServerLogCollector>>(std::move(session));
    log->collector.emplace(log->session, *context->clock);
    auto& collector = *log->collector;
    ORRERY_ASSIGN(const auto position, store->state(server, std::string(collectors::ServerLogCollector::kStateName)));
    if (position) collector.resume(*position);
    return Source{.name = "log",
                  .period = context->settings.duration("collect.log_interval"),
                  .round = [this, &collector](const std::stop_token& stop) -> Result<Reading> {
                      ORRERY_ASSIGN(auto reading, collector.collect_once(stop));
                      for (const auto& plan : reading.batch.plans)
                          if (auto flip = logged_plans.add(plan)) reading.batch.events.push_back(std::move(*flip));
                      return reading;
                  }};
}

/// The list grows old slowly: databases are made and dropped seldom.
Result<void> ObservedTarget::State::list_databases(Reading& reading) {
    const auto now = context->clock->steady();
    if (listed && now - *listed < kDatabaseListAge) return {};
    if (!lister) {
        ORRERY_ASSIGN(auto session, connect_observer(*context, conninfo, "databases"));
        lister = std::make_unique<pg::Session>(std::move(session));
    }
    ORRERY_ASSIGN(auto list, collectors::list_databases(*lister));
    if (!list.closed.empty())
        reading.notes.push_back(
            fmt::format("{} databases may not be connected to, \"{}\" among them: GRANT CONNECT ON DATABASE ... TO the role",
                        list.closed.size(), list.closed.front()));
    std::erase_if(databases, [&](const auto& item) {
        return std::none_of(list.databases.begin(), list.databases.end(), [&](const auto& entry) { return entry.name == item.first; });
    });
    resource_round.update(list.databases);
    plan_round.update(std::move(list.databases));
    listed = now;
    return {};
}

Result<ObservedDatabase*> ObservedTarget::State::database(const std::string& database_name) {
    if (const auto found = databases.find(database_name); found != databases.end()) return found->second.get();
    ORRERY_ASSIGN(const auto where, pg::with_database(conninfo, database_name));
    ORRERY_ASSIGN(auto session, connect_observer(*context, where, "resources"));
    // All databases together may cost what one may.
    const double share = 1.0 / static_cast<double>(std::max<std::size_t>(resource_round.size(), 1));
    collectors::ResourceUsageOptions resources{.share_scale = share};
    resources.bloat_options.full = context->settings.boolean("collect.full_bloat");
    resources.unused_after = std::chrono::duration_cast<std::chrono::hours>(context->settings.duration("advise.unused_after"));
    collectors::PlanSamplerOptions plans{.database = database_name};
    plans.pace.share *= share;
    if (resource_round.size() > kDatabasesPerVisit) plans.pace.longest = std::chrono::hours(24);
    auto made = std::make_unique<ObservedDatabase>(std::move(session), *context->clock, resources, std::move(plans));
    std::vector<domain::PlanSighting> past;
    for (const auto& sighting : past_plans)
        if (sighting.database == database_name) past.push_back(sighting);
    made->plans.remember(past);
    return databases.emplace(database_name, std::move(made)).first->second.get();
}

/// Of a thousand databases that lack the same extension one is named.
void ObservedTarget::State::tell_once(Reading& reading, const std::string& database_name) {
    for (auto& note : reading.notes) {
        const std::string prefix = database_name + ": ";
        if (!note.starts_with(prefix)) continue;
        const auto rest = note.substr(prefix.size());
        if (noted.try_emplace(rest, database_name).first->second != database_name) note = "further databases: " + rest;
    }
    std::erase_if(reading.batch.events, [&](const domain::Event& event) {
        return event.kind == "slowed_down" &&
               noted.try_emplace("slowed down " + event.subject, database_name).first->second != database_name;
    });
}

Result<Reading> ObservedTarget::State::visit(
    collectors::DatabaseRound& round, std::size_t count, const std::string& what,
    const std::function<Result<Reading>(const collectors::DatabaseEntry&, ObservedDatabase&)>& each) {
    Reading reading;
    ORRERY_TRY(list_databases(reading));
    if (const int seen = failovers; std::exchange(failovers_heeded, seen) != seen)
        for (const auto& [database_name, observed] : databases) observed->resources.begin_anew();
    std::size_t failed = 0, visited = 0, away = 0;
    const auto is_away = [](const Result<Reading>& seen) {
        const auto* error = !seen ? &seen.error() : seen->failures.empty() ? nullptr : &seen->failures.back().error;
        return error != nullptr && error->kind == base::ErrorKind::connection && error->sqlstate != kTooManyConnections;
    };
    for (const auto& entry : round.next(request->once ? round.size() : count)) {
        // One database may be out of reach; of two in a row it is the server, which is not to be knocked at for each of the others.
        if (context->stop.stop_requested() || away >= kAwayInARow) break;
        ++visited;
        auto observed = database(entry.name);
        auto seen = observed ? each(entry, **observed) : Result<Reading>(base::unexpected(std::move(observed).error()));
        const bool lost = is_away(seen);
        away = lost ? away + 1 : 0;
        if (!seen || lost) ++failed;
        if (!seen) {
            reading.failures.push_back({fmt::format("{} of {}", what, entry.name), std::move(seen).error()});
        } else {
            tell_once(*seen, entry.name);
            merge(reading, std::move(*seen));
        }
        if (round.size() > kOpenSessions)
            if (const auto found = databases.find(entry.name); found != databases.end()) found->second->session.disconnect();
    }
    const bool nothing = reading.batch.frames.empty() && reading.batch.plans.empty() && reading.batch.events.empty();
    if (visited > 0 && failed == visited && nothing) return base::unexpected(reading.failures.back().error);
    return reading;
}

Source ObservedTarget::State::resources_source() {
    Source source{.name = "resources", .period = seconds(10)};
    source.round = [this](const std::stop_token& stop) {
        return visit(resource_round, kDatabasesPerVisit, "resources",
                     [&](const collectors::DatabaseEntry&, ObservedDatabase& observed) -> Result<Reading> {
                         return observed.resources.collect(stop);
                     });
    };
    return source;
}

Source ObservedTarget::State::plans_source() {
    Source source{.name = "plans", .period = seconds(15)};
    source.round = [this](const std::stop_token& stop) {
        return visit(plan_round, kDatabasesPerVisit, "plans",
                     [&](const collectors::DatabaseEntry& entry, ObservedDatabase& observed) -> Result<Reading> {
                         if (!observed.plans.due()) return Reading{};
                         const auto now = context->clock->now();
                         const auto window = std::max<milliseconds>(std::chrono::minutes(15), 3 * request->interval);
                         ORRERY_ASSIGN(const auto workload, store->workload(server, now - window, now, entry.oid));
                         if (workload.statements.empty()) return Reading{};
                         return observed.plans.sample(observed.session, workload, stop);
                     });
    };
    return source;
}

ObservedTarget::ObservedTarget(std::unique_ptr<State> state) : state_(std::move(state)) {}
ObservedTarget::~ObservedTarget() = default;

Result<std::unique_ptr<ObservedTarget>> ObservedTarget::open(const Context& context, domain::Store& store, const CollectRequest& request,
                                                             const std::string& target) {
    auto state = std::make_unique<State>();
    state->context = &context;
    state->store = &store;
    state->request = &request;
    state->conninfo = target;
    std::vector<Source> quick, slow;
    {
        ORRERY_ASSIGN(auto session, connect_observer(context, target, "collect"));
        state->name = session.target();
        ORRERY_ASSIGN(state->server, identify(store, session));
    }
    ORRERY_ASSIGN(const auto known, store.known_statements(state->server));
    state->templates.fill(known);
    const auto add = [](std::vector<Source>& lane, Result<Source> source) -> Result<void> {
        ORRERY_ASSIGN(auto made, std::move(source));
        lane.push_back(std::move(made));
        return {};
    };
    if (state->wanted("sessions")) ORRERY_TRY(add(quick, state->sessions_source()));
    if (state->wanted("metrics")) ORRERY_TRY(add(quick, state->metrics_source()));
    if (state->wanted("statements")) ORRERY_TRY(add(slow, state->statements_source()));
    if (state->wanted("resources")) slow.push_back(state->resources_source());
    constexpr std::chrono::hours kPast{24 * 7};
    const auto now = context.clock->now();
    ORRERY_ASSIGN(state->past_plans, store.plans(state->server, std::nullopt, now - kPast, now));
    state->logged_plans.remember(state->past_plans);
    if (state->wanted("log")) ORRERY_TRY(add(slow, state->log_source()));
    if (state->wanted("plans")) slow.push_back(state->plans_source());
    state->quick.emplace(std::move(quick), state->writer(), *context.clock);
    state->slow.emplace(std::move(slow), state->writer(), *context.clock);
    return std::unique_ptr<ObservedTarget>(new ObservedTarget(std::move(state)));
}

Lane& ObservedTarget::quick() {
    return *state_->quick;
}
Lane& ObservedTarget::slow() {
    return *state_->slow;
}
const std::string& ObservedTarget::name() const {
    return state_->name;
}
std::string ObservedTarget::lease_name() const {
    return fmt::format("collect:{}", state_->server);
}

TargetReport ObservedTarget::report(std::optional<base::Error> failure) const {
    TargetReport report;
    report.target = state_->name;
    report.failure = std::move(failure);
    for (const auto* lane : {&*state_->slow, &*state_->quick})
        for (auto& status : lane->status()) report.sources.push_back(std::move(status));
    const std::scoped_lock lock(state_->guard);
    report.statements = state_->statement_count;
    report.new_templates = state_->new_templates;
    report.coverage_percent = state_->coverage_percent;
    return report;
}

}  // namespace orrery::engine
