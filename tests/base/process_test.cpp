#include "base/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/folder.hpp"
#include "support/scoped_variable.hpp"

namespace orrery::base {
namespace {

using namespace std::chrono_literals;
using testing::ScopedVariable;

ProcessOptions shell(const std::string& script) {
    return {.command = {"sh", "-c", script}, .timeout = 20s};
}

TEST(RunProcess, KeepsOutputErrorsAndExitCodeApart) {
    const auto outcome = run_process(shell("echo out; echo err >&2; exit 3"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->output, "out\n");
    EXPECT_EQ(outcome->errors, "err\n");
    EXPECT_EQ(outcome->exit_code, 3);
}

TEST(RunProcess, ArgumentsReachTheProgramAsTheyAre) {
    const auto output = run_checked({.command = {"printf", "%s|", "a b", "", "$HOME", "'\"\\", "*"}});
    ASSERT_TRUE(output);
    EXPECT_EQ(*output, "a b||$HOME|'\"\\|*|") << "no shell in between";
}

TEST(RunProcess, ADeadlySignalShowsInTheExitCode) {
    const auto outcome = run_process(shell("kill -TERM $$"));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->exit_code, 128 + SIGTERM);
}

TEST(RunProcess, LargeInputAndOutputPass) {
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + "\n";
    const auto copied = run_checked({.command = {"cat"}, .input = text});
    ASSERT_TRUE(copied);
    EXPECT_TRUE(*copied == text);
    const auto ignored = run_process({.command = {"true"}, .input = text});
    ASSERT_TRUE(ignored) << "a program need not read its input";
    EXPECT_EQ(ignored->exit_code, 0);
    EXPECT_EQ(run_checked({.command = {"cat"}}).value_or("?"), "") << "no input is an empty one, not ours";
}

TEST(RunProcess, AMissingProgramIsAnError) {
    for (const char* program : {"/nowhere/orrery-no-such", "orrery-no-such", "/etc/passwd", "/"}) {
        const auto outcome = run_process({.command = {program}});
        ASSERT_FALSE(outcome) << program;
        EXPECT_EQ(outcome.error().kind, ErrorKind::io);
        EXPECT_NE(outcome.error().message.find(program), std::string::npos);
        EXPECT_FALSE(outcome.error().hint.empty());
    }
    EXPECT_FALSE(run_process({}));
}

TEST(RunProcess, AFileThatIsNoProgramIsAnError) {
    const auto folder = TemporaryFolder::create("test");
    ASSERT_TRUE(folder);
    const auto file = folder->path() / "program";
    ASSERT_TRUE(write_file(file, "\x7f\x45LF nonsense"));
    chmod(file.c_str(), 0755);
    const auto outcome = run_process({.command = {file.string()}});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().detail, "Exec format error");
}

TEST(RunProcess, TheTimeoutEndsIt) {
    const auto outcome = run_process({.command = {"sleep", "300"}, .timeout = 50ms});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, ErrorKind::timeout);
    EXPECT_NE(outcome.error().message.find("sleep"), std::string::npos);
}

TEST(RunProcess, AStopRequestedBeforeKeepsItFromStarting) {
    std::stop_source source;
    source.request_stop();
    const auto outcome = run_process({.command = {"sleep", "300"}}, source.get_token());
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, ErrorKind::cancelled);
}

TEST(RunProcess, DoesNotWaitForWhatTheProgramLeavesBehind) {
    const auto output = run_checked(shell("sleep 300 & echo $!"));
    ASSERT_TRUE(output);
    const pid_t left = std::stoi(*output);
    EXPECT_GT(left, 1);
    kill(left, SIGKILL);
}

TEST(RunProcess, EnvironmentIsOursWithAdditionsAndWithoutWhatIsUnset) {
    const ScopedVariable port("PGPORT", "1"), host("PGHOST", "h"), kept("ORRERY_TEST_KEPT", "old"), other("ORRERY_TEST_OTHER", "same");
    const auto output = run_checked({.command = {"sh", "-c", "echo $PGPORT,$PGHOST,$ORRERY_TEST_KEPT,$ORRERY_TEST_OTHER,$PGNEW"},
                                     .environment = {{"ORRERY_TEST_KEPT", "new"}, {"PGNEW", "n"}},
                                     .unset = {"PG*"}});
    ASSERT_TRUE(output);
    EXPECT_EQ(*output, ",,new,same,n\n");
}

