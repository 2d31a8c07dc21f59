#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/process.hpp"
#include "figure.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

/// `orrery collect` as it is run, all collectors at their defaults: what it costs the server, and this machine.
namespace orrery::bench {

struct WholeCost {
    double server_share = 0;  ///< of a core, percent: CPU time of the backends that served the collector
    double own_share = 0;     ///< of a core, percent
    double resident_mb = 0;   ///< peak
};

inline double process_cpu_ms(int pid) {
    double nanoseconds = 0;
    std::ifstream(fmt::format("/proc/{}/schedstat", pid)) >> nanoseconds;
    return nanoseconds / 1e6;
}

/// utime + stime of all threads.
inline double process_cpu_ticks_ms(int pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    std::getline(file, line);
    std::istringstream rest(line.substr(line.rfind(')') + 2));
    std::string word;
    for (int field = 3; field < 14; ++field) rest >> word;
    double user = 0, system = 0;
    rest >> user >> system;
    return (user + system) * 1'000 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

inline double process_peak_mb(int pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1'024;
    return 0;
}

/// A server with many statements and many tables, all at rest but a few.
inline base::Result<pg::PrivateCluster> whole_server(int tables, int statements, int most_statements) {
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create({.settings = {{"pg_stat_statements.max", std::to_string(most_statements)},
                                                                         {"max_connections", "400"}}}));
    ORRERY_TRY(cluster.start());
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), {.application = "load", .safe_settings = false}));
    ORRERY_TRY(session.execute("CREATE EXTENSION pg_stat_statements"));
    ORRERY_TRY(session.execute(fmt::format(
        "DO $$ BEGIN FOR i IN 1..{} LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, a int, b text); CREATE INDEX ON t%s (a); "
        "INSERT INTO t%s SELECT g, mod(g, 7), repeat(''x'', 50) FROM generate_series(1, 200) g', i, i, i); END LOOP; END $$",
        tables)));
    std::vector<std::string> some;
    for (int i = 0; i < statements; ++i) {
        std::string sql = "SELECT a";
        for (int bit = 0; bit < 13; ++bit) sql += (i >> bit & 1) != 0 ? " + id" : " - id";
        some.push_back(sql + fmt::format(" FROM t{} WHERE id = 1", i % tables + 1));
        if (some.size() == 500 || i + 1 == statements) {
            for (const auto& answer : session.pipeline(some))
                if (!answer) return base::unexpected(answer.error());
            some.clear();
        }
    }
    ORRERY_TRY(session.execute("VACUUM ANALYZE"));
    return cluster;
}

/// CPU milliseconds so far of the backends whose application is ours, by process.
inline base::Result<std::map<int, double>> our_backends(pg::Session& session) {
    ORRERY_ASSIGN(const auto rows, session.query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'orrery/%'"));
    std::map<int, double> found;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        const auto pid = static_cast<int>(rows.integer(row, 0));
        found[pid] = process_cpu_ms(pid);
    }
    return found;
}

