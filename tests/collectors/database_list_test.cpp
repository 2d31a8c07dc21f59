#include "collectors/database_list.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/scripted_session.hpp"

namespace orrery::collectors {
namespace {

std::vector<std::string> names(const std::vector<DatabaseEntry>& databases) {
    std::vector<std::string> found;
    for (const auto& database : databases) found.push_back(database.name);
    return found;
}
using Names = std::vector<std::string>;

TEST(DatabaseList, IsSortedAndTellsWhatIsClosed) {
    testing::ScriptedSession session(150'000);
    session.answer("pg_database", {{"7", "web", "t"}, {"5", "My \"Shop\"", "t"}, {"6", "a b", "f"}, {"9", "gone", std::nullopt}});
    const auto list = list_databases(session);
    ASSERT_TRUE(list);
    EXPECT_EQ(list->databases, (std::vector<DatabaseEntry>{{5, "My \"Shop\""}, {7, "web"}}));
    EXPECT_EQ(list->closed, Names{"a b"});
    EXPECT_EQ(unlock_databases(*list, "Eva"), Names{"GRANT CONNECT ON DATABASE \"a b\" TO \"Eva\";"});
}

TEST(DatabaseList, AFailureIsPassedOn) {
    testing::ScriptedSession session(150'000);
    session.fail("pg_database", base::ErrorKind::timeout);
    EXPECT_EQ(list_databases(session).error().kind, base::ErrorKind::timeout);
}

TEST(DatabaseRound, GoesRoundInPieces) {
    DatabaseRound round;
    EXPECT_TRUE(round.next(3).empty());
    round.update({{3, "c"}, {1, "a"}, {2, "b"}});
    EXPECT_EQ(names(round.next(2)), (Names{"a", "b"}));
    EXPECT_EQ(names(round.next(2)), (Names{"c", "a"}));
    EXPECT_EQ(names(round.next(9)), (Names{"b", "c", "a"})) << "each once";
    EXPECT_TRUE(round.next(0).empty());
}

TEST(DatabaseRound, ComingAndGoingStarvesNobody) {
    DatabaseRound round;
    round.update({{1, "a"}, {2, "b"}, {3, "d"}});
    EXPECT_EQ(names(round.next(2)), (Names{"a", "b"}));
    round.update({{1, "a"}, {4, "c"}, {3, "d"}});  // the last one handed out was dropped
    EXPECT_EQ(names(round.next(2)), (Names{"c", "d"}));
    round.update({});
    EXPECT_TRUE(round.next(2).empty());
}

TEST(DatabaseRound, TwoThousandDatabasesAreAllSeen) {
    std::vector<DatabaseEntry> many;
    for (domain::Oid oid = 1; oid <= 2'000; ++oid) many.push_back({oid, "db_" + std::to_string(oid)});
    DatabaseRound round;
    round.update(many);
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i)
        for (const auto& name : names(round.next(20))) EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_EQ(seen.size(), 2'000U);
}

}  // namespace
}  // namespace orrery::collectors
