#include "collectors/session_sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "sql/statement.hpp"
#include "support/scripted_session.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using testing::ScriptedSession;
using namespace std::chrono_literals;

using Row = std::vector<std::optional<std::string>>;
constexpr auto kSessions = "EXECUTE orrery_sessions";
constexpr auto kPrepare = "PREPARE orrery_sessions";
constexpr auto kTexts = "DISTINCT ON (a.query_id)";
constexpr auto kNames = "'d' AS kind";
constexpr auto kBlocking = "pg_blocking_pids";
const auto kNull = std::nullopt;

const Row kOwn{"t", "client backend", "active", kNull, kNull, "1", "5", "10", kNull, "1", kNull, "0.3"};

/// A group of client sessions.
Row group(std::optional<std::string> wait_class, std::optional<std::string> wait_event, std::optional<std::string> query_id,
          const std::string& sessions, std::optional<std::string> text = {}, std::optional<std::string> waiting = {}) {
    return {"f", "client backend", "active", wait_class, wait_event, query_id, "5", "10", text, sessions, waiting, "0.3"};
}

class SessionSamplerTest : public ::testing::Test {
protected:
    explicit SessionSamplerTest(int version = 150'000) : server(version) {
        server.answer(kPrepare, {});
        server.answer(kSessions, {kOwn});
        server.answer(kNames, {{"d", "5", "shop"}, {"r", "10", "app"}});
        server.answer(kTexts, {});
    }
    SessionSampler& sampler() {
        if (!made) made.emplace(server, clock, options);
        return *made;
    }
    /// Waits for the next sample and takes it.
    base::Result<void> step() {
        if (const auto next = sampler().next()) clock.advance(std::max(*next - clock.steady(), 0ns));
        return sampler().sample();
    }
    void steps(int count) {
        for (int i = 0; i < count; ++i) {
            const auto taken = step();
            ASSERT_TRUE(taken) << taken.error().to_text();
        }
    }
    /// The one frame of a series.
    domain::Frame frame(const Reading& reading, const std::string& series = "sessions") {
        std::vector<domain::Frame> found;
        for (const auto& each : reading.batch.frames)
            if (each.series == series) found.push_back(each);
        EXPECT_EQ(found.size(), 1U) << series;
        return found.empty() ? domain::Frame{} : found.front();
    }
    static const std::vector<std::int64_t>& numbers(const domain::Frame& frame, const std::string& column) {
        return std::get<std::vector<std::int64_t>>(frame.find(column)->values);
    }
    static const std::vector<std::string>& texts(const domain::Frame& frame, const std::string& column) {
        return std::get<std::vector<std::string>>(frame.find(column)->values);
    }
    [[nodiscard]] std::size_t asked(const std::string& word) const {
        return static_cast<std::size_t>(std::count_if(server.asked().begin(), server.asked().end(),
                                                      [&](const auto& sql) { return sql.find(word) != std::string::npos; }));
    }

    ScriptedSession server;
    base::ManualClock clock;  // begins at a whole stretch of ten seconds
    SessionSamplerOptions options;
    std::optional<SessionSampler> made;
};

