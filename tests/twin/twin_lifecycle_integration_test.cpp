#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "pg/catalog_reader.hpp"
#include "target_server.hpp"
#include "twin/planner_twin.hpp"

namespace orrery::twin {
namespace {

using testing::must;
using testing::take;
using testing::TargetServer;

constexpr const char* kSmallShop = R"sql(
CREATE TABLE items (id int PRIMARY KEY, price int, name text);
INSERT INTO items SELECT i, i % 500, 'item' || i FROM generate_series(1, 20000) i;
CREATE INDEX items_price ON items (price);
CREATE TABLE sales (id int PRIMARY KEY, item int REFERENCES items, sold timestamp);
INSERT INTO sales SELECT i, 1 + i % 20000, timestamp '2024-01-01' + i * interval '1 minute' FROM generate_series(1, 30000) i;
CREATE INDEX sales_sold ON sales (sold);
CREATE INDEX sales_item ON sales (item);
CREATE MATERIALIZED VIEW days AS SELECT sold::date AS day, count(*) AS n FROM sales GROUP BY 1;
CREATE INDEX days_day ON days (day);
ANALYZE;
)sql";

const std::vector<std::string> kStatements{"SELECT * FROM items WHERE id = 5",
                                           "SELECT * FROM items WHERE price = 7",
                                           "SELECT * FROM items WHERE id > 19990",
                                           "SELECT * FROM sales WHERE sold > '2024-01-21'",
                                           "SELECT * FROM sales WHERE sold > '2024-02-20'",
                                           "SELECT count(*) FROM sales s JOIN items i ON i.id = s.item WHERE i.price < 40",
                                           "SELECT i.name, s.sold FROM sales s JOIN items i ON i.id = s.item ORDER BY s.sold DESC LIMIT 10",
                                           "SELECT * FROM days WHERE day > '2024-01-15'"};

std::string numbers_of(const domain::PlanNode& node) {
    std::string text = fmt::format("{} {} {} {} {};", node.type, node.startup_cost.value, node.total_cost.value, node.rows, node.width);
    for (const auto& child : node.children) text += numbers_of(child);
    return text;
}

class TwinLifecycle : public ::testing::Test {
protected:
    TwinLifecycle() { server_.create_database("shop", kSmallShop); }

    void expect_exact(PlannerTwin& twin, int line = __builtin_LINE()) {
        SCOPED_TRACE(line);
        auto observer = server_.observer("shop");
        for (const auto& check : take(twin.self_check(observer, kStatements)))
            EXPECT_TRUE(check.identical) << check.statement << "\n  there " << check.target_plan.shape() << "\n"
                                         << numbers_of(check.target_plan.root) << "\n  here  " << check.twin_plan.shape() << "\n"
                                         << numbers_of(check.twin_plan.root) << "\n  " << check.cause;
    }

