#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "collectors/resource_usage_collector.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/reaper.hpp"

// The collector on a real server of whatever version is there.
namespace orrery::collectors {
namespace {

using base::ErrorKind;
using domain::Frame;
using domain::kNullInteger;

/// Does something just before the first statement that holds some words.
class MeddledSession final : public domain::SqlSession {
public:
    explicit MeddledSession(domain::SqlSession& session) : session_(&session) {}
    void before(std::string words, std::function<void()> deed) {
        words_ = std::move(words);
        deed_ = std::move(deed);
    }
    using domain::SqlSession::query;
    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        if (deed_ && sql.find(words_) != std::string::npos) std::exchange(deed_, nullptr)();
        return session_->query(sql, parameters);
    }
    [[nodiscard]] int server_version() const override { return session_->server_version(); }
    [[nodiscard]] std::string target() const override { return session_->target(); }

private:
    domain::SqlSession* session_;
    std::string words_;
    std::function<void()> deed_;
};

/// One server for all tests, a database for each.
class ResourcesOnServer : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        pg::ClusterOptions options;
        options.settings = {{"autovacuum", "off"}, {"shared_buffers", "16MB"}, {"track_functions", "none"}};
        auto made = pg::PrivateCluster::create(options);
        ASSERT_TRUE(made) << made.error().to_text();
        cluster = std::make_unique<pg::PrivateCluster>(std::move(made).value());
        const auto up = cluster->start();
        ASSERT_TRUE(up) << up.error().to_text();
    }
    static void TearDownTestSuite() { cluster.reset(); }

    void SetUp() override {
        database = fmt::format("resources{}", ++databases);
        auto admin = connect("postgres", "orrery");
        ASSERT_TRUE(admin.execute("CREATE DATABASE " + database));
        application.emplace(connect(database, "orrery"));
        observe();
    }
    pg::Session connect(const std::string& to, const std::string& role, bool safe = false) const {
        pg::SessionOptions options;
        options.safe_settings = safe;
        auto opened = pg::Session::connect(cluster->uri_as(role, to), options);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void observe(const ResourceUsageOptions& options = {}, const std::string& role = "orrery") {
        collector.reset();
        session.emplace(connect(database, role, true));
        meddled.emplace(*session);
        collector.emplace(*meddled, clock, options);
    }
    void run(const std::string& sql) {
        const auto done = application->execute(sql);
        ASSERT_TRUE(done) << done.error().to_text();
    }
    /// Work in a session of its own: its end makes the server count it. `seen` is a query that tells.
    void work(const std::string& sql, const std::string& seen) {
        {
            auto worker = connect(database, "orrery");
            const auto done = worker.execute(sql);
            ASSERT_TRUE(done) << done.error().to_text();
        }
        for (int i = 0; i < 200; ++i) {
            if (application->query(seen)->boolean(0, 0)) return;
            base::system_clock().sleep_for(std::chrono::milliseconds(50), {});
        }
        FAIL() << "the server does not count: " << seen;
    }
    std::string text(const std::string& sql) {
        const auto rows = application->query(sql);
        EXPECT_TRUE(rows) << rows.error().to_text();
        return rows && !rows->empty() ? std::string(rows->text(0, 0)) : "";
    }
    std::int64_t number(const std::string& sql) { return std::stoll(text(sql)); }
    Reading collect(std::chrono::seconds later = std::chrono::seconds(0)) {
        clock.advance(later);
        return collector->collect();
    }
    Reading collect_well(std::chrono::seconds later = std::chrono::seconds(0)) {
        auto reading = collect(later);
        for (const auto& failure : reading.failures) ADD_FAILURE() << failure.what << ": " << failure.error.to_text();
        return reading;
    }

    static const Frame* frame(const Reading& reading, const std::string& series) {
        for (const auto& frame : reading.batch.frames)
            if (frame.series == series) return &frame;
        return nullptr;
    }
    static std::optional<std::size_t> row_of(const Frame& frame, const std::string& name) {
        const auto& names = std::get<std::vector<std::string>>(frame.find("name")->values);
        const auto found = std::find(names.begin(), names.end(), name);
        return found == names.end() ? std::nullopt : std::optional<std::size_t>(found - names.begin());
    }
    /// A number of the row of that name; -1 when there is none.
    static std::int64_t value(const Reading& reading, const std::string& series, const std::string& name, const std::string& column) {
        const auto* found = frame(reading, series);
        const auto row = found == nullptr ? std::nullopt : row_of(*found, name);
        const auto* values = found == nullptr ? nullptr : found->find(column);
        return row && values != nullptr ? std::get<std::vector<std::int64_t>>(values->values)[*row] : -1;
    }
    static std::string notes(const Reading& reading) {
        std::string all;
        for (const auto& note : reading.notes) all += note + "\n";
        return all;
    }

    static inline std::unique_ptr<pg::PrivateCluster> cluster;
    static inline int databases = 0;
    std::string database;
    std::optional<pg::Session> application, session;
    std::optional<MeddledSession> meddled;
    base::ManualClock clock;
    std::optional<ResourceUsageCollector> collector;
};

