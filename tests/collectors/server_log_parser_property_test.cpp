#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/units.hpp"
#include "collectors/server_log_parser.hpp"

// Entries with any texts, written as servers write them: each format gives them back, whatever pieces the log comes in.
namespace orrery::collectors {
namespace {

struct Entry {
    std::int64_t time_ms = 0;
    std::string database, message, detail, statement;
    friend bool operator==(const Entry&, const Entry&) = default;
};

std::string replaced(const std::string& text, char from, const std::string& to) {
    std::string out;
    for (const char c : text) c == from ? out += to : out += c;
    return out;
}

/// What logs are full of, and what could be taken for the end of a text.
std::string random_text(base::Random& random, bool may_be_empty) {
    static const std::vector<std::string> kParts{"a",    "LOG:  ", "\"",        "\"\"",     "'", ",",    "\n",
                                                 "\n\t", "\\",     "\\n",       "\\u0041",  "}", "{\"",  "\t",
                                                 "é",    "\xFF",   " ",         "ERROR:  ", "%", "[1] ", "\n2026-11-21 12:00:00.000 UTC",
                                                 ",,,",  "\"\n",   "DETAIL:  ", "x: "};
    std::string text = may_be_empty ? "" : "m";
    for (auto parts = random.integer(0, 12); parts > 0; --parts) text += random.pick(std::span<const std::string>(kParts));
    return text;
}

std::string time_text(std::int64_t time_ms) {
    auto time = base::to_iso8601(base::from_unix_ms(time_ms));
    time[10] = ' ';
    time.resize(23);
    return time + " UTC";
}

std::string written(const Entry& entry, LogFormat format) {
    const auto time = time_text(entry.time_ms);
    if (format == LogFormat::text) {
        const auto prefix = fmt::format("{} [7] ann@{} ", time, entry.database);
        const auto line = [&](const char* word, const std::string& text) {
            return text.empty() ? text : fmt::format("{}{}:  {}\n", prefix, word, replaced(text, '\n', "\n\t"));
        };
        return line("ERROR", entry.message) + line("DETAIL", entry.detail) + line("STATEMENT", entry.statement);
    }
    if (format == LogFormat::csv) {
        const auto quoted = [](const std::string& text) { return text.empty() ? text : '"' + replaced(text, '"', "\"\"") + '"'; };
        return fmt::format(
            "{},\"ann\",{},7,\"[local]\",a.7,1,\"x\",2026-11-21 12:00:00 UTC,1/2,0,ERROR,22012,{},{},,,,,{},,,\"psql\",\"client "
            "backend\",,0\n",
            time, quoted(entry.database), quoted(entry.message), quoted(entry.detail), quoted(entry.statement));
    }
    const auto member = [](const char* key, const std::string& text) {
        const auto escaped = replaced(replaced(replaced(replaced(text, '\\', "\\\\"), '"', "\\\""), '\n', "\\n"), '\t', "\\t");
        return text.empty() ? text : fmt::format(",\"{}\":\"{}\"", key, escaped);
    };
    return fmt::format("{{\"timestamp\":\"{}\",\"user\":\"ann\",\"pid\":7{},\"error_severity\":\"ERROR\"{}{}{}}}\n", time,
                       member("dbname", entry.database), member("message", entry.message), member("detail", entry.detail),
                       member("statement", entry.statement));
}

std::vector<Entry> read_back(const std::string& log, LogFormat format, base::Random& random) {
    std::vector<Entry> entries;
    LogParser parser({.format = format, .line_prefix = "%m [%p] %q%u@%d "});
    const auto sink = [&](const LogRecord& record) {
        std::string a, b, c, d;
        entries.push_back({record.time_us / 1000, std::string(record.database.decoded(a)), std::string(record.message.decoded(b)),
                           std::string(record.detail.decoded(c)), std::string(record.statement.decoded(d))});
    };
    std::string carry;
    for (std::size_t at = 0; at < log.size();) {
        const auto piece = static_cast<std::size_t>(random.integer(1, 200));
        carry += log.substr(at, piece);
        at += piece;
        carry.erase(0, parser.parse(carry, at >= log.size(), sink));
    }
    return entries;
}

TEST(LogParserProperty, EveryFormatGivesEntriesBack) {
    EXPECT_TRUE(rc::check("written and read", [] {
        base::Random random(*rc::gen::arbitrary<std::uint64_t>());
        std::vector<Entry> entries;
        for (auto count = random.integer(1, 20); count > 0; --count)
            entries.push_back({.time_ms = 1'795'262'756'000 + random.integer(0, 100'000'000),
                               .database = random.chance(0.5) ? "shop" : "my \"shop\"",
                               .message = random_text(random, false),
                               .detail = random_text(random, true),
                               .statement = random_text(random, true)});
        for (const auto format : {LogFormat::text, LogFormat::csv, LogFormat::json}) {
            std::string log;
            for (const auto& entry : entries) log += written(entry, format);
            RC_ASSERT(read_back(log, format, random) == entries);
        }
    }));
}

}  // namespace
}  // namespace orrery::collectors
