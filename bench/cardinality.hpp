#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "analyzers/data_characteristics_analyzer.hpp"
#include "data_folder.hpp"
#include "figure.hpp"
#include "lab/tpch.hpp"
#include "pg/catalog_reader.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"

/// Numbers of distinct values estimated from 1 % of a table's pages (100 pages at least), held against the truth.
namespace orrery::bench {

struct CardinalityTally {
    int columns = 0, within = 0, covered = 0, planner_within = 0, planner_columns = 0;
};

inline base::Result<void> load_stats(const pg::PrivateCluster& cluster, const std::filesystem::path& folder) {
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri("stats"), {.application = "bench", .safe_settings = false}));
    ORRERY_TRY(session.execute(
        "CREATE TABLE users (id int PRIMARY KEY, reputation int, created timestamp, views int, upvotes int, downvotes int);"
        "CREATE TABLE posts (id int PRIMARY KEY, type smallint, created timestamp, score int, viewcount int, owner int, answers int, "
        "comments int, favourites int, editor int);"
        "CREATE TABLE links (id int PRIMARY KEY, created timestamp, post int, related int, type smallint);"
        "CREATE TABLE badges (id int PRIMARY KEY, owner int, created timestamp);"
        "CREATE TABLE tags (id int PRIMARY KEY, count int, excerpt int)"));
    const std::array<std::array<const char*, 2>, 5> files{
        {{"users", "users"}, {"posts", "posts"}, {"links", "postLinks"}, {"badges", "badges"}, {"tags", "tags"}}};
    for (const auto& [table, file] : files)
        ORRERY_TRY(session.execute(fmt::format("COPY {} FROM PROGRAM 'zcat {}' (FORMAT csv, HEADER)", table,
                                               (std::filesystem::absolute(folder) / (std::string(file) + ".csv.gz")).string())));
    return session.execute("VACUUM ANALYZE");
}

inline void tally_sample(const domain::Table& table, const analyzers::TableSample& sample, const domain::SqlRows& truths,
                         CardinalityTally& tally) {
    for (std::size_t number = 0; number < table.columns.size(); ++number) {
        const auto& column = table.columns[number];
        const auto place = std::find(sample.columns.begin(), sample.columns.end(), column.name);
        const double truth = truths.real(0, number);
        if (place == sample.columns.end() || truth < 1) continue;
        const auto estimate = analyzers::estimate_column(sample, static_cast<std::size_t>(place - sample.columns.begin()));
        const auto q_error = [&](double count) { return count > 0 ? std::max(count / truth, truth / count) : 1e9; };
        ++tally.columns;
        if (q_error(estimate.count) <= 1.5) ++tally.within;
        if (estimate.low <= truth * 1.0005 && truth <= estimate.high * 1.0005) ++tally.covered;
        if (!column.statistics) continue;
        ++tally.planner_columns;
        if (q_error(column.statistics->distinct_count(table.tuples)) <= 1.5) ++tally.planner_within;
    }
}

inline base::Result<void> tally_database(const std::string& uri, CardinalityTally& tally) {
    ORRERY_ASSIGN(auto session, pg::Session::connect(uri, {.application = "bench", .statement_timeout = std::chrono::minutes(5)}));
    ORRERY_ASSIGN(const auto catalog, pg::read_catalog(session));
    for (const auto& table : catalog.tables) {
        if (table.kind != 'r' || table.tuples < 1) continue;
        std::string counts;
        for (const auto& column : table.columns)
            counts += fmt::format("{}count(DISTINCT {})", counts.empty() ? "" : ", ", domain::quote_identifier(column.name));
        ORRERY_ASSIGN(const auto truths, session.query(fmt::format("SELECT {} FROM {}", counts, table.name.sql())));
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            analyzers::SampleOptions options;
            options.seed = seed;
            ORRERY_ASSIGN(const auto sample, analyzers::sample_table(session, table, options));
            if (sample) tally_sample(table, *sample, truths, tally);
        }
    }
    return {};
}

inline base::Result<void> measure_cardinality() {
    ORRERY_ASSIGN(auto cluster, pg::PrivateCluster::create({}));
    ORRERY_TRY(cluster.start());
    ORRERY_ASSIGN(auto session, pg::Session::connect(cluster.uri(), {.application = "bench", .safe_settings = false}));
    ORRERY_TRY(session.execute("CREATE DATABASE tpch"));
    ORRERY_TRY(session.execute("CREATE DATABASE stats"));
    CardinalityTally tally;
    constexpr double kScale = 0.2;
    ORRERY_TRY(lab::load_tpch({.scale = kScale}, cluster.uri("tpch")));
    ORRERY_TRY(tally_database(cluster.uri("tpch"), tally));
    const auto folder = data_folder() / "stats";
    std::string data = fmt::format("tpch at scale {}", kScale);
    if (std::filesystem::exists(folder / "users.csv.gz")) {
        ORRERY_TRY(load_stats(cluster, folder));
        ORRERY_TRY(tally_database(cluster.uri("stats"), tally));
        data += " and five tables of Stats";
    } else {
        fmt::print(stderr, "skipped: the Stats data are not in {} (ORRERY_DATA names the folder of the data sets)\n", folder.string());
    }
    const auto percent = [&](int part, int whole) { return whole > 0 ? 100.0 * part / whole : 0; };
    const std::string how = fmt::format("{}; 1 % of the pages, 100 at least; {} columns and draws", data, tally.columns);
    print({"analyze.cardinality_within_1_5_percent", percent(tally.within, tally.columns), "%", how, "pg_stats after ANALYZE",
           percent(tally.planner_within, tally.planner_columns)});
    print({"analyze.cardinality_covered_percent", percent(tally.covered, tally.columns), "%", how + "; truth within the error bars"});
    return {};
}

}  // namespace orrery::bench
