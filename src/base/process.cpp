#include "base/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace orrery::base {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr std::size_t kLargestOutput = std::size_t{1} << 30;  // bytes of one stream
constexpr std::size_t kTailLength = 2000;                     // bytes of standard error shown in an error

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() { reset(); }

    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] bool open() const { return number_ >= 0; }
    void reset() {
        if (number_ >= 0) close(number_);
        number_ = -1;
    }

private:
    int number_ = -1;
};

struct Pipe {
    Descriptor read_end, write_end;
};

Unexpected system_error(std::string message, int code) {
    std::string hint;
    if (code == EMFILE || code == ENFILE) hint = "Raise the limit of open files (ulimit -n).";
    if (code == EAGAIN || code == ENOMEM) hint = "The machine is out of memory or of processes.";
    return unexpected(ErrorKind::io, std::move(message), std::strerror(code), std::move(hint));
}

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe", errno);
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

/// Everything the child needs, made before the fork: after it only async-signal-safe calls are allowed.
struct Launch {
    std::string program, working_folder;
    std::vector<std::string> words, environment;
    std::vector<char*> argv, envp;
    std::vector<gid_t> groups;
    std::optional<UserAccount> account;
    bool session = false;          // else only a process group
    bool folder_required = false;  // else "/" will do
    bool die_with_parent = false;
    pid_t parent = 0;
    int input = -1, output = -1, errors = -1, status = -1;
};

bool dropped(std::string_view assignment, const ProcessOptions& options) {
    const auto name = assignment.substr(0, assignment.find('='));
    const auto matches = [&](std::string_view pattern) {
        if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
        return name == pattern;
    };
    return std::any_of(options.unset.begin(), options.unset.end(), matches) ||
           std::any_of(options.environment.begin(), options.environment.end(), [&](const auto& pair) { return pair.first == name; });
}

std::vector<std::string> child_environment(const ProcessOptions& options) {
    std::vector<std::string> assignments;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
        if (!dropped(*entry, options)) assignments.emplace_back(*entry);
    for (const auto& [name, value] : options.environment) assignments.push_back(name + "=" + value);
    return assignments;
}

std::vector<gid_t> groups_of(const UserAccount& account) {
    std::vector<gid_t> groups(64);
    int count = static_cast<int>(groups.size());
    if (getgrouplist(account.name.c_str(), account.gid, groups.data(), &count) < 0) {
        groups.resize(static_cast<std::size_t>(count));
        getgrouplist(account.name.c_str(), account.gid, groups.data(), &count);
    }
    groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    return groups;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> result;
    for (auto& word : words) result.push_back(word.data());
    result.push_back(nullptr);
    return result;
}

Result<Launch> prepare(const ProcessOptions& options) {
    if (options.command.empty()) return unexpected(ErrorKind::internal, "no program was given to start");
    const auto program = find_program(options.command.front());
    if (!program)
        return unexpected(ErrorKind::io, fmt::format("cannot start {}", options.command.front()), "There is no such program.",
                          "Install it, or put its folder on PATH.");
    Launch launch;
    launch.program = *program;
    launch.words = options.command;
    launch.environment = child_environment(options);
    launch.account = options.account;
    if (options.account) launch.groups = groups_of(*options.account);
    launch.folder_required = !options.working_folder.empty();
    launch.working_folder = options.working_folder;
    if (launch.working_folder.empty()) {
        std::array<char, PATH_MAX> buffer{};
        launch.working_folder = getcwd(buffer.data(), buffer.size()) != nullptr ? buffer.data() : "/";
    }
    launch.parent = getpid();
    return launch;
}

// --- in the child: async-signal-safe calls only ---

void report_and_leave(int status) {
    const int code = errno;
    (void)!write(status, &code, sizeof code);
    _exit(127);
}

void reset_signals() {
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) sigaction(number, &standard, nullptr);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// A protection from the OOM killer is ours, not the child's.
void reset_oom_score() {
    const int file = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    char first = 0;
    if (read(file, &first, 1) == 1 && first == '-') (void)!write(file, "0", 1);
    close(file);
}

[[noreturn]] void become(Launch& launch) {
    if (launch.session)
        setsid();
    else
        setpgid(0, 0);
    reset_signals();
    if (dup2(launch.input, 0) < 0 || dup2(launch.output, 1) < 0 || dup2(launch.errors, 2) < 0) report_and_leave(launch.status);
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    reset_oom_score();
    if (launch.account) {
        if (setgroups(launch.groups.size(), launch.groups.data()) != 0 || setgid(launch.account->gid) != 0 ||
            setuid(launch.account->uid) != 0)
            report_and_leave(launch.status);
    }
    if (launch.die_with_parent) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != launch.parent) _exit(127);
    }
    if (chdir(launch.working_folder.c_str()) != 0 && (launch.folder_required || chdir("/") != 0)) report_and_leave(launch.status);
    execve(launch.program.c_str(), launch.argv.data(), launch.envp.data());
    report_and_leave(launch.status);
    _exit(127);
}

