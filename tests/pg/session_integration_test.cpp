#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/folder.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using domain::SqlParameter;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

template <typename T>
std::string words(const base::Result<T>& result) {
    return result ? "ok" : result.error().to_text();
}

class SessionTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = PrivateCluster::create({.settings = {{"max_connections", "20"}}, .tcp = true});
        ASSERT_TRUE(made) << words(made);
        cluster_.emplace(std::move(*made));
        const auto up = cluster_->start();
        ASSERT_TRUE(up) << words(up);
        auto admin = Session::connect(cluster_->uri(), {.safe_settings = false});
        ASSERT_TRUE(admin) << words(admin);
        ASSERT_TRUE(admin->execute("CREATE TABLE items (id int PRIMARY KEY, label text); CREATE ROLE guest LOGIN PASSWORD 'open sesame'"));
        const auto port = admin->query("SHOW port");
        ASSERT_TRUE(port);
        port_ = std::string(port->text(0, 0));
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    static Session connected(const SessionOptions& options = {}) {
        auto session = Session::connect(cluster_->uri(), options);
        EXPECT_TRUE(session) << words(session);
        return std::move(session).value();
    }
    static Session writer() { return connected({.application = "writer", .read_only = false, .lock_timeout = 10s, .search_path = ""}); }
    static std::string tcp(const std::string& user_info, const std::string& database = "postgres") {
        return "postgresql://" + user_info + "@127.0.0.1:" + port_ + "/" + database;
    }

    static std::optional<PrivateCluster> cluster_;
    static std::string port_;
};
std::optional<PrivateCluster> SessionTest::cluster_;
std::string SessionTest::port_;

TEST_F(SessionTest, BindsParametersAndKeepsNulls) {
    auto session = connected();
    const std::vector<SqlParameter> parameters{"7", std::nullopt, "it's \"quoted\""};
    const auto rows = session.query("SELECT $1::int + 1, $2::text, $3::text, true", parameters);
    ASSERT_TRUE(rows) << words(rows);
    EXPECT_EQ(rows->integer(0, 0), 8);
    EXPECT_TRUE(rows->is_null(0, 1));
    EXPECT_EQ(rows->text(0, 2), "it's \"quoted\"");
    EXPECT_TRUE(rows->boolean(0, 3));
    EXPECT_GE(session.server_version(), 130000);
    EXPECT_TRUE(session.target().starts_with("local:/")) << session.target();
    EXPECT_TRUE(session.target().ends_with("/postgres")) << session.target();
}

TEST_F(SessionTest, ObserversAreSafeByDefault) {
    auto session = connected({.application = "collectors", .settings = {{"work_mem", "5MB"}}});
    const std::pair<const char*, const char*> expected[] = {{"application_name", "orrery/collectors"},
                                                            {"default_transaction_read_only", "on"},
                                                            {"statement_timeout", "30s"},
                                                            {"lock_timeout", "100ms"},
                                                            {"idle_in_transaction_session_timeout", "1min"},
                                                            {"search_path", "pg_catalog"},
                                                            {"work_mem", "5MB"}};
    for (const auto& [name, value] : expected) {
        const auto shown = session.query(std::string("SHOW ") + name);
        ASSERT_TRUE(shown);
        EXPECT_EQ(shown->text(0, 0), value) << name;
    }
    if (session.server_version() >= 140000) {
        EXPECT_EQ(session.query("SHOW client_connection_check_interval")->text(0, 0), "2s");
    }
    const auto refused = session.query("CREATE TABLE t ()");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sqlstate, "25006");
    EXPECT_EQ(refused.error().kind, ErrorKind::permission);
    EXPECT_FALSE(refused.error().hint.empty());
}

TEST_F(SessionTest, UnsafeMeansTheServersOwnSettings) {
    auto session = connected({.safe_settings = false});
    EXPECT_EQ(session.query("SHOW statement_timeout")->text(0, 0), "0");
    EXPECT_EQ(session.query("SHOW default_transaction_read_only")->text(0, 0), "off");
}