constexpr std::chrono::seconds kMinute{60}, kTenMinutes{600}, kHours{6 * 3600};

TEST_F(ResourcesOnServer, CountsWhatTablesAndIndexesDid) {
    work("CREATE TABLE busy (id int PRIMARY KEY, note text); CREATE TABLE idle (id int PRIMARY KEY)", "SELECT true");
    const auto first = collect_well();
    EXPECT_EQ(frame(first, "tables"), nullptr) << "the first answer has nothing to be compared with";
    work(
        "SET enable_seqscan = off; INSERT INTO busy SELECT i, 'n' FROM generate_series(1, 1000) i; UPDATE busy SET note = 'm' WHERE id <= "
        "10; "
        "DELETE FROM busy WHERE id > 990; SET enable_seqscan = on; SELECT count(*) FROM busy; ANALYZE busy",
        "SELECT n_tup_ins = 1000 AND analyze_count = 1 AND idx_scan > 0 FROM pg_stat_all_tables WHERE relname = 'busy'");
    const auto second = collect_well(kMinute);
    EXPECT_EQ(value(second, "tables", "busy", "inserted"), 1000);
    EXPECT_EQ(value(second, "tables", "busy", "updated"), 10);
    EXPECT_EQ(value(second, "tables", "busy", "deleted"), 10);
    EXPECT_EQ(value(second, "tables", "busy", "analyzes"), 1);
    EXPECT_GE(value(second, "tables", "busy", "seq_scans"), 1);
    EXPECT_GE(value(second, "tables", "busy", "heap_hit"), 1000);
    EXPECT_GE(value(second, "tables", "busy", "index_hit"), 500);
    EXPECT_GE(value(second, "indexes", "busy_pkey", "scans"), 1);
    EXPECT_EQ(frame(second, "tables")->part, database);
    EXPECT_FALSE(frame(second, "tables")->lower_bound);

    // A new name is the same table, with nothing counted twice.
    work("ALTER TABLE busy RENAME TO renamed; INSERT INTO renamed SELECT i, 'n' FROM generate_series(2001, 2005) i",
         "SELECT n_tup_ins = 1005 FROM pg_stat_all_tables WHERE relname = 'renamed'");
    const auto third = collect_well(kMinute);
    EXPECT_EQ(value(third, "tables", "renamed", "inserted"), 5);
    EXPECT_EQ(value(third, "tables", "idle", "inserted"), -1) << "a table that did nothing has a row";
    work("SELECT pg_stat_reset()", "SELECT n_tup_ins = 0 FROM pg_stat_all_tables WHERE relname = 'renamed'");
    work("INSERT INTO renamed SELECT i, 'n' FROM generate_series(3001, 3007) i",
         "SELECT n_tup_ins = 7 FROM pg_stat_all_tables WHERE relname = 'renamed'");
    const auto reset = collect_well(kMinute);
    EXPECT_EQ(value(reset, "tables", "renamed", "inserted"), 7);
    EXPECT_TRUE(frame(reset, "tables")->lower_bound);
}

