#include "collectors/server_log_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace orrery::collectors {
namespace {

using Escaping = LogText::Escaping;

constexpr std::size_t kMostColumns = 40;  // of a csv entry; 18 has 26
constexpr std::size_t kFewestColumns = 23;

const char* find_byte(const char* from, const char* end, char byte) {
    return static_cast<const char*>(std::memchr(from, byte, static_cast<std::size_t>(end - from)));
}

std::string_view between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

std::int64_t number_of(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

bool is_state_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

std::string_view without_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

/// Where the fields of one csv entry are.
struct CsvEntry {
    std::array<LogText, kMostColumns> fields;
    std::size_t count = 0;
    const char* next = nullptr;
    enum class Outcome { whole, unfinished, malformed } outcome = Outcome::unfinished;
};

/// The end of a quoted field whose text begins at `from`: its closing quote. Null when it is not there.
const char* closing_quote(const char* from, const char* end, bool last, Escaping& escaping) {
    for (;;) {
        const char* quote = find_byte(from, end, '"');
        if (quote == nullptr) return nullptr;
        if (quote + 1 == end) return last ? quote : nullptr;  // the first of two, perhaps
        if (quote[1] != '"') return quote;
        escaping = Escaping::quotes;
        from = quote + 2;
    }
}

CsvEntry split_csv(const char* from, const char* end, bool last) {
    CsvEntry entry;
    const auto finish = [&](CsvEntry::Outcome outcome) {
        entry.outcome = outcome;
        return entry;
    };
    while (from < end) {
        if (entry.count == kMostColumns) return finish(CsvEntry::Outcome::malformed);
        auto& field = entry.fields[entry.count++];
        const char* stop = from;
        if (*from == '"') {
            Escaping escaping = Escaping::none;
            stop = closing_quote(from + 1, end, last, escaping);
            field = LogText(between(from + 1, stop == nullptr ? end : stop), escaping);
            if (stop == nullptr) return finish(CsvEntry::Outcome::unfinished);
            ++stop;
        } else {
            while (stop < end && *stop != ',' && *stop != '\n' && *stop != '"') ++stop;
            field = LogText(without_return(between(from, stop)), Escaping::none);
        }
        if (stop < end && *stop == '\r') ++stop;
        if (stop == end) break;
        entry.next = stop + 1;
        if (*stop == '\n') return finish(CsvEntry::Outcome::whole);
        if (*stop != ',') return finish(CsvEntry::Outcome::malformed);
        from = stop + 1;
    }
    entry.next = end;
    return finish(last ? CsvEntry::Outcome::whole : CsvEntry::Outcome::unfinished);
}

/// The quote that ends a JSON string whose text begins at `from`.
const char* closing_json_quote(const char* from, const char* end) {
    for (const char* at = from; at < end;) {
        const char* quote = find_byte(at, end, '"');
        if (quote == nullptr) return nullptr;
        const char* before = quote;
        while (before > from && before[-1] == '\\') --before;
        if ((quote - before) % 2 == 0) return quote;
        at = quote + 1;
    }
    return nullptr;
}

/// Puts one member of a JSON entry where it belongs; `time` is read by the caller.
void take_member(std::string_view key, LogText value, LogRecord& record, std::string_view& time) {
    switch (key.empty() ? '\0' : key[0]) {
        case 't':
            if (key == "timestamp") time = value.raw();
            break;
        case 'u':
            if (key == "user") record.user = value;
            break;
        case 'd':
            if (key == "dbname") record.database = value;
            if (key == "detail") record.detail = value;
            break;
        case 'p':
            if (key == "pid") record.pid = number_of(value.raw());
            break;
        case 's':
            if (key == "session_id") record.session = value.raw();
            if (key == "state_code") record.sqlstate = value.raw();
            if (key == "statement") record.statement = value;
            break;
        case 'e':
            if (key == "error_severity") record.severity = severity_of(value.raw());
            break;
        case 'm':
            if (key == "message") record.message = value;
            break;
        case 'h':
            if (key == "hint") record.hint = value;
            break;
        case 'c':
            if (key == "context") record.context = value;
            break;
        case 'a':
            if (key == "application_name") record.application = value;
            break;
        case 'b':
            if (key == "backend_type") record.backend_type = value.raw();
            break;
        case 'q':
            if (key == "query_id") record.query_id = number_of(value.raw());
            break;
        default: break;
    }
}

}  // namespace

LogParser::LogParser(const LogParserOptions& options)
    : options_(options), prefix_(options.line_prefix, options.zone), time_(options.zone) {}

std::size_t LogParser::parse(std::string_view bytes, bool last, const Sink& sink) {
    std::size_t done = 0;
    if (skipping_) done = skip(bytes, last);
    if (skipping_) return done;
    bytes.remove_prefix(done);
    switch (options_.format) {
        case LogFormat::text: return done + parse_text(bytes, last, sink);
        case LogFormat::csv: return done + parse_csv(bytes, last, sink);
        case LogFormat::json: return done + parse_json(bytes, last, sink);
    }
    return done;
}

bool LogParser::begins_entry(std::string_view line) {
    switch (options_.format) {
        case LogFormat::text: {
            PrefixFields fields;
            return prefix_.match(line, fields) && (fields.word.kind == LineKind::primary || fields.word.kind == LineKind::unknown);
        }
        case LogFormat::csv: return begins_with_time(line) && line.find(',') < 40;
        case LogFormat::json: return line.starts_with("{\"");
    }
    return false;
}

/// Passes over lines that begin no entry. A line that is not whole stays, unless it is longer than any beginning needs to be.
std::size_t LogParser::skip(std::string_view bytes, bool last) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto rest = bytes.substr(done);
        const auto end = rest.find('\n');
        if (mid_line_) {
            if (end == std::string_view::npos) return bytes.size();
            mid_line_ = false;
        } else if (begins_entry(without_return(rest.substr(0, end)))) {
            skipping_ = false;
            return done;
        } else if (end == std::string_view::npos) {
            if (!last && rest.size() <= options_.max_record) return done;
            mid_line_ = true;
            return bytes.size();
        }
        done += end + 1;
    }
    return done;
}

