#include "pg/catalog_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "support/scripted_session.hpp"

namespace orrery::pg {
namespace {

using base::ErrorKind;
using testing::ScriptedSession;
using Texts = std::vector<std::string>;

constexpr auto kFacts = "block_size";
constexpr auto kPaths = "FROM pg_catalog.pg_db_role_setting";
constexpr auto kTables = "c.relallvisible";
constexpr auto kColumns = "FROM pg_catalog.pg_attribute a JOIN";
constexpr auto kStatistics = "FROM pg_catalog.pg_stats";
constexpr auto kIndexes = "i.indnkeyatts";
constexpr auto kOpclasses = "FROM pg_catalog.pg_opclass";
constexpr auto kForeignKeys = "k.confrelid";

ScriptedSession scripted(int version = 150020) {
    ScriptedSession session(version);
    session.answer(kFacts, {{"shop", "8192", "eva", "\"$user\", public", "{pg_catalog,public,app,\"Odd, One\"}"}});
    session.answer(kPaths, {});
    session.answer(kTables,
                   {{"100", "public", "items", "r", std::nullopt, std::nullopt, "0", "0", "0", "0", "1", "2", "3", "4", "5"},
                    {"101", "public", "tags", "r", std::nullopt, std::nullopt, "50", "2", "1", std::nullopt, "0", "0", "0", "0", "0"}});
    session.answer(kColumns,
                   {{"100", "1", "id", "integer", "23", "N", "4", "i", "t"}, {"999", "1", "gone", "integer", "23", "N", "4", "i", "t"}});
    session.answer(kStatistics, {});
    session.answer(kIndexes, {});
    session.answer(kOpclasses, {{"4000000001", "my.ops"}});
    session.answer(kForeignKeys, {});
    return session;
}

TEST(ReadCatalog, TablesThatWereNeverAnalyzedSayZeroBeforeVersion14) {
    auto old = scripted(130010);
    EXPECT_EQ(read_catalog(old)->tables.at(0).tuples, -1);
    auto recent = scripted();
    EXPECT_EQ(read_catalog(recent)->tables.at(0).tuples, 0);
}

TEST(ReadCatalog, ASizeThatWasNotReadComesFromThePages) {
    auto session = scripted();
    const auto catalog = read_catalog(session);
    ASSERT_TRUE(catalog);
    EXPECT_EQ(catalog->tables.at(1).size.value, 2 * 8192);
    EXPECT_EQ(catalog->tables.at(0).activity.hot_updated, 3);
    // A column of a table that was made since the tables were read.
    EXPECT_EQ(catalog->tables.at(0).columns.size(), 1U);
}

TEST(ReadCatalog, SearchPathsAreSplitAsTheServerDoes) {
    auto session = scripted();
    session.answer(kPaths, {{"", " App , \"Odd, One\",nowhere, public"}, {"app", "\"$user\""}});
    EXPECT_EQ(read_catalog(session)->search_path, (Texts{"public", "app", "Odd, One"}));
}

TEST(ReadCatalog, AsksAgainWhenALockGotInBetween) {
    auto session = scripted();
    session.fail_once(kTables, ErrorKind::conflict);
    session.fail_once(kIndexes, ErrorKind::conflict);
    session.fail_once(kIndexes, ErrorKind::conflict);
    EXPECT_TRUE(read_catalog(session));
    session.fail(kTables, ErrorKind::conflict);
    const auto before = session.asked().size();
    EXPECT_EQ(read_catalog(session).error().kind, ErrorKind::conflict);
    EXPECT_LT(session.asked().size() - before, 9U);
}

TEST(ReadCatalog, StatisticsThatMayNotBeReadAreLeftOut) {
    auto session = scripted();
    session.fail(kStatistics, ErrorKind::permission);
    EXPECT_TRUE(read_catalog(session));
    session.fail(kStatistics, ErrorKind::timeout);
    EXPECT_EQ(read_catalog(session).error().kind, ErrorKind::timeout);
    const auto asked = session.asked().size();
    EXPECT_TRUE(read_catalog(session, {.statistics = false}));
    for (std::size_t i = asked; i < session.asked().size(); ++i) EXPECT_EQ(session.asked()[i].find(kStatistics), std::string::npos);
}

TEST(ReadCatalog, KeysOfAnIndex) {
    const auto index_row = [](const std::string& expressions, const std::string& predicate) {
        return std::vector<std::optional<std::string>>{
            "200",     "public", "i", "100", "btree", "t",     "f", "f",     "t",          "t",       "f", "f",         "f",
            "50",      "2",      "9", "2",   "0 1 1", "0 3 0", "f", "16384", "CREATE ...", predicate, "t", expressions, "1978 4000000001",
            "{x,\"\"}"};
    };
    auto session = scripted();
    session.answer(kIndexes, {index_row(R"x({"((a || ')') || \"b(\")",id})x", "((a > 1) AND (b < 2))")});
    const auto catalog = read_catalog(session);
    ASSERT_TRUE(catalog);
    const auto& spec = catalog->indexes.at(0).spec;
    ASSERT_EQ(spec.keys.size(), 2U);
    EXPECT_EQ(spec.keys[0].expression, "(a || ')') || \"b(\"");
    EXPECT_EQ(spec.keys[0].collation, "x");
    EXPECT_EQ(spec.keys[1].column, "id");
    EXPECT_EQ(spec.keys[1].opclass, "my.ops");
    EXPECT_TRUE(spec.keys[1].descending);
    EXPECT_TRUE(spec.keys[1].nulls_first);
    EXPECT_EQ(spec.include, Texts{"id"});
    EXPECT_EQ(spec.predicate, "(a > 1) AND (b < 2)");
    EXPECT_EQ(catalog->indexes.at(0).size.value, 16384);
    EXPECT_EQ(catalog->tables.at(0).activity.index_scans, 9);
    session.answer(kIndexes, {index_row("{(a)(b),id}", "(a) = (b)")});
    const auto two = read_catalog(session);
    EXPECT_EQ(two->indexes.at(0).spec.predicate, "(a) = (b)");
}

}  // namespace
}  // namespace orrery::pg
