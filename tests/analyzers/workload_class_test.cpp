#include "analyzers/workload_class.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sql/facts.hpp"

namespace orrery::analyzers {
namespace {

/// Statements with the counters that a PostgreSQL 15 kept of them: written by `analyze_bench --record`.
struct Recorded {
    std::string workload, text;
    bool analytical = false;
    Features features;
};

std::vector<Recorded> recorded_statements() {
    std::ifstream file(std::string(ORRERY_SOURCE_FOLDER) + "/tests/analyzers/data/recorded_statements.tsv");
    std::vector<Recorded> all;
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        Recorded item;
        domain::StatementCounters c;
        std::getline(fields, item.workload, '\t');
        fields >> item.analytical >> c.calls >> c.rows >> c.exec_ms >> c.exec_square_ms2 >> c.shared_hit >> c.shared_read >>
            c.shared_dirtied >> c.temp_read >> c.wal_bytes;
        fields.ignore(1);
        std::getline(fields, item.text);
        item.features = counter_features(c, 60);
        const auto facts = sql::extract_facts(item.text);
        EXPECT_TRUE(facts) << item.text;
        if (facts) add_text_features(item.features, *facts);
        all.push_back(std::move(item));
    }
    return all;
}

TEST(WorkloadClass, RecordedStatementsAreKnownForWhatTheyAre) {
    int right = 0, all = 0;
    for (const auto& item : recorded_statements()) {
        if (item.workload == "jobs") continue;  // neither the one nor the other
        const double probability = olap_probability(item.features);
        if (item.workload.starts_with("pgbench")) {
            EXPECT_LT(probability, 0.15) << item.text;
        }
        if (item.workload == "tpch") {
            EXPECT_GT(probability, 0.6) << item.text;
        }
        ++all;
        right += (probability > 0.5) == item.analytical ? 1 : 0;
    }
    EXPECT_GT(all, 50);
    EXPECT_GE(right, all * 95 / 100) << "of " << all;
}

TEST(WorkloadClass, AWorkloadIsJudgedByTheSharesOfItsTimeAndItsCalls) {
    EXPECT_EQ(workload_kind(0.002, 0.0001).kind(), WorkloadKind::oltp);
    EXPECT_EQ(workload_kind(0.999, 0.95).kind(), WorkloadKind::olap);
    EXPECT_EQ(workload_kind(0.95, 0.003).kind(), WorkloadKind::mixed) << "many short transactions, and analysts who take most of the time";
    EXPECT_GT(workload_kind(0.002, 0.0001).probability(), 0.9);
    for (const double time : {0.0, 0.3, 0.6, 1.0})
        for (const double calls : {0.0, 0.2, 1.0}) {
            const auto kind = workload_kind(time, calls);
            EXPECT_NEAR(kind.oltp + kind.mixed + kind.olap, 1, 1e-9);
        }
}

TEST(WorkloadClass, WhatIsUnknownDoesNotSpoilTheProbability) {
    domain::StatementCounters counters;
    counters.calls = 1'000, counters.rows = 1'000, counters.exec_ms = 20, counters.shared_hit = 3'000;
    const double without_text = olap_probability(counter_features(counters, 60));
    EXPECT_GT(without_text, 0);
    EXPECT_LT(without_text, 0.5);
    EXPECT_FALSE(std::isnan(olap_probability(counter_features({}, 0))));
}

TEST(WorkloadClass, ACallIsHeavyByTimeBlocksOrTemporaryFiles) {
    domain::StatementCounters counters;
    counters.calls = 10, counters.exec_ms = 499;
    EXPECT_FALSE(is_heavy(counter_features(counters, 60)));
    counters.exec_ms = 501;
    EXPECT_TRUE(is_heavy(counter_features(counters, 60)));
    counters.exec_ms = 1, counters.temp_written = 1;
    EXPECT_TRUE(is_heavy(counter_features(counters, 60)));
    EXPECT_EQ(to_string(WorkloadKind::mixed), "mixed");
    EXPECT_EQ(kClassInputNames.size(), kClassInputs);
}

TEST(TemplateFeatures, CountersPerCall) {
    domain::StatementCounters c;
    c.calls = 4, c.rows = 8, c.exec_ms = 40, c.exec_square_ms2 = 4 * 100 + 4 * 25, c.plan_ms = 10;
    c.shared_hit = 30, c.shared_read = 10, c.shared_dirtied = 2, c.temp_read = 1, c.temp_written = 3, c.wal_bytes = 400,
    c.shared_read_ms = 10;
    const auto f = counter_features(c, 2);
    EXPECT_DOUBLE_EQ(f[Feature::calls_per_s], 2);
    EXPECT_DOUBLE_EQ(f[Feature::active_sessions], 0.02);
    EXPECT_DOUBLE_EQ(f[Feature::mean_ms], 10);
    EXPECT_DOUBLE_EQ(f[Feature::time_spread], 0.5);
    EXPECT_DOUBLE_EQ(f[Feature::rows], 2);
    EXPECT_DOUBLE_EQ(f[Feature::blocks], 10);
    EXPECT_DOUBLE_EQ(f[Feature::hit_ratio], 0.75);
    EXPECT_DOUBLE_EQ(f[Feature::dirtied_blocks], 0.5);
    EXPECT_DOUBLE_EQ(f[Feature::temp_blocks], 1);
    EXPECT_DOUBLE_EQ(f[Feature::wal_bytes], 100);
    EXPECT_DOUBLE_EQ(f[Feature::planning_share], 0.2);
    EXPECT_DOUBLE_EQ(f[Feature::io_share], 0.25);
    EXPECT_TRUE(std::isnan(f[Feature::writes]));
}

TEST(TemplateFeatures, WhatTheTextTells) {
    Features f;
    add_text_features(f, *sql::extract_facts("SELECT a.x, count(*) FROM a JOIN b ON a.id = b.id WHERE a.k = $1 AND b.t > $2 AND b.z IN "
                                             "(SELECT z FROM c) GROUP BY a.x LIMIT 5"));
    EXPECT_EQ(f[Feature::writes], 0);
    EXPECT_EQ(f[Feature::tables], 3);
    EXPECT_GE(f[Feature::joins], 1);
    EXPECT_EQ(f[Feature::aggregates], 1);
    EXPECT_EQ(f[Feature::groupings], 1);
    EXPECT_EQ(f[Feature::equalities], 1);
    EXPECT_EQ(f[Feature::ranges], 1);
    EXPECT_EQ(f[Feature::subqueries], 1);
    EXPECT_EQ(f[Feature::limited], 1);
    add_text_features(f, *sql::extract_facts("UPDATE a SET x = $1 WHERE id = $2"));
    EXPECT_EQ(f[Feature::writes], 1);
    EXPECT_EQ(to_string(Feature::calls_per_s), "calls_per_s");
    EXPECT_EQ(to_string(Feature::active_intervals), "active_intervals");
}

}  // namespace
}  // namespace orrery::analyzers