/// The entry at the start of `bytes` is longer than is kept.
std::size_t LogParser::give_up(std::string_view bytes) {
    ++damage_.truncated;
    skipping_ = true;
    mid_line_ = !bytes.ends_with('\n');
    return bytes.size();
}

// --- text ---

/// The entry under way: where it begins, and which of its texts the next line may go on with.
struct LogParser::TextEntry {
    LogRecord record;
    std::size_t begin = std::string_view::npos;
    LogText* open = nullptr;
    std::size_t open_begin = 0;

    [[nodiscard]] bool any() const { return begin != std::string_view::npos; }

    void start(std::string_view line, std::size_t position, const PrefixFields& fields) {
        const auto plain = [](std::string_view text) { return LogText(text, Escaping::none); };
        record = {};
        record.time_us = fields.time_us;
        record.pid = fields.pid;
        record.query_id = fields.query_id;
        record.session = fields.session;
        record.sqlstate = fields.sqlstate;
        record.user = plain(fields.user);
        record.database = plain(fields.database);
        record.application = plain(fields.application);
        record.backend_type = fields.backend_type;
        record.severity = fields.word.severity;
        begin = position;
        auto behind = fields.length + fields.word.length;
        // log_error_verbosity = verbose: "ERROR:  23505: duplicate key ..."
        if (const auto code = line.substr(behind, 7); record.sqlstate.empty() && code.size() == 7 && code.ends_with(": ") &&
                                                      std::all_of(code.begin(), code.begin() + 5, is_state_character)) {
            record.sqlstate = code.substr(0, 5);
            behind += code.size();
        }
        add(record.message, line, position, behind);
    }
    void add(LogText& text, std::string_view line, std::size_t position, std::size_t behind) {
        text = LogText(line.substr(behind), Escaping::none);
        open = &text;
        open_begin = position + behind;
    }
    /// The line is one more of the open text.
    void extend(std::string_view bytes, std::size_t end) {
        if (open != nullptr) *open = LogText(without_return(bytes.substr(open_begin, end - open_begin)), Escaping::tabs);
    }
};

std::size_t LogParser::parse_text(std::string_view bytes, bool last, const Sink& sink) {
    TextEntry entry;
    PrefixFields fields;
    std::size_t position = 0;
    while (position < bytes.size()) {
        auto end = bytes.find('\n', position);
        if (end == std::string_view::npos && !last) break;
        end = std::min(end, bytes.size());
        const auto line = without_return(bytes.substr(position, end - position));
        if (line.starts_with('\t')) {
            if (entry.any())
                entry.extend(bytes, end);
            else
                ++damage_.foreign_lines;
        } else if (!prefix_.match(line, fields)) {
            if (!line.empty()) ++damage_.foreign_lines;
            entry.open = nullptr;
        } else if (fields.word.kind == LineKind::primary || fields.word.kind == LineKind::unknown) {
            if (entry.any()) sink(entry.record);
            if (fields.word.kind == LineKind::unknown) ++damage_.unknown_words;
            entry.start(line, position, fields);
        } else if (entry.any()) {
            auto& record = entry.record;
            static constexpr LogText LogRecord::*kTexts[] = {nullptr, &LogRecord::detail, &LogRecord::hint, &LogRecord::statement,
                                                             &LogRecord::context};
            if (fields.word.kind == LineKind::other_field)
                entry.open = nullptr;
            else
                entry.add(record.*kTexts[static_cast<std::size_t>(fields.word.kind)], line, position, fields.length + fields.word.length);
        }
        position = std::min(end + 1, bytes.size());
    }
    if (!entry.any()) {
        // An unfinished line that is already too long belongs to nothing that could be told.
        if (bytes.size() - position > options_.max_record) return give_up(bytes);
        return position;
    }
    if (last) {
        sink(entry.record);
        return position;
    }
    if (bytes.size() - entry.begin <= options_.max_record) return entry.begin;
    entry.record.truncated = true;
    sink(entry.record);
    return give_up(bytes);
}

// --- csv ---

