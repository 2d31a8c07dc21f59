#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>

#include "base/folder.hpp"
#include "base/postmaster.hpp"
#include "base/process.hpp"
#include "pg/private_cluster.hpp"
#include "support/reaper.hpp"

namespace orrery::pg {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// Answer of one statement, through psql.
std::string ask(const PrivateCluster& cluster, const std::string& sql) {
    const auto answer = base::run_checked({.command = {(cluster.installation().bin / "psql").string(), "-XAtq", "-c", sql, cluster.uri()}});
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

template <typename Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience = 15s) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

class ScopedVariable {
public:
    ScopedVariable(const char* name, const std::string& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        setenv(name, value.c_str(), 1);
    }
    ScopedVariable(const ScopedVariable&) = delete;
    ScopedVariable& operator=(const ScopedVariable&) = delete;
    ~ScopedVariable() {
        if (before_)
            setenv(name_, before_->c_str(), 1);
        else
            unsetenv(name_);
    }

private:
    const char* name_;
    std::optional<std::string> before_;
};

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
        EXPECT_EQ(base::server_processes(cluster.data_folder()).empty(), false);
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

TEST(PrivateCluster, ServersDoNotInheritOurVariablesOrSignals) {
    const ScopedVariable port("PGPORT", "1"), options("PGOPTIONS", "-c work_mem=1MB");
    std::signal(SIGPIPE, SIG_IGN);
    const auto cluster = started();
    std::ifstream environment(fs::path("/proc") / std::to_string(cluster.postmaster_pid()) / "environ");
    for (std::string word; std::getline(environment, word, '\0');)
        EXPECT_FALSE(word.starts_with("PGPORT") || word.starts_with("PGOPTIONS")) << word;
    EXPECT_EQ(getsid(cluster.postmaster_pid()), cluster.postmaster_pid());
    std::signal(SIGPIPE, SIG_DFL);
}

TEST(PrivateCluster, TwoAtOnce) {
    const auto one = started(), two = started();
    EXPECT_EQ(ask(one, "create table mine as select 1 as n; select count(*) from mine"), "1");
    EXPECT_EQ(ask(two, "select to_regclass('mine') is null"), "t");
}

TEST(PrivateCluster, TemplateIsMadeOnceAndCopied) {
    auto cache = base::TemporaryFolder::create("cache", {});
    ASSERT_TRUE(cache);
    chmod(cache->path().c_str(), 0755);
    const ScopedVariable place("XDG_CACHE_HOME", cache->path().string());
    { const auto first = started(); }
    std::vector<fs::path> made;
    for (const auto& entry : fs::directory_iterator(cache->path() / "orrery")) made.push_back(entry.path());
    ASSERT_EQ(made.size(), 1U) << "one template, nothing else left";
    std::ofstream(made.front() / "planted") << "x";
    const auto copied = PrivateCluster::create({});
    ASSERT_TRUE(copied);
    EXPECT_TRUE(fs::exists(copied->data_folder() / "planted"));
    const auto fresh = PrivateCluster::create({.use_template = false});
    ASSERT_TRUE(fresh);
    EXPECT_FALSE(fs::exists(fresh->data_folder() / "planted"));
}

// --- a process that holds a cluster and dies ---

/// Not a test of its own: run by the tests below in a process that they kill.
TEST(PrivateClusterHolder, DISABLED_HoldsAClusterUntilKilled) {
    auto cluster = PrivateCluster::create({});
    ASSERT_TRUE(cluster);
    ASSERT_TRUE(cluster->start());
    ASSERT_TRUE(base::write_file(std::getenv("ORRERY_TEST_NOTE"), cluster->folder().string()));
    for (;;) std::this_thread::sleep_for(1s);
}

struct Holder {
    pid_t pid = 0;
    fs::path folder;
};

Holder start_holder(const fs::path& scratch) {
    const fs::path note = scratch / "note";
    const auto pid = base::start_process({.command = {fs::read_symlink("/proc/self/exe").string(), "--gtest_also_run_disabled_tests",
                                                      "--gtest_filter=PrivateClusterHolder.*"},
                                          .environment = {{"ORRERY_TEST_NOTE", note.string()}}},
                                         scratch / "log");
    EXPECT_TRUE(pid);
    EXPECT_TRUE(eventually([&] { return fs::exists(note); }, 60s));
    return {*pid, base::read_file(note).value_or("")};
}

TEST(PrivateCluster, NothingIsLeftWhenOurProcessIsKilled) {
    const auto scratch = base::TemporaryFolder::create("test");
    ASSERT_TRUE(scratch);
    const Holder holder = start_holder(scratch->path());
    const pid_t postmaster = base::find_postmaster(holder.folder / "data");
    ASSERT_GT(postmaster, 0);
    kill(holder.pid, SIGKILL);
    waitpid(holder.pid, nullptr, 0);
    EXPECT_TRUE(eventually([&] { return !fs::exists(holder.folder) && base::server_processes(holder.folder / "data").empty(); }));
}

}  // namespace
}  // namespace orrery::pg
