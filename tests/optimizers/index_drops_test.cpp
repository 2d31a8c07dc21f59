#include "optimizers/index_drops.hpp"

#include <gtest/gtest.h>

#include "optimizers/fixtures.hpp"

namespace orrery::optimizers {
namespace {

using testing::index;

class IndexDropsTest : public ::testing::Test {
protected:
    domain::Index& add(domain::Index item) {
        item.scans = 5;
        catalog.indexes.push_back(std::move(item));
        return catalog.indexes.back();
    }
    std::vector<std::string> drops() const {
        std::vector<std::string> names;
        for (const auto& drop : find_drops(catalog, evidence)) names.push_back(drop.index->name.name);
        return names;
    }
    void SetUp() override {
        for (auto& item : catalog.indexes) item.scans = 5;
    }

    domain::Catalog catalog = testing::shop();
    DropEvidence evidence;
};

TEST_F(IndexDropsTest, LeavesASoundDatabaseAlone) {
    add(index("orders_customer", "orders", {"customer_id"}));
    add(index("orders_placed", "orders", {"placed", "status"}));
    EXPECT_TRUE(drops().empty());
}

TEST_F(IndexDropsTest, KeepsOneOfTwoEquals) {
    add(index("one", "orders", {"customer_id"}));
    add(index("two", "orders", {"customer_id"}));
    add(index("three", "orders", {"customer_id"})).scans = 900;
    EXPECT_EQ(drops(), (std::vector<std::string>{"one", "two"}));  // the busiest stays
    for (const auto& drop : find_drops(catalog, evidence)) {
        EXPECT_EQ(drop.reason, DropReason::duplicate);
        EXPECT_EQ(drop.keeper->name.name, "three");
    }
}

TEST_F(IndexDropsTest, KeepsTheOneThatBacksAConstraintOrIsUnique) {
    add(index("plain_id", "orders", {"id"})).scans = 9000;
    EXPECT_EQ(drops(), (std::vector<std::string>{"plain_id"}));
    add(index("unique_email", "customers", {"email"})).spec.unique = true;
    add(index("plain_email", "customers", {"email"})).scans = 9000;
    EXPECT_EQ(drops(), (std::vector<std::string>{"plain_id", "plain_email"}));
}

TEST_F(IndexDropsTest, TellsEqualsFromLookalikes) {
    add(index("one", "orders", {"customer_id"}));
    add(index("partial", "orders", {"customer_id"})).spec.predicate = "urgent";
    add(index("hashed", "orders", {"customer_id"})).spec.method = "hash";
    add(index("pattern", "orders", {"customer_id"})).spec.keys[0].opclass = "text_pattern_ops";
    EXPECT_TRUE(drops().empty());
}

TEST_F(IndexDropsTest, DropsKeysThatLeadAWiderIndex) {
    add(index("narrow", "orders", {"customer_id"}));
    add(index("wide", "orders", {"customer_id", "placed"}));
    ASSERT_EQ(drops(), (std::vector<std::string>{"narrow"}));
    EXPECT_EQ(find_drops(catalog, evidence)[0].reason, DropReason::redundant);
    catalog.indexes[4].spec.unique = true;  // enforces more than the wide one
    EXPECT_TRUE(drops().empty());
    catalog.indexes[4].spec.unique = false;
    catalog.indexes[4].spec.include = {"total"};  // the wide one lacks it
    EXPECT_TRUE(drops().empty());
    catalog.indexes[5].spec.include = {"total"};
    EXPECT_EQ(drops(), (std::vector<std::string>{"narrow"}));
}

TEST_F(IndexDropsTest, NeverDropsTheKeeperOfAnother) {
    add(index("narrow", "orders", {"customer_id"}));
    add(index("wide", "orders", {"customer_id", "placed"})).scans = 0;  // unused so far: it goes, and the narrow one stays
    EXPECT_EQ(drops(), (std::vector<std::string>{"wide"}));
    catalog.indexes.pop_back();
    add(index("twin", "orders", {"customer_id"})).scans = 0;
    EXPECT_EQ(drops(), (std::vector<std::string>{"twin"}));
}

TEST_F(IndexDropsTest, CallsUnusedOnlyWhatNobodySawInUse) {
    add(index("idle", "orders", {"total"})).scans = 0;
    EXPECT_EQ(drops(), (std::vector<std::string>{"idle"}));
    evidence.used.insert(catalog.indexes.back().oid);
    EXPECT_TRUE(drops().empty());
    evidence.used.clear();
    evidence.workload_known = false;
    EXPECT_TRUE(drops().empty());
}

TEST_F(IndexDropsTest, SparesWhatIsNeededWithoutScans) {
    for (const auto change : {0, 1, 2, 3, 4}) {
        auto& item = add(index("needed", "orders", {"total"}));
        item.scans = 0;
        if (change == 0) item.spec.unique = true;
        if (change == 1) item.constraint = true;
        if (change == 2) item.replica_identity = true;
        if (change == 3) item.clustered = true;
        if (change == 4) item.partition_child = true;
        EXPECT_TRUE(drops().empty()) << change;
        catalog.indexes.pop_back();
    }
}

TEST_F(IndexDropsTest, SparesTheCheckOfAForeignKeyWhoseParentChanges) {
    add(index("orders_customer", "orders", {"customer_id"})).scans = 0;
    EXPECT_EQ(drops(), (std::vector<std::string>{"orders_customer"}));
    evidence.changed_parents.insert({"public", "customers"});
    EXPECT_TRUE(drops().empty());
}

TEST_F(IndexDropsTest, ClearsAwayInvalidIndexes) {
    add(index("broken", "orders", {"total"})).valid = false;
    ASSERT_EQ(drops(), (std::vector<std::string>{"broken"}));
    EXPECT_EQ(find_drops(catalog, evidence)[0].reason, DropReason::invalid);
}

TEST_F(IndexDropsTest, WritesSqlThatGoesAndComesBack) {
    auto& item = add(index("Odd one", "orders", {"total"}));
    item.definition = "CREATE UNIQUE INDEX \"Odd one\" ON public.orders USING btree (total) WHERE urgent";
    EXPECT_EQ(drop_sql(item), "DROP INDEX CONCURRENTLY IF EXISTS public.\"Odd one\"");
    EXPECT_EQ(recreate_sql(item), "CREATE UNIQUE INDEX CONCURRENTLY \"Odd one\" ON public.orders USING btree (total) WHERE urgent");
}

}  // namespace
}  // namespace orrery::optimizers