class SessionSamplerOn13 : public SessionSamplerTest {
protected:
    SessionSamplerOn13() : SessionSamplerTest(130'000) {}
};

TEST_F(SessionSamplerTest, AStretchOfTenSecondsIsOneFrame) {
    server.answer(kSessions, {kOwn, group("IO", "DataFileRead", "77", "2"), group(kNull, kNull, "77", "3")});
    options.template_of = [](std::int64_t id, domain::Oid database, domain::Oid user) {
        EXPECT_EQ(database, 5U);
        EXPECT_EQ(user, 10U);
        return id == 77 ? std::optional(domain::Fingerprint{0xabc}) : std::nullopt;
    };
    while (clock.now() < base::from_unix_ms(1'700'000'009'000)) steps(1);
    EXPECT_TRUE(sampler().take().batch.frames.empty()) << "not over yet";
    clock.advance(2s);
    const auto reading = sampler().take();
    const auto sessions = frame(reading);
    EXPECT_EQ(base::to_unix_ms(sessions.start), 1'700'000'000'000);
    EXPECT_EQ(base::to_unix_ms(sessions.end), 1'700'000'010'000);
    EXPECT_FALSE(sessions.lower_bound);
    const auto taken = numbers(sessions, "taken").front();
    EXPECT_GE(taken, 9);
    EXPECT_LE(taken, 11);
    EXPECT_EQ(numbers(sessions, "missed").front(), 0);
    EXPECT_EQ(texts(sessions, "wait_class"), (std::vector<std::string>{"", "CPU", "IO"}));
    EXPECT_EQ(texts(sessions, "wait_event"), (std::vector<std::string>{"", "", "DataFileRead"}));
    EXPECT_EQ(texts(sessions, "fingerprint").back(), "0000000000000abc");
    EXPECT_EQ(texts(sessions, "datname").back(), "shop");
    EXPECT_EQ(texts(sessions, "usename").back(), "app");
    EXPECT_EQ(texts(sessions, "state").back(), "active");
    EXPECT_EQ(numbers(sessions, "samples"), (std::vector<std::int64_t>{0, 3 * taken, 2 * taken}));
    EXPECT_TRUE(reading.failures.empty());
    EXPECT_TRUE(reading.notes.empty());
    EXPECT_TRUE(sampler().take().batch.frames.empty()) << "handed over once";
}

TEST_F(SessionSamplerTest, SteadyStateIsOneStatementASample) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "77", "3")});
    server.answer(kTexts, {{"77", "SELECT 1"}});
    steps(20);
    EXPECT_EQ(asked(kPrepare), 1U);
    EXPECT_EQ(asked(kSessions), 20U);
    EXPECT_EQ(asked(kNames), 1U);
    EXPECT_EQ(asked(kTexts), 1U);
    EXPECT_EQ(server.asked().size(), 23U);
}

TEST_F(SessionSamplerTest, SamplesFallAtRandomInstantsOneInEachSecond) {
    std::vector<double> within;
    steps(1);
    const auto origin = clock.steady();
    for (int second = 1; second < 200; ++second) {
        steps(1);
        const double at = std::chrono::duration<double>(clock.steady() - origin).count();
        EXPECT_EQ(static_cast<int>(at), second);
        within.push_back(at - second);
    }
    EXPECT_NEAR(std::accumulate(within.begin(), within.end(), 0.0) / 199, 0.5, 0.08);
    EXPECT_LT(*std::min_element(within.begin(), within.end()), 0.1);
    EXPECT_GT(*std::max_element(within.begin(), within.end()), 0.9);
}

TEST_F(SessionSamplerTest, LateAndFailedSamplesAreCountedAsMissed) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "0", "4")});
    steps(2);
    clock.advance(4'100ms);
    ASSERT_TRUE(sampler().sample());
    server.fail_once(kSessions, ErrorKind::timeout);
    const auto broken = step();
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().kind, ErrorKind::timeout);
    clock.advance(20s);
    const auto sessions = frame(sampler().take());
    EXPECT_EQ(numbers(sessions, "taken").front(), 3);
    EXPECT_GE(numbers(sessions, "missed").front(), 4);
    EXPECT_LE(numbers(sessions, "missed").front(), 5);
    EXPECT_EQ(numbers(sessions, "samples").back(), 12) << "4 sessions on the average, whatever was missed";
}

TEST_F(SessionSamplerTest, BackgroundProcessesAreNamedByWhatTheyAre) {
    server.answer(kSessions, {kOwn,
                              {"f", "autovacuum worker", "active", "IO", "DataFileRead", "9", "5", kNull, kNull, "1", kNull, "0.3"},
                              {"f", "checkpointer", kNull, kNull, kNull, kNull, kNull, kNull, kNull, "1", kNull, "0.3"},
                              {"f", "parallel worker", kNull, kNull, kNull, "77", "5", "10", kNull, "2", kNull, "0.3"}});
    server.answer(kTexts, {{"77", "SELECT 1"}});
    steps(1);
    const auto sessions = frame(sampler().finish());
    EXPECT_EQ(texts(sessions, "state"), (std::vector<std::string>{"", "active", "checkpointer", "autovacuum worker"}));
    EXPECT_EQ(texts(sessions, "fingerprint"), (std::vector<std::string>{"", sql::fingerprint("SELECT 1")->hex(), "", ""}));
}

