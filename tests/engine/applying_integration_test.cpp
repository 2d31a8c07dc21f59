#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <future>
#include <mutex>

#include "engine/applying.hpp"
#include "engine/build_watch.hpp"
#include "support/eventually.hpp"
#include "target_fixture.hpp"

namespace orrery::engine {
namespace {

using domain::ActionState;
using orrery::testing::eventually;

class ApplyingTest : public testing::TargetFixture {
protected:
    base::Result<std::vector<ApplyOutcome>> apply_one(const domain::Recommendation& advice) {
        recommend({advice});
        return apply(context_, {target(), {advice.id}});
    }
    std::vector<domain::Action> actions() {
        const auto all = ledger(context_, target());
        EXPECT_TRUE(all) << all.error().to_text();
        return all ? *all : std::vector<domain::Action>();
    }
    /// A CREATE INDEX CONCURRENTLY waits for it to end.
    pg::Session open_transaction() {
        auto session = connect();
        EXPECT_TRUE(session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders"));
        return session;
    }
    bool building() {
        return eventually([&] {
            return value(
                       "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE%INDEX CONCURRENTLY%' AND wait_event_type = "
                       "'Lock'") == "1";
        });
    }
    void wait_for_free_lock() {
        EXPECT_TRUE(eventually([&] { return value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"; }));
    }
    /// After everything: catalog and ledger agree, no index is INVALID, nothing is unfinished.
    void expect_agreement(bool index_when_applied, const std::string& where) {
        for (const auto& action : actions()) {
            const bool applied = action.state == ActionState::applied || action.state == ActionState::kept;
            EXPECT_TRUE(applied || action.state == ActionState::failed || action.state == ActionState::reverted)
                << where << ": " << domain::to_string(action.state);
            EXPECT_EQ(index(), applied == index_when_applied ? "valid" : "")
                << where << ": " << domain::to_string(action.state) << " " << action.note;
        }
    }
};

TEST_F(ApplyingTest, ApplyLedgerRevertRoundTrip) {
    const auto outcomes = apply_one(create_advice());
    ASSERT_TRUE(outcomes) << outcomes.error().to_text();
    ASSERT_TRUE(outcomes->at(0).action) << outcomes->at(0).error->to_text();
    EXPECT_EQ(index(), "valid");
    ASSERT_EQ(actions().size(), 1U);
    EXPECT_EQ(actions()[0].state, ActionState::applied);
    EXPECT_EQ(actions()[0].predicted_percent, 20);

    const auto reverted = revert(context_, target(), "idx-0000");
    ASSERT_TRUE(reverted) << reverted.error().to_text();
    EXPECT_EQ(index(), "");
    EXPECT_EQ(actions()[0].state, ActionState::reverted);
}

TEST_F(ApplyingTest, DroppingAndRevertingBringsBackTheSameIndex) {
    execute("CREATE INDEX orders_customer_id_idx ON orders (customer_id DESC, id) WITH (fillfactor = 70) WHERE customer_id > 3");
    const auto definition = value("SELECT pg_get_indexdef('orders_customer_id_idx'::regclass)");
    const auto outcomes = apply_one(drop_advice());
    ASSERT_TRUE(outcomes && outcomes->at(0).action);
    EXPECT_EQ(index(), "");
    ASSERT_TRUE(revert(context_, target(), "1"));
    EXPECT_EQ(value("SELECT pg_get_indexdef('orders_customer_id_idx'::regclass)"), definition);
    EXPECT_EQ(index(), "valid");
}

TEST_F(ApplyingTest, DryRunChangesNothing) {
    recommend({create_advice()});
    const auto outcomes = apply(context_, {target(), {"idx-00000001"}, true});
    ASSERT_TRUE(outcomes);
    EXPECT_NE(outcomes->at(0).plan.find("CREATE INDEX CONCURRENTLY orders_customer_id_idx"), std::string::npos);
    EXPECT_EQ(index(), "");
    EXPECT_TRUE(actions().empty());
}

TEST_F(ApplyingTest, ATableDroppedSinceTheAdviceIsAClearRefusal) {
    recommend({create_advice()});
    execute("DROP TABLE orders");
    const auto outcomes = apply(context_, {target(), {"idx-00000001"}});
    ASSERT_TRUE(outcomes);
    ASSERT_TRUE(outcomes->at(0).error);
    EXPECT_EQ(outcomes->at(0).error->kind, base::ErrorKind::missing_object);
    EXPECT_NE(outcomes->at(0).error->message.find("public.orders does not exist any more"), std::string::npos);
    EXPECT_TRUE(actions().empty());
}

TEST_F(ApplyingTest, TheProgressOfABuildIsSeen) {
    auto blocker = open_transaction();
    ASSERT_TRUE(blocker.execute("INSERT INTO orders VALUES (-1, 1, '')"));
    auto builder = connect();
    std::mutex mutex;
    std::string phase;
    const BuildWatch watch(context_, target(), builder.backend_pid(), [&](const pg::BuildProgress& progress) {
        const std::scoped_lock lock(mutex);
        phase = progress.phase;
    });
    auto build = std::async(std::launch::async, [&] { return builder.execute("CREATE INDEX CONCURRENTLY ON orders (customer_id)"); });
    EXPECT_TRUE(eventually([&] {
        const std::scoped_lock lock(mutex);
        return phase == "waiting for writers before build";
    }));
    ASSERT_TRUE(blocker.execute("COMMIT"));
    EXPECT_TRUE(build.get());
}

TEST_F(ApplyingTest, AnotherProcessApplyingIsRefusedAndNamed) {
    auto blocker = open_transaction();
    recommend({create_advice()});
    auto slow = context_;
    ASSERT_TRUE(slow.settings.set("feedback.lock_timeout", "60s"));
    auto first = std::async(std::launch::async, [&] { return apply(slow, {target(), {"idx-00000001"}}); });
    ASSERT_TRUE(building());
    const auto second = apply(context_, {target(), {"idx-00000001"}});
    ASSERT_TRUE(second) << second.error().to_text();
    ASSERT_TRUE(second->at(0).error);
    EXPECT_EQ(second->at(0).error->kind, base::ErrorKind::conflict);
    EXPECT_NE(second->at(0).error->detail.find("orrery/apply"), std::string::npos) << second->at(0).error->to_text();
    ASSERT_TRUE(blocker.execute("COMMIT"));
    const auto outcome = first.get();
    ASSERT_TRUE(outcome && outcome->at(0).action);
    EXPECT_EQ(index(), "valid");
    EXPECT_EQ(actions().size(), 1U) << "the refused one left no row";
}

TEST_F(ApplyingTest, ALockTimeoutIsTriedAgainAndLeavesNoInvalidIndexBehind) {
    auto blocker = open_transaction();
    recommend({create_advice()});
    ASSERT_TRUE(context_.settings.set("feedback.lock_timeout", "100ms"));
    auto under_way = std::async(std::launch::async, [&] { return apply(context_, {target(), {"idx-00000001"}}); });
    ASSERT_TRUE(eventually([&] { return index() == "invalid"; })) << "the first try got as far as an INVALID index";
    ASSERT_TRUE(blocker.execute("COMMIT"));
    const auto outcome = under_way.get();
    ASSERT_TRUE(outcome && outcome->at(0).action) << (outcome ? outcome->at(0).error->to_text() : outcome.error().to_text());
    EXPECT_EQ(index(), "valid");
}

TEST_F(ApplyingTest, AnInterruptDuringTheBuildLeavesNothing) {
    auto blocker = open_transaction();
    recommend({create_advice()});
    std::stop_source stop;
    auto interrupted = context_;
    interrupted.stop = stop.get_token();
    ASSERT_TRUE(interrupted.settings.set("feedback.lock_timeout", "60s"));
    auto under_way = std::async(std::launch::async, [&] { return apply(interrupted, {target(), {"idx-00000001"}}); });
    ASSERT_TRUE(building());
    stop.request_stop();
    ASSERT_TRUE(eventually([&] {
        return value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE%INDEX CONCURRENTLY%' AND state = 'active'") == "0";
    }));
    ASSERT_TRUE(blocker.execute("COMMIT"));
    const auto outcome = under_way.get();
    ASSERT_TRUE(outcome && outcome->at(0).error);
    EXPECT_EQ(outcome->at(0).error->kind, base::ErrorKind::cancelled);
    wait_for_free_lock();
    expect_agreement(true, "interrupted");
    EXPECT_EQ(index(), "");
}

TEST_F(ApplyingTest, TheServerCrashingDuringTheBuildLeavesATrueLedger) {
    {
        auto blocker = open_transaction();
        recommend({create_advice()});
        auto slow = context_;
        ASSERT_TRUE(slow.settings.set("feedback.lock_timeout", "60s"));
        auto under_way = std::async(std::launch::async, [&] { return apply(slow, {target(), {"idx-00000001"}}); });
        ASSERT_TRUE(building());
        const base::Stopwatch away(base::system_clock());
        ASSERT_TRUE(cluster_->stop(pg::PrivateCluster::StopMode::immediate));
        ASSERT_TRUE(cluster_->start());
        const double seconds = away.seconds();
        const auto outcome = under_way.get();
        ASSERT_TRUE(outcome && outcome->at(0).error);
        EXPECT_EQ(outcome->at(0).error->kind, base::ErrorKind::connection) << outcome->at(0).error->to_text();
        // Commands wait half a minute for a server; the next test is about one that stays away for longer.
        if (seconds > 20) GTEST_SKIP() << "the machine is too busy: the server took " << seconds << " s to come back";
    }
    EXPECT_EQ(index(), "") << "no INVALID index is left";
    ASSERT_EQ(actions().size(), 1U);
    EXPECT_EQ(actions()[0].state, ActionState::failed);
}

TEST_F(ApplyingTest, AServerThatStaysAwayIsTidiedUpByTheNextCommand) {
    {
        auto blocker = open_transaction();
        auto session = connect_applier(context_, target(), true);
        ASSERT_TRUE(session);
        const auto file = store();
        const auto server = identify(*file, *session);
        ASSERT_TRUE(server);
        feedback::LoopOptions options;
        options.server_patience = std::chrono::milliseconds(0);
        feedback::FeedbackLoop loop({*session,
                                     [&]() -> base::Result<std::unique_ptr<domain::SqlSession>> {
                                         ORRERY_ASSIGN(auto fresh, connect_applier(context_, target(), false));
                                         return std::unique_ptr<domain::SqlSession>(std::make_unique<pg::Session>(std::move(fresh)));
                                     },
                                     *file, *context_.clock},
                                    *server, options, {});
        auto under_way = std::async(std::launch::async, [&] { return loop.apply(create_advice()); });
        ASSERT_TRUE(building());
        ASSERT_TRUE(cluster_->stop(pg::PrivateCluster::StopMode::immediate));
        ASSERT_FALSE(under_way.get());
        EXPECT_EQ(file->action(1).value()->state, ActionState::applying) << "nobody knows yet how it ended";
        ASSERT_TRUE(cluster_->start());
    }
    EXPECT_EQ(index(), "invalid");
    ASSERT_EQ(actions().size(), 1U) << "reading the ledger with the target at hand brings it up to date";
    EXPECT_EQ(actions()[0].state, ActionState::failed);
    EXPECT_EQ(index(), "");
}

/// Runs `work` in a child process that is killed from inside at its n-th call of a port; true while there was such a call.
class DeadlySession final : public domain::SqlSession {
public:
    DeadlySession(domain::SqlSession& session, int& calls, int victim) : session_(&session), calls_(&calls), victim_(victim) {}
    base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
        if ((*calls_)++ == victim_) (void)raise(SIGKILL);
        auto rows = session_->query(sql, parameters);
        if ((*calls_)++ == victim_) (void)raise(SIGKILL);
        return rows;
    }
    [[nodiscard]] int server_version() const override { return session_->server_version(); }
    [[nodiscard]] std::string target() const override { return session_->target(); }

private:
    domain::SqlSession* session_;
    int* calls_;
    int victim_;
};

TEST_F(ApplyingTest, KilledBetweenAnyTwoStatementsTheLedgerIsTrueAfterTheNextCommand) {
    bool killed = true;
    int victim = 0;
    for (; killed && victim < 200; ++victim) {
        const pid_t child = fork();
        if (child == 0) {
            auto opened = open_store(context_);
            auto session = connect_applier(context_, target(), false);
            if (!opened || !session) _exit(3);
            const auto server = identify(**opened, *session);
            int calls = 0;
            DeadlySession deadly(*session, calls, victim);
            feedback::FeedbackLoop loop({deadly,
                                         []() -> base::Result<std::unique_ptr<domain::SqlSession>> {
                                             return base::unexpected(base::ErrorKind::connection, "none");
                                         },
                                         **opened, base::system_clock()},
                                        *server, {}, {});
            const auto action = loop.apply(create_advice());
            if (!action || !loop.revert(action->id, "test")) _exit(4);
            _exit(0);
        }
        int status = 0;
        ASSERT_EQ(waitpid(child, &status, 0), child);
        killed = WIFSIGNALED(status);
        ASSERT_TRUE(killed || WEXITSTATUS(status) == 0) << "victim " << victim << " ended with " << WEXITSTATUS(status);
        wait_for_free_lock();
        const auto all = actions();
        if (all.empty()) continue;
        EXPECT_EQ(index(), all.back().state == ActionState::applied ? "valid" : "") << "victim " << victim;
        EXPECT_TRUE(all.back().state == ActionState::applied || all.back().state == ActionState::failed ||
                    all.back().state == ActionState::reverted);
        execute("DROP INDEX IF EXISTS orders_customer_id_idx");
    }
    EXPECT_GT(victim, 20) << "the enumeration went through the whole of apply and revert";
    EXPECT_FALSE(killed);
}

TEST_F(ApplyingTest, KilledInTheMiddleOfTheBuildTheNextCommandTidiesUp) {
    auto blocker = open_transaction();
    recommend({create_advice()});
    const pid_t child = fork();
    if (child == 0) {
        (void)context_.settings.set("feedback.lock_timeout", "60s");
        (void)apply(context_, {target(), {"idx-00000001"}});
        _exit(0);
    }
    ASSERT_TRUE(building());
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    const bool notices = blocker.server_version() >= 140'000;  // that its client has gone (client_connection_check_interval)
    if (notices) wait_for_free_lock();
    ASSERT_TRUE(blocker.execute("COMMIT"));
    if (!notices) wait_for_free_lock();
    expect_agreement(true, "killed while building");
    EXPECT_NE(index(), "invalid");
}

TEST_F(ApplyingTest, AStandbyIsRefused) {
    ASSERT_TRUE(cluster_->stop());
    auto folder = base::TemporaryFolder::create("standby", base::unprivileged_account());
    ASSERT_TRUE(folder);
    auto standby = pg::PrivateCluster::create({.folder = folder->path() / "server", .settings = {{"autovacuum", "off"}}});
    ASSERT_TRUE(standby) << standby.error().to_text();
    const auto configuration = base::read_file(standby->data_folder() / "postgresql.conf");
    ASSERT_TRUE(configuration);
    std::filesystem::remove_all(standby->data_folder());
    ASSERT_TRUE(base::run_checked({.command = {"cp", "-a", cluster_->data_folder().string(), standby->data_folder().string()}}));
    std::ofstream(standby->data_folder() / "postgresql.conf") << *configuration;
    std::ofstream(standby->data_folder() / "standby.signal");
    ASSERT_TRUE(cluster_->start());
    const auto started = standby->start();
    ASSERT_TRUE(started) << started.error().to_text();

    const auto there = standby->uri(database_);
    recommend({create_advice()}, there);
    const auto outcomes = apply(context_, {there, {"idx-00000001"}});
    ASSERT_TRUE(outcomes) << outcomes.error().to_text();
    ASSERT_TRUE(outcomes->at(0).error);
    EXPECT_EQ(outcomes->at(0).error->kind, base::ErrorKind::unsupported) << outcomes->at(0).error->to_text();
    EXPECT_TRUE(ledger(context_, there)) << "its record can be read all the same";
    ASSERT_TRUE(standby->destroy());
}

}  // namespace
}  // namespace orrery::engine
