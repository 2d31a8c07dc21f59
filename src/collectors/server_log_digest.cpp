#include "collectors/server_log_digest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "base/random.hpp"
#include "collectors/plan_redaction.hpp"
#include "domain/sql_session.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/plan_text_reader.hpp"
#include "sql/statement.hpp"

namespace orrery::collectors {

using domain::RollUp;

namespace {

constexpr std::size_t kMaxFingerprints = 50'000;    // remembered
constexpr std::size_t kLongestStatement = 1 << 20;  // that is fingerprinted
constexpr std::size_t kLongestMessage = 200;
constexpr std::int64_t kMaxAheadMs = 86'400'000;

/// What a message that is told without its SQLSTATE (log_line_prefix without %e) stands for.
struct KnownMessage {
    std::string_view beginning, sqlstate;
};
constexpr KnownMessage kKnownMessages[] = {
    {"duplicate key value violates unique constraint", "23505"},
    {"insert or update on table", "23503"},
    {"update or delete on table", "23503"},
    {"null value in column", "23502"},
    {"new row for relation", "23514"},
    {"conflicting key value violates exclusion constraint", "23P01"},
    {"deadlock detected", "40P01"},
    {"could not serialize access", "40001"},
    {"canceling statement due to lock timeout", "55P03"},
    {"could not obtain lock on", "55P03"},
    {"canceling statement due to", "57014"},
    {"canceling autovacuum task", "57014"},
    {"terminating connection due to", "57P01"},
    {"terminating connection because of crash", "57P02"},
    {"the database system is", "57P03"},
    {"syntax error at", "42601"},
    {"relation \"", "42P01"},
    {"column \"", "42703"},
    {"function ", "42883"},
    {"operator does not exist", "42883"},
    {"permission denied", "42501"},
    {"must be owner of", "42501"},
    {"division by zero", "22012"},
    {"invalid input syntax for", "22P02"},
    {"value too long for type", "22001"},
    {"invalid byte sequence for encoding", "22021"},
    {"current transaction is aborted", "25P02"},
    {"password authentication failed", "28P01"},
    {"no pg_hba.conf entry", "28000"},
    {"role \"", "28000"},
    {"database \"", "3D000"},
    {"sorry, too many clients already", "53300"},
    {"remaining connection slots are reserved", "53300"},
    {"out of memory", "53200"},
    {"could not extend file", "53100"},
    {"could not write to file", "53100"},
    {"out of shared memory", "53200"},
    {"could not send data to client", "08006"},
    {"could not receive data from client", "08006"},
    {"unexpected EOF on client connection", "08006"},
    {"connection to client lost", "08006"},
};

/// "duration" in the languages of servers; what follows is a number, a unit and perhaps a label and a statement.
constexpr std::string_view kDurationWords[] = {
    "duration: ",    "Dauer: ",      "duración: ",   "durée : ", "durata: ",   "期間: ",     "продолжительность: ",
    "varaktighet: ", "varaktighet ", "тривалість: ", "耗时: ",   "持續時間: ", "실행시간: ", "ხანგრძლივობა: ",
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

double number_at(std::string_view text, std::size_t at) {
    double value = -1;
    if (at < text.size()) std::from_chars(text.data() + at, text.data() + text.size(), value);
    return value >= 0 ? value : -1;
}

/// The number behind `label`; negative when it is not there.
double number_behind(std::string_view text, std::string_view label) {
    const auto place = text.find(label);
    return place == std::string_view::npos ? -1 : number_at(text, place + label.size());
}

/// "duration: 3.512 ms  execute fetch: SELECT ..."
bool read_duration(std::string_view message, LogFinding& finding) {
    std::size_t at = 0;
    for (const auto word : kDurationWords)
        if (message.starts_with(word)) {
            at = word.size();
            break;
        }
    if (at == 0 || at >= message.size() || !is_digit(message[at])) return false;
    finding.ms = number_at(message, at);
    finding.kind = LogKind::duration;
    while (at < message.size() && (is_digit(message[at]) || message[at] == '.')) ++at;
    const auto unit = message.substr(at, 24);  // " ms", " мс"
    const auto gap = std::min(unit.find("  ", 1), unit.find(", ", 1));
    if (gap == std::string_view::npos) return true;
    at += gap + 2;
    const auto label = message.substr(at, 100);
    if (label.starts_with("plan:")) {
        finding.kind = LogKind::plan;
        finding.text_at = at + 5;
        return true;
    }
    const auto colon = message.find(": ", at);
    if (colon == std::string_view::npos) return true;
    finding.kind = LogKind::statement;
    if (label.starts_with("parse ")) finding.kind = LogKind::parse;
    if (label.starts_with("bind ")) finding.kind = LogKind::bind;
    if (!label.starts_with("fastpath")) finding.text_at = colon + 2;
    return true;
}

/// Server messages of severity LOG, by their beginnings.
void read_server_message(std::string_view message, LogFinding& finding) {
    struct Beginning {
        std::string_view text;
        LogKind kind;
    };
    static constexpr Beginning kBeginnings[] = {
        {"connection authorized:", LogKind::connection},      {"replication connection authorized:", LogKind::connection},
        {"disconnection:", LogKind::disconnection},           {"temporary file:", LogKind::temp_file},
        {"checkpoint complete:", LogKind::checkpoint},        {"restartpoint complete:", LogKind::checkpoint},
        {"automatic vacuum of table", LogKind::autovacuum},   {"automatic aggressive vacuum", LogKind::autovacuum},
        {"automatic analyze of table", LogKind::autoanalyze}, {"database system is ready to accept", LogKind::startup},
        {"database system is shut down", LogKind::shutdown},
    };
    for (const auto& beginning : kBeginnings)
        if (message.starts_with(beginning.text)) finding.kind = beginning.kind;
    switch (finding.kind) {
        case LogKind::temp_file: {
            const auto size = message.rfind("size ");
            if (size != std::string_view::npos) std::from_chars(message.data() + size + 5, message.data() + message.size(), finding.bytes);
            break;
        }
        case LogKind::checkpoint: finding.ms = number_behind(message, "total=") * 1000; break;
        case LogKind::autovacuum:
        case LogKind::autoanalyze: {
            finding.ms = number_behind(message, "elapsed: ") * 1000;
            const auto quote = message.find('"');
            if (quote != std::string_view::npos) {
                finding.database_in_it = message.substr(quote + 1, message.find('.', quote) - quote - 1);
                while (finding.database_in_it.starts_with('"')) finding.database_in_it.remove_prefix(1);  // doubled in csv
            }
            break;
        }
        default: break;
    }
    if (message.starts_with("process ")) {
        if (message.find(" waiting for ") < 60) finding.kind = LogKind::lock_wait;
        if (message.find(" acquired ") < 60) finding.kind = LogKind::lock_acquired;
        if (finding.kind == LogKind::lock_acquired)
            if (const auto place = message.rfind(" after "); place != std::string_view::npos) finding.ms = number_at(message, place + 7);
    }
    if (message.find(" was terminated by signal ") < 100 || message.find(" was terminated by exception ") < 100)
        finding.kind = LogKind::crash;
}

LogKind kind_of(Severity severity) {
    switch (severity) {
        case Severity::warning: return LogKind::warning;
        case Severity::error: return LogKind::error;
        case Severity::fatal: return LogKind::fatal;
        case Severity::panic: return LogKind::panic;
        default: return LogKind::other;
    }
}

/// The same for texts that differ in their constants only, most of the time: what it groups wrongly apart costs one more parse.
std::uint64_t skeleton_hash(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    const auto mix = [&](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U; };
    bool in_word = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\'') {
            const auto end = text.find('\'', i + 1);
            mix('?');
            if (end == std::string_view::npos) break;
            i = end;
            in_word = false;
            continue;
        }
        if (is_digit(c) && !in_word) {
            while (i + 1 < text.size() && (is_digit(text[i + 1]) || text[i + 1] == '.')) ++i;
            mix('?');
            continue;
        }
        in_word = is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
                  static_cast<unsigned char>(c) >= 0x80;
        mix(c);
    }
    return hash;
}

bool is_error(LogKind kind) {
    return kind == LogKind::error || kind == LogKind::fatal || kind == LogKind::panic || kind == LogKind::deadlock;
}

/// The text of a plan's query begins behind its key, in whatever quotes and escapes.
std::string_view query_of_plan(std::string_view plan) {
    constexpr std::string_view kKey = "Query Text";
    plan = plan.substr(0, 300);
    const auto key = plan.find(kKey);
    if (key == std::string_view::npos) return {};
    plan.remove_prefix(key + kKey.size());
    plan.remove_prefix(std::min(plan.find_first_not_of("\\\": "), plan.size()));
    return plan;
}

bool is_own(const LogRecord& record, const LogFinding& finding) {
    if (record.application.raw().starts_with("orrery/")) return true;
    const auto message = record.message.raw();
    if (finding.kind == LogKind::connection) return message.find("application_name=orrery/") != std::string_view::npos;
    if (finding.kind == LogKind::plan) return domain::is_marked_own(query_of_plan(message.substr(finding.text_at)));
    if (finding.text_at > 0 && domain::is_marked_own(message.substr(finding.text_at, 100))) return true;
    return !record.statement.empty() && domain::is_marked_own(record.statement.raw().substr(0, 100));
}

/// Classes of SQLSTATE that the server itself raises, in two letters each; any other is an application's own.
bool is_of_the_server(std::string_view sqlstate) {
    constexpr std::string_view kClasses =
        "01 02 03 08 09 0A 0B 0F 0L 0P 0Z 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 3B 3D 3F 40 42 44 53 54 55 57 58 "
        "72 F0 XX ";
    const auto place = sqlstate.size() == 5 ? kClasses.find(sqlstate.substr(0, 2)) : std::string_view::npos;
    return place != std::string_view::npos && place % 3 == 0;
}

/// What is quoted in the message may be a piece of data, which may hold quotes of its own: then only the last one surely ends it. In the
/// messages of other classes names are quoted.
bool quotes_data(std::string_view sqlstate) {
    for (const std::string_view names : {"23", "28", "3D", "3F", "40", "55", "57", "42501", "42P01", "42703", "42704"})
        if (sqlstate.starts_with(names)) return false;
    return true;
}

/// A text without its quoted and bracketed parts and its numbers; cut where a quote or bracket does not close. `to_last`: what is quoted
/// reaches to the last quote.
std::string without_quoted(std::string_view text, bool to_last) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"' || c == '\'' || c == '(' || c == '[' || c == '{') {
            const char close = c == '(' ? ')' : c == '[' ? ']' : c == '{' ? '}' : c;
            const auto end = c == '(' || to_last ? text.rfind(close) : text.find(close, i + 1);
            if (end == std::string_view::npos || end <= i) return out + "...";
            out += c;
            out += '?';
            out += close;
            i = end;
        } else if (is_digit(c)) {
            while (i + 1 < text.size() && is_digit(text[i + 1])) ++i;
            out += '?';
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

std::string_view to_string(LogKind kind) {
    constexpr std::string_view kNames[] = {"statement",  "parse",         "bind",     "duration",   "plan",       "temp_file",
                                           "lock_wait",  "lock_acquired", "deadlock", "checkpoint", "autovacuum", "autoanalyze",
                                           "connection", "disconnection", "startup",  "shutdown",   "crash",      "warning",
                                           "error",      "fatal",         "panic",    "other"};
    static_assert(std::size(kNames) == static_cast<std::size_t>(LogKind::other) + 1);
    return kNames[static_cast<std::size_t>(kind)];
}

LogFinding classify(const LogRecord& record) {
    LogFinding finding;
    finding.sqlstate = record.sqlstate == "00000" ? std::string_view() : record.sqlstate;
    const auto message = record.message.raw();
    if (record.severity == Severity::log || record.severity == Severity::info || record.severity == Severity::unknown) {
        if (!read_duration(message, finding)) read_server_message(message, finding);
        return finding;
    }
    finding.kind = kind_of(record.severity);
    if (finding.kind == LogKind::other) return finding;
    if (finding.sqlstate.empty())
        for (const auto& known : kKnownMessages)
            if (message.starts_with(known.beginning)) {
                finding.sqlstate = known.sqlstate;
                break;
            }
    if (finding.sqlstate == "40P01" && finding.kind == LogKind::error) finding.kind = LogKind::deadlock;
    return finding;
}

std::string message_without_data(const LogRecord& record, std::string_view sqlstate) {
    // Messages that functions raise are the application's own words, and those of other servers and languages are not known.
    if (!is_of_the_server(sqlstate)) return "";
    const auto context = record.context.raw();
    if (context.find("RAISE") != std::string_view::npos) return "";
    if (context.find("PL/") != std::string_view::npos && context.find("PL/pgSQL") == std::string_view::npos) return "";
    std::string scratch;
    const auto whole = record.message.decoded(scratch);
    auto message = whole.substr(0, std::min(whole.find_first_of("\r\n"), kLongestMessage));
    const bool to_last = quotes_data(sqlstate);
    // What is quoted may go on behind the cut.
    if (to_last && message.size() < whole.size()) message = message.substr(0, message.find_first_of("\"'([{"));
    if (std::any_of(message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x7F || c < ' '; })) return "";
    return without_quoted(message, to_last);
}

