// What it costs to collect from a server with 5,000 statements and 57 MB of their texts, and whether what is counted is true.
#include <malloc.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "../tests/collectors/statements_model.hpp"
#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/statistics.hpp"
#include "collect_whole.hpp"
#include "collectors/query_log_collector.hpp"
#include "collectors/resource_usage_collector.hpp"
#include "figure.hpp"
#include "parts.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "session_share.hpp"
#include "store/sqlite_store.hpp"

using namespace orrery;

namespace {

constexpr int kStatements = 5'000;
constexpr std::size_t kTextBytes = 11'400;  // each: 57 MB in all
constexpr int kRounds = 21;

/// CPU time that the backend of a session has used so far.
double backend_cpu_ms(const pg::Session& session) {
    double nanoseconds = 0;
    std::ifstream(fmt::format("/proc/{}/schedstat", session.backend_pid())) >> nanoseconds;
    return nanoseconds / 1e6;
}

/// Notes what the dearest statement cost.
class TimedSession final : public domain::SqlSession {
public:
    explicit TimedSession(pg::Session& session) : session_(&session) {}
    using domain::SqlSession::query;
    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        const base::Stopwatch watch(base::system_clock());
        const double cpu_before = backend_cpu_ms(*session_);
        auto answer = session_->query(sql, parameters);
        longest_ms = std::max(longest_ms, watch.seconds() * 1'000);
        const double spent = backend_cpu_ms(*session_) - cpu_before;
        if (spent > dearest_cpu_ms) dearest = sql.substr(0, sql.find('\n'));
        dearest_cpu_ms = std::max(dearest_cpu_ms, spent);
        return answer;
    }
    [[nodiscard]] int server_version() const override { return session_->server_version(); }
    [[nodiscard]] std::string target() const override { return session_->target(); }
    double longest_ms = 0;      ///< by the clock
    double dearest_cpu_ms = 0;  ///< of the backend, which a busy machine does not lengthen
    std::string dearest;

private:
    pg::Session* session_;
};

/// Statement number i: its own chain of operators, and aliases enough to make it long.
std::string statement(int number) {
    std::string sql = "SELECT a";
    for (int bit = 0; bit < 13; ++bit) sql += (number >> bit & 1) != 0 ? " + b" : " - c";
    for (int column = 0; sql.size() < kTextBytes; ++column)
        sql += fmt::format(", b AS a_rather_long_name_as_generated_statements_have_them_{}", column);
    return sql + " FROM numbers WHERE a = 1";
}

base::Result<void> execute_all(pg::Session& session, int from, int to) {
    std::vector<std::string> some;
    for (int i = from; i < to; ++i) some.push_back(statement(i));
    for (const auto& answer : session.pipeline(some))
        if (!answer) return base::unexpected(answer.error());
    return {};
}

/// A line of /proc/self/status in MB.
double memory_mb(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) / 1'024;
    return 0;
}

/// Median CPU time of the server for reading the view with its texts, as collectors do that know nothing better.
base::Result<double> full_read_ms(pg::Session& session) {
    std::vector<double> times;
    for (int i = 0; i < 5; ++i) {
        const double before = backend_cpu_ms(session);
        ORRERY_TRY(session.execute("DO $$BEGIN PERFORM queryid, query, calls FROM pg_stat_statements; END$$"));
        times.push_back(backend_cpu_ms(session) - before);
    }
    return base::median(times);
}

