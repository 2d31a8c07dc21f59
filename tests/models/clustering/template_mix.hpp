#pragma once

#include <string>
#include <vector>

#include "base/random.hpp"
#include "models/clustering/workload_clusterer.hpp"

/// Templates of two applications with counters such as a server keeps of them.
namespace orrery::models {

struct MixedTemplate {
    TemplateSample sample;
    int kind = 0;  ///< 0 look-ups of a bank, 1 its writes, 2 reports of a warehouse
};

inline TemplateSample template_sample(const std::string& text, double ms, double rows, double blocks, std::uint64_t number) {
    TemplateSample sample{.fingerprint = {number}, .text = text};
    auto& counters = sample.counters;
    counters.calls = 100;
    counters.rows = static_cast<std::int64_t>(rows * 100);
    counters.exec_ms = ms * 100, counters.exec_square_ms2 = ms * ms * 110;
    counters.shared_hit = static_cast<std::int64_t>(blocks * 100);
    if (!text.starts_with("SELECT")) counters.shared_dirtied = 100, counters.wal_bytes = 20'000;
    if (const auto read = read_text(sample); !read) sample.text = read.error().message;
    return sample;
}

inline std::vector<MixedTemplate> template_mix(std::size_t each, std::uint64_t seed) {
    base::Random random(seed);
    const auto some = [&](double mean) { return mean * std::exp(0.3 * random.normal()); };
    std::vector<MixedTemplate> mix;
    for (std::size_t i = 0; i < each; ++i) {
        const auto number = 3 * i + 1'000'000 * seed;
        const auto column = "c" + std::to_string(i % 7);
        mix.push_back({template_sample("SELECT " + column + " FROM accounts a JOIN owners o ON o.id = a.owner WHERE a.id = $1", some(0.05),
                                       1, some(6), number),
                       0});
        mix.push_back({template_sample("UPDATE accounts SET " + column + " = $1 WHERE id = $2", some(0.1), 1, some(5), number + 1), 1});
        mix.push_back({template_sample("SELECT s.region, sum(f." + column +
                                           "), avg(f.price) FROM facts f JOIN stores s ON f.store = s.id "
                                           "JOIN days d ON f.day = d.id WHERE d.year = $1 GROUP BY s.region ORDER BY 2 DESC",
                                       some(400), 30, some(20'000), number + 2),
                       2});
    }
    return mix;
}

inline std::vector<TemplateSample> samples_of(const std::vector<MixedTemplate>& mix) {
    std::vector<TemplateSample> samples;
    for (const auto& one : mix) samples.push_back(one.sample);
    return samples;
}

}  // namespace orrery::models