/// The columns that counts are stored in.
struct ServerLogDigest::CountColumns {
    std::vector<std::int64_t> counts, bytes;
    std::vector<double> total_ms, max_ms;

    void add(const Counts& value) {
        const bool timed = value.max_ms >= 0;
        counts.push_back(value.count);
        bytes.push_back(value.bytes);
        total_ms.push_back(timed ? value.total_ms : std::numeric_limits<double>::quiet_NaN());
        max_ms.push_back(timed ? value.max_ms : std::numeric_limits<double>::quiet_NaN());
    }
    void move_to(domain::Frame& frame) {
        frame.columns.push_back({"count", RollUp::sum, "", std::move(counts)});
        frame.columns.push_back({"total_ms", RollUp::sum, "ms", std::move(total_ms)});
        frame.columns.push_back({"max_ms", RollUp::maximum, "ms", std::move(max_ms)});
        frame.columns.push_back({"bytes", RollUp::sum, "bytes", std::move(bytes)});
    }
};

void ServerLogDigest::Counts::add(double ms, std::int64_t more_bytes) {
    ++count;
    bytes += more_bytes;
    if (ms < 0) return;
    total_ms += ms;
    max_ms = std::max(max_ms, ms);
}

void ServerLogDigest::go_on_from(base::WallTime last_end) {
    last_end_ms_ = base::to_unix_ms(last_end);
}

