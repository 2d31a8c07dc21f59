#pragma once

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "domain/workload.hpp"
#include "lab/load_driver.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "sql/statement.hpp"

/// Statements of known kinds with the counters that a real server kept of them.
namespace orrery::bench {

struct RecordedStatement {
    std::string workload;  ///< "pgbench tpcb-like 10", "tpch 0.1", "shop oltp", "jobs", "ad hoc"
    bool analytical = false;
    domain::Fingerprint fingerprint;
    std::string text;  ///< redacted
    domain::StatementCounters counters;
};

/// What ran since the last reset.
inline base::Result<std::vector<RecordedStatement>> read_counters(pg::Session& session, const std::string& workload, bool analytical) {
    ORRERY_ASSIGN(
        const auto rows,
        session.query("SELECT query, calls, rows, total_exec_time, calls * (mean_exec_time ^ 2 + stddev_exec_time ^ 2), "
                      "shared_blks_hit, shared_blks_read, shared_blks_dirtied, temp_blks_read, temp_blks_written, wal_bytes::bigint "
                      "FROM public.pg_stat_statements WHERE toplevel AND query !~ 'pg_stat_statements|^(BEGIN|COMMIT|SET|SHOW)'"));
    std::vector<RecordedStatement> recorded;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        RecordedStatement item{workload, analytical};
        item.text = sql::redact(std::string(rows.text(i, 0)));
        const auto fingerprint = sql::fingerprint(item.text);
        if (!fingerprint) continue;
        item.fingerprint = *fingerprint;
        auto& c = item.counters;
        c.calls = rows.integer(i, 1), c.rows = rows.integer(i, 2);
        c.exec_ms = rows.real(i, 3), c.exec_square_ms2 = rows.real(i, 4);
        c.shared_hit = rows.integer(i, 5), c.shared_read = rows.integer(i, 6), c.shared_dirtied = rows.integer(i, 7);
        c.temp_read = rows.integer(i, 8), c.temp_written = rows.integer(i, 9), c.wal_bytes = rows.integer(i, 10);
        recorded.push_back(std::move(item));
    }
    return recorded;
}

inline base::Result<void> reset_counters(pg::Session& session) {
    return session.execute("SELECT public.pg_stat_statements_reset()");
}

inline base::Result<void> load_pgbench(pg::Session& session, int scale) {
    return session.execute(fmt::format(
        "CREATE TABLE pgbench_branches AS SELECT b AS bid, 0 AS bbalance, repeat(' ', 88)::char(88) AS filler FROM generate_series(1, {0}) "
        "b;"
        "CREATE TABLE pgbench_tellers AS SELECT t AS tid, (t - 1) / 10 + 1 AS bid, 0 AS tbalance, repeat(' ', 84)::char(84) AS filler "
        "FROM generate_series(1, {0} * 10) t;"
        "CREATE TABLE pgbench_accounts AS SELECT a AS aid, (a - 1) / 100000 + 1 AS bid, 0 AS abalance, repeat(' ', 84)::char(84) AS filler "
        "FROM generate_series(1, {0} * 100000) a;"
        "CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));"
        "CREATE TABLE branch_totals (bid int, total bigint, at timestamp);"
        "ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid); ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid);"
        "ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid); ANALYZE",
        scale));
}

