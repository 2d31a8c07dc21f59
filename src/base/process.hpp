#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace orrery::base {

/// The account that a child runs as.
struct UserAccount {
    uid_t uid = 0;
    gid_t gid = 0;
    std::string name;
};

/// As root: the unprivileged account for PostgreSQL's processes (`postgres`, else `nobody`); as anyone else: nothing (stay who we are).
std::optional<UserAccount> unprivileged_account();

struct ProcessOptions {
    std::vector<std::string> command;                              ///< program (absolute, or found on PATH) and arguments
    std::optional<UserAccount> account;                            ///< drop to it before exec
    std::vector<std::pair<std::string, std::string>> environment;  ///< added to ours
    std::string working_folder;                                    ///< "" = ours, or "/" when `account` may not enter it
    std::string input;                                             ///< written to its standard input
    std::chrono::milliseconds timeout{60'000};                     ///< then its process group is killed and `timeout` is returned
    std::vector<std::string> unset;  ///< variables of ours that it does not get; "PG*" stands for all that begin with PG
};

struct ProcessOutcome {
    int exit_code = 0;   ///< 128 + signal when killed
    std::string output;  ///< standard output
    std::string errors;  ///< standard error
};

/// Runs a program to its end, in its own process group; a stop request kills it (`cancelled`), and so does our own end.
/// It starts with default signal handling and without our open files.
/// A program that cannot be started is an `io` error; a non-zero exit is NOT an error here.
Result<ProcessOutcome> run_process(const ProcessOptions& options, const std::stop_token& stop = {});

/// Like run_process, but a non-zero exit is an error whose detail is the end of standard error.
Result<std::string> run_checked(const ProcessOptions& options, const std::stop_token& stop = {});

/// Starts a program that runs on by itself, in its own session, with both outputs appended to `log_file`; the caller waits
/// for it (waitpid). `input` and `timeout` do not apply.
Result<pid_t> start_process(const ProcessOptions& options, const std::filesystem::path& log_file);

/// Full path of a program on PATH.
std::optional<std::string> find_program(const std::string& name);

}  // namespace orrery::base
