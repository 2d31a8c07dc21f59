#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "store/export_suite.hpp"
#include "store/postgres_place.hpp"
#include "store/postgres_store.hpp"
#include "store/spooled_place.hpp"

namespace orrery::store_testing {

const auto kPostgres = testing::Values(StoreBackend{"postgres", [] { return std::make_unique<PostgresPlace>(); }});
const auto kSpooled = testing::Values(StoreBackend{"spooled", [] { return std::make_unique<SpooledPlace>(); }});
const auto kName = [](const auto& instance) { return instance.param.name; };
INSTANTIATE_TEST_SUITE_P(Postgres, StoreSuite, kPostgres, kName);
INSTANTIATE_TEST_SUITE_P(Postgres, ObservationSuite, kPostgres, kName);
INSTANTIATE_TEST_SUITE_P(Postgres, ExportSuite, kPostgres, kName);
INSTANTIATE_TEST_SUITE_P(Spooled, StoreSuite, kSpooled, kName);
INSTANTIATE_TEST_SUITE_P(Spooled, ObservationSuite, kSpooled, kName);
INSTANTIATE_TEST_SUITE_P(Spooled, ExportSuite, kSpooled, kName);

}  // namespace orrery::store_testing

namespace orrery::store {
namespace {

using namespace store_testing;
using base::ErrorKind;

class PostgresStoreTest : public testing::Test {
protected:
    PostgresStore open() {
        auto opened = PostgresStore::open(place.uri(), {.clock = &clock});
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    domain::SqlRows sql(const std::string& text) { return run_sql(place.database(), text); }
    std::int64_t count(const std::string& what) { return sql("SELECT count(*) FROM " + what).integer(0, 0); }
    static base::Error failure_of(const std::string& target) {
        const auto opened = PostgresStore::open(target);
        EXPECT_FALSE(opened);
        const auto error = opened ? base::Error{} : opened.error();
        EXPECT_FALSE(error.hint.empty()) << error.to_text();
        return error;
    }
    static domain::QueryLogInterval interval(std::int64_t from, std::int64_t to, int statements) {
        domain::QueryLogInterval result{.start = at(from), .end = at(to), .deltas = {}};
        for (int i = 0; i < statements; ++i) result.deltas.push_back({{.query_id = i + 1, .database = 5}, full_counters(i + 1), false});
        return result;
    }

    base::ManualClock clock{at(1'000)};
    PostgresPlace place;
};

TEST_F(PostgresStoreTest, ManyMayStartAtOnce) {
    std::atomic<int> opened{0};
    std::vector<std::thread> starters;
    for (int i = 0; i < 6; ++i)
        starters.emplace_back([&] {
            const auto store = PostgresStore::open(place.uri());
            EXPECT_TRUE(store) << store.error().to_text();
            if (store) ++opened;
        });
    for (auto& starter : starters) starter.join();
    EXPECT_EQ(opened, 6);
    EXPECT_EQ(count("ml_optimization.schema_migrations"), 1);
}

TEST_F(PostgresStoreTest, AStoreOfANewerBuildIsRefused) {
    open();
    sql("INSERT INTO ml_optimization.schema_migrations (version) SELECT max(version) + 1 FROM ml_optimization.schema_migrations");
    EXPECT_EQ(failure_of(place.uri()).kind, ErrorKind::unsupported);
}

TEST_F(PostgresStoreTest, ASchemaOfAnotherProgramIsLeftAlone) {
    sql("CREATE SCHEMA ml_optimization");
    sql("CREATE TABLE ml_optimization.theirs (x integer)");
    EXPECT_EQ(failure_of(place.uri()).kind, ErrorKind::invalid_input);
    EXPECT_EQ(count("pg_class WHERE relnamespace = 'ml_optimization'::regnamespace AND relkind = 'r'"), 1);
}

TEST_F(PostgresStoreTest, AnEmptySchemaMadeByTheAdministratorIsTaken) {
    sql("CREATE SCHEMA ml_optimization");
    EXPECT_TRUE(PostgresStore::open(place.uri()));
}

TEST_F(PostgresStoreTest, AMissingRightIsNamed) {
    const auto guest = "guest_" + place.database();
    sql("CREATE ROLE " + guest + " LOGIN");
    const auto target = shared_cluster()->uri_as(guest, place.database());
    const auto first = failure_of(target);
    EXPECT_EQ(first.kind, ErrorKind::permission);
    EXPECT_NE(first.hint.find("GRANT CREATE ON DATABASE " + place.database() + " TO " + guest), std::string::npos) << first.hint;
    open();
    const auto second = failure_of(target);
    EXPECT_EQ(second.kind, ErrorKind::permission);
    EXPECT_NE(second.hint.find("orrery"), std::string::npos) << "names the owner: " << second.hint;
    sql("DROP ROLE " + guest);
}

TEST_F(PostgresStoreTest, AnUnreachableStoreIsAConnectionError) {
    EXPECT_EQ(failure_of("postgresql://127.0.0.1:1/none?connect_timeout=2").kind, ErrorKind::connection);
}

TEST_F(PostgresStoreTest, AnEncodingThatCannotHoldEveryTextIsRefused) {
    sql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    EXPECT_EQ(failure_of(shared_cluster()->uri("latin")).kind, ErrorKind::unsupported);
    sql("DROP DATABASE latin");
}

TEST_F(PostgresStoreTest, ALostConnectionIsMadeAgain) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orrery/store' AND datname = current_database()");
    EXPECT_TRUE(store.append(server, interval(0, 60, 3), {.taken = at(60), .rows = {}}));
    EXPECT_EQ(store.intervals(server, at(0), at(60)).value().size(), 1U);
}

TEST_F(PostgresStoreTest, TwoWritersOfOneServerNeverOverlap) {
    const auto server = open().server("t", "1").value();
    std::atomic<int> appended{0}, refused{0};
    const auto collect = [&](std::int64_t shift) {
        auto store = open();
        for (std::int64_t round = 0; round < 30; ++round) {
            const auto from = round * 60 + shift;
            const auto outcome = store.append(server, interval(from, from + 60, 5), {.taken = at(from + 60), .rows = {}});
            if (outcome)
                ++appended;
            else if (outcome.error().kind == ErrorKind::conflict)
                ++refused;
            else
                ADD_FAILURE() << outcome.error().to_text();
        }
    };
    std::thread other([&] { collect(30); });
    collect(0);
    other.join();
    EXPECT_EQ(appended + refused, 60);
    const auto kept = open().intervals(server, at(0), at(10'000)).value();
    EXPECT_EQ(static_cast<int>(kept.size()), appended);
    for (std::size_t i = 1; i < kept.size(); ++i) EXPECT_GE(kept[i].start, kept[i - 1].end);
    for (const auto& one : kept) EXPECT_EQ(one.deltas.size(), 5U) << "an interval and its rows go together";
    EXPECT_EQ(count("ml_optimization.query_logs"), 5 * appended);
}

TEST_F(PostgresStoreTest, ALeaseGoesToOneOfMany) {
    open();
    std::atomic<int> holders{0};
    std::vector<std::thread> collectors;
    for (int i = 0; i < 8; ++i)
        collectors.emplace_back([&, i] {
            auto store = PostgresStore::open(place.uri());  // by the server's clock
            ASSERT_TRUE(store);
            for (int again = 0; again < 5; ++again)
                if (store->lease("collect:1", "collector " + std::to_string(i), std::chrono::hours(1)).value() && again == 0) ++holders;
        });
    for (auto& collector : collectors) collector.join();
    EXPECT_EQ(holders, 1);
}

TEST_F(PostgresStoreTest, EachWidthHasPartitionsOfItsOwn) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    ASSERT_TRUE(store.append(server, interval(0, 60, 1), {.taken = at(60), .rows = {}}));
    ASSERT_TRUE(store.write(server, {.frames = {tables(0, 10), tables(0, 600, "bank")}}));
    const auto names =
        sql("SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE c.relkind = 'r'");
    EXPECT_EQ(names.text(0, 0),
              "frames_g0_20231114 frames_g2_20231101 query_logs_g1_20231113 series_tables_g0_20231114 series_tables_g2_20231101");
}

TEST_F(PostgresStoreTest, APartitionThatAnotherProcessDroppedIsMadeAgain) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    ASSERT_TRUE(store.append(server, interval(0, 60, 1), {.taken = at(60), .rows = {}}));
    ASSERT_TRUE(store.write(server, {.frames = {tables(0, 10)}}));
    sql("DROP TABLE ml_optimization.query_logs_g1_20231113, ml_optimization.frames_g0_20231114, ml_optimization.series_tables_g0_20231114");
    EXPECT_TRUE(store.append(server, interval(60, 120, 1), {.taken = at(120), .rows = {}}));
    EXPECT_TRUE(store.write(server, {.frames = {tables(10, 20)}}));
    EXPECT_EQ(store.frames(server, "tables", at(0), at(60)).value().size(), 1U);
}

TEST_F(PostgresStoreTest, WhatHasExpiredGoesWithItsPartition) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    ASSERT_TRUE(store.append(server, interval(0, 60, 1), {.taken = at(60), .rows = {}}));
    ASSERT_TRUE(store.write(server, {.frames = {tables(0, 10)}}));
    clock.advance(std::chrono::hours(24 * 20));
    const auto report = store.roll_up({{std::chrono::seconds(10), std::chrono::hours(48)}});
    ASSERT_TRUE(report) << report.error().to_text();
    EXPECT_EQ(report->deleted, 2);
    EXPECT_EQ(count("pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r'"), 0);
    EXPECT_TRUE(store.append(server, interval(60, 120, 1), {.taken = at(120), .rows = {}})) << "a late one makes its partition anew";
}

TEST_F(PostgresStoreTest, APartitionEmptiedByTheRollUpGoes) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    for (std::int64_t second = 40; second < 640; second += 10) ASSERT_TRUE(store.write(server, {.frames = {tables(second, second + 10)}}));
    clock.advance(std::chrono::hours(24 * 3));
    const domain::RetentionPolicy policy{{std::chrono::seconds(10), std::chrono::hours(24)},
                                         {std::chrono::minutes(10), std::chrono::hours(2'400)}};
    ASSERT_TRUE(store.roll_up(policy));
    EXPECT_EQ(count("pg_class WHERE relname IN ('frames_g0_20231114', 'series_tables_g0_20231114')"), 0);
    EXPECT_EQ(count("ml_optimization.frames"), 2);
}

TEST_F(PostgresStoreTest, TwoRollUpsAtOnceCountNothingTwice) {
    auto store = open();
    const auto server = store.server("t", "1").value();
    std::vector<domain::Frame> frames;
    for (std::int64_t second = 0; second < 6'000; second += 10) frames.push_back(tables(second, second + 10));
    ASSERT_TRUE(store.write(server, {.frames = frames}));
    for (std::int64_t second = 0; second < 3'000; second += 60)
        ASSERT_TRUE(store.append(server, interval(second, second + 60, 3), {.taken = at(second + 60), .rows = {}}));
    clock.advance(std::chrono::hours(10));
    const domain::RetentionPolicy policy{{std::chrono::seconds(10), std::chrono::minutes(5)},
                                         {std::chrono::minutes(10), std::chrono::hours(1'000)}};
    const auto roll_up = [&](PostgresStore& which) {
        const auto report = which.roll_up(policy);
        EXPECT_TRUE(report) << report.error().to_text();
    };
    std::thread other([&] {
        auto second = open();
        roll_up(second);
    });
    roll_up(store);
    other.join();
    ASSERT_TRUE(store.roll_up(policy));
    std::int64_t readings = 0, calls = 0;
    for (const auto& one : store.frames(server, "tables", at(-600), at(7'000)).value()) readings += one.readings;
    for (const auto& one : store.intervals(server, at(0), at(7'000)).value())
        for (const auto& delta : one.deltas) calls += delta.counters.calls;
    EXPECT_EQ(readings, 600);
    EXPECT_EQ(calls, 50 * (full_counters(1).calls + full_counters(2).calls + full_counters(3).calls));
    EXPECT_LT(store.intervals(server, at(0), at(7'000)).value().size(), 8U);
}

TEST_F(PostgresStoreTest, AServerThatIsDownForAWhileLosesNothing) {
    const auto spool = base::TemporaryFolder::create("spool").value();
    const auto open_store = [&]() -> base::Result<std::unique_ptr<domain::Store>> { return place.open(clock); };
    auto opened = SpoolingStore::open(open_store, {.file = spool.path() / "spool.db", .clock = &clock});
    ASSERT_TRUE(opened) << opened.error().to_text();
    auto store = std::move(opened).value();
    const auto server = store.server("t", "1").value();
    const auto collect = [&](std::int64_t minute) {
        ASSERT_TRUE(store.append(server, interval(minute * 60, minute * 60 + 60, 3), {.taken = at(minute * 60 + 60), .rows = {}}));
        ASSERT_TRUE(store.write(server, {.frames = {tables(minute * 60, minute * 60 + 60)}}));
        clock.advance(std::chrono::minutes(1));
    };
    collect(0);
    ASSERT_TRUE(shared_cluster()->stop());
    for (std::int64_t minute = 1; minute < 5; ++minute) collect(minute);
    EXPECT_EQ(store.cursor(server).value()->taken, at(300));
    ASSERT_TRUE(shared_cluster()->start());
    clock.advance(std::chrono::minutes(5));
    EXPECT_EQ(store.drain().value(), 0);
    EXPECT_EQ(store.intervals(server, at(0), at(1'000)).value().size(), 5U);
    EXPECT_EQ(store.frames(server, "tables", at(0), at(1'000)).value().size(), 5U);
    EXPECT_EQ(store.cursor(server).value()->taken, at(300));
}

TEST_F(PostgresStoreTest, APersonCanReadItWithPlainSql) {
    auto store = open();
    const auto server = store.server("host:5432/shop", "1").value();
    ASSERT_TRUE(store.append(server, interval(0, 60, 2), {.taken = at(60), .rows = {}}));
    ASSERT_TRUE(store.write(server, {.frames = {tables(0, 10)}}));
    EXPECT_EQ(sql("SELECT sum(calls) FROM ml_optimization.query_logs").integer(0, 0), full_counters(1).calls + full_counters(2).calls);
    EXPECT_EQ(sql("SELECT inserted FROM ml_optimization.series_tables WHERE \"table\" = 'public.orders'").integer(0, 0), 10);
}

}  // namespace
}  // namespace orrery::store
