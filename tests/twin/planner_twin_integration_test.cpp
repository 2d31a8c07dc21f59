#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "kitchen_sink.hpp"
#include "pg/catalog_reader.hpp"
#include "target_server.hpp"
#include "twin/planner_twin.hpp"

namespace orrery::twin {
namespace {

using testing::kitchen_statements;
using testing::kKitchenSink;
using testing::must;
using testing::take;
using testing::TargetServer;

domain::Plan plan_on(pg::Session& session, const std::string& statement) {
    const auto rows = take(session.query("EXPLAIN (FORMAT JSON) " + statement));
    return take(pg::parse_plan(std::string(rows.text(0, 0))));
}

/// Every node's numbers, for a comparison to the last digit.
void numbers_of(const domain::PlanNode& node, std::string& text) {
    text += fmt::format("{} {} {} {} {};", node.type, node.startup_cost.value, node.total_cost.value, node.rows, node.width);
    for (const auto& child : node.children) numbers_of(child, text);
}

std::string numbers(const domain::Plan& plan) {
    std::string text;
    numbers_of(plan.root, text);
    return text;
}

/// All kitchen statements on a session of the target and on the twin.
void expect_identical(pg::Session& target, PlannerTwin& twin) {
    for (const auto& statement : kitchen_statements()) {
        const auto there = plan_on(target, statement);
        const auto here = twin.plan(statement, {});
        ASSERT_TRUE(here.has_value()) << statement << "\n" << here.error().to_text();
        EXPECT_EQ(here->plan.shape(), there.shape()) << statement;
        EXPECT_EQ(numbers(here->plan), numbers(there)) << statement;
    }
}

class KitchenSink : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        server_ = std::make_unique<TargetServer>();
        server_->create_database("kitchen", kKitchenSink);
        must(server_->admin().execute("CHECKPOINT"));
    }
    static void TearDownTestSuite() { server_.reset(); }
    static inline std::unique_ptr<TargetServer> server_;
};

TEST_F(KitchenSink, EveryPlanIsTheTargetsToTheLastDigit) {
    auto target = server_->admin("kitchen");
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    EXPECT_THAT(twin.warnings(), ::testing::IsEmpty());
    expect_identical(target, twin);
    EXPECT_EQ(twin.calls(), static_cast<std::int64_t>(kitchen_statements().size()));
    EXPECT_LT(take(twin.disk_usage()).value, 80 << 20);
}

TEST_F(KitchenSink, PlansFollowTheSettingsOfTheDatabase) {
    for (const char* settings :
         {"max_parallel_workers_per_gather = 2; min_parallel_table_scan_size = 0; parallel_setup_cost = 1; "
          "parallel_tuple_cost = 0.01; random_page_cost = 1.1; work_mem = '1MB'",
          "enable_seqscan = off; enable_hashjoin = off; max_parallel_workers_per_gather = 2",
          "enable_partitionwise_join = on; enable_partitionwise_aggregate = on; jit = off; effective_cache_size = '64MB'"}) {
        auto admin = server_->admin("kitchen");
        std::string sql;
        std::istringstream items(settings);
        for (std::string item; std::getline(items, item, ';');) sql += "ALTER DATABASE kitchen SET " + item + ";";
        must(admin.execute(sql));
        auto target = server_->admin("kitchen");
        auto observer = server_->observer("kitchen");
        auto twin = take(PlannerTwin::build(observer));
        expect_identical(target, twin);
        must(admin.execute("ALTER DATABASE kitchen RESET ALL"));
    }
}

TEST_F(KitchenSink, PlansFollowTheApplicationsRole) {
    auto admin = server_->admin("kitchen");
    must(
        admin.execute("CREATE ROLE shopper LOGIN; GRANT pg_read_all_data TO shopper; ALTER ROLE shopper SET random_page_cost = 1.3;"
                      "ALTER ROLE shopper IN DATABASE kitchen SET work_mem = '64kB'; ALTER ROLE shopper SET search_path = sales, public"));
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer, {.application_role = "shopper"}));
    auto shopper =
        take(pg::Session::connect(server_->cluster().uri_as("shopper", "kitchen"), {.application = "test", .safe_settings = false}));
    for (const char* statement : {"SELECT * FROM orders WHERE customer_id IN (4, 99, 700) ORDER BY total",
                                  "SELECT status, count(*) FROM orders GROUP BY note, status"})
        EXPECT_EQ(numbers(take(twin.plan(statement, {})).plan), numbers(plan_on(shopper, statement))) << statement;
    const auto unknown = PlannerTwin::build(observer, {.application_role = "nobody_here"});
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().kind, base::ErrorKind::invalid_input);
    must(admin.execute("DROP OWNED BY shopper; DROP ROLE shopper"));
}