/// pgbench's three built-in scripts, written out.
inline base::Result<void> run_pgbench(pg::Session& session, const std::string& script, int scale, int transactions, base::Random& random) {
    using Values = std::vector<domain::SqlParameter>;
    for (int i = 0; i < transactions; ++i) {
        const auto aid = std::to_string(random.integer(1, 100'000LL * scale)), bid = std::to_string(random.integer(1, scale));
        const auto tid = std::to_string(random.integer(1, 10LL * scale)), delta = std::to_string(random.integer(-5'000, 5'000));
        const auto run = [&](const char* sql, const Values& values) -> base::Result<void> {
            ORRERY_TRY(session.query(sql, values));
            return {};
        };
        if (script != "select-only")
            ORRERY_TRY(run("UPDATE pgbench_accounts SET abalance = abalance + $1::int WHERE aid = $2::int", {delta, aid}));
        ORRERY_TRY(run("SELECT abalance FROM pgbench_accounts WHERE aid = $1::int", {aid}));
        if (script == "tpcb-like") {
            ORRERY_TRY(run("UPDATE pgbench_tellers SET tbalance = tbalance + $1::int WHERE tid = $2::int", {delta, tid}));
            ORRERY_TRY(run("UPDATE pgbench_branches SET bbalance = bbalance + $1::int WHERE bid = $2::int", {delta, bid}));
        }
        if (script != "select-only")
            ORRERY_TRY(
                run("INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1::int, $2::int, $3::int, $4::int, "
                    "CURRENT_TIMESTAMP)",
                    {tid, bid, aid, delta}));
    }
    return {};
}

/// What people put into crontabs beside pgbench.
inline base::Result<void> run_jobs(pg::Session& session) {
    for (int i = 0; i < 3; ++i)
        for (const char* sql :
             {"DELETE FROM pgbench_history WHERE mtime < now() - interval '1 hour'",
              "SELECT count(*) FROM pgbench_accounts WHERE abalance < 0",
              "INSERT INTO branch_totals SELECT bid, sum(abalance), now() FROM pgbench_accounts GROUP BY bid",
              "SELECT bid, avg(abalance), max(abalance) FROM pgbench_accounts GROUP BY bid ORDER BY bid",
              "UPDATE pgbench_branches b SET bbalance = t.sum FROM (SELECT bid, sum(tbalance) FROM pgbench_tellers GROUP BY bid) t WHERE "
              "t.bid = b.bid",
              "DELETE FROM branch_totals WHERE at < now() - interval '7 days'"})
            ORRERY_TRY(session.execute(sql));
    return {};
}

/// Questions that somebody types once: no two of one form.
inline std::vector<std::string> ad_hoc_questions(base::Random& random, std::size_t count) {
    struct Table {
        const char* name;
        std::vector<const char*> numbers, groups;
    };
    const std::vector<Table> tables{
        {"lineitem", {"l_quantity", "l_extendedprice", "l_discount", "l_tax"}, {"l_returnflag", "l_shipmode", "l_linestatus"}},
        {"orders", {"o_totalprice", "o_shippriority", "o_custkey"}, {"o_orderstatus", "o_orderpriority"}},
        {"customer", {"c_acctbal", "c_nationkey"}, {"c_mktsegment", "c_nationkey"}},
        {"part", {"p_size", "p_retailprice"}, {"p_brand", "p_container", "p_mfgr"}}};
    std::set<std::string> questions;
    while (questions.size() < count) {
        const auto& table = tables[static_cast<std::size_t>(random.integer(0, 3))];
        const auto number = [&] {
            return std::string(table.numbers[static_cast<std::size_t>(random.integer(0, static_cast<int>(table.numbers.size()) - 1))]);
        };
        const auto group = [&] {
            return std::string(table.groups[static_cast<std::size_t>(random.integer(0, static_cast<int>(table.groups.size()) - 1))]);
        };
        std::string list, by;
        for (auto i = random.integer(1, 3); i > 0; --i)
            list += fmt::format("{}{}({} {} {})", list.empty() ? "" : ", ",
                                std::vector{"sum", "avg", "min", "max"}[static_cast<std::size_t>(random.integer(0, 3))], number(),
                                std::vector{"+", "-", "*"}[static_cast<std::size_t>(random.integer(0, 2))], number());
        if (random.chance(0.6)) by = group();
        std::string sql = "SELECT " + (by.empty() ? "" : by + ", ") + list + " FROM " + table.name;
        if (random.chance(0.7)) sql += fmt::format(" WHERE {} {} 10", number(), random.chance(0.5) ? ">" : "<");
        if (random.chance(0.4))
            sql += fmt::format("{} {} IS NOT NULL", sql.find("WHERE") == std::string::npos ? " WHERE" : " AND", group());
        if (!by.empty()) sql += " GROUP BY " + by + (random.chance(0.5) ? " ORDER BY 2 DESC" : "");
        questions.insert(sql);
    }
    return {questions.begin(), questions.end()};
}

struct RecordingOptions {
    int pgbench_scale = 1;
    double tpch_scale = 0.02;
    std::uint64_t seed = 1;
};

inline void append(std::vector<RecordedStatement>& all, std::vector<RecordedStatement> more) {
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

inline base::Result<std::vector<RecordedStatement>> record_shop(const pg::PrivateCluster& cluster, std::uint64_t seed) {
    const auto shop = lab::make_shop({.seed = seed, .scale = 0.04, .reference = base::system_clock().now()});
    ORRERY_TRY(lab::load_shop(shop, cluster.uri("shop")));
    pg::SessionOptions as_application;
    as_application.safe_settings = false;
    as_application.search_path = "";
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("shop"), as_application));
    std::set<domain::Fingerprint> analytical, once;
    for (const auto& statement : shop.statements)
        if (const auto fingerprint = sql::fingerprint(statement.sql)) {
            if (statement.statement_class == lab::StatementClass::reporting) analytical.insert(*fingerprint);
            if (statement.once) once.insert(*fingerprint);
        }
    ORRERY_TRY(reset_counters(session));
    ORRERY_TRY(lab::run_each(session, shop, 4, seed));
    ORRERY_ASSIGN(auto recorded, read_counters(session, "shop", false));
    for (auto& item : recorded) item.analytical = analytical.contains(item.fingerprint);
    return recorded;
}

/// Makes a server, runs all base workloads on it and reads what it counted.
inline base::Result<std::vector<RecordedStatement>> record(const RecordingOptions& options) {
    pg::ClusterOptions cluster_options;
    cluster_options.settings = lab::shop_settings();
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(cluster_options));
    ORRERY_TRY(cluster.start());
    pg::SessionOptions as_application;
    as_application.safe_settings = false;
    as_application.search_path = "";
    {
        ORRERY_ASSIGN(auto admin, pg::Session::connect(cluster.uri(), as_application));
        for (const char* name : {"bench", "tpch", "shop"}) ORRERY_TRY(admin.execute(fmt::format("CREATE DATABASE {}", name)));
    }
    std::vector<RecordedStatement> all;
    base::Random random(options.seed);
    {
        ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("bench"), as_application));
        ORRERY_TRY(session.execute("CREATE EXTENSION pg_stat_statements"));
        ORRERY_TRY(load_pgbench(session, options.pgbench_scale));
        for (const char* script : {"tpcb-like", "simple-update", "select-only"}) {
            ORRERY_TRY(reset_counters(session));
            ORRERY_TRY(run_pgbench(session, script, options.pgbench_scale, 300, random));
            ORRERY_ASSIGN(auto recorded, read_counters(session, fmt::format("pgbench {}", script), false));
            append(all, std::move(recorded));
        }
        ORRERY_TRY(reset_counters(session));
        ORRERY_TRY(run_jobs(session));
        ORRERY_ASSIGN(auto jobs, read_counters(session, "jobs", false));
        append(all, std::move(jobs));
    }
    ORRERY_TRY(lab::load_tpch({.scale = options.tpch_scale, .seed = options.seed}, cluster.uri("tpch")));
    {
        ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("tpch"), as_application));
        ORRERY_TRY(session.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements"));
        ORRERY_TRY(reset_counters(session));
        // Without the 15th (a view), the 17th and the 20th (minutes without an index on lineitem's part).
        for (const auto& query : lab::tpch_queries({.seed = options.seed, .scale = options.tpch_scale}))
            if (query.number != 15 && query.number != 17 && query.number != 20) ORRERY_TRY(session.execute(query.sql));
        ORRERY_ASSIGN(auto queries, read_counters(session, "tpch", true));
        append(all, std::move(queries));
        ORRERY_TRY(reset_counters(session));
        for (const auto& question : ad_hoc_questions(random, 120)) ORRERY_TRY(session.execute(question));
        ORRERY_ASSIGN(auto questions, read_counters(session, "ad hoc", true));
        append(all, std::move(questions));
    }
    ORRERY_ASSIGN(auto shop, record_shop(cluster, options.seed));
    append(all, std::move(shop));
    return all;
}

}  // namespace orrery::bench
