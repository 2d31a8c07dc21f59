#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/server_log_digest.hpp"
#include "collectors/server_log_parser.hpp"

/// Any bytes as a server's log. The first line is the format's initial and log_line_prefix ("t%m [%p] "), the rest is the log. Nothing may
/// crash or hang, all bytes are taken, and the entries are the same however the bytes come.
namespace {

using namespace orrery;
using collectors::LogFormat;
using collectors::LogParser;
using collectors::LogRecord;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

std::string text_of(const LogRecord& record) {
    std::string scratch, all = std::to_string(record.time_us) + " " + std::to_string(record.pid);
    for (const auto& text :
         {record.user, record.database, record.application, record.message, record.detail, record.hint, record.statement, record.context}) {
        all += '\n';
        all += text.decoded(scratch);
    }
    return all;
}

std::vector<std::string> read_whole(const collectors::LogParserOptions& options, std::string_view log) {
    std::vector<std::string> entries;
    LogParser parser(options);
    const auto done = parser.parse(log, true, [&](const LogRecord& record) { entries.push_back(text_of(record)); });
    require(done == log.size(), "bytes are left of a finished log");
    return entries;
}

std::vector<std::string> read_pieces(const collectors::LogParserOptions& options, std::string_view log, std::size_t piece) {
    std::vector<std::string> entries;
    LogParser parser(options);
    std::string carry;
    for (std::size_t at = 0; at < log.size(); at += piece) {
        carry += log.substr(at, piece);
        const auto done =
            parser.parse(carry, at + piece >= log.size(), [&](const LogRecord& record) { entries.push_back(text_of(record)); });
        require(done <= carry.size(), "more was taken than there was");
        carry.erase(0, done);
        require(carry.size() <= options.max_record + piece, "too much is carried over");
    }
    return entries;
}

void check_digest(const collectors::LogParserOptions& options, std::string_view log) {
    collectors::ServerLogDigest digest({.max_new_statements = 20, .max_plans_parsed = 20, .max_messages = 5, .max_events = 5});
    digest.set_now(base::from_unix_ms(1'800'000'000'000));
    LogParser parser(options);
    parser.skip_to_next();
    parser.parse(log, true, [&](const LogRecord& record) { digest.add(record); });
    domain::Batch batch;
    std::vector<std::string> notes;
    digest.hand_over(batch, notes);
    for (const auto& frame : batch.frames) {
        require(frame.start < frame.end, "a frame without time");
        for (const auto& column : frame.columns) require(column.size() == frame.rows(), "columns differ in length");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto head = input.substr(0, std::min(input.find('\n'), input.size()));
    const auto log = input.substr(std::min(head.size() + 1, input.size()));
    collectors::LogParserOptions options;
    options.format = head.starts_with('c') ? LogFormat::csv : head.starts_with('j') ? LogFormat::json : LogFormat::text;
    options.line_prefix = head.substr(std::min<std::size_t>(1, head.size()));
    const auto whole = read_whole(options, log);
    require(read_pieces(options, log, std::max<std::size_t>(1, size % 97)) == whole, "other pieces, other entries");
    options.max_record = 200;  // long entries are cut
    read_pieces(options, log, 50);
    check_digest(options, log);
    return 0;
}
