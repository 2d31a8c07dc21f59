// How fast statements and plans are read: normal form, fingerprint and facts, first and again; a plan of 100 nodes.
#include <algorithm>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "base/statistics.hpp"
#include "domain/plan_features.hpp"
#include "figure.hpp"
#include "lab/shop.hpp"
#include "lab/tpch.hpp"
#include "pg/catalog_reader.hpp"
#include "sql/analysis.hpp"

using namespace orrery;

namespace {

constexpr int kRepeats = 7;

double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Median CPU seconds of `work`.
double median_seconds(const std::function<void()>& work) {
    std::vector<double> seconds;
    for (int i = 0; i < kRepeats; ++i) {
        const double start = cpu_seconds();
        work();
        seconds.push_back(cpu_seconds() - start);
    }
    return base::median(seconds);
}

std::vector<std::string> shop_statements() {
    std::vector<std::string> texts;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        for (auto& statement : lab::make_shop({.seed = seed, .scale = 0.01}).statements) texts.push_back(std::move(statement.sql));
    return texts;
}

std::vector<std::string> tpch_statements() {
    std::vector<std::string> texts;
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
        for (auto& query : lab::tpch_queries({.seed = seed})) texts.push_back(std::move(query.sql));
    return texts;
}

std::string described(const std::vector<std::string>& texts, std::string_view what) {
    std::size_t bytes = 0;
    for (const auto& text : texts) bytes += text.size();
    return fmt::format("{} {}, {} bytes each on average; median of {} runs, CPU time", texts.size(), what, bytes / texts.size(), kRepeats);
}

double uncached_per_second(const std::vector<std::string>& texts) {
    std::uint64_t seen = 0;
    const double seconds = median_seconds([&] {
        for (const auto& text : texts) seen += sql::analyze(text).fingerprint.value;
    });
    return seen == 0 ? 0 : static_cast<double>(texts.size()) / seconds;
}

double cached_per_second(const std::vector<std::string>& texts) {
    constexpr int kRounds = 1'000;
    sql::AnalysisCache cache;
    for (const auto& text : texts) cache.analyze(text);
    std::uint64_t seen = 0;
    const double seconds = median_seconds([&] {
        for (int round = 0; round < kRounds; ++round)
            for (const auto& text : texts) seen += cache.analyze(text)->fingerprint.value;
    });
    return seen == 0 ? 0 : static_cast<double>(texts.size()) * kRounds / seconds;
}

/// A plan of `nodes` operators as EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) prints it: a left-deep tree of hash joins.
std::string plan_json(int nodes) {
    const auto common = [](int i) {
        return fmt::format(
            R"j("Parallel Aware": false, "Async Capable": false, "Startup Cost": {}.29, "Total Cost": {}.5, "Plan Rows": {}, "Plan Width": 44, )j"
            R"j("Actual Startup Time": 0.0{}, "Actual Total Time": {}.25, "Actual Rows": {}, "Actual Loops": 1, )j"
            R"j("Shared Hit Blocks": {}, "Shared Read Blocks": 17, "Shared Dirtied Blocks": 0, "Shared Written Blocks": 0, )j"
            R"j("Local Hit Blocks": 0, "Local Read Blocks": 0, "Local Dirtied Blocks": 0, "Local Written Blocks": 0, )j"
            R"j("Temp Read Blocks": 0, "Temp Written Blocks": 0)j",
            i, 10 * i, 1'000 + i, i, i, 990 + i, 3 * i);
    };
    std::string plan;
    for (int i = nodes; i > 0; i -= 2) {
        const std::string scan =
            fmt::format(R"j({{"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "table_{0}", "Alias": "t{0}", )j"
                        R"j("Filter": "((amount > '{0}'::numeric) AND (state = 'open'::text))", "Rows Removed by Filter": {0}, {1}}})j",
                        i, common(i));
        plan = plan.empty() ? scan
                            : fmt::format(R"j({{"Node Type": "Hash Join", "Parent Relationship": "Inner", "Join Type": "Inner", )j"
                                          R"j("Hash Cond": "(t{}.id = t{}.parent_id)", {}, "Plans": [{}, {}]}})j",
                                          i, i + 2, common(i), scan, plan);
    }
    return fmt::format(R"j([{{"Plan": {}, "Planning Time": 2.5, "Triggers": [], "Execution Time": 80.1}}])j", plan);
}

double plan_milliseconds(const std::string& json) {
    constexpr int kRounds = 200;
    std::uint64_t seen = 0;
    const double seconds = median_seconds([&] {
        for (int i = 0; i < kRounds; ++i)
            if (const auto plan = pg::parse_plan(json)) seen += plan->shape_hash() + domain::plan_features(*plan).size();
    });
    return seen == 0 ? 0 : 1'000 * seconds / kRounds;
}

}  // namespace

int main() {
    const auto shop = shop_statements();
    const auto tpch = tpch_statements();
    bench::print({"sql.analyze_uncached_per_s", uncached_per_second(shop), "statements/s/core",
                  "redacted text, fingerprint and facts of " + described(shop, "statements of twenty generated shops")});
    bench::print(
        {"sql.analyze_tpch_per_s", uncached_per_second(tpch), "statements/s/core", "the same of " + described(tpch, "TPC-H queries")});
    bench::print({"sql.analyze_cached_per_s", cached_per_second(shop), "statements/s/core",
                  "the same texts again, out of the cache; " + described(shop, "statements")});
    const auto plan = plan_json(100);
    bench::print({"sql.plan_100_nodes", plan_milliseconds(plan), "ms",
                  fmt::format("JSON of {} bytes into a plan, its shape and its features; median of {} runs of 200, CPU time", plan.size(),
                              kRepeats)});
    return 0;
}