ServerLogDigest::Bin& ServerLogDigest::bin_of(const LogRecord& record) {
    // A time far ahead is none: it would draw all that follow after it.
    const auto told_ms = record.time_us / 1000;
    time_ms_ = std::max(time_ms_, told_ms > 0 && told_ms < now_ms_ + kMaxAheadMs ? told_ms : now_ms_);
    const auto number = time_ms_ / options_.bin.count();
    if (bins_.empty() || bins_.back().number < number) {
        bins_.emplace_back();
        bins_.back().number = number;
    }
    bins_.back().last_ms = time_ms_;
    return bins_.back();
}

void ServerLogDigest::add(const LogRecord& record) {
    const auto finding = classify(record);
    if (is_own(record, finding)) return;
    ++records_;
    auto& bin = bin_of(record);
    const std::string database(record.database.empty() ? finding.database_in_it : record.database.decoded(scratch_));
    const auto [place, added] = bin.events.try_emplace({finding.kind, std::string(finding.sqlstate.substr(0, 2)), database});
    if (added) ++rows_;
    place->second.add(finding.ms, finding.bytes);
    switch (finding.kind) {
        case LogKind::statement: add_statement(bin, record, finding, database); break;
        case LogKind::plan: add_plan(record, finding, database); break;
        case LogKind::startup:
        case LogKind::crash: add_event(record, finding, database); break;
        default: break;
    }
    if (!is_error(finding.kind)) return;
    add_error(bin, record, finding, database);
    if (finding.kind == LogKind::deadlock || finding.kind == LogKind::panic) add_event(record, finding, database);
}

