#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sql/facts.hpp"
#include "sql/facts_text.hpp"

/// The cases are data: tests/sql/*_cases.txt. A case is "== title", the statement, "--", and the facts. The columns of the tables are those
/// of test_columns(), or not known where the title ends with "(no catalog)". ORRERY_REWRITE_GOLDEN=1 writes what is found now: read the
/// diff.
namespace orrery::sql {
namespace {

struct Case {
    std::string title, statement, facts;
};

std::string path_of(const std::string& file) {
    return std::string(ORRERY_SOURCE_FOLDER) + "/tests/sql/" + file;
}

std::vector<Case> read_cases(const std::string& file, std::string& preamble) {
    std::ifstream in(path_of(file));
    std::vector<Case> cases;
    bool in_facts = false;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("== ")) {
            cases.push_back({line.substr(3), {}, {}});
            in_facts = false;
        } else if (cases.empty()) {
            preamble += line + "\n";
        } else if (line == "--") {
            in_facts = true;
        } else if (!line.empty()) {
            (in_facts ? cases.back().facts : cases.back().statement) += line + "\n";
        }
    }
    return cases;
}

class FactsCases : public ::testing::TestWithParam<const char*> {};

TEST_P(FactsCases, AreAsRecorded) {
    std::string preamble;
    auto cases = read_cases(GetParam(), preamble);
    ASSERT_FALSE(cases.empty()) << path_of(GetParam());
    const bool rewrite = std::getenv("ORRERY_REWRITE_GOLDEN") != nullptr;
    for (auto& one : cases) {
        const auto columns = one.title.ends_with("(no catalog)") ? ColumnLookup{} : testing::test_columns();
        const auto facts = extract_facts(one.statement, columns);
        const std::string found = facts ? testing::to_text(*facts) : facts.error().to_text() + "\n";
        if (rewrite) one.facts = found;
        EXPECT_EQ(found, one.facts) << one.title << "\n" << one.statement;
    }
    if (!rewrite) return;
    std::ofstream out(path_of(GetParam()));
    out << preamble;
    for (const auto& one : cases) out << "== " << one.title << "\n" << one.statement << "--\n" << one.facts << "\n";
}

INSTANTIATE_TEST_SUITE_P(Files, FactsCases, ::testing::Values("facts_cases.txt", "tpch_cases.txt"));

}  // namespace
}  // namespace orrery::sql
