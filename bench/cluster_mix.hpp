#pragma once

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "data_folder.hpp"
#include "lab/load_driver.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "models/clustering/workload_clusterer.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "recorded_statements.hpp"

/// Statements of four applications, each with literals of its own and with the counters that a real server kept of it. Nothing in a sample
/// says which database it ran in.
namespace orrery::bench {

enum class ClusterSource { tpch, shop, stats, pgbench };
constexpr std::array<const char*, 4> kClusterSourceNames{"tpch", "shop", "stats", "pgbench"};

struct SourcedTemplate {
    models::TemplateSample sample;
    ClusterSource source{};
};

struct BoundStatement {
    std::string sql;
    std::vector<domain::SqlParameter> parameters{};
};

/// Runs each statement `times` times with its counters to itself. Statements that take more than two seconds are left out.
inline base::Result<void> run_each_alone(pg::Session& session, ClusterSource source, const std::vector<BoundStatement>& statements,
                                         int times, std::vector<SourcedTemplate>& into) {
    const std::string name = kClusterSourceNames[static_cast<std::size_t>(source)];
    ORRERY_TRY(session.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements"));
    ORRERY_TRY(session.execute("SET statement_timeout = 2000"));
    for (const auto& statement : statements) {
        ORRERY_TRY(reset_counters(session));
        bool ran = true;
        for (int i = 0; i < times && ran; ++i) ran = session.query(statement.sql, statement.parameters).has_value();
        if (!ran) continue;
        ORRERY_ASSIGN(const auto counted, read_counters(session, name, false));
        if (counted.size() != 1) continue;
        models::TemplateSample sample{.fingerprint = {base::stable_hash(statement.sql, into.size())}, .text = counted[0].text};
        sample.counters = counted[0].counters;
        ORRERY_TRY(models::read_text(sample));
        into.push_back({std::move(sample), source});
    }
    return {};
}

inline std::vector<BoundStatement> tpch_variants(double scale, std::uint64_t variants) {
    std::vector<BoundStatement> statements;
    for (std::uint64_t seed = 1; seed <= variants; ++seed)
        // Without the 15th (a view), the 17th and the 20th (minutes without an index on lineitem's part).
        for (const auto& query : lab::tpch_queries({.seed = seed, .scale = scale}))
            if (query.number != 15 && query.number != 17 && query.number != 20) statements.push_back({query.sql});
    return statements;
}

/// pgbench's built-in scripts.
inline std::vector<BoundStatement> pgbench_variants(int variants, base::Random& random) {
    std::vector<BoundStatement> statements;
    for (int i = 0; i < variants; ++i) {
        const auto aid = random.integer(1, 100'000), bid = random.integer(1, 1), tid = random.integer(1, 10),
                   delta = random.integer(-5'000, 5'000);
        for (auto& sql :
             {fmt::format("UPDATE pgbench_accounts SET abalance = abalance + {} WHERE aid = {}", delta, aid),
              fmt::format("SELECT abalance FROM pgbench_accounts WHERE aid = {}", aid),
              fmt::format("UPDATE pgbench_tellers SET tbalance = tbalance + {} WHERE tid = {}", delta, tid),
              fmt::format("UPDATE pgbench_branches SET bbalance = bbalance + {} WHERE bid = {}", delta, bid),
              fmt::format("INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ({}, {}, {}, {}, CURRENT_TIMESTAMP)", tid, bid,
                          aid, delta)})
            statements.push_back({sql});
    }
    return statements;
}

/// A query with its numbers moved a little, and its dates by days.
inline std::string with_other_literals(const std::string& sql, base::Random& random) {
    std::string varied;
    for (std::size_t i = 0; i < sql.size();) {
        const bool number =
            std::isdigit(static_cast<unsigned char>(sql[i])) && i > 0 && (sql[i - 1] == '=' || sql[i - 1] == '<' || sql[i - 1] == '>');
        if (!number) {
            varied += sql[i++];
            continue;
        }
        long long value = 0;
        for (; i < sql.size() && std::isdigit(static_cast<unsigned char>(sql[i])); ++i) value = value * 10 + (sql[i] - '0');
        varied += std::to_string(value + random.integer(0, 1 + value / 10));
    }
    return varied;
}

/// The Stats database with a tenth of its rows; the tables that the evaluation data lack are filled with skewed keys.
inline base::Result<void> load_some_stats(pg::Session& session, const std::filesystem::path& folder) {
    std::ifstream in(folder / "stats.sql");
    const std::string schema{std::istreambuf_iterator<char>(in), {}};
    ORRERY_TRY(session.execute(schema));
    for (const auto& [table, file] : std::array<std::pair<const char*, const char*>, 5>{
             {{"users", "users"}, {"posts", "posts"}, {"postLinks", "postLinks"}, {"badges", "badges"}, {"tags", "tags"}}})
        ORRERY_TRY(session.execute(fmt::format("COPY {} FROM PROGRAM 'zcat {}' (FORMAT csv, HEADER)", table,
                                               (std::filesystem::absolute(folder) / (std::string(file) + ".csv.gz")).string())));
    ORRERY_TRY(session.execute(
        "DELETE FROM posts WHERE id % 10 <> 0; DELETE FROM badges WHERE id % 10 <> 0; DELETE FROM postLinks WHERE id % 10 <> 0;"
        "SELECT setseed(0.5);"
        "INSERT INTO comments SELECT i, 10 * (1 + 9000 * random() ^ 3)::int, (5 * random() ^ 4)::int, timestamp '2010-07-19' + random() * "
        "interval '1500 days', (1 + 50000 * random() ^ 3)::int FROM generate_series(1, 17000) i;"
        "INSERT INTO postHistory SELECT i, 1 + (9 * random())::int, 10 * (1 + 9000 * random() ^ 2)::int, timestamp '2010-07-19' + random() "
        "* "
        "interval '1500 days', (1 + 50000 * random() ^ 3)::int FROM generate_series(1, 30000) i;"
        "INSERT INTO votes SELECT i, 10 * (1 + 9000 * random() ^ 3)::int, 1 + (9 * random() ^ 3)::int, timestamp '2010-07-19' + random() * "
        "interval '1500 days', (1 + 50000 * random() ^ 3)::int, CASE WHEN random() < 0.05 THEN 50 END FROM generate_series(1, 32000) i"));
    return session.execute("VACUUM ANALYZE");
}

inline std::vector<BoundStatement> stats_variants(const std::filesystem::path& folder, int variants, base::Random& random) {
    std::vector<BoundStatement> statements;
    std::ifstream in(folder / "stats_CEB.sql");
    for (std::string line; std::getline(in, line);) {
        const auto bar = line.find("||");
        if (bar == std::string::npos) continue;
        auto sql = line.substr(bar + 2);
        while (!sql.empty() && (sql.back() == ';' || sql.back() == '\r' || sql.back() == ' ')) sql.pop_back();
        for (int i = 0; i < variants; ++i) statements.push_back({i == 0 ? sql : with_other_literals(sql, random)});
    }
    return statements;
}

inline base::Result<std::vector<SourcedTemplate>> record_shop_variants(const pg::PrivateCluster& cluster, int variants) {
    const auto shop = lab::make_shop({.seed = 2, .scale = 0.04, .reference = base::system_clock().now()});
    ORRERY_TRY(lab::load_shop(shop, cluster.uri("shop")));
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("shop"), {.search_path = "", .safe_settings = false}));
    lab::ParameterStreams parameters(shop.statements, shop.reference, 1);
    std::vector<BoundStatement> statements;
    for (std::size_t i = 0; i < shop.statements.size(); ++i)
        for (int j = 0; j < variants; ++j) statements.push_back({shop.statements[i].sql, parameters.draw(i)});
    std::vector<SourcedTemplate> mix;
    ORRERY_TRY(run_each_alone(session, ClusterSource::shop, statements, 2, mix));
    return mix;
}

/// About as many statements of each application. Without the folder of the Stats database, of the other three.
inline base::Result<std::vector<SourcedTemplate>> record_cluster_mix() {
    constexpr double kTpchScale = 0.02;
    const auto stats = data_folder() / "stats";
    pg::ClusterOptions options;
    options.settings = lab::shop_settings();
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create(options));
    ORRERY_TRY(cluster.start());
    const pg::SessionOptions as_application{.search_path = "", .safe_settings = false};
    ORRERY_ASSIGN(auto admin, pg::Session::connect(cluster.uri(), as_application));
    for (const char* name : kClusterSourceNames) ORRERY_TRY(admin.execute(fmt::format("CREATE DATABASE {}", name)));
    base::Random random(1);
    ORRERY_ASSIGN(auto mix, record_shop_variants(cluster, 6));
    ORRERY_TRY(lab::load_tpch({.scale = kTpchScale}, cluster.uri("tpch")));
    ORRERY_ASSIGN(auto tpch, pg::Session::connect(cluster.uri("tpch"), as_application));
    ORRERY_TRY(run_each_alone(tpch, ClusterSource::tpch, tpch_variants(kTpchScale, 12), 1, mix));
    ORRERY_ASSIGN(auto bank, pg::Session::connect(cluster.uri("pgbench"), as_application));
    ORRERY_TRY(load_pgbench(bank, 1));
    ORRERY_TRY(run_each_alone(bank, ClusterSource::pgbench, pgbench_variants(50, random), 2, mix));
    if (std::filesystem::is_directory(stats)) {
        ORRERY_ASSIGN(auto forum, pg::Session::connect(cluster.uri("stats"), as_application));
        ORRERY_TRY(load_some_stats(forum, stats));
        ORRERY_TRY(run_each_alone(forum, ClusterSource::stats, stats_variants(stats, 2, random), 1, mix));
    }
    return mix;
}

}  // namespace orrery::bench
