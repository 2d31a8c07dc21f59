#include "domain/query.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "domain/action.hpp"
#include "domain/recommendation.hpp"

namespace orrery::domain {
namespace {

TEST(Fingerprint, HexIsSixteenDigits) {
    EXPECT_EQ(Fingerprint{0x1a}.hex(), "000000000000001a");
    EXPECT_EQ(Fingerprint::from_hex("ffffffffffffffff").value, ~0ULL);
    EXPECT_EQ(Fingerprint::from_hex("00000000000000FF").value, 255U);
}

TEST(Fingerprint, AnythingElseIsZero) {
    for (const char* text :
         {"", "1a", "00000000000000001a", "000000000000001g", " 00000000000001a", "-00000000000001a", "0x0000000000001a"})
        EXPECT_EQ(Fingerprint::from_hex(text).value, 0U) << text;
}

TEST(Names, OfStatementAndPredicateKindsAreAllDifferent) {
    std::set<std::string_view> statements, predicates;
    for (int kind = 0; kind <= static_cast<int>(StatementKind::utility); ++kind)
        statements.insert(to_string(static_cast<StatementKind>(kind)));
    EXPECT_EQ(statements.size(), 6U);
    EXPECT_EQ(to_string(StatementKind::remove), "delete");
    for (int kind = 0; kind <= static_cast<int>(PredicateKind::other); ++kind)
        predicates.insert(to_string(static_cast<PredicateKind>(kind)));
    EXPECT_EQ(predicates.size(), 11U);
    EXPECT_EQ(to_string(PredicateKind::like_prefix), "like_prefix");
}

TEST(Names, OfActionStatesReadBack) {
    for (int state = 0; state <= static_cast<int>(ActionState::failed); ++state)
        EXPECT_EQ(action_state_from(to_string(static_cast<ActionState>(state))), static_cast<ActionState>(state));
    EXPECT_EQ(to_string(ActionState::reverted), "reverted");
    EXPECT_FALSE(action_state_from("Applied"));
    EXPECT_FALSE(action_state_from(""));
}

TEST(Names, OfRecommendationKindsReadBack) {
    for (const auto kind : {RecommendationKind::create_index, RecommendationKind::drop_index})
        EXPECT_EQ(recommendation_kind_from(to_string(kind)), kind);
    EXPECT_EQ(to_string(RecommendationKind::drop_index), "drop_index");
    EXPECT_FALSE(recommendation_kind_from("create index"));
}

}  // namespace
}  // namespace orrery::domain