// --- in the parent again ---

/// Moves a descriptor above the standard ones, so that dup2 in the child cannot clobber it.
Result<Descriptor> above_standard(int number) {
    const int copy = fcntl(number, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return system_error("cannot copy a file descriptor", errno);
    return Descriptor(copy);
}

Result<pid_t> launch_child(Launch& launch, const std::array<int, 3>& standard) {
    ORRERY_ASSIGN(const Descriptor input, above_standard(standard[0]));
    ORRERY_ASSIGN(const Descriptor output, above_standard(standard[1]));
    ORRERY_ASSIGN(const Descriptor errors, above_standard(standard[2]));
    ORRERY_ASSIGN(Pipe status, make_pipe());
    ORRERY_ASSIGN(Descriptor status_end, above_standard(status.write_end.get()));
    status.write_end.reset();
    launch.input = input.get();
    launch.output = output.get();
    launch.errors = errors.get();
    launch.status = status_end.get();
    launch.argv = pointers(launch.words);
    launch.envp = pointers(launch.environment);

    // Our handlers must not run in the child before it has reset them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t child = fork();
    if (child == 0) become(launch);
    const int fork_code = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (child < 0) return system_error(fmt::format("cannot start {}", launch.program), fork_code);
    if (!launch.session) setpgid(child, child);

    status_end.reset();
    int code = 0;
    ssize_t got = 0;
    do got = read(status.read_end.get(), &code, sizeof code);
    while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(sizeof code)) return child;
    waitpid(child, nullptr, 0);
    return system_error(fmt::format("cannot start {}", launch.program), code);
}

Result<Descriptor> open_file(const char* path, int flags) {
    const int file = open(path, flags | O_CLOEXEC, 0666);
    if (file < 0) return system_error(fmt::format("cannot open {}", path), errno);
    return Descriptor(file);
}

/// The text as a file in memory: the child reads at its own pace and can never block us or raise SIGPIPE.
Result<Descriptor> input_file(const std::string& text) {
    if (text.empty()) return open_file("/dev/null", O_RDONLY);
    Descriptor file(memfd_create("input", MFD_CLOEXEC));
    if (!file.open()) return system_error("cannot hold a program's input", errno);
    for (std::size_t done = 0; done < text.size();) {
        const ssize_t wrote = write(file.get(), text.data() + done, text.size() - done);
        if (wrote < 0 && errno != EINTR) return system_error("cannot hold a program's input", errno);
        if (wrote > 0) done += static_cast<std::size_t>(wrote);
    }
    lseek(file.get(), 0, SEEK_SET);
    return file;
}

/// Reads what is there; closes the pipe at its end. False when the text grew beyond the limit.
bool drain(Descriptor& pipe, std::string& text) {
    std::array<char, 65536> buffer;
    while (pipe.open()) {
        const ssize_t got = read(pipe.get(), buffer.data(), buffer.size());
        if (got > 0)
            text.append(buffer.data(), static_cast<std::size_t>(got));
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            pipe.reset();
        else if (errno == EAGAIN)
            break;
        if (text.size() > kLargestOutput) return false;
    }
    return true;
}

int exit_code_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/// A child under way. Kills the whole group when it goes before the child's end.
struct Running {
    pid_t pid = 0;
    bool ended = false;
    int status = 0;

    explicit Running(pid_t child) : pid(child) {}
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        if (ended) return;
        kill(-pid, SIGKILL);
        wait_for_end(0);
    }
    bool wait_for_end(int flags) {
        pid_t got = 0;
        do got = waitpid(pid, &status, flags);
        while (got < 0 && errno == EINTR);
        ended = got != 0;
        return ended;
    }
};