TEST_F(SessionSamplerTest, UnknownTemplatesAreReadFromTheirTextOnce) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "77", "1"), group(kNull, kNull, "78", "1")});
    server.answer(kTexts, {{"77", "SELECT * FROM orders WHERE id = 5"}, {"78", "SELECT * FROM orders WHERE id IN (1, 2, 3, 4, and cut o"}});
    steps(5);
    EXPECT_EQ(asked(kTexts), 1U) << "a text that does not parse is not asked for again at once";
    const auto sessions = frame(sampler().finish());
    EXPECT_EQ(texts(sessions, "fingerprint"),
              (std::vector<std::string>{"", "", sql::fingerprint("SELECT * FROM orders WHERE id = $1")->hex()}));
    clock.advance(11min);
    steps(1);
    EXPECT_EQ(asked(kTexts), 2U);
}

TEST_F(SessionSamplerOn13, WithoutQueryIdsTheTextIsRead) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, kNull, "2", "SELECT 'a'"), group(kNull, kNull, kNull, "1", "SELECT 'b'"),
                              group(kNull, kNull, kNull, "1", "SELECT (")});
    steps(1);
    const auto sessions = frame(sampler().finish());
    EXPECT_EQ(texts(sessions, "fingerprint"), (std::vector<std::string>{"", sql::fingerprint("SELECT $1")->hex(), ""}));
    EXPECT_EQ(numbers(sessions, "samples"), (std::vector<std::int64_t>{0, 3, 1}));
    EXPECT_EQ(asked(kTexts), 0U);
    EXPECT_EQ(sessions_sql(130'000).find("query_id,"), sessions_sql(130'000).find("query_id, a.datid")) << "a column that 13 has not";
    EXPECT_EQ(sessions_sql(130'000).find("a.query_id"), std::string::npos);
}

TEST_F(SessionSamplerTest, RenamedDatabasesAreSeenAndDroppedOnesNumbered) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "0", "1")});
    server.answer(kNames, {{"d", "5", "shop"}});
    steps(3);
    EXPECT_EQ(asked(kNames), 1U) << "a role that is gone is not asked for each time";
    auto sessions = frame(sampler().finish());
    EXPECT_EQ(texts(sessions, "usename").back(), "#10");
    server.answer(kNames, {{"d", "5", "store"}, {"r", "10", "app"}});
    clock.advance(11min);
    steps(1);
    sessions = frame(sampler().finish());
    EXPECT_EQ(texts(sessions, "datname").back(), "store");
    EXPECT_EQ(texts(sessions, "usename").back(), "app");
}

TEST_F(SessionSamplerTest, AClassThatFailsAloneLeavesTheOthersRunning) {
    server.answer(kSessions, {kOwn, group("Lock", "relation", "77", "1", kNull, "{42}")});
    server.fail(kNames, ErrorKind::permission);
    server.fail(kTexts, ErrorKind::timeout);
    server.fail(kBlocking, ErrorKind::permission);
    steps(12);
    const auto reading = sampler().finish();
    EXPECT_GE(reading.batch.frames.size(), 1U);
    EXPECT_EQ(texts(reading.batch.frames.front(), "datname").back(), "#5");
    std::vector<std::string> names;
    for (const auto& failure : reading.failures) names.push_back(failure.what);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"blocking", "session names", "session texts"})) << "each once";
    EXPECT_LT(asked(kBlocking), 7U) << "what fails is tried less and less often";
    EXPECT_LT(asked(kTexts), 7U);
}

TEST_F(SessionSamplerTest, LosingTheRightToSeeIsSaid) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "0", "2")});
    steps(1);
    EXPECT_TRUE(sampler().take().notes.empty());
    server.answer(kSessions, {kOwn, {"f", kNull, kNull, kNull, kNull, kNull, "5", "10", kNull, "31", kNull, "0.3"}});
    steps(1);
    const auto reading = sampler().finish();
    ASSERT_EQ(reading.notes.size(), 1U);
    EXPECT_NE(reading.notes.front().find("31 sessions"), std::string::npos);
    EXPECT_NE(reading.notes.front().find("GRANT pg_monitor"), std::string::npos);
    EXPECT_TRUE(frame(reading).lower_bound);
    EXPECT_EQ(numbers(frame(reading), "samples").back(), 2) << "hidden ones may be idle: they are not counted";
}

