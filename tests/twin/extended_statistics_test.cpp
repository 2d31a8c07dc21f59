#include "twin/extended_statistics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace orrery::twin {
namespace {

/// Writes numbers as PostgreSQL serializes them: native, unaligned.
class Serializer {
public:
    template <typename T>
    Serializer& add(T value) {
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
        return *this;
    }
    Serializer& add_text(std::string_view text) {
        bytes_ += text;
        return *this;
    }
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

Serializer ndistinct(std::initializer_list<std::int16_t> first, std::initializer_list<std::int16_t> second) {
    Serializer s;
    s.add<std::uint32_t>(0xA352BFA4).add<std::uint32_t>(1).add<std::uint32_t>(2);
    for (const auto& item : {first, second}) {
        s.add(42.5).add(static_cast<std::int32_t>(item.size()));
        for (const auto attribute : item) s.add(attribute);
    }
    return s;
}

TEST(Ndistinct, GetsTheNewNumbersAndKeepsExpressions) {
    const auto before = ndistinct({3, 5}, {3, 5, -1}).bytes();
    EXPECT_EQ(remap_ndistinct(before, {{3, 3}, {5, 4}}), ndistinct({3, 4}, {3, 4, -1}).bytes());
    EXPECT_EQ(remap_ndistinct(before, {{3, 3}, {5, 5}}), before);
}

TEST(Ndistinct, IsRefusedWhenNotUnderstood) {
    const auto bytes = ndistinct({3, 5}, {3, 5, -1}).bytes();
    EXPECT_FALSE(remap_ndistinct(bytes, {{3, 3}}).has_value()) << "attribute 5 is unknown";
    EXPECT_FALSE(remap_ndistinct(bytes.substr(0, bytes.size() - 1), {{3, 3}, {5, 4}}).has_value());
    EXPECT_FALSE(remap_ndistinct(bytes + "x", {{3, 3}, {5, 4}}).has_value());
    EXPECT_FALSE(remap_ndistinct("", {}).has_value());
    EXPECT_FALSE(remap_dependencies(bytes, {{3, 3}, {5, 4}}).has_value()) << "another kind";
}

TEST(Dependencies, GetTheNewNumbers) {
    const auto make = [](std::int16_t from, std::int16_t to) {
        Serializer s;
        s.add<std::uint32_t>(0xB4549A2C).add<std::uint32_t>(1).add<std::uint32_t>(1);
        return s.add(0.75).add<std::int16_t>(2).add(from).add(to).bytes();
    };
    EXPECT_EQ(remap_dependencies(make(2, 7), {{2, 1}, {7, 6}}), make(1, 6));
    EXPECT_FALSE(remap_dependencies(make(2, 7), {{2, 1}}).has_value());
}

/// An enum and an integer: two values each, items left as they are.
std::string mcv(domain::Oid type, domain::Oid low, domain::Oid high) {
    Serializer s;
    s.add<std::uint32_t>(0xE1A651C2)
        .add<std::uint32_t>(1)
        .add<std::uint32_t>(1)
        .add<std::int16_t>(2)
        .add<domain::Oid>(type)
        .add<domain::Oid>(23);
    for (int i = 0; i < 2; ++i) s.add<std::int32_t>(2).add<std::int32_t>(8).add<std::int32_t>(8).add<std::int32_t>(4).add<std::int32_t>(1);
    s.add(low).add(high).add<std::int32_t>(16385).add<std::int32_t>(16386);
    return s.add_text("items").bytes();
}

TEST(McvList, GetsNewTypesAndEnumValues) {
    const auto before = mcv(16400, 16401, 16403);
    EXPECT_THAT(mcv_types(before), ::testing::ElementsAre(16400, 23));
    EXPECT_EQ(remap_mcv(before, {{16400, 20000}}, {{16400, {{16401, 20002}, {16403, 20004}}}}), mcv(20000, 20002, 20004));
    EXPECT_EQ(remap_mcv(mcv(25, 1, 2), {}, {}), mcv(25, 1, 2)) << "nothing of the user's";
}

TEST(McvList, IsRefusedWhenSomethingIsUnknown) {
    const auto before = mcv(16400, 16401, 16403);
    EXPECT_FALSE(remap_mcv(before, {}, {}).has_value());
    EXPECT_FALSE(remap_mcv(before, {{16400, 20000}}, {{16400, {{16401, 20002}}}}).has_value());
    EXPECT_FALSE(remap_mcv(before.substr(0, 30), {{16400, 20000}}, {}).has_value());
    EXPECT_THAT(mcv_types("no list"), ::testing::IsEmpty());
}

}  // namespace
}  // namespace orrery::twin
