#include "models/clustering/workload_clusterer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "models/clustering/template_mix.hpp"

namespace orrery::models {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<int> as_ints(std::span<const std::int64_t> labels) {
    return {labels.begin(), labels.end()};
}

std::vector<int> kinds_of(const std::vector<MixedTemplate>& mix) {
    std::vector<int> kinds;
    for (const auto& one : mix) kinds.push_back(one.kind);
    return kinds;
}

base::Result<WorkloadClusterer> saved_and_loaded(const WorkloadClusterer& clusterer) {
    base::ByteWriter out;
    clusterer.save(out);
    base::ByteReader in(out.bytes());
    auto loaded = WorkloadClusterer::load(in);
    EXPECT_EQ(in.left(), 0U);
    return loaded;
}

TEST(WorkloadClusterer, TellsKindsApart) {
    const auto mix = template_mix(40, 1);
    for (const auto method : {ClusterMethod::k_means, ClusterMethod::dbscan}) {
        const auto fitted = WorkloadClusterer::fit(samples_of(mix), {.method = method, .clusters = 3, .eps = 1});
        ASSERT_TRUE(fitted) << fitted.error().to_text();
        EXPECT_GT(adjusted_rand_index(kinds_of(mix), as_ints(fitted->labels())), 0.97) << to_string(method);
    }
}

TEST(WorkloadClusterer, KeepsApplicationsApartByTheirTables) {
    const auto mix = template_mix(40, 1);
    const auto fitted = WorkloadClusterer::fit(samples_of(mix), {});
    ASSERT_TRUE(fitted);
    for (std::size_t i = 0; i < mix.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if ((mix[i].kind == 2) != (mix[j].kind == 2)) {
                EXPECT_NE(fitted->labels()[i], fitted->labels()[j]);
            }
}

TEST(TemplateSample, NamesTablesByDatabaseWhereItMatters) {
    TemplateSample sample{.text = "SELECT a.x FROM a JOIN s.b ON b.id = a.b_id"};
    ASSERT_TRUE(read_text(sample));
    EXPECT_EQ(sample.relations[0].name, "a");
    EXPECT_THAT(sample.relations[0].columns, testing::ElementsAre("b_id", "x"));
    ASSERT_TRUE(read_text(sample, "shop"));
    EXPECT_EQ(sample.relations[0].name, "shop.a");
    EXPECT_EQ(sample.relations[1].name, "shop.s.b");
    EXPECT_EQ(sample.facts[6], 2);
    sample.text = "SELEC";
    EXPECT_FALSE(read_text(sample));
    EXPECT_EQ(sample.relations.size(), 2U);
}

TEST(WorkloadClusterer, PredictsWhereATemplateBelongs) {
    const auto mix = template_mix(40, 1);
    const auto fitted = WorkloadClusterer::fit(samples_of(mix), {.clusters = 3});
    ASSERT_TRUE(fitted);
    for (const auto& one : template_mix(10, 2)) {
        const auto answer = fitted->predict(one.sample);
        EXPECT_EQ(answer.id, fitted->labels()[static_cast<std::size_t>(one.kind)]) << one.sample.text;
    }
}

TEST(WorkloadClusterer, CallsANewKindOfQueryNoise) {
    const auto mix = template_mix(40, 1);
    const auto samples = samples_of(mix);
    const auto strange = template_sample(
        "WITH a AS (SELECT DISTINCT x FROM p LEFT JOIN q ON p.i > q.i WHERE x LIKE '%k%' OR y IN (1,2,3) UNION SELECT z FROM r), b AS "
        "(SELECT "
        "max(y) FROM s, t, u) SELECT * FROM a, b, v WHERE a.x <> v.x ORDER BY 1 LIMIT 5",
        1e6, 1e6, 1e7, 9);
    for (const auto method : {ClusterMethod::k_means, ClusterMethod::dbscan}) {
        const auto fitted = WorkloadClusterer::fit(samples, {.method = method, .clusters = 3});
        ASSERT_TRUE(fitted);
        EXPECT_EQ(fitted->predict(strange).id, 0) << to_string(method);
    }
}

TEST(WorkloadClusterer, NamesWhatSetsAClusterApart) {
    const auto mix = template_mix(40, 1);
    const auto fitted = WorkloadClusterer::fit(samples_of(mix), {.clusters = 3});
    ASSERT_TRUE(fitted);
    double time = 0, calls = 0;
    std::set<std::string> names;
    for (const auto& profile : fitted->profiles()) {
        time += profile.time_share, calls += profile.call_share;
        names.insert(profile.name);
        EXPECT_EQ(profile.templates, 40U);
        EXPECT_EQ(profile.examples.size(), 5U);
        ASSERT_FALSE(profile.traits.empty());
        EXPECT_GE(profile.traits.front().strength, profile.traits.back().strength);
    }
    EXPECT_NEAR(time, 1, 1e-9);
    EXPECT_NEAR(calls, 1, 1e-9);
    EXPECT_EQ(names.size(), 3U);
    // In the order of their time.
    EXPECT_EQ(fitted->profiles()[0].name, "joins of 3 tables with aggregates on days, facts");
    EXPECT_GT(fitted->profiles()[0].time_share, 0.99);
    EXPECT_EQ(fitted->profiles()[1].name, "updates on accounts");
    EXPECT_EQ(fitted->profiles()[2].name, "short joins of 2 tables on accounts, owners");
}

TEST(WorkloadClusterer, KeepsIdsWithNewData) {
    const auto mix = template_mix(40, 1);
    const auto samples = samples_of(mix);
    const auto first = WorkloadClusterer::fit(samples, {.clusters = 3});
    ASSERT_TRUE(first);
    const auto restarted = saved_and_loaded(*first);
    ASSERT_TRUE(restarted);
    auto more = samples;
    for (const auto& one : template_mix(4, 3)) more.insert(more.begin(), one.sample);
    const auto second = WorkloadClusterer::fit(more, {.clusters = 3, .seed = 99}, &*restarted);
    ASSERT_TRUE(second);
    const auto old_labels = second->labels().subspan(12);
    EXPECT_EQ(std::vector(old_labels.begin(), old_labels.end()), std::vector(first->labels().begin(), first->labels().end()));
}

TEST(WorkloadClusterer, GivesNoIdTwice) {
    const auto samples = samples_of(template_mix(40, 1));
    std::vector<TemplateSample> reports, others;
    for (std::size_t i = 0; i < samples.size(); ++i) (i % 3 == 2 ? reports : others).push_back(samples[i]);
    const auto first = WorkloadClusterer::fit(others, {.clusters = 2});
    ASSERT_TRUE(first);
    const auto second = WorkloadClusterer::fit(reports, {.clusters = 1}, &*first);
    ASSERT_TRUE(second);
    EXPECT_THAT(second->labels(), Each(3));
    EXPECT_EQ(second->model().next_id, 4);
}

TEST(WorkloadClusterer, SavesAndLoads) {
    const auto mix = template_mix(20, 1);
    for (const auto method : {ClusterMethod::k_means, ClusterMethod::dbscan}) {
        const auto fitted = WorkloadClusterer::fit(samples_of(mix), {.method = method});
        ASSERT_TRUE(fitted);
        const auto loaded = saved_and_loaded(*fitted);
        ASSERT_TRUE(loaded) << loaded.error().to_text();
        for (const auto& one : template_mix(20, 2)) {
            EXPECT_EQ(fitted->predict(one.sample).id, loaded->predict(one.sample).id);
            EXPECT_EQ(fitted->predict(one.sample).distance, loaded->predict(one.sample).distance);
        }
        base::ByteWriter before, after;
        fitted->save(before);
        loaded->save(after);
        EXPECT_EQ(before.bytes(), after.bytes());
    }
}

TEST(WorkloadClusterer, RefusesDamagedBytes) {
    const auto fitted = WorkloadClusterer::fit(samples_of(template_mix(10, 1)), {});
    ASSERT_TRUE(fitted);
    base::ByteWriter out;
    fitted->save(out);
    for (std::size_t length = 0; length < out.bytes().size(); length += 7) {
        base::ByteReader in(std::string_view(out.bytes()).substr(0, length));
        EXPECT_FALSE(WorkloadClusterer::load(in)) << length;
    }
    auto newer = out.bytes();
    newer[0] = 9;
    base::ByteReader in(newer);
    EXPECT_EQ(WorkloadClusterer::load(in).error().kind, base::ErrorKind::unsupported);
}

TEST(WorkloadClusterer, IsTheSameForTheSameSeed) {
    const auto samples = samples_of(template_mix(30, 1));
    base::ByteWriter one, two;
    WorkloadClusterer::fit(samples, {})->save(one);
    WorkloadClusterer::fit(samples, {})->save(two);
    EXPECT_EQ(one.bytes(), two.bytes());
}

TEST(WorkloadClusterer, RefusesNothing) {
    EXPECT_EQ(WorkloadClusterer::fit({}, {}).error().kind, base::ErrorKind::invalid_input);
}

TEST(WorkloadClusterer, TakesOneTemplateAsOneCluster) {
    const auto one = template_sample("SELECT a FROM t WHERE id = $1", 1, 1, 3, 1);
    const auto fitted = WorkloadClusterer::fit({&one, 1}, {});
    ASSERT_TRUE(fitted);
    EXPECT_THAT(fitted->labels(), Each(1));
    EXPECT_EQ(fitted->predict(one).id, 1);
    EXPECT_EQ(fitted->profiles()[0].name, "single-row look-ups by key on t");
}

TEST(WorkloadClusterer, TakesCopiesAsOneCluster) {
    const std::vector copies(30, template_sample("SELECT a FROM t WHERE id = $1", 1, 1, 3, 1));
    for (const auto method : {ClusterMethod::k_means, ClusterMethod::dbscan}) {
        const auto fitted = WorkloadClusterer::fit(copies, {.method = method});
        ASSERT_TRUE(fitted);
        EXPECT_THAT(fitted->labels(), Each(1));
    }
}

TEST(WorkloadClusterer, StandsNumbersThatAreNone) {
    auto samples = samples_of(template_mix(20, 1));
    samples[0].counters.exec_ms = std::numeric_limits<double>::quiet_NaN();
    samples[1].counters.exec_ms = std::numeric_limits<double>::infinity();
    samples[2].counters.exec_ms = -5;
    samples[3].counters = {};
    samples[4].counters.rows = std::numeric_limits<std::int64_t>::min();
    samples[5].facts[7] = std::numeric_limits<float>::infinity();
    samples[6].calls_by_hour.assign(168, std::numeric_limits<double>::quiet_NaN());
    samples[7].calls_by_hour.assign(3, 1.0);
    samples[8].plan = std::vector<double>(4, 1.0);
    for (const auto view : {ClusterView::what, ClusterView::when})
        for (const auto method : {ClusterMethod::k_means, ClusterMethod::dbscan}) {
            const auto fitted = WorkloadClusterer::fit(samples, {.view = view, .method = method});
            ASSERT_TRUE(fitted) << fitted.error().to_text();
            for (const double centre : fitted->model().centres) ASSERT_TRUE(std::isfinite(centre));
            for (const auto& sample : samples) EXPECT_TRUE(std::isfinite(fitted->predict(sample).distance));
            EXPECT_TRUE(saved_and_loaded(*fitted));
        }
}

/// Calls a week: at night, in office hours, or all the time.
TemplateSample arriving(int kind, base::Random& random, std::uint64_t number) {
    auto sample = template_sample("SELECT a FROM t WHERE id = $1", 1, 1, 3, number);
    const double level = std::exp(random.normal());
    for (int hour = 0; hour < 168; ++hour) {
        const int of_day = hour % 24, day = hour / 24;
        const bool on = kind == 0 ? of_day < 4 : kind == 1 ? day < 5 && of_day >= 8 && of_day < 18 : true;
        sample.calls_by_hour.push_back(on ? level * 100 * (1 + 0.2 * random.normal()) : 0);
    }
    return sample;
}

TEST(WorkloadClusterer, TellsWhenQueriesCome) {
    base::Random random(4);
    std::vector<TemplateSample> samples;
    std::vector<int> kinds;
    for (int i = 0; i < 90; ++i) {
        samples.push_back(arriving(i % 3, random, static_cast<std::uint64_t>(i)));
        kinds.push_back(i % 3);
    }
    const auto fitted = WorkloadClusterer::fit(samples, {.view = ClusterView::when});
    ASSERT_TRUE(fitted);
    EXPECT_EQ(adjusted_rand_index(kinds, as_ints(fitted->labels())), 1.0);
    std::set<std::string> names;
    for (const auto& profile : fitted->profiles()) names.insert(profile.name);
    EXPECT_EQ(names, (std::set<std::string>{"mostly 00-04 h UTC", "mostly 08-17 h UTC, on workdays", "round the clock"}));
}

}  // namespace
}  // namespace orrery::models
