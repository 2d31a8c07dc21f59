#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "base/folder.hpp"
#include "collectors/server_log_collector.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "sql/statement.hpp"
#include "store/sqlite_store.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

// The collector on the log of a real server, into a real store.
namespace orrery::collectors {
namespace {

using domain::RollUp;

constexpr const char* kSecret = "s3cret-value";

pg::SessionOptions as_application(const std::string& name = "shop-app") {
    pg::SessionOptions options;
    options.application = name;
    options.safe_settings = false;
    return options;
}

class LogOnServer : public ::testing::TestWithParam<LogFormat> {
protected:
    void start(const std::string& destination, const std::string& plan_format, std::map<std::string, std::string> more = {}) {
        pg::ClusterOptions options;
        options.settings = {{"logging_collector", "on"},
                            {"log_destination", destination},
                            {"log_directory", "log"},
                            {"log_filename", "postgresql-%Y-%m-%d_%H%M%S.log"},
                            {"log_line_prefix", "%m [%p] %q%u@%d/%a "},
                            {"log_min_duration_statement", "0"},
                            {"log_checkpoints", "on"},
                            {"log_lock_waits", "on"},
                            {"log_temp_files", "0"},
                            {"deadlock_timeout", "100ms"},
                            {"shared_preload_libraries", "auto_explain"},
                            {"auto_explain.log_min_duration", "0"},
                            {"auto_explain.log_analyze", "on"},
                            {"auto_explain.log_format", plan_format}};
        for (auto& [name, value] : more) options.settings.insert_or_assign(name, value);
        auto made = pg::PrivateCluster::create(options);
        ASSERT_TRUE(made) << made.error().to_text();
        cluster.emplace(std::move(made).value());
        const auto up = cluster->start();
        ASSERT_TRUE(up) << up.error().to_text();
        application.emplace(connect("orrery", as_application()));
        run("CREATE TABLE orders (id int PRIMARY KEY, email text)");
        run("INSERT INTO orders SELECT i, 'm' || i FROM generate_series(1, 1000) i");
        folder.emplace(base::TemporaryFolder::create("log-test").value());
        store.emplace(store::SqliteStore::open(folder->path() / "orrery.db").value());
        server = store->server("target", "").value();
    }
    pg::Session connect(const std::string& role, const pg::SessionOptions& options) const {
        // After a crash the server recovers for a while.
        auto opened = pg::Session::connect_with_retry(cluster->uri_as(role, "postgres"), options, std::chrono::seconds(60), {});
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void run(const std::string& sql, int times = 1) {
        for (int i = 0; i < times; ++i) {
            const auto done = application->query(sql);
            ASSERT_TRUE(done) << done.error().to_text();
        }
    }
    void fail(const std::string& sql) { EXPECT_FALSE(application->query(sql)); }

    /// As after a start of Orrery: all that is known is in the store.
    void open_collector(const std::string& role = "orrery", const ServerLogOptions& options = {}) {
        collector.reset();
        session.emplace(connect(role, {}));
        collector.emplace(*session, base::system_clock(), options);
        if (const auto state = store->state(server, std::string(ServerLogCollector::kStateName)).value()) collector->resume(*state);
    }
    Reading read() {
        auto reading = collector->collect_once();
        EXPECT_TRUE(reading) << reading.error().to_text();
        if (!reading) return {};
        for (const auto& failure : reading->failures) ADD_FAILURE() << failure.error.to_text();
        return std::move(reading).value();
    }
    void round() {
        const auto reading = read();
        const auto written = store->write(server, reading.batch);
        EXPECT_TRUE(written) << written.error().to_text();
        notes.insert(notes.end(), reading.notes.begin(), reading.notes.end());
    }
    /// The server's log arrives a moment after the statement: rounds until it is there, and one more.
    void rounds_until(const std::function<bool()>& there) {
        EXPECT_TRUE(testing::eventually([&] {
            round();
            return there();
        }));
        round();
    }
    /// Sum over all frames of the rows in which the columns have these values.
    double total(const std::string& series, const std::string& column, const std::map<std::string, std::string>& where) {
        double sum = 0;
        for (const auto& frame : store->frames(server, series, {}, base::from_unix_ms(4'000'000'000'000)).value())
            for (std::size_t row = 0; row < frame.rows(); ++row) {
                const auto fits = [&](const auto& item) {
                    return std::get<std::vector<std::string>>(frame.find(item.first)->values)[row] == item.second;
                };
                if (!std::all_of(where.begin(), where.end(), fits)) continue;
                if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&frame.find(column)->values))
                    sum += static_cast<double>((*integers)[row]);
                else
                    sum += std::get<std::vector<double>>(frame.find(column)->values)[row];
            }
        return sum;
    }
    double events(const std::string& kind, const std::string& state_class = "") {
        return total("log_events", "count", {{"kind", kind}, {"sqlstate_class", state_class}, {"database", "postgres"}});
    }
    std::vector<domain::PlanSighting> plans_of(const std::string& sql) {
        return store->plans(server, sql::fingerprint(sql).value(), {}, base::from_unix_ms(4'000'000'000'000)).value();
    }
    double calls_of(const std::string& sql) {
        return total("log_statements", "count", {{"fingerprint", sql::fingerprint(sql).value().hex()}});
    }
    /// All texts that were stored.
    std::string everything() {
        const auto far = base::from_unix_ms(4'000'000'000'000);
        std::string all;
        for (const auto& series : store->series(server).value())
            for (const auto& frame : store->frames(server, series, {}, far).value())
                for (const auto& column : frame.columns)
                    if (const auto* texts = std::get_if<std::vector<std::string>>(&column.values))
                        for (const auto& text : *texts) all += text + "\n";
        for (const auto& plan : store->plans(server, {}, {}, far).value()) all += plan.document + "\n";
        for (const auto& event : store->events(server, {}, far).value()) all += event.subject + ": " + event.text + "\n";
        return all + store->state(server, std::string(ServerLogCollector::kStateName)).value().value_or("");
    }
    /// Two sessions lock the same rows in opposite order.
    void deadlock() {
        auto other = connect("orrery", as_application("other"));
        ASSERT_TRUE(application->execute("BEGIN; UPDATE orders SET email = 's3cret-value' WHERE id = 1"));
        ASSERT_TRUE(other.execute("BEGIN; UPDATE orders SET email = 's3cret-value' WHERE id = 2"));
        bool first_ended = false;
        std::thread waiting(
            [&] { first_ended = application->execute("UPDATE orders SET email = 's3cret-value' WHERE id = 2").has_value(); });
        const bool second_ended = other.execute("UPDATE orders SET email = 's3cret-value' WHERE id = 1").has_value();
        if (second_ended) {
            ASSERT_TRUE(other.execute("COMMIT"));
        }
        waiting.join();
        EXPECT_NE(first_ended, second_ended);
        ASSERT_TRUE(application->execute("ROLLBACK"));
    }

