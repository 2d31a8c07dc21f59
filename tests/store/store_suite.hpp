#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "domain/store.hpp"
#include "store/samples.hpp"

/// What every backend of domain::Store has to do, written against the interface alone. A backend's test instantiates it:
///   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreSuite, testing::Values(StoreBackend{"sqlite", make_place}));
namespace orrery::store_testing {

using domain::ActionState;
using domain::Fingerprint;
using domain::StatementKey;

class StoreSuite : public testing::TestWithParam<StoreBackend> {
protected:
    void SetUp() override {
        place = GetParam().make_place();
        store = open();
        server = store->server("host:5432/shop", "7001").value();
    }
    std::unique_ptr<domain::Store> open() {
        auto opened = place->open(clock);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void learn_both() {
        const std::vector<domain::KnownStatement> known{{kOrders, kOrdersPrint}, {kOrdersNested, kOrdersPrint}, {kUsers, kUsersPrint}};
        const std::vector<domain::QueryTemplate> templates{{kOrdersPrint, "SELECT * FROM orders WHERE id = $1"},
                                                           {kUsersPrint, "SELECT $1 FROM users"}};
        ASSERT_TRUE(store->save_known_statements(server, known));
        ASSERT_TRUE(store->save_templates(templates));
    }
    base::Result<void> append(std::int64_t from, std::int64_t to, std::vector<domain::StatementDelta> deltas) {
        domain::QueryLogInterval interval{.start = at(from), .end = at(to), .deltas = std::move(deltas)};
        for (const auto& delta : interval.deltas) interval.known_exec_ms += delta.counters.exec_ms;
        interval.total_exec_ms = interval.known_exec_ms * 2;
        return store->append(server, interval, {.taken = at(to), .scope = "all", .rows = {}});
    }

    base::ManualClock clock{at(1'000)};
    std::unique_ptr<StorePlace> place;
    std::unique_ptr<domain::Store> store;
    domain::ServerId server = 0;
};

TEST_P(StoreSuite, AServerKeepsItsIdAcrossConnections) {
    EXPECT_GT(server, 0);
    EXPECT_EQ(open()->server("host:5432/shop", "7001").value(), server);
    EXPECT_NE(store->server("host:5432/other", "7001").value(), server);
}

TEST_P(StoreSuite, AnotherServerAtTheSameAddressIsAnotherRecord) {
    const auto rebuilt = store->server("host:5432/shop", "7002").value();
    EXPECT_NE(rebuilt, server);
    EXPECT_EQ(store->server("host:5432/shop", "7001").value(), server);
    EXPECT_EQ(store->server("host:5432/shop", "").value(), rebuilt) << "without an identifier: the one last seen";
}

TEST_P(StoreSuite, AnIdentifierReadLaterCompletesTheRecord) {
    const auto unnamed = store->server("host:5432/late", "").value();
    EXPECT_EQ(store->server("host:5432/late", "7003").value(), unnamed);
    EXPECT_NE(store->server("host:5432/late", "7004").value(), unnamed);
}

TEST_P(StoreSuite, KnownStatementsComeBackAndCanBeCorrected) {
    learn_both();
    const std::vector<domain::KnownStatement> corrected{{kUsers, kOrdersPrint}};
    ASSERT_TRUE(store->save_known_statements(server, corrected));
    const auto known = open()->known_statements(server).value();
    ASSERT_EQ(known.size(), 3U);
    EXPECT_EQ(known[0].key, kOrders);
    EXPECT_EQ(known[0].fingerprint, kOrdersPrint);
    EXPECT_EQ(known[1].key, kOrdersNested);
    EXPECT_EQ(known[2].key, kUsers);
    EXPECT_EQ(known[2].fingerprint, kOrdersPrint);
    EXPECT_TRUE(store->known_statements(server + 1).value().empty());
}

TEST_P(StoreSuite, ACursorComesBackWhole) {
    EXPECT_FALSE(store->cursor(server).value().has_value());
    domain::QueryLogCursor saved{.taken = at(60),
                                 .scope = "role 7",
                                 .server_us = 1'700'000'060'000'123,
                                 .postmaster_us = 2,
                                 .reset_us = 3,
                                 .evictions = 12,
                                 .database_exec_ms = 1.0 / 3,
                                 .rows = {}};
    saved.rows = {{kOrders, full_counters(1), 1'700'000'000'123'456}, {kUsers, full_counters(2), 0}};
    ASSERT_TRUE(store->save_cursor(server, saved));
    const auto read = open()->cursor(server).value();
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->taken, saved.taken);
    EXPECT_EQ(read->scope, saved.scope);
    EXPECT_EQ(read->server_us, saved.server_us);
    EXPECT_EQ(read->postmaster_us, 2);
    EXPECT_EQ(read->reset_us, 3);
    EXPECT_EQ(read->evictions, 12);
    EXPECT_EQ(read->database_exec_ms, 1.0 / 3);
    ASSERT_EQ(read->rows.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(read->rows[i].key, saved.rows[i].key);
        EXPECT_EQ(read->rows[i].counters, saved.rows[i].counters);
        EXPECT_EQ(read->rows[i].since_us, saved.rows[i].since_us);
    }
}

TEST_P(StoreSuite, ANewCursorReplacesTheOldOneRowByRow) {
    ASSERT_TRUE(
        store->save_cursor(server, {.taken = at(60), .scope = "a", .rows = {{kOrders, full_counters(1)}, {kUsers, full_counters(2)}}}));
    const auto other = store->server("host:5432/other", "7002").value();
    ASSERT_TRUE(store->save_cursor(other, {.taken = at(60), .scope = "x", .rows = {{kUsers, full_counters(9)}}}));
    ASSERT_TRUE(store->append(server, {.start = at(60), .end = at(120), .deltas = {}},
                              {.taken = at(120), .scope = "b", .rows = {{kOrdersNested, full_counters(3)}, {kUsers, full_counters(4)}}}));
    const auto read = store->cursor(server).value();
    EXPECT_EQ(read->scope, "b");
    ASSERT_EQ(read->rows.size(), 2U);
    for (const auto& row : read->rows) EXPECT_EQ(row.counters, row.key == kUsers ? full_counters(4) : full_counters(3));
    EXPECT_EQ(store->cursor(other).value()->rows.at(0).counters, full_counters(9)) << "another server's cursor stays";
}

TEST_P(StoreSuite, IntervalsComeBackOldestFirstWithEveryCounter) {
    ASSERT_TRUE(append(120, 180, {{kUsers, full_counters(3), true}}));
    ASSERT_TRUE(append(0, 60, {{kOrders, full_counters(1), false}, {kOrdersNested, full_counters(2), false}}));
    const auto intervals = open()->intervals(server, at(0), at(180)).value();
    ASSERT_EQ(intervals.size(), 2U);
    EXPECT_EQ(intervals[0].start, at(0));
    EXPECT_EQ(intervals[0].end, at(60));
    EXPECT_DOUBLE_EQ(intervals[0].total_exec_ms, intervals[0].known_exec_ms * 2);
    ASSERT_EQ(intervals[0].deltas.size(), 2U);
    EXPECT_EQ(intervals[0].deltas[0].counters, full_counters(1));
    EXPECT_EQ(intervals[0].deltas[1].key, kOrdersNested);
    ASSERT_EQ(intervals[1].deltas.size(), 1U);
    EXPECT_EQ(intervals[1].deltas[0].key, kUsers);
    EXPECT_EQ(intervals[1].deltas[0].counters, full_counters(3));
    EXPECT_TRUE(intervals[1].deltas[0].lower_bound);
    EXPECT_FALSE(intervals[0].deltas[0].lower_bound);
}

TEST_P(StoreSuite, AWindowTakesOnlyIntervalsWhollyInside) {
    ASSERT_TRUE(append(0, 60, {}));
    ASSERT_TRUE(append(60, 120, {}));
    ASSERT_TRUE(append(120, 180, {}));
    EXPECT_EQ(store->intervals(server, at(0), at(180)).value().size(), 3U);
    const auto middle = store->intervals(server, at(30), at(150)).value();
    ASSERT_EQ(middle.size(), 1U);
    EXPECT_EQ(middle[0].start, at(60));
    EXPECT_TRUE(store->intervals(server + 1, at(0), at(180)).value().empty());
}

TEST_P(StoreSuite, AnOverlappingIntervalIsRefusedAndChangesNothing) {
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(5, 50)}}));
    const auto refused = append(30, 90, {{kOrders, counters(7, 70)}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::conflict);
    EXPECT_EQ(store->intervals(server, at(0), at(100)).value().size(), 1U);
    EXPECT_EQ(store->cursor(server).value()->taken, at(60));
    EXPECT_TRUE(append(60, 120, {})) << "the next one begins where the last ended";
}

TEST_P(StoreSuite, WorkloadSumsByTemplateHeaviestFirst) {
    learn_both();
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(10, 100, 30)}, {kUsers, counters(1, 500, 4)}}));
    ASSERT_TRUE(append(60, 120, {{kOrders, counters(20, 230, 60)}, {kOrdersNested, counters(10, 270, 30)}}));
    const auto workload = store->workload(server, at(0), at(120), 0).value();
    EXPECT_DOUBLE_EQ(workload.observed_seconds, 120);
    ASSERT_EQ(workload.statements.size(), 2U);
    const auto& orders = workload.statements[0];
    EXPECT_EQ(orders.fingerprint, kOrdersPrint);
    EXPECT_EQ(orders.text, "SELECT * FROM orders WHERE id = $1");
    EXPECT_DOUBLE_EQ(orders.calls, 40);
    EXPECT_DOUBLE_EQ(orders.mean_ms.value(), 15);
    EXPECT_DOUBLE_EQ(orders.rows_per_call.value(), 3);
    EXPECT_EQ(workload.statements[1].fingerprint, kUsersPrint);
    EXPECT_DOUBLE_EQ(workload.statements[1].mean_ms.value(), 500);
}