base::Result<void> measure() {
    pg::ClusterOptions cluster_options;
    cluster_options.settings = {{"pg_stat_statements.max", "10000"}};
    pg::SessionOptions as_application;
    as_application.safe_settings = false;
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(cluster_options));
    ORRERY_TRY(cluster.start());
    ORRERY_ASSIGN(auto application, pg::Session::connect(cluster.uri(), as_application));
    ORRERY_TRY(application.execute("CREATE EXTENSION pg_stat_statements"));
    ORRERY_TRY(application.execute("CREATE TABLE numbers AS SELECT 1 AS a, 2 AS b, 3 AS c"));
    for (int i = 0; i < kStatements; i += 100) ORRERY_TRY(execute_all(application, i, i + 100));
    ORRERY_ASSIGN(const double full_ms, full_read_ms(application));

    ORRERY_ASSIGN(const auto folder, base::TemporaryFolder::create("collect-bench"));
    ORRERY_ASSIGN(auto store, store::SqliteStore::open(folder.path() / "orrery.db"));
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), {}));
    TimedSession timed(session);
    ::malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins here
    const double before_mb = memory_mb("VmRSS");

    collectors::QueryLogCollector collector(timed, store, base::system_clock(), {.text_time_share = 1});
    std::size_t unknown = 1;
    int text_rounds = 0;
    for (; unknown > 0 && text_rounds < 100; ++text_rounds) {
        ORRERY_ASSIGN(const auto report, collector.collect_once());
        unknown = report.unknown_texts;
        base::system_clock().sleep_for(std::chrono::seconds(1), {});
    }
    const double texts_ms = timed.dearest_cpu_ms, texts_wall_ms = timed.longest_ms;
    timed.dearest_cpu_ms = 0;
    std::vector<double> server_ms;
    for (int round = 0; round < kRounds; ++round) {
        ORRERY_TRY(execute_all(application, round * 100, round * 100 + 100));
        const double server = backend_cpu_ms(session);
        ORRERY_ASSIGN(const auto report, collector.collect_once());
        server_ms.push_back(backend_cpu_ms(session) - server);
        if (report.active < 100) return base::unexpected(base::ErrorKind::internal, "a round did not see the statements that ran");
    }
    const double steady_ms = base::median(server_ms);

    const std::string setup = fmt::format("{} statements with {} MB of texts, PostgreSQL {}", kStatements,
                                          kStatements * kTextBytes / 1'000'000, cluster.installation().major);
    bench::print({"collect.server_time_5000_statements", steady_ms, "ms",
                  setup + "; median of " + std::to_string(kRounds) + " steady rounds, CPU time of the backend",
                  "the view read with its texts", full_ms});
    bench::print({"collect.memory_5000_statements", memory_mb("VmHWM") - before_mb, "MB",
                  setup + fmt::format("; peak over all rounds, {} of them with texts", text_rounds)});
    bench::print(
        {"collect.longest_statement", texts_ms, "ms",
         setup + fmt::format("; CPU time of the backend for the dearest statement, which reads texts (the server loads its whole file, "
                             "however few are asked for); {:.0f} ms by the clock; of steady rounds {:.1f} ms",
                             texts_wall_ms, timed.dearest_cpu_ms)});
    return {};
}

// Resources -------------------------------------------------------------------------------------------------------------------------------

/// The machine's clock, which can be moved on: hours of rounds pass in seconds, while each statement is timed as it is.
class HastyClock final : public base::Clock {
public:
    [[nodiscard]] base::WallTime now() const override { return base::system_clock().now() + ahead_; }
    [[nodiscard]] std::chrono::steady_clock::time_point steady() const override { return base::system_clock().steady() + ahead_; }
    bool sleep_for(std::chrono::nanoseconds duration, const std::stop_token&) override {
        ahead_ += std::chrono::duration_cast<std::chrono::milliseconds>(duration);
        return true;
    }

private:
    std::chrono::milliseconds ahead_{0};
};

base::Result<void> execute_numbered(pg::Session& session, int from, int to, const std::string& statements) {
    for (int i = from; i < to; i += 250) {
        std::string all;
        for (int number = i; number < std::min(to, i + 250); ++number) {
            std::string one = statements;
            for (auto at = one.find('#'); at != std::string::npos; at = one.find('#')) one.replace(at, 1, std::to_string(number));
            all += one;
        }
        ORRERY_TRY(session.execute(all));
    }
    return {};
}

/// What one collector's rounds cost the server.
struct ResourceRounds {
    double first_ms = 0, cpu_ms = 0;  ///< CPU time of the backend: of the first round, and of all after it
    double longest_ms = 0, first_wall_s = 0;
    std::string longest;
    std::size_t frames = 0, rows = 0;
};

base::Result<ResourceRounds> resource_rounds(const pg::PrivateCluster& cluster, const std::string& database, int rounds,
                                             const std::string& work) {
    HastyClock clock;
    pg::SessionOptions as_application;
    as_application.safe_settings = false;
    ORRERY_ASSIGN(auto application, pg::Session::connect(cluster.uri(database), as_application));
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(database), {}));
    TimedSession metered(session);
    collectors::ResourceUsageCollector collector(metered, clock);
    ResourceRounds sum;
    for (int round = 0; round <= rounds; ++round) {
        if (round > 0 && !work.empty()) ORRERY_TRY(execute_numbered(application, round % 10 * 100, round % 10 * 100 + 100, work));
        const double before = backend_cpu_ms(session);
        const base::Stopwatch watch(base::system_clock());
        const auto reading = collector.collect();
        for (const auto& failure : reading.failures) return base::unexpected(failure.error);
        const double spent = backend_cpu_ms(session) - before;
        (round == 0 ? sum.first_ms : sum.cpu_ms) += spent;
        if (round == 0) sum.first_wall_s = watch.seconds();
        sum.frames += reading.batch.frames.size();
        for (const auto& frame : reading.batch.frames) sum.rows += frame.rows();
        clock.sleep_for(std::chrono::seconds(60), {});
    }
    sum.longest_ms = metered.dearest_cpu_ms;
    sum.longest = metered.dearest;
    return sum;
}