    TargetServer server_;
};

TEST_F(TwinLifecycle, RefreshFollowsRowsStatisticsSettingsAndSchema) {
    auto admin = server_.admin("shop");
    auto observer = server_.observer("shop");
    auto twin = take(PlannerTwin::build(observer));
    expect_exact(twin);
    EXPECT_EQ(take(twin.refresh(observer)), RefreshOutcome::unchanged);
    const auto candidate =
        take(twin.add_candidate({{.table = {"public", "items"}, .keys = {{.column = "name"}}}, base::Pages(80), 1, 20000}));

    must(admin.execute("CREATE TEMP TABLE elsewhere AS SELECT 1 AS one"));
    EXPECT_EQ(take(twin.refresh(observer)), RefreshOutcome::unchanged);
    EXPECT_TRUE(twin.plan(kStatements[0], {.visible = {candidate}}).has_value());

    // More rows, not analyzed: sizes and endpoints are new, the statistics are not.
    must(
        admin.execute("INSERT INTO sales SELECT i, 1 + i % 20000, timestamp '2024-01-01' + i * interval '1 minute' FROM "
                      "generate_series(30001, 75000) i"));
    {
        const auto checks = take(twin.self_check(observer, kStatements));
        EXPECT_TRUE(checks[4].deviates());
        EXPECT_THAT(checks[4].cause, ::testing::HasSubstr("sales has changed in size"));
    }
    EXPECT_EQ(take(twin.refresh(observer)), RefreshOutcome::in_place);
    expect_exact(twin);
    EXPECT_FALSE(twin.plan(kStatements[0], {.visible = {candidate}}).has_value());

    must(admin.execute("DELETE FROM sales WHERE id < 60000; UPDATE items SET price = price * 3; ANALYZE; REFRESH MATERIALIZED VIEW days"));
    EXPECT_EQ(take(twin.refresh(observer)), RefreshOutcome::in_place);
    expect_exact(twin);

    must(admin.execute("ALTER DATABASE shop SET random_page_cost = 1.05"));
    auto reconnected = server_.observer("shop");
    EXPECT_EQ(take(twin.refresh(reconnected)), RefreshOutcome::in_place);
    expect_exact(twin);

    must(admin.execute("TRUNCATE sales"));
    EXPECT_EQ(take(twin.refresh(reconnected)), RefreshOutcome::in_place);
    expect_exact(twin);

    must(admin.execute("CREATE INDEX items_name ON items (name); ANALYZE items"));
    EXPECT_EQ(take(twin.refresh(reconnected)), RefreshOutcome::rebuilt);
    expect_exact(twin);
    EXPECT_EQ(take(twin.refresh(reconnected)), RefreshOutcome::unchanged);
}

TEST_F(TwinLifecycle, ATargetThatDiesInTheMiddleLeavesNothingBehind) {
    for (const std::string_view fatal_stage : {"reading the target", "creating the schema", "writing the statistics"}) {
        TargetServer server;
        server.create_database("shop", kSmallShop);
        auto observer = server.observer("shop");
        const auto folder = take(base::TemporaryFolder::create("twin-test", base::unprivileged_account()));
        TwinOptions options;
        options.folder = folder.path() / "twin";
        options.progress = [&](std::string_view stage, double) {
            if (stage == fatal_stage) must(server.cluster().stop(pg::PrivateCluster::StopMode::immediate));
        };
        const auto failed = PlannerTwin::build(observer, options);
        ASSERT_FALSE(failed.has_value()) << fatal_stage;
        EXPECT_EQ(failed.error().kind, base::ErrorKind::connection) << failed.error().to_text();
        EXPECT_THAT(failed.error().message, ::testing::StartsWith("cannot build the planner twin: "));
        EXPECT_FALSE(std::filesystem::exists(options.folder)) << fatal_stage;
    }
}

TEST_F(TwinLifecycle, AStopRequestEndsTheBuild) {
    auto observer = server_.observer("shop");
    std::stop_source stop;
    TwinOptions options;
    options.progress = [&](std::string_view stage, double) {
        if (stage == "creating the schema") stop.request_stop();
    };
    const auto stopped = PlannerTwin::build(observer, options, stop.get_token());
    ASSERT_FALSE(stopped.has_value());
    EXPECT_EQ(stopped.error().kind, base::ErrorKind::cancelled) << stopped.error().to_text();
}

TEST_F(TwinLifecycle, TheFolderIsPrivateAndGoesWithTheTwin) {
    auto observer = server_.observer("shop");
    const auto folder = take(base::TemporaryFolder::create("twin-test", base::unprivileged_account()));
    const auto place = folder.path() / "twin";
    {
        auto twin = take(PlannerTwin::build(observer, {.folder = place}));
        using std::filesystem::perms;
        EXPECT_EQ(std::filesystem::status(place).permissions() & (perms::group_all | perms::others_all), perms::none);
        PlannerTwin moved = std::move(twin);
        EXPECT_TRUE(moved.plan(kStatements[0], {}).has_value());
    }
    EXPECT_FALSE(std::filesystem::exists(place));
}

TEST_F(TwinLifecycle, CodeOfTheTargetCannotLeaveTheTwin) {
    const auto folder = take(base::TemporaryFolder::create("twin-test", base::unprivileged_account()));
    const auto mark = folder.path() / "broken_out";
    auto admin = server_.admin("shop");
    // It behaves on its own server, where this test is a superuser too.
    must(admin.execute(fmt::format(R"sql(
        CREATE FUNCTION leave() RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
          BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
          BEGIN EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {}'''; EXCEPTION WHEN OTHERS THEN NULL; END;
          RETURN 1; END $$;
        CREATE FUNCTION break_out(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
          IF current_database() <> 'shop' THEN PERFORM public.leave(); END IF;
          RETURN x; END $$;
        CREATE DOMAIN trap AS int CHECK (break_out(VALUE) IS NOT NULL);
        CREATE TYPE pair AS (a trap, b int);
        CREATE TABLE traps (id int PRIMARY KEY, t trap, p pair, u int DEFAULT break_out(1), CHECK (break_out(id) > 0));
        INSERT INTO traps SELECT i, i % 50, ROW(i % 9, 1)::pair FROM generate_series(1, 1000) i;
        CREATE INDEX traps_expression ON traps (break_out(u));
        CREATE INDEX traps_t ON traps (t);
        CREATE INDEX traps_predicate ON traps (id) WHERE id > break_out(3);
        ANALYZE traps)sql",
                                   mark.string())));
    auto observer = server_.observer("shop");
    auto twin = take(PlannerTwin::build(observer));
    for (const char* statement : {"SELECT * FROM traps WHERE id = break_out(5)", "SELECT * FROM traps WHERE t = 7",
                                  "SELECT * FROM traps WHERE break_out(u) > 4", "INSERT INTO traps VALUES (break_out(7))"})
        EXPECT_TRUE(twin.plan(statement, {}).has_value()) << statement;
    const domain::IndexSpec spec{.table = {"public", "traps"}, .keys = {{.column = "u"}}, .predicate = "u < break_out(6)"};
    EXPECT_TRUE(twin.add_candidate({spec, base::Pages(4), 1, 1000}).has_value());
    EXPECT_TRUE(twin.parameter_types("SELECT * FROM traps WHERE id = $1 + break_out(5)").has_value());
    must(admin.execute("INSERT INTO traps SELECT i, i % 50, ROW(i % 9, 1)::pair FROM generate_series(1001, 2000) i; ANALYZE traps"));
    EXPECT_EQ(take(twin.refresh(observer)), RefreshOutcome::in_place);
    EXPECT_FALSE(std::filesystem::exists(mark));
    EXPECT_THAT(twin.warnings(), ::testing::Contains(::testing::HasSubstr("contains a domain")));
    const std::vector<std::string> statements{"SELECT * FROM traps WHERE t = 7", "SELECT * FROM traps WHERE t > 48 AND id > 1990"};
    for (const auto& check : take(twin.self_check(observer, statements)))
        EXPECT_EQ(check.same_shape && !check.deviates(), true) << check.statement;
}

TEST_F(TwinLifecycle, FollowsTheDatabasesLocaleAndEncoding) {
    int number = 0;
    for (const char* locale :
         {"LC_COLLATE 'C' LC_CTYPE 'C'", "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'",
          "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"}) {
        const std::string name = fmt::format("words_{}", ++number);
        must(server_.admin().execute(fmt::format("CREATE DATABASE {} TEMPLATE template0 {}", name, locale)));
        auto admin = server_.admin(name);
        must(
            admin.execute("CREATE TABLE words (id int PRIMARY KEY, word text); CREATE INDEX words_word ON words (word);"
                          "INSERT INTO words SELECT i, chr(97 + i % 26) || 'ß' || i % 700 FROM generate_series(1, 8000) i; ANALYZE"));
        auto observer = server_.observer(name);
        auto twin = take(PlannerTwin::build(observer));
        EXPECT_THAT(twin.warnings(), ::testing::IsEmpty()) << locale;
        const std::vector<std::string> statements{"SELECT * FROM words WHERE word LIKE 'kß1%'", "SELECT * FROM words WHERE word > 'xß5'",
                                                  "SELECT * FROM words WHERE word BETWEEN 'B' AND 'D'",
                                                  "SELECT word FROM words ORDER BY word LIMIT 5"};
        for (const auto& check : take(twin.self_check(observer, statements))) {
            EXPECT_FALSE(check.error.has_value()) << locale << check.statement;
            EXPECT_TRUE(check.identical) << locale << check.statement << numbers_of(check.target_plan.root)
                                         << numbers_of(check.twin_plan.root);
        }
    }
}

TEST_F(TwinLifecycle, AMissingExtensionIsHarmlessOrRefused) {
    auto admin = server_.admin("shop");
    // An extension under a name that no installation knows.
    must(admin.execute("CREATE EXTENSION pg_trgm; UPDATE pg_extension SET extname = 'not_installed_here' WHERE extname = 'pg_trgm'"));
    auto observer = server_.observer("shop");
    {
        auto twin = take(PlannerTwin::build(observer));
        EXPECT_THAT(twin.warnings(), ::testing::Contains(::testing::HasSubstr("EXTENSION not_installed_here")));
        expect_exact(twin);
    }
    must(admin.execute("CREATE INDEX items_name_trgm ON items USING gin (name gin_trgm_ops)"));
    const auto refused = PlannerTwin::build(observer);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, base::ErrorKind::unsupported);
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr("items_name_trgm"));
    EXPECT_THAT(refused.error().detail, ::testing::HasSubstr("not_installed_here"));
    EXPECT_THAT(refused.error().hint, ::testing::HasSubstr("extensions"));
}

}  // namespace
}  // namespace orrery::twin