TEST_F(SessionTest, ServerErrorsKeepTheirParts) {
    auto session = writer();
    const auto missing = session.query("SELECT * FROM nowhere");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind, ErrorKind::missing_object);
    EXPECT_EQ(missing.error().sqlstate, "42P01");
    EXPECT_EQ(missing.error().message, "relation \"nowhere\" does not exist");
    const auto syntax = session.query("SELEC 1");
    ASSERT_FALSE(syntax);
    EXPECT_EQ(syntax.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(syntax.error().detail, "At character 1 of the statement.");
    const auto raised = session.execute("DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'because', HINT = 'do that'; END $$");
    ASSERT_FALSE(raised);
    EXPECT_EQ(raised.error().detail, "because");
    EXPECT_EQ(raised.error().hint, "do that");
    const auto extension = session.query("SELECT * FROM pg_stat_statements");
    ASSERT_FALSE(extension);
    EXPECT_EQ(extension.error().kind, ErrorKind::missing_extension);
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, ExecuteRunsSeveralStatementsAndReportsTheFirstError) {
    auto session = writer();
    ASSERT_TRUE(session.execute("CREATE TEMP TABLE a (x int); INSERT INTO a VALUES (1), (2)"));
    EXPECT_EQ(session.query("SELECT count(*) FROM a")->integer(0, 0), 2);
    const auto failed = session.execute("INSERT INTO a VALUES (3); SELECT 1 / 0; SELECT * FROM nowhere");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().sqlstate, "22012");
    EXPECT_EQ(session.query("SELECT count(*) FROM a")->integer(0, 0), 2);
    EXPECT_EQ(session.query("INSERT INTO a SELECT generate_series(1, 5)")->affected, 5);
}

TEST_F(SessionTest, WrongPasswordNamesTheWayOut) {
    const auto wrong = Session::connect(tcp("guest:guessed"));
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().kind, ErrorKind::permission);
    EXPECT_EQ(wrong.error().sqlstate, "28P01");
    EXPECT_NE(wrong.error().hint.find("password"), std::string::npos);
    EXPECT_EQ(wrong.error().to_text().find("guessed"), std::string::npos);
    EXPECT_TRUE(Session::connect(tcp("guest:open%20sesame")));
}

TEST_F(SessionTest, NoServerNamesHostAndPort) {
    for (const std::string target : {"host=127.0.0.1 port=1 dbname=d user=u", "host=/nonexistent port=7 dbname=d user=u"}) {
        const auto none = Session::connect(target);
        ASSERT_FALSE(none);
        EXPECT_EQ(none.error().kind, ErrorKind::connection) << words(none);
        EXPECT_TRUE(none.error().hint.find("127.0.0.1:1") != std::string::npos ||
                    none.error().hint.find("/nonexistent:7") != std::string::npos)
            << words(none);
    }
    const auto database = Session::connect(cluster_->uri("absent"));
    ASSERT_FALSE(database);
    EXPECT_EQ(database.error().kind, ErrorKind::missing_object);
    const auto role = Session::connect(cluster_->uri_as("absent", "postgres"));
    ASSERT_FALSE(role);
    EXPECT_EQ(role.error().kind, ErrorKind::permission) << words(role);
    const auto several = Session::connect("host=127.0.0.1,127.0.0.1 port=1,2 dbname=d user=u");
    ASSERT_FALSE(several);
    EXPECT_EQ(several.error().kind, ErrorKind::connection) << words(several);
    EXPECT_EQ(Session::connect("host=127.0.0.1 port=none").error().kind, ErrorKind::invalid_input);
}

TEST_F(SessionTest, SeveralHostsAreTriedInTurn) {
    auto session = Session::connect("host=127.0.0.1,127.0.0.1 port=1," + port_ + " dbname=postgres user=guest password='open sesame'");
    ASSERT_TRUE(session) << words(session);
    EXPECT_EQ(session->target(), "127.0.0.1:" + port_ + "/postgres");
}

TEST_F(SessionTest, TooManyConnectionsIsWorthARetry) {
    std::vector<Session> crowd;
    std::optional<base::Error> error;
    for (int i = 0; i < 30 && !error; ++i) {
        auto one = Session::connect(tcp("guest:open%20sesame"));
        if (one)
            crowd.push_back(std::move(*one));
        else
            error = one.error();
    }
    ASSERT_TRUE(error);
    EXPECT_EQ(error->sqlstate, "53300");
    EXPECT_TRUE(error->retryable());
    EXPECT_NE(error->hint.find("max_connections"), std::string::npos);
}

