#include <gtest/gtest.h>

#include <limits>

#include "pg/catalog_reader.hpp"
#include "pg/plan_text.hpp"

namespace orrery::pg {
namespace {

TEST(WritePlan, IsCompactAndLeavesDefaultsOut) {
    domain::Plan plan;
    plan.root.type = "Seq Scan";
    plan.root.relation = "orders";
    plan.root.total_cost = base::PlannerCost(12.5);
    plan.root.rows = std::numeric_limits<double>::infinity();
    EXPECT_EQ(write_plan(plan), R"({"Plan":{"Node Type":"Seq Scan","Relation Name":"orders","Total Cost":12.5}})");
}

TEST(WritePlan, BytesThatAreNoUtf8BecomeReadable) {
    domain::Plan plan;
    plan.root.type = "Seq Scan";
    plan.root.relation = "caf\xe9\xc3\xa9 \xe2\x82";
    const auto read = parse_plan(write_plan(plan));
    ASSERT_TRUE(read) << read.error().to_text();
    EXPECT_EQ(read->root.relation, "caf\uFFFD\u00e9 \uFFFD\uFFFD");
}

TEST(WritePlan, BuffersOfNothingAreNotNoBuffers) {
    domain::Plan plan;
    plan.root.type = "Result";
    plan.root.buffers.emplace();
    EXPECT_EQ(*parse_plan(write_plan(plan)), plan);
}

TEST(PlanText, ValidTextStaysAsItIs) {
    for (const std::string text : {"", "plain", "\u00fc\u65e5\U0001F600"}) {
        EXPECT_TRUE(is_valid_utf8(text));
        EXPECT_EQ(valid_utf8(text), text);
    }
    EXPECT_EQ(valid_utf8("\xff\xc0\x80z"), "\uFFFD\uFFFD\uFFFDz");
}

}  // namespace
}  // namespace orrery::pg