/// The first line after `from` that looks like the beginning of an entry; npos when there is none.
std::size_t LogParser::next_csv_entry(std::string_view bytes, std::size_t from) {
    for (auto end = bytes.find('\n', from); end != std::string_view::npos; end = bytes.find('\n', end + 1))
        if (begins_entry(bytes.substr(end + 1, 64))) return end + 1;
    return std::string_view::npos;
}

/// False when the fields are not those of a log.
bool LogParser::tell_csv(const LogText* fields, std::size_t count, bool truncated, const Sink& sink) {
    if (count < (truncated ? 14 : kFewestColumns)) return false;
    LogRecord record;
    std::size_t length = 0;
    record.time_us = time_.read(fields[0].raw(), length);
    if (length == 0) return false;
    record.user = fields[1];
    record.database = fields[2];
    record.pid = number_of(fields[3].raw());
    record.session = fields[5].raw();
    record.severity = severity_of(fields[11].raw());
    record.sqlstate = fields[12].raw();
    record.message = fields[13];
    const auto at = [&](std::size_t column) { return column < count ? fields[column] : LogText(); };
    record.detail = at(14);
    record.hint = at(15);
    record.context = at(18);
    record.statement = at(19);
    record.application = at(22);
    record.backend_type = at(23).raw();
    record.query_id = number_of(at(25).raw());
    record.truncated = truncated;
    if (record.severity == Severity::unknown) ++damage_.unknown_words;
    sink(record);
    return true;
}

std::size_t LogParser::parse_csv(std::string_view bytes, bool last, const Sink& sink) {
    std::size_t position = 0;
    while (position < bytes.size()) {
        const auto entry = split_csv(bytes.data() + position, bytes.data() + bytes.size(), last);
        if (entry.outcome == CsvEntry::Outcome::whole && tell_csv(entry.fields.data(), entry.count, false, sink)) {
            position = static_cast<std::size_t>(entry.next - bytes.data());
            continue;
        }
        const bool too_long = bytes.size() - position > options_.max_record;
        if (entry.outcome == CsvEntry::Outcome::unfinished && !last && !too_long) return position;
        // Cut by a crash: the next entry begins inside of what looks like this one.
        if (const auto next = next_csv_entry(bytes, position); next != std::string_view::npos) {
            ++damage_.malformed;
            position = next;
            continue;
        }
        if (entry.outcome == CsvEntry::Outcome::unfinished && too_long && tell_csv(entry.fields.data(), entry.count, true, sink))
            return give_up(bytes);
        ++damage_.malformed;
        if (last) return bytes.size();
        // Its last line may be the beginning of the next entry, not whole yet.
        skipping_ = true;
        const auto end = bytes.rfind('\n');
        mid_line_ = end == std::string_view::npos || end < position;
        return mid_line_ ? bytes.size() : end + 1;
    }
    return position;
}

// --- json ---

/// A flat object of strings and numbers. What is whole of it is taken; false when it is none or not whole.
bool LogParser::read_json(std::string_view line, LogRecord& record) {
    const char* at = line.data();
    const char* const end = at + line.size();
    const auto space = [&] {
        while (at < end && *at == ' ') ++at;
    };
    if (at == end || *at != '{') return false;
    std::string_view time;
    do {
        ++at;
        space();
        if (at == end || *at != '"') return false;
        const char* const key_end = find_byte(at + 1, end, '"');
        if (key_end == nullptr) return false;
        const auto key = between(at + 1, key_end);
        at = key_end + 1;
        space();
        if (at == end || *at++ != ':') return false;
        space();
        if (at == end) return false;
        LogText value;
        const char* stop = nullptr;
        const bool quoted = *at == '"';
        if (quoted) {
            stop = closing_json_quote(at + 1, end);
            value = LogText(between(at + 1, stop == nullptr ? end : stop), Escaping::json);
        } else {
            stop = at;
            while (stop < end && *stop != ',' && *stop != '}' && *stop != ' ') ++stop;
            value = LogText(between(at, stop), Escaping::none);
        }
        take_member(key, value, record, time);
        if (std::size_t length = 0; key == "timestamp") record.time_us = time_.read(time, length);
        if (stop == nullptr) return false;
        at = stop + (quoted ? 1 : 0);
        space();
    } while (at < end && *at == ',');
    return at < end && *at == '}';
}

std::size_t LogParser::parse_json(std::string_view bytes, bool last, const Sink& sink) {
    std::size_t position = 0;
    while (position < bytes.size()) {
        const auto end = bytes.find('\n', position);
        if (end == std::string_view::npos && !last && bytes.size() - position <= options_.max_record) return position;
        const auto line = without_return(bytes.substr(position, std::min(end, bytes.size()) - position));
        LogRecord record;
        const bool whole = read_json(line, record);
        const bool cut = end == std::string_view::npos && !last;
        if (whole || (cut && !record.message.empty())) {
            record.truncated = !whole;
            if (record.severity == Severity::unknown) ++damage_.unknown_words;
            sink(record);
        } else if (!line.empty()) {
            ++damage_.malformed;
        }
        if (cut) return give_up(bytes);
        position = std::min(end, bytes.size() - 1) + 1;
    }
    return position;
}

}  // namespace orrery::collectors
