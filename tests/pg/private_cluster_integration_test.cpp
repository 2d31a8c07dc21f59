#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/folder.hpp"
#include "base/postmaster.hpp"
#include "base/process.hpp"
#include "domain/catalog.hpp"
#include "pg/private_cluster.hpp"
#include "pg/system_identifier.hpp"
#include "support/eventually.hpp"
#include "support/reaper.hpp"
#include "support/scoped_variable.hpp"

namespace orrery::pg {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::eventually;
using testing::ScopedVariable;

/// The server's own, where it came with one; any other speaks to it too.
std::string psql(const PrivateCluster& cluster) {
    const auto own = cluster.installation().bin / "psql";
    return fs::exists(own) ? own.string() : base::find_program("psql").value_or("psql");
}

/// First line of a statement's answer, or the error.
std::string ask(const PrivateCluster& cluster, const std::string& sql) {
    const auto answer = base::run_checked({.command = {psql(cluster), "-XAtq", "-c", sql, cluster.uri()}});
    if (!answer) return answer.error().to_text();
    return answer->substr(0, answer->find('\n'));
}

PrivateCluster started(const ClusterOptions& options = {}) {
    auto cluster = PrivateCluster::create(options);
    EXPECT_TRUE(cluster) << cluster.error().to_text();
    const auto up = cluster->start();
    EXPECT_TRUE(up) << up.error().to_text();
    return std::move(cluster).value();
}

std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code failure;
    for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end; entry.increment(failure))
        entries.push_back(entry->path());
    return entries;
}

/// A temporary folder that every account may enter.
base::TemporaryFolder open_folder() {
    auto folder = base::TemporaryFolder::create("test");
    EXPECT_TRUE(folder);
    chmod(folder->path().c_str(), 0755);
    return std::move(folder).value();
}

TEST(PrivateCluster, AnswersAndLeavesNothing) {
    fs::path folder;
    pid_t postmaster = 0;
    {
        const auto cluster = started();
        folder = cluster.folder();
        postmaster = cluster.postmaster_pid();
        EXPECT_GT(postmaster, 0);
        EXPECT_TRUE(cluster.running());
        EXPECT_EQ(ask(cluster, "select current_user || ' ' || current_setting('server_encoding') || ' ' || current_setting('fsync')"),
                  "orrery UTF8 off");
        EXPECT_EQ(ask(cluster, "create extension pg_stat_statements; select count(*) > 0 from pg_stat_statements"), "t");
        EXPECT_FALSE(base::server_processes(cluster.data_folder()).empty());
        struct stat facts {};
        ASSERT_EQ(stat(cluster.data_folder().c_str(), &facts), 0);
        EXPECT_NE(facts.st_uid, 0U) << "PostgreSQL refuses root";
    }
    EXPECT_FALSE(fs::exists(folder));
    EXPECT_NE(kill(postmaster, 0), 0);
}

TEST(PrivateCluster, StopsAndStartsAgainWithItsData) {
    auto cluster = started();
    EXPECT_EQ(ask(cluster, "create table kept as select 42 as n; select n from kept"), "42");
    ASSERT_TRUE(cluster.stop());
    EXPECT_FALSE(cluster.running());
    EXPECT_EQ(cluster.postmaster_pid(), 0);
    ASSERT_TRUE(cluster.start());
    EXPECT_EQ(ask(cluster, "select n from kept"), "42");
    const int before = cluster.postmaster_pid();
    ASSERT_TRUE(cluster.start()) << "starting a running server is no error";
    EXPECT_EQ(cluster.postmaster_pid(), before);
    ASSERT_TRUE(cluster.stop(PrivateCluster::StopMode::immediate));
    ASSERT_TRUE(cluster.start()) << "recovers";
    EXPECT_EQ(ask(cluster, "select n from kept"), "42");
}

TEST(PrivateCluster, SettingsReachTheServer) {
    const auto cluster = started({.settings = {{"work_mem", "7MB"}, {"cluster_name", "it's \\ here"}}, .durable = true});
    EXPECT_EQ(ask(cluster, "show work_mem"), "7MB");
    EXPECT_EQ(ask(cluster, "show cluster_name"), "it's \\ here");
    EXPECT_EQ(ask(cluster, "show fsync"), "on");
    EXPECT_EQ(ask(cluster, "show listen_addresses"), "");
}