    std::optional<pg::PrivateCluster> cluster;
    std::optional<pg::Session> application, session;
    std::optional<base::TemporaryFolder> folder;
    std::optional<store::SqliteStore> store;
    std::optional<ServerLogCollector> collector;
    domain::ServerId server = 0;
    std::vector<std::string> notes;
};

const std::string kSelect = "SELECT email FROM orders WHERE id = 7";

TEST_P(LogOnServer, SeesEverythingOnceOverRotationsAndRestarts) {
    if (GetParam() == LogFormat::json && pg::find_installation()->major < 15) GTEST_SKIP() << "no jsonlog before 15";
    start(std::string(to_string(GetParam())), GetParam() == LogFormat::text ? "text" : "json");
    run(kSelect);  // before the first round: not counted
    open_collector();
    round();
    EXPECT_EQ(calls_of(kSelect), 0);
    run(kSelect, 2);
    fail("INSERT INTO orders VALUES (5, 's3cret-value')");
    rounds_until([&] { return events("error", "23") > 0 || events("error") > 0; });
    EXPECT_EQ(calls_of(kSelect), 2);
    EXPECT_GE(plans_of(kSelect).size(), 1U) << "two in one millisecond are one";
    EXPECT_GE(events("plan"), 2);

    run(kSelect, 3);
    run("SELECT pg_rotate_logfile()");
    session.reset();
    open_collector();             // killed and started again, with what the old file held unread
    run("SELECT pg_sleep(1.1)");  // names of log files have the second
    run("SELECT pg_rotate_logfile()");
    run(kSelect, 4);
    deadlock();
    run("CHECKPOINT");
    rounds_until([&] { return events("deadlock", "40") > 0 && total("log_events", "count", {{"kind", "checkpoint"}}) > 0; });
    EXPECT_EQ(calls_of(kSelect), 9);
    EXPECT_EQ(events("deadlock", "40"), 1);
    EXPECT_EQ(events("error", "23"), 1);
    EXPECT_EQ(total("log_events", "count", {{"kind", "checkpoint"}}), 1);
    EXPECT_GE(events("lock_wait"), 1);
    open_collector();
    round();
    EXPECT_EQ(calls_of(kSelect), 9) << "nothing is read twice";
    EXPECT_EQ(total("log_errors", "count", {{"sqlstate", "23505"}, {"message", "duplicate key value violates unique constraint \"?\""}}),
              1);

    const auto deadlocks = store->events(server, {}, base::from_unix_ms(4'000'000'000'000)).value();
    ASSERT_EQ(deadlocks.size(), 1U);
    EXPECT_EQ(deadlocks[0].kind, "deadlock");
    EXPECT_EQ(deadlocks[0].subject, "postgres");
    EXPECT_NE(deadlocks[0].text.find("2 processes"), std::string::npos) << deadlocks[0].text;
    EXPECT_NE(deadlocks[0].text.find("UPDATE orders SET email = $1"), std::string::npos) << deadlocks[0].text;
    const auto plans = plans_of(kSelect);
    ASSERT_FALSE(plans.empty());
    EXPECT_EQ(plans[0].database, "postgres");
    EXPECT_EQ(plans[0].source, "auto_explain");
    EXPECT_GT(plans[0].execution_ms.value_or(0), 0);
    const auto plan = pg::parse_plan(plans[0].document);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->root.index, "orders_pkey");
    EXPECT_EQ(plan->root.index_condition, "(id = $1)");
    EXPECT_EQ(plan->root.actual_rows, 1);
    EXPECT_EQ(plan->shape_hash(), plans[0].shape_hash);
    for (const auto& note : notes) ADD_FAILURE() << note;
}

