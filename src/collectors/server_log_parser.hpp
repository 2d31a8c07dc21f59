#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "collectors/server_log_prefix.hpp"
#include "collectors/server_log_record.hpp"

namespace orrery::collectors {

struct LogParserOptions {
    LogFormat format = LogFormat::text;
    std::string line_prefix = "%m [%p] ";  ///< log_line_prefix; of LogFormat::text only
    LogZone zone;
    std::size_t max_record = 1 << 20;  ///< bytes; of a longer entry the beginning is told and the rest passed over
};

/// What could not be read as it stands, counted since the parser was made.
struct LogDamage {
    std::int64_t foreign_lines = 0;  ///< lines that belong to no entry: another prefix, output of libraries and scripts
    std::int64_t malformed = 0;      ///< entries that a crash or a full disk cut
    std::int64_t truncated = 0;      ///< longer than max_record
    std::int64_t unknown_words = 0;  ///< severities in a language that is not known
};

/// Cuts a log into entries. Holds no bytes: the caller hands over a piece of the log that begins where the last call ended, and views in
/// the records point into it. Any bytes are taken. One thread at a time.
class LogParser {
public:
    using Sink = std::function<void(const LogRecord&)>;
    explicit LogParser(const LogParserOptions& options);

    /// Tells the whole entries at the start of `bytes` and returns how many bytes they take. What is left belongs to an entry that is
    /// not whole yet: it comes again, with more behind it. With `last` nothing follows, and all is taken. Of more than max_record bytes
    /// something is always taken. In text format an entry is only known to be whole when the next one begins.
    std::size_t parse(std::string_view bytes, bool last, const Sink& sink);

    /// The bytes to come are the middle of something: all is passed over up to the next beginning of an entry.
    void skip_to_next() { skipping_ = mid_line_ = true; }
    /// While skipping: the bytes to come are the start of a line.
    [[nodiscard]] bool at_line_start() const { return !mid_line_; }
    /// True when the last call ended within an entry that is passed over.
    [[nodiscard]] bool skipping() const { return skipping_; }
    [[nodiscard]] const LogDamage& damage() const { return damage_; }

private:
    struct TextEntry;
    std::size_t skip(std::string_view bytes, bool last);
    bool begins_entry(std::string_view line);
    std::size_t parse_text(std::string_view bytes, bool last, const Sink& sink);
    std::size_t parse_csv(std::string_view bytes, bool last, const Sink& sink);
    std::size_t parse_json(std::string_view bytes, bool last, const Sink& sink);
    bool read_json(std::string_view line, LogRecord& record);
    bool tell_csv(const LogText* fields, std::size_t count, bool truncated, const Sink& sink);
    std::size_t next_csv_entry(std::string_view bytes, std::size_t from);
    std::size_t give_up(std::string_view bytes);

    LogParserOptions options_;
    LogPrefix prefix_;
    LogTimeReader time_;
    LogDamage damage_;
    bool skipping_ = false;
    bool mid_line_ = false;  // while skipping: the bytes to come are not the start of a line
};

}  // namespace orrery::collectors
