// The planner twin held against real servers: TPC-H at scale 1 and the shop, with and without the advised indexes really built,
// under the servers' default settings and under parallel ones.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/folder.hpp"
#include "base/interrupt.hpp"
#include "base/statistics.hpp"
#include "figure.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "optimizers/index_advisor.hpp"
#include "optimizers/index_size.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "sql/literal.hpp"
#include "twin/planner_twin.hpp"

using namespace orrery;

namespace {

constexpr int kBuilds = 5;
constexpr double kMegabyte = 1024.0 * 1024.0;

/// Ends the bench with the error.
[[noreturn]] void stop_with(const base::Error& error) {
    fmt::print(stderr, "{}\n", error.to_text());
    std::exit(1);
}
template <typename T>
T take(base::Result<T> result) {
    if (!result) stop_with(result.error());
    return std::move(result).value();
}
void must(const base::Result<void>& result) {
    if (!result) stop_with(result.error());
}

struct Fidelity {
    int statements = 0, exact = 0, identical = 0;
};

/// A database of the private server, with a workload.
struct Database {
    std::string name;
    std::vector<std::string> statements;
};

class Bench {
public:
    explicit Bench(pg::PrivateCluster& server) : server_(server) {}

    pg::Session admin(const std::string& database) {
        return take(pg::Session::connect(server_.uri(database), {.application = "bench", .safe_settings = false}));
    }
    pg::Session observer(const std::string& database) { return take(pg::Session::connect(server_.uri(database), {.application = "twin"})); }

    void create(const std::string& database) { must(admin("postgres").execute("CREATE DATABASE " + database)); }

    twin::PlannerTwin build(const Database& database) {
        auto session = observer(database.name);
        return take(twin::PlannerTwin::build(session, {}, base::interrupt_token()));
    }

    /// Both settings on one twin: the second by a refresh.
    void compare(const Database& database, std::string_view state) {
        must(admin(database.name).execute("CHECKPOINT"));
        auto twin = build(database);
        for (const auto& warning : twin.warnings()) fmt::print(stderr, "WARNING:  {}\n", warning);
        check(database, twin, fmt::format("{}, {}, default settings", database.name, state));
        must(admin(database.name)
                 .execute(fmt::format(
                     "ALTER DATABASE {0} SET max_parallel_workers_per_gather = 4; ALTER DATABASE {0} SET random_page_cost = 1.1;"
                     "ALTER DATABASE {0} SET work_mem = '64MB'; ALTER DATABASE {0} SET parallel_setup_cost = 100",
                     database.name)));
        auto session = observer(database.name);
        take(twin.refresh(session));
        check(database, twin, fmt::format("{}, {}, parallel settings", database.name, state));
        must(admin(database.name).execute(fmt::format("ALTER DATABASE {} RESET ALL", database.name)));
    }

    Fidelity total;

private:
    void check(const Database& database, twin::PlannerTwin& twin, const std::string& label) {
        auto session = observer(database.name);
        Fidelity here;
        for (const auto& one : take(twin.self_check(session, database.statements))) {
            if (one.error) stop_with(one.error->within(one.statement));
            ++here.statements;
            here.exact += one.deviates() ? 0 : 1;
            here.identical += one.identical ? 1 : 0;
            if (!one.identical)
                fmt::print(stderr, "{}: cost {:.6f} of the target's, {} shape ({}): {}\n", label, one.cost_ratio,
                           one.same_shape ? "same" : "other", one.cause, one.statement.substr(0, 100));
        }
        fmt::print(stderr, "{}: {} statements, {} within 0.1 %, {} identical\n", label, here.statements, here.exact, here.identical);
        total.statements += here.statements;
        total.exact += here.exact;
        total.identical += here.identical;
    }