TEST_P(LogOnServer, StoresNothingOfTheData) {
    if (GetParam() == LogFormat::json) GTEST_SKIP() << "tells what csvlog tells";
    start(std::string(to_string(GetParam())), "text", {{"log_min_error_statement", "info"}, {"log_parameter_max_length", "-1"}});
    open_collector();
    round();
    fail("SELECT 's3cret-value'::int");
    fail("DO $$BEGIN RAISE EXCEPTION 's3cret-value has %', 's3cret-value'; END$$");
    fail("SELECT s3cret_value FROM");
    fail("INSERT INTO orders VALUES (5, 's3cret-value') -- s3cret-value");
    run("SELECT count(*) FROM orders WHERE email = 's3cret-value' GROUP BY email || 's3cret-value'");
    const auto bound = application->query("SELECT 1 FROM orders WHERE email = $1", std::vector<domain::SqlParameter>{kSecret});
    ASSERT_TRUE(bound);
    deadlock();
    rounds_until([&] { return events("deadlock", "40") > 0; });
    EXPECT_GE(store->plans(server, {}, {}, base::from_unix_ms(4'000'000'000'000))->size(), 3U);
    for (const char* word : {"s3cret", "S3CRET"}) EXPECT_EQ(everything().find(word), std::string::npos) << everything();
}

INSTANTIATE_TEST_SUITE_P(Formats, LogOnServer, ::testing::Values(LogFormat::text, LogFormat::csv, LogFormat::json),
                         [](const auto& given) { return std::string(to_string(given.param)); });

class LogOverSql : public LogOnServer {
protected:
    void expect_three_calls() {
        run(kSelect, 3);
        rounds_until([&] { return calls_of(kSelect) >= 3; });
        EXPECT_EQ(calls_of(kSelect), 3);
        EXPECT_GE(plans_of(kSelect).size(), 1U);
    }
    ServerLogOptions over_sql() {
        ServerLogOptions options;
        options.files = false;
        return options;
    }
};

TEST_F(LogOverSql, IsReadWhereTheRoleMay) {
    start("stderr,csvlog", "json");
    ASSERT_TRUE(application->execute("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher"));
    open_collector("watcher", over_sql());
    auto reading = read();
    EXPECT_TRUE(reading.batch.state.empty());
    ASSERT_EQ(reading.notes.size(), 1U);
    const auto grant = reading.notes[0].find("GRANT EXECUTE");
    ASSERT_NE(grant, std::string::npos) << reading.notes[0];
    run(reading.notes[0].substr(grant));
    round();
    expect_three_calls();
    EXPECT_LT(read().longest_statement.count(), 150);
}

TEST_F(LogOverSql, IsReadByTheHelperFunction) {
    start("stderr,csvlog", "json");
    ASSERT_TRUE(application->execute(
        "CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE SCHEMA orrery; GRANT USAGE ON SCHEMA orrery TO watcher"));
    run("CREATE FUNCTION orrery.read_log(name text, \"offset\" bigint, length integer) RETURNS bytea LANGUAGE sql SECURITY DEFINER AS "
        "$$SELECT pg_catalog.pg_read_binary_file('log/' || name, \"offset\", length, true)$$");
    open_collector("watcher", over_sql());
    round();
    expect_three_calls();
}

