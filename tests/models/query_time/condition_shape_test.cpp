#include "models/query_time/condition_shape.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace orrery::models {
namespace {

class ConditionShape : public ::testing::Test {
protected:
    ConditionShape() {
        names_.add("orders", hash_text("orders"));
        names_.add("l1", hash_text("lineitem"));
        names_.add("l2", hash_text("lineitem"));
    }
    std::vector<Conjunct> parts(const std::string& text, ScanName own = {}) const {
        std::vector<Conjunct> all;
        read_condition(text, names_, own, [&](const Conjunct& c) { all.push_back(c); });
        return all;
    }
    std::uint64_t shape(const std::string& text, ScanName own = {}) const {
        const auto all = parts(text, own);
        EXPECT_EQ(all.size(), 1U) << text;
        return all.empty() ? 0 : all.front().shape;
    }
    PlanNames names_;
    ScanName orders_{.alias = "orders", .relation = hash_text("orders")};
    ScanName l1_{.alias = "l1", .relation = hash_text("lineitem")};
};

TEST_F(ConditionShape, ValuesAndCastsDoNotMatter) {
    const auto one = shape("(o_orderdate < '1995-03-21'::date)", orders_);
    EXPECT_EQ(one, shape("(o_orderdate < '1998-12-01 00:00:00'::timestamp without time zone)", orders_));
    EXPECT_EQ(one, shape("(orders.o_orderdate < $1)", orders_));
    EXPECT_EQ(one, shape("((o_orderdate)::date < '1995-03-21'::date)", orders_));
    EXPECT_EQ(one, shape("('1995-03-21'::date > o_orderdate)", orders_));
    EXPECT_NE(one, shape("(o_orderdate > '1995-03-21'::date)", orders_));
    EXPECT_NE(one, shape("(o_shipdate < '1995-03-21'::date)", orders_));
    EXPECT_NE(one, shape("(o_orderdate < '1995-03-21'::date)", l1_));
}

TEST_F(ConditionShape, ListsOfAnyLengthAreOneValue) {
    EXPECT_EQ(shape("(o_status = ANY ('{A,B}'::bpchar[]))", orders_),
              shape("(o_status = ANY ('{\"it''s AND that\",B,C}'::character varying(10)[]))", orders_));
}

TEST_F(ConditionShape, SplitsAtTheOuterAndOnly) {
    EXPECT_EQ(parts("((o_a = 1) AND (o_b = 2) AND ((o_c = 3) OR ((o_d = 4) AND (o_e = 5))))", orders_).size(), 3U);
    EXPECT_EQ(parts("(o_text = 'this AND that (')", orders_).size(), 1U);
    EXPECT_EQ(parts("(NOT (hashed SubPlan 1))", orders_).size(), 1U);
}

TEST_F(ConditionShape, ForeignColumnsAreSeen) {
    const auto inner = parts("(l_orderkey = orders.o_orderkey)", l1_);
    ASSERT_EQ(inner.size(), 1U);
    EXPECT_TRUE(inner[0].foreign);
    EXPECT_TRUE(inner[0].equality);
    EXPECT_EQ(inner[0].relations, 1U);
    EXPECT_EQ(inner[0].equal_column, hash_pair(hash_text("lineitem"), hash_text("l_orderkey")));
    EXPECT_EQ(inner[0].equal_foreign, hash_pair(hash_text("orders"), hash_text("o_orderkey")));
    // A hash join says the same with both names.
    EXPECT_EQ(inner[0].shape, shape("(orders.o_orderkey = l1.l_orderkey)"));
    EXPECT_TRUE(parts("(l_suppkey <> l2.l_suppkey)", l1_)[0].foreign);
    EXPECT_FALSE(parts("(l_a = l_b)", l1_)[0].foreign);
    EXPECT_EQ(parts("(l_a = l_b)", l1_)[0].equal_column, 0U);
    EXPECT_FALSE(parts("(l_a > l_b)", l1_)[0].has_constant);
}

TEST_F(ConditionShape, QuotedNamesAndFunctions) {
    EXPECT_EQ(shape("(\"Odd AND name\" = 1)", orders_), shape("(orders.\"Odd AND name\" = 27)", orders_));
    EXPECT_NE(shape("(lower(o_name) = 'x'::text)", orders_), shape("(upper(o_name) = 'x'::text)", orders_));
    EXPECT_EQ(shape("(o_open IS NOT NULL)", orders_), shape("(o_open IS NOT NULL)", orders_));
    EXPECT_NE(shape("(o_open IS NOT NULL)", orders_), shape("(o_open IS NULL)", orders_));
}

TEST_F(ConditionShape, TextsThatEndAnywhere) {
    const std::string whole = "((\"A\".b = E'it''s'::text[]) AND (c ~~ '%x%'::numeric(10,2)) AND (d.e.f = $12))";
    for (std::size_t length = 0; length <= whole.size(); ++length) EXPECT_LE(parts(whole.substr(0, length)).size(), 3U);
    std::string ands;
    for (int i = 0; i < 200'000; ++i) ands += "AND ";
    EXPECT_TRUE(parts(ands).empty());
    EXPECT_TRUE(parts(std::string(100'000, '(')).empty());
    EXPECT_EQ(parts("\xff\xfe = \x01").size(), 1U);
}

TEST_F(ConditionShape, NamesBeyondTheLimitAreNotHeld) {
    PlanNames names;
    std::vector<std::string> aliases;
    for (int i = 0; i < 70; ++i) aliases.push_back("t" + std::to_string(i));
    for (std::size_t i = 0; i < aliases.size(); ++i) EXPECT_EQ(names.add(aliases[i], i) != 0, i < 64);
    EXPECT_EQ(names.find("t63"), 63);
    EXPECT_EQ(names.find("t64"), -1);
}

}  // namespace
}  // namespace orrery::models
