// How fast a server's log is read, in each of its formats, and how much memory that takes.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/random.hpp"
#include "base/statistics.hpp"
#include "collectors/server_log_follower.hpp"
#include "figure.hpp"

using namespace orrery;
using collectors::LogFormat;

namespace {

constexpr std::int64_t kBytes = 200 << 20;      // of each format
constexpr std::int64_t kRoundBytes = 64 << 20;  // the collector's measure
constexpr std::int64_t kStartMs = 1'795'262'756'000;
constexpr int kRuns = 3;

/// One entry, before it is written in a format.
struct Entry {
    const char* severity = "LOG";
    const char* sqlstate = "00000";
    std::string message, detail, statement;
    bool session = true;
};

const std::vector<std::string>& statements() {
    static const std::vector<std::string> kStatements{
        "SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = {0} AND c.region = 'r{1}'",
        "UPDATE inventory SET quantity = quantity - {1}, updated_at = now() WHERE warehouse_id = {1} AND sku = 'SKU-{0}'",
        "INSERT INTO events (session_id, kind, payload) VALUES ({0}, 'click', '{{\"button\": \"buy\", \"page\": {1}}}')",
        "SELECT \"users\".* FROM \"users\" WHERE \"users\".\"email\" = 'customer{0}@example.org' LIMIT 1",
        "SELECT date_trunc('day', placed) AS day,\n       count(*) AS orders,\n       sum(total) AS total\n  FROM orders\n WHERE placed > "
        "'2026-01-{1}'\n"
        " GROUP BY 1\n ORDER BY 1",
        "COMMIT",
        "DELETE FROM sessions WHERE expires < now() - interval '{1} days'",
        "SELECT id, name, price FROM products WHERE category_id IN ({0}, {1}, 17, 23) AND active ORDER BY price DESC LIMIT 20 OFFSET {1}",
    };
    return kStatements;
}

std::string statement(base::Random& random) {
    const auto& text = random.pick(std::span<const std::string>(statements()));
    return fmt::format(fmt::runtime(text), random.integer(1, 1'000'000), random.integer(1, 28));
}

std::string text_plan(base::Random& random) {
    const auto rows = random.integer(1, 100'000);
    return fmt::format(
        "Query Text: SELECT c.region, count(*), sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.placed > "
        "'2026-03-{0}' GROUP BY 1\n"
        "HashAggregate  (cost=4321.55..4330.10 rows=12 width=48) (actual time=91.221..91.480 rows=12 loops=1)\n"
        "  Group Key: c.region\n  Batches: 1  Memory Usage: 24kB\n  Buffers: shared hit=1200 read=381\n"
        "  ->  Hash Join  (cost=310.00..3900.12 rows={1} width=16) (actual time=4.110..70.332 rows={1} loops=1)\n"
        "        Hash Cond: (o.customer_id = c.id)\n        Buffers: shared hit=1200 read=381\n"
        "        ->  Index Scan using orders_placed on orders o  (cost=0.42..2990.10 rows={1} width=12) (actual time=0.020..40.001 "
        "rows={1} loops=1)\n"
        "              Index Cond: (placed > '2026-03-{0}'::date)\n              Buffers: shared hit=900 read=381\n"
        "        ->  Hash  (cost=185.00..185.00 rows=10000 width=12) (actual time=4.000..4.001 rows=10000 loops=1)\n"
        "              Buckets: 16384  Batches: 1  Memory Usage: 558kB\n              Buffers: shared hit=300\n"
        "              ->  Seq Scan on customers c  (cost=0.00..185.00 rows=10000 width=12) (actual time=0.005..1.900 rows=10000 loops=1)\n"
        "                    Buffers: shared hit=300",
        random.integer(10, 28), rows);
}

std::string json_plan(base::Random& random) {
    return fmt::format(
        "{{\n  \"Query Text\": \"SELECT o.* FROM orders o WHERE o.customer_id = {0} ORDER BY o.placed DESC LIMIT 10\",\n  \"Plan\": {{\n   "
        " \"Node Type\": "
        "\"Limit\",\n    \"Parallel Aware\": false,\n    \"Startup Cost\": 0.42,\n    \"Total Cost\": 12.50,\n    \"Plan Rows\": 10,\n    "
        "\"Plan Width\": "
        "44,\n    \"Actual Startup Time\": 0.031,\n    \"Actual Total Time\": 0.044,\n    \"Actual Rows\": {1},\n    \"Actual Loops\": "
        "1,\n    "
        "\"Shared Hit Blocks\": 14,\n    \"Shared Read Blocks\": 0,\n    \"Plans\": [\n      {{\n        \"Node Type\": \"Index Scan\",\n  "
        "      "
        "\"Parent Relationship\": \"Outer\",\n        \"Parallel Aware\": false,\n        \"Scan Direction\": \"Backward\",\n        "
        "\"Index Name\": "
        "\"orders_customer_placed\",\n        \"Relation Name\": \"orders\",\n        \"Alias\": \"o\",\n        \"Startup Cost\": 0.42,\n "
        "       "
        "\"Total Cost\": 120.50,\n        \"Plan Rows\": 100,\n        \"Plan Width\": 44,\n        \"Actual Startup Time\": 0.030,\n      "
        "  "
        "\"Actual Total Time\": 0.042,\n        \"Actual Rows\": {1},\n        \"Actual Loops\": 1,\n        \"Index Cond\": "
        "\"(customer_id = {0})\",\n"
        "        \"Rows Removed by Index Recheck\": 0,\n        \"Shared Hit Blocks\": 14,\n        \"Shared Read Blocks\": 0\n      }}\n  "
        "  ]\n  }}\n}}",
        random.integer(1, 100'000), random.integer(1, 10));
}

Entry next_entry(base::Random& random, LogFormat format) {
    Entry entry;
    const double kind = random.uniform();
    const double ms = random.exponential(12);
    if (kind < 0.80) {
        entry.message =
            fmt::format("duration: {:.3f} ms  {}: {}", ms, random.chance(0.5) ? "statement" : "execute <unnamed>", statement(random));
        if (random.chance(0.2))
            entry.detail = fmt::format("parameters: $1 = '{}', $2 = 'r{}'", random.integer(1, 100'000), random.integer(1, 28));
    } else if (kind < 0.82) {
        entry.message =
            fmt::format("duration: {:.3f} ms  plan:\n{}", ms * 10, format == LogFormat::text ? text_plan(random) : json_plan(random));
    } else if (kind < 0.86) {
        entry.severity = "ERROR";
        entry.sqlstate = "23505";
        entry.message = "duplicate key value violates unique constraint \"users_email_key\"";
        entry.detail = fmt::format("Key (email)=(customer{}@example.org) already exists.", random.integer(1, 100'000));
        entry.statement = statement(random);
    } else if (kind < 0.89) {
        entry.message = fmt::format("temporary file: path \"base/pgsql_tmp/pgsql_tmp{}.0\", size {}", random.integer(1, 60'000),
                                    random.integer(8'192, 99'999'999));
        entry.statement = statement(random);
    } else if (kind < 0.98) {
        entry.message = random.chance(0.5) ? "connection authorized: user=app database=shop application_name=rails"
                                           : "disconnection: session time: 0:00:12.345 user=app database=shop host=10.0.0.7 port=51234";
    } else {
        entry.session = false;
        entry.message =
            random.chance(0.3)
                ? "checkpoint complete: wrote 7611 buffers (46.5%); 0 WAL file(s) added, 1 removed, 12 recycled; write=269.872 s, "
                  "sync=0.025 s, total=269.943 s; sync files=131, longest=0.004 s, average=0.001 s; distance=121331 kB"
                : "automatic vacuum of table \"shop.public.orders\": index scans: 1\npages: 0 removed, 61222 remain\ntuples: 9812 removed, "
                  "5000000 remain\nsystem usage: CPU: user: 1.21 s, system: 0.10 s, elapsed: 8.73 s";
    }
    return entry;
}

std::string replaced(const std::string& text, char from, const std::string& to) {
    std::string out;
    for (const char c : text) c == from ? out += to : out += c;
    return out;
}

std::string json_text(const std::string& text) {
    return replaced(replaced(replaced(text, '\\', "\\\\"), '"', "\\\""), '\n', "\\n");
}

void append(std::string& out, const Entry& entry, LogFormat format, std::int64_t time_ms, std::int64_t pid) {
    auto time = base::to_iso8601(base::from_unix_ms(time_ms));  // "2026-11-22T07:48:00.123Z"
    time[10] = ' ';
    time.resize(23);
    time += " UTC";
    const auto put = std::back_inserter(out);
    if (format == LogFormat::text) {
        const auto prefix = entry.session ? fmt::format("{} [{}] app@shop ", time, pid) : fmt::format("{} [{}] ", time, pid);
        fmt::format_to(put, "{}{}:  {}\n", prefix, entry.severity, replaced(entry.message, '\n', "\n\t"));
        if (!entry.detail.empty()) fmt::format_to(put, "{}DETAIL:  {}\n", prefix, entry.detail);
        if (!entry.statement.empty()) fmt::format_to(put, "{}STATEMENT:  {}\n", prefix, replaced(entry.statement, '\n', "\n\t"));
    } else if (format == LogFormat::csv) {
        const auto quoted = [](const std::string& text) { return text.empty() ? text : '"' + replaced(text, '"', "\"\"") + '"'; };
        fmt::format_to(put, "{},{},{},67a1b2c3.{:x},7,{},2026-11-21 12:00:00 UTC,3/45,0,{},{},{},{},,,,,{},,,{}\n", time,
                       entry.session ? "\"app\",\"shop\"" : ",", fmt::format("{},{}", pid, entry.session ? "\"10.0.0.7:51234\"" : ""), pid,
                       entry.session ? "\"SELECT\"" : "", entry.severity, entry.sqlstate, quoted(entry.message), quoted(entry.detail),
                       quoted(entry.statement),
                       entry.session ? "\"rails\",\"client backend\",,-8123712365123" : "\"\",\"checkpointer\",,0");
    } else {
        fmt::format_to(put, R"({{"timestamp":"{}",)", time);
        if (entry.session) fmt::format_to(put, R"("user":"app","dbname":"shop",)");
        fmt::format_to(
            put, R"("pid":{},"session_id":"67a1b2c3.{:x}","line_num":7,"session_start":"2026-11-21 12:00:00 UTC","error_severity":"{}",)",
            pid, pid, entry.severity);
        if (entry.sqlstate != std::string_view("00000")) fmt::format_to(put, R"("state_code":"{}",)", entry.sqlstate);
        fmt::format_to(put, R"("message":"{}",)", json_text(entry.message));
        if (!entry.detail.empty()) fmt::format_to(put, R"("detail":"{}",)", json_text(entry.detail));
        if (!entry.statement.empty()) fmt::format_to(put, R"("statement":"{}",)", json_text(entry.statement));
        fmt::format_to(put,
                       R"("application_name":"{}","backend_type":"client backend","query_id":-8123712365123}})"
                       "\n",
                       entry.session ? "rails" : "");
    }
}

/// Some thousand entries a minute.
std::int64_t write_log(const std::filesystem::path& path, LogFormat format) {
    std::ofstream file(path, std::ios::binary);
    base::Random random(7);
    std::string block;
    std::int64_t entries = 0;
    for (std::int64_t written = 0, time_ms = kStartMs; written < kBytes; written += static_cast<std::int64_t>(block.size())) {
        block.clear();
        while (block.size() < (1 << 20)) {
            append(block, next_entry(random, format), format, time_ms, random.integer(1'000, 60'000));
            time_ms += random.integer(0, 20);
            ++entries;
        }
        file << block;
    }
    return entries;
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double memory_mb(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1'024;
    return 0;
}

struct Run {
    double mb_per_s = 0;
    std::int64_t entries = 0;
};

/// Reads the whole file as the collector does, round by round.
base::Result<Run> read_log(const std::filesystem::path& path, LogFormat format) {
    collectors::LocalLogSource source(path.parent_path());
    collectors::FollowOptions options;
    options.parser.format = format;
    options.parser.line_prefix = "%m [%p] %q%u@%d ";
    options.family = options.current = path.filename();
    options.max_bytes = kRoundBytes;
    options.begin_back = 1LL << 40;
    collectors::LogPosition position;
    collectors::ServerLogDigest digest;
    digest.set_now(base::system_clock().now());
    Run run;
    const double before = cpu_seconds();
    std::int64_t bytes = 0;
    for (;;) {
        ORRERY_ASSIGN(const auto report, collectors::follow_log(source, options, position, digest));
        run.entries += digest.records();
        domain::Batch batch;
        std::vector<std::string> notes;
        digest.hand_over(batch, notes);
        if (report.damage.foreign_lines + report.damage.malformed + report.damage.truncated > 0)
            return base::unexpected(base::ErrorKind::internal, "the log was not understood");
        bytes += report.bytes;
        if (report.bytes == 0 || report.behind == 0) break;
    }
    run.mb_per_s = static_cast<double>(bytes) / 1e6 / (cpu_seconds() - before);
    return run;
}

base::Result<void> measure() {
    ORRERY_ASSIGN(const auto folder, base::TemporaryFolder::create("logs-bench"));
    double slowest = 0, memory = 0;
    for (const auto format : {LogFormat::text, LogFormat::csv, LogFormat::json}) {
        const auto path = folder.path() / (format == LogFormat::text ? "a.log" : format == LogFormat::csv ? "a.csv" : "a.json");
        const auto entries = write_log(path, format);
        ::malloc_trim(0);
        std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins here
        const double before_mb = memory_mb("VmRSS");
        std::vector<double> rates;
        for (int i = 0; i < kRuns; ++i) {
            ORRERY_ASSIGN(const auto run, read_log(path, format));
            if (run.entries + 1 < entries)
                return base::unexpected(base::ErrorKind::internal, fmt::format("{} of {} entries were seen", run.entries, entries));
            rates.push_back(run.mb_per_s);
        }
        memory = std::max(memory, memory_mb("VmHWM") - before_mb);
        const double rate = base::median(rates);
        bench::print({.name = fmt::format("logs.parse_rate_{}", to_string(format)),
                      .value = rate,
                      .unit = "MB/s/core",
                      .how = fmt::format("{} entries in 210 MB, 2 % of them plans, read, parsed and digested; CPU time, median of {}",
                                         entries, kRuns)});
        slowest = slowest == 0 ? rate : std::min(slowest, rate);
        std::filesystem::remove(path);
    }
    bench::print({.name = "logs.parse_rate",
                  .value = slowest,
                  .unit = "MB/s/core",
                  .how = "the slowest of the three formats",
                  .peer = "pgBadger",
                  .peer_value = 1.6});
    bench::print({.name = "logs.memory",
                  .value = memory,
                  .unit = "MB",
                  .how = "growth of the resident peak while 210 MB are read, largest of the formats"});
    return {};
}

}  // namespace

int main() {
    const auto done = measure();
    if (!done) {
        fmt::print(stderr, "{}\n", done.error().to_text());
        return 1;
    }
    return 0;
}
