#include "models/clustering/table_families.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace orrery::models {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

using Statement = std::vector<RelationUse>;

TableFamilies families_of(const std::vector<Statement>& statements) {
    std::vector<std::span<const RelationUse>> spans(statements.begin(), statements.end());
    return TableFamilies(std::span<const std::span<const RelationUse>>(spans));
}

TEST(TableFamilies, AreTablesUsedTogether) {
    const auto families = families_of({{{"orders", {}}, {"lines", {}}}, {{"lines", {}}, {"parts", {}}}, {{"logs", {}}}});
    EXPECT_THAT(families.names(), ElementsAre("lines", "logs"));
    EXPECT_THAT(families.tables(), Contains(Pair("orders", 0)));
    EXPECT_THAT(families.tables(), Contains(Pair("parts", 0)));
}

TEST(TableFamilies, AreNotJoinedByOneReportInManyStatements) {
    std::vector<Statement> statements(40, {{"orders", {}}, {"lines", {}}});
    statements.insert(statements.end(), 40, {{"posts", {}}, {"users", {}}});
    statements.push_back({{"orders", {}}, {"users", {}}});
    EXPECT_THAT(families_of(statements).names(), SizeIs(2));
}

TEST(TableFamilies, FollowColumnsNamedAfterTables) {
    const auto families =
        families_of({{{"visits", {"patient_id", "at"}}}, {{"patients", {"id", "name"}}}, {{"bills", {"visitid"}}}, {{"visits", {"id"}}}});
    EXPECT_THAT(families.names(), SizeIs(1));
}

TEST(TableFamilies, DoNotFollowAColumnToATableOfAnotherSchemaOrWithoutItsKey) {
    EXPECT_THAT(families_of({{{"a.visits", {"patient_id"}}}, {{"b.patients", {"id"}}}}).names(), SizeIs(2));
    const auto families = families_of({{{"visits", {"customer_id"}}}, {{"customers", {"id"}}}, {{"customer", {"c_key"}}}});
    EXPECT_EQ(families.tables().at("visits"), families.tables().at("customers"));
    EXPECT_NE(families.tables().at("visits"), families.tables().at("customer"));
}

TEST(TableFamilies, TakeInSingleTablesByRareWords) {
    const std::vector<Statement> statements{{{"bank_accounts", {"aid", "balance"}}},
                                            {{"bank_tellers", {"tid"}}},
                                            {{"bank_history", {"tid", "aid", "delta"}}},
                                            {{"orders", {"id"}}, {"lines", {"id"}}}};
    EXPECT_THAT(families_of(statements).names(), SizeIs(2));
}

TEST(TableFamilies, LeaveOutTheCatalogAndWhatIsRare) {
    std::vector<Statement> statements(100, {{"orders", {}}});
    statements.insert(statements.end(), 50, {{"pg_catalog.pg_class", {}}});
    statements.insert(statements.end(), 50, {{"shop.information_schema.columns", {}}});
    statements.push_back({{"scratch", {}}});
    const auto families = families_of(statements);
    EXPECT_THAT(families.names(), ElementsAre("orders"));
    EXPECT_THAT(families.tables(), Not(Contains(Pair("scratch", testing::_))));
}

TEST(TableFamilies, ShareAStatementThatUsesSeveral) {
    const auto families = families_of({{{"orders", {}}}, {{"posts", {}}}});
    const Statement both{{"orders", {}}, {"posts", {}}}, unknown{{"other", {}}};
    EXPECT_THAT(families.shares(both), ElementsAre(0.5, 0.5));
    EXPECT_THAT(families.shares(unknown), ElementsAre(0, 0));
}

TEST(TableFamilies, DoNotDependOnTheOrderOfStatements) {
    std::vector<Statement> statements{{{"visits", {"patient_id"}}}, {{"patients", {"id"}}}, {{"z", {"k"}}, {"a", {}}}, {{"m", {"k", "j"}}}};
    const auto one = families_of(statements);
    std::reverse(statements.begin(), statements.end());
    const auto other = families_of(statements);
    EXPECT_EQ(one.names(), other.names());
    EXPECT_EQ(one.tables(), other.tables());
}

}  // namespace
}  // namespace orrery::models