TEST(RunProcess, SignalsStartFromTheirDefaults) {
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    const auto handler = std::signal(SIGPIPE, SIG_IGN);
    const auto output = run_checked({.command = {"grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}});
    std::signal(SIGPIPE, handler);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ASSERT_TRUE(output);
    EXPECT_EQ(*output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(RunProcess, OurOpenFilesAreNotInherited) {
    constexpr int kHigh = 100;                              // above what the shell opens itself
    const int ours = fcntl(STDERR_FILENO, F_DUPFD, kHigh);  // without O_CLOEXEC, as a library may do
    ASSERT_GE(ours, kHigh);
    const auto output = run_checked({.command = {"sh", "-c", "for fd in /proc/$$/fd/*; do echo ${fd##*/}; done"}});
    close(ours);
    ASSERT_TRUE(output);
    EXPECT_EQ(output->find(std::to_string(ours) + "\n"), std::string::npos) << *output;
}

TEST(RunProcess, RunsInTheFolderThatIsAskedFor) {
    const auto folder = TemporaryFolder::create("test");
    ASSERT_TRUE(folder);
    EXPECT_EQ(run_checked({.command = {"pwd"}, .working_folder = folder->path().string()}).value_or(""), folder->path().string() + "\n");
    EXPECT_FALSE(run_process({.command = {"pwd"}, .working_folder = "/nowhere"}));
}

TEST(RunProcess, RootCanRunItAsAnotherAccount) {
    const auto account = unprivileged_account();
    if (geteuid() != 0) {
        EXPECT_FALSE(account) << "anyone else stays who they are";
        GTEST_SKIP() << "needs root";
    }
    ASSERT_TRUE(account);
    const auto folder = TemporaryFolder::create("test");  // root's own: the account may not enter it
    ASSERT_TRUE(folder);
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(folder->path());
    const auto output = run_checked({.command = {"sh", "-c", "id -u; id -g; pwd"}, .account = account});
    std::filesystem::current_path(before);
    ASSERT_TRUE(output) << output.error().to_text();
    EXPECT_EQ(*output, std::to_string(account->uid) + "\n" + std::to_string(account->gid) + "\n/\n");
    EXPECT_FALSE(run_process({.command = {"pwd"}, .account = account, .working_folder = folder->path().string()}));
}

TEST(RunChecked, AFailureShowsTheEndOfStandardError) {
    const auto outcome = run_checked(shell("yes padding | head -1000 >&2; echo the reason >&2; exit 2"));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().kind, ErrorKind::io);
    EXPECT_TRUE(outcome.error().detail.ends_with("the reason")) << outcome.error().detail;
    EXPECT_LT(outcome.error().detail.size(), 2100U);
    EXPECT_NE(outcome.error().message.find("exit code 2"), std::string::npos);
}

TEST(StartProcess, RunsOnInItsOwnSessionAndAppendsToItsLog) {
    const auto folder = TemporaryFolder::create("test");
    ASSERT_TRUE(folder);
    const auto log = folder->path() / "log";
    ASSERT_TRUE(write_file(log, "before\n"));
    const auto pid =
        start_process(shell("echo out; echo err >&2; read line; echo \"[$line]\"; ps -o sid= -p $$ 2>/dev/null || true; exit 4"), log);
    ASSERT_TRUE(pid);
    int status = 0;
    ASSERT_EQ(waitpid(*pid, &status, 0), *pid);
    EXPECT_EQ(WEXITSTATUS(status), 4);
    EXPECT_TRUE(read_file(log).value_or("").starts_with("before\nout\nerr\n[]\n"));
    EXPECT_FALSE(start_process({.command = {"orrery-no-such"}}, log));
    EXPECT_FALSE(start_process(shell("true"), "/nowhere/log"));
}

TEST(FindProgram, LooksAlongThePath) {
    EXPECT_TRUE(find_program("sh").value_or("").ends_with("/sh"));
    EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
    EXPECT_FALSE(find_program("orrery-no-such"));
    EXPECT_FALSE(find_program("/etc/passwd")) << "not executable";
    const ScopedVariable path("PATH", "/nowhere");
    EXPECT_FALSE(find_program("sh"));
}

}  // namespace
}  // namespace orrery::base