int milliseconds_until(Deadline deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

/// Collects both outputs until the child has ended. What its own children still hold open is not waited for.
Result<ProcessOutcome> collect(Running& child, Pipe& output, Pipe& errors, const ProcessOptions& options, const std::stop_token& stop) {
    const std::string& name = options.command.front();
    const Deadline deadline = std::chrono::steady_clock::now() + options.timeout;
    const Descriptor ended(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0U)));
    const Descriptor stopped(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const std::stop_callback wake(stop, [&] { eventfd_write(stopped.get(), 1); });
    constexpr int kSliceMs = 10;  // between looks at the child where the kernel has no pidfd

    ProcessOutcome outcome;
    for (;;) {
        const bool over = child.wait_for_end(WNOHANG);
        if (!drain(output.read_end, outcome.output) || !drain(errors.read_end, outcome.errors))
            return unexpected(ErrorKind::io, fmt::format("{} was stopped", name), "It wrote more than 1 GB.");
        if (over) break;
        if (stop.stop_requested()) return unexpected(ErrorKind::cancelled, fmt::format("{} was stopped", name));
        const int left = milliseconds_until(deadline);
        if (left == 0)
            return unexpected(ErrorKind::timeout, fmt::format("{} was stopped", name),
                              fmt::format("It ran longer than {:.1f} s.", std::chrono::duration<double>(options.timeout).count()));
        std::array<pollfd, 4> waits{
            {{output.read_end.get(), POLLIN, 0}, {errors.read_end.get(), POLLIN, 0}, {ended.get(), POLLIN, 0}, {stopped.get(), POLLIN, 0}}};
        poll(waits.data(), waits.size(), ended.open() ? left : std::min(left, kSliceMs));
    }
    outcome.exit_code = exit_code_of(child.status);
    return outcome;
}

}  // namespace

std::optional<UserAccount> unprivileged_account() {
    if (geteuid() != 0) return std::nullopt;
    for (const char* name : {"postgres", "nobody"}) {
        passwd entry{};
        passwd* found = nullptr;
        std::array<char, 16384> buffer{};
        if (getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
            return UserAccount{found->pw_uid, found->pw_gid, name};
    }
    constexpr uid_t kNobody = 65534;
    return UserAccount{kNobody, kNobody, "nobody"};
}

Result<ProcessOutcome> run_process(const ProcessOptions& options, const std::stop_token& stop) {
    if (stop.stop_requested()) return unexpected(ErrorKind::cancelled, "stopped before a program was started");
    ORRERY_ASSIGN(Launch launch, prepare(options));
    launch.die_with_parent = true;
    ORRERY_ASSIGN(const Descriptor input, input_file(options.input));
    ORRERY_ASSIGN(Pipe output, make_pipe());
    ORRERY_ASSIGN(Pipe errors, make_pipe());
    ORRERY_ASSIGN(const pid_t pid, launch_child(launch, {input.get(), output.write_end.get(), errors.write_end.get()}));
    Running child(pid);
    for (Pipe* pipe : {&output, &errors}) {
        pipe->write_end.reset();
        fcntl(pipe->read_end.get(), F_SETFL, O_NONBLOCK);
    }
    return collect(child, output, errors, options, stop);
}

Result<std::string> run_checked(const ProcessOptions& options, const std::stop_token& stop) {
    ORRERY_ASSIGN(ProcessOutcome outcome, run_process(options, stop));
    if (outcome.exit_code == 0) return std::move(outcome.output);
    std::string tail = std::move(outcome.errors);
    while (!tail.empty() && tail.back() == '\n') tail.pop_back();
    if (tail.size() > kTailLength) tail = "..." + tail.substr(tail.size() - kTailLength);
    return unexpected(ErrorKind::io, fmt::format("{} failed with exit code {}", options.command.front(), outcome.exit_code),
                      std::move(tail));
}

Result<pid_t> start_process(const ProcessOptions& options, const std::filesystem::path& log_file) {
    ORRERY_ASSIGN(Launch launch, prepare(options));
    launch.session = true;
    ORRERY_ASSIGN(const Descriptor input, open_file("/dev/null", O_RDONLY));
    ORRERY_ASSIGN(const Descriptor log, open_file(log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT));
    if (options.account && fchown(log.get(), options.account->uid, options.account->gid) != 0)
        return system_error(fmt::format("cannot hand {} to {}", log_file.string(), options.account->name), errno);
    return launch_child(launch, {input.get(), log.get(), log.get()});
}

std::optional<std::string> find_program(const std::string& name) {
    const auto runnable = [](const std::string& path) {
        struct stat facts {};
        return stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && access(path.c_str(), X_OK) == 0;
    };
    if (name.find('/') != std::string::npos) return runnable(name) ? std::optional(name) : std::nullopt;
    const char* search_path = std::getenv("PATH");
    std::istringstream folders(search_path != nullptr ? search_path : "/usr/local/bin:/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');)
        if (const std::string path = (folder.empty() ? "." : folder) + "/" + name; runnable(path)) return path;
    return std::nullopt;
}

}  // namespace orrery::base