TEST(PrivateCluster, ServersDoNotInheritOurVariables) {
    const ScopedVariable port("PGPORT", "1"), options("PGOPTIONS", "-c work_mem=1MB");
    const auto cluster = started();
    std::ifstream environment(fs::path("/proc") / std::to_string(cluster.postmaster_pid()) / "environ");
    for (std::string word; std::getline(environment, word, '\0');)
        EXPECT_FALSE(word.starts_with("PGPORT") || word.starts_with("PGOPTIONS")) << word;
    EXPECT_EQ(getsid(cluster.postmaster_pid()), cluster.postmaster_pid()) << "a terminal's Ctrl-C does not reach it";
}

TEST(PrivateCluster, TwoAtOnce) {
    const auto one = started(), two = started();
    EXPECT_EQ(ask(one, "create table mine as select 1 as n; select count(*) from mine"), "1");
    EXPECT_EQ(ask(two, "select to_regclass('mine') is null"), "t");
}

TEST(PrivateCluster, TemplateIsMadeOnceAndCopied) {
    const auto cache = open_folder();
    const ScopedVariable place("XDG_CACHE_HOME", cache.path().string());
    { const auto first = started(); }
    const auto made = entries_of(cache.path() / "orrery");
    ASSERT_EQ(made.size(), 1U) << "one template, nothing else left";
    std::ofstream(made.front() / "planted") << "x";
    const auto copied = PrivateCluster::create({});
    ASSERT_TRUE(copied);
    EXPECT_TRUE(fs::exists(copied->data_folder() / "planted"));
    const auto fresh = PrivateCluster::create({.use_template = false});
    ASSERT_TRUE(fresh);
    EXPECT_FALSE(fs::exists(fresh->data_folder() / "planted"));
}

TEST(PrivateCluster, ADamagedTemplateIsMadeAnew) {
    const auto cache = open_folder();
    const ScopedVariable place("XDG_CACHE_HOME", cache.path().string());
    ASSERT_TRUE(PrivateCluster::create({}));
    const auto made = entries_of(cache.path() / "orrery");
    ASSERT_EQ(made.size(), 1U);
    const std::string name = made.front().filename().string();
    fs::create_directory(made.front().parent_path() / (name.substr(0, name.size() - 8) + "00000000"));  // of an earlier boot
    fs::resize_file(made.front() / "global" / "pg_control", 100);
    EXPECT_EQ(ask(started(), "select 1"), "1");
    EXPECT_EQ(entries_of(cache.path() / "orrery"), made);
}

TEST(PrivateCluster, TwoMayMakeTheTemplateAtOnce) {
    const auto cache = open_folder();
    const ScopedVariable place("XDG_CACHE_HOME", cache.path().string());
    std::thread other([] { EXPECT_EQ(ask(started(), "select 1"), "1"); });
    EXPECT_EQ(ask(started(), "select 2"), "2");
    other.join();
    EXPECT_EQ(entries_of(cache.path() / "orrery").size(), 1U);
}

TEST(PrivateCluster, WorksWithoutACache) {
    const ScopedVariable place("XDG_CACHE_HOME", "/proc/nowhere");
    EXPECT_EQ(ask(started(), "select 1"), "1");
}

TEST(PrivateCluster, EachHasASystemIdentifierOfItsOwn) {
    auto one = started();
    const auto two = started();
    const std::string question = "select system_identifier from pg_control_system()";
    const std::string answer = ask(one, question);
    EXPECT_NE(answer, ask(two, question));
    EXPECT_EQ(std::to_string(read_system_identifier(one.data_folder()).value_or(0)), answer);
    EXPECT_EQ(ask(one, "create table kept as select 7 as n; select n from kept"), "7");
    ASSERT_TRUE(one.stop());
    ASSERT_TRUE(write_system_identifier(one.data_folder(), 1234567890123456789ULL));
    const auto control = base::run_process({.command = {(one.installation().bin / "pg_controldata").string(), one.data_folder().string()}});
    ASSERT_TRUE(control);
    EXPECT_EQ(control->output.find("WARNING"), std::string::npos) << "the checksum is right: " << control->output;
    ASSERT_TRUE(one.start());
    EXPECT_EQ(ask(one, question), "1234567890123456789");
    EXPECT_EQ(ask(one, "select n from kept"), "7");
}

