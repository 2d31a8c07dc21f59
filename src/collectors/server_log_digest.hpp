#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/units.hpp"
#include "collectors/server_log_record.hpp"
#include "domain/observation.hpp"

namespace orrery::collectors {

/// What an entry of the log is about.
enum class LogKind {
    statement,  ///< "duration: 3.5 ms  statement: ..." and execute
    parse,
    bind,
    duration,  ///< without its statement
    plan,      ///< auto_explain
    temp_file,
    lock_wait,      ///< a process waits longer than deadlock_timeout (log_lock_waits)
    lock_acquired,  ///< and got what it waited for
    deadlock,
    checkpoint,
    autovacuum,
    autoanalyze,
    connection,
    disconnection,
    startup,
    shutdown,
    crash,
    warning,
    error,
    fatal,
    panic,
    other,
};
std::string_view to_string(LogKind kind);

/// An entry's kind and numbers, from its message alone.
struct LogFinding {
    LogKind kind = LogKind::other;
    double ms = -1;                   ///< a duration; negative when none is told
    std::int64_t bytes = 0;           ///< of a temporary file
    std::string_view sqlstate;        ///< as told, or what the message stands for; empty when neither
    std::size_t text_at = 0;          ///< where in the raw message a statement or plan begins; 0 when there is none
    std::string_view database_in_it;  ///< autovacuum tells it in the table's name
};
LogFinding classify(const LogRecord& record);

/// A message of the server's fit to be stored: what stands in quotes and brackets and each number is "?". Empty when it may be written by
/// the application or is not in English.
std::string message_without_data(const LogRecord& record, std::string_view sqlstate);

struct LogDigestOptions {
    std::chrono::milliseconds bin{60'000};   ///< frames are cut at multiples of it, by the log's own times
    std::size_t max_rows = 20'000;           ///< of all frames; then the digest is full
    std::size_t max_new_statements = 2'000;  ///< texts that are fingerprinted; further ones are counted without
    std::size_t max_plans = 200;             ///< sightings
    std::size_t max_plans_parsed = 1'000;
    std::size_t plans_per_shape = 3;
    base::Bytes max_plan_bytes{4 << 20};  ///< of their documents together
    std::size_t max_messages = 200;       ///< different messages of errors
    std::size_t max_events = 500;
};

/// Gathers entries of a log into what is stored: frames `log_events`, `log_statements`, `log_errors`, sightings of plans, events.
/// Statements of Orrery's own are left out. Nothing of the target's data gets into it. Times go forward only: an entry that seems older
/// than the one before counts as of that one's time. One thread at a time.
class ServerLogDigest {
public:
    explicit ServerLogDigest(const LogDigestOptions& options = {}) : options_(options) {}

    /// Frames begin here at the earliest; no two end at one time.
    void go_on_from(base::WallTime last_end);
    [[nodiscard]] base::WallTime last_end() const { return base::from_unix_ms(last_end_ms_); }
    /// Stands for the time of entries that tell none.
    void set_now(base::WallTime now) { now_ms_ = base::to_unix_ms(now); }
    void add(const LogRecord& record);
    /// Time to hand over what there is, lest it grow.
    [[nodiscard]] bool full() const { return rows_ >= options_.max_rows; }
    [[nodiscard]] std::int64_t records() const { return records_; }
    /// Appends what was gathered to the batch, and to `notes` what was left out, and begins anew.
    void hand_over(domain::Batch& batch, std::vector<std::string>& notes);

private:
    struct Counts {
        std::int64_t count = 0, bytes = 0;
        double total_ms = 0, max_ms = -1;
        void add(double ms, std::int64_t more_bytes);
    };
    using EventKey = std::tuple<LogKind, std::string, std::string>;                // class of the SQLSTATE, database
    using StatementKey = std::tuple<std::uint64_t, std::string>;                   // fingerprint, database
    using ErrorKey = std::tuple<std::string, Severity, std::string, std::string>;  // SQLSTATE, message, database
    struct Bin {
        std::int64_t number = 0, last_ms = 0;
        std::map<EventKey, Counts> events;
        std::map<StatementKey, Counts> statements;
        std::map<ErrorKey, std::int64_t> errors;
    };

    struct CountColumns;
    static domain::Frame events_frame(const Bin& bin);
    static domain::Frame statements_frame(const Bin& bin);
    static domain::Frame errors_frame(const Bin& bin);
    Bin& bin_of(const LogRecord& record);
    domain::Fingerprint fingerprint_of(const LogRecord& record, LogText text);
    void add_statement(Bin& bin, const LogRecord& record, const LogFinding& finding, const std::string& database);
    void add_plan(const LogRecord& record, const LogFinding& finding, const std::string& database);
    void add_error(Bin& bin, const LogRecord& record, const LogFinding& finding, const std::string& database);
    void add_event(const LogRecord& record, const LogFinding& finding, const std::string& database);
    void note_left_out(std::vector<std::string>& notes);

    LogDigestOptions options_;
    std::vector<Bin> bins_;
    std::vector<domain::PlanSighting> plans_;
    std::vector<domain::Event> events_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::size_t> plan_counts_;  // by fingerprint and shape
    std::unordered_map<std::uint64_t, std::uint64_t> fingerprints_;               // by the hash of a text without its constants
    std::string scratch_, database_;
    std::int64_t last_end_ms_ = 0, now_ms_ = 0, time_ms_ = 0, records_ = 0;
    std::size_t rows_ = 0, messages_ = 0, new_statements_ = 0, plans_parsed_ = 0, plan_bytes_ = 0;
    std::size_t plans_left_out_ = 0, plans_unread_ = 0, events_left_out_ = 0;
    std::string unsupported_;  // hint about a format of plans, told once
    bool told_unsupported_ = false;
};

}  // namespace orrery::collectors
