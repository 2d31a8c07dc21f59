#include "collectors/session_sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "domain/catalog.hpp"
#include "sql/statement.hpp"

namespace orrery::collectors {
namespace {

using base::Milliseconds;
using base::Result;
using domain::Fingerprint;
using domain::Oid;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kLongestPause{60'000};
constexpr std::size_t kMostStretches = 360;    ///< kept for a caller who does not take them: an hour
constexpr std::size_t kMostEvents = 1'000;     ///< kept likewise
constexpr std::size_t kMostTemplates = 5'000;  ///< in each half of the cache
constexpr std::size_t kTextsAtOnce = 16;
constexpr int kParsedAtOnce = 64;
constexpr std::size_t kBlockingKeys = 200;
constexpr milliseconds kAskAgain{600'000};
constexpr std::string_view kPrepared = "42P05", kNotPrepared = "26000";

/// Samples are a period apart on the average only: what belongs to each of them has a shorter one.
PaceOptions with_each_sample(const SessionSamplerOptions& options, double share) {
    return {options.period / 8, share, std::max(kLongestPause, options.period)};
}

bool runs_statements(const SessionGroup& group) {
    return group.backend == "client backend" || group.backend == "parallel worker";
}

std::uint64_t key_of(std::int64_t query_id, Oid database) {
    return base::stable_hash(fmt::format("{}/{}", query_id, database));
}

const std::string* find_name(const std::unordered_map<Oid, std::string>& names, Oid oid) {
    const auto found = names.find(oid);
    return found == names.end() ? nullptr : &found->second;
}

/// Of a database or role whose name could not be read.
std::string name_or_number(const std::unordered_map<Oid, std::string>& names, Oid oid) {
    if (oid == 0) return {};
    const auto* name = find_name(names, oid);
    return name != nullptr ? *name : fmt::format("#{}", oid);
}

std::string described(const InvolvedSession& session) {
    std::string who = fmt::format("pid {}", session.pid);
    if (!session.user.empty()) who += fmt::format(" of {}", domain::quote_identifier(session.user));
    return who;
}

std::string described_root(const BlockedSession& blocked) {
    if (blocked.deadlock) return "held up by itself over others (a deadlock)";
    if (blocked.root == nullptr) return "held up by a prepared transaction or a session that is gone";
    return fmt::format("held up by {} ({} for {})", described(*blocked.root), blocked.root->state.empty() ? "busy" : blocked.root->state,
                       base::to_text(Milliseconds(blocked.root->state_ms)));
}

}  // namespace

const SessionSampler::TemplateCache::Known* SessionSampler::TemplateCache::find(std::uint64_t key) {
    if (const auto young = halves[0].find(key); young != halves[0].end()) return &young->second;
    const auto old = halves[1].find(key);
    if (old == halves[1].end()) return nullptr;
    const Known known = old->second;
    keep(key, known);
    return &halves[0].at(key);
}

void SessionSampler::TemplateCache::keep(std::uint64_t key, const Known& known) {
    if (halves[0].size() >= kMostTemplates) {
        halves[1] = std::move(halves[0]);
        halves[0].clear();
    }
    halves[0].insert_or_assign(key, known);
}

double SessionSampler::LowestLately::add(double value) {
    values[count++ % values.size()] = value;
    return lowest();
}

double SessionSampler::LowestLately::lowest() const {
    return count == 0 ? 0 : *std::min_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(std::min(count, values.size())));
}

SessionSampler::SessionSampler(domain::SqlSession& session, base::Clock& clock, const SessionSamplerOptions& options)
    : session_(&session),
      clock_(&clock),
      options_(options),
      random_(options.seed),
      pace_({options.period, options.share, std::max(kLongestPause, options.period)}),
      blocking_pace_(with_each_sample(options, options.blocking_share)),
      lookup_pace_(with_each_sample(options, options.lookup_share)) {}

Result<domain::SqlRows> SessionSampler::ask(const std::string& sql, const std::vector<domain::SqlParameter>& parameters) {
    const auto start = clock_->steady();
    auto answer = session_->query(sql, parameters);
    waited_ = clock_->steady() - start;
    ready_.server_time += waited_;
    ready_.longest_statement = std::max(ready_.longest_statement, waited_);
    return answer;
}

/// Prepared, since planning takes longer than the rest. Behind a pooler the statement may be gone, or be there already.
Result<domain::SqlRows> SessionSampler::ask_sessions() {
    const auto sql = sessions_sql(session_->server_version());
    if (!prepared_) {
        statement_ = fmt::format("orrery_sessions_{:016x}", base::stable_hash(sql));
        const auto made = ask(fmt::format("PREPARE {} AS {}", statement_, sql));
        if (!made && made.error().sqlstate != kPrepared) return base::unexpected(made.error());
        prepared_ = true;
    }
    auto answer = ask("EXECUTE " + statement_);
    if (answer) return answer;
    prepared_ = false;
    return answer.error().sqlstate == kNotPrepared ? ask(sql) : std::move(answer);
}

Milliseconds SessionSampler::on_server(Milliseconds waited) const {
    return std::max(waited - Milliseconds(round_trip_ms_.lowest()), Milliseconds(0));
}

void SessionSampler::schedule() {
    const auto within = random_.uniform() * Milliseconds(options_.period);
    next_ = *pace_.next() + std::chrono::duration_cast<nanoseconds>(within);
}

SessionSampler::Stretch& SessionSampler::stretch_at(base::WallTime now) {
    if (stretch_ && (now < stretch_->over.start || now >= stretch_->over.end)) close();
    if (!stretch_) {
        const auto width = options_.stretch.count();
        const auto bin = base::from_unix_ms(base::to_unix_ms(now) / width * width);
        // The first one begins when sampling does.
        stretch_.emplace(
            Stretch{{attempt_ ? bin : now, bin + options_.stretch}, SessionCounts(options_.max_keys), BlockingCounts(kBlockingKeys)});
    }
    return *stretch_;
}

void SessionSampler::close() {
    const auto& over = stretch_->over;
    auto& frames = ready_.batch.frames;
    if (over.taken > 0 && frames.size() < 2 * kMostStretches) {
        frames.push_back(stretch_->sessions.frame(over));
        if (!stretch_->blocking.empty()) frames.push_back(stretch_->blocking.frame(over));
    }
    stretch_.reset();
}

void SessionSampler::failed(const std::string& what, base::Error error) {
    std::erase_if(ready_.failures, [&](const Failure& failure) { return failure.what == what; });
    ready_.failures.push_back({what, std::move(error)});
}

Result<void> SessionSampler::sample() {
    const auto start = clock_->steady();
    auto& over = stretch_at(clock_->now()).over;
    // Instants are jittered within periods: it is periods that are counted.
    const auto tick = pace_.next().value_or(start);
    const auto late = start > tick ? (start - tick) / options_.period : 0;
    if (attempt_) over.missed += (tick - *attempt_) / options_.period - 1 + late;
    attempt_ = tick + late * options_.period;

    const auto rows = ask_sessions();
    if (!rows) {
        ++over.missed;
        pace_.failed(start);
        schedule();
        return base::unexpected(rows.error());
    }
    auto groups = read_sessions(*rows);
    hidden_ = 0;
    double spent_ms = waited_.count();
    for (const auto& group : groups) {
        if (group.hidden) hidden_ += group.sessions;
        if (group.own) spent_ms = std::min(spent_ms, group.spent_ms);
    }
    round_trip_ms_.add(waited_.count() - spent_ms);
    pace_.ran(start, Milliseconds(spent_ms_.add(spent_ms)));
    schedule();
    std::erase_if(groups, [](const SessionGroup& group) { return group.own || group.hidden; });
    ++over.taken;
    over.lower_bound = over.lower_bound || hidden_ > 0;

    parsed_ = 0;
    look_up(groups);
    count(groups);
    if (const auto waiting = longest_waiting(groups); !waiting.empty()) look_at_blocking(waiting);
    return {};
}

void SessionSampler::count(const std::vector<SessionGroup>& groups) {
    for (const auto& group : groups) {
        SessionKey key{
            group.wait_class, group.wait_event, {}, name_or_number(databases_, group.database), name_or_number(users_, group.user),
            group.state};
        if (runs_statements(group))
            key.fingerprint = fingerprint(group.query_id, group.database, group.user, group.text);
        else
            key.state = group.backend;
        if (group.backend == "parallel worker") key.state = "active";
        stretch_->sessions.add(key, group.sessions);
    }
}

/// Names and texts that are new.
void SessionSampler::look_up(const std::vector<SessionGroup>& groups) {
    const auto start = clock_->steady();
    if (names_until_ && start >= *names_until_) {
        databases_.clear();
        users_.clear();
        names_until_.reset();
    }
    if (!lookup_pace_.due(start)) return;
    std::vector<std::int64_t> databases, users;
    for (const auto& group : groups) {
        databases.push_back(group.database);
        users.push_back(group.user);
    }
    const auto before = ready_.server_time;
    const auto names = learn_names(std::move(databases), std::move(users));
    if (!names) failed("session names", names.error());
    const auto texts = learn_texts(groups);
    if (!texts) failed("session texts", texts.error());
    const auto cost = on_server(ready_.server_time - before);
    if (!names || !texts)
        lookup_pace_.failed(start, cost);
    else if (ready_.server_time > before)
        lookup_pace_.ran(start, cost);
}

Result<void> SessionSampler::learn_names(std::vector<std::int64_t> databases, std::vector<std::int64_t> users) {
    const auto keep_unknown = [](std::vector<std::int64_t>& oids, const std::unordered_map<Oid, std::string>& names) {
        std::sort(oids.begin(), oids.end());
        oids.erase(std::unique(oids.begin(), oids.end()), oids.end());
        std::erase_if(oids, [&](std::int64_t oid) { return oid == 0 || names.contains(static_cast<Oid>(oid)); });
    };
    keep_unknown(databases, databases_);
    keep_unknown(users, users_);
    if (databases.empty() && users.empty()) return {};
    ORRERY_ASSIGN(const auto rows, ask(session_names_sql(), {array_parameter(databases), array_parameter(users)}));
    for (std::size_t row = 0; row < rows.size(); ++row)
        (rows.text(row, 0) == "d" ? databases_ : users_).insert_or_assign(static_cast<Oid>(rows.integer(row, 1)), rows.text(row, 2));
    // Dropped meanwhile: there is nothing more to learn.
    for (const auto oid : databases) databases_.try_emplace(static_cast<Oid>(oid), fmt::format("#{}", oid));
    for (const auto oid : users) users_.try_emplace(static_cast<Oid>(oid), fmt::format("#{}", oid));
    if (!names_until_) names_until_ = clock_->steady() + kAskAgain;
    return {};
}

Result<void> SessionSampler::learn_texts(const std::vector<SessionGroup>& groups) {
    std::vector<std::int64_t> unknown;
    std::unordered_map<std::int64_t, Oid> database_of;
    const auto now = clock_->steady();
    for (const auto& group : groups) {
        if (group.query_id == 0 || !runs_statements(group) || unknown.size() >= kTextsAtOnce) continue;
        if (options_.template_of && options_.template_of(group.query_id, group.database, group.user)) continue;
        const auto* known = templates_.find(key_of(group.query_id, group.database));
        if (known != nullptr && (!known->ask_again || now < *known->ask_again)) continue;
        if (database_of.emplace(group.query_id, group.database).second) unknown.push_back(group.query_id);
    }
    if (unknown.empty()) return {};
    ORRERY_ASSIGN(const auto rows, ask(session_texts_sql(), {array_parameter(unknown)}));
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto query_id = rows.integer(row, 0);
        const auto read = sql::fingerprint(std::string(rows.text(row, 1)));
        const auto key = key_of(query_id, database_of[query_id]);
        if (read)
            templates_.keep(key, {*read, {}});
        else
            templates_.keep(key, {{}, now + kAskAgain});  // cut off, or not the server's grammar
    }
    return {};
}

Fingerprint SessionSampler::fingerprint(std::int64_t query_id, Oid database, Oid user, const std::string& text) {
    if (query_id != 0 && options_.template_of)
        if (const auto known = options_.template_of(query_id, database, user)) return *known;
    if (query_id == 0 && text.empty()) return {};
    const auto key = query_id != 0 ? key_of(query_id, database) : base::stable_hash(text);
    if (const auto* known = templates_.find(key)) return known->fingerprint;
    if (text.empty() || ++parsed_ > kParsedAtOnce) return {};
    const auto read = sql::fingerprint(text);
    templates_.keep(key, {read ? *read : Fingerprint{}, {}});
    return read ? *read : Fingerprint{};
}

/// Those that have waited longest, no more than may be asked for.
std::vector<int> SessionSampler::longest_waiting(const std::vector<SessionGroup>& groups) {
    const auto now = clock_->steady();
    std::vector<int> waiting;
    for (const auto& group : groups) waiting.insert(waiting.end(), group.waiting.begin(), group.waiting.end());
    for (const int pid : waiting) {
        auto& wait = lock_waits_[pid];
        if (wait.seen == Instant{}) wait.since = now;
        wait.seen = now;
    }
    std::erase_if(lock_waits_, [&](const auto& wait) { return wait.second.seen != now; });
    std::sort(waiting.begin(), waiting.end(),
              [&](int a, int b) { return std::pair(lock_waits_[a].since, a) < std::pair(lock_waits_[b].since, b); });
    if (waiting.size() > options_.max_waiting) waiting.resize(options_.max_waiting);
    return waiting;
}

void SessionSampler::look_at_blocking(const std::vector<int>& waiting) {
    const auto start = clock_->steady();
    if (!blocking_pace_.due(start)) return;
    const auto rows = ask(blocking_sql(session_->server_version()), {array_parameter({waiting.begin(), waiting.end()})});
    if (!rows) {
        blocking_pace_.failed(start, on_server(waited_));
        failed("blocking", rows.error());
        return;
    }
    blocking_pace_.ran(start, on_server(waited_));
    auto involved = read_blocking(*rows);
    name(involved);
    std::vector<InvolvedSession> sessions;
    for (auto& row : involved) sessions.push_back(std::move(row.session));
    note_waits(sessions);
    const auto blocked = blocking_tree(sessions);
    for (const auto& one : blocked) stretch_->blocking.add(one);
    tell_waits(blocked);
}

void SessionSampler::name(std::vector<InvolvedRow>& involved) {
    std::vector<std::int64_t> databases, users;
    for (const auto& row : involved) {
        databases.push_back(row.database);
        users.push_back(row.user);
    }
    if (const auto names = learn_names(std::move(databases), std::move(users)); !names) failed("session names", names.error());
    for (auto& row : involved) {
        row.session.database = name_or_number(databases_, row.database);
        row.session.user = name_or_number(users_, row.user);
        row.session.fingerprint = fingerprint(row.query_id, row.database, row.user, row.text);
    }
}

void SessionSampler::note_waits(std::vector<InvolvedSession>& sessions) {
    const bool told_by_server = session_->server_version() >= 140000;
    for (auto& session : sessions) {
        if (session.blockers.empty()) continue;
        const auto wait = lock_waits_.find(session.pid);
        if (wait == lock_waits_.end()) continue;
        // Before 14 a wait is as long as it was seen to be, and no longer than the statement.
        if (!told_by_server) session.wait_ms = std::min(Milliseconds(clock_->steady() - wait->second.since).count(), session.state_ms);
        if (session.wait_ms < wait->second.wait_ms) wait->second.told = false;  // another one
        wait->second.wait_ms = session.wait_ms;
    }
}

/// One event for each relation on which waits have become long.
void SessionSampler::tell_waits(const std::vector<BlockedSession>& blocked) {
    std::map<std::string, std::vector<const BlockedSession*>> by_subject;
    for (const auto& one : blocked) {
        auto& wait = lock_waits_[one.waiting->pid];
        if (wait.told || one.waiting->wait_ms < Milliseconds(options_.lock_wait).count()) continue;
        wait.told = true;
        by_subject[one.waiting->relation.empty() ? one.waiting->lock_type : one.waiting->relation].push_back(&one);
    }
    for (const auto& [subject, waits] : by_subject) {
        if (ready_.batch.events.size() >= kMostEvents) return;
        const auto& longest = **std::max_element(waits.begin(), waits.end(),
                                                 [](const auto* a, const auto* b) { return a->waiting->wait_ms < b->waiting->wait_ms; });
        const auto& waiting = *longest.waiting;
        const auto others = waits.size() == 1 ? "" : fmt::format(" (and {} more)", waits.size() - 1);
        ready_.batch.events.push_back(
            {clock_->now(), "lock_wait", subject,
             fmt::format("{}{} has waited {} for {} on {}, {}.", described(waiting), others, base::to_text(Milliseconds(waiting.wait_ms)),
                         waiting.mode, subject, described_root(longest))});
    }
}

Reading SessionSampler::take() {
    const auto now = clock_->now();
    if (stretch_ && (now < stretch_->over.start || now >= stretch_->over.end)) close();
    if (hidden_ > 0)
        ready_.notes.push_back(fmt::format(
            "{} sessions of other roles are hidden from this one: GRANT pg_monitor (or pg_read_all_stats) shows them.", hidden_));
    if (pace_.slowed())
        ready_.notes.push_back(fmt::format("Sessions are sampled every {} instead of {}: looking at them costs {:.2f} ms.",
                                           base::to_text(Milliseconds(pace_.period())), base::to_text(Milliseconds(options_.period)),
                                           spent_ms_.lowest()));
    return std::exchange(ready_, {});
}

Reading SessionSampler::finish() {
    if (stretch_) {
        stretch_->over.end = std::max(std::min(stretch_->over.end, clock_->now()), stretch_->over.start);
        close();
        attempt_.reset();
    }
    return take();
}

}  // namespace orrery::collectors