TEST_F(SessionSamplerTest, ADearServerIsSampledLessOftenAndSaysSo) {
    Row dear = kOwn;
    dear.back() = "15";
    server.answer(kSessions, {dear});
    // The scripted server takes no time by our clock, which bounds what it says of itself.
    class Slow final : public domain::SqlSession {
    public:
        Slow(ScriptedSession& inner, base::ManualClock& clock) : inner_(inner), clock_(clock) {}
        base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
            clock_.advance(40ms);
            return inner_.query(sql, parameters);
        }
        [[nodiscard]] int server_version() const override { return inner_.server_version(); }
        [[nodiscard]] std::string target() const override { return inner_.target(); }

    private:
        ScriptedSession& inner_;
        base::ManualClock& clock_;
    } slow(server, clock);
    made.emplace(slow, clock, options);
    const auto begin = clock.steady();
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(step());
    EXPECT_GE(clock.steady() - begin, 180s) << "15 ms of each 10 s are 0.15 % of a core";
    EXPECT_LE(clock.steady() - begin, 220s);
    EXPECT_TRUE(sampler().slowed());
    const auto reading = sampler().finish();
    EXPECT_NE(reading.notes.back().find("every 10.0 s instead of 1.0 s"), std::string::npos) << reading.notes.back();
    EXPECT_EQ(numbers(reading.batch.frames[5], "taken").front() + numbers(reading.batch.frames[5], "missed").front(), 10);
}

TEST_F(SessionSamplerTest, ASessionThatWasKilledIsTakenUpAgain) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "0", "1")});
    steps(2);
    server.fail_once(kSessions, ErrorKind::connection);
    server.fail_once(kPrepare, ErrorKind::connection);
    EXPECT_FALSE(step());
    EXPECT_FALSE(step()) << "still down";
    steps(3);
    EXPECT_EQ(asked(kPrepare), 3U) << "a new connection knows no prepared statement";
}