TEST_P(StoreSuite, WorkloadKeepsToItsDatabaseAndWindow) {
    learn_both();
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(10, 100)}, {kUsers, counters(1, 500)}}));
    ASSERT_TRUE(append(60, 120, {{kUsers, counters(2, 8)}}));
    const auto one_database = store->workload(server, at(0), at(120), kUsers.database).value();
    ASSERT_EQ(one_database.statements.size(), 1U);
    EXPECT_DOUBLE_EQ(one_database.statements[0].calls, 3);
    const auto late = store->workload(server, at(60), at(120), 0).value();
    ASSERT_EQ(late.statements.size(), 1U);
    EXPECT_DOUBLE_EQ(late.statements[0].calls, 2);
    EXPECT_DOUBLE_EQ(late.observed_seconds, 60);
}

TEST_P(StoreSuite, StatementsWithoutTemplateOrCallsStayOutOfTheWorkload) {
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(10, 100)}, {kUsers, counters(0, 0)}}));
    EXPECT_TRUE(store->workload(server, at(0), at(60), 0).value().statements.empty()) << "no text seen yet";
    learn_both();
    const auto workload = store->workload(server, at(0), at(60), 0).value();
    ASSERT_EQ(workload.statements.size(), 1U) << "learnt later, it counts from the start; without calls it does not";
    EXPECT_EQ(workload.statements[0].fingerprint, kOrdersPrint);
}