/// An index to try, and statements that may use it.
struct Trial {
    domain::IndexSpec spec;
    std::vector<std::string> statements;
};

std::vector<Trial> trials() {
    const domain::RelationName orders{"sales", "orders"}, customers{"public", "customers"}, lines{"public", "order_lines"},
        events{"public", "events_1"};
    return {
        {{.table = orders, .keys = {{.column = "total"}}},
         {"SELECT * FROM sales.orders WHERE total = 17.5", "SELECT * FROM sales.orders ORDER BY total LIMIT 10"}},
        {{.table = orders,
          .keys = {{.column = "status"}, {.column = "placed", .descending = true, .nulls_first = true}},
          .include = {"total"}},
         {"SELECT total FROM sales.orders WHERE status = 'returned' ORDER BY placed DESC LIMIT 5",
          "SELECT sum(total) FROM sales.orders WHERE status = 'returned' AND placed > '2024-04-01'"}},
        {{.table = orders, .keys = {{.column = "customer_id"}}, .predicate = "status = 'returned'"},
         {"SELECT * FROM sales.orders WHERE status = 'returned' AND customer_id = 4"}},
        {{.table = customers, .keys = {{.column = "city"}}}, {"SELECT * FROM customers WHERE city = 'city80'"}},
        {{.table = customers, .method = "brin", .keys = {{.column = "id"}}},
         {"SELECT * FROM customers WHERE id + 0 = 5 AND id BETWEEN 100 AND 4000"}},
        {{.table = customers, .method = "hash", .keys = {{.column = "name"}}}, {"SELECT * FROM customers WHERE name = 'Aame26'"}},
        {{.table = lines, .keys = {{.column = "product"}}},
         {"SELECT * FROM order_lines WHERE product = 701", "SELECT * FROM order_lines l JOIN nothing n ON l.product = n.id"}},
        {{.table = events, .keys = {{.column = "kind"}, {.column = "device"}}}, {"SELECT at FROM events WHERE kind = 3 AND device = 8"}},
    };
}

struct PhysicalSize {
    std::int64_t pages = 0;
    int height = 0;
    double tuples = 0;
};

PhysicalSize size_of(pg::Session& target, const std::string& index) {
    must(target.execute("CHECKPOINT"));
    const auto rows =
        take(target.query(fmt::format("SELECT pg_relation_size(c.oid) / 8192, c.reltuples, get_byte(b, 44) FROM pg_class c, LATERAL"
                                      " (SELECT pg_read_binary_file(pg_relation_filepath(c.oid), 0, 64) AS b) m WHERE c.relname = '{}'",
                                      index)));
    return {rows.integer(0, 0), static_cast<int>(rows.integer(0, 2)), rows.real(0, 1)};
}

TEST_F(KitchenSink, AHypotheticalIndexIsPlannedLikeTheRealOne) {
    auto target = server_->admin("kitchen");
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    for (const auto& trial : trials()) {
        // Building an index on the target also counts the rows of its table anew: undone, to compare the index alone.
        must(
            target.execute("BEGIN; SET LOCAL allow_system_table_mods = on; CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT oid, reltuples, "
                           "relpages FROM pg_class"));
        must(target.execute(trial.spec.create_sql("tried", false)));
        must(
            target.execute("UPDATE pg_class c SET reltuples = k.reltuples, relpages = k.relpages FROM kept k WHERE k.oid = c.oid AND "
                           "c.relkind = 'r'; COMMIT"));
        const auto size = size_of(target, "tried");
        const auto id =
            take(twin.add_candidate({trial.spec, base::Pages(size.pages), trial.spec.method == "btree" ? size.height : 0, size.tuples}));
        for (const auto& statement : trial.statements) {
            const auto real = plan_on(target, statement);
            const auto hypothetical = take(twin.plan(statement, {.visible = {id}}));
            std::string shape = hypothetical.plan.shape();
            const std::string name = fmt::format("orrery_candidate_{}", id + 1);
            for (auto at = shape.find(name); at != std::string::npos; at = shape.find(name)) shape.replace(at, name.size(), "tried");
            EXPECT_EQ(shape, real.shape()) << statement;
            EXPECT_NEAR(hypothetical.plan.total_cost().value, real.total_cost().value, real.total_cost().value * 0.002) << statement;
            const bool used = real.shape().find("tried") != std::string::npos;
            EXPECT_EQ(hypothetical.used, used ? std::vector<domain::CandidateId>{id} : std::vector<domain::CandidateId>{}) << statement;
            const auto without = take(twin.plan(statement, {}));
            EXPECT_THAT(without.used, ::testing::IsEmpty()) << statement;
        }
        const std::string schema = trial.spec.table.schema;
        must(target.execute(fmt::format("DROP INDEX {}.tried", schema)));
    }
    must(twin.remove_candidates());
    EXPECT_EQ(numbers(take(twin.plan(kitchen_statements()[0], {})).plan), numbers(plan_on(target, kitchen_statements()[0])));
}

