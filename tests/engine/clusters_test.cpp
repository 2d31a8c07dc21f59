#include "engine/clusters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "base/folder.hpp"
#include "domain/plan_features.hpp"
#include "engine/clustered_history.hpp"
#include "engine/predicting.hpp"
#include "store/sqlite_store.hpp"
#include "training/registry.hpp"

namespace orrery::engine {
namespace {

using namespace std::chrono_literals;

class Clusters : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = base::TemporaryFolder::create("clusters");
        ASSERT_TRUE(made);
        folder_.emplace(std::move(*made));
        context_.clock = &clock_;
        ASSERT_TRUE(context_.settings.set("model.folder", (folder_->path() / "models").string()));
        open("orrery.db");
    }
    void open(const std::string& name) {
        auto opened = store::SqliteStore::open(folder_->path() / name, {.clock = &clock_});
        ASSERT_TRUE(opened) << opened.error().to_text();
        store_ = std::make_unique<store::SqliteStore>(std::move(*opened));
        place_.store = store_.get();
        place_.stretch.server = *store_->server("db:5432/shop", "1");
        place_.stretch.database = testing::kMadeUpDatabase;
        place_.stretch.to = kEnd;
        place_.stretch.from = kEnd - kClusterHistory;
        place_.target = "db:5432/shop";
    }
    void make_up(int days, const std::vector<testing::MadeUpTemplate>& more = {}) {
        testing::make_up_history(*store_, place_.stretch.server, testing::kMadeUpDatabase, kEnd, days, more);
    }
    TrainClustersReport train(const TrainClustersRequest& request = {}) {
        auto report = train_clusters(context_, place_, request);
        EXPECT_TRUE(report) << report.error().to_text();
        return report ? *report : TrainClustersReport{};
    }
    ClustersReport analyze() {
        auto report = analyze_clusters(context_, place_);
        EXPECT_TRUE(report) << report.error().to_text();
        return report ? *report : ClustersReport{};
    }
    /// Which of the three kinds the examples of a cluster are.
    static std::string kind_of(const models::ClusterProfile& profile) {
        std::set<std::string> kinds;
        for (const auto& item : testing::made_up_templates())
            for (const auto& fingerprint : profile.examples)
                if (sql::analyze(item.text).fingerprint == fingerprint)
                    kinds.insert(item.text.starts_with("INSERT")               ? "writes"
                                 : item.text.find("JOIN") != std::string::npos ? "reports"
                                                                               : "look-ups");
        return kinds.size() == 1 ? *kinds.begin() : "mixed";
    }

    static constexpr base::WallTime kEnd{1'800'000'000s};  // a Friday, 08:00 UTC
    base::ManualClock clock_{kEnd};
    std::optional<base::TemporaryFolder> folder_;
    std::unique_ptr<store::SqliteStore> store_;
    Context context_;
    ClusterPlace place_;
};

TEST_F(Clusters, SamplesHoldCountersRhythmTextAndNewestPlan) {
    make_up(14);
    const auto report = sql::analyze(testing::made_up_templates()[6].text).fingerprint;
    const auto sighting = [&](const char* node, std::chrono::hours back) {
        return domain::PlanSighting{
            .fingerprint = report,
            .database = "shop",
            .shape_hash = static_cast<std::uint64_t>(back.count()),
            .seen = kEnd - back,
            .source = "explain",
            .document = std::string(R"({"Plan":{"Node Type":")") + node +
                        R"(","Relation Name":"orders","Startup Cost":0,"Total Cost":9,"Plan Rows":5,"Plan Width":4}})"};
    };
    ASSERT_TRUE(store_->write(place_.stretch.server, {.plans = {sighting("Index Scan", 50h), sighting("Seq Scan", 5h)}}));
    const auto history = read_cluster_history(*store_, place_.stretch).value();
    ASSERT_EQ(history.samples.size(), testing::made_up_templates().size()) << "not Orrery's own";
    EXPECT_EQ(history.start, kEnd - 336h);
    EXPECT_EQ(history.end, kEnd);
    const auto found = std::find_if(history.samples.begin(), history.samples.end(), [&](const auto& s) { return s.fingerprint == report; });
    ASSERT_NE(found, history.samples.end());
    EXPECT_NE(found->text.find("GROUP BY"), std::string::npos);
    EXPECT_GT(found->facts[0], 0) << "select";
    EXPECT_GE(found->counters.calls, 13 * 3) << "in this database, once a night";
    EXPECT_LT(found->counters.calls, 15 * 5);
    EXPECT_EQ(found->seconds, 336 * 3'600);
    ASSERT_EQ(found->calls_by_hour.size(), 168U);
    for (std::size_t hour = 0; hour < 168; ++hour) EXPECT_EQ(found->calls_by_hour[hour] > 0, hour % 24 == 2) << hour;
    ASSERT_TRUE(found->plan);
    const auto names = domain::plan_feature_names();
    const auto at = [&](std::string_view name) {
        return (*found->plan)[static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin())];
    };
    EXPECT_EQ(at("op.seq_scan"), 1) << "the newest";
    const auto other = std::find_if(history.samples.begin(), history.samples.end(), [&](const auto& s) { return s.fingerprint != report; });
    EXPECT_FALSE(other->plan);
}

