#pragma once

#include <string>
#include <vector>

#include "store/observation_suite.hpp"

/// What a store tells of itself, for a look at it and for its transfer. Instantiated as the other suites are.
namespace orrery::store_testing {

class ExportSuite : public ObservationSuite {
protected:
    template <typename Item>
    static domain::Take<Item> into(std::vector<Item>& list) {
        return [&list](Item&& item) -> base::Result<void> {
            list.push_back(std::move(item));
            return {};
        };
    }
};

TEST_P(ExportSuite, EveryServerAndTemplateIsListed) {
    learn_both();
    const auto other = store->server("host:5432/other", "").value();
    const auto servers = open()->servers().value();
    ASSERT_EQ(servers.size(), 2U);
    EXPECT_EQ(servers[0].id, server);
    EXPECT_EQ(servers[0].target, "host:5432/shop");
    EXPECT_EQ(servers[0].system_identifier, "7001");
    EXPECT_EQ(servers[1].id, other);
    EXPECT_EQ(servers[1].system_identifier, "");
    const auto templates = store->templates().value();
    ASSERT_EQ(templates.size(), 2U);
    EXPECT_NE(templates[0].fingerprint, templates[1].fingerprint);
    for (const auto& item : templates)
        EXPECT_EQ(item.text, item.fingerprint == kOrdersPrint ? "SELECT * FROM orders WHERE id = $1" : "SELECT $1 FROM users");
}

TEST_P(ExportSuite, EveryIntervalComesOnceOldestFirst) {
    for (std::int64_t second = 0; second < 300; second += 60)
        ASSERT_TRUE(append(second, second + 60, {{kOrders, full_counters(second + 1), false}, {kUsers, full_counters(second + 2), true}}));
    ASSERT_TRUE(append(100'000, 200'000, {{kUsers, counters(1, 1), false}}));
    std::vector<domain::QueryLogInterval> found;
    ASSERT_TRUE(store->each_interval(server, into(found)));
    ASSERT_EQ(found.size(), 6U);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(found[i].start, at(static_cast<std::int64_t>(i) * 60));
        ASSERT_EQ(found[i].deltas.size(), 2U);
        for (const auto& delta : found[i].deltas)
            EXPECT_EQ(delta.counters, full_counters(static_cast<std::int64_t>(i) * 60 + (delta.key == kOrders ? 1 : 2)));
    }
    EXPECT_EQ(found[5].end, at(200'000));
    std::vector<domain::QueryLogInterval> none;
    ASSERT_TRUE(store->each_interval(server + 1, into(none)));
    EXPECT_TRUE(none.empty());
}

TEST_P(ExportSuite, EveryFrameOfEveryPartComesOnceOldestFirst) {
    std::vector<domain::Frame> written;
    for (std::int64_t second = 0; second < 3'000; second += 10) {
        written.push_back(tables(second, second + 10));
        written.push_back(tables(second, second + 10, "bank"));
    }
    written.push_back(tables(0, 5'000, "long"));
    write(written);
    std::vector<domain::Frame> found;
    ASSERT_TRUE(store->each_frame(server, "tables", into(found)));
    ASSERT_EQ(found.size(), written.size());
    for (std::size_t i = 1; i < found.size(); ++i) EXPECT_LE(found[i - 1].end, found[i].end);
    expect_equal(found[0].part == "shop" ? found[0] : found[1], tables(0, 10));
    EXPECT_EQ(found.back().part, "long");
}

TEST_P(ExportSuite, AnErrorOfTheReceiverEndsIt) {
    ASSERT_TRUE(append(0, 60, {}));
    write({tables(0, 10)});
    const auto full = [](auto&&) -> base::Result<void> { return base::unexpected(base::ErrorKind::cancelled, "enough"); };
    EXPECT_EQ(store->each_interval(server, full).error().kind, base::ErrorKind::cancelled);
    EXPECT_EQ(store->each_frame(server, "tables", full).error().kind, base::ErrorKind::cancelled);
    EXPECT_EQ(read(0, 10).size(), 1U) << "and the store goes on";
}

TEST_P(ExportSuite, PlansStatesAndEvaluationsOfAServer) {
    ASSERT_TRUE(
        store->write(server, {.plans = {plan(10, 7), plan(20, 7), plan(20, 8)}, .state = {{"server_log", "17"}, {"another", "x"}}}));
    const auto other = store->server("host:5432/other", "7002").value();
    ASSERT_TRUE(store->save_evaluation(server, {.action = 0, .verdict = "first"}));
    ASSERT_TRUE(store->save_evaluation(other, {.action = 0, .verdict = "not ours"}));
    ASSERT_TRUE(store->save_evaluation(server, {.action = 3, .verdict = "second"}));
    std::vector<domain::PlanSighting> plans;
    ASSERT_TRUE(store->each_plan(server, into(plans)));
    ASSERT_EQ(plans.size(), 3U);
    EXPECT_EQ(plans[0].seen, at(10));
    using States = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(store->states(server).value(), (States{{"another", "x"}, {"server_log", "17"}}));
    const auto evaluations = store->evaluations_of(server).value();
    ASSERT_EQ(evaluations.size(), 2U);
    EXPECT_EQ(evaluations[0].verdict, "first");
    EXPECT_EQ(evaluations[1].verdict, "second");
}

TEST_P(ExportSuite, AnImportedActionKeepsItsId) {
    auto action = sample_action();
    action.id = 41;
    action.state = ActionState::kept;
    ASSERT_TRUE(store->import_action(server, action));
    EXPECT_EQ(store->action(41).value()->state, ActionState::kept);
    EXPECT_EQ(store->action(41).value()->changed, action.changed);
    EXPECT_EQ(store->import_action(server, action).error().kind, base::ErrorKind::conflict);
    EXPECT_GT(store->add_action(server, sample_action()).value(), 41) << "new ones come behind";
}

TEST_P(ExportSuite, TheSummaryCountsByTier) {
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(1, 1), false}}));
    ASSERT_TRUE(append(60, 120, {}));
    write({tables(0, 10), tables(10, 20), tables(40, 95), tables(0, 600, "bank")});
    const auto summary = store->summary({{10s, 48h}, {60s, 336h}, {600s, 2'160h}}).value();
    EXPECT_FALSE(summary.kind.empty());
    EXPECT_FALSE(summary.place.empty());
    EXPECT_GT(summary.size.value, 0);
    ASSERT_EQ(summary.servers.size(), 1U);
    const auto& ours = summary.servers[0];
    EXPECT_EQ(ours.record.target, "host:5432/shop");
    EXPECT_EQ(ours.intervals.count, 2);
    EXPECT_EQ(ours.intervals.oldest, at(0));
    EXPECT_EQ(ours.intervals.newest, at(120));
    EXPECT_THAT(ours.intervals.tiers, testing::ElementsAre(0, 2, 0));
    ASSERT_EQ(ours.series.size(), 1U);
    EXPECT_EQ(ours.series[0].first, "tables");
    EXPECT_EQ(ours.series[0].second.count, 4);
    EXPECT_EQ(ours.series[0].second.newest, at(600));
    EXPECT_THAT(ours.series[0].second.tiers, testing::ElementsAre(2, 1, 1));
    EXPECT_EQ(store->summary({}).value().servers[0].series[0].second.count, 4) << "without tiers too";
}

}  // namespace orrery::store_testing