TEST(PrivateCluster, TcpAsksForAPassword) {
    const auto cluster = started({.tcp = true});
    const std::string port = ask(cluster, "show port");
    EXPECT_NE(port, "5432");
    ask(cluster, "create role guest login password 'right'");
    const auto connect = [&](const std::string& role, const std::string& password) {
        const auto outcome = base::run_process(
            {.command = {psql(cluster), "-XAtqw", "-c", "select current_user", "postgresql://" + role + "@127.0.0.1:" + port + "/postgres"},
             .environment = {{"PGPASSWORD", password}}});
        return outcome ? outcome->output : outcome.error().to_text();
    };
    EXPECT_EQ(connect("guest", "right"), "guest\n");
    EXPECT_EQ(connect("guest", "wrong"), "");
    EXPECT_EQ(connect("orrery", ""), "") << "no other user of the machine may come in as superuser";
}

TEST(PrivateCluster, UriNamesRoleAndDatabase) {
    const auto cluster = started();
    ask(cluster, "create role \"some one\" login");
    ask(cluster, "create database \"a/b c\"");
    const auto answer = base::run_checked({.command = {psql(cluster), "-XAtq", "-c", "select current_user || ' in ' || current_database()",
                                                       cluster.uri_as("some one", "a/b c")}});
    ASSERT_TRUE(answer) << answer.error().to_text();
    EXPECT_EQ(*answer, "some one in a/b c\n");
}

TEST(PrivateCluster, QuotedKeywordsAreTakenAsNames) {
    const auto cluster = started();
    std::istringstream words(ask(cluster, "select string_agg(word, ' ') from pg_get_keywords()"));
    std::string batch;
    int count = 0;
    for (std::string word; words >> word; ++count) {
        const std::string name = domain::quote_identifier(word);
        batch += "create table " + name + " (" + name + " int); create index on " + name + " (" + name + "); select " + name + " from " +
                 name + ";\n";
    }
    EXPECT_GT(count, 400);
    const auto done = base::run_checked({.command = {psql(cluster), "-XAtq", "-v", "ON_ERROR_STOP=1", cluster.uri()}, .input = batch});
    EXPECT_TRUE(done) << done.error().to_text();
}

// --- folders that are given ---

TEST(PrivateCluster, AGivenFolderStaysAndOpensAgain) {
    const auto outer = open_folder();
    const fs::path folder = outer.path() / "lab";
    {
        const auto cluster = started({.folder = folder});
        EXPECT_EQ(cluster.folder(), folder);
        EXPECT_EQ(ask(cluster, "create table kept as select 42 as n; select n from kept"), "42");
    }
    EXPECT_TRUE(base::server_processes(folder / "data").empty());
    ASSERT_TRUE(fs::exists(folder / "data" / "PG_VERSION"));
    pid_t postmaster = 0;
    {
        auto again = PrivateCluster::open(folder);
        ASSERT_TRUE(again) << again.error().to_text();
        EXPECT_FALSE(again->running());
        ASSERT_TRUE(again->start());
        EXPECT_EQ(ask(*again, "select n from kept"), "42");
        postmaster = again->postmaster_pid();
    }
    auto still = PrivateCluster::open(folder);
    ASSERT_TRUE(still);
    EXPECT_EQ(still->postmaster_pid(), postmaster) << "what was opened runs on";
    EXPECT_EQ(ask(*still, "select n from kept"), "42");
    EXPECT_TRUE(still->destroy());
    EXPECT_FALSE(still->running());
    EXPECT_FALSE(fs::exists(folder));
}

TEST(PrivateCluster, AFolderInUseIsRefusedAndKept) {
    const auto outer = open_folder();
    ASSERT_TRUE(base::write_file(outer.path() / "mine", "x"));
    const auto refused = PrivateCluster::create({.folder = outer.path()});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input);
    EXPECT_TRUE(fs::exists(outer.path() / "mine"));
    const auto none = PrivateCluster::open(outer.path());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, base::ErrorKind::missing_object);
}

// --- what can go wrong ---

TEST(PrivateCluster, AServerThatDoesNotStartShowsTheEndOfItsLog) {
    auto cluster = PrivateCluster::create({.settings = {{"shared_buffers", "lots"}}});
    ASSERT_TRUE(cluster);
    const auto refused = cluster->start();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("invalid value for parameter \"shared_buffers\""), std::string::npos)
        << refused.error().to_text();
    EXPECT_NE(refused.error().hint.find("log"), std::string::npos);
    EXPECT_FALSE(cluster->running());
    EXPECT_FALSE(PrivateCluster::create({.settings = {{"x y", "1"}}}));
}

TEST(PrivateCluster, AnUnwritableFolderGivesAClearError) {
    const ScopedVariable place("TMPDIR", "/proc");
    const auto refused = PrivateCluster::create({});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("/proc/orrery-pg-"), std::string::npos) << refused.error().to_text();
}