TEST_F(LogOverSql, AHelperFunctionThatIsNoSuperusersIsNotCalled) {
    start("stderr,csvlog", "json");
    ASSERT_TRUE(
        application->execute("CREATE ROLE watcher LOGIN; GRANT pg_monitor TO watcher; CREATE ROLE other; "
                             "CREATE SCHEMA orrery AUTHORIZATION other; GRANT USAGE ON SCHEMA orrery TO watcher"));
    ASSERT_TRUE(
        application->execute("SET ROLE other; CREATE FUNCTION orrery.read_log(name text, \"offset\" bigint, length integer) RETURNS bytea "
                             "LANGUAGE sql AS 'SELECT ''called''::bytea'; RESET ROLE"));
    open_collector("watcher", over_sql());
    const auto reading = read();
    EXPECT_TRUE(reading.batch.state.empty());
    ASSERT_EQ(reading.notes.size(), 1U);
    EXPECT_NE(reading.notes[0].find("GRANT EXECUTE"), std::string::npos) << reading.notes[0];
}

TEST_F(LogOverSql, CatchesUpInBoundedRounds) {
    start("stderr,csvlog", "json", {{"auto_explain.log_min_duration", "-1"}, {"log_rotation_size", "0"}});
    auto options = over_sql();
    options.max_remote = base::Bytes(2 << 20);
    options.begin_back = base::Bytes(1 << 30);  // from the beginning
    open_collector("orrery", options);
    run("SELECT " + std::string(300'000, ' ') + "1", 12);
    run("SELECT 'last' FROM orders");
    EXPECT_TRUE(testing::eventually([&] {
        round();
        return calls_of("SELECT 'last' FROM orders") > 0;
    }));
    EXPECT_GE(calls_of("SELECT 1"), 12);
    EXPECT_TRUE(std::any_of(notes.begin(), notes.end(),
                            [](const std::string& note) { return note.find("still to be read") != std::string::npos; }));
}

class LogWithoutCollector : public LogOnServer {};

TEST_F(LogWithoutCollector, IsFoundAsStandardErrorOfTheServer) {
    start("stderr", "text", {{"logging_collector", "off"}});
    open_collector();
    round();
    run(kSelect, 2);
    rounds_until([&] { return calls_of(kSelect) >= 2; });
    EXPECT_EQ(calls_of(kSelect), 2);
    // logrotate's copytruncate, in the midst
    run(kSelect, 3);
    run("SELECT pg_sleep(0.05)");
    const auto log = cluster->log_file();
    std::filesystem::copy_file(log, log.string() + ".1");
    std::filesystem::resize_file(log, 0);
    run(kSelect, 4);
    rounds_until([&] { return calls_of(kSelect) >= 9; });
    EXPECT_EQ(calls_of(kSelect), 9);
    for (const auto& note : notes) ADD_FAILURE() << note;
}

TEST_F(LogWithoutCollector, IsOutOfReachOverSql) {
    start("stderr", "text", {{"logging_collector", "off"}});
    ServerLogOptions options;
    options.files = false;
    open_collector("orrery", options);
    const auto reading = read();
    ASSERT_EQ(reading.notes.size(), 1U);
    EXPECT_NE(reading.notes[0].find("ALTER SYSTEM SET logging_collector = on"), std::string::npos);
}

TEST_F(LogWithoutCollector, TellsCrashesAndRestarts) {
    start("stderr", "text", {{"logging_collector", "off"}});
    open_collector();
    round();
    ASSERT_EQ(::kill(application->backend_pid(), SIGKILL), 0);
    ASSERT_FALSE(application->query("SELECT 1"));
    auto again = pg::Session::connect_with_retry(cluster->uri(), as_application(), std::chrono::seconds(30), {});
    ASSERT_TRUE(again) << again.error().to_text();
    open_collector();
    const auto kinds = [&] {
        std::set<std::string> seen;
        for (const auto& event : store->events(server, {}, base::from_unix_ms(4'000'000'000'000)).value()) seen.insert(event.kind);
        return seen;
    };
    rounds_until([&] { return kinds().contains("restart"); });
    EXPECT_TRUE(kinds().contains("crash"));
}

}  // namespace
}  // namespace orrery::collectors
