#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/server_log_record.hpp"

namespace orrery::collectors {

/// What stands in front of a text in a line of the log.
enum class LineKind {
    primary,  ///< LOG, ERROR, ...: an entry begins
    detail,
    hint,
    statement,
    context,
    other_field,  ///< QUERY, LOCATION, BACKTRACE
    unknown,      ///< a word that no table knows
};

/// The word and its colon at the start of `text` ("ERROR:  "); `length` 0 when there is none.
struct LineWord {
    LineKind kind = LineKind::unknown;
    Severity severity = Severity::unknown;
    std::size_t length = 0;  ///< with the colon and the spaces behind it
};
LineWord read_line_word(std::string_view text, bool known_only);

/// The fields of one line's prefix, as views into it.
struct PrefixFields {
    std::string_view application, user, database, session, sqlstate, backend_type;
    std::int64_t pid = 0, query_id = 0, time_us = 0;
    LineWord word;
    std::size_t length = 0;  ///< of the prefix; then comes the word
};

/// A `log_line_prefix`, compiled. Every escape of 13 to 18 is understood, padding too; one that a server would not know stands for
/// nothing, as there.
/// https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-LOG-LINE-PREFIX
class LogPrefix {
public:
    explicit LogPrefix(std::string_view format, LogZone zone = {});

    /// False when the line does not begin with the prefix and a word with its colon. `fields` is then undefined.
    bool match(std::string_view line, PrefixFields& fields);
    [[nodiscard]] const std::string& format() const { return format_; }
    /// Does it tell what this escape stands for?
    [[nodiscard]] bool has(char escape) const;

private:
    struct Step {
        enum class Kind { literal, time, epoch, number, session, sqlstate, text, sessionless } kind = Kind::literal;
        char escape = 0;
        int padding = 0;  ///< negative: filled up behind the value
        std::string literal;
    };
    void add_escape(char escape, int padding);
    void add_literal(std::string_view text);
    bool match_from(std::size_t step, std::size_t position);
    bool match_text(std::size_t step, std::size_t position);
    bool take(const Step& step, std::size_t& position);
    std::size_t value_length(const Step& step, std::size_t position);
    bool finish(std::size_t position, bool known_only);

    std::string format_;
    std::vector<Step> steps_;
    LogTimeReader time_;
    // of the line under way
    std::string_view line_;
    PrefixFields* fields_ = nullptr;
    int attempts_ = 0;
};

}  // namespace orrery::collectors
