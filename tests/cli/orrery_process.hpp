#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/folder.hpp"
#include "base/process.hpp"
#include "support/eventually.hpp"

/// The binary as its users meet it, in a world of its own: temporary files and state below one folder.
namespace orrery::cli::testing {

using Json = nlohmann::json;

struct Outcome {
    int code = -1;
    std::string output, errors;

    /// The document on standard output; a test failure when there is anything else.
    [[nodiscard]] Json json() const {
        auto document = Json::parse(output, nullptr, false);
        EXPECT_FALSE(document.is_discarded()) << "not JSON:\n" << output << "\nstandard error:\n" << errors;
        return document;
    }
};

class World {
public:
    World() : folder_(std::move(*base::TemporaryFolder::create("e2e"))) {
        std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));  // servers run as another account
        for (const auto* name : {"tmp", "state"}) std::filesystem::create_directory(path(name));
        std::filesystem::permissions(path("tmp"), std::filesystem::perms(01777));
    }

    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
    [[nodiscard]] std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name)) << text;
        return path(name).string();
    }

    [[nodiscard]] base::ProcessOptions options(const std::vector<std::string>& arguments) const {
        base::ProcessOptions options;
        options.command = {ORRERY_BINARY};
        options.command.insert(options.command.end(), arguments.begin(), arguments.end());
        options.environment = {{"TMPDIR", path("tmp").string()}, {"XDG_STATE_HOME", path("state").string()}};
        options.unset = {"PG*"};
        options.timeout = std::chrono::minutes(5);
        return options;
    }
    Outcome run(const std::vector<std::string>& arguments) const { return run(options(arguments)); }
    static Outcome run(const base::ProcessOptions& options) {
        const auto outcome = base::run_process(options);
        EXPECT_TRUE(outcome) << outcome.error().to_text();
        return outcome ? Outcome{outcome->exit_code, outcome->output, outcome->errors} : Outcome{};
    }

    /// Temporary files that are still there, and processes that have one of them on their command line.
    [[nodiscard]] std::string leftovers() const {
        namespace fs = std::filesystem;
        std::string found;
        for (const auto& entry : fs::directory_iterator(path("tmp"))) found += entry.path().string() + "\n";
        std::error_code failure;
        for (const auto& process : fs::directory_iterator("/proc", failure)) {
            const auto name = process.path().filename().string();
            if (name.find_first_not_of("0123456789") != std::string::npos) continue;
            std::ifstream file(process.path() / "cmdline", std::ios::binary);
            std::stringstream text;
            text << file.rdbuf();
            if (text.str().find(path("tmp").string()) != std::string::npos) found += "process " + name + "\n";
        }
        return found;
    }
    [[nodiscard]] bool clean() const {
        return orrery::testing::eventually([&] { return leftovers().empty(); });
    }

private:
    base::TemporaryFolder folder_;
};

/// The binary while it runs; killed with the object.
class Running {
public:
    Running(const World& world, const std::vector<std::string>& arguments) : log_(world.path("running.log")) {
        auto options = world.options(arguments);
        const auto started = base::start_process(options, log_);
        EXPECT_TRUE(started) << started.error().to_text();
        pid_ = started ? *started : -1;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        (void)wait();
    }

    [[nodiscard]] std::string said() const {
        std::ifstream file(log_);
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    [[nodiscard]] bool says(const std::string& words) const {
        return orrery::testing::eventually([&] { return said().find(words) != std::string::npos; }, std::chrono::minutes(2));
    }
    void signal(int number) const { ::kill(pid_, number); }
    /// Exit code, or 128 + the signal that ended it.
    int wait() {
        int status = 0;
        if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) return -1;
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

private:
    std::filesystem::path log_;
    pid_t pid_ = -1;
};

}  // namespace orrery::cli::testing
