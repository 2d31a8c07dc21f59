#include "collectors/helper_sql.hpp"

#include <gtest/gtest.h>

namespace orrery::collectors {
namespace {

TEST(HelperSql, GrantsToTheRoleAndToNobodyElse) {
    const auto sql = helper_sql("Wat\"cher");
    EXPECT_NE(sql.find("GRANT USAGE ON SCHEMA orrery TO \"Wat\"\"cher\";"), std::string::npos) << sql;
    EXPECT_NE(sql.find("orrery.read_log(text, bigint, integer) TO \"Wat\"\"cher\";"), std::string::npos);
    EXPECT_EQ(sql.find(":\"role\""), std::string::npos);
    EXPECT_NE(sql.find("FROM PUBLIC"), std::string::npos);
    EXPECT_TRUE(sql.ends_with("COMMIT;\n"));
}

}  // namespace
}  // namespace orrery::collectors