/// Zero when the text is not parsed any more in this round, or cannot be.
domain::Fingerprint ServerLogDigest::fingerprint_of(const LogRecord& record, LogText text) {
    if (record.truncated || text.raw().size() > kLongestStatement) return {};
    const auto key = skeleton_hash(text.raw());
    if (const auto known = fingerprints_.find(key); known != fingerprints_.end()) return {known->second};
    if (new_statements_ >= options_.max_new_statements) return {};
    ++new_statements_;
    if (fingerprints_.size() >= kMaxFingerprints) fingerprints_.clear();
    const auto parsed = sql::fingerprint(std::string(text.decoded(scratch_)));
    // What does not parse goes by its query id, as it does in the query log.
    std::uint64_t value = parsed ? parsed->value : 0;
    if (value == 0 && record.query_id != 0) value = base::stable_hash(fmt::format("query id {}", record.query_id)) | 1;
    fingerprints_.emplace(key, value);
    return {value};
}

void ServerLogDigest::add_statement(Bin& bin, const LogRecord& record, const LogFinding& finding, const std::string& database) {
    const auto text = record.message.tail(finding.text_at);
    const auto fingerprint = fingerprint_of(record, text);
    if (fingerprint.value == 0) return;
    const auto [place, added] = bin.statements.try_emplace({fingerprint.value, database});
    if (added) ++rows_;
    place->second.add(finding.ms, 0);
}