TEST_F(SessionTest, RetryGivesUpAfterItsPatience) {
    base::ManualClock clock;
    const auto before = clock.steady();
    const auto none = Session::connect_with_retry("host=/nonexistent dbname=d", {.clock = &clock}, 60s, {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, ErrorKind::connection);
    const auto waited = clock.steady() - before;
    EXPECT_GT(waited, 50s);
    EXPECT_LE(waited, 60s);
    // What a retry cannot mend is told at once.
    base::ManualClock other;
    const auto start = other.steady();
    EXPECT_FALSE(Session::connect_with_retry(cluster_->uri("absent"), {.clock = &other}, 60s, {}));
    EXPECT_EQ(other.steady(), start);
    std::stop_source stop;
    stop.request_stop();
    const auto stopped = Session::connect_with_retry("host=/nonexistent dbname=d", {}, 60s, stop.get_token());
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled);
}

TEST_F(SessionTest, AStatementThatTakesTooLongTimesOut) {
    auto session = connected({.statement_timeout = 100ms});
    const auto late = session.query("SELECT pg_sleep(60)");
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::timeout);
    EXPECT_EQ(late.error().sqlstate, "57014");
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, AStopRequestCancelsTheStatementUnderWay) {
    auto session = connected();
    std::stop_source stop;
    session.cancel_on(stop.get_token());
    std::jthread later([&] {
        std::this_thread::sleep_for(100ms);
        stop.request_stop();
    });
    const auto start = std::chrono::steady_clock::now();
    const auto stopped = session.query("SELECT pg_sleep(60)");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 30s);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled);
    EXPECT_TRUE(session.connected());
    EXPECT_EQ(session.query("SELECT 1").error().kind, ErrorKind::cancelled);
    session.cancel_on({});
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, CancelledBySomeoneElseIsNotATimeout) {
    auto session = connected();
    const int pid = session.backend_pid();
    std::jthread later([&] {
        auto admin = connected();
        const std::vector<SqlParameter> parameters{std::to_string(pid)};
        for (int i = 0; i < 3000; ++i) {
            const auto state = admin.query(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1::int AND query LIKE '%pg_sleep%'", parameters);
            if (state && !state->empty()) return;
            std::this_thread::sleep_for(10ms);
        }
    });
    const auto stopped = session.query("SELECT pg_sleep(60)");
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled);
}

TEST_F(SessionTest, ALockedTableIsAConflict) {
    auto holder = writer();
    ASSERT_TRUE(holder.execute("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE"));
    auto session = connected({.lock_timeout = 50ms});
    const auto blocked = session.query("SELECT count(*) FROM public.items");
    ASSERT_FALSE(blocked);
    EXPECT_EQ(blocked.error().kind, ErrorKind::conflict);
    EXPECT_EQ(blocked.error().sqlstate, "55P03");
    ASSERT_TRUE(holder.execute("ROLLBACK"));
    EXPECT_TRUE(session.query("SELECT count(*) FROM public.items"));
}

TEST_F(SessionTest, APipelineAnswersEachStatementByItself) {
    auto session = writer();
    ASSERT_TRUE(session.execute("CREATE TEMP TABLE p (x int)"));
    std::vector<std::string> statements;
    for (int i = 0; i < 1000; ++i)
        statements.push_back(i == 500 ? "INSERT INTO p SELECT 1 / 0"
                                      : "INSERT INTO p VALUES (" + std::to_string(i) + ") RETURNING x, repeat('y', 1000)");
    const auto answers = session.pipeline(statements);
    ASSERT_EQ(answers.size(), 1000U);
    for (int i = 0; i < 1000; ++i) {
        const auto& answer = answers[static_cast<std::size_t>(i)];
        if (i == 500) {
            ASSERT_FALSE(answer);
            EXPECT_EQ(answer.error().sqlstate, "22012");
        } else {
            ASSERT_TRUE(answer) << i << words(answer);
            EXPECT_EQ(answer->integer(0, 0), i);
        }
    }
    EXPECT_EQ(session.query("SELECT count(*) FROM p")->integer(0, 0), 999);
    EXPECT_TRUE(session.pipeline({}).empty());
}

TEST_F(SessionTest, APipelineOfBigStatementsAndAnswersDoesNotStall) {
    auto session = connected();
    const std::vector<std::string> statements(40, "SELECT repeat('z', 1000000), '" + std::string(1'000'000, 'q') + "'");
    for (const auto& answer : session.pipeline(statements)) {
        ASSERT_TRUE(answer) << words(answer);
        EXPECT_EQ(answer->text(0, 1).size(), 1'000'000U);
    }
}