/// Runs the collector for a while; the first `warm_up` does not count for the shares (texts are learnt once).
inline base::Result<WholeCost> measure_whole(const pg::PrivateCluster& cluster, const std::vector<std::string>& targets,
                                             std::chrono::seconds warm_up, std::chrono::seconds duration) {
    ORRERY_ASSIGN(const auto folder, base::TemporaryFolder::create("collect-whole"));
    ORRERY_ASSIGN(auto load, pg::Session::connect(cluster.uri(), {.application = "load", .safe_settings = false}));
    base::ProcessOptions options;
    const char* binary = std::getenv("ORRERY_BINARY");
    options.command = {binary != nullptr ? binary : "orrery", "--quiet", "--store", (folder.path() / "orrery.db").string(), "collect"};
    for (const auto& target : targets) {
        options.command.push_back("--target");
        options.command.push_back(target);
    }
    ORRERY_ASSIGN(const pid_t pid, base::start_process(options, folder.path() / "log"));
    auto& clock = base::system_clock();
    const auto tick = [&](std::chrono::seconds length) -> base::Result<void> {
        for (int second = 0; second < length.count(); ++second) {
            clock.sleep_for(std::chrono::seconds(1), {});
            std::vector<std::string> some;
            for (int i = 0; i < 100; ++i) some.push_back(fmt::format("SELECT a FROM t{} WHERE id = {}", (second * 7 + i) % 50 + 1, i));
            for (const auto& answer : load.pipeline(some))
                if (!answer) return base::unexpected(answer.error());
        }
        return {};
    };
    auto outcome = tick(warm_up);
    WholeCost cost;
    if (outcome) {
        ORRERY_ASSIGN(const auto before, our_backends(load));
        const double own_before = process_cpu_ticks_ms(pid);
        const base::Stopwatch watch(clock);
        // Backends come and go: what each was last seen with counts.
        std::map<int, double> after;
        for (std::chrono::seconds done{0}; outcome && done < duration; done += std::chrono::seconds(2)) {
            outcome = tick(std::chrono::seconds(2));
            ORRERY_ASSIGN(const auto now, our_backends(load));
            for (const auto& [backend, ms] : now) after[backend] = ms;
        }
        double server_ms = 0;
        for (const auto& [backend, ms] : after) server_ms += ms - (before.contains(backend) ? before.at(backend) : 0);
        const double seconds = watch.seconds();
        cost = {server_ms / seconds / 10, (process_cpu_ticks_ms(pid) - own_before) / seconds / 10, process_peak_mb(pid)};
    }
    ::kill(pid, SIGTERM);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!outcome) return base::unexpected(outcome.error());
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)) {
        std::ifstream log(folder.path() / "log");
        return base::unexpected(base::ErrorKind::internal, "the collector ended badly",
                                std::string(std::istreambuf_iterator<char>(log), {}));
    }
    return cost;
}

inline base::Result<void> measure_one_server() {
    constexpr int kTables = 1'000, kStatements = 5'000;
    ORRERY_ASSIGN(const auto cluster, whole_server(kTables, kStatements, 10'000));
    ORRERY_ASSIGN(const auto cost, measure_whole(cluster, {cluster.uri()}, std::chrono::seconds(30), std::chrono::seconds(120)));
    const std::string how =
        fmt::format("orrery collect at its defaults for 120 s after 30 s, {} statements, {} tables", kStatements, kTables);
    print({"collect.server_share_of_core", cost.server_share, "%", how + "; CPU time of its backends", "Datadog", 1});
    print({"collect.own_cpu_share_of_core", cost.own_share, "%", how, "Datadog", 1});
    print({"collect.resident_memory_1_server", cost.resident_mb, "MB", how + "; peak", "pgwatch", 50});
    return {};
}

/// Fifty servers are played by fifty databases of one, each with a role that may enter no other.
inline base::Result<void> measure_many_servers() {
    constexpr int kServers = 50;
    constexpr int kStatements = 1'000;  // our own in fifty databases would be thousands otherwise
    ORRERY_ASSIGN(const auto cluster, whole_server(50, 500, kStatements));
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), {.application = "load", .safe_settings = false}));
    std::vector<std::string> targets;
    ORRERY_TRY(session.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC"));
    for (int i = 1; i <= kServers; ++i) {
        ORRERY_TRY(session.execute(fmt::format("CREATE ROLE watcher{} LOGIN IN ROLE pg_monitor", i)));
        ORRERY_TRY(session.execute(fmt::format("CREATE DATABASE server{}", i)));
        ORRERY_TRY(session.execute(
            fmt::format("REVOKE CONNECT ON DATABASE server{0} FROM PUBLIC; GRANT CONNECT ON DATABASE server{0} TO watcher{0}", i)));
        ORRERY_ASSIGN(auto inside,
                      pg::Session::connect(cluster.uri(fmt::format("server{}", i)), {.application = "load", .safe_settings = false}));
        ORRERY_TRY(inside.execute("CREATE EXTENSION pg_stat_statements; CREATE TABLE t (id int PRIMARY KEY, a int)"));
        targets.push_back(cluster.uri_as(fmt::format("watcher{}", i), fmt::format("server{}", i)));
    }
    ORRERY_ASSIGN(const auto cost, measure_whole(cluster, targets, std::chrono::seconds(45), std::chrono::seconds(60)));
    print({"collect.resident_memory_50_servers", cost.resident_mb, "MB",
           fmt::format("one process, {} targets (databases of one server, {} statements), 105 s; peak", kServers, kStatements),
           "Datadog, one server", 300});
    print({"collect.own_cpu_50_servers", cost.own_share, "%", fmt::format("the same, {} targets", kServers)});
    return {};
}

}  // namespace orrery::bench
