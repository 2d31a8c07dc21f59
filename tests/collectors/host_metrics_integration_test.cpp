#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "base/folder.hpp"
#include "collectors/helper_sql.hpp"
#include "collectors/host_metrics.hpp"
#include "collectors/performance_metrics_collector.hpp"
#include "pg/private_cluster.hpp"
#include "pg/session.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"

// The host's metrics of a real server: from this machine's /proc, and through the helper functions. Works for every supported major.
namespace orrery::collectors {
namespace {

namespace fs = std::filesystem;
using base::ErrorKind;

class HostOfServer : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = pg::PrivateCluster::create({.settings = {{"logging_collector", "on"}, {"log_statement", "all"}}, .tcp = true});
        ASSERT_TRUE(made) << made.error().to_text();
        cluster_ = std::make_unique<pg::PrivateCluster>(std::move(*made));
        const auto up = cluster_->start();
        ASSERT_TRUE(up) << up.error().to_text();
    }
    static void TearDownTestSuite() { cluster_.reset(); }

    void SetUp() override {
        admin.emplace(connect("orrery", {.safe_settings = false}));
        run("DROP SCHEMA IF EXISTS orrery CASCADE");
        if (admin->query("SELECT 1 FROM pg_roles WHERE rolname = 'watcher'")->empty()) run("CREATE ROLE watcher LOGIN");
        if (admin->query("SELECT 1 FROM pg_roles WHERE rolname = 'Other'")->empty()) run("CREATE ROLE \"Other\" LOGIN");
        run("GRANT pg_monitor TO watcher");
        session.emplace(connect("watcher", {}));
    }
    static pg::Session connect(const std::string& role, const pg::SessionOptions& options) {
        auto opened = pg::Session::connect(cluster_->uri_as(role, "postgres"), options);
        EXPECT_TRUE(opened) << opened.error().to_text();
        return std::move(opened).value();
    }
    void run(const std::string& sql) {
        const auto done = admin->execute(sql);
        ASSERT_TRUE(done) << sql << ": " << done.error().to_text();
    }
    static std::set<std::string> series_of(const std::vector<domain::Frame>& frames) {
        std::set<std::string> names;
        for (const auto& frame : frames) names.insert(frame.series);
        return names;
    }
    /// A /proc in which the server's processes are not seen.
    static fs::path elsewhere() { return "/nonexistent"; }

    static std::unique_ptr<pg::PrivateCluster> cluster_;
    std::optional<pg::Session> admin, session;
};
std::unique_ptr<pg::PrivateCluster> HostOfServer::cluster_;

TEST_F(HostOfServer, AServerOnThisMachineIsRecognized) {
    const auto access = find_host(*session);
    ASSERT_TRUE(access) << access.error().to_text();
    EXPECT_EQ(access->source, HostSource::proc) << access->reason;
    ASSERT_FALSE(access->paths.empty());
    EXPECT_EQ(access->paths[0], cluster_->data_folder().string());
    HostMetrics host(*session, base::system_clock());
    ASSERT_TRUE(host.read());
    EXPECT_TRUE(host.read()->empty()) << "10 s have not passed";
    const auto frames = host.read(true);
    ASSERT_TRUE(frames) << frames.error().to_text();
    const auto series = series_of(*frames);
    EXPECT_TRUE(series.contains("host_cpu"));
    EXPECT_TRUE(series.contains("host_memory"));
}

TEST_F(HostOfServer, RoomOnTheDisksIsToldOfALocalServer) {
    HostMetrics host(*session, base::system_clock());
    const auto frames = host.read().value_or(std::vector<domain::Frame>{});
    const auto found = std::find_if(frames.begin(), frames.end(), [](const auto& frame) { return frame.series == "host_filesystem"; });
    ASSERT_NE(found, frames.end());
    const auto size = std::get<0>(found->find("size_bytes")->values).at(0),
               room = std::get<0>(found->find("available_bytes")->values).at(0);
    EXPECT_GT(size, 0);
    EXPECT_LE(room, size);
}

TEST_F(HostOfServer, WithoutItsProcessesInSightAndWithoutFunctionsThereIsNothing) {
    HostMetrics host(*session, base::system_clock(), elsewhere());
    const auto frames = host.read();
    ASSERT_TRUE(frames);
    EXPECT_TRUE(frames->empty());
    ASSERT_NE(host.access(), nullptr);
    EXPECT_EQ(host.access()->source, HostSource::none);
    EXPECT_NE(host.access()->reason.find("container or behind a tunnel"), std::string::npos);
}

TEST_F(HostOfServer, AProcessOfTheSameNumberStartedAtAnotherTimeIsNotTheServers) {
    const auto folder = base::TemporaryFolder::create("proc").value();
    const auto write = [&](const fs::path& name, const std::string& text) {
        fs::create_directories((folder.path() / name).parent_path());
        std::ofstream(folder.path() / name) << text;
    };
    const auto pid = std::to_string(session->backend_pid());
    write("stat", "btime 1000000000\n");
    write(fs::path(pid) / "stat", pid + " (postgres) S 1 1 1 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3");
    write("1/stat", "1 (postgres) S 0 1 1 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 1 0 987000 1 2 3");
    EXPECT_EQ(find_host(*session, folder.path())->source, HostSource::none);
}

