#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What one entry of a PostgreSQL server's log tells, whatever the format it was written in.
/// Formats: https://www.postgresql.org/docs/current/runtime-config-logging.html
namespace orrery::collectors {

enum class LogFormat { text, csv, json };  ///< log_destination stderr, csvlog, jsonlog (15+)
std::string_view to_string(LogFormat format);

enum class Severity { unknown, debug, info, notice, warning, log, error, fatal, panic };
std::string_view to_string(Severity severity);

/// The severity of a word as servers print it, in the languages that PostgreSQL is shipped in; `unknown` for any other word.
Severity severity_of(std::string_view word);

/// A text inside the log's bytes, decoded only when it is asked for.
class LogText {
public:
    enum class Escaping { none, tabs, quotes, json };  ///< a tab behind each line end; doubled quotes; JSON's backslashes

    LogText() = default;
    LogText(std::string_view raw, Escaping escaping) : raw_(raw), escaping_(escaping) {}

    [[nodiscard]] bool empty() const { return raw_.empty(); }
    [[nodiscard]] std::string_view raw() const { return raw_; }
    /// Without its first bytes, counted raw.
    [[nodiscard]] LogText tail(std::size_t from) const { return {raw_.substr(std::min(from, raw_.size())), escaping_}; }
    /// As the server meant it: the log's own bytes, or `scratch`, which then holds the decoded text.
    [[nodiscard]] std::string_view decoded(std::string& scratch) const;

private:
    std::string_view raw_;
    Escaping escaping_ = Escaping::none;
};

/// Views into the bytes handed to the parser: gone when its sink returns. What a format or prefix does not tell is empty or 0.
struct LogRecord {
    std::int64_t time_us = 0;  ///< Unix time in microseconds
    std::int64_t pid = 0;
    std::int64_t query_id = 0;
    Severity severity = Severity::unknown;
    bool truncated = false;  ///< longer than the parser keeps: the texts are cut
    std::string_view session, sqlstate, backend_type;
    LogText user, database, application;
    LogText message, detail, hint, statement, context;
};

/// Offsets of log_timezone from UTC, oldest first: the log's times name a zone by an abbreviation only.
struct LogZone {
    struct Stretch {
        std::int64_t from_us = 0;  ///< Unix time from which it holds; the first holds for all before it too
        std::int64_t offset_s = 0;
    };
    std::vector<Stretch> stretches;  ///< none: UTC

    /// "UTC", "GMT" and "+0530" speak for themselves. In the hour that a clock shows twice the second is taken.
    [[nodiscard]] std::int64_t to_unix_us(std::int64_t local_us, std::string_view abbreviation) const;
};

/// Reads "2026-11-22 11:05:56.123 CET" at the start of `text`; 0 and an untouched `length` when it is none. Remembers the last day.
class LogTimeReader {
public:
    explicit LogTimeReader(LogZone zone) : zone_(std::move(zone)) {}
    std::int64_t read(std::string_view text, std::size_t& length);

private:
    LogZone zone_;
    std::string day_text_;
    std::int64_t day_us_ = 0;
};

/// Does `text` begin with a time as logs write it?
bool begins_with_time(std::string_view text);

}  // namespace orrery::collectors
