#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>

#include "base/folder.hpp"
#include "collectors/query_log_collector.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "store/sqlite_store.hpp"
#include "support/reaper.hpp"

// The collector on a real server, into a real store.
namespace orrery::collectors {
namespace {

using base::ErrorKind;

pg::SessionOptions as_application() {
    pg::SessionOptions options;
    options.safe_settings = false;
    return options;
}

pg::PrivateCluster started(std::map<std::string, std::string> settings = {}) {
    pg::ClusterOptions options;
    options.settings = std::move(settings);
    auto cluster = pg::PrivateCluster::create(options);
    EXPECT_TRUE(cluster) << cluster.error().to_text();
    const auto up = cluster->start();
    EXPECT_TRUE(up) << up.error().to_text();
    return std::move(cluster).value();
}

class CollectorOnServer : public ::testing::Test {
protected:
    void start(std::map<std::string, std::string> settings = {}) {
        cluster.emplace(started(std::move(settings)));
        application.emplace(connect("orrery", as_application()));
        run("CREATE TABLE orders (id int PRIMARY KEY, customer int, note text)");
        run("INSERT INTO orders SELECT i, i % 10, 'n' FROM generate_series(1, 1000) i");
        folder.emplace(base::TemporaryFolder::create("collector-test").value());
        store.emplace(store::SqliteStore::open(folder->path() / "orrery.db").value());
    }
    void start_with_extension(std::map<std::string, std::string> settings = {}) {
        start(std::move(settings));
        run("CREATE EXTENSION pg_stat_statements");
        observe();
    }
    void observe(const std::string& role = "orrery") {
        collector.reset();
        session.emplace(connect(role, {}));
        collector.emplace(*session, *store, base::system_clock(), QueryLogOptions{.text_time_share = 1e6});
    }
    pg::Session connect(const std::string& role, const pg::SessionOptions& options) const {
        auto opened = pg::Session::connect(cluster->uri_as(role, "postgres"), options);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void run(const std::string& sql, int times = 1) {
        for (int i = 0; i < times; ++i) {
            const auto done = application->query(sql);
            ASSERT_TRUE(done) << done.error().to_text();
        }
    }
    void restart() {
        ASSERT_TRUE(cluster->stop());
        ASSERT_TRUE(cluster->start());
        application.emplace(connect("orrery", as_application()));
    }
    /// A killed backend takes shared memory, and with it the counters, down.
    void crash() {
        auto witness = connect("orrery", as_application());
        ASSERT_EQ(::kill(application->backend_pid(), SIGKILL), 0);
        ASSERT_FALSE(application->query("SELECT 1"));
        // Not before the postmaster noticed: it would end the new connection too.
        ASSERT_FALSE(witness.query("SELECT pg_sleep(30)"));
        auto again = pg::Session::connect_with_retry(cluster->uri(), as_application(), std::chrono::seconds(30), {});
        ASSERT_TRUE(again) << again.error().to_text();
        application.emplace(std::move(again).value());
    }
    RoundReport round() {
        const auto report = collector->collect_once();
        EXPECT_TRUE(report) << report.error().to_text();
        return report.value_or(RoundReport{});
    }
    /// The newest interval's delta of the statement whose text begins so; nothing when it did not run.
    std::optional<domain::StatementDelta> delta(const std::string& beginning) {
        const auto far = base::from_unix_ms(4'000'000'000'000);
        const auto intervals = store->intervals(1, {}, far).value();
        const auto workload = store->workload(1, {}, far, 0).value();
        if (intervals.empty()) return std::nullopt;
        std::map<domain::StatementKey, domain::Fingerprint> known;
        for (const auto& statement : store->known_statements(1).value()) known.emplace(statement.key, statement.fingerprint);
        for (const auto& candidate : intervals.back().deltas)
            for (const auto& statement : workload.statements)
                if (statement.text.starts_with(beginning) && known[candidate.key] == statement.fingerprint) return candidate;
        return std::nullopt;
    }

    std::optional<pg::PrivateCluster> cluster;
    std::optional<pg::Session> application, session;
    std::optional<base::TemporaryFolder> folder;
    std::optional<store::SqliteStore> store;
    std::optional<QueryLogCollector> collector;
};

TEST_F(CollectorOnServer, CountsEveryCallOnceAndNoneOfItsOwn) {
    start_with_extension({{"track_io_timing", "on"}});
    run("SELECT count(*) FROM orders WHERE customer = 3", 5);
    EXPECT_TRUE(round().baseline);
    for (int i = 0; i < 3; ++i) {
        run(fmt::format("SELECT count(*) FROM orders WHERE customer = {}", i), 7);
        run("UPDATE orders SET note = 'secret' WHERE id = 5", 2);
        const auto report = round();
        EXPECT_FALSE(report.lower_bound);
        ASSERT_TRUE(report.coverage_percent.has_value());
        EXPECT_GT(*report.coverage_percent, 0);
        EXPECT_LE(*report.coverage_percent, 100);
        EXPECT_GT(report.server_time.count(), 0);
        const auto read = delta("SELECT count(*) FROM orders"), write = delta("UPDATE orders");
        ASSERT_TRUE(read && write);
        EXPECT_EQ(read->counters.calls, 7);
        EXPECT_EQ(read->counters.rows, 7);
        EXPECT_GT(read->counters.exec_ms, 0);
        EXPECT_GE(read->counters.exec_square_ms2 * 7 * (1 + 1e-9), read->counters.exec_ms * read->counters.exec_ms);
        EXPECT_GT(read->counters.shared_hit, 0);
        EXPECT_EQ(write->counters.calls, 2);
        EXPECT_GT(write->counters.wal_bytes, 0);
        EXPECT_FALSE(read->lower_bound);
    }
    for (const auto& statement : store->workload(1, {}, base::from_unix_ms(4'000'000'000'000), 0).value().statements) {
        EXPECT_EQ(statement.text.find("secret"), std::string::npos) << statement.text;
        EXPECT_EQ(statement.text.find("pg_stat_statements"), std::string::npos) << statement.text;
    }
}

TEST_F(CollectorOnServer, ResetsAreSeen) {
    start_with_extension();
    run("SELECT count(*) FROM orders", 5);
    round();
    run("SELECT count(*) FROM orders", 5);
    run("SELECT pg_stat_statements_reset()");
    run("SELECT count(*) FROM orders", 9);
    EXPECT_TRUE(round().lower_bound);
    const auto calls = delta("SELECT count(*) FROM orders")->counters.calls;
    // 13 does not tell of a reset: what has outgrown its last reading may seem to have gone on.
    EXPECT_GE(calls, session->server_version() >= 140'000 ? 9 : 4);
    EXPECT_LE(calls, 9);
    EXPECT_TRUE(delta("SELECT count(*) FROM orders")->lower_bound);
    run("SELECT pg_stat_statements_reset(0, 0, queryid) FROM pg_stat_statements WHERE query LIKE 'SELECT count%'");
    run("SELECT count(*) FROM orders", 4);
    EXPECT_TRUE(round().lower_bound);
    EXPECT_EQ(delta("SELECT count(*) FROM orders")->counters.calls, 4);
    run("SELECT count(*) FROM orders", 2);
    EXPECT_FALSE(round().lower_bound);
    EXPECT_EQ(delta("SELECT count(*) FROM orders")->counters.calls, 2);
}

TEST_F(CollectorOnServer, EvictionsAreSeen) {
    start_with_extension({{"pg_stat_statements.max", "100"}});
    round();
    std::string sum = "id";
    for (int i = 0; i < 300; ++i) run(fmt::format("SELECT {} FROM orders LIMIT 1", sum += " + id"));
    const auto report = round();
    EXPECT_TRUE(report.lower_bound);
    EXPECT_LE(report.statements, 100U);
    run("SELECT count(*) FROM orders");
    EXPECT_FALSE(round().lower_bound);
}

TEST_F(CollectorOnServer, ACleanRestartIsExactAndACrashALowerBound) {
    start_with_extension();
    run("SELECT count(*) FROM orders", 5);
    round();
    run("SELECT count(*) FROM orders", 3);
    restart();
    run("SELECT count(*) FROM orders", 4);
    EXPECT_FALSE(collector->collect_once().has_value()) << "the connection is gone";
    const bool told_apart = session->server_version() >= 140'000;  // 13 does not: its restart may have been a crash
    const auto restarted = round();
    EXPECT_FALSE(restarted.lower_bound);
    EXPECT_EQ(restarted.baseline, !told_apart);
    if (told_apart) {
        EXPECT_EQ(delta("SELECT count(*) FROM orders")->counters.calls, 7);
    }
    run("SELECT count(*) FROM orders", 3);
    crash();
    run("SELECT count(*) FROM orders", 20);
    EXPECT_FALSE(collector->collect_once().has_value());
    EXPECT_TRUE(round().lower_bound);
    EXPECT_EQ(delta("SELECT count(*) FROM orders")->counters.calls, 20);
}

TEST_F(CollectorOnServer, WhatHappensToTheServerIsTold) {
    start_with_extension();
    run("SELECT count(*) FROM orders", 5);
    round();
    const auto kinds = [&] {
        std::vector<std::string> names;
        for (const auto& event : round().events) names.push_back(event.kind);
        return names;
    };
    EXPECT_TRUE(kinds().empty());
    restart();
    EXPECT_FALSE(collector->collect_once().has_value());
    EXPECT_EQ(kinds(), session->server_version() >= 140'000 ? std::vector<std::string>{"restart"} : std::vector<std::string>{});
    if (session->server_version() >= 140'000) {
        run("SELECT pg_stat_statements_reset()");
        EXPECT_EQ(kinds(), std::vector<std::string>{"statistics_reset"});
    }
    EXPECT_TRUE(kinds().empty());
    EXPECT_EQ(store->events(1, {}, base::from_unix_ms(4'000'000'000'000)).value().size(), session->server_version() >= 140'000 ? 2U : 0U);
}

TEST_F(CollectorOnServer, AnotherClusterUnderTheSameAddressIsAnotherServer) {
    start_with_extension();
    run("SELECT count(*) FROM orders", 500);
    const auto first = round();
    EXPECT_TRUE(first.baseline);
    auto other = started();
    auto there = pg::Session::connect(other.uri(), as_application());
    ASSERT_TRUE(there);
    ASSERT_TRUE(there->execute("CREATE EXTENSION pg_stat_statements"));
    for (int i = 0; i < 9; ++i) ASSERT_TRUE(there->execute("SELECT count(*) FROM pg_class"));
    auto to_other = pg::Session::connect(other.uri());
    ASSERT_TRUE(to_other);
    *session = std::move(*to_other);  // as a virtual address that moved
    const auto second = round();
    EXPECT_NE(second.server, first.server);
    EXPECT_TRUE(second.baseline);
    ASSERT_EQ(second.events.size(), 1U);
    EXPECT_EQ(second.events[0].kind, "failover");
}

TEST_F(CollectorOnServer, AnExtensionDroppedInMidRunIsNamedAndFoundAgain) {
    start_with_extension();
    round();
    run("DROP EXTENSION pg_stat_statements");
    const auto dropped = collector->collect_once();
    ASSERT_FALSE(dropped);
    EXPECT_EQ(dropped.error().kind, ErrorKind::missing_extension);
    EXPECT_NE(dropped.error().hint.find("CREATE EXTENSION"), std::string::npos);
    run("CREATE EXTENSION pg_stat_statements");
    EXPECT_FALSE(round().baseline);
}

TEST_F(CollectorOnServer, AnySqlAsciiBytesAndHugeTextsAreRead) {
    start_with_extension();
    run("CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'");
    auto raw = pg::Session::connect(cluster->uri("bytes"), as_application());
    ASSERT_TRUE(raw);
    ASSERT_TRUE(raw->execute("SET client_encoding = 'SQL_ASCII'"));
    ASSERT_TRUE(raw->execute("CREATE TABLE \"caf\xe9\" (id int)"));
    ASSERT_TRUE(raw->query("SELECT 'caf\xe9' FROM \"caf\xe9\""));
    std::string huge = "SELECT id FROM orders WHERE id IN (1";
    for (int i = 0; huge.size() < 1'000'000; ++i) huge += fmt::format(", {}", i + 1'000'000);
    run(huge + ")");
    // From a database in UTF8 the server refuses to give any text: the counters go on, and the note names the way.
    const auto refused = round();
    EXPECT_GT(refused.unknown_texts, 0U);
    ASSERT_EQ(refused.notes.size(), 1U);
    EXPECT_NE(refused.notes[0].find("SQL_ASCII (bytes)"), std::string::npos) << refused.notes[0];
    ASSERT_TRUE(raw->execute("CREATE EXTENSION pg_stat_statements"));
    auto from_there = pg::Session::connect(cluster->uri("bytes"));
    ASSERT_TRUE(from_there);
    QueryLogCollector there(*from_there, *store, base::system_clock(), {.text_time_share = 1e6});
    const auto report = there.collect_once();
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->unknown_texts, 0U);
    EXPECT_TRUE(report->notes.empty()) << report->notes.front();
}

TEST_F(CollectorOnServer, ARoleWithoutRightsLearnsTheGrant) {
    start_with_extension();
    run("CREATE ROLE watcher LOGIN");
    observe("watcher");
    const auto blind = round();
    EXPECT_GT(blind.hidden, 0U);
    ASSERT_FALSE(blind.notes.empty());
    EXPECT_NE(blind.notes[0].find("GRANT pg_read_all_stats TO watcher;"), std::string::npos);
    run("GRANT pg_read_all_stats TO watcher");
    const auto seeing = round();
    EXPECT_EQ(seeing.hidden, 0U);
    EXPECT_TRUE(seeing.baseline) << "what others did before is not of this interval";
    run("SELECT count(*) FROM orders", 3);
    EXPECT_FALSE(round().baseline);
    EXPECT_EQ(delta("SELECT count(*) FROM orders")->counters.calls, 3);
    run("REVOKE EXECUTE ON FUNCTION pg_stat_statements(boolean) FROM public");
    const auto refused = collector->collect_once();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::permission);
    const auto grant = refused.error().hint.find("GRANT EXECUTE ON FUNCTION public.pg_stat_statements(boolean) TO watcher;");
    ASSERT_NE(grant, std::string::npos) << refused.error().hint;
    run(refused.error().hint.substr(grant));
    EXPECT_FALSE(round().baseline);
}

TEST_F(CollectorOnServer, TheExtensionMayLieInAnySchemaAndMove) {
    start();
    run("CREATE SCHEMA \"My Monitoring\"");
    observe();
    const auto missing = collector->collect_once();
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::missing_extension);
    run("CREATE EXTENSION pg_stat_statements SCHEMA \"My Monitoring\"");
    EXPECT_TRUE(round().baseline);
    run("ALTER EXTENSION pg_stat_statements SET SCHEMA public");
    EXPECT_FALSE(round().baseline) << "found again, and the counters are the same";
}

TEST_F(CollectorOnServer, WithoutPreloadTheHintSaysWhatToSet) {
    start({{"shared_preload_libraries", "pgstattuple"}});
    run("CREATE EXTENSION pg_stat_statements");
    observe();
    const auto report = collector->collect_once();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().kind, ErrorKind::missing_extension);
    EXPECT_NE(report.error().hint.find("ALTER SYSTEM SET shared_preload_libraries = 'pgstattuple', 'pg_stat_statements';"),
              std::string::npos)
        << report.error().to_text();
    run("ALTER SYSTEM SET shared_preload_libraries = 'pgstattuple', 'pg_stat_statements'");
    restart();
    observe();
    EXPECT_TRUE(round().baseline) << "and following it helps";
}

}  // namespace
}  // namespace orrery::collectors