    pg::PrivateCluster& server_;
};

/// The shop's statements with parameters drawn in place of $1, $2, ...
std::vector<std::string> shop_statements(const lab::Shop& shop) {
    base::Random random(7);
    std::vector<std::string> statements;
    for (const auto& statement : shop.statements) {
        std::vector<std::string> literals;
        for (const auto& value : statement.parameters) {
            const auto drawn = lab::ValueSource(value, shop.reference).draw(random);
            literals.push_back(drawn ? domain::quote_literal(*drawn) : "NULL");
        }
        statements.push_back(sql::bind_parameters(statement.sql, literals));
    }
    return statements;
}

domain::Advice advise(Bench& bench, const Database& database, twin::PlannerTwin& twin) {
    auto session = bench.observer(database.name);
    const auto catalog = take(pg::read_catalog(session));
    domain::Workload workload{.source = database.name, .statements = {}};
    for (const auto& statement : database.statements) workload.statements.push_back({.fingerprint = {}, .text = statement});
    for (std::size_t i = 0; i < workload.statements.size(); ++i) workload.statements[i].fingerprint.value = i + 1;
    return take(optimizers::advise_indexes(catalog, workload, twin, {.target = database.name}, {.stop = base::interrupt_token()}));
}

/// Plans with a candidate of estimated size against plans with the index really there: relative cost errors of statements that use it.
std::vector<double> what_if_errors(Bench& bench, const Database& database, twin::PlannerTwin& twin,
                                   const std::vector<domain::IndexSpec>& specs) {
    auto session = bench.observer(database.name);
    auto admin = bench.admin(database.name);
    const auto catalog = take(pg::read_catalog(session));
    must(twin.remove_candidates());
    std::vector<double> errors;
    for (const auto& spec : specs) {
        const auto* table = catalog.find_table(spec.table);
        if (table == nullptr) continue;
        const auto size = optimizers::estimate_index_size(
            *table, spec, {.server_version = catalog.server_version, .distinct_keys = optimizers::keys_are_distinct(catalog, spec)});
        const auto id = take(twin.add_candidate({spec, size.pages, size.height, size.tuples}));
        must(admin.execute(spec.create_sql("bench_tried", false)));
        auto real = take(twin.self_check(session, database.statements));
        for (const auto& check : real) {
            if (check.error || check.target_plan.shape().find("bench_tried") == std::string::npos) continue;
            const auto what_if = take(twin.plan(check.statement, {.visible = {id}}));
            errors.push_back(100 * std::abs(what_if.plan.total_cost().value / check.target_plan.total_cost().value - 1));
        }
        must(admin.execute("DROP INDEX " + (spec.table.schema.empty() ? "" : domain::quote_identifier(spec.table.schema) + ".") +
                           "bench_tried"));
    }
    return errors;
}

domain::IndexSpec index_on(const std::string& table, const std::vector<std::string>& columns,
                           const std::vector<std::string>& include = {}) {
    domain::IndexSpec spec{.table = {"public", table}, .include = include};
    for (const auto& column : columns) spec.keys.push_back({.column = column});
    return spec;
}

/// Indexes that TPC-H's queries use, of every kind that a size can be estimated wrong for.
std::vector<domain::IndexSpec> tried_indexes() {
    return {index_on("lineitem", {"l_partkey"}),
            index_on("lineitem", {"l_suppkey", "l_partkey"}),
            index_on("lineitem", {"l_shipdate"}, {"l_extendedprice", "l_discount", "l_quantity"}),
            index_on("lineitem", {"l_orderkey"}, {"l_suppkey", "l_commitdate", "l_receiptdate"}),
            index_on("lineitem", {"l_partkey", "l_quantity", "l_extendedprice"}),
            index_on("orders", {"o_custkey"}),
            index_on("orders", {"o_orderdate"}, {"o_custkey", "o_orderpriority"}),
            index_on("partsupp", {"ps_suppkey"}),
            index_on("customer", {"c_nationkey"}),
            index_on("customer", {"c_mktsegment", "c_custkey"}),
            index_on("part", {"p_size", "p_type"}),
            index_on("part", {"p_brand", "p_container"})};
}

void build_advised(Bench& bench, const Database& database, const domain::Advice& advice) {
    auto admin = bench.admin(database.name);
    int built = 0;
    for (const auto& recommendation : advice.recommendations) {
        if (recommendation.kind != domain::RecommendationKind::create_index) continue;
        must(admin.execute(recommendation.spec.create_sql(recommendation.index.name, false)));
        fmt::print(stderr, "built {}\n", recommendation.spec.label());
        ++built;
    }
    must(admin.execute("ANALYZE"));
    if (built == 0) fmt::print(stderr, "WARNING:  nothing was advised for {}\n", database.name);
}

void measure_builds(Bench& bench, const Database& database) {
    std::vector<double> seconds;
    double disk = 0;
    for (int i = 0; i < kBuilds; ++i) {
        const base::Stopwatch watch(base::system_clock());
        const auto twin = bench.build(database);
        seconds.push_back(watch.seconds());
        disk = std::max(disk, static_cast<double>(take(twin.disk_usage()).value) / kMegabyte);
    }
    bench::print({"twin.build_tpch_sf1", base::median(seconds), "s",
                  fmt::format("wall time of PlannerTwin::build with a template data directory at hand, median of {}", kBuilds)});
    bench::print({"twin.disk_tpch_sf1", disk, "MB", "space allocated in the twin's folder, server's log and WAL included"});
}

}  // namespace

int main() {
    base::reaper::start();
    base::install_interrupt_handler();
    auto settings = lab::tpch_settings();
    settings["autovacuum"] = "off";
    auto server = take(pg::PrivateCluster::create({.settings = settings}));
    must(server.start(base::interrupt_token()));
    Bench bench(server);

    Database tpch{"tpch", {}};
    for (const auto& query : lab::tpch_queries()) tpch.statements.push_back(query.sql);
    bench.create(tpch.name);
    must(lab::load_tpch({.foreign_keys = true}, server.uri(tpch.name), base::interrupt_token()));
    measure_builds(bench, tpch);
    bench.compare(tpch, "without advised indexes");
    {
        auto twin = bench.build(tpch);
        const auto advice = advise(bench, tpch, twin);
        const auto errors = what_if_errors(bench, tpch, twin, tried_indexes());
        bench::print(
            {"twin.whatif_cost_error_p95", base::quantile(errors, 0.95), "%",
             fmt::format("cost with a candidate of estimated size against the index really built, {} plans that use one of {} indexes",
                         errors.size(), tried_indexes().size()),
             "HypoPG", 31});
        build_advised(bench, tpch, advice);
    }
    bench.compare(tpch, "with advised indexes");

    const auto shop = lab::make_shop({});
    Database shop_database{"shop", shop_statements(shop)};
    bench.create(shop_database.name);
    must(lab::load_shop(shop, server.uri(shop_database.name), {}, base::interrupt_token()));
    bench.compare(shop_database, "without advised indexes");
    {
        auto twin = bench.build(shop_database);
        build_advised(bench, shop_database, advise(bench, shop_database, twin));
    }
    bench.compare(shop_database, "with advised indexes");

    bench::print(
        {"twin.plans_exact_percent", 100.0 * bench.total.exact / bench.total.statements, "%",
         fmt::format("{} plans of TPC-H and the shop, with and without advised indexes, default and parallel settings: same shape and "
                     "cost within 0.1 %; {} identical in every number",
                     bench.total.statements, bench.total.identical)});
    return 0;
}
