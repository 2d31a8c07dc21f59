#include "collectors/server_log_digest.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "collectors/plan_redaction.hpp"
#include "pg/catalog_reader.hpp"
#include "sql/statement.hpp"

namespace orrery::collectors {
namespace {

constexpr std::int64_t kNoonMs = 1'795'262'760'000;  // a whole minute

LogText plain(std::string_view text) {
    return {text, LogText::Escaping::none};
}

LogRecord record(Severity severity, std::string_view message, std::int64_t time_ms = kNoonMs) {
    LogRecord made;
    made.severity = severity;
    made.message = plain(message);
    made.time_us = time_ms * 1000;
    made.database = plain("shop");
    return made;
}

LogFinding log_finding(std::string_view message) {
    return classify(record(Severity::log, message));
}

class Digest : public ::testing::Test {
protected:
    Digest() { digest.set_now(base::from_unix_ms(kNoonMs + 3'600'000)); }
    domain::Batch taken() {
        domain::Batch batch;
        digest.hand_over(batch, notes);
        return batch;
    }
    static const domain::Frame* frame(const domain::Batch& batch, const std::string& series) {
        for (const auto& candidate : batch.frames)
            if (candidate.series == series) return &candidate;
        return nullptr;
    }
    template <typename T>
    static T at(const domain::Frame& frame, const std::string& column, std::size_t row = 0) {
        return std::get<std::vector<T>>(frame.find(column)->values).at(row);
    }
    ServerLogDigest digest;
    std::vector<std::string> notes;
};

TEST(LogKinds, AreToldByTheMessage) {
    const auto statement = log_finding("duration: 3.512 ms  statement: SELECT 1");
    EXPECT_EQ(statement.kind, LogKind::statement);
    EXPECT_DOUBLE_EQ(statement.ms, 3.512);
    EXPECT_EQ(statement.text_at, 31U);
    EXPECT_EQ(log_finding("duration: 3.512 ms  execute fetch: SELECT 1").kind, LogKind::statement);
    EXPECT_EQ(log_finding("duration: 3.512 ms  parse <unnamed>: SELECT 1").kind, LogKind::parse);
    EXPECT_EQ(log_finding("duration: 3.512 ms  bind a: SELECT 1").kind, LogKind::bind);
    EXPECT_EQ(log_finding("duration: 3.512 ms").kind, LogKind::duration);
    EXPECT_EQ(log_finding("duration: 3.512 ms  plan:\nQuery Text: x").kind, LogKind::plan);
    EXPECT_EQ(log_finding("duration: ever").kind, LogKind::other);
    const auto file = log_finding("temporary file: path \"base/pgsql_tmp/pgsql_tmp1.0\", size 8192");
    EXPECT_EQ(file.kind, LogKind::temp_file);
    EXPECT_EQ(file.bytes, 8192);
    EXPECT_EQ(log_finding("process 7 still waiting for ShareLock on transaction 5 after 1000.123 ms").kind, LogKind::lock_wait);
    const auto lock = log_finding("process 7 acquired ShareLock on transaction 5 after 2000.5 ms");
    EXPECT_EQ(lock.kind, LogKind::lock_acquired);
    EXPECT_DOUBLE_EQ(lock.ms, 2000.5);
    const auto checkpoint = log_finding("checkpoint complete: wrote 7 buffers (0.5%); write=0.6 s, sync=0.1 s, total=0.75 s; sync files=1");
    EXPECT_EQ(checkpoint.kind, LogKind::checkpoint);
    EXPECT_DOUBLE_EQ(checkpoint.ms, 750);
    const auto vacuum = log_finding("automatic vacuum of table \"shop.public.orders\": index scans: 1\nsystem usage: elapsed: 0.25 s");
    EXPECT_EQ(vacuum.kind, LogKind::autovacuum);
    EXPECT_EQ(vacuum.database_in_it, "shop");
    EXPECT_DOUBLE_EQ(vacuum.ms, 250);
    EXPECT_EQ(log_finding("automatic analyze of table \"\"shop.public.orders\"\"").database_in_it, "shop") << "as csv writes it";
    EXPECT_EQ(log_finding("connection authorized: user=a database=b").kind, LogKind::connection);
    EXPECT_EQ(log_finding("disconnection: session time: 0:00:01").kind, LogKind::disconnection);
    EXPECT_EQ(log_finding("database system is ready to accept read-only connections").kind, LogKind::startup);
    EXPECT_EQ(log_finding("server process (PID 77) was terminated by signal 9: Killed").kind, LogKind::crash);
    EXPECT_EQ(log_finding("").kind, LogKind::other);
}

TEST(LogKinds, DurationsAreReadInEveryLanguage) {
    for (const char* message :
         {"Dauer: 1.5 ms  Anweisung: SELECT 1", "durée : 1.5 ms, instruction : SELECT 1", "продолжительность: 1.5 мс, оператор: SELECT 1",
          "期間: 1.5 ミリ秒  文: SELECT 1", "실행시간: 1.5 ms  명령 구문: SELECT 1"}) {
        const auto finding = log_finding(message);
        EXPECT_EQ(finding.kind, LogKind::statement) << message;
        EXPECT_DOUBLE_EQ(finding.ms, 1.5) << message;
        EXPECT_EQ(std::string_view(message).substr(finding.text_at), "SELECT 1") << message;
    }
}

TEST(LogKinds, CodesAreInferredWhereThePrefixHasNone) {
    EXPECT_EQ(classify(record(Severity::error, "duplicate key value violates unique constraint \"x\"")).sqlstate, "23505");
    EXPECT_EQ(classify(record(Severity::error, "deadlock detected")).kind, LogKind::deadlock);
    EXPECT_EQ(classify(record(Severity::fatal, "sorry, too many clients already")).sqlstate, "53300");
    EXPECT_EQ(classify(record(Severity::error, "something else")).sqlstate, "");
    auto told = record(Severity::error, "duplicate key value");
    told.sqlstate = "XX001";
    EXPECT_EQ(classify(told).sqlstate, "XX001");
    EXPECT_EQ(classify(record(Severity::notice, "x")).kind, LogKind::other);
}

TEST(LogMessages, AreStoredWithoutData) {
    const auto stripped = [](std::string_view message, std::string_view state = "22P02") {
        return message_without_data(record(Severity::error, message), state);
    };
    EXPECT_EQ(stripped("invalid input syntax for type integer: \"s3cret\""), "invalid input syntax for type integer: \"?\"");
    EXPECT_EQ(stripped("function f(a, (b)) does not exist"), "function f(?) does not exist");
    EXPECT_EQ(stripped("value 4711 is out of range"), "value ? is out of range");
    EXPECT_EQ(stripped("unterminated quoted string at or near \"'s3cret"), "unterminated quoted string at or near ...");
    EXPECT_EQ(stripped("first line\nsecond s3cret"), "first line");
    EXPECT_EQ(stripped("invalid input syntax for type uuid: \"{\"name\":\"s3cret\"}\""), "invalid input syntax for type uuid: \"?\"");
    EXPECT_EQ(stripped("invalid input syntax for type uuid: \"{\"name\": s3cret\n}\""), "invalid input syntax for type uuid: ");
    EXPECT_EQ(stripped("insert or update on table \"a\" violates foreign key constraint \"b\"", "23503"),
              "insert or update on table \"?\" violates foreign key constraint \"?\"");
    EXPECT_EQ(stripped("s3cret", "U0001"), "") << "no class of the server's";
    EXPECT_EQ(stripped("s3cret", "ZZZZZ"), "");
    EXPECT_EQ(stripped("Schlüssel s3cret"), "") << "another language, or data";
    EXPECT_EQ(stripped("s3cret", "P0001"), "") << "raised by a function";
    EXPECT_EQ(stripped("s3cret", ""), "") << "by whom is not known";
    auto raised = record(Severity::error, "s3cret");
    raised.context = plain("PL/pgSQL function f() line 3 at RAISE");
    EXPECT_EQ(message_without_data(raised, "23505"), "");
    raised.context = plain("PL/Python function \"f\"");
    EXPECT_EQ(message_without_data(raised, "XX000"), "");
}

TEST_F(Digest, CountsByKindClassAndDatabase) {
    digest.add(record(Severity::log, "duration: 2 ms  statement: SELECT 1"));
    digest.add(record(Severity::log, "duration: 3.5 ms  statement: SELECT 2"));
    digest.add(record(Severity::log, "temporary file: path \"x\", size 100"));
    auto other = record(Severity::error, "division by zero");
    other.sqlstate = "22012";
    other.database = plain("other");
    digest.add(other);
    EXPECT_EQ(digest.records(), 4);
    const auto batch = taken();
    const auto* events = frame(batch, "log_events");
    ASSERT_NE(events, nullptr);
    ASSERT_EQ(events->rows(), 3U);
    EXPECT_EQ(at<std::string>(*events, "kind", 0), "statement");
    EXPECT_EQ(at<std::int64_t>(*events, "count", 0), 2);
    EXPECT_DOUBLE_EQ(at<double>(*events, "total_ms", 0), 5.5);
    EXPECT_DOUBLE_EQ(at<double>(*events, "max_ms", 0), 3.5);
    EXPECT_EQ(at<std::int64_t>(*events, "bytes", 1), 100);
    EXPECT_TRUE(std::isnan(at<double>(*events, "total_ms", 1)));
    EXPECT_EQ(at<std::string>(*events, "sqlstate_class", 2), "22");
    EXPECT_EQ(at<std::string>(*events, "database", 2), "other");
    const auto* statements = frame(batch, "log_statements");
    ASSERT_NE(statements, nullptr);
    ASSERT_EQ(statements->rows(), 1U);
    EXPECT_EQ(at<std::string>(*statements, "fingerprint"), sql::fingerprint("SELECT 99").value().hex());
    EXPECT_EQ(at<std::int64_t>(*statements, "count"), 2);
    const auto* errors = frame(batch, "log_errors");
    ASSERT_NE(errors, nullptr);
    EXPECT_EQ(at<std::string>(*errors, "sqlstate"), "22012");
    EXPECT_EQ(at<std::string>(*errors, "message"), "division by zero");
    EXPECT_TRUE(taken().frames.empty()) << "handed over once";
}

TEST_F(Digest, CutsFramesByTheLogsOwnTime) {
    digest.go_on_from(base::from_unix_ms(kNoonMs + 10'000));
    for (const std::int64_t second : {20, 59, 61, 3000}) digest.add(record(Severity::log, "x", kNoonMs + second * 1000));
    auto batch = taken();
    ASSERT_EQ(batch.frames.size(), 3U);
    EXPECT_EQ(base::to_unix_ms(batch.frames[0].start), kNoonMs + 10'000);
    EXPECT_EQ(base::to_unix_ms(batch.frames[0].end), kNoonMs + 59'001);
    EXPECT_EQ(base::to_unix_ms(batch.frames[1].start), kNoonMs + 60'000);
    EXPECT_EQ(base::to_unix_ms(batch.frames[2].end), kNoonMs + 3'000'001);
    // The same minute, come back to: no frame begins before the last end, and none ends with it.
    digest.add(record(Severity::log, "x", kNoonMs + 3'000'000));
    digest.add(record(Severity::log, "x", kNoonMs + 1'000));
    batch = taken();
    ASSERT_EQ(batch.frames.size(), 1U);
    EXPECT_EQ(base::to_unix_ms(batch.frames[0].start), kNoonMs + 3'000'001);
    EXPECT_EQ(base::to_unix_ms(batch.frames[0].end), kNoonMs + 3'000'002);
    EXPECT_EQ(at<std::int64_t>(batch.frames[0], "count"), 2);
}

TEST_F(Digest, IsNotDrawnAwayByAnImpossibleTime) {
    digest.add(record(Severity::log, "x", kNoonMs * 5));
    digest.add(record(Severity::log, "x", 0));
    const auto batch = taken();
    ASSERT_EQ(batch.frames.size(), 1U);
    EXPECT_EQ(base::to_unix_ms(batch.frames[0].end), kNoonMs + 3'600'001);
}

TEST_F(Digest, LeavesOutOrrerysOwn) {
    digest.add(record(Severity::log, "duration: 2 ms  execute <unnamed>: SELECT /* orrery */ 1"));
    auto application = record(Severity::log, "disconnection: session time: 0:00:01");
    application.application = plain("orrery/collect");
    digest.add(application);
    digest.add(record(Severity::log, "connection authorized: user=a database=b application_name=orrery/collect"));
    auto failed = record(Severity::error, "permission denied for table x");
    failed.statement = plain("SELECT /* orrery */ 1 FROM x");
    digest.add(failed);
    digest.add(record(Severity::log, "duration: 2 ms  plan:\nQuery Text: SELECT /* orrery */ 1\nResult  (cost=0.00..0.01 rows=1 width=4)"));
    auto json = record(Severity::log, R"(duration: 2 ms  plan:\n{\n  \"Query Text\": \"SELECT /* orrery */ 1\",)");
    digest.add(json);
    EXPECT_EQ(digest.records(), 0);
    const auto batch = taken();
    EXPECT_TRUE(batch.plans.empty());
    EXPECT_TRUE(batch.frames.empty());
}

constexpr const char* kPlan =
    "duration: 12.5 ms  plan:\nQuery Text: SELECT * FROM orders WHERE note = 's3cret' AND id > 4711\n"
    "Index Scan using orders_pkey on orders  (cost=0.29..8.31 rows=1 width=4) (actual time=0.010..0.012 rows=1 loops=1)\n"
    "  Index Cond: (id > 4711)\n  Filter: (note = 's3cret'::text)\n";

TEST_F(Digest, KeepsPlansWithoutTheirConstants) {
    for (int i = 0; i < 5; ++i) digest.add(record(Severity::log, kPlan, kNoonMs + i));
    const auto batch = taken();
    ASSERT_EQ(batch.plans.size(), 3U) << "of each shape no more";
    const auto& plan = batch.plans[0];
    EXPECT_EQ(plan.fingerprint, sql::fingerprint("SELECT * FROM orders WHERE note = 'x' AND id > 1").value());
    EXPECT_EQ(plan.source, "auto_explain");
    EXPECT_EQ(plan.database, "shop");
    EXPECT_EQ(plan.execution_ms, 12.5);
    EXPECT_EQ(plan.total_cost, 8.31);
    EXPECT_EQ(base::to_unix_ms(plan.seen), kNoonMs);
    EXPECT_EQ(plan.document.find("s3cret"), std::string::npos);
    EXPECT_EQ(plan.document.find("4711"), std::string::npos);
    const auto read = pg::parse_plan(plan.document);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->shape_hash(), plan.shape_hash);
    EXPECT_EQ(read->root.index_condition, "(id > $1)");
}

TEST_F(Digest, SaysOnceThatAFormatIsNotRead) {
    for (int i = 0; i < 2; ++i) {
        digest.add(record(Severity::log, "duration: 2 ms  plan:\n<explain xmlns=\"http://www.postgresql.org/2009/explain\">"));
        EXPECT_TRUE(taken().plans.empty());
    }
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes[0].find("auto_explain.log_format"), std::string::npos);
}

TEST_F(Digest, StaysWithinItsBounds) {
    LogDigestOptions small;
    small.max_new_statements = 3;
    small.max_plans = 2;
    small.plans_per_shape = 100;
    small.max_messages = 2;
    small.max_events = 1;
    small.max_rows = 10;
    ServerLogDigest bounded(small);
    bounded.set_now(base::from_unix_ms(kNoonMs));
    std::vector<std::string> texts;
    for (int i = 0; i < 10; ++i)
        texts.push_back(std::string("duration: 1 ms  statement: SELECT a") + static_cast<char>('a' + i) + " FROM t");
    for (const auto& text : texts) bounded.add(record(Severity::log, text));
    for (int i = 0; i < 4; ++i) bounded.add(record(Severity::log, kPlan));
    for (const char* message : {"relation \"x\" is", "column \"x\" is", "permission denied for", "division by zero"})
        bounded.add(record(Severity::error, message));
    EXPECT_TRUE(bounded.full());
    for (int i = 0; i < 3; ++i) bounded.add(record(Severity::panic, "could not write to file \"x\""));
    domain::Batch batch;
    bounded.hand_over(batch, notes);
    EXPECT_FALSE(bounded.full());
    EXPECT_LE(frame(batch, "log_statements")->rows(), 3U);
    EXPECT_EQ(batch.plans.size(), 0U) << "their statement was one too many";
    EXPECT_EQ(batch.events.size(), 1U);
    std::int64_t errors = 0;
    for (const auto count : std::get<std::vector<std::int64_t>>(frame(batch, "log_errors")->find("count")->values)) errors += count;
    EXPECT_EQ(errors, 7);
    EXPECT_EQ(notes.size(), 2U);
}

TEST_F(Digest, TellsOfDeadlocksCrashesAndPanics) {
    auto deadlock = record(Severity::error, "deadlock detected");
    deadlock.detail = plain(
        "Process 1 waits for ShareLock on transaction 5; blocked by process 2.\nProcess 2 waits for ShareLock on transaction 6; blocked by "
        "process 1.\nProcess 1: UPDATE t SET a = 's3cret'\nProcess 2: UPDATE t SET a = 's3cret'");
    deadlock.statement = plain("UPDATE t SET a = 's3cret'");
    digest.add(deadlock);
    digest.add(record(Severity::log, "server process (PID 77) was terminated by signal 11: Segmentation fault"));
    digest.add(record(Severity::panic, "could not write to file \"pg_wal/xlogtemp.1\": No space left on device"));
    digest.add(record(Severity::log, "database system is ready to accept connections"));
    const auto events = taken().events;
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[0].kind, "deadlock");
    EXPECT_EQ(events[0].text, "2 processes waited for each other's locks; one of them was cancelled: UPDATE t SET a = $1.");
    EXPECT_EQ(events[1].kind, "crash");
    EXPECT_NE(events[1].text.find("signal 11"), std::string::npos);
    EXPECT_EQ(events[2].kind, "panic");
    EXPECT_NE(events[2].text.find("could not write to file \"?\": No space left on device"), std::string::npos) << events[2].text;
    EXPECT_EQ(events[3].kind, "restart");
}

TEST(PlanRedaction, KeepsWhatIsNoConstant) {
    EXPECT_EQ(redact_condition("(o.id = c.id)"), "(o.id = c.id)");
    EXPECT_EQ(redact_condition("(hashed SubPlan 1)"), "(hashed SubPlan 1)");
    EXPECT_EQ(redact_condition("(id = ANY ('{1,2,3}'::integer[]))").find('2'), std::string::npos);
    EXPECT_EQ(redact_condition("((a = $1) AND (b = 's3cret'::text))"), "((a = $1) AND (b = $2::text))");
    EXPECT_EQ(redact_condition("(b = 's3cret").find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace orrery::collectors