TEST_P(StoreSuite, StatementsOfOrrerysOwnAreNoWorkload) {
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(10, 100)}}));
    const std::vector<domain::KnownStatement> own{{kOrders, Fingerprint{}}};
    ASSERT_TRUE(store->save_known_statements(server, own));
    EXPECT_TRUE(store->workload(server, at(0), at(60), 0).value().statements.empty());
    EXPECT_EQ(store->known_statements(server).value().size(), 1U);
}

TEST_P(StoreSuite, AWithheldTextCanBeGivenLaterButNotTakenBack) {
    learn_both();
    ASSERT_TRUE(append(0, 60, {{kOrders, counters(1, 1)}}));
    const auto text_after = [&](const std::string& text) {
        const std::vector<domain::QueryTemplate> templates{{kOrdersPrint, text}};
        EXPECT_TRUE(store->save_templates(templates));
        return store->workload(server, at(0), at(60), 0).value().statements.at(0).text;
    };
    EXPECT_EQ(text_after(""), "SELECT * FROM orders WHERE id = $1");
    const std::vector<domain::KnownStatement> other{{kOrders, Fingerprint{42}}};
    ASSERT_TRUE(store->save_known_statements(server, other));
    const std::vector<domain::QueryTemplate> withheld{{Fingerprint{42}, ""}}, given{{Fingerprint{42}, "SELECT 1"}};
    ASSERT_TRUE(store->save_templates(withheld));
    EXPECT_EQ(store->workload(server, at(0), at(60), 0).value().statements.at(0).text, "");
    ASSERT_TRUE(store->save_templates(given));
    EXPECT_EQ(store->workload(server, at(0), at(60), 0).value().statements.at(0).text, "SELECT 1");
}

