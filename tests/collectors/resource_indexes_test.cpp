#include "collectors/resource_indexes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::collectors {
namespace {

IndexDefinition index(std::int64_t oid, std::vector<std::string> keys) {
    return {.oid = oid, .name = "i", .table_oid = 1, .scans = 1, .method = 403, .keys = std::move(keys)};
}

TEST(SuperfluousIndexes, OfEqualsTheOneThatIsNeededStays) {
    std::vector<IndexDefinition> all{index(1, {"a"}), index(2, {"a"}), index(3, {"a"})};
    all[1].unique = true;
    all[2].unique = all[2].kept = true;
    const auto found = find_superfluous(all);
    EXPECT_EQ(found[0].duplicate, 3);
    EXPECT_EQ(found[1].duplicate, 3);
    EXPECT_EQ(found[2].duplicate, 0);
}

TEST(SuperfluousIndexes, AUniqueOneIsNoDuplicateOfOneThatIsNot) {
    std::vector<IndexDefinition> all{index(1, {"a"}), index(2, {"a"})};
    all[0].kept = true;
    all[1].unique = true;
    EXPECT_EQ(find_superfluous(all)[1].duplicate, 0);
}

TEST(SuperfluousIndexes, AWiderOneCoversItsBeginning) {
    std::vector<IndexDefinition> all{index(1, {"a"}), index(2, {"a", "b"}), index(3, {"b"}), index(4, {"a", "b", "c"})};
    auto found = find_superfluous(all);
    EXPECT_EQ(found[0].covered, 2);
    EXPECT_EQ(found[1].covered, 4);
    EXPECT_EQ(found[2].covered, 0);
    EXPECT_EQ(found[3].covered, 0);
    all[0].unique = true;
    all[1].rest = "p";
    found = find_superfluous(all);
    EXPECT_EQ(found[0].covered, 0) << "it enforces something";
    EXPECT_EQ(found[1].covered, 0) << "another condition";
    all[0].unique = false;
    all[0].method = 405;
    EXPECT_EQ(find_superfluous(all)[0].covered, 0) << "a hash is no beginning";
    all[0] = index(1, {"a"});
    all[0].table_oid = 7;
    EXPECT_EQ(find_superfluous(all)[0].covered, 0) << "another table";
}

TEST(SuperfluousIndexes, InvalidOnesNeitherDuplicateNorCover) {
    std::vector<IndexDefinition> all{index(1, {"a"}), index(2, {"a"}), index(3, {"a", "b"})};
    all[0].valid = all[2].valid = false;
    const auto found = find_superfluous(all);
    EXPECT_EQ(found[1].duplicate, 0);
    EXPECT_EQ(found[1].covered, 0);
    EXPECT_FALSE(found[0].unused);
}

TEST(SuperfluousIndexes, UnusedIsWhatNobodyScansAndNothingNeeds) {
    std::vector<IndexDefinition> all{index(1, {"a"}), index(2, {"b"}), index(3, {"c"}), index(4, {"d"})};
    for (auto& each : all) each.scans = 0;
    all[1].unique = true;
    all[2].kept = true;
    all[3].scans = 3;
    const auto found = find_superfluous(all);
    EXPECT_TRUE(found[0].unused);
    EXPECT_FALSE(found[1].unused);
    EXPECT_FALSE(found[2].unused);
    EXPECT_FALSE(found[3].unused);
}

}  // namespace
}  // namespace orrery::collectors
