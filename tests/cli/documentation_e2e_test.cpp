// Runs the commands that the documentation shows: every `sh` block of README.md, CONTRIBUTING.md and docs/.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "base/folder.hpp"
#include "base/process.hpp"

namespace {

namespace fs = std::filesystem;
using namespace orrery;

std::vector<fs::path> pages() {
    const fs::path root = ORRERY_SOURCE_FOLDER;
    std::vector<fs::path> found{root / "README.md", root / "CONTRIBUTING.md"};
    for (const auto& entry : fs::recursive_directory_iterator(root / "docs"))
        if (entry.path().extension() == ".md") found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
}

std::vector<std::string> shell_lines(const fs::path& page) {
    std::ifstream file(page);
    std::vector<std::string> lines;
    bool inside = false, continued = false;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("```")) {
            inside = !inside && line == "```sh";
            continue;
        }
        if (!inside) continue;
        if (const auto comment = line.find("  #"); comment != std::string::npos) line.erase(comment);
        while (!line.empty() && line.back() == ' ') line.pop_back();
        if (line.empty() || line[0] == '#') continue;
        const bool more = line.back() == '\\';
        if (more) line.pop_back();
        if (continued)
            lines.back() += line;
        else
            lines.push_back(line);
        continued = more;
    }
    return lines;
}

std::string first_words(const std::string& line, int count) {
    std::istringstream words(line);
    std::string result, word;
    while (count-- > 0 && words >> word) result += (result.empty() ? "" : " ") + word;
    return result;
}

base::ProcessOutcome shell(const std::string& script, const fs::path& folder,
                           const std::vector<std::pair<std::string, std::string>>& environment) {
    base::ProcessOptions options;
    options.command = {"/bin/bash", "-c", script};
    options.working_folder = folder.string();
    options.environment = environment;
    options.timeout = std::chrono::minutes(8);
    auto outcome = base::run_process(options);
    EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : outcome.error().to_text());
    return outcome ? *outcome : base::ProcessOutcome{};
}

TEST(Documentation, TasksThatAreShownExist) {
    const auto help = shell("./dev help", ORRERY_SOURCE_FOLDER, {});
    ASSERT_EQ(help.exit_code, 0);
    int seen = 0;
    for (const auto& page : pages())
        for (const auto& line : shell_lines(page)) {
            if (!line.starts_with("./dev ")) continue;
            ++seen;
            EXPECT_NE(help.output.find(first_words(line, 2)), std::string::npos) << page << ": " << line;
        }
    EXPECT_GT(seen, 4);
}

TEST(Documentation, CommandsThatAreShownWork) {
    auto folder = base::TemporaryFolder::create("docs");
    ASSERT_TRUE(folder.has_value());
    const std::vector<std::pair<std::string, std::string>> environment{{"ORRERY", ORRERY_BINARY},
                                                                       {"XDG_STATE_HOME", (folder->path() / "state").string()}};
    int seen = 0;
    for (const auto& page : pages()) {
        std::string script = "set -euo pipefail\norrery() { \"$ORRERY\" --quiet \"$@\"; }\n";
        bool any = false;
        for (const auto& line : shell_lines(page)) {
            if (line.starts_with("./dev ") || line.starts_with("./dev\n")) continue;
            any = true;
            ++seen;
            // The demo takes minutes and has a test of its own: here only its options are checked.
            script += line.starts_with("orrery demo") ? line + " --help\n" : line + "\n";
        }
        if (!any) continue;
        const auto outcome = shell(script, folder->path(), environment);
        EXPECT_EQ(outcome.exit_code, 0) << page << "\n" << script << outcome.output << outcome.errors;
    }
    EXPECT_GT(seen, 6);
}

TEST(Documentation, TheSettingsPageIsTheTable) {
    const auto page = shell("cat docs/settings.md", ORRERY_SOURCE_FOLDER, {});
    const auto table = shell("\"$ORRERY\" settings --markdown", ORRERY_SOURCE_FOLDER, {{"ORRERY", ORRERY_BINARY}});
    ASSERT_EQ(table.exit_code, 0);
    EXPECT_EQ(page.output, table.output) << "write it anew: orrery settings --markdown > docs/settings.md";
}

TEST(Documentation, LinksLeadSomewhere) {
    const std::regex link(R"re(\]\(([^)#:]+)(#[^)]*)?\))re");
    int seen = 0;
    for (const auto& page : pages()) {
        std::ifstream file(page);
        for (std::string line; std::getline(file, line);)
            for (std::sregex_iterator match(line.begin(), line.end(), link), end; match != end; ++match) {
                ++seen;
                EXPECT_TRUE(fs::exists(page.parent_path() / (*match)[1].str())) << page << ": " << line;
            }
    }
    EXPECT_GT(seen, 10);
}

}  // namespace