TEST_F(HostOfServer, TheHelperFunctionsTellTheHostToTheirRoleOnly) {
    run(helper_sql("watcher"));
    run(helper_sql("watcher"));  // again, as after an upgrade
    PerformanceMetricsCollector collector(*session, base::system_clock(), {.everything = true, .proc = elsewhere()});
    ASSERT_TRUE(collector.collect());
    EXPECT_EQ(collector.host()->source, HostSource::functions);
    const auto reading = collector.collect();
    ASSERT_TRUE(reading);
    EXPECT_TRUE(reading->failures.empty());
    EXPECT_TRUE(series_of(reading->batch.frames).contains("host_cpu"));
    EXPECT_TRUE(series_of(reading->batch.frames).contains("host_memory"));

    auto other = connect("Other", {});
    EXPECT_EQ(other.query("SELECT orrery.read_proc('stat')").error().kind, ErrorKind::permission);
    EXPECT_EQ(find_host(other, elsewhere())->source, HostSource::none);
}

TEST_F(HostOfServer, NothingElseCanBeReadThroughTheHelperFunctions) {
    run(helper_sql("watcher"));
    for (const auto* name : {"/etc/passwd", "../etc/passwd", "net/../../etc/passwd", "self/environ", "version", "stat/", ""}) {
        const auto read = session->query(fmt::format("SELECT orrery.read_proc('{}')", name));
        EXPECT_TRUE(read && read->is_null(0, 0)) << name;
    }
    for (const auto* name : {"/etc/passwd", "../../etc/passwd", "../postgresql.conf", "../global/pg_control", ".", ""}) {
        const auto read = session->query(fmt::format("SELECT orrery.read_log('{}', 0, 100)", name));
        EXPECT_TRUE(read && (read->empty() || read->is_null(0, 0))) << name;
    }
    EXPECT_EQ(session->query("SELECT pg_read_file('/etc/passwd')").error().kind, ErrorKind::permission);
    EXPECT_FALSE(session->execute("CREATE FUNCTION orrery.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"));
    const auto name = session->query("SELECT name FROM pg_ls_logdir() ORDER BY modification DESC LIMIT 1");
    ASSERT_TRUE(name && !name->empty());
    const std::string file(name->text(0, 0));
    run("SELECT 'a word to find'");
    const auto sql = fmt::format("SELECT encode(orrery.read_log('{}', 0, 1000000), 'escape')", file);
    EXPECT_TRUE(testing::eventually([&] {
        const auto log = session->query(sql);
        return log && log->text(0, 0).find("a word to find") != std::string_view::npos;
    }));
    EXPECT_EQ(session->query(fmt::format("SELECT length(orrery.read_log('{}', 5, 7))", file))->integer(0, 0), 7);
}

TEST_F(HostOfServer, AFunctionOfThatNameThatIsNoSuperusersIsLeftAlone) {
    run("CREATE SCHEMA orrery AUTHORIZATION \"Other\"");
    run("SET ROLE \"Other\"; CREATE FUNCTION orrery.read_proc(name text) RETURNS text LANGUAGE sql AS 'SELECT current_user::text'; "
        "GRANT EXECUTE ON FUNCTION orrery.read_proc(text) TO \"Other\"; GRANT USAGE ON SCHEMA orrery TO PUBLIC; RESET ROLE");
    run("SET ROLE \"Other\"; CREATE FUNCTION orrery.read_log(name text, \"offset\" bigint, length integer) RETURNS bytea LANGUAGE sql AS "
        "'SELECT NULL::bytea'; RESET ROLE");
    EXPECT_EQ(find_host(*session, elsewhere())->source, HostSource::none);
    run(helper_sql("watcher"));
    EXPECT_EQ(find_host(*session, elsewhere())->source, HostSource::functions);
    for (const auto* function : {"read_proc(text)", "read_log(text, bigint, integer)"}) {
        const auto open =
            session->query(fmt::format("SELECT pg_catalog.has_function_privilege('Other', 'orrery.{}', 'EXECUTE')", function));
        ASSERT_TRUE(open);
        EXPECT_FALSE(open->boolean(0, 0)) << function << ": the rights on what was there before are gone with it";
    }
}

TEST_F(HostOfServer, WhenTheRightIsTakenAwayItFailsAloneAndSaysSo) {
    run(helper_sql("watcher"));
    PerformanceMetricsCollector collector(*session, base::system_clock(), {.everything = true, .proc = elsewhere()});
    ASSERT_TRUE(collector.collect());
    run("DROP SCHEMA orrery CASCADE");
    const auto failed = collector.collect();
    ASSERT_TRUE(failed);
    ASSERT_EQ(failed->failures.size(), 1U);
    EXPECT_EQ(failed->failures[0].what, "host");
    EXPECT_TRUE(series_of(failed->batch.frames).contains("connections"));
    const auto after = collector.collect();
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->failures.empty());
    EXPECT_TRUE(std::any_of(after->notes.begin(), after->notes.end(),
                            [](const std::string& note) { return note.find("helper functions") != std::string::npos; }));
}

}  // namespace
}  // namespace orrery::collectors
