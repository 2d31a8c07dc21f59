#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/statistics.hpp"
#include "collectors/session_sampler.hpp"
#include "collectors/session_sql.hpp"
#include "figure.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

/// How well sampling once a second tells what sessions wait for, and what a sample costs the server.
namespace orrery::bench {

constexpr int kLoadSessions = 40;
constexpr std::chrono::seconds kWatched{45};
constexpr std::chrono::milliseconds kFine{10};
constexpr int kIdleSessions = 100, kActiveSessions = 10, kCostSamples = 30;

using Shares = std::map<std::string, double>;  ///< weights, then shares, by wait class

inline Shares normalized(Shares shares) {
    double total = 0;
    for (const auto& [wait_class, weight] : shares) total += weight;
    for (auto& [wait_class, weight] : shares) weight /= total;
    return shares;
}

/// The largest difference among classes above 5 %, in percentage points.
inline double worst_error(const Shares& truth, Shares seen) {
    double worst = 0;
    for (const auto& [wait_class, share] : truth)
        if (share > 0.05) worst = std::max(worst, std::abs(share - seen[wait_class]) * 100);
    return worst;
}

inline base::Result<pg::Session> load_session(const pg::PrivateCluster& cluster) {
    return pg::Session::connect(cluster.uri(), {.application = "load", .safe_settings = false});
}

/// One session of the application: computes, sleeps, commits, queues for a row and sends more than its reader takes, in turns.
inline void play(const pg::PrivateCluster& cluster, int number, const std::stop_token& stop) {
    auto session = load_session(cluster);
    if (!session) return;
    session->cancel_on(stop);
    base::Random random(static_cast<std::uint64_t>(number) + 1);
    while (!stop.stop_requested()) {
        const double turn = random.uniform();
        if (turn < 0.25) {
            (void)session->query(fmt::format("SELECT count(*) FROM generate_series(1, {})", random.integer(100'000, 300'000)));
        } else if (turn < 0.45) {
            (void)session->query(fmt::format("SELECT pg_sleep({:.4f})", random.exponential(0.1)));
        } else if (turn < 0.55) {
            (void)session->execute(fmt::format("UPDATE hot SET n = n + 1 WHERE id = {}; SELECT pg_sleep(0.01)", random.integer(1, 2)));
        } else if (turn < 0.9) {
            for (int commit = 0; commit < 10; ++commit) (void)session->query("INSERT INTO journal VALUES (1)");
        } else {
            int lines = 0;
            (void)session->copy_out("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1500)) TO STDOUT", [&](std::string_view) {
                if (++lines % 500 == 0) base::system_clock().sleep_for(std::chrono::milliseconds(50), stop);
            });
        }
    }
}

/// Shares by time of samples every 10 ms; and of those among them nearest to the whole seconds.
struct FineSampling {
    Shares every, each_second;
    std::size_t samples = 0;
};
inline base::Result<FineSampling> sample_finely(pg::Session& session, const std::stop_token& stop) {
    const auto sql = collectors::sessions_sql(session.server_version());
    ORRERY_TRY(session.execute("PREPARE fine AS " + sql));
    FineSampling sampling;
    const auto begin = base::system_clock().steady();
    auto second = begin;
    auto before = begin;
    while (!stop.stop_requested()) {
        const auto now = base::system_clock().steady();
        ORRERY_ASSIGN(const auto rows, session.query("EXECUTE fine"));
        const double weight = std::chrono::duration<double>(now - before).count();
        const bool whole = now >= second;
        for (const auto& group : collectors::read_sessions(rows)) {
            if (group.own || group.backend != "client backend" || group.state != "active") continue;
            sampling.every[group.wait_class] += weight * static_cast<double>(group.sessions);
            if (whole) sampling.each_second[group.wait_class] += static_cast<double>(group.sessions);
        }
        if (whole) second += std::chrono::seconds(1);
        before = now;
        ++sampling.samples;
        const auto next = now + kFine;
        base::system_clock().sleep_for(next - base::system_clock().steady(), stop);
    }
    sampling.every = normalized(sampling.every);
    sampling.each_second = normalized(sampling.each_second);
    return sampling;
}

/// The same by the sampler at its defaults.
inline base::Result<Shares> sample_coarsely(pg::Session& session, const std::stop_token& stop) {
    collectors::SessionSampler sampler(session, base::system_clock(), {});
    Shares shares;
    const auto add = [&](const collectors::Reading& reading) {
        for (const auto& frame : reading.batch.frames) {
            if (frame.series != "sessions") continue;
            const auto& classes = std::get<std::vector<std::string>>(frame.find("wait_class")->values);
            const auto& states = std::get<std::vector<std::string>>(frame.find("state")->values);
            const auto& samples = std::get<std::vector<std::int64_t>>(frame.find("samples")->values);
            for (std::size_t row = 0; row < frame.rows(); ++row)
                if (states[row] == "active") shares[classes[row]] += static_cast<double>(samples[row]);
        }
    };
    while (!stop.stop_requested()) {
        if (sampler.next()) base::system_clock().sleep_for(*sampler.next() - base::system_clock().steady(), stop);
        if (stop.stop_requested()) break;
        ORRERY_TRY(sampler.sample());
        add(sampler.take());
    }
    add(sampler.finish());
    return normalized(shares);
}

inline base::Result<void> measure_shares(const pg::PrivateCluster& cluster) {
    ORRERY_ASSIGN(auto fine_session, pg::Session::connect(cluster.uri(), {.application = "fine"}));
    ORRERY_ASSIGN(auto coarse_session, pg::Session::connect(cluster.uri(), {.application = "coarse"}));
    std::vector<std::jthread> load;
    for (int i = 0; i < kLoadSessions; ++i) load.emplace_back([&cluster, i](const std::stop_token& stop) { play(cluster, i, stop); });
    base::system_clock().sleep_for(std::chrono::seconds(2), {});
    std::optional<base::Result<FineSampling>> fine;
    std::optional<base::Result<Shares>> coarse;
    {
        std::jthread finely([&](const std::stop_token& stop) { fine = sample_finely(fine_session, stop); });
        std::jthread coarsely([&](const std::stop_token& stop) { coarse = sample_coarsely(coarse_session, stop); });
        base::system_clock().sleep_for(kWatched, {});
    }
    for (auto& session : load) session.request_stop();
    load.clear();
    ORRERY_ASSIGN(const auto truth, *fine);
    ORRERY_ASSIGN(const auto seen, *coarse);
    std::string mix;
    for (const auto& [wait_class, share] : truth.every)
        if (share > 0.05) mix += fmt::format("{}{} {:.0f} %", mix.empty() ? "" : ", ", wait_class, share * 100);
    print({"collect.session_share_error", worst_error(truth.every, seen), "points",
           fmt::format("{} sessions for {} s ({}), PostgreSQL {}; against {} samples 10 ms apart, largest of the classes above 5 %",
                       kLoadSessions, kWatched.count(), mix, cluster.installation().major, truth.samples),
           "the samples at whole seconds", worst_error(truth.every, truth.each_second)});
    return {};
}

inline base::Result<void> measure_sample_cost(const pg::PrivateCluster& cluster) {
    std::vector<pg::Session> idle;
    for (int i = 0; i < kIdleSessions; ++i) {
        ORRERY_ASSIGN(auto session, load_session(cluster));
        ORRERY_ASSIGN([[maybe_unused]] const auto one, session.query("SELECT 1"));
        idle.push_back(std::move(session));
    }
    std::vector<std::jthread> active;
    for (int i = 0; i < kActiveSessions; ++i)
        active.emplace_back([&cluster](const std::stop_token& stop) {
            auto session = load_session(cluster);
            if (!session) return;
            session->cancel_on(stop);
            (void)session->query("SELECT pg_sleep(600)");
        });
    base::system_clock().sleep_for(std::chrono::seconds(1), {});
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), {.application = "cost"}));
    const auto cpu_ms = [&] {
        double nanoseconds = 0;
        std::ifstream(fmt::format("/proc/{}/schedstat", session.backend_pid())) >> nanoseconds;
        return nanoseconds / 1e6;
    };
    collectors::SessionSampler sampler(session, base::system_clock(), {.period = std::chrono::milliseconds(300), .share = 1});
    std::vector<double> costs;
    for (int i = 0; i < kCostSamples; ++i) {
        if (sampler.next()) base::system_clock().sleep_for(*sampler.next() - base::system_clock().steady(), {});
        const double before = cpu_ms();
        ORRERY_TRY(sampler.sample());
        costs.push_back(cpu_ms() - before);
    }
    for (auto& one : active) one.request_stop();
    print({"collect.session_sample_server_time", base::median(costs), "ms",
           fmt::format("{} idle and {} active sessions, PostgreSQL {}; median of {} samples, CPU time of the backend", kIdleSessions,
                       kActiveSessions, cluster.installation().major, kCostSamples)});
    return {};
}

inline base::Result<void> measure_sessions() {
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create({.settings = {{"max_connections", "200"}}, .durable = true}));
    ORRERY_TRY(cluster.start());
    ORRERY_ASSIGN(auto admin, load_session(cluster));
    ORRERY_TRY(admin.execute("CREATE TABLE hot AS SELECT g AS id, 0 AS n FROM generate_series(1, 3) AS g"));
    ORRERY_TRY(admin.execute("CREATE TABLE journal (n int)"));
    ORRERY_TRY(measure_sample_cost(cluster));
    return measure_shares(cluster);
}

}  // namespace orrery::bench