TEST_F(Clusters, WhatIsLeftOutIsTold) {
    make_up(3, {{"THIS IS NO STATEMENT $1", 50, 1}});
    auto history = read_cluster_history(*store_, place_.stretch, {.most_templates = 10}).value();
    EXPECT_EQ(history.samples.size(), 10U);
    const auto lighter =
        std::find_if(history.left_out.begin(), history.left_out.end(), [](const auto& item) { return item.why.starts_with("lighter"); });
    ASSERT_NE(lighter, history.left_out.end());
    EXPECT_GE(lighter->count, 4U);
    EXPECT_LT(lighter->time_share, 0.1) << "the heaviest are taken";
    // Another database has none of it, and an empty store says what to do.
    auto elsewhere = place_.stretch;
    elsewhere.database = 7;
    const auto none = read_cluster_history(*store_, elsewhere);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, base::ErrorKind::missing_object);
    EXPECT_NE(none.error().hint.find("collect"), std::string::npos);
    open("empty.db");
    EXPECT_FALSE(analyze_clusters(context_, place_));
    EXPECT_FALSE(train_clusters(context_, place_, {}));
}

TEST_F(Clusters, ArrivalsAddUpAndGapsAreNotZeros) {
    make_up(10);
    const auto arrivals = read_arrivals(*store_, place_.stretch, [](domain::Fingerprint) { return std::int64_t{5}; }).value();
    ASSERT_EQ(arrivals.size(), 1U);
    const auto& history = arrivals.at(5);
    ASSERT_EQ(history.calls.size(), 240U);
    EXPECT_EQ(history.start, kEnd - 240h);
    double sum = 0, gaps = 0;
    for (const double calls : history.calls) std::isnan(calls) ? gaps += 1 : sum += calls;
    EXPECT_EQ(gaps, 6);
    double counted = 0;
    for (const auto& sample : read_cluster_history(*store_, place_.stretch)->samples) counted += static_cast<double>(sample.counters.calls);
    EXPECT_NEAR(sum, counted, 1e-6 * counted);
    // Half an hour later, each bin holds halves of two hours.
    auto shifted = place_.stretch;
    shifted.to = kEnd - 30min;
    const auto halves = read_arrivals(*store_, shifted, [](domain::Fingerprint) { return std::int64_t{5}; }).value().at(5);
    const auto last = halves.calls.size() - 2;
    EXPECT_NEAR(halves.calls[last], (history.calls[237] + history.calls[238]) / 2, 1e-6 * halves.calls[last]);
}

TEST_F(Clusters, TrainedOnceFoundAgainWithTheirForecasts) {
    make_up(21);
    const auto trained = train();
    EXPECT_EQ(trained.version, 1);
    EXPECT_TRUE(trained.promoted);
    EXPECT_EQ(trained.templates, testing::made_up_templates().size());
    std::map<std::string, std::int64_t> ids;
    for (const auto& profile : trained.profiles) ids[kind_of(profile)] = profile.id;
    EXPECT_EQ(ids.count("mixed"), 0U);
    EXPECT_EQ(ids.size(), 3U);

    const auto report = analyze();
    EXPECT_EQ(report.version, 1);
    EXPECT_TRUE(report.strangers.empty());
    EXPECT_LT(report.moved_share, 0.01);
    EXPECT_FALSE(report.outdated);
    double time = 0;
    for (const auto& cluster : report.clusters) {
        time += cluster.profile.time_share;
        const auto kind = kind_of(cluster.profile);
        ASSERT_EQ(cluster.past.size(), 21U * 24) << kind;
        ASSERT_TRUE(cluster.forecast) << kind;
        const auto& forecast = *cluster.forecast;
        ASSERT_EQ(forecast.bins.size(), 24U);
        EXPECT_EQ(forecast.bins[0].start, kEnd);
        for (const auto& point : forecast.bins) {
            const bool at_two = base::to_unix_ms(point.start) / 3'600'000 % 24 == 2;
            if (kind == "reports") {
                EXPECT_EQ(point.calls > 5, at_two);
            }
            if (kind == "writes") {
                EXPECT_NEAR(point.calls, 480 * static_cast<double>(cluster.profile.templates) / 4, 60);
            }
        }
        EXPECT_GT(forecast.total.calls, 0);
        EXPECT_LE(forecast.total.low, forecast.total.calls);
    }
    EXPECT_NEAR(time, 1, 1e-9);
    EXPECT_GE(report.clusters.front().ms, report.clusters.back().ms);
}