TEST(PrivateCluster, AFolderThatPostgresMayNotEnterGivesAClearError) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    const auto closed = base::TemporaryFolder::create("test");  // 0700, root's
    ASSERT_TRUE(closed);
    const ScopedVariable place("TMPDIR", closed->path().string());
    const auto refused = PrivateCluster::create({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::permission);
    EXPECT_NE(refused.error().hint.find("TMPDIR"), std::string::npos) << refused.error().to_text();
    EXPECT_TRUE(entries_of(closed->path()).empty());
}

TEST(PrivateCluster, ATooLongSocketPathGivesAClearError) {
    const auto outer = open_folder();
    const fs::path folder = outer.path() / std::string(80, 'x');
    const auto refused = PrivateCluster::create({.folder = folder});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input);
    EXPECT_NE(refused.error().detail.find("107"), std::string::npos) << refused.error().to_text();
    EXPECT_FALSE(fs::exists(folder));
}

TEST(PrivateCluster, AFullFileSystemGivesAClearError) {
    const auto outer = open_folder();
    bool mounted = false;
    // A small file system in a mount namespace of this thread alone: it goes with it.
    std::thread([&] {
        mounted = unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                  mount("tmpfs", outer.path().c_str(), "tmpfs", 0, "size=6m,mode=1777") == 0;
        if (!mounted) return;
        const ScopedVariable place("TMPDIR", outer.path().string());
        for (const bool use_template : {true, false}) {
            const auto refused = PrivateCluster::create({.use_template = use_template});
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().kind, base::ErrorKind::io);
            EXPECT_NE(refused.error().detail.find("No space left on device"), std::string::npos) << refused.error().to_text();
            EXPECT_NE(refused.error().hint.find("TMPDIR"), std::string::npos) << refused.error().to_text();
            EXPECT_TRUE(entries_of(outer.path()).empty()) << "what was copied is gone again";
        }
        umount(outer.path().c_str());
    }).join();
    if (!mounted) GTEST_SKIP() << "may not mount a small file system";
}

TEST(PrivateCluster, AnUnknownLocaleGivesAClearError) {
    const auto refused = PrivateCluster::create({.locale = "xx_YY.UTF-8"});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("locale"), std::string::npos) << refused.error().to_text();
    EXPECT_NE(refused.error().hint.find("locale -a"), std::string::npos);
}

TEST(PrivateCluster, AStopRequestEndsMakingAndStarting) {
    std::stop_source before;
    before.request_stop();
    const auto unmade = PrivateCluster::create({}, before.get_token());
    ASSERT_FALSE(unmade);
    EXPECT_EQ(unmade.error().kind, base::ErrorKind::cancelled);
    auto made = PrivateCluster::create({});
    ASSERT_TRUE(made);
    const auto unstarted = made->start(before.get_token());
    ASSERT_FALSE(unstarted);
    EXPECT_EQ(unstarted.error().kind, base::ErrorKind::cancelled);
    EXPECT_TRUE(base::server_processes(made->data_folder()).empty());
}

TEST(PrivateCluster, AServerThatWasKilledStartsAgain) {
    auto cluster = started({.durable = true});
    EXPECT_EQ(ask(cluster, "create table kept as select 42 as n; select n from kept"), "42");
    kill(cluster.postmaster_pid(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return base::server_processes(cluster.data_folder()).empty(); }));
    EXPECT_FALSE(cluster.running());
    ASSERT_TRUE(cluster.start()) << "over the stale postmaster.pid";
    EXPECT_EQ(ask(cluster, "select n from kept"), "42");
}

TEST(FindInstallation, FollowsTheVariableAndSaysWhatIsThere) {
    const auto usual = find_installation();
    ASSERT_TRUE(usual);
    const auto folder = open_folder();
    const ScopedVariable chosen("ORRERY_PG_BIN", folder.path().string());
    const auto empty = find_installation();
    ASSERT_FALSE(empty);
    EXPECT_NE(empty.error().message.find(folder.path().string()), std::string::npos);
    for (const char* program : {"initdb", "postgres"}) fs::create_symlink(usual->bin / program, folder.path() / program);
    const auto found = find_installation(usual->major);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->bin, folder.path());
    auto cluster = PrivateCluster::create({});
    ASSERT_TRUE(cluster) << cluster.error().to_text();
    ASSERT_TRUE(cluster->start()) << "initdb and postgres are enough";
    const auto missing = find_installation(7);
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().detail.find(std::to_string(usual->major) + " in "), std::string::npos) << missing.error().to_text();
}