TEST_P(StoreSuite, ARecommendationComesBackWhole) {
    const std::vector<domain::Recommendation> saved{sample_recommendation("idx-3f2a9c01")};
    ASSERT_TRUE(store->save_recommendations(server, saved));
    const auto read = open()->recommendation("idx-3f2a9c01").value();
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->id, saved[0].id);
    EXPECT_EQ(read->kind, saved[0].kind);
    EXPECT_EQ(read->sql, saved[0].sql);
    EXPECT_EQ(read->revert_sql, saved[0].revert_sql);
    EXPECT_EQ(read->index, saved[0].index);
    EXPECT_EQ(read->spec, saved[0].spec);
    EXPECT_EQ(read->estimated_size, saved[0].estimated_size);
    EXPECT_EQ(read->benefit_cost, saved[0].benefit_cost);
    EXPECT_EQ(read->write_cost, saved[0].write_cost);
    EXPECT_DOUBLE_EQ(read->benefit_percent, 33.5);
    ASSERT_EQ(read->queries.size(), 1U);
    EXPECT_EQ(read->queries[0].fingerprint, kOrdersPrint);
    EXPECT_EQ(read->queries[0].cost_after, base::PlannerCost(4.5));
    EXPECT_EQ(read->why, saved[0].why);
}

TEST_P(StoreSuite, ARecommendationIsFoundByAUniqueBeginning) {
    const std::vector<domain::Recommendation> saved{sample_recommendation("idx-aa11"), sample_recommendation("idx-ab22"),
                                                    sample_recommendation("idx-ab")};
    ASSERT_TRUE(store->save_recommendations(server, saved));
    EXPECT_EQ(store->recommendation("idx-aa").value()->id, "idx-aa11");
    EXPECT_EQ(store->recommendation("idx-ab").value()->id, "idx-ab") << "an exact id wins";
    EXPECT_FALSE(store->recommendation("idx-c").value().has_value());
    EXPECT_FALSE(store->recommendation("").value().has_value());
    EXPECT_FALSE(store->recommendation("idx-%").value().has_value()) << "no wildcards";
    const auto ambiguous = store->recommendation("idx-a");
    ASSERT_FALSE(ambiguous);
    EXPECT_EQ(ambiguous.error().kind, base::ErrorKind::invalid_input);
}

TEST_P(StoreSuite, NewerAdviceComesFirstAndReplacesTheSameId) {
    const std::vector<domain::Recommendation> first{sample_recommendation("idx-1"), sample_recommendation("idx-2")};
    std::vector<domain::Recommendation> second{sample_recommendation("idx-3"), sample_recommendation("idx-1")};
    second[1].why = "newer";
    ASSERT_TRUE(store->save_recommendations(server, first));
    ASSERT_TRUE(store->save_recommendations(server, second));
    const auto all = store->recommendations(server).value();
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].id, "idx-3");
    EXPECT_EQ(all[1].id, "idx-1");
    EXPECT_EQ(all[1].why, "newer");
    EXPECT_EQ(all[2].id, "idx-2");
    EXPECT_TRUE(store->recommendations(server + 1).value().empty());
    EXPECT_EQ(store->recommendation("idx-1").value()->why, "newer");
}

TEST_P(StoreSuite, AnActionComesBackWhole) {
    const auto saved = sample_action();
    const auto id = store->add_action(server, saved).value();
    EXPECT_GT(id, 0);
    const auto read = open()->action(id).value();
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->id, id);
    EXPECT_EQ(read->recommendation_id, saved.recommendation_id);
    EXPECT_EQ(read->target, saved.target);
    EXPECT_EQ(read->kind, saved.kind);
    EXPECT_EQ(read->index, saved.index);
    EXPECT_EQ(read->sql, saved.sql);
    EXPECT_EQ(read->revert_sql, saved.revert_sql);
    EXPECT_EQ(read->lock_level, saved.lock_level);
    EXPECT_EQ(read->state, ActionState::planned);
    EXPECT_EQ(read->created, saved.created);
    EXPECT_EQ(read->changed, saved.changed);
    EXPECT_DOUBLE_EQ(read->predicted_percent, 12.5);
    EXPECT_FALSE(store->action(id + 1).value().has_value());
}