void ServerLogDigest::add_plan(const LogRecord& record, const LogFinding& finding, const std::string& database) {
    if (record.truncated || plans_parsed_ >= options_.max_plans_parsed || plans_.size() >= options_.max_plans ||
        plan_bytes_ >= static_cast<std::size_t>(options_.max_plan_bytes.value)) {
        ++plans_left_out_;
        return;
    }
    ++plans_parsed_;
    std::string decoded;
    auto logged = pg::parse_logged_plan(record.message.tail(finding.text_at).decoded(decoded));
    if (!logged) {
        if (logged.error().kind == base::ErrorKind::unsupported)
            unsupported_ = logged.error().to_text();
        else
            ++plans_unread_;
        return;
    }
    const auto fingerprint = fingerprint_of(record, LogText(logged->query_text, LogText::Escaping::none));
    if (fingerprint.value == 0) {
        ++plans_left_out_;
        return;
    }
    domain::PlanSighting sighting{.fingerprint = fingerprint,
                                  .database = database,
                                  .shape_hash = logged->plan.shape_hash(),
                                  .seen = base::from_unix_ms(time_ms_),
                                  .source = "auto_explain",
                                  .total_cost = logged->plan.total_cost().value,
                                  .execution_ms = finding.ms};
    auto& seen = plan_counts_[{fingerprint.value, sighting.shape_hash}];
    if (++seen > options_.plans_per_shape) return;
    redact_plan(logged->plan);
    sighting.document = pg::write_plan(logged->plan);
    plan_bytes_ += sighting.document.size();
    plans_.push_back(std::move(sighting));
}

void ServerLogDigest::add_error(Bin& bin, const LogRecord& record, const LogFinding& finding, const std::string& database) {
    ErrorKey key{std::string(finding.sqlstate), record.severity, message_without_data(record, finding.sqlstate), database};
    auto place = bin.errors.find(key);
    if (place == bin.errors.end()) {
        if (messages_ >= options_.max_messages) std::get<2>(key).clear();
        const auto [added, is_new] = bin.errors.try_emplace(std::move(key), 0);
        if (is_new) ++rows_, ++messages_;
        place = added;
    }
    ++place->second;
}

void ServerLogDigest::add_event(const LogRecord& record, const LogFinding& finding, const std::string& database) {
    if (events_.size() >= options_.max_events) {
        ++events_left_out_;
        return;
    }
    domain::Event event{.at = base::from_unix_ms(time_ms_), .subject = database};
    std::string scratch;
    switch (finding.kind) {
        case LogKind::deadlock: {
            const auto detail = record.detail.decoded(scratch);
            std::size_t processes = 0;
            for (auto place = detail.find(" waits for "); place != std::string_view::npos; place = detail.find(" waits for ", place + 1))
                ++processes;
            event.kind = "deadlock";
            event.text = processes > 1 ? fmt::format("{} processes waited for each other's locks; one of them was cancelled", processes)
                                       : std::string("Processes waited for each other's locks; one of them was cancelled");
            if (!record.statement.empty() && !record.truncated)
                event.text += ": " + sql::redact(std::string(record.statement.decoded(scratch_))).substr(0, kLongestMessage);
            event.text += ".";
            break;
        }
        case LogKind::panic: {
            const auto message = message_without_data(record, finding.sqlstate);
            event.kind = "panic";
            event.text = message.empty() ? std::string("The server panicked.") : fmt::format("The server panicked: {}.", message);
            break;
        }
        case LogKind::crash:
            event.kind = "crash";
            event.text = fmt::format("A server process was terminated by signal {:.0f}; all sessions are ended and recovery begins.",
                                     number_behind(record.message.raw(), "signal "));
            break;
        default:
            event.kind = "restart";
            event.text = "The server began to accept connections.";
            break;
    }
    events_.push_back(std::move(event));
}

