#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "optimizers/fixtures.hpp"
#include "optimizers/index_candidates.hpp"
#include "sql/facts.hpp"

namespace orrery::optimizers {
namespace {

/// A case of data/candidates.txt: statements, then the labels that must ("+") and must not ("-") be proposed, or all of them ("=").
struct Case {
    int line = 0;
    std::vector<std::string> statements, wanted, unwanted, all;
};

std::vector<Case> read_cases() {
    std::ifstream file(std::string(ORRERY_SOURCE_FOLDER) + "/tests/optimizers/data/candidates.txt");
    std::vector<Case> cases;
    std::string line;
    bool fresh = true;
    for (int number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line[0] == '#') {
            fresh = true;
            continue;
        }
        if (fresh) cases.push_back({number, {}, {}, {}, {}});
        fresh = false;
        Case& current = cases.back();
        const std::string rest = line.size() > 2 ? line.substr(2) : "";
        if (line[0] == '+')
            current.wanted.push_back(rest);
        else if (line[0] == '-')
            current.unwanted.push_back(rest);
        else if (line[0] == '=')
            current.all.push_back(rest);
        else
            current.statements.push_back(line);
    }
    return cases;
}

std::set<std::string> propose(const domain::Catalog& catalog, const std::vector<std::string>& statements) {
    std::vector<CandidateSource> sources;
    for (const auto& text : statements) {
        const auto facts = sql::extract_facts(text, catalog);
        EXPECT_TRUE(facts) << text << ": " << facts.error().to_text();
        if (facts) sources.push_back({static_cast<int>(sources.size()), 1, table_needs(catalog, *facts)});
    }
    std::set<std::string> labels;
    for (const auto& candidate : propose_candidates(catalog, sources, {}).candidates)
        labels.insert(candidate.spec.label().substr(7));  // without "public."
    return labels;
}

TEST(CandidatesGolden, StatementsBringForthTheExpectedIndexes) {
    auto catalog = testing::shop();
    catalog.indexes.push_back(testing::index("items_product_quantity", "items", {"product_id", "quantity"}));
    const auto cases = read_cases();
    ASSERT_GE(cases.size(), 20U);
    for (const auto& item : cases) {
        const auto labels = propose(catalog, item.statements);
        std::string listing;
        for (const auto& label : labels) listing += "\n  " + label;
        SCOPED_TRACE("candidates.txt line " + std::to_string(item.line) + ", proposed:" + listing);
        for (const auto& label : item.wanted) EXPECT_TRUE(labels.contains(label)) << "missing " << label;
        for (const auto& label : item.unwanted) EXPECT_FALSE(labels.contains(label)) << "unwanted " << label;
        if (item.all.empty()) continue;
        std::set<std::string> all(item.all.begin(), item.all.end());
        all.erase("none");
        EXPECT_EQ(labels, all);
    }
}

}  // namespace
}  // namespace orrery::optimizers