TEST_F(ResourcesOnServer, KnowsSizesWithToastIndexesPartitionsAndTheDatabase) {
    work(
        "CREATE TABLE wide (id int PRIMARY KEY, body text); ALTER TABLE wide ALTER body SET STORAGE EXTERNAL;"
        "INSERT INTO wide SELECT i, repeat('x', 5000) FROM generate_series(1, 500) i;"
        "CREATE TABLE parted (id int, at date) PARTITION BY RANGE (at);"
        "CREATE TABLE y1 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');"
        "CREATE TABLE y2 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (id);"
        "CREATE TABLE y2a PARTITION OF y2 FOR VALUES FROM (0) TO (100000);"
        "INSERT INTO parted SELECT i, '2025-05-05' FROM generate_series(1, 5000) i;"
        "INSERT INTO parted SELECT i, '2026-05-05' FROM generate_series(1, 5000) i;"
        "CREATE UNLOGGED TABLE loose AS SELECT i FROM generate_series(1, 5000) i;"
        "CREATE MATERIALIZED VIEW seen AS SELECT * FROM wide; ANALYZE",
        "SELECT n_tup_ins = 5000 FROM pg_stat_all_tables WHERE relname = 'loose'");
    run("CREATE TEMP TABLE gone AS SELECT 1; ANALYZE gone");
    const auto reading = collect_well();
    const auto asked = [&](const std::string& relation) {
        return number("SELECT pg_relation_size('" + relation + "') + pg_relation_size('" + relation + "', 'fsm') + pg_relation_size('" +
                      relation + "', 'vm')");
    };
    EXPECT_NEAR(value(reading, "table_sizes", "wide", "heap"), asked("wide"), 40'000);
    EXPECT_NEAR(value(reading, "table_sizes", "wide", "toast"), number("SELECT pg_table_size('wide')") - asked("wide"), 40'000);
    EXPECT_EQ(value(reading, "table_sizes", "wide", "indexes"), number("SELECT pg_relation_size('wide_pkey')"));
    EXPECT_EQ(value(reading, "index_sizes", "wide_pkey", "bytes"), number("SELECT pg_relation_size('wide_pkey')"));
    EXPECT_GT(value(reading, "table_sizes", "seen", "total"), 8192);
    EXPECT_EQ(value(reading, "table_sizes", "gone", "total"), -1) << "temporary tables are only summed";
    EXPECT_EQ(value(reading, "partitioned_sizes", "parted", "partitions"), 2);
    EXPECT_EQ(value(reading, "partitioned_sizes", "parted", "total"),
              value(reading, "table_sizes", "y1", "total") + value(reading, "table_sizes", "y2a", "total"));
    EXPECT_EQ(value(reading, "partitioned_sizes", "y2", "total"), value(reading, "table_sizes", "y2a", "total"));
    const auto* whole = frame(reading, "database_sizes");
    ASSERT_NE(whole, nullptr);
    const auto of_database = [&](const char* column) { return std::get<std::vector<std::int64_t>>(whole->find(column)->values)[0]; };
    const auto truth = static_cast<double>(number("SELECT pg_database_size(current_database())"));
    EXPECT_NEAR(static_cast<double>(of_database("total")), truth, truth * 0.1);
    EXPECT_GT(of_database("unlogged"), 100'000);
    EXPECT_GT(of_database("temporary"), 0);

    // Nothing changed: no row; growth afterwards is exact to the block.
    const auto still = collect_well(kTenMinutes);
    EXPECT_EQ(value(still, "table_sizes", "wide", "total"), -1);
    const auto before = number("SELECT pg_relation_size('loose')");
    work(
        "INSERT INTO parted SELECT i, '2026-05-05' FROM generate_series(1, 10) i; INSERT INTO loose SELECT i FROM generate_series(1, "
        "50000) i",
        "SELECT n_tup_ins = 55000 FROM pg_stat_all_tables WHERE relname = 'loose'");
    const auto grown = collect_well(kTenMinutes);
    EXPECT_EQ(value(grown, "table_sizes", "loose", "grown"), number("SELECT pg_relation_size('loose')") - before);
    EXPECT_EQ(value(grown, "table_sizes", "loose", "exact"), 1);
    EXPECT_EQ(value(grown, "partitioned_tables", "parted", "inserted"), 10);
    EXPECT_EQ(value(grown, "partitioned_tables", "y2", "inserted"), 10);
    EXPECT_EQ(value(grown, "table_sizes", "wide", "total"), -1);
    EXPECT_GT(value(collect_well(std::chrono::hours(1)), "table_sizes", "wide", "total"), 0) << "all rows come once an hour";
}

TEST_F(ResourcesOnServer, NeverWaitsForALockedRelation) {
    run("CREATE TABLE free AS SELECT i FROM generate_series(1, 10000) i; CREATE TABLE held AS SELECT i FROM generate_series(1, 10000) i;"
        "CREATE SEQUENCE numbers AS smallint; SELECT setval('numbers', 30000)");
    work("INSERT INTO free VALUES (1); INSERT INTO held VALUES (1)", "SELECT n_tup_ins > 0 FROM pg_stat_all_tables WHERE relname = 'held'");
    auto other = connect(database, "orrery");
    ASSERT_TRUE(other.execute("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE; ALTER SEQUENCE numbers MAXVALUE 32000"));
    const base::Stopwatch watch(base::system_clock());
    const auto reading = collect_well();
    EXPECT_LT(watch.seconds(), 3);
    EXPECT_NE(notes(reading).find("public.held"), std::string::npos) << notes(reading);
    EXPECT_EQ(value(reading, "table_sizes", "held", "locked"), 1);
    EXPECT_EQ(value(reading, "table_sizes", "held", "exact"), 0);
    EXPECT_EQ(value(reading, "table_sizes", "held", "grown"), kNullInteger);
    EXPECT_EQ(value(reading, "table_sizes", "free", "locked"), 0);
    EXPECT_GT(value(reading, "table_sizes", "free", "heap"), 300'000);
    EXPECT_EQ(frame(reading, "sequences"), nullptr) << "the altered sequence was opened";
    ASSERT_TRUE(other.execute("ROLLBACK"));
    EXPECT_GT(value(collect_well(kTenMinutes), "table_sizes", "held", "heap"), 300'000);
}

TEST_F(ResourcesOnServer, ALockThatComesInBetweenCostsOneRelation) {
    std::string tables;
    for (int i = 0; i < 20; ++i) tables += fmt::format("CREATE TABLE t{0} AS SELECT i FROM generate_series(1, 1000) i;", i);
    work(tables, "SELECT n_tup_ins > 0 FROM pg_stat_all_tables WHERE relname = 't19'");
    auto other = connect(database, "orrery");
    meddled->before("pg_relation_size", [&] { ASSERT_TRUE(other.execute("BEGIN; LOCK TABLE t7")); });
    const base::Stopwatch watch(base::system_clock());
    const auto reading = collect_well();
    EXPECT_LT(watch.seconds(), 3);
    EXPECT_NE(notes(reading).find("public.t7"), std::string::npos) << notes(reading);
    EXPECT_EQ(value(reading, "table_sizes", "t7", "locked"), 1);
    for (int i = 0; i < 20; ++i) {
        if (i == 7) continue;
        EXPECT_GT(value(reading, "table_sizes", fmt::format("t{}", i), "heap"), 30'000) << i;
    }
}

TEST_F(ResourcesOnServer, ARelationDroppedInMidRoundIsNoFailure) {
    work("CREATE TABLE brief AS SELECT i FROM generate_series(1, 1000) i; CREATE TABLE lasting AS SELECT i FROM generate_series(1, 1000) i",
         "SELECT n_tup_ins > 0 FROM pg_stat_all_tables WHERE relname = 'lasting'");
    meddled->before("pg_relation_size", [&] { run("DROP TABLE brief"); });
    const auto reading = collect_well();
    EXPECT_GT(value(reading, "table_sizes", "lasting", "heap"), 30'000);
    EXPECT_EQ(value(collect_well(std::chrono::hours(1)), "table_sizes", "brief", "heap"), -1);
}

TEST_F(ResourcesOnServer, FindsWornSequencesOldTablesAndSuperfluousIndexes) {
    run("CREATE TABLE items (id serial PRIMARY KEY, a int, b int, c text); CREATE INDEX first ON items (a); CREATE INDEX second ON items "
        "(a);"
        "CREATE INDEX wider ON items (a, b); CREATE INDEX partial ON items (a) WHERE b > 0; CREATE INDEX lowered ON items (lower(c));"
        "CREATE INDEX lowered_too ON items (lower(c)); CREATE INDEX hashed ON items USING hash (a);"
        "CREATE SEQUENCE fresh; CREATE SEQUENCE big OWNED BY items.a; SELECT setval('items_id_seq', 2000000000), setval('big', "
        "1900000000)");
    run("INSERT INTO items (id, a) VALUES (1, 1), (2, 1)");
    EXPECT_FALSE(application->execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON items (a)"));
    const auto reading = collect_well();
    const auto oid = [&](const std::string& name) { return number("SELECT '" + name + "'::regclass::oid"); };
    EXPECT_EQ(value(reading, "index_facts", "second", "duplicate"), oid("first"));
    EXPECT_EQ(value(reading, "index_facts", "first", "duplicate"), 0);
    EXPECT_EQ(value(reading, "index_facts", "first", "covered"), oid("wider"));
    EXPECT_EQ(value(reading, "index_facts", "partial", "duplicate"), 0);
    EXPECT_EQ(value(reading, "index_facts", "partial", "covered"), 0);
    EXPECT_EQ(value(reading, "index_facts", "lowered_too", "duplicate"), oid("lowered"));
    EXPECT_EQ(value(reading, "index_facts", "hashed", "duplicate"), 0);
    EXPECT_EQ(value(reading, "index_facts", "broken", "valid"), 0);
    EXPECT_EQ(value(reading, "index_facts", "items_pkey", "kept"), 1);
    EXPECT_EQ(value(reading, "index_facts", "wider", "unused"), kNullInteger) << "counters this young say nothing";
    EXPECT_EQ(value(reading, "sequences", "items_id_seq", "largest"), 2'147'483'647);
    EXPECT_EQ(value(reading, "sequences", "big", "largest"), 2'147'483'647) << "the column is the limit";
    EXPECT_EQ(value(reading, "sequences", "fresh", "largest"), -1);
    ASSERT_NE(frame(reading, "table_ages"), nullptr);
    EXPECT_EQ(frame(reading, "table_ages")->rows(), 20U);

    ResourceUsageOptions options;
    options.unused_after = std::chrono::hours(0);
    observe(options);
    EXPECT_EQ(value(collect_well(), "index_facts", "wider", "unused"), 1);
}

TEST_F(ResourcesOnServer, TellsWhoseTheBuffersAre) {
    EXPECT_NE(notes(collect_well()).find("CREATE EXTENSION pg_buffercache"), std::string::npos);
    run("CREATE SCHEMA \"Odd name\"; CREATE EXTENSION pg_buffercache SCHEMA \"Odd name\";"
        "CREATE TABLE cached AS SELECT i FROM generate_series(1, 20000) i; SELECT count(*) FROM cached");
    const auto reading = collect_well(kTenMinutes);
    EXPECT_GE(value(reading, "buffers", "cached", "buffers"), 80);
    const auto* buffers = frame(reading, "buffers");
    ASSERT_NE(buffers, nullptr);
    std::int64_t sum = 0;
    for (const auto count : std::get<std::vector<std::int64_t>>(buffers->find("buffers")->values)) sum += count;
    EXPECT_EQ(sum, 2048) << "all blocks of the pool are someone's, or unused";
    EXPECT_EQ(frame(reading, "buffer_pool") != nullptr, session->server_version() >= 160'000);

    ResourceUsageOptions options;
    options.most_buffers = 1'000;
    observe(options);
    const auto modest = collect_well();
    EXPECT_EQ(frame(modest, "buffers"), nullptr);
    EXPECT_NE(notes(modest).find("too many"), std::string::npos);

    run("ALTER EXTENSION pg_buffercache DROP FUNCTION \"Odd name\".pg_buffercache_pages()");
    observe({});
    EXPECT_EQ(frame(collect_well(), "buffers"), nullptr) << "a function of that name that is no part of the extension is not called";
}

TEST_F(ResourcesOnServer, AClassThatFailsLeavesTheOthersRunning) {
    run("CREATE EXTENSION pgstattuple; CREATE TABLE mine AS SELECT i, repeat('x', 100) AS words FROM generate_series(1, 1000) i; ANALYZE "
        "mine");
    run(fmt::format("CREATE ROLE {0}_watcher LOGIN; GRANT pg_monitor TO {0}_watcher", database));
    observe({}, database + "_watcher");
    const auto first = collect_well();
    EXPECT_GT(value(first, "table_sizes", "mine", "heap"), 100'000);
    EXPECT_NE(notes(first).find("pg_read_all_data"), std::string::npos) << notes(first);
    // What is revoked in mid-run.
    run("REVOKE EXECUTE ON FUNCTION pg_stat_get_blocks_hit(oid) FROM PUBLIC");
    const auto second = collect(kTenMinutes);
    EXPECT_EQ(second.failures.size(), 2U);
    for (const auto& failure : second.failures) {
        EXPECT_TRUE(failure.what == "tables" || failure.what == "indexes") << failure.what;
        EXPECT_EQ(failure.error.kind, ErrorKind::permission);
    }
    EXPECT_NE(frame(second, "database_sizes"), nullptr);
    run("GRANT EXECUTE ON FUNCTION pg_stat_get_blocks_hit(oid) TO PUBLIC");
    collect_well(kTenMinutes);
    // The database goes away altogether.
    application.reset();
    auto admin = connect("postgres", "orrery");
    ASSERT_TRUE(admin.execute("DROP DATABASE " + database + " WITH (FORCE)"));
    const auto gone = collect(kTenMinutes);
    ASSERT_EQ(gone.failures.size(), 1U);
    EXPECT_EQ(gone.failures[0].error.kind, ErrorKind::connection);
}

/// Shares of a relation that are air.
struct Air {
    double estimated = 0, measured = 0, rebuilt = 0;
};

TEST_F(ResourcesOnServer, EstimatesOfBloatAreNearTheTruth) {
    run("CREATE EXTENSION pgstattuple;"
        "CREATE TABLE fresh (id bigint PRIMARY KEY, a int, words text, at timestamptz);"
        "CREATE TABLE halved (id int PRIMARY KEY, a smallint, b numeric, words text, flag bool);"
        "CREATE TABLE churned (id int PRIMARY KEY, k int, words text) WITH (autovacuum_enabled = off);"
        "CREATE TABLE nulls (id int PRIMARY KEY, a bigint, b text, c bigint, d text) WITH (fillfactor = 80);"
        "INSERT INTO fresh SELECT i, i % 100, md5(i::text), now() FROM generate_series(1, 40000) i;"
        "INSERT INTO halved SELECT i, i % 7, i * 1.5, repeat('w', i % 60), i % 2 = 0 FROM generate_series(1, 40000) i;"
        "INSERT INTO churned SELECT i, i % 50, md5(i::text) FROM generate_series(1, 30000) i;"
        "INSERT INTO nulls SELECT i, CASE WHEN i % 3 = 0 THEN i END, CASE WHEN i % 2 = 0 THEN 'abc' END, i, md5(i::text)"
        " FROM generate_series(1, 40000) i;"
        "CREATE INDEX fresh_a ON fresh (a); CREATE INDEX churned_k ON churned (k); CREATE INDEX fresh_words ON fresh (words);"
        "CREATE INDEX nulls_b ON nulls (b, a); CREATE INDEX halved_b ON halved (b)");
    run("DELETE FROM halved WHERE id % 2 = 0");
    for (int round = 0; round < 3; ++round) run("UPDATE churned SET k = k + 1, words = md5(words)");
    const auto count = [&] {  // the end of a session makes the server count what it did; before 15 not at once
        application.reset();
        application.emplace(connect(database, "orrery"));
    };
    count();  // before VACUUM, whose count of live rows would else be added to
    for (const char* table : {"fresh", "halved", "churned", "nulls"}) run(std::string("VACUUM ANALYZE ") + table);
    count();
    ResourceUsageOptions options;
    options.bloat_options.blocks_per_hour = 0;
    observe(options);
    const auto reading = collect_well();
    std::map<std::string, Air> relations;
    const auto index_of = [&](const std::string& name) {
        return text(fmt::format("SELECT relkind = 'i' FROM pg_class WHERE relname = '{}'", name)) == "t";
    };
    for (const char* name : {"fresh", "halved", "churned", "nulls", "fresh_pkey", "fresh_a", "fresh_words", "halved_pkey", "halved_b",
                             "churned_k", "churned_pkey", "nulls_b", "nulls_pkey"}) {
        auto& air = relations[name];
        const auto wasted = value(reading, "bloat", name, "wasted");
        ASSERT_GE(wasted, 0) << name;
        air.estimated = static_cast<double>(wasted) / static_cast<double>(number(fmt::format("SELECT pg_relation_size('{}')", name)));
        const bool index = index_of(name);
        air.measured = std::stod(text(
            index ? fmt::format(
                        "SELECT 1 - least(avg_leaf_density, 90) / 90 * leaf_pages / greatest(leaf_pages + empty_pages + deleted_pages, 1) "
                        "FROM pgstatindex('{}')",
                        name)
                  : fmt::format(
                        "SELECT greatest(0, (free_space + dead_tuple_len - table_len * {}) / table_len::float8) FROM pgstattuple('{}')",
                        std::string(name) == "nulls" ? 0.2 : 0.0, name)));
    }
    std::map<std::string, std::int64_t> sizes;
    for (const auto& [name, air] : relations) sizes[name] = number(fmt::format("SELECT pg_relation_size('{}')", name));
    for (const char* table : {"fresh", "halved", "churned", "nulls"}) run(std::string("VACUUM FULL ") + table);
    for (auto& [name, air] : relations) {
        const auto needed = number(fmt::format("SELECT pg_relation_size('{}')", name));
        air.rebuilt = 1 - static_cast<double>(needed) / static_cast<double>(sizes[name]);
        EXPECT_NEAR(air.estimated, air.rebuilt, index_of(name) ? 0.08 : 0.05)
            << name << ": " << air.estimated << ", measured " << air.measured;
        EXPECT_NEAR(air.estimated, air.measured, 0.1) << name << ", rebuilt " << air.rebuilt;
        RecordProperty(name, fmt::format("{:.3f} estimated, {:.3f} measured, {:.3f} rebuilt", air.estimated, air.measured, air.rebuilt));
        if (std::getenv("ORRERY_SHOW_FIGURES") != nullptr)
            fmt::print("{:14} estimated {:6.3f}  measured {:6.3f}  rebuilt {:6.3f}\n", name, air.estimated, air.measured, air.rebuilt);
    }
    EXPECT_GT(relations["churned"].rebuilt, 0.5);
    EXPECT_GT(relations["halved"].rebuilt, 0.45);
}

TEST_F(ResourcesOnServer, MeasuresTheWorstWithinItsBudget) {
    run("CREATE EXTENSION pgstattuple; CREATE TABLE worst AS SELECT i, md5(i::text) AS words FROM generate_series(1, 100000) i;"
        "DELETE FROM worst WHERE i % 10 <> 0");
    application.reset();
    application.emplace(connect(database, "orrery"));
    run("CHECKPOINT");  // commits are flushed late here, and until then no page is known to be visible to all
    run("VACUUM ANALYZE worst");
    application.reset();
    application.emplace(connect(database, "orrery"));
    ResourceUsageOptions options;
    options.bloat_options.smallest = base::Bytes(1 << 20);
    options.bloat_options.blocks_per_hour = 100;  // nearly all of its 830 pages are known to be visible: they need not be read
    observe(options);
    const auto reading = collect_well();
    EXPECT_EQ(value(reading, "bloat", "worst", "measured"), 0);
    const auto* last = &reading.batch.frames.back();
    for (const auto& frame : reading.batch.frames)
        if (frame.series == "bloat") last = &frame;
    const auto row = row_of(*last, "worst");
    ASSERT_TRUE(row);
    EXPECT_EQ(std::get<std::vector<std::int64_t>>(last->find("measured")->values)[*row], 1) << notes(reading);
    const auto wasted = static_cast<double>(std::get<std::vector<std::int64_t>>(last->find("wasted")->values)[*row]);
    const auto truth = std::stod(text("SELECT free_space + dead_tuple_len FROM pgstattuple('worst')"));
    EXPECT_NEAR(wasted / truth, 1, 0.1);
    EXPECT_EQ(session->query("SHOW statement_timeout")->text(0, 0), "30s") << "the session's own limit is back";

    options.bloat_options.blocks_per_hour = 0;
    options.bloat_options.full = true;
    run("CREATE INDEX worst_words ON worst (words); DELETE FROM worst WHERE i % 30 <> 0");
    run("VACUUM ANALYZE worst");
    run("UPDATE worst SET words = md5(words)");
    application.reset();
    application.emplace(connect(database, "orrery"));
    options.bloat_options.smallest = base::Bytes(1);
    observe(options);
    const auto full = collect_well();
    for (const auto& frame : full.batch.frames)
        if (frame.series == "bloat") last = &frame;
    for (const char* name : {"worst", "worst_words"}) {
        const auto at = row_of(*last, name);
        ASSERT_TRUE(at) << name;
        EXPECT_EQ(std::get<std::vector<std::int64_t>>(last->find("measured")->values)[*at], 1) << name;
    }
}

TEST_F(ResourcesOnServer, AClassThatCostsTooMuchIsSlowedDownAndSaysSo) {
    meddled->before("pg_stat_get_tuples_hot_updated", [&] { clock.advance(std::chrono::seconds(2)); });  // a slow server
    const auto slow = collect_well();
    ASSERT_EQ(slow.batch.events.size(), 1U);
    EXPECT_EQ(slow.batch.events[0].kind, "slowed_down");
    EXPECT_EQ(slow.batch.events[0].subject, "resources.tables");
    EXPECT_GE(slow.longest_statement.count(), 2'000);
    bool asked = false;
    meddled->before("pg_stat_get_tuples_hot_updated", [&] { asked = true; });
    collect_well(kMinute);
    EXPECT_FALSE(asked) << "read again before its cost was paid off";
    collect_well(std::chrono::hours(2));
    EXPECT_TRUE(asked);
}

TEST_F(ResourcesOnServer, ReadsAStandby) {
    run("CREATE TABLE copied AS SELECT i FROM generate_series(1, 10000) i; CREATE UNLOGGED TABLE lost AS SELECT 1; "
        "CREATE SEQUENCE numbers AS smallint; SELECT setval('numbers', 30000); CREATE EXTENSION pgstattuple; CREATE EXTENSION "
        "pg_buffercache");
    application.reset();
    collector.reset();
    session.reset();
    ASSERT_TRUE(cluster->stop());
    std::ofstream(cluster->data_folder() / "standby.signal") << "";
    const auto up = cluster->start();
    ASSERT_TRUE(up) << up.error().to_text();
    observe();
    const auto reading = collect_well();
    EXPECT_GT(value(reading, "table_sizes", "copied", "heap"), 300'000);
    EXPECT_NE(frame(reading, "buffers"), nullptr);
    EXPECT_EQ(value(reading, "sequences", "numbers", "last_value"), 30'000);
    collect_well(kTenMinutes);
    collector.reset();
    session.reset();
    ASSERT_TRUE(cluster->stop());
    std::filesystem::remove(cluster->data_folder() / "standby.signal");
    ASSERT_TRUE(cluster->start());
}

}  // namespace
}  // namespace orrery::collectors
