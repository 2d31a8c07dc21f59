#include "analyzers/orm.hpp"

#include <gtest/gtest.h>

namespace orrery::analyzers {
namespace {

std::string first_orm(const std::string& text) {
    const auto signs = orm_signs(text);
    return signs.empty() ? "" : signs[0].orm;
}

TEST(Orm, HabitsOfEach) {
    EXPECT_EQ(first_orm("select u1_0.id, u1_0.name from users u1_0 where u1_0.id = $1"), "Hibernate");
    EXPECT_EQ(first_orm("select user0_.id as id1_0_0_, user0_.name as name2_0_0_ from users user0_ where user0_.id = $1"), "Hibernate");
    EXPECT_EQ(first_orm(R"(SELECT "shop_order"."id", "shop_order"."total" FROM "shop_order" WHERE "shop_order"."id" = $1 LIMIT $2)"),
              "Django");
    EXPECT_EQ(first_orm(R"(SELECT $1 AS "a" FROM "shop_order" WHERE "shop_order"."id" = $2 LIMIT $3)"), "Django");
    EXPECT_EQ(first_orm(R"(SELECT "users".* FROM "users" WHERE "users"."id" = $1 LIMIT $2)"), "Rails ActiveRecord");
    EXPECT_EQ(first_orm(R"(SELECT $1 AS one FROM "users" WHERE "users"."email" = $2 LIMIT $3)"), "Rails ActiveRecord");
    EXPECT_EQ(first_orm("SELECT users.id AS users_id, users.name AS users_name FROM users WHERE users.id = $1"), "SQLAlchemy");
    EXPECT_EQ(
        first_orm(
            R"(SELECT "public"."User"."id", "public"."User"."email" FROM "public"."User" WHERE ("public"."User"."id" = $1 AND $2=$3) LIMIT $4 OFFSET $5)"),
        "Prisma");
    EXPECT_EQ(first_orm(R"(SELECT "User"."id" AS "User_id", "User"."name" AS "User_name" FROM "user" "User" WHERE "User"."id" = $1)"),
              "TypeORM");
    EXPECT_EQ(first_orm(R"(SELECT u."Id", u."Name" FROM "Users" AS u WHERE u."Id" = $1)"), "Entity Framework");
    EXPECT_EQ(first_orm(R"(SELECT u0."id", u0."name" FROM "users" AS u0 WHERE (u0."id" = $1))"), "Ecto");
    EXPECT_EQ(first_orm("SELECT u0_.id AS id_0, u0_.name AS name_1 FROM users u0_ WHERE u0_.id = $1"), "Doctrine");
    EXPECT_EQ(first_orm(R"(SELECT "id", "name", "createdAt", "updatedAt" FROM "Users" AS "User" WHERE "User"."id" = $1)"), "Sequelize");
    EXPECT_EQ(first_orm(R"(SELECT * FROM "users" WHERE "users"."id" = $1 AND "users"."deleted_at" IS NULL ORDER BY "users"."id" LIMIT $2)"),
              "GORM");
}

TEST(Orm, WhatPeopleWriteIsNobodys) {
    for (const char* text : {"SELECT abalance FROM pgbench_accounts WHERE aid = $1",
                             "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id",
                             "UPDATE orders SET state = $1 WHERE id = $2", "", "\"", "$", ".", "a.", "SELECT t1.x AS x FROM t1"})
        EXPECT_TRUE(orm_signs(text).empty()) << text;
}

TEST(Orm, ManyTemplatesMakeAMapperCertain) {
    std::vector<OrmText> texts;
    for (int i = 0; i < 4; ++i)
        texts.push_back(
            {{static_cast<std::uint64_t>(i + 1)}, "select a1_0.id, a1_0.c" + std::to_string(i) + " from t a1_0 where a1_0.id = $1"});
    texts.push_back({{9}, "SELECT total FROM orders WHERE id = $1"});
    const auto guesses = guess_orms(texts);
    ASSERT_EQ(guesses.size(), 1U);
    EXPECT_EQ(guesses[0].orm, "Hibernate");
    EXPECT_EQ(guesses[0].templates, 4U);
    EXPECT_GT(guesses[0].confidence, 0.99);
    EXPECT_EQ(guesses[0].example.value, 1U);
    EXPECT_TRUE(guess_orms({}).empty());
}

}  // namespace
}  // namespace orrery::analyzers