// --- a process that holds a cluster and dies ---

/// Not a test of its own: run by the tests below in a process that they kill.
TEST(PrivateClusterHolder, DISABLED_HoldsAClusterUntilKilled) {
    const std::string mode = std::getenv("ORRERY_TEST_MODE");
    const fs::path note = std::getenv("ORRERY_TEST_NOTE");
    if (mode == "makes") {
        ASSERT_TRUE(base::write_file(note, "soon"));
        for (;;) (void)PrivateCluster::create({.use_template = false});
    }
    auto cluster = PrivateCluster::create({.outlive = mode == "outlives"});
    ASSERT_TRUE(cluster);
    ASSERT_TRUE(cluster->start());
    if (mode == "hangs") kill(cluster->postmaster_pid(), SIGSTOP);
    ASSERT_TRUE(base::write_file(note, cluster->folder().string()));
    for (;;) pause();
}

class KilledHolder : public ::testing::Test {
protected:
    /// Starts a holder with a TMPDIR of its own and waits for its note.
    fs::path start(const std::string& mode) {
        const fs::path note = scratch_.path() / "note";
        fs::create_directory(place());
        const auto pid = base::start_process(
            {.command = {fs::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests",
                         "--gtest_filter=PrivateClusterHolder.*"},
             .environment = {{"ORRERY_TEST_NOTE", note.string()}, {"ORRERY_TEST_MODE", mode}, {"TMPDIR", place().string()}}},
            scratch_.path() / "log");
        EXPECT_TRUE(pid);
        pid_ = pid.value_or(0);
        EXPECT_TRUE(eventually([&] { return fs::exists(note); }, 60s)) << base::read_file(scratch_.path() / "log").value_or("");
        return base::read_file(note).value_or("");
    }
    void finish() const {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    [[nodiscard]] fs::path place() const { return scratch_.path() / "t"; }
    [[nodiscard]] bool nothing_left(const fs::path& folder) const {
        return entries_of(place()).empty() && base::server_processes(folder / "data").empty();
    }

private:
    base::TemporaryFolder scratch_ = open_folder();
    pid_t pid_ = 0;
};

TEST_F(KilledHolder, LeavesNoServerAndNoFolder) {
    const fs::path folder = start("runs");
    ASSERT_FALSE(base::server_processes(folder / "data").empty());
    finish();
    EXPECT_TRUE(eventually([&] { return nothing_left(folder); }));
}

TEST_F(KilledHolder, LeavesNothingOfAClusterInTheMaking) {
    start("makes");
    fs::path folder;
    EXPECT_TRUE(eventually([&] {  // initdb is under way
        for (const auto& entry : entries_of(place())) folder = entry;
        return fs::exists(folder / "data" / "PG_VERSION");
    }));
    finish();
    EXPECT_TRUE(eventually([&] { return nothing_left(folder); }));
}

TEST_F(KilledHolder, LeavesNothingOfAServerThatHangs) {
    const fs::path folder = start("hangs");
    finish();
    EXPECT_TRUE(eventually([&] { return nothing_left(folder); }, 30s));
}

TEST_F(KilledHolder, LeavesWhatIsMeantToOutliveIt) {
    const fs::path folder = start("outlives");
    finish();
    auto cluster = PrivateCluster::open(folder);
    ASSERT_TRUE(cluster) << cluster.error().to_text();
    EXPECT_TRUE(cluster->running());
    EXPECT_EQ(ask(*cluster, "select 1"), "1");
    EXPECT_TRUE(cluster->destroy());
    EXPECT_TRUE(nothing_left(folder));
}

TEST(PrivateCluster, WorksAsAPlainUser) {
    const auto account = base::unprivileged_account();
    if (!account) GTEST_SKIP() << "the other tests ran as one";
    const auto home = base::TemporaryFolder::create("test", account);
    ASSERT_TRUE(home);
    const auto outcome = base::run_process(
        {.command = {fs::read_symlink("/proc/self/exe").string(), "--gtest_filter=PrivateCluster.AnswersAndLeavesNothing"},
         .account = account,
         .environment = {{"XDG_CACHE_HOME", home->path().string()}}});
    if (!outcome) GTEST_SKIP() << "the account may not enter the build folder";
    EXPECT_EQ(outcome->exit_code, 0) << outcome->output;
    EXPECT_EQ(entries_of(home->path() / "orrery").size(), 1U) << "the template lies in the user's cache";
}

}  // namespace
}  // namespace orrery::pg
