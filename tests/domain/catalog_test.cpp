#include "domain/catalog.hpp"

#include <gtest/gtest.h>

#include <string>

namespace orrery::domain {
namespace {

TEST(QuoteIdentifier, QuotesOnlyWhatSqlNeeds) {
    EXPECT_EQ(quote_identifier("orders"), "orders");
    EXPECT_EQ(quote_identifier("_line_2"), "_line_2");
    EXPECT_EQ(quote_identifier("Orders"), "\"Orders\"");
    EXPECT_EQ(quote_identifier("order lines"), "\"order lines\"");
    EXPECT_EQ(quote_identifier("2nd"), "\"2nd\"");
    EXPECT_EQ(quote_identifier("a$b"), "\"a$b\"");
    EXPECT_EQ(quote_identifier("größe"), "\"größe\"");
    EXPECT_EQ(quote_identifier("say \"hi\""), "\"say \"\"hi\"\"\"");
    EXPECT_EQ(quote_identifier(""), "\"\"");
    for (const char* word :
         {"system_user", "select", "user", "order", "table", "left", "like", "current_date", "where", "with", "window", "analyze"})
        EXPECT_EQ(quote_identifier(word), "\"" + std::string(word) + "\"");
}

TEST(QuoteLiteral, DoublesQuotesAndNothingElse) {
    EXPECT_EQ(quote_literal("it's"), "'it''s'");
    EXPECT_EQ(quote_literal("back\\slash"), "'back\\slash'") << "standard_conforming_strings";
    EXPECT_EQ(quote_literal(""), "''");
}

TEST(RelationName, IsQualifiedWhenTheSchemaIsKnown) {
    EXPECT_EQ((RelationName{"", "orders"}).sql(), "orders");
    EXPECT_EQ((RelationName{"public", "orders"}).sql(), "public.orders");
    EXPECT_EQ((RelationName{"My Shop", "user"}).sql(), "\"My Shop\".\"user\"");
}

IndexSpec full_spec() {
    IndexSpec spec;
    spec.table = {"public", "Orders"};
    spec.keys = {{.column = "customer_id"},
                 {.column = "created_at", .descending = true, .nulls_first = true},
                 {.expression = "lower(email)", .opclass = "text_pattern_ops"}};
    spec.include = {"total", "Note"};
    spec.predicate = "status = 'open'";
    return spec;
}

TEST(IndexSpec, CreateSqlSpellsEverythingOut) {
    EXPECT_EQ(full_spec().create_sql("my index", true),
              "CREATE INDEX CONCURRENTLY \"my index\" ON public.\"Orders\" USING btree (customer_id, created_at DESC, "
              "(lower(email)) text_pattern_ops) INCLUDE (total, \"Note\") WHERE status = 'open'");
    IndexSpec spec;
    spec.table = {"", "t"};
    spec.method = "gin";
    spec.keys = {{.column = "tags"}};
    spec.unique = true;
    EXPECT_EQ(spec.create_sql("i", false), "CREATE UNIQUE INDEX i ON t USING gin (tags)");
}

TEST(IndexKey, NullsOrderIsWrittenOnlyWhereItIsNotTheDefault) {
    EXPECT_EQ((IndexKey{.column = "a"}).sql(), "a");
    EXPECT_EQ((IndexKey{.column = "a", .nulls_first = true}).sql(), "a NULLS FIRST");
    EXPECT_EQ((IndexKey{.column = "a", .descending = true, .nulls_first = true}).sql(), "a DESC");
    EXPECT_EQ((IndexKey{.column = "a", .descending = true}).sql(), "a DESC NULLS LAST");
}

TEST(IndexSpec, LabelTellsIndexesApart) {
    EXPECT_EQ(
        full_spec().label(),
        "public.\"Orders\"(customer_id, created_at DESC, (lower(email)) text_pattern_ops) INCLUDE (total, \"Note\") WHERE status = 'open'");
    IndexSpec spec = full_spec();
    spec.method = "hash";
    EXPECT_NE(spec.label(), full_spec().label());
    spec = full_spec();
    std::swap(spec.keys[0], spec.keys[1]);
    EXPECT_NE(spec.label(), full_spec().label());
}

TEST(IndexSpec, DefaultNameFollowsPostgresHabit) {
    IndexSpec spec;
    spec.table = {"public", "orders"};
    spec.keys = {{.column = "customer_id"}, {.column = "created_at"}};
    EXPECT_EQ(spec.default_name(), "orders_customer_id_created_at_idx");
}

TEST(IndexSpec, DefaultNameCarriesAHashWhereColumnsDoNotTellAll) {
    IndexSpec plain;
    plain.table = {"public", "orders"};
    plain.keys = {{.column = "a"}};
    IndexSpec descending = plain, covering = plain, partial = plain, expression = plain;
    descending.keys[0].descending = true;
    covering.include = {"b"};
    partial.predicate = "a > 1";
    expression.keys[0] = {.expression = "lower(a)"};
    for (const auto& spec : {descending, covering, partial, expression}) {
        EXPECT_TRUE(spec.default_name().starts_with("orders_")) << spec.default_name();
        EXPECT_TRUE(spec.default_name().ends_with("_idx")) << spec.default_name();
        EXPECT_NE(spec.default_name(), plain.default_name());
        EXPECT_EQ(spec.default_name(), IndexSpec(spec).default_name()) << "the same index has the same name";
    }
    IndexSpec other = partial;
    other.predicate = "a > 2";
    EXPECT_NE(other.default_name(), partial.default_name());
}

TEST(IndexSpec, DefaultNameFitsInANameAndCutsNoCharacter) {
    IndexSpec spec;
    spec.table = {"public", "größentabelle_mit_einem_recht_langen_namen_für_ümläüte_äöüäöüäöü"};
    spec.keys = {{.column = "spalte"}};
    EXPECT_LE(spec.default_name().size(), 63U);
    spec.table.name.insert(0, "x");  // moves the cut by one byte
    EXPECT_LE(spec.default_name().size(), 63U);
    spec.table.name = std::string(63, 't');
    spec.keys = {{.column = std::string(63, 'c')}};
    EXPECT_EQ(spec.default_name().size(), 63U);
    spec.table.name = "t";
    spec.keys = {{.column = std::string(57, 'c')}};
    EXPECT_EQ(spec.default_name(), "t_" + std::string(57, 'c') + "_idx") << "63 bytes fit as they are";
}

TEST(ColumnStatistics, DistinctCountReadsBothForms) {
    ColumnStatistics statistics;
    statistics.distinct = 40;
    EXPECT_EQ(statistics.distinct_count(1000), 40);
    statistics.distinct = -0.25;
    EXPECT_EQ(statistics.distinct_count(1000), 250);
    EXPECT_EQ(statistics.distinct_count(0), 1);
    statistics.distinct = 0;
    EXPECT_EQ(statistics.distinct_count(1000), 1);
}

Catalog shop() {
    Catalog catalog;
    for (const char* schema : {"public", "audit"}) {
        Table table;
        table.name = {schema, "orders"};
        table.columns = {{.number = 1, .name = "id"}, {.number = 2, .name = "total"}};
        catalog.tables.push_back(table);
        Index index;
        index.name = {schema, "orders_id_idx"};
        index.spec.table = table.name;
        catalog.indexes.push_back(index);
    }
    return catalog;
}

TEST(Catalog, FindsTablesByNameOrAlongTheSearchPath) {
    Catalog catalog = shop();
    EXPECT_EQ(catalog.find_table({"audit", "orders"}), &catalog.tables[1]);
    EXPECT_EQ(catalog.find_table({"", "orders"}), &catalog.tables[0]);
    EXPECT_EQ(catalog.find_table({"", "Orders"}), nullptr);
    EXPECT_EQ(catalog.find_table({"nowhere", "orders"}), nullptr);
    catalog.search_path = {"audit", "public"};
    EXPECT_EQ(catalog.find_table({"", "orders"}), &catalog.tables[1]);
    catalog.search_path = {};
    EXPECT_EQ(catalog.find_table({"", "orders"}), nullptr);
}

TEST(Catalog, FindsIndexesAndColumns) {
    const Catalog catalog = shop();
    EXPECT_EQ(catalog.find_index({"audit", "orders_id_idx"}), &catalog.indexes[1]);
    EXPECT_EQ(catalog.find_index({"", "orders_id_idx"}), &catalog.indexes[0]);
    EXPECT_EQ(catalog.find_index({"", "other"}), nullptr);
    ASSERT_EQ(catalog.indexes_of({"audit", "orders"}).size(), 1U);
    EXPECT_EQ(catalog.indexes_of({"audit", "orders"})[0], &catalog.indexes[1]);
    EXPECT_EQ(catalog.tables[0].find_column("total")->number, 2);
    EXPECT_EQ(catalog.tables[0].find_column("none"), nullptr);
}

}  // namespace
}  // namespace orrery::domain
