#include "optimizers/parameter_draws.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "optimizers/column_values.hpp"
#include "optimizers/fixtures.hpp"
#include "optimizers/selectivity.hpp"
#include "sql/facts.hpp"

namespace orrery::optimizers {
namespace {

using Draws = std::vector<std::vector<std::string>>;

Draws draw(const std::string& text, const std::vector<std::string>& types, const DrawOptions& options = {}) {
    static const auto catalog = testing::shop();
    const auto facts = sql::extract_facts(text, catalog);
    EXPECT_TRUE(facts) << facts.error().to_text();
    return draw_parameters(catalog, text, *facts, types, options);
}

TEST(ParameterDraws, LeavesStatementsWithoutParametersAlone) {
    EXPECT_EQ(draw("SELECT * FROM orders WHERE id = 5", {}), Draws{{}});
}

TEST(ParameterDraws, AreTheSameForTheSameSeed) {
    const std::string text = "SELECT * FROM orders WHERE total BETWEEN $1 AND $2";
    EXPECT_EQ(draw(text, {"numeric", "numeric"}), draw(text, {"numeric", "numeric"}));
    EXPECT_NE(draw(text, {"numeric", "numeric"}), draw(text, {"numeric", "numeric"}, {.seed = 2}));
}

TEST(ParameterDraws, TakesCommonValuesAlsoTheRareOnes) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 1; seed <= 30; ++seed)
        for (const auto& literals : draw("SELECT count(*) FROM orders WHERE status = $1", {"text"}, {.seed = seed}))
            seen.insert(literals.at(0));
    EXPECT_EQ(seen, (std::set<std::string>{"'done'::text", "'open'::text", "'paid'::text", "'lost'::text"}));
}

TEST(ParameterDraws, QuotesWhatItWrites) {
    auto catalog = testing::shop();
    catalog.tables[1].columns[2].statistics->common_values = {"it's'; DROP TABLE orders; --"};
    catalog.tables[1].columns[2].statistics->common_frequencies = {1};
    const std::string text = "SELECT * FROM orders WHERE status = $1";
    const auto facts = sql::extract_facts(text, catalog);
    ASSERT_TRUE(facts);
    EXPECT_EQ(draw_parameters(catalog, text, *facts, std::vector<std::string>{"text"}, {}).at(0).at(0),
              "'it''s''; DROP TABLE orders; --'::text");
}

TEST(ParameterDraws, LooksAtTheRecentEndOfTime) {
    const auto draws = draw("SELECT count(*) FROM orders WHERE placed >= $1", {"timestamp without time zone"});
    ASSERT_EQ(draws.size(), 3U);
    for (const auto& literals : draws) {
        const auto value = literal_text(literals.at(0));
        ASSERT_TRUE(value);
        EXPECT_GT(*value, "2024-11-01");
        EXPECT_LT(*value, "2025-01-02");
    }
}

TEST(ParameterDraws, KeepsBothEndsOfARangeNear) {
    const auto catalog = testing::shop();
    for (const auto& literals :
         draw("SELECT count(*) FROM orders WHERE placed BETWEEN $1 AND $2", std::vector<std::string>(2, "timestamp without time zone"))) {
        const auto low = literal_text(literals.at(0)), high = literal_text(literals.at(1));
        ASSERT_TRUE(low && high);
        const auto& column = catalog.tables[1].columns[3];
        const double width = *histogram_position(column, *high) - *histogram_position(column, *low);
        EXPECT_GT(width, 0);
        EXPECT_LT(width, 0.12);
    }
}

TEST(ParameterDraws, FitsTheMeasuredNumberOfRows) {
    const auto catalog = testing::shop();
    for (const double rows : {20.0, 2000.0, 200000.0}) {
        for (const auto& literals :
             draw("SELECT * FROM orders WHERE placed >= $1", {"timestamp without time zone"}, {.rows_per_call = rows})) {
            const double share = 1 - below_selectivity(catalog.tables[1].columns[3], literal_text(literals.at(0)).value());
            EXPECT_GT(share * 1e6, rows / 4) << rows;
            EXPECT_LT(share * 1e6, rows * 4) << rows;
        }
    }
    for (const auto& literals : draw("SELECT id FROM orders WHERE status = $1", {"text"}, {.rows_per_call = 10000.0}))
        EXPECT_EQ(literals.at(0), "'lost'::text");
}

TEST(ParameterDraws, KnowsListsArraysPatternsAndLimits) {
    for (const auto& literals :
         draw("SELECT * FROM orders WHERE status IN ($1, $2) ORDER BY placed LIMIT $3", {"text", "text", "bigint"})) {
        EXPECT_TRUE(literals.at(0).ends_with("::text"));
        EXPECT_TRUE(literals.at(2) == "10" || literals.at(2) == "20" || literals.at(2) == "50");
    }
    const auto arrays = draw("SELECT * FROM orders WHERE status = ANY($1)", {"text[]"});
    EXPECT_TRUE(arrays.at(0).at(0).starts_with("'{\"")) << arrays.at(0).at(0);
    EXPECT_TRUE(arrays.at(0).at(0).ends_with("}'::text[]"));
    int prefixes = 0;
    const auto patterns = draw("SELECT * FROM orders WHERE status LIKE $1", {"text"});
    for (const auto& literals : patterns) prefixes += literals.at(0).starts_with("'%") ? 0 : 1;
    EXPECT_GT(prefixes, 0);
    EXPECT_LT(prefixes, static_cast<int>(patterns.size()));
}

TEST(ParameterDraws, FillsInWhatNoColumnExplains) {
    EXPECT_EQ(draw("SELECT * FROM orders WHERE placed > now() - interval $1", {}).at(0).at(0), "'7 days'");
    EXPECT_EQ(draw("SELECT date_trunc($1, placed) FROM orders", {"text"}).at(0).at(0), "'day'");
    EXPECT_EQ(draw("INSERT INTO orders (id, status) VALUES ($1, $2)", {"bigint", "mood"}).at(0),
              (std::vector<std::string>{"'1'::bigint", "NULL::mood"}));
    EXPECT_EQ(draw("SELECT * FROM customers WHERE lower(email) = $1", {"text"}).size(), 1U);  // no statistics: one way to fill it in
}

TEST(ParameterDraws, LowersValuesForLower) {
    auto catalog = testing::shop();
    catalog.tables[0].columns[1].statistics->histogram_bounds = {"Ann@Example.org", "Zoe@Example.org"};
    const std::string text = "SELECT * FROM customers WHERE lower(email) = $1";
    const auto facts = sql::extract_facts(text, catalog);
    ASSERT_TRUE(facts);
    for (const auto& literals : draw_parameters(catalog, text, *facts, std::vector<std::string>{"text"}, {}))
        EXPECT_TRUE(std::none_of(literals.at(0).begin(), literals.at(0).end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
            << literals.at(0);
}

}  // namespace
}  // namespace orrery::optimizers