base::Result<void> measure_resources() {
    pg::ClusterOptions options;
    options.settings = {{"autovacuum", "off"}, {"max_locks_per_transaction", "2000"}};
    pg::SessionOptions as_application;
    as_application.safe_settings = false;
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(options));
    ORRERY_TRY(cluster.start());
    ORRERY_ASSIGN(auto admin, pg::Session::connect(cluster.uri(), as_application));
    for (const char* database : {"thousand", "many"}) ORRERY_TRY(admin.execute(std::string("CREATE DATABASE ") + database));
    {
        ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("thousand"), as_application));
        ORRERY_TRY(session.execute("CREATE EXTENSION pgstattuple; CREATE EXTENSION pg_buffercache"));
        ORRERY_TRY(execute_numbered(session, 0, 1'000,
                                    "CREATE TABLE t# (id bigserial PRIMARY KEY, a int, b text, at timestamptz DEFAULT now());"
                                    "CREATE INDEX ON t# (a); CREATE INDEX ON t# (b);"
                                    "INSERT INTO t# (a, b) SELECT g % 10, md5(g::text) FROM generate_series(1, 200) g;"));
        ORRERY_TRY(session.execute("ANALYZE"));
        ORRERY_ASSIGN(auto large, pg::Session::connect(cluster.uri("many"), as_application));
        ORRERY_TRY(execute_numbered(large, 0, 25'000, "CREATE TABLE t# (id int PRIMARY KEY, words text);"));
        ORRERY_TRY(execute_numbered(large, 0, 2'000, "INSERT INTO t# VALUES (1, 'one');"));
    }
    constexpr int kMinutes = 120;
    ORRERY_ASSIGN(const auto usual, resource_rounds(cluster, "thousand", kMinutes, "UPDATE t# SET a = a + 1 WHERE id < 20;"));
    const std::string setup = fmt::format("1,000 tables with 3 indexes and TOAST each, 100 of them changing in a minute, PostgreSQL {}",
                                          cluster.installation().major);
    bench::print(
        {"collect.resources_share_of_core_1000_tables", usual.cpu_ms / (kMinutes * 60'000.0) * 100, "%",
         setup + fmt::format("; {} minutes at defaults with bloat and buffers, CPU time of the backend; the first round {:.0f} ms; "
                             "{} frames of {:.0f} rows",
                             kMinutes, usual.first_ms, usual.frames, static_cast<double>(usual.rows) / static_cast<double>(usual.frames)),
         "Datadog, all checks", 1});
    bench::print({"collect.longest_resources_statement", usual.longest_ms, "ms",
                  setup + fmt::format("; resources, the first and coldest round included, CPU time of the backend: {}", usual.longest)});
    ORRERY_ASSIGN(const auto many, resource_rounds(cluster, "many", 10, ""));
    bench::print(
        {"collect.resources_100000_relations", many.first_ms / 1'000, "s",
         fmt::format("25,000 tables with TOAST, 100,000 relations; the first round, with everything in it, CPU time of the backend "
                     "({:.1f} s on the clock); longest statement {:.0f} ms; {:.2f} s in the 10 minutes after it",
                     many.first_wall_s, many.longest_ms, many.cpu_ms / 1'000)});
    return {};
}

/// The difference of readings against a model of servers that knows the truth (tests/collectors/statements_model.hpp).
base::Result<void> histories() {
    constexpr std::int64_t kHistories = 1'000'000;
    const auto score = collectors::model::play(1, kHistories);
    const auto percent = [](std::int64_t part, std::int64_t whole) {
        return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
    };
    bench::print(
        {"collect.bad_deltas_in_million_histories", static_cast<double>(score.bad), "count",
         fmt::format("{} histories, {} intervals, {} deltas; {:.1f} % of deltas marked as lower bounds though nothing was missing, "
                     "{:.2f} % short by resets of single statements that no server tells; {} readings not comparable{}",
                     score.histories, score.intervals, score.deltas, percent(score.marked_in_vain, score.deltas),
                     percent(score.unknowable, score.deltas), score.uncomparable,
                     score.bad > 0 ? "; first: " + score.first_bad : std::string())});
    return {};
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_parts(count, arguments,
                            {{"histories", &histories},
                             {"statements", &measure},
                             {"resources", &measure_resources},
                             {"sessions", &bench::measure_sessions},
                             {"one", &bench::measure_one_server},
                             {"many", &bench::measure_many_servers}});
}