TEST_F(KitchenSink, AHiddenIndexIsLikeADroppedOne) {
    auto target = server_->admin("kitchen");
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    for (const auto& [index, statement] : std::vector<std::pair<std::string, std::string>>{
             {"sales.orders_customer", "SELECT * FROM sales.orders WHERE customer_id = 12 ORDER BY placed DESC NULLS LAST LIMIT 3"},
             {"public.customers_lower_email", "SELECT * FROM customers WHERE lower(email) = 'user5@example.org'"},
             {"public.events_device", "SELECT * FROM events WHERE device = 7 AND at < '2024-01-09'"}}) {
        const auto oid = static_cast<domain::Oid>(take(target.query(fmt::format("SELECT '{}'::regclass::oid", index))).integer(0, 0));
        const auto hidden = take(twin.plan(statement, {.hidden = {oid}}));
        const auto before = take(twin.plan(statement, {}));
        must(target.execute("BEGIN; DROP INDEX " + index));
        EXPECT_EQ(numbers(hidden.plan), numbers(plan_on(target, statement))) << statement;
        must(target.execute("ROLLBACK"));
        EXPECT_EQ(numbers(before.plan), numbers(plan_on(target, statement))) << statement;
        EXPECT_NE(numbers(before.plan), numbers(hidden.plan)) << statement;
    }
}

TEST_F(KitchenSink, RefusesWhatIsNotToBePlanned) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    for (const char* statement : {"", "-- only a comment", "EXPLAIN SELECT 1", "ANALYZE SELECT 1", "DROP TABLE lonely",
                                  "CREATE TABLE x AS SELECT 1", "SELECT 1; DROP TABLE lonely", "EXECUTE something", "VACUUM", "SELEC 1",
                                  "SELECT * FROM absent", "COPY lonely TO STDOUT", "SELECT $1 + 1"}) {
        const auto refused = twin.plan(statement, {});
        ASSERT_FALSE(refused.has_value()) << statement;
        EXPECT_THAT(refused.error().kind, ::testing::AnyOf(base::ErrorKind::invalid_input, base::ErrorKind::missing_object))
            << refused.error().to_text();
    }
    EXPECT_TRUE(twin.plan("/* a /* nested */ comment */ (SELECT 1) UNION SELECT 2;", {}).has_value());
    EXPECT_EQ(take(twin.plan("SELECT * FROM lonely WHERE only_row = 7", {})).plan.root.relation, "lonely");
}

TEST_F(KitchenSink, ABadCandidateChangesNothing) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    const auto before = numbers(take(twin.plan(kitchen_statements()[0], {})).plan);
    const domain::RelationName customers{"public", "customers"};
    for (const domain::IndexSpec& spec :
         std::vector<domain::IndexSpec>{{.table = customers, .keys = {{.column = "absent"}}},
                                        {.table = customers, .keys = {{.expression = "random()"}}},
                                        {.table = customers, .keys = {{.column = "id"}}, .predicate = "id > 5; DROP TABLE x"},
                                        {.table = customers, .keys = {{.column = "id"}}, .predicate = "id >"},
                                        {.table = {"public", "absent"}, .keys = {{.column = "id"}}},
                                        {.table = {"public", "big_orders"}, .keys = {{.column = "id"}}},
                                        {.table = customers, .method = "gin", .keys = {{.column = "id"}}}}) {
        const auto refused = twin.add_candidate({spec, base::Pages(10), 1, 100});
        ASSERT_FALSE(refused.has_value()) << spec.label();
        EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input) << refused.error().to_text();
    }
    EXPECT_EQ(numbers(take(twin.plan(kitchen_statements()[0], {})).plan), before);
    EXPECT_TRUE(twin.add_candidate({{.table = customers, .keys = {{.column = "born"}}}, base::Pages(50), 1, 20000}).has_value());
}

