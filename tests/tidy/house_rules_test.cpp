// The rules of the house, checked on the repository itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Source {
    std::string path;  ///< relative to the repository
    std::string part;  ///< folder below src/ or tests/
    std::vector<std::string> lines;
};

std::vector<std::string> read_lines(const fs::path& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

std::vector<Source> sources_below(const std::string& top) {
    const fs::path root = ORRERY_SOURCE_FOLDER;
    std::vector<Source> sources;
    if (!fs::exists(root / top)) return sources;
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
        const auto extension = entry.path().extension();
        if (extension != ".hpp" && extension != ".cpp") continue;
        const fs::path relative = fs::relative(entry.path(), root);
        auto step = relative.begin();
        ++step;
        sources.push_back({relative.string(), step->string(), read_lines(entry.path())});
    }
    std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) { return a.path < b.path; });
    return sources;
}

const std::vector<Source>& product() {
    static const auto sources = sources_below("src");
    return sources;
}

std::vector<Source> everything() {
    auto all = product();
    for (const char* top : {"tests", "bench"}) {
        auto more = sources_below(top);
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

struct Part {
    int level = 0;
    std::set<std::string> uses;
};

std::map<std::string, Part> declared_parts() {
    std::map<std::string, Part> parts;
    for (const auto& line : read_lines(ORRERY_PARTS_FILE)) {
        std::istringstream fields(line);
        std::string name, level, uses;
        std::getline(fields, name, '\t');
        std::getline(fields, level, '\t');
        std::getline(fields, uses, '\t');
        if (name.empty()) continue;
        auto& part = parts[name];
        part.level = std::stoi(level);
        std::istringstream list(uses);
        for (std::string used; std::getline(list, used, ',');) part.uses.insert(used);
    }
    return parts;
}

/// The words of each offence, one a line, so that a failure tells where to go.
std::string report(const std::vector<std::string>& offences) {
    std::string text;
    for (const auto& offence : offences) text += offence + "\n";
    return text;
}

std::vector<std::string> lines_that_match(const std::vector<Source>& sources, const std::regex& pattern,
                                          const std::set<std::string>& exempt = {}) {
    std::vector<std::string> offences;
    for (const auto& source : sources) {
        if (exempt.contains(source.path)) continue;
        for (std::size_t i = 0; i < source.lines.size(); ++i)
            if (std::regex_search(source.lines[i], pattern))
                offences.push_back(source.path + ":" + std::to_string(i + 1) + ": " + source.lines[i]);
    }
    return offences;
}

TEST(HouseRules, EveryPartIsDeclaredAndPointsDown) {
    const auto parts = declared_parts();
    ASSERT_GT(parts.size(), 10U);
    for (const auto& source : product()) EXPECT_TRUE(parts.contains(source.part)) << source.path;
    for (const auto& [name, part] : parts)
        for (const auto& used : part.uses) {
            const bool beside = used == "pg" && (name == "twin" || name == "lab" || name == "store");
            EXPECT_TRUE(beside || parts.at(used).level < part.level) << name << " uses " << used;
        }
}

TEST(HouseRules, IncludesAreDeclared) {
    const auto parts = declared_parts();
    const std::regex include(R"re(^\s*#\s*include\s+"([a-z_]+)/)re");
    std::vector<std::string> offences;
    std::size_t seen = 0;
    for (const auto& source : product()) {
        for (const auto& line : source.lines) {
            std::smatch match;
            if (!std::regex_search(line, match, include)) continue;
            ++seen;
            const std::string used = match[1];
            if (used != source.part && !parts.at(source.part).uses.contains(used)) offences.push_back(source.path + ": " + line);
        }
    }
    EXPECT_GT(seen, 30U);
    EXPECT_TRUE(offences.empty()) << report(offences);
}

TEST(HouseRules, FencedHeadersStayBehindTheirPart) {
    const std::map<std::string, std::set<std::string>> fences{
        {"libpq-fe.h", {"pg"}}, {"pg_query", {"sql"}},     {"sqlite3.h", {"store"}},
        {"spdlog/", {"base"}},  {"boost/math/", {"base"}}, {"simdjson", {"pg"}},
        {"CLI/", {"cli"}},      {"toml++/", {"config"}},   {"nlohmann/", {"store", "lab", "training", "engine", "cli"}},
        {"zstd", {"store"}},    {"xxhash", {"sql"}},       {"xgboost/", {"training"}},
        {"zlib", {"training"}}, {"Eigen/", {"models"}},    {"nanoflann", {"models"}},
    };
    const std::regex include(R"re(^\s*#\s*include\s+<([^>]+)>)re");
    std::vector<std::string> offences;
    for (const auto& source : product())
        for (const auto& line : source.lines) {
            std::smatch match;
            if (!std::regex_search(line, match, include)) continue;
            const std::string header = match[1];
            for (const auto& [fenced, allowed] : fences)
                if (header.starts_with(fenced) && !allowed.contains(source.part)) offences.push_back(source.path + ": " + line);
        }
    EXPECT_TRUE(offences.empty()) << report(offences);
}

TEST(HouseRules, NamesFollowTheConvention) {
    const std::regex file_name("^[a-z0-9_]+\\.(hpp|cpp)$");
    for (const auto& source : everything())
        EXPECT_TRUE(std::regex_match(fs::path(source.path).filename().string(), file_name)) << source.path;
    const auto vague = lines_that_match(product(), std::regex(R"re(\b(class|struct)\s+(\[\[\w+\]\]\s*)?\w*(Utils?|Manager|Helper)\b)re"));
    EXPECT_TRUE(vague.empty()) << report(vague);
}

TEST(HouseRules, HeadersAreGuardedAndOpenNoNamespace) {
    for (const auto& source : everything()) {
        if (!source.path.ends_with(".hpp")) continue;
        const bool guarded = std::find(source.lines.begin(), source.lines.end(), "#pragma once") != source.lines.end();
        EXPECT_TRUE(guarded) << source.path;
        EXPECT_TRUE(lines_that_match({source}, std::regex(R"re(^\s*using namespace )re")).empty()) << source.path;
    }
}

TEST(HouseRules, OneNamespacePerPart) {
    const std::regex opened(R"re(^namespace\s+([\w:]+))re");
    std::vector<std::string> offences;
    for (const auto& source : product())
        for (const auto& line : source.lines) {
            std::smatch match;
            if (!std::regex_search(line, match, opened)) continue;
            const std::string name = match[1];
            const bool inner = name.find("::") == std::string::npos && name != "orrery";  // `namespace reaper {` inside a part
            if (!inner && name != "orrery::" + source.part) offences.push_back(source.path + ": " + line);
        }
    EXPECT_TRUE(offences.empty()) << report(offences);
}

TEST(HouseRules, OnlyTheCommandLineWritesToStandardOutput) {
    std::vector<Source> quiet;
    for (const auto& source : product())
        if (source.part != "cli") quiet.push_back(source);
    const auto offences = lines_that_match(quiet, std::regex(R"re(std::cout|\bprintf\(|\bputs\(|fmt::print\((?!stderr))re"));
    EXPECT_TRUE(offences.empty()) << report(offences);
}

TEST(HouseRules, RandomnessAndTimeComeThroughTheSeam) {
    const auto randomness = lines_that_match(product(), std::regex(R"re(std::random_device|std::mt19937|\brand\()re"));
    EXPECT_TRUE(randomness.empty()) << report(randomness);
    std::vector<Source> unit_tests;
    for (const auto& source : sources_below("tests"))
        if (!std::regex_search(source.path, std::regex("_(integration|e2e)_test\\.cpp$|/tidy/|/support/"))) unit_tests.push_back(source);
    const auto waits = lines_that_match(unit_tests, std::regex(R"re(sleep_for\(std|\busleep\(|\bsleep\()re"));
    EXPECT_TRUE(waits.empty()) << report(waits);
}

TEST(HouseRules, EverySettingIsRead) {
    const std::regex row(R"re(Setting\{"([a-z_.]+)")re");
    std::vector<std::string> keys;
    std::string elsewhere;
    for (const auto& source : product())
        for (const auto& line : source.lines) {
            std::smatch match;
            if (source.path == "src/config/settings.cpp" && std::regex_search(line, match, row)) keys.push_back(match[1]);
            if (source.path != "src/config/settings.cpp") elsewhere += line + "\n";
        }
    EXPECT_GT(keys.size(), 10U);
    for (const auto& key : keys) EXPECT_NE(elsewhere.find("\"" + key + "\""), std::string::npos) << key;
}

TEST(HouseRules, NothingIsLeftForLater) {
    const std::regex marker(std::string("\\b(TO") + "DO|FIX" + "ME|X" + "XX)\\b");
    const auto offences = lines_that_match(everything(), marker, {"tests/tidy/house_rules_test.cpp"});
    EXPECT_TRUE(offences.empty()) << report(offences);
}

TEST(HouseRules, LinesAndFunctionsStayShort) {
    constexpr std::size_t kLongestLine = 160, kLongestFunction = 100, kLongestFile = 1200;
    std::vector<std::string> offences;
    for (const auto& source : product()) {
        if (source.lines.size() > kLongestFile) offences.push_back(source.path + ": " + std::to_string(source.lines.size()) + " lines");
        std::size_t start = 0, statements = 0;
        for (std::size_t i = 0; i < source.lines.size(); ++i) {
            const auto& line = source.lines[i];
            if (line.size() > kLongestLine)
                offences.push_back(source.path + ":" + std::to_string(i + 1) + ": line of " + std::to_string(line.size()));
            // Namespaces are not indented: a body opens on a line that ends in "{" and closes with "}" in the first column.
            if (!line.empty() && line.back() == '{' && line[0] != ' ' && !line.starts_with("namespace")) start = i, statements = 0;
            if (line == "};") start = i, statements = 0;  // the end of a class, not of a function
            if (line.starts_with("    ") && line.back() != ',' && line[4] != ' ') ++statements;
            // A long table is data, however many lines it has.
            if (line == "}" && i - start > kLongestFunction && statements > 4)
                offences.push_back(source.path + ":" + std::to_string(start + 1) + ": function of " + std::to_string(i - start) + " lines");
        }
    }
    EXPECT_TRUE(offences.empty()) << report(offences);
}

}  // namespace
