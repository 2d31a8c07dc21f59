#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "base/folder.hpp"
#include "base/postmaster.hpp"
#include "base/process.hpp"
#include "support/eventually.hpp"

namespace orrery::base {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::eventually;

bool gone(pid_t pid) {
    const auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
    return !text || text->find(") Z ") != std::string::npos;
}

/// Runs `body` in a process of its own with a reaper, lets it report a line through `note`, and kills it.
void in_a_process_that_is_killed(const fs::path& note, const std::function<std::string()>& body) {
    const pid_t child = fork();
    if (child == 0) {
        reaper::start();
        (void)write_file(note, body());
        for (;;) pause();
    }
    EXPECT_TRUE(eventually([&] { return fs::exists(note); }));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

class ReaperTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = TemporaryFolder::create("test");
        ASSERT_TRUE(made);
        scratch_.emplace(std::move(made).value());
    }
    [[nodiscard]] fs::path scratch() const { return scratch_->path(); }
    [[nodiscard]] std::string note() const { return read_file(scratch() / "note").value_or(""); }

private:
    std::optional<TemporaryFolder> scratch_;
};

TEST_F(ReaperTest, RemovesTemporaryFoldersOfAKilledProcess) {
    in_a_process_that_is_killed(scratch() / "note", [] {
        static auto folder = TemporaryFolder::create("test");
        fs::create_directories(folder->path() / "a" / "b");
        return folder->path().string();
    });
    ASSERT_FALSE(note().empty());
    EXPECT_TRUE(eventually([&] { return !fs::exists(note()); }));
}

TEST_F(ReaperTest, KeepsWhatIsForgottenOrNotNamedAsOurs) {
    const fs::path foreign = scratch() / "precious", released = scratch() / "orrery-released", watched = scratch() / "orrery-watched";
    const fs::path empty = scratch() / "made-for-a-lab";
    for (const auto& folder : {foreign, released, watched, empty}) fs::create_directory(folder);
    ASSERT_TRUE(write_file(foreign / "kept", "x"));
    in_a_process_that_is_killed(scratch() / "note", [&] {
        reaper::watch_folder(foreign);
        reaper::watch_folder(released);
        reaper::forget_folder(released);
        reaper::watch_folder(empty);
        reaper::watch_folder(watched);
        return std::string("ready");
    });
    EXPECT_TRUE(eventually([&] { return !fs::exists(watched); }));
    EXPECT_FALSE(fs::exists(empty));
    EXPECT_TRUE(fs::exists(foreign / "kept"));
    EXPECT_TRUE(fs::exists(released));
}

TEST_F(ReaperTest, OnlySignalsAProcessThatIsThePostmasterOfThatFolder) {
    // postmaster.pid names a process that is no server: it is stale, and that process is somebody else's.
    const fs::path data = scratch() / "data", watched = scratch() / "orrery-watched";
    fs::create_directory(data);
    fs::create_directory(watched);
    const auto bystander = start_process({.command = {"sleep", "300"}, .working_folder = data.string()}, scratch() / "log");
    ASSERT_TRUE(bystander);
    ASSERT_TRUE(write_file(data / "postmaster.pid", std::to_string(*bystander) + "\n" + data.string() + "\n1\n5432\n/tmp\n\n0 0\nready\n"));
    EXPECT_EQ(find_postmaster(data), 0);
    in_a_process_that_is_killed(scratch() / "note", [&] {
        reaper::watch_postmaster(data);
        reaper::watch_folder(watched);
        return std::string("ready");
    });
    EXPECT_TRUE(eventually([&] { return !fs::exists(watched); }));
    EXPECT_FALSE(gone(*bystander));
    kill(*bystander, SIGKILL);
    waitpid(*bystander, nullptr, 0);
}

TEST_F(ReaperTest, AProgramUnderWayDiesWithUs) {
    const fs::path file = scratch() / "pid";
    in_a_process_that_is_killed(scratch() / "note", [&] {
        std::thread([&] { (void)run_process({.command = {"sh", "-c", "echo $$ > '" + file.string() + "'; exec sleep 300"}}); }).detach();
        eventually([&] { return read_file(file).value_or("").ends_with('\n'); });
        return std::string("ready");
    });
    const pid_t pid = std::stoi(read_file(file).value_or("0"));
    ASSERT_GT(pid, 1);
    EXPECT_TRUE(eventually([&] { return gone(pid); }));
}

TEST_F(ReaperTest, StopAndTimeoutKillTheWholeGroup) {
    const fs::path file = scratch() / "pid";
    const ProcessOptions options{.command = {"sh", "-c", "sleep 300 & echo $! > '" + file.string() + "'; wait"}, .timeout = 60s};
    const auto grandchild = [&] {
        eventually([&] { return read_file(file).value_or("").ends_with('\n'); });
        return static_cast<pid_t>(std::stoi(read_file(file).value_or("0")));
    };
    std::stop_source source;
    pid_t pid = 0;
    std::thread stopper([&] {
        pid = grandchild();
        source.request_stop();
    });
    const auto stopped = run_process(options, source.get_token());
    stopper.join();
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().kind, ErrorKind::cancelled);
    ASSERT_GT(pid, 1);
    EXPECT_TRUE(eventually([&] { return gone(pid); }));

    fs::remove(file);
    ProcessOptions short_one = options;
    short_one.timeout = 1s;
    const auto late = run_process(short_one);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorKind::timeout);
    pid = grandchild();
    EXPECT_TRUE(eventually([&] { return gone(pid); }));
}

}  // namespace
}  // namespace orrery::base