TEST_F(SessionTest, AStopRequestEndsAPipeline) {
    auto session = connected();
    std::stop_source stop;
    session.cancel_on(stop.get_token());
    std::jthread later([&] {
        std::this_thread::sleep_for(1s);
        stop.request_stop();
    });
    std::vector<std::string> statements(300, "SELECT pg_sleep(0.3)");
    statements[0] = "SELECT 1";
    const auto start = std::chrono::steady_clock::now();
    const auto answers = session.pipeline(statements);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);  // what is on its way alone would take 36 s
    ASSERT_EQ(answers.size(), 300U);
    EXPECT_TRUE(answers.front());
    ASSERT_FALSE(answers.back());
    EXPECT_EQ(answers.back().error().kind, ErrorKind::cancelled);
    session.cancel_on({});
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, CopyCarriesEveryCharacter) {
    auto session = writer();
    ASSERT_TRUE(session.execute("CREATE TEMP TABLE c (id int, v text)"));
    int produced = 0;
    const auto copied = session.copy_in("COPY c FROM STDIN", [&](std::string& buffer) {
        if (produced == 20'000) return false;
        buffer += std::to_string(produced) + "\t" + (produced % 2 == 0 ? "tab\\tback\\\\slash\\nnew line \xc3\xa9" : "\\N") + "\n";
        ++produced;
        return true;
    });
    ASSERT_TRUE(copied) << words(copied);
    EXPECT_EQ(*copied, 20'000);
    const auto counted = session.query(
        "SELECT count(*) FILTER (WHERE v IS NULL), count(*) FILTER (WHERE v = E'tab\\tback\\\\slash\\nnew line \\u00e9') FROM c");
    ASSERT_TRUE(counted) << words(counted);
    EXPECT_EQ(counted->integer(0, 0), 10'000);
    EXPECT_EQ(counted->integer(0, 1), 10'000);
    std::vector<std::string> lines;
    ASSERT_TRUE(session.copy_out("COPY (SELECT * FROM c WHERE id < 2 ORDER BY id) TO STDOUT",
                                 [&](std::string_view line) { lines.emplace_back(line); }));
    EXPECT_EQ(lines, (std::vector<std::string>{"0\ttab\\tback\\\\slash\\nnew line \xc3\xa9", "1\t\\N"}));
}

TEST_F(SessionTest, ARefusedCopyTellsTheServersReason) {
    auto session = writer();
    ASSERT_TRUE(session.execute("CREATE TEMP TABLE r (id int)"));
    std::int64_t produced = 0;
    const auto refused = session.copy_in("COPY r FROM STDIN", [&](std::string& buffer) {
        buffer += produced++ == 10 ? "not a number\n" : "1\n";
        return produced < 200'000;
    });
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().sqlstate, "22P02");
    EXPECT_EQ(session.query("SELECT count(*) FROM r")->integer(0, 0), 0);
    EXPECT_EQ(session.copy_in("COPY nowhere FROM STDIN", [](std::string&) { return false; }).error().sqlstate, "42P01");
    EXPECT_EQ(session.copy_in("SELECT 1", [](std::string&) { return false; }).error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(session.execute("COPY pg_class TO STDOUT").error().kind, ErrorKind::invalid_input);
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, AStopRequestEndsACopy) {
    auto session = writer();
    ASSERT_TRUE(session.execute("CREATE TABLE stopped_copy (id int)"));
    std::stop_source stop;
    session.cancel_on(stop.get_token());
    std::int64_t produced = 0;
    const auto stopped = session.copy_in("COPY stopped_copy FROM STDIN", [&](std::string& buffer) {
        buffer += "1\n";
        if (++produced == 100'000) stop.request_stop();
        return produced < 50'000'000;
    });
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled) << words(stopped);
    session.cancel_on({});
    EXPECT_EQ(session.query("SELECT count(*) FROM stopped_copy")->integer(0, 0), 0);
    ASSERT_TRUE(session.execute("DROP TABLE stopped_copy"));
}

void terminate(Session& by, int pid) {
    const std::vector<SqlParameter> parameters{std::to_string(pid)};
    ASSERT_TRUE(by.query("SELECT pg_terminate_backend($1::int)", parameters));
    ASSERT_TRUE(testing::eventually([&] {
        const auto left = by.query("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int", parameters);
        return left && left->integer(0, 0) == 0;
    }));
}

TEST_F(SessionTest, AKilledConnectionIsToldOnceAndThenMended) {
    auto admin = writer();
    auto session = connected({.application = "mended"});
    const int first = session.backend_pid();
    terminate(admin, first);
    const auto lost = session.query("SELECT 1");
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind, ErrorKind::connection) << words(lost);
    EXPECT_TRUE(lost.error().retryable());
    EXPECT_FALSE(session.connected());
    const auto again = session.query("SHOW application_name");
    ASSERT_TRUE(again) << words(again);
    EXPECT_EQ(again->text(0, 0), "orrery/mended");
    EXPECT_NE(session.backend_pid(), first);
    EXPECT_EQ(session.query("SHOW default_transaction_read_only")->text(0, 0), "on");
}

TEST_F(SessionTest, ALostTransactionIsNotSilentlyBegunAnew) {
    auto admin = writer();
    auto session = writer();
    ASSERT_TRUE(session.execute("BEGIN"));
    terminate(admin, session.backend_pid());
    EXPECT_EQ(session.query("INSERT INTO items VALUES (1)").error().kind, ErrorKind::connection);
    EXPECT_EQ(session.query("INSERT INTO items VALUES (2)").error().kind, ErrorKind::connection);
    EXPECT_EQ(session.execute("COMMIT").error().kind, ErrorKind::connection);
    ASSERT_TRUE(session.reconnect());
    EXPECT_EQ(session.query("SELECT count(*) FROM items")->integer(0, 0), 0);
}

TEST_F(SessionTest, AConnectionKilledInTheMiddleOfAPipelineFailsTheRest) {
    auto session = connected();
    std::vector<std::string> statements(600, "SELECT 1");
    statements[300] = "SELECT pg_terminate_backend(pg_backend_pid())";
    const auto answers = session.pipeline(statements);
    ASSERT_EQ(answers.size(), 600U);
    EXPECT_TRUE(answers[100]);  // what was on its way with the fatal one may be lost with the connection
    EXPECT_EQ(answers[599].error().kind, ErrorKind::connection) << words(answers[599]);
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, AStandbyRefusesChanges) {
    auto made = PrivateCluster::create({.settings = {{"max_connections", "100"}}});
    ASSERT_TRUE(made) << words(made);
    ASSERT_TRUE(base::write_file(made->data_folder() / "standby.signal", ""));
    const auto up = made->start();
    ASSERT_TRUE(up) << words(up);
    auto session = Session::connect(made->uri(), {.read_only = false, .search_path = ""});
    ASSERT_TRUE(session) << words(session);
    const auto refused = session->execute("CREATE TABLE t ()");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::permission);
    EXPECT_NE(refused.error().hint.find("standby"), std::string::npos);
}

TEST_F(SessionTest, AServerThatHangsIsGivenUpOn) {
    auto session = connected({.statement_timeout = 100ms});
    const int pid = session.backend_pid();
    ASSERT_EQ(kill(pid, SIGSTOP), 0);  // it cannot act on its own statement_timeout now
    const auto start = std::chrono::steady_clock::now();
    const auto silent = session.query("SELECT 1");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 40s);
    kill(pid, SIGCONT);
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, ErrorKind::timeout);
    EXPECT_TRUE(session.query("SELECT 1"));
}

TEST_F(SessionTest, AServerThatNeverGreetsIsGivenUpOn) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), length), 0);
    ASSERT_EQ(listen(listener, 5), 0);
    ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
    const std::string target = "host=127.0.0.1 dbname=d user=u port=" + std::to_string(ntohs(address.sin_port));
    const auto silent = Session::connect(target, {.connect_timeout = 150ms});
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, ErrorKind::connection);
    EXPECT_NE(silent.error().detail.find("150 ms"), std::string::npos) << words(silent);
    std::stop_source stop;
    std::jthread later([&] {
        std::this_thread::sleep_for(50ms);
        stop.request_stop();
    });
    const auto stopped = Session::connect_with_retry(target, {}, 60s, stop.get_token());
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled);
    close(listener);
}

}  // namespace
}  // namespace orrery::pg
