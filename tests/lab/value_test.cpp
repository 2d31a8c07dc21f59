#include "lab/value.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace orrery::lab {
namespace {

const base::WallTime kReference = base::from_unix_ms(1'700'000'000'000);  // 2023-11-14 22:13:20 UTC

std::string value_at(const Value& value, std::int64_t row, std::int64_t rows, std::uint64_t seed = 1) {
    base::Random random(seed);
    std::string text;
    if (!ValueSource(value, kReference).append(text, row, rows, random)) return "NULL";
    return text;
}

TEST(Value, CodesIdentifyTheirRow) {
    std::set<std::string> codes;
    for (std::int64_t row = 1; row <= 20'000; ++row) codes.insert(value_at(code("T"), row, 20'000));
    EXPECT_EQ(codes.size(), 20'000U);
    EXPECT_EQ(value_at(code("T"), 5, 10, 1), value_at(code("T"), 5, 99, 2));
}

TEST(Value, EmailsIdentifyTheirRowInAnyCase) {
    std::set<std::string> emails;
    for (std::int64_t row = 1; row <= 20'000; ++row) emails.insert(value_at(lower_case(email()), row, 20'000));
    EXPECT_EQ(emails.size(), 20'000U);
    EXPECT_NE(value_at(email(), 1, 10), value_at(lower_case(email()), 1, 10));
}

TEST(Value, TimelinesGrowTowardsTheReference) {
    EXPECT_EQ(value_at(timeline(730), 1000, 1000), "2023-11-14 22:13:20+00");
    std::string before;
    for (std::int64_t row = 1; row <= 1000; ++row) {
        const std::string now = value_at(timeline(730), row, 1000);
        EXPECT_LE(before, now);
        before = now;
    }
    EXPECT_LT(value_at(timeline(730), 1, 1000), "2021-11-20");
    EXPECT_LE(value_at(timeline(730, 9), 1000, 1000), "2023-11-14 22:13:20+00");
}

TEST(Value, NullsSitAmongTheNewestRows) {
    const Value open = nullable(timeline(30), 0.01);
    int old_nulls = 0, new_nulls = 0;
    for (std::int64_t row = 1; row <= 10'000; ++row)
        if (value_at(open, row, 10'000, static_cast<std::uint64_t>(row)) == "NULL") ++(row <= 9'500 ? old_nulls : new_nulls);
    EXPECT_EQ(old_nulls, 0);
    EXPECT_NEAR(new_nulls, 100, 40);
}

TEST(Value, ZipfIsSkewedAndStaysInItsRange) {
    base::Random random(5);
    const ValueSource source(zipf(1000, 1.0), kReference);
    std::map<std::int64_t, int> counts;
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        ASSERT_TRUE(source.append(text, 1, 1, random));
        ++counts[std::stoll(text)];
    }
    EXPECT_GE(counts.begin()->first, 1);
    EXPECT_LE(counts.rbegin()->first, 1000);
    const auto most = std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; });
    EXPECT_GT(most->second, 20'000 / 20);
}

TEST(Value, SpreadVisitsEachNumberOnce) {
    Value value = spread_into("parent");
    value.high = 1000;
    std::set<std::string> numbers;
    for (std::int64_t row = 1; row <= 1000; ++row) numbers.insert(value_at(value, row, 1000));
    EXPECT_EQ(numbers.size(), 1000U);
    EXPECT_EQ(numbers.count("0"), 0U);
}

TEST(Value, ParametersNameRowsThatExist) {
    Value value = of_some("orders", serial());
    value.rows = 50;
    const ValueSource source(value, kReference);
    base::Random random(3);
    for (int i = 0; i < 1000; ++i) {
        const auto drawn = source.draw(random);
        ASSERT_TRUE(drawn);
        EXPECT_GE(std::stoi(*drawn), 1);
        EXPECT_LE(std::stoi(*drawn), 50);
    }
}

TEST(Value, ManyMakesAnArray) {
    base::Random random(3);
    EXPECT_EQ(ValueSource(many(3, integer(7, 7)), kReference).draw(random), "{7,7,7}");
}

TEST(Value, ChoicesFollowTheirWeights) {
    base::Random random(3);
    const ValueSource source(choice({"a", "b"}, {1, 9}), kReference);
    int a = 0;
    for (int i = 0; i < 10'000; ++i) a += source.draw(random) == "a";
    EXPECT_NEAR(a, 1000, 150);
}

TEST(Value, TimestampsBeforeTheEpochAreRight) {
    std::string text;
    append_timestamp(text, -1);
    EXPECT_EQ(text, "1969-12-31 23:59:59+00");
    text.clear();
    append_date(text, 19'675);
    EXPECT_EQ(text, "2023-11-14");
}

}  // namespace
}  // namespace orrery::lab