TEST_F(KitchenSink, KnowsParameterTypes) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    EXPECT_THAT(take(twin.parameter_types("SELECT * FROM sales.orders WHERE id = $1 AND placed > $2 AND status = $3 LIMIT $4")),
                ::testing::ElementsAre("bigint", "timestamp with time zone", "text", "bigint"));
    EXPECT_FALSE(twin.parameter_types("SELECT * FROM absent WHERE id = $1").has_value());
    EXPECT_THAT(take(twin.parameter_types("SELECT 1")), ::testing::IsEmpty());
}

TEST_F(KitchenSink, ACandidateOnAPartitionedTableCoversItsPartitions) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    const std::string statement = "SELECT load FROM events WHERE kind = 3 AND device = 8";
    const auto id = take(
        twin.add_candidate({{.table = {"", "events"}, .keys = {{.column = "kind"}, {.column = "device"}}}, base::Pages(300), 1, 68000}));
    const auto with = take(twin.plan(statement, {.visible = {id}}));
    const auto without = take(twin.plan(statement, {}));
    EXPECT_THAT(with.used, ::testing::ElementsAre(id));
    EXPECT_LT(with.plan.total_cost(), without.plan.total_cost());
}

TEST_F(KitchenSink, ExpressionStatisticsCanBeGivenWithACandidate) {
    auto target = server_->admin("kitchen");
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    const std::string statement = "SELECT * FROM sales.orders WHERE length(note) = 7";
    must(target.execute("BEGIN; CREATE INDEX tried ON sales.orders (length(note)); ANALYZE sales.orders"));
    const auto rows =
        take(target.query("SELECT pg_relation_size('sales.tried') / 8192, s.null_frac, s.avg_width, s.n_distinct, s.correlation,"
                          " s.most_common_vals::text::text[], s.most_common_freqs FROM pg_stats s WHERE tablename = 'tried'"));
    const auto real = plan_on(target, statement);
    must(target.execute("ROLLBACK"));
    domain::ColumnStatistics statistics{.null_fraction = rows.real(0, 1), .average_width = rows.real(0, 2), .distinct = rows.real(0, 3)};
    statistics.correlation = rows.real(0, 4);
    statistics.common_values = rows.array(0, 5);
    for (const auto& share : rows.array(0, 6)) statistics.common_frequencies.push_back(std::stod(share));
    domain::HypotheticalIndex index{
        {.table = {"sales", "orders"}, .keys = {{.expression = "length(note)"}}}, base::Pages(rows.integer(0, 0)), 1, 75000};
    const auto plain = take(twin.add_candidate(index));
    index.expression_statistics = {statistics};
    const auto informed = take(twin.add_candidate(index));
    const auto with = take(twin.plan(statement, {.visible = {informed}}));
    const auto without = take(twin.plan(statement, {.visible = {plain}}));
    EXPECT_THAT(with.used, ::testing::ElementsAre(informed));
    EXPECT_NEAR(with.plan.root.rows, real.root.rows, real.root.rows * 0.3);
    EXPECT_GT(with.plan.root.rows, 2 * without.plan.root.rows);
}

TEST_F(KitchenSink, LookingUpEndpointsLeavesNoTraceInTheScanCounters) {
    auto admin = server_->admin("kitchen");
    must(admin.execute("CREATE ROLE quiet LOGIN; GRANT pg_read_all_data TO quiet; GRANT SET ON PARAMETER track_counts TO quiet;"
                       "CREATE ROLE loud LOGIN; GRANT pg_read_all_data TO loud"));
    const auto scans = [&] {
        must(admin.execute("SELECT pg_stat_force_next_flush()"));
        return std::string(take(admin.query("SELECT sum(idx_scan) FROM pg_stat_user_indexes")).text(0, 0));
    };
    for (const char* role : {"orrery", "quiet", "loud"}) {
        const auto before = scans();
        {
            auto observer = server_->observer("kitchen", role);
            take(PlannerTwin::build(observer));
            take(observer.query("SELECT pg_stat_force_next_flush()"));
        }
        EXPECT_EQ(scans() == before, std::string_view(role) != "loud") << role;
    }
    must(admin.execute("DROP OWNED BY quiet, loud; DROP ROLE quiet, loud"));
}