TEST_F(Clusters, NewKindsOfQueryAreShownAndOldOnesKeepTheirIds) {
    make_up(21);
    const auto first = train();
    open("later.db");
    make_up(
        21,
        {{"WITH RECURSIVE t AS (SELECT id, parent, 1 AS depth FROM nodes WHERE id = $1 UNION ALL SELECT n.id, n.parent, t.depth + 1 FROM "
          "nodes n JOIN t ON t.id = n.parent) SELECT count(*), max(depth) FROM t WHERE EXISTS (SELECT 1 FROM marks m WHERE m.node = t.id "
          "AND m.kind LIKE $2 AND m.at BETWEEN $3 AND $4) LIMIT $5",
          900, 400}});
    const auto report = analyze();
    EXPECT_EQ(report.version, 1);
    ASSERT_EQ(report.strangers.size(), 1U);
    EXPECT_FALSE(report.strangers[0].in_training);
    EXPECT_NE(report.strangers[0].text.find("RECURSIVE"), std::string::npos);
    EXPECT_GT(report.stranger_share, 0.3);
    EXPECT_TRUE(report.outdated);

    const auto second = train();
    EXPECT_EQ(second.version, 2);
    EXPECT_EQ(second.parent, 1);
    EXPECT_EQ(second.kept_ids, first.profiles.size());
    for (const auto& profile : second.profiles)
        for (const auto& before : first.profiles)
            if (kind_of(before) == kind_of(profile)) {
                EXPECT_EQ(profile.id, before.id) << kind_of(profile);
            }
    EXPECT_EQ(analyze().version, 2);
}

TEST_F(Clusters, WithoutATrainedModelTheyAreFoundOnTheFly) {
    make_up(4);
    const auto report = analyze();
    EXPECT_EQ(report.version, 0);
    EXPECT_NE(report.remark.find("no clusters were trained"), std::string::npos);
    EXPECT_EQ(report.clusters.size(), 3U);
    EXPECT_FALSE(report.outdated);
    // A dry run stores nothing, one that is not promoted is not used.
    EXPECT_EQ(train({.dry_run = true}).version, 0);
    EXPECT_EQ(analyze().version, 0);
    const auto aside = train({.promote = false});
    EXPECT_EQ(aside.version, 1);
    EXPECT_FALSE(aside.promoted);
    EXPECT_EQ(analyze().version, 0);
    // The views are models of their own.
    ASSERT_TRUE(context_.settings.set("model.cluster_view", "when"));
    const auto when = train();
    EXPECT_EQ(when.view, "when");
    EXPECT_EQ(when.version, 1);
    EXPECT_EQ(analyze().version, 1);
    ASSERT_TRUE(context_.settings.set("model.cluster_view", "what"));
    EXPECT_EQ(analyze().version, 0);
}

TEST_F(Clusters, TheSameHistoryGivesTheSameModel) {
    make_up(4);
    (void)train({.promote = false});
    (void)train({.promote = false});
    const auto registry = open_registry(context_).value();
    const auto one = registry.load("clusters", place_.target, 1).value(), two = registry.load("clusters", place_.target, 2).value();
    EXPECT_EQ(one.payload, two.payload);
    EXPECT_EQ(one.record.data_hash, two.record.data_hash);
    EXPECT_EQ(one.record.features_hash, two.record.features_hash);
    EXPECT_EQ(one.record.created, kEnd);
}

TEST_F(Clusters, ADamagedModelIsToldAndNotInTheWay) {
    make_up(4);
    (void)train();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_->path() / "models"))
        if (entry.is_regular_file() && entry.file_size() > 200) std::filesystem::resize_file(entry.path(), entry.file_size() / 2);
    const auto report = analyze();
    EXPECT_EQ(report.version, 0);
    EXPECT_NE(report.remark.find("cannot be used"), std::string::npos) << report.remark;
    EXPECT_EQ(report.clusters.size(), 3U);
    const auto again = train();
    EXPECT_EQ(again.parent, 0);
    EXPECT_EQ(again.version, 2);
    EXPECT_EQ(analyze().version, 2);
}

TEST_F(Clusters, AStopRequestEndsTheReading) {
    make_up(2);
    std::stop_source stop;
    place_.stretch.stop = stop.get_token();
    ASSERT_TRUE(analyze_clusters(context_, place_));
    stop.request_stop();
    const auto analyzed = analyze_clusters(context_, place_);
    ASSERT_FALSE(analyzed);
    EXPECT_EQ(analyzed.error().kind, base::ErrorKind::cancelled);
    EXPECT_FALSE(read_arrivals(*store_, place_.stretch, [](domain::Fingerprint) { return std::int64_t{1}; }));
}

TEST_F(Clusters, SettingsThatDoNotGoTogetherAreRefused) {
    make_up(2);
    ASSERT_TRUE(context_.settings.set("model.cluster_method", "dbscan"));
    ASSERT_TRUE(context_.settings.set("model.clusters", "4"));
    const auto refused = train_clusters(context_, place_, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input);
    ASSERT_TRUE(context_.settings.set("model.clusters", "0"));
    ASSERT_TRUE(context_.settings.set("model.cluster_minimum_points", "3"));
    EXPECT_EQ(train().method, "dbscan");
}

}  // namespace
}  // namespace orrery::engine
