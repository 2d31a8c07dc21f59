#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "collectors/server_log_digest.hpp"
#include "collectors/server_log_parser.hpp"
#include "collectors/server_log_source.hpp"

namespace orrery::collectors {

/// Where reading goes on: kept in the store beside what was read up to there.
struct LogPosition {
    LogFormat format = LogFormat::text;
    std::string name;            ///< of the file; empty: nothing was read yet
    std::uint64_t identity = 0;  ///< see LogFile
    std::int64_t offset = 0;
    std::int64_t head_length = 0;  ///< bytes at the file's beginning whose hash is known: other bytes there are another file
    std::uint64_t head_hash = 0;
    std::int64_t modified_us = 0;  ///< when it was last seen
    std::int64_t seen_size = 0;    ///< of the file, when an entry at its end was left for the next round
    bool skipping = false;         ///< the offset is in the midst of an entry that is passed over
    std::int64_t frame_end_ms = 0;

    [[nodiscard]] std::string to_text() const;
    /// Nothing when it is no such text.
    static std::optional<LogPosition> from_text(std::string_view text);
};

struct FollowOptions {
    LogParserOptions parser;
    std::string family;                 ///< names of the log's files begin so
    std::string current;                ///< the file that is being written; empty: the newest
    std::int64_t max_bytes = 32 << 20;  ///< read in one round
    std::int64_t begin_back = 0;        ///< the first time: so many bytes before the end
};

struct FollowReport {
    std::int64_t bytes = 0;   ///< read
    std::int64_t behind = 0;  ///< bytes still to be read
    LogDamage damage;
    std::vector<std::string> notes;  ///< what was missed, and why
};

/// Reads on from `position` to the log's end, through rotated files, or until `max_bytes`. Nothing is read twice or left out, unless a file
/// went before its end was read, which is told. A file goes on under another name (rename, copy and truncate) as long as it is not
/// compressed. Errors leave `position` where all before it is in the digest.
base::Result<FollowReport> follow_log(LogSource& source, const FollowOptions& options, LogPosition& position, ServerLogDigest& digest,
                                      const std::stop_token& stop = {});

}  // namespace orrery::collectors
