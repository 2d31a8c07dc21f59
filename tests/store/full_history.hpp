#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/samples.hpp"

/// A store with something of everything, for tests of the transfer.
namespace orrery::store_testing {

inline void fill(domain::Store& store) {
    const auto server = store.server("host:5432/shop", "7001").value();
    const auto other = store.server("host:5432/other", "").value();
    const std::vector<domain::KnownStatement> known{{kOrders, kOrdersPrint}, {kOrdersNested, kOrdersPrint}, {kUsers, kUsersPrint}};
    const std::vector<domain::QueryTemplate> templates{{kOrdersPrint, "SELECT * FROM orders WHERE id = $1"}, {kUsersPrint, ""}};
    ASSERT_TRUE(store.save_known_statements(server, known));
    ASSERT_TRUE(store.save_templates(templates));
    for (std::int64_t minute = 0; minute < 20; ++minute) {
        const domain::QueryLogInterval interval{
            .start = at(minute * 60),
            .end = at(minute * 60 + 60),
            .known_exec_ms = 1.0 / 3,
            .total_exec_ms = 2.5,
            .lower_bound = minute == 3,
            .deltas = {{kOrders, full_counters(minute + 1), false}, {kOrdersNested, full_counters(minute), minute == 3}}};
        ASSERT_TRUE(store.append(server, interval, {.taken = interval.end, .scope = "all", .rows = {{kUsers, full_counters(9), 12'345}}}));
        ASSERT_TRUE(store.write(server, {.frames = {tables(minute * 60, minute * 60 + 10), tables(minute * 60, minute * 60 + 10, "bank")},
                                         .plans = {plan(minute, 7)},
                                         .events = {{at(minute), "restart", "server", "It was."}},
                                         .state = {{"server_log", std::to_string(minute)}}}));
    }
    ASSERT_TRUE(store.write(other, {.frames = {tables(0, 3'600)}}));
    const std::vector<domain::Recommendation> first{sample_recommendation("idx-1")}, second{sample_recommendation("idx-2")};
    ASSERT_TRUE(store.save_recommendations(server, first));
    ASSERT_TRUE(store.save_recommendations(server, second));
    ASSERT_TRUE(store.add_action(other, sample_action()));
    const auto action = store.add_action(server, sample_action()).value();
    ASSERT_TRUE(store.move_action(action, ActionState::planned, ActionState::applying, "begun"));
    ASSERT_TRUE(store.save_evaluation(server, {.action = action, .before_ms = 5, .verdict = "kept"}));
    ASSERT_TRUE(store.save_evaluation(server, {.action = 0, .verdict = "all"}));
}

inline void expect_same(domain::Store& one, domain::Store& two) {
    const auto from = at(-100'000), to = at(1'000'000);
    const auto servers = one.servers().value(), copies = two.servers().value();
    ASSERT_EQ(copies.size(), servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        EXPECT_EQ(copies[i].target, servers[i].target);
        EXPECT_EQ(copies[i].system_identifier, servers[i].system_identifier);
        const auto a = servers[i].id, b = copies[i].id;
        const auto intervals = one.intervals(a, from, to).value(), copied = two.intervals(b, from, to).value();
        ASSERT_EQ(copied.size(), intervals.size());
        for (std::size_t n = 0; n < intervals.size(); ++n) {
            EXPECT_EQ(copied[n].start, intervals[n].start);
            EXPECT_EQ(copied[n].known_exec_ms, intervals[n].known_exec_ms);
            EXPECT_EQ(copied[n].lower_bound, intervals[n].lower_bound);
            ASSERT_EQ(copied[n].deltas.size(), intervals[n].deltas.size());
            for (std::size_t d = 0; d < intervals[n].deltas.size(); ++d) {
                EXPECT_EQ(copied[n].deltas[d].key, intervals[n].deltas[d].key);
                EXPECT_EQ(copied[n].deltas[d].counters, intervals[n].deltas[d].counters);
                EXPECT_EQ(copied[n].deltas[d].lower_bound, intervals[n].deltas[d].lower_bound);
            }
        }
        const auto cursor = one.cursor(a).value(), cursor_copy = two.cursor(b).value();
        if (cursor) {
            EXPECT_EQ(cursor_copy->taken, cursor->taken);
            EXPECT_EQ(cursor_copy->scope, cursor->scope);
            ASSERT_EQ(cursor_copy->rows.size(), cursor->rows.size());
            EXPECT_EQ(cursor_copy->rows.at(0).counters, cursor->rows.at(0).counters);
            EXPECT_EQ(cursor_copy->rows.at(0).since_us, cursor->rows.at(0).since_us);
        }
        const auto frames = one.frames(a, "tables", from, to).value(), frame_copies = two.frames(b, "tables", from, to).value();
        ASSERT_EQ(frame_copies.size(), frames.size());
        for (std::size_t n = 0; n < frames.size(); ++n) {
            EXPECT_EQ(frame_copies[n].part, frames[n].part);
            EXPECT_EQ(frame_copies[n].readings, frames[n].readings);
            EXPECT_EQ(content(frame_copies[n]), content(frames[n]));
        }
        EXPECT_EQ(two.known_statements(b).value().size(), one.known_statements(a).value().size());
        EXPECT_EQ(two.plans(b, std::nullopt, from, to).value().size(), one.plans(a, std::nullopt, from, to).value().size());
        EXPECT_EQ(two.events(b, from, to).value().size(), one.events(a, from, to).value().size());
        EXPECT_EQ(two.states(b).value(), one.states(a).value());
        const auto advice = one.recommendations(a).value(), advice_copy = two.recommendations(b).value();
        ASSERT_EQ(advice_copy.size(), advice.size());
        for (std::size_t n = 0; n < advice.size(); ++n) EXPECT_EQ(advice_copy[n].id, advice[n].id) << "in the same order";
        const auto evaluations = one.evaluations_of(a).value(), evaluation_copies = two.evaluations_of(b).value();
        ASSERT_EQ(evaluation_copies.size(), evaluations.size());
        for (std::size_t n = 0; n < evaluations.size(); ++n) {
            EXPECT_EQ(evaluation_copies[n].action, evaluations[n].action);
            EXPECT_EQ(evaluation_copies[n].verdict, evaluations[n].verdict);
        }
    }
    const auto actions = one.actions(0).value(), action_copies = two.actions(0).value();
    ASSERT_EQ(action_copies.size(), actions.size());
    for (std::size_t n = 0; n < actions.size(); ++n) {
        EXPECT_EQ(action_copies[n].id, actions[n].id);
        EXPECT_EQ(action_copies[n].state, actions[n].state);
        EXPECT_EQ(action_copies[n].changed, actions[n].changed);
        EXPECT_EQ(action_copies[n].note, actions[n].note);
    }
    EXPECT_EQ(two.templates().value().size(), one.templates().value().size());
}

}  // namespace orrery::store_testing
