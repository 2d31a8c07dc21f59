#include "collectors/query_log_collector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/random.hpp"
#include "collectors/query_features.hpp"
#include "collectors/query_log_events.hpp"
#include "sql/features.hpp"

namespace orrery::collectors {

using base::Error;
using base::ErrorKind;
using base::Result;
using domain::Fingerprint;
using domain::StatementKey;

namespace {

constexpr int kSnapshotAttempts = 3;
constexpr std::chrono::hours kEvictionsTold{1};
constexpr std::size_t kFewestTexts = 100;

base::Unexpected cancelled() {
    return base::unexpected(ErrorKind::cancelled, "collecting was stopped");
}

/// A statement that libpg_query cannot read still needs a name: that of its query id.
Fingerprint fingerprint_of(const StatementText& item, const sql::Analysis& analysis) {
    if (analysis.fingerprint.value != 0) return analysis.fingerprint;
    return {base::stable_hash(fmt::format("query id {}", item.key.query_id)) | 1};
}

std::string array_of(const std::vector<StatementKey>& keys) {
    std::string list = "{";
    for (const auto& key : keys) list += fmt::format("{}{}", list.size() > 1 ? "," : "", key.query_id);
    return list + "}";
}

/// "ALTER SYSTEM SET shared_preload_libraries = 'a', 'pg_stat_statements';" keeping what is there.
std::string preload_sql(const std::string& present) {
    std::string list;
    std::string name;
    for (const char c : present + ",") {
        if (c == ',') {
            if (!name.empty()) list += domain::quote_literal(name) + ", ";
            name.clear();
        } else if (c != ' ' && c != '"') {
            name += c;
        }
    }
    return fmt::format("ALTER SYSTEM SET shared_preload_libraries = {}'pg_stat_statements';", list);
}

}  // namespace

/// What one round gathers on its way.
struct QueryLogCollector::Round {
    QueryLogSnapshot snapshot;
    RoundReport report;
};

QueryLogCollector::QueryLogCollector(domain::SqlSession& session, domain::Store& store, base::Clock& clock, const QueryLogOptions& options)
    : session_(&session), store_(&store), clock_(&clock), options_(options) {}

Result<RoundReport> QueryLogCollector::collect_once(const std::stop_token& stop) {
    if (stop.stop_requested()) return cancelled();
    Round round;
    ORRERY_TRY(prepare(round));
    ORRERY_TRY(read_same_server(round));
    round.report.server = server_;
    if (stop.stop_requested()) return cancelled();
    if (auto learnt = learn_texts(round); !learnt)  // the counters are worth keeping without
        round.report.notes.push_back(learnt.error().within("texts of new statements could not be read").to_text());
    if (stop.stop_requested()) return cancelled();
    ORRERY_TRY(write(round));
    return std::move(round.report);
}

/// Once per collector, and again after the extension or the server's version changed: what may be read and how.
Result<void> QueryLogCollector::prepare(Round& round) {
    if (extension_.installed) return {};
    ORRERY_ASSIGN(const auto found, ask(round, extension_sql()));
    const auto extension = read_extension(found, session_->server_version());
    if (!extension.installed)
        return base::unexpected(ErrorKind::missing_extension, fmt::format("pg_stat_statements is not installed in {}", session_->target()),
                                "Its view is made in each database from which it is to be read.",
                                "As a superuser in that database: CREATE EXTENSION pg_stat_statements;");
    if (!extension.has("total_exec_time"))
        return base::unexpected(ErrorKind::unsupported, "pg_stat_statements is older than 1.8", "It has no column total_exec_time.",
                                "As its owner: ALTER EXTENSION pg_stat_statements UPDATE;");
    extension_ = extension;
    extension_.system = ask(round, system_sql()).has_value();
    extension_.timeline = ask(round, timeline_sql()).has_value();
    return {};
}

/// The record of the server that answers now, and what is known of it.
Result<void> QueryLogCollector::find_server(Round& round) {
    const auto& identifier = round.snapshot.system_identifier;
    if (server_ != 0 && identifier_ == identifier) return {};
    ORRERY_ASSIGN(const auto server, store_->server(session_->target(), identifier));
    ORRERY_ASSIGN(const auto statements, store_->known_statements(server));
    server_ = server;
    identifier_ = identifier;
    written_.reset();
    known_.clear();
    own_.clear();
    for (const auto& statement : statements) {
        known_.emplace(statement.key, statement.fingerprint);
        if (statement.fingerprint.value == 0) own_.insert(statement.key);
    }
    return {};
}

/// A reading, and anew when the extension was moved or updated, or another major answers, since it was looked at.
Result<void> QueryLogCollector::read_same_server(Round& round) {
    for (bool again = false;; again = true) {
        auto read = read_snapshot(round);
        if (!read && (extension_.installed || again)) return read;
        if (read && extension_.major == session_->server_version() / 10'000) break;
        if (again) return base::unexpected(ErrorKind::conflict, "the server changed again while it was read");
        extension_.installed = false;
        ORRERY_TRY(prepare(round));
    }
    return find_server(round);
}

/// Head, counters, head again. A reset in between would leave it open on which side of it the counters are: then all is read anew.
Result<void> QueryLogCollector::read_snapshot(Round& round) {
    auto& snapshot = round.snapshot;
    for (int attempt = 0; attempt < kSnapshotAttempts; ++attempt) {
        snapshot = {};
        snapshot.cursor.taken = clock_->now();
        ORRERY_ASSIGN(const auto head, ask(round, head_sql(extension_)));
        read_head(extension_, head, snapshot);
        {
            ORRERY_ASSIGN(const auto counters, ask(round, counters_sql(extension_)));
            round.report.hidden = read_counters(counters, snapshot.cursor);
        }
        snapshot.evictions_after = snapshot.cursor.evictions;
        std::int64_t reset_after = snapshot.cursor.reset_us;
        if (const auto tail = tail_sql(extension_); !tail.empty()) {
            ORRERY_ASSIGN(const auto after, ask(round, tail));
            reset_after = after.integer(0, 0);
            snapshot.evictions_after = after.integer(0, 1);
        }
        if (reset_after != snapshot.cursor.reset_us) continue;
        round.report.statements = snapshot.cursor.rows.size();
        if (round.report.hidden > 0)
            round.report.notes.push_back(
                fmt::format("{} statements of other roles are hidden; as a superuser: GRANT pg_read_all_stats TO {};", round.report.hidden,
                            extension_.role));
        return {};
    }
    return base::unexpected(ErrorKind::conflict, "pg_stat_statements was reset again and again while it was read", "",
                            "Find out who calls pg_stat_statements_reset() so often; the next round tries again.");
}

std::vector<StatementKey> QueryLogCollector::unknown_keys(const domain::QueryLogCursor& cursor) const {
    std::vector<std::pair<double, StatementKey>> found;
    for (const auto& row : cursor.rows)
        if (!known_.contains(row.key)) found.emplace_back(row.counters.exec_ms, row.key);
    std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<StatementKey> keys;
    keys.reserve(found.size());
    for (const auto& [exec_ms, key] : found) keys.push_back(key);
    return keys;
}

Result<void> QueryLogCollector::learn_texts(Round& round) {
    auto unknown = unknown_keys(round.snapshot.cursor);
    round.report.unknown_texts = unknown.size();
    if (unknown.empty() || (next_texts_ && clock_->steady() < *next_texts_)) return {};
    // Not many more than fit into the answer: the server sorts whole texts to cut it off.
    const double fitting = 2 * static_cast<double>(options_.max_text_bytes.value) / mean_text_bytes_;
    const auto asked = std::clamp(static_cast<std::size_t>(fitting), kFewestTexts, std::max(options_.max_texts, kFewestTexts));
    unknown.resize(std::min({unknown.size(), asked, options_.max_texts}));

    const auto start = clock_->steady();
    const std::vector<domain::SqlParameter> parameters{array_of(unknown), std::to_string(options_.max_text_bytes.value),
                                                       std::to_string(options_.max_text_length.value)};
    const auto answer = ask(round, texts_sql(extension_), parameters);
    // However long it took, failed or not, the server is then left alone with it in proportion.
    const auto taken = std::chrono::duration<double>(clock_->steady() - start);
    next_texts_ = clock_->steady() + std::chrono::duration_cast<std::chrono::nanoseconds>(taken / options_.text_time_share);
    if (!answer) return base::unexpected(answer.error());

    auto texts = read_texts(extension_, *answer);
    std::int64_t bytes = 0;
    for (const auto& item : texts) bytes += item.length;
    if (!texts.empty()) mean_text_bytes_ = std::max(1.0, static_cast<double>(bytes) / static_cast<double>(texts.size()));
    std::erase_if(texts, [&](const StatementText& item) { return known_.contains(item.key); });  // same query id, other role
    ORRERY_TRY(remember(texts));
    round.report.new_texts = texts.size();
    round.report.unknown_texts = unknown_keys(round.snapshot.cursor).size();
    return {};
}

Result<void> QueryLogCollector::remember(const std::vector<StatementText>& texts) {
    std::vector<domain::KnownStatement> statements;
    std::vector<domain::QueryTemplate> templates;
    TemplateFeatures features;
    std::unordered_set<std::uint64_t> seen;
    for (const auto& [key, fingerprint] : known_) seen.insert(fingerprint.value);
    statements.reserve(texts.size());
    for (const auto& item : texts) {
        if (domain::is_marked_own(item.text)) {
            statements.push_back({item.key, {}});
            continue;
        }
        const auto analysis = analyses_.analyze(item.text);  // many databases and roles run the same text
        const auto fingerprint = fingerprint_of(item, *analysis);
        statements.push_back({item.key, fingerprint});
        if (!seen.insert(fingerprint.value).second) continue;
        templates.push_back({fingerprint, options_.store_texts ? analysis->text : std::string()});
        if (!analysis->error) features.emplace_back(fingerprint, sql::features(analysis->facts));
    }
    ORRERY_TRY(store_->save_templates(templates));
    if (!features.empty()) ORRERY_TRY(store_->write(server_, {.frames = {feature_frame(features, clock_->now())}}));
    ORRERY_TRY(store_->save_known_statements(server_, statements));
    for (const auto& statement : statements) {
        known_.emplace(statement.key, statement.fingerprint);
        if (statement.fingerprint.value == 0) own_.insert(statement.key);
    }
    return {};
}

Result<void> QueryLogCollector::write(Round& round) {
    auto& report = round.report;
    auto& snapshot = round.snapshot;
    ORRERY_ASSIGN(const auto previous, store_->cursor(server_));
    keep_time(previous, snapshot);
    if (previous) compare_databases(*previous, snapshot);
    const auto interval = previous ? diff(*previous, snapshot, own_) : std::nullopt;
    ORRERY_TRY(write_events(previous, round, interval.has_value()));
    if (!interval) {
        report.baseline = true;
        ORRERY_TRY(store_->save_cursor(server_, snapshot.cursor));
        finish(snapshot);
        return {};
    }
    report.active = interval->deltas.size();
    report.lower_bound = interval->lower_bound;
    if (interval->total_exec_ms > 0) report.coverage_percent = 100 * std::min(interval->known_exec_ms / interval->total_exec_ms, 1.0);
    ORRERY_TRY(store_->append(server_, *interval, snapshot.cursor));
    finish(snapshot);
    return {};
}

void QueryLogCollector::keep_time(const std::optional<domain::QueryLogCursor>& previous, QueryLogSnapshot& snapshot) const {
    if (!previous) return;
    const auto elapsed = written_ == previous->taken ? clock_->steady() - written_steady_ : std::chrono::nanoseconds(0);
    snapshot.cursor.taken = time_after(previous->taken, snapshot.cursor.taken, elapsed);
}

/// Databases one by one, when the previous reading was ours: the store keeps their sum only.
void QueryLogCollector::compare_databases(const domain::QueryLogCursor& previous, QueryLogSnapshot& snapshot) const {
    if (written_ == previous.taken) snapshot.database_growth_ms = database_growth_ms(databases_, snapshot.databases);
}

Result<void> QueryLogCollector::write_events(const std::optional<domain::QueryLogCursor>& previous, Round& round, bool comparable) {
    auto& events = round.report.events;
    const auto& before = scope_.empty() && previous ? previous->scope : scope_;
    if (!before.empty()) events = scope_events(before, round.snapshot.cursor);
    if (comparable)
        for (auto& event : counter_events(*previous, round.snapshot)) {
            if (event.kind == "evictions") {
                if (next_evictions_ && clock_->steady() < *next_evictions_) continue;
                next_evictions_ = clock_->steady() + kEvictionsTold;
            }
            events.push_back(std::move(event));
        }
    if (events.empty()) return {};
    return store_->write(server_, {.frames = {}, .plans = {}, .events = events, .state = {}});
}

void QueryLogCollector::finish(const QueryLogSnapshot& snapshot) {
    scope_ = snapshot.cursor.scope;
    databases_ = snapshot.databases;
    written_ = snapshot.cursor.taken;
    written_steady_ = clock_->steady();
}

Result<domain::SqlRows> QueryLogCollector::ask(Round& round, const std::string& sql, std::span<const domain::SqlParameter> parameters) {
    const auto start = clock_->steady();
    auto answer = session_->query(sql, parameters);
    const base::Milliseconds taken = clock_->steady() - start;
    round.report.server_time += taken;
    round.report.longest_statement = std::max(round.report.longest_statement, taken);
    if (!answer) return base::unexpected(explained(std::move(answer).error()));
    return answer;
}

/// Adds what to do about it, where the server's words leave that open.
Error QueryLogCollector::explained(Error error) {
    if (error.sqlstate == "55000") {  // object_not_in_prerequisite_state
        const auto present = session_->query(domain::mark_own("SELECT pg_catalog.current_setting('shared_preload_libraries')"));
        error.kind = ErrorKind::missing_extension;
        error.hint =
            fmt::format("As a superuser, then restart the server: {}", preload_sql(present ? std::string(present->text(0, 0)) : ""));
    } else if (error.sqlstate == "22021") {  // character_not_in_repertoire: the server checks every text against this database's encoding
        const auto databases = session_->query(
            domain::mark_own("SELECT pg_catalog.string_agg(pg_catalog.quote_ident(datname), ', ') FROM pg_catalog.pg_database WHERE "
                             "encoding = pg_catalog.pg_char_to_encoding('SQL_ASCII') AND datallowconn"));
        error.hint = fmt::format(
            "A database in SQL_ASCII ({}) holds a statement with bytes that are none of this database's encoding. From there all texts can "
            "be "
            "read: CREATE EXTENSION pg_stat_statements in it, and collect with it as the target's database.",
            databases ? databases->text(0, 0) : "");
    } else if (error.kind == ErrorKind::permission && extension_.installed) {
        error.hint = fmt::format(
            "As a superuser: GRANT pg_monitor TO {0}; GRANT USAGE ON SCHEMA {1} TO {0}; "
            "GRANT EXECUTE ON FUNCTION {1}.pg_stat_statements(boolean) TO {0};",
            extension_.role, extension_.schema);
    } else if (error.kind == ErrorKind::missing_object || error.kind == ErrorKind::missing_extension) {
        extension_.installed = false;  // dropped, moved or updated: to be looked for again
    }
    return error;
}

base::WallTime time_after(base::WallTime previous, base::WallTime now, std::chrono::nanoseconds elapsed) {
    const auto half = std::max(elapsed, std::chrono::nanoseconds(0)) / 2;
    return std::max(now, previous + std::chrono::duration_cast<base::WallTime::duration>(half));
}

}  // namespace orrery::collectors