/// Blocking: pid, blockers, state, database, user, query id, text, application, state_ms, lock type, mode, relation, wait_ms.
TEST_F(SessionSamplerTest, TheTreeIsReadOnlyWhileSomeoneWaits) {
    steps(3);
    EXPECT_EQ(asked(kBlocking), 0U);
    server.answer(kSessions, {kOwn, group("Lock", "relation", "0", "2", kNull, "{41,42}")});
    server.answer(kBlocking,
                  {{"41", "{42}", "active", "5", "10", "0", "SELECT 1", "web", "2500", "transactionid", "ShareLock", "shop.orders", "2400"},
                   {"42", "{7}", "active", "5", "10", "0", "SELECT 1", "web", "5000", "relation", "AccessShareLock", "shop.orders", "4100"},
                   {"7", kNull, "idle in transaction", "5", "10", "0", "LOCK orders", "psql", "60000", kNull, kNull, kNull, kNull}});
    steps(2);
    const auto reading = sampler().finish();
    const auto blocking = frame(reading, "blocking");
    ASSERT_EQ(blocking.rows(), 2U);
    EXPECT_EQ(texts(blocking, "mode"), (std::vector<std::string>{"AccessShareLock", "ShareLock"}));
    EXPECT_EQ(texts(blocking, "root_state"), (std::vector<std::string>(2, "idle in transaction")));
    EXPECT_EQ(texts(blocking, "root_application"), (std::vector<std::string>(2, "psql")));
    EXPECT_EQ(numbers(blocking, "root_pid"), (std::vector<std::int64_t>{7, 7}));
    EXPECT_EQ(numbers(blocking, "depth"), (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(numbers(blocking, "samples"), (std::vector<std::int64_t>{2, 2}));
    EXPECT_TRUE(reading.batch.events.empty()) << "not long enough yet";
}

TEST_F(SessionSamplerTest, ALongWaitIsOneEvent) {
    server.answer(kSessions, {kOwn, group("Lock", "relation", "0", "2", kNull, "{41,42}")});
    const auto answer = [&](const std::string& wait_ms) {
        server.answer(kBlocking,
                      {{"41", "{7}", "active", "5", "10", "0", "SELECT 1", "web", wait_ms, "relation", "ShareLock", "shop.orders", wait_ms},
                       {"42", "{7}", "active", "5", "10", "0", "SELECT 1", "web", wait_ms, "relation", "ShareLock", "shop.orders", wait_ms},
                       {"7", kNull, "idle in transaction", "5", "10", "0", "LOCK orders", "psql", "60000", kNull, kNull, kNull, kNull}});
    };
    answer("9000");
    steps(1);
    answer("12000");
    steps(1);
    answer("13000");
    steps(3);
    auto reading = sampler().finish();
    ASSERT_EQ(reading.batch.events.size(), 1U);
    const auto& event = reading.batch.events.front();
    EXPECT_EQ(event.kind, "lock_wait");
    EXPECT_EQ(event.subject, "shop.orders");
    EXPECT_EQ(
        event.text,
        "pid 41 of app (and 1 more) has waited 12.0 s for ShareLock on shop.orders, held up by pid 7 of app (idle in transaction for 1 "
        "min 0 s).");
    answer("300");  // others, by the same sessions
    steps(1);
    answer("15000");
    steps(1);
    EXPECT_EQ(sampler().finish().batch.events.size(), 1U);
}

TEST_F(SessionSamplerOn13, WaitsAreTimedByLooking) {
    options.lock_wait = 5s;
    server.answer(kSessions, {kOwn, group("Lock", "relation", kNull, "1", "SELECT 1", "{41}")});
    server.answer(kBlocking,
                  {{"41", "{7}", "active", "5", "10", kNull, "SELECT 1", "web", "100000", "relation", "ShareLock", "shop.orders", kNull},
                   {"7", kNull, "active", "5", "10", kNull, "LOCK orders", "psql", "60000", kNull, kNull, kNull, kNull}});
    steps(5);
    EXPECT_TRUE(sampler().take().batch.events.empty());
    steps(3);
    EXPECT_EQ(sampler().finish().batch.events.size(), 1U);
    EXPECT_EQ(blocking_sql(130'000).find("l.waitstart) FILTER"), std::string::npos) << "a column that 13 has not";
}

TEST_F(SessionSamplerTest, NoMoreSessionsAreAskedForThanAllowed) {
    std::string pids = "{1";
    for (int pid = 2; pid <= 3'000; ++pid) pids += "," + std::to_string(pid);
    server.answer(kSessions, {kOwn, group("Lock", "relation", "0", "3000", kNull, pids + "}")});
    struct Counting final : domain::SqlSession {
        ScriptedSession& inner;
        std::size_t longest = 0;
        explicit Counting(ScriptedSession& server) : inner(server) {}
        base::Result<domain::SqlRows> query(const std::string& sql, std::span<const domain::SqlParameter> parameters) override {
            if (sql.find(kBlocking) != std::string::npos) longest = std::max(longest, parameters[0]->size());
            return inner.query(sql, parameters);
        }
        [[nodiscard]] int server_version() const override { return inner.server_version(); }
        [[nodiscard]] std::string target() const override { return inner.target(); }
    } counting(server);
    server.answer(kBlocking, {});
    made.emplace(counting, clock, options);
    steps(2);
    EXPECT_LE(counting.longest, 50U * 3) << "the first fifty, in braces, with commas";
    EXPECT_GE(counting.longest, 50U * 2);
    const auto sessions = frame(sampler().finish());
    EXPECT_EQ(numbers(sessions, "samples").back(), 6'000);
}

TEST_F(SessionSamplerTest, GapsHaveNoFrames) {
    server.answer(kSessions, {kOwn, group(kNull, kNull, "0", "1")});
    steps(2);
    clock.advance(1h);
    steps(1);
    const auto reading = sampler().finish();
    ASSERT_EQ(reading.batch.frames.size(), 2U);
    EXPECT_EQ(base::to_unix_ms(reading.batch.frames[0].end), 1'700'000'010'000);
    EXPECT_GE(base::to_unix_ms(reading.batch.frames[1].start), 1'700'003'600'000);
}

}  // namespace
}  // namespace orrery::collectors