void ServerLogDigest::note_left_out(std::vector<std::string>& notes) {
    if (!unsupported_.empty() && !told_unsupported_) {
        told_unsupported_ = true;
        notes.push_back(unsupported_);
    }
    if (plans_left_out_ > 0)
        notes.push_back(
            fmt::format("{} plans of the log were counted but not kept; raise auto_explain.log_min_duration or lower "
                        "auto_explain.sample_rate",
                        plans_left_out_));
    if (plans_unread_ > 0) notes.push_back(fmt::format("{} plans of the log could not be read", plans_unread_));
    if (events_left_out_ > 0) notes.push_back(fmt::format("{} events of the log were counted but not kept", events_left_out_));
}

void ServerLogDigest::hand_over(domain::Batch& batch, std::vector<std::string>& notes) {
    for (const auto& bin : bins_) {
        // Frames neither overlap nor end at one time, however often a stretch of time is come back to.
        const std::int64_t start = std::max(bin.number * options_.bin.count(), last_end_ms_);
        last_end_ms_ = std::max(bin.last_ms, start) + 1;
        for (auto frame : {events_frame(bin), statements_frame(bin), errors_frame(bin)}) {
            if (frame.rows() == 0) continue;
            frame.start = base::from_unix_ms(start);
            frame.end = base::from_unix_ms(last_end_ms_);
            batch.frames.push_back(std::move(frame));
        }
    }
    std::move(plans_.begin(), plans_.end(), std::back_inserter(batch.plans));
    std::move(events_.begin(), events_.end(), std::back_inserter(batch.events));
    note_left_out(notes);
    bins_.clear();
    plans_.clear();
    events_.clear();
    plan_counts_.clear();
    records_ = 0;
    rows_ = messages_ = new_statements_ = plans_parsed_ = plan_bytes_ = 0;
    plans_left_out_ = plans_unread_ = events_left_out_ = 0;
}

domain::Frame ServerLogDigest::events_frame(const Bin& bin) {
    std::vector<std::string> kinds, classes, databases;
    CountColumns counts;
    for (const auto& [key, value] : bin.events) {
        kinds.emplace_back(to_string(std::get<0>(key)));
        classes.push_back(std::get<1>(key));
        databases.push_back(std::get<2>(key));
        counts.add(value);
    }
    domain::Frame frame{.series = "log_events"};
    frame.columns = {{"kind", RollUp::key, "", std::move(kinds)},
                     {"sqlstate_class", RollUp::key, "", std::move(classes)},
                     {"database", RollUp::key, "", std::move(databases)}};
    counts.move_to(frame);
    return frame;
}

domain::Frame ServerLogDigest::statements_frame(const Bin& bin) {
    std::vector<std::string> fingerprints, databases;
    CountColumns counts;
    for (const auto& [key, value] : bin.statements) {
        fingerprints.push_back(domain::Fingerprint{std::get<0>(key)}.hex());
        databases.push_back(std::get<1>(key));
        counts.add(value);
    }
    domain::Frame frame{.series = "log_statements"};
    frame.columns = {{"fingerprint", RollUp::key, "", std::move(fingerprints)}, {"database", RollUp::key, "", std::move(databases)}};
    counts.move_to(frame);
    frame.columns.pop_back();  // bytes
    return frame;
}

domain::Frame ServerLogDigest::errors_frame(const Bin& bin) {
    std::vector<std::string> states, severities, messages, databases;
    std::vector<std::int64_t> counts;
    for (const auto& [key, count] : bin.errors) {
        states.push_back(std::get<0>(key));
        severities.emplace_back(to_string(std::get<1>(key)));
        messages.push_back(std::get<2>(key));
        databases.push_back(std::get<3>(key));
        counts.push_back(count);
    }
    domain::Frame frame{.series = "log_errors"};
    frame.columns = {{"sqlstate", RollUp::key, "", std::move(states)},
                     {"severity", RollUp::key, "", std::move(severities)},
                     {"message", RollUp::key, "", std::move(messages)},
                     {"database", RollUp::key, "", std::move(databases)},
                     {"count", RollUp::sum, "", std::move(counts)}};
    return frame;
}

}  // namespace orrery::collectors