TEST_F(KitchenSink, AReaderOfAllDataGetsAnExactTwin) {
    auto admin = server_->admin("kitchen");
    must(admin.execute("CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader"));
    auto target = server_->admin("kitchen");
    auto observer = server_->observer("kitchen", "reader");
    auto twin = take(PlannerTwin::build(observer));
    EXPECT_THAT(twin.warnings(), ::testing::Each(::testing::HasSubstr("gin index")));
    for (const auto& statement : kitchen_statements()) {
        const auto there = plan_on(target, statement);
        const auto here = take(twin.plan(statement, {}));
        EXPECT_EQ(here.plan.shape(), there.shape()) << statement;
        const bool uses_gin =
            there.shape().find("customers_tags") != std::string::npos || there.shape().find("customers_attributes") != std::string::npos ||
            there.shape().find("_trgm") != std::string::npos || there.shape().find("documents_words") != std::string::npos;
        if (uses_gin)
            EXPECT_NEAR(here.plan.total_cost().value, there.total_cost().value, there.total_cost().value * 0.25) << statement;
        else
            EXPECT_EQ(numbers(here.plan), numbers(there)) << statement;
    }
    must(admin.execute("DROP OWNED BY reader; DROP ROLE reader"));
}

TEST_F(KitchenSink, AReaderOfSomeTablesGetsATwinOfThose) {
    auto admin = server_->admin("kitchen");
    must(admin.execute(
        "CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA sales TO clerk; GRANT SELECT ON customers, sales.orders, order_lines TO clerk"));
    auto target = server_->admin("kitchen");
    auto observer = server_->observer("kitchen", "clerk");
    auto twin = take(PlannerTwin::build(observer));
    EXPECT_THAT(twin.warnings(), ::testing::Contains(::testing::HasSubstr("may not read public.sessions")));
    EXPECT_THAT(twin.warnings(), ::testing::Contains(::testing::HasSubstr("pg_read_all_data TO clerk")));
    for (const char* statement :
         {"SELECT * FROM customers WHERE id = 77", "SELECT * FROM customers WHERE email > 'User99'",
          "SELECT * FROM customers WHERE feeling = 'happy'", "SELECT * FROM customers WHERE name = 'Aame26'",
          "SELECT * FROM sales.orders WHERE customer_id = 12 ORDER BY placed DESC NULLS LAST LIMIT 3",
          "SELECT * FROM sales.orders WHERE placed > '2024-05-07'", "SELECT * FROM order_lines WHERE order_id IN (5, 6, 7)",
          "SELECT c.email, sum(o.total) FROM customers c JOIN sales.orders o ON o.customer_id = c.id WHERE c.city = 'city9' GROUP BY 1"})
        EXPECT_EQ(numbers(take(twin.plan(statement, {})).plan), numbers(plan_on(target, statement))) << statement;
    EXPECT_EQ(twin.plan("SELECT * FROM sessions", {}).error().kind, base::ErrorKind::missing_object);
    must(admin.execute("DROP OWNED BY clerk; DROP ROLE clerk"));
}

TEST_F(KitchenSink, ARoleWithoutRightsIsToldWhichGrantHelps) {
    auto admin = server_->admin("kitchen");
    must(admin.execute("CREATE ROLE stranger LOGIN"));
    auto observer = server_->observer("kitchen", "stranger");
    const auto refused = PlannerTwin::build(observer);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, base::ErrorKind::permission);
    EXPECT_THAT(refused.error().hint, ::testing::HasSubstr("GRANT pg_read_all_data TO stranger"));
    must(admin.execute("DROP ROLE stranger"));
}

TEST_F(KitchenSink, TheSelfCheckComparesBothSides) {
    auto observer = server_->observer("kitchen");
    auto twin = take(PlannerTwin::build(observer));
    auto statements = kitchen_statements();
    statements.emplace_back("SELECT * FROM absent");
    const auto checks = take(twin.self_check(observer, statements));
    ASSERT_EQ(checks.size(), statements.size());
    for (std::size_t i = 0; i + 1 < checks.size(); ++i) {
        EXPECT_TRUE(checks[i].identical) << checks[i].statement << checks[i].cause;
        EXPECT_FALSE(checks[i].deviates());
    }
    ASSERT_TRUE(checks.back().error.has_value());
    EXPECT_EQ(checks.back().error->kind, base::ErrorKind::missing_object);
    EXPECT_TRUE(observer.query("SELECT 1").has_value());
}

TEST_F(KitchenSink, APgDumpThatCannotHelpIsNamed) {
    auto observer = server_->observer("kitchen");
    const auto refused = PlannerTwin::build(observer, {.pg_dump = "/nowhere/pg_dump"});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, base::ErrorKind::unsupported);
    EXPECT_THAT(refused.error().hint, ::testing::HasSubstr("postgresql-client-15"));
}

}  // namespace
}  // namespace orrery::twin
