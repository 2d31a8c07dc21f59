#include "feedback/feedback_loop.hpp"

#include <gtest/gtest.h>

#include "fake_server.hpp"
#include "fake_store.hpp"

namespace orrery::feedback {
namespace {

using domain::ActionState;
using domain::RecommendationKind;
using testing::FakeServer;
using testing::FakeSession;
using testing::FakeStore;

domain::Recommendation create_advice() {
    domain::Recommendation advice;
    advice.id = "idx-1";
    advice.spec.table = {"public", "orders"};
    advice.spec.keys.push_back({"customer_id", "", false, false, ""});
    advice.index = {"public", "orders_customer_id_idx"};
    advice.sql = advice.spec.create_sql(advice.index.name, true);
    advice.revert_sql = "DROP INDEX CONCURRENTLY public.orders_customer_id_idx";
    advice.benefit_percent = 12.5;
    return advice;
}

domain::Recommendation drop_advice() {
    auto advice = create_advice();
    advice.id = "drop-1";
    advice.kind = RecommendationKind::drop_index;
    std::swap(advice.sql, advice.revert_sql);
    return advice;
}

const std::string kDefinition = "CREATE INDEX orders_customer_id_idx ON public.orders USING btree (customer_id)";

/// One process: a session of its own on the shared server and the shared ledger.
struct Process {
    Process(FakeServer& server, FakeStore& store, int number)
        : session(server, number),
          loop({session,
                [&server, number] {
                    return base::Result<std::unique_ptr<domain::SqlSession>>(std::make_unique<FakeSession>(server, number + 100));
                },
                store, clock},
               1, {}, stop.get_token()) {}
    std::stop_source stop;
    base::ManualClock clock;
    FakeSession session;
    FeedbackLoop loop;
};

struct FeedbackLoopTest : ::testing::Test {
    FakeServer server;
    FakeStore store;
    Process process{server, store, 1};
};

TEST_F(FeedbackLoopTest, ApplyBuildsTheIndexAndTheLedgerSaysSo) {
    const auto action = process.loop.apply(create_advice());
    ASSERT_TRUE(action) << action.error().to_text();
    EXPECT_EQ(action->state, ActionState::applied);
    EXPECT_TRUE(server.indexes.at("orders_customer_id_idx").valid);
    ASSERT_EQ(store.ledger.size(), 1U);
    EXPECT_EQ(store.ledger[0].state, ActionState::applied);
    EXPECT_EQ(store.ledger[0].revert_sql, "DROP INDEX CONCURRENTLY public.orders_customer_id_idx");
    EXPECT_EQ(store.ledger[0].lock_level, "ShareUpdateExclusiveLock on public.orders");
    EXPECT_DOUBLE_EQ(store.ledger[0].predicted_percent, 12.5);
    EXPECT_EQ(server.lock_owner, 0) << "the lock is given back";
}

TEST_F(FeedbackLoopTest, TheRevertSqlIsInTheLedgerBeforeAnythingRuns) {
    server.fault = [&](const std::string& sql) -> base::Result<void> {
        if (!sql.starts_with("CREATE INDEX")) return {};
        EXPECT_EQ(store.ledger.size(), 1U);
        EXPECT_EQ(store.ledger.at(0).state, ActionState::applying);
        EXPECT_FALSE(store.ledger.at(0).revert_sql.empty());
        return {};
    };
    ASSERT_TRUE(process.loop.apply(create_advice()));
    EXPECT_EQ(server.statements.size(), 1U);
}

TEST_F(FeedbackLoopTest, RevertRestoresWhatWas) {
    const auto applied = process.loop.apply(create_advice());
    const auto reverted = process.loop.revert(applied->id, "asked");
    ASSERT_TRUE(reverted) << reverted.error().to_text();
    EXPECT_EQ(reverted->state, ActionState::reverted);
    EXPECT_TRUE(server.indexes.empty());
    EXPECT_EQ(store.ledger[0].note, "asked");
    const auto again = process.loop.revert(applied->id, "twice");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().kind, base::ErrorKind::conflict);
}

TEST_F(FeedbackLoopTest, ADropIsRevertedToTheDefinitionThatStoodThere) {
    server.indexes["orders_customer_id_idx"] = {kDefinition + " WITH (fillfactor='70')", true, false};
    const auto applied = process.loop.apply(drop_advice());
    ASSERT_TRUE(applied) << applied.error().to_text();
    EXPECT_TRUE(server.indexes.empty());
    EXPECT_EQ(applied->revert_sql,
              "CREATE INDEX CONCURRENTLY orders_customer_id_idx ON public.orders USING btree (customer_id) WITH (fillfactor='70')");
    ASSERT_TRUE(process.loop.revert(applied->id, ""));
    EXPECT_EQ(server.indexes.at("orders_customer_id_idx").definition, kDefinition + " WITH (fillfactor='70')");
}

TEST_F(FeedbackLoopTest, LockTimeoutsAreTriedAgainWithMorePatience) {
    server.lock_timeouts = 2;
    const auto action = process.loop.apply(create_advice());
    ASSERT_TRUE(action) << action.error().to_text();
    EXPECT_TRUE(server.indexes.at("orders_customer_id_idx").valid);
    EXPECT_EQ(server.statements,
              (std::vector<std::string>{create_advice().sql, "DROP INDEX CONCURRENTLY IF EXISTS public.orders_customer_id_idx",
                                        "DROP INDEX CONCURRENTLY IF EXISTS public.orders_customer_id_idx", create_advice().sql}))
        << "the INVALID index goes before the next try, itself trying again";
    EXPECT_EQ(server.lock_timeout_settings.front(), "3000ms");
    EXPECT_EQ(server.lock_timeout_settings.back(), "6000ms");
}

TEST_F(FeedbackLoopTest, GivingUpLeavesNoInvalidIndexAndNamesTheBlocker) {
    server.fault = [&](const std::string& sql) -> base::Result<void> {
        if (sql.starts_with("CREATE INDEX")) server.lock_timeouts = 1;
        return {};
    };
    const auto action = process.loop.apply(create_advice());
    ASSERT_FALSE(action);
    EXPECT_NE(action.error().detail.find("pid 99 (psql)"), std::string::npos) << action.error().to_text();
    EXPECT_TRUE(server.indexes.empty());
    EXPECT_EQ(store.ledger.at(0).state, ActionState::failed);
}

TEST_F(FeedbackLoopTest, RefusalsLeaveNoRow) {
    server.standby = true;
    EXPECT_EQ(process.loop.apply(create_advice()).error().kind, base::ErrorKind::unsupported);
    server.standby = false;
    server.tables.clear();
    const auto gone = process.loop.apply(create_advice());
    EXPECT_EQ(gone.error().kind, base::ErrorKind::missing_object);
    EXPECT_NE(gone.error().message.find("public.orders"), std::string::npos);
    server.tables.insert("orders");
    server.indexes["orders_customer_id_idx"] = {kDefinition, true, false};
    EXPECT_EQ(process.loop.apply(create_advice()).error().kind, base::ErrorKind::conflict);
    server.indexes.clear();
    server.indexes["other_name"] = {"CREATE INDEX other_name ON public.orders USING btree (customer_id)", true, false};
    EXPECT_EQ(process.loop.apply(create_advice()).error().kind, base::ErrorKind::conflict);
    server.indexes.clear();
    EXPECT_EQ(process.loop.apply(drop_advice()).error().kind, base::ErrorKind::missing_object);
    server.indexes["orders_customer_id_idx"] = {kDefinition, true, true};
    EXPECT_EQ(process.loop.apply(drop_advice()).error().kind, base::ErrorKind::conflict) << "it backs a constraint";
    EXPECT_TRUE(store.ledger.empty());
    EXPECT_TRUE(server.statements.empty());
    EXPECT_EQ(server.lock_owner, 0);
}

TEST_F(FeedbackLoopTest, TwoAtOnceTheSecondIsRefusedAndToldByWhom) {
    Process second(server, store, 2);
    server.fault = [&](const std::string& sql) -> base::Result<void> {
        if (!sql.starts_with("CREATE INDEX")) return {};
        server.fault = nullptr;
        const auto refused = second.loop.apply(create_advice());
        EXPECT_FALSE(refused);
        EXPECT_EQ(refused.error().kind, base::ErrorKind::conflict);
        EXPECT_NE(refused.error().detail.find("pid 77"), std::string::npos);
        EXPECT_FALSE(second.loop.recover()->busy.empty());
        EXPECT_EQ(store.ledger.at(0).state, ActionState::applying) << "an action under way is not touched by another's recovery";
        return {};
    };
    EXPECT_TRUE(process.loop.apply(create_advice()));
    EXPECT_EQ(store.ledger.size(), 1U);
}

TEST_F(FeedbackLoopTest, AServerThatComesBackIsTidiedUp) {
    int refused = 0;
    server.fault = [&](const std::string& sql) -> base::Result<void> {
        if (sql.starts_with("CREATE INDEX")) {
            server.indexes["orders_customer_id_idx"] = {kDefinition, false, false};
            server.lock_owner = 0;
            refused = 1;
            return base::unexpected(base::ErrorKind::connection, "server closed the connection unexpectedly");
        }
        return {};
    };
    const auto action = process.loop.apply(create_advice());
    ASSERT_FALSE(action);
    EXPECT_EQ(refused, 1);
    EXPECT_EQ(action.error().kind, base::ErrorKind::connection);
    EXPECT_TRUE(server.indexes.empty()) << "no INVALID index stays";
    EXPECT_EQ(store.ledger.at(0).state, ActionState::failed);
}

TEST_F(FeedbackLoopTest, AServerThatStaysAwayLeavesTheActionForTheNextCommand) {
    server.fault = [&](const std::string& sql) -> base::Result<void> {
        if (!sql.starts_with("CREATE INDEX")) return {};
        server.indexes["orders_customer_id_idx"] = {kDefinition, false, false};
        server.lock_owner = 0;
        server.up = false;
        return base::unexpected(base::ErrorKind::connection, "server closed the connection unexpectedly");
    };
    // Connecting fails as well while the server is away.
    FeedbackLoop loop({process.session,
                       [&]() -> base::Result<std::unique_ptr<domain::SqlSession>> {
                           if (!server.up) return base::unexpected(base::ErrorKind::connection, "no server");
                           return std::unique_ptr<domain::SqlSession>(std::make_unique<FakeSession>(server, 9));
                       },
                       store, process.clock},
                      1, {}, {});
    ASSERT_FALSE(loop.apply(create_advice()));
    EXPECT_EQ(store.ledger.at(0).state, ActionState::applying);
    server.up = true;
    server.fault = nullptr;
    const auto recovery = loop.recover();
    ASSERT_TRUE(recovery);
    ASSERT_EQ(recovery->actions.size(), 1U);
    EXPECT_EQ(recovery->actions[0].to, ActionState::failed);
    EXPECT_TRUE(server.indexes.empty());
}

/// After a crash and a recovery the index must be there exactly when the ledger says so, valid, and nothing unfinished.
void expect_agreement(const FakeServer& server, const FakeStore& store, bool there_when_applied, const std::string& where) {
    for (const auto& action : store.ledger) {
        const auto found = server.indexes.find(action.index.name);
        EXPECT_TRUE(found == server.indexes.end() || found->second.valid) << where;
        const bool applied = action.state == ActionState::applied || action.state == ActionState::kept;
        EXPECT_TRUE(applied || action.state == ActionState::failed || action.state == ActionState::reverted)
            << where << ": " << domain::to_string(action.state);
        EXPECT_EQ(found != server.indexes.end(), applied == there_when_applied) << where;
    }
}

struct Killed {};

/// Kills the process before, or in the middle of, its n-th statement (by an exception that unwinds it), then recovers with another one.
void kill_at_every_statement(bool create) {
    for (int victim = 0; victim < 40; ++victim) {
        for (const bool half_done : {false, true}) {
            FakeServer server;
            FakeStore store;
            if (!create) server.indexes["orders_customer_id_idx"] = {kDefinition, true, false};
            int count = 0;
            bool killed = false;
            server.fault = [&](const std::string& sql) -> base::Result<void> {
                if (killed || sql.find("pg_advisory_unlock") != sql.npos || count++ != victim) return {};
                killed = true;
                if (half_done && sql.starts_with("CREATE INDEX")) server.indexes["orders_customer_id_idx"] = {kDefinition, false, false};
                if (half_done && sql.starts_with("DROP INDEX")) server.indexes["orders_customer_id_idx"].valid = false;
                throw Killed();
            };
            try {
                Process process(server, store, 1);
                const auto action = process.loop.apply(create ? create_advice() : drop_advice());
                ASSERT_TRUE(action);
                (void)process.loop.revert(action->id, "");
            } catch (const Killed&) {
                server.fault = nullptr;
            }
            server.fault = nullptr;
            server.lock_owner = 0;
            Process next(server, store, 2);
            ASSERT_TRUE(next.loop.recover());
            expect_agreement(server, store, create, fmt::format("killed at statement {}, half done {}", victim, half_done));
        }
    }
}

TEST(FeedbackLoopCrash, KilledAtAnyStatementOfACreateTheLedgerIsTrueAfterRecovery) {
    kill_at_every_statement(true);
}
TEST(FeedbackLoopCrash, KilledAtAnyStatementOfADropTheLedgerIsTrueAfterRecovery) {
    kill_at_every_statement(false);
}

TEST(FeedbackLoopCrash, AFullDiskUnderTheLedgerLeavesATruthTheNextRunFinds) {
    for (int writes = 0; writes < 6; ++writes) {
        FakeServer server;
        FakeStore store;
        store.writes_until_full = writes;
        Process process(server, store, 1);
        const auto action = process.loop.apply(create_advice());
        if (action) (void)process.loop.revert(action->id, "");
        store.writes_until_full = -1;
        ASSERT_TRUE(process.loop.recover());
        expect_agreement(server, store, true, fmt::format("disk full after {} writes", writes));
    }
}

TEST_F(FeedbackLoopTest, AnInterruptBeforeTheBuildFailsTheActionCleanly) {
    process.stop.request_stop();
    const auto action = process.loop.apply(create_advice());
    ASSERT_FALSE(action);
    EXPECT_EQ(action.error().kind, base::ErrorKind::cancelled);
    EXPECT_EQ(store.ledger.at(0).state, ActionState::failed);
    EXPECT_TRUE(server.statements.empty());
}

WindowSample window_of(double mean, double count = 200) {
    WindowSample window;
    auto& times = window.templates[domain::Fingerprint{7}];
    base::Random random(static_cast<std::uint64_t>(mean * 1000));
    for (int i = 0; i < static_cast<int>(count); ++i) times.add(mean * (0.9 + 0.2 * random.uniform()));
    return window;
}

TEST_F(FeedbackLoopTest, ATrialKeepsWhatPaysAndUndoesWhatDoesNot) {
    Trial trial;
    trial.before = window_of(10);
    trial.measure = [] { return base::Result<WindowSample>(window_of(2)); };
    auto outcome = process.loop.try_out(create_advice(), trial);
    ASSERT_TRUE(outcome) << outcome.error().to_text();
    EXPECT_EQ(outcome->action.state, ActionState::kept);
    EXPECT_NEAR(outcome->evaluation.gain_percent, 80, 2);
    ASSERT_EQ(store.measured.size(), 1U);
    EXPECT_EQ(store.measured[0].action, outcome->action.id);
    ASSERT_TRUE(process.loop.revert(outcome->action.id, "asked"));

    trial.measure = [] { return base::Result<WindowSample>(window_of(15)); };
    outcome = process.loop.try_out(create_advice(), trial);
    ASSERT_TRUE(outcome) << outcome.error().to_text();
    EXPECT_EQ(outcome->action.state, ActionState::reverted);
    EXPECT_TRUE(server.indexes.empty());
}

TEST_F(FeedbackLoopTest, ATrialMeasuresLongerWhileItCannotTell) {
    Trial trial;
    trial.before = window_of(10);
    int measured = 0;
    trial.measure = [&] {
        ++measured;
        return base::Result<WindowSample>(window_of(2, 1));
    };
    trial.windows = 5;
    const auto outcome = process.loop.try_out(create_advice(), trial);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(measured, 2) << "two calls can be compared, one cannot";
    EXPECT_EQ(outcome->action.state, ActionState::kept);
}

TEST_F(FeedbackLoopTest, ADroppedIndexOnATableThatNothingTouchedIsNotMissed) {
    server.indexes["orders_customer_id_idx"] = {kDefinition, true, false};
    Trial trial;
    trial.evaluation.affected = std::set<domain::Fingerprint>();
    trial.before = window_of(10);
    trial.measure = [] { return base::Result<WindowSample>(window_of(10)); };
    const auto outcome = process.loop.try_out(drop_advice(), trial);
    ASSERT_TRUE(outcome) << outcome.error().to_text();
    EXPECT_EQ(outcome->action.state, ActionState::kept);
}

TEST(DryRun, NamesStatementLockAndUndo) {
    const auto words = dry_run(create_advice());
    EXPECT_NE(words.find(create_advice().sql), std::string::npos);
    EXPECT_NE(words.find("ShareUpdateExclusiveLock on public.orders"), std::string::npos);
    EXPECT_NE(words.find(create_advice().revert_sql), std::string::npos);
}

}  // namespace
}  // namespace orrery::feedback
