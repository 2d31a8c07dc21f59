#include "sql/index_statement.hpp"

#include <gtest/gtest.h>

namespace orrery::sql {
namespace {

TEST(IndexStatement, ReadsEveryPartOfACreateIndex) {
    const auto read = parse_index_statement(
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"My Index\" ON sales.orders USING btree"
        " (customer_id, lower(email) text_pattern_ops DESC, placed DESC NULLS LAST) INCLUDE (total, status) WITH (fillfactor = 80) WHERE "
        "status = 'open'");
    ASSERT_TRUE(read) << read.error().to_text();
    EXPECT_TRUE(read->creates);
    EXPECT_EQ(read->name, "My Index");
    EXPECT_EQ(read->spec.table, (domain::RelationName{"sales", "orders"}));
    EXPECT_TRUE(read->spec.unique);
    ASSERT_EQ(read->spec.keys.size(), 3U);
    EXPECT_EQ(read->spec.keys[0].sql(), "customer_id");
    EXPECT_EQ(read->spec.keys[1].sql(), "(lower(email)) text_pattern_ops DESC");
    EXPECT_EQ(read->spec.keys[2].sql(), "placed DESC NULLS LAST");
    EXPECT_EQ(read->spec.include, (std::vector<std::string>{"total", "status"}));
    EXPECT_EQ(read->spec.predicate, "status = 'open'");
}

TEST(IndexStatement, KnowsOtherMethodsAndUnnamedIndexes) {
    const auto read = parse_index_statement("create index on t using gin (tags)");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->spec.method, "gin");
    EXPECT_TRUE(read->name.empty());
    EXPECT_TRUE(read->spec.table.schema.empty());
}

TEST(IndexStatement, ReadsTheNamesOfADropIndex) {
    const auto read = parse_index_statement("DROP INDEX CONCURRENTLY IF EXISTS public.a, b");
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->creates);
    EXPECT_EQ(read->dropped, (std::vector<domain::RelationName>{{"public", "a"}, {"", "b"}}));
}

TEST(IndexStatement, RefusesEverythingElse) {
    EXPECT_EQ(parse_index_statement("DROP TABLE t").error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(parse_index_statement("CREATE INDEX ON").error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(parse_index_statement("SELECT 1; SELECT 2").error().kind, base::ErrorKind::invalid_input);
    EXPECT_EQ(parse_index_statement("CREATE INDEX ON t (a COLLATE \"C\")").error().kind, base::ErrorKind::unsupported);
}

}  // namespace
}  // namespace orrery::sql