TEST_P(StoreSuite, TheLedgerIsInOrderOfOneServerOrAll) {
    const auto other = store->server("host:5432/other", "7002").value();
    const auto first = store->add_action(server, sample_action()).value();
    const auto second = store->add_action(other, sample_action()).value();
    const auto third = store->add_action(server, sample_action()).value();
    const auto ids = [&](domain::ServerId which) {
        std::vector<std::int64_t> found;
        for (const auto& action : store->actions(which).value()) found.push_back(action.id);
        return found;
    };
    EXPECT_THAT(ids(server), testing::ElementsAre(first, third));
    EXPECT_THAT(ids(0), testing::ElementsAre(first, second, third));
}

TEST_P(StoreSuite, AnActionMovesOnlyFromTheExpectedState) {
    const auto id = store->add_action(server, sample_action()).value();
    const auto other_process = open();
    ASSERT_TRUE(store->move_action(id, ActionState::planned, ActionState::applying, "begun"));
    const auto refused = other_process->move_action(id, ActionState::planned, ActionState::applying, "begun twice");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::conflict);
    EXPECT_NE(refused.error().detail.find("applying"), std::string::npos);
    const auto read = other_process->action(id).value();
    EXPECT_EQ(read->state, ActionState::applying);
    EXPECT_EQ(read->note, "begun");
    EXPECT_EQ(read->changed, clock.now());
    const auto unknown = store->move_action(id + 1, ActionState::planned, ActionState::applying, "");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().kind, base::ErrorKind::missing_object);
}

TEST_P(StoreSuite, EveryStateOfAnActionIsKept) {
    using enum ActionState;
    const auto id = store->add_action(server, sample_action()).value();
    ActionState now = planned;
    for (const auto next : {applying, applied, kept, reverting, reverted, failed}) {
        ASSERT_TRUE(store->move_action(id, now, next, ""));
        EXPECT_EQ(store->action(id).value()->state, next);
        now = next;
    }
}

TEST_P(StoreSuite, EvaluationsComeBackWholeInOrder) {
    domain::Evaluation evaluation{.action = 5,
                                  .before_ms = 1'000.5,
                                  .after_ms = 250.25,
                                  .gain_percent = 75,
                                  .low_percent = 70.5,
                                  .high_percent = 79.5,
                                  .templates = {{kOrdersPrint, 10, 12, 100.5, 20.25, 0.001}},
                                  .slower = {kUsersPrint, kOrdersPrint},
                                  .enough_data = false,
                                  .verdict = "kept"};
    ASSERT_TRUE(store->save_evaluation(server, evaluation));
    evaluation.verdict = "again";
    ASSERT_TRUE(store->save_evaluation(server, evaluation));
    evaluation.action = 6;
    ASSERT_TRUE(store->save_evaluation(server, evaluation));
    const auto read = open()->evaluations(5).value();
    ASSERT_EQ(read.size(), 2U);
    EXPECT_EQ(read[1].verdict, "again");
    EXPECT_EQ(read[0].verdict, "kept");
    EXPECT_DOUBLE_EQ(read[0].before_ms, 1'000.5);
    EXPECT_DOUBLE_EQ(read[0].after_ms, 250.25);
    EXPECT_DOUBLE_EQ(read[0].gain_percent, 75);
    EXPECT_DOUBLE_EQ(read[0].low_percent, 70.5);
    EXPECT_DOUBLE_EQ(read[0].high_percent, 79.5);
    EXPECT_FALSE(read[0].enough_data);
    ASSERT_EQ(read[0].templates.size(), 1U);
    EXPECT_EQ(read[0].templates[0].fingerprint, kOrdersPrint);
    EXPECT_DOUBLE_EQ(read[0].templates[0].calls_after, 12);
    EXPECT_DOUBLE_EQ(read[0].templates[0].mean_before_ms, 100.5);
    EXPECT_DOUBLE_EQ(read[0].templates[0].p_value, 0.001);
    EXPECT_THAT(read[0].slower, testing::ElementsAre(kUsersPrint, kOrdersPrint));
}

TEST_P(StoreSuite, AwkwardTextSurvives) {
    auto action = sample_action();
    action.note = std::string("nul\0inside, 'quotes', \"double\", ünïcödé, \n newline; DROP TABLE actions", 72);
    const auto id = store->add_action(server, action).value();
    EXPECT_EQ(store->action(id).value()->note, action.note);
}

}  // namespace orrery::store_testing
