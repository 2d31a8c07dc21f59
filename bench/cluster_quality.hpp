#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/byte_stream.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "cluster_mix.hpp"
#include "figure.hpp"
#include "models/clustering/workload_clusterer.hpp"

namespace orrery::bench {

inline std::vector<int> labels_of(std::span<const std::int64_t> ids) {
    return {ids.begin(), ids.end()};
}

inline std::vector<models::TemplateSample> samples_of(std::span<const SourcedTemplate> mix) {
    std::vector<models::TemplateSample> samples;
    for (const auto& one : mix) samples.push_back(one.sample);
    return samples;
}

inline double agreement(std::span<const SourcedTemplate> mix, const models::WorkloadClusterer& clusterer) {
    std::vector<int> sources;
    for (const auto& one : mix) sources.push_back(static_cast<int>(one.source));
    return models::adjusted_rand_index(sources, labels_of(clusterer.labels()));
}

/// Which statements of which application went where.
inline void print_confusion(std::span<const SourcedTemplate> mix, const models::WorkloadClusterer& clusterer) {
    std::map<std::int64_t, std::array<int, 4>> counts;
    for (std::size_t i = 0; i < mix.size(); ++i) ++counts[clusterer.labels()[i]][static_cast<std::size_t>(mix[i].source)];
    fmt::print(stderr, "{:>8}{:>8}{:>8}{:>8}  cluster (silhouette of all: {:.2f})\n", "tpch", "shop", "stats", "pgbench",
               clusterer.model().silhouette);
    for (const auto& [id, row] : counts) {
        std::string name = "noise";
        for (const auto& profile : clusterer.profiles())
            if (profile.id == id) name = profile.name;
        fmt::print(stderr, "{:8}{:8}{:8}{:8}  {} {}\n", row[0], row[1], row[2], row[3], id, name);
    }
}

inline base::Result<void> measure_agreement(std::span<const SourcedTemplate> mix) {
    const auto samples = samples_of(mix);
    ORRERY_ASSIGN(const auto chosen, models::WorkloadClusterer::fit(samples, {}));
    print_confusion(mix, chosen);
    ORRERY_ASSIGN(const auto four, models::WorkloadClusterer::fit(samples, {.clusters = 4}));
    ORRERY_ASSIGN(const auto dense, models::WorkloadClusterer::fit(samples, {.method = models::ClusterMethod::dbscan}));
    std::array<int, 4> counts{};
    for (const auto& one : mix) ++counts[static_cast<std::size_t>(one.source)];
    if (counts[static_cast<std::size_t>(ClusterSource::stats)] == 0) {
        fmt::print(stderr, "skipped: cluster.adjusted_rand_index (no folder {}; ORRERY_DATA names another)\n",
                   (data_folder() / "stats").string());
        return {};
    }
    print({"cluster.adjusted_rand_index", agreement(mix, chosen), "index",
           fmt::format(
               "{} statements ({} TPC-H, {} shop, {} Stats, {} pgbench) with literals varied, counters of a real server, defaults: {} "
               "clusters chosen; {:.3f} with 4 given, {:.3f} by DBSCAN",
               mix.size(), counts[0], counts[1], counts[2], counts[3], chosen.profiles().size(), agreement(mix, four),
               agreement(mix, dense))});
    return {};
}

/// Statements of nine tenths, then all of them beside the model that was saved and loaded.
inline base::Result<void> measure_ids(std::span<const SourcedTemplate> mix) {
    constexpr int kSplits = 10;
    double kept = 0, worst = 100;
    for (int split = 0; split < kSplits; ++split) {
        auto samples = samples_of(mix);
        base::Random random(static_cast<std::uint64_t>(split) + 1);
        random.shuffle(samples);
        const auto first = std::span(samples).first(samples.size() * 9 / 10);
        ORRERY_ASSIGN(const auto before, models::WorkloadClusterer::fit(first, {}));
        base::ByteWriter out;
        before.save(out);
        base::ByteReader in(out.bytes());
        ORRERY_ASSIGN(const auto restarted, models::WorkloadClusterer::load(in));
        ORRERY_ASSIGN(const auto after,
                      models::WorkloadClusterer::fit(samples, {.seed = static_cast<std::uint64_t>(split) + 2}, &restarted));
        double same = 0;
        for (std::size_t i = 0; i < first.size(); ++i) same += before.labels()[i] == after.labels()[i] ? 1 : 0;
        const double percent = 100 * same / static_cast<double>(first.size());
        kept += percent / kSplits, worst = std::min(worst, percent);
    }
    print({"cluster.ids_stable_percent", kept, "%",
           fmt::format(
               "{} statements of four applications: fitted on nine tenths, saved, loaded, fitted on all with another seed; mean of {} "
               "splits, worst {:.1f}",
               mix.size(), kSplits, worst)});
    return {};
}

/// As many templates as a large server knows: eight applications with tables of their own, statements that resemble recorded ones.
inline std::vector<models::TemplateSample> many_templates(std::span<const SourcedTemplate> mix, std::size_t count) {
    base::Random random(1);
    std::vector<models::TemplateSample> samples;
    while (samples.size() < count) {
        auto sample = random.pick(mix).sample;
        sample.fingerprint = {random.next()};
        const auto application = random.integer(0, 7);
        for (auto& relation : sample.relations) relation.name = fmt::format("app{}.{}", application, relation.name);
        auto& counters = sample.counters;
        const double scale = std::exp(0.5 * random.normal()), calls = std::exp(2 * random.normal() + 3);
        const auto grown = [&](std::int64_t value, double by) { return std::llround(static_cast<double>(value) * by); };
        counters.calls = std::max<std::int64_t>(1, grown(counters.calls, calls));
        counters.exec_ms *= calls * scale, counters.exec_square_ms2 *= calls * scale * scale;
        for (auto* value : {&counters.rows, &counters.shared_hit, &counters.shared_read, &counters.shared_dirtied, &counters.wal_bytes})
            *value = grown(*value, calls * scale);
        for (int i = 0; i < 3; ++i)
            sample.facts[static_cast<std::size_t>(random.integer(6, sql::kFeatureCount - 1))] += static_cast<float>(random.integer(0, 1));
        samples.push_back(std::move(sample));
    }
    return samples;
}

inline base::Result<void> measure_time(std::span<const SourcedTemplate> mix) {
    const auto samples = many_templates(mix, 100'000);
    const auto seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
    const double start = seconds();
    ORRERY_ASSIGN(const auto fitted, models::WorkloadClusterer::fit(samples, {}));
    const double by_k_means = seconds() - start;
    ORRERY_ASSIGN(const auto dense, models::WorkloadClusterer::fit(samples, {.method = models::ClusterMethod::dbscan}));
    print(
        {"cluster.time_100000_templates", by_k_means, "s",
         fmt::format("CPU time of one fit: families of tables, scaling, choice of k among 30, k-means, {} profiles; {:.1f} s by DBSCAN ({} "
                     "clusters)",
                     fitted.profiles().size(), seconds() - start - by_k_means, dense.profiles().size())});
    return {};
}

inline base::Result<void> measure_clusters() {
    ORRERY_ASSIGN(const auto mix, record_cluster_mix());
    ORRERY_TRY(measure_agreement(mix));
    ORRERY_TRY(measure_time(mix));
    return measure_ids(mix);
}

}  // namespace orrery::bench
