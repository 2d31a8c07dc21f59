#include "base/units.hpp"

#include <gtest/gtest.h>

namespace orrery::base {
namespace {

TEST(Units, BytesReadAsPostgresWritesThem) {
    EXPECT_EQ(to_text(Bytes(0)), "0 bytes");
    EXPECT_EQ(to_text(Bytes(1023)), "1023 bytes");
    EXPECT_EQ(to_text(Bytes(1024)), "1.0 kB");
    EXPECT_EQ(to_text(Bytes(12 << 20)), "12 MB");
    EXPECT_EQ(to_text(Bytes(1503238553)), "1.4 GB");
    EXPECT_EQ(to_text(Bytes(-2048)), "-2.0 kB");
    EXPECT_EQ(to_text(Bytes(std::int64_t{3} << 60)), "3072 PB");
}

TEST(Units, DurationsPickTheirUnit) {
    EXPECT_EQ(to_text(Milliseconds(0.42)), "0.42 ms");
    EXPECT_EQ(to_text(Milliseconds(0)), "0.00 ms");
    EXPECT_EQ(to_text(Milliseconds(0.0042)), "4.20 µs");
    EXPECT_EQ(to_text(Milliseconds(-0.042)), "-42.0 µs");
    EXPECT_EQ(to_text(Milliseconds(13.2)), "13 ms");
    EXPECT_EQ(to_text(Milliseconds(4200)), "4.2 s");
    EXPECT_EQ(to_text(Milliseconds(185'000)), "3 min 5 s");
}

TEST(Units, TimeIsUtcWithMilliseconds) {
    EXPECT_EQ(to_iso8601(from_unix_ms(0)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_iso8601(from_unix_ms(1'763'797'680'123)), "2025-11-22T07:48:00.123Z");
    EXPECT_EQ(to_iso8601(from_unix_ms(-1)), "1969-12-31T23:59:59.999Z");
    EXPECT_EQ(to_unix_ms(from_unix_ms(1'763'797'680'123)), 1'763'797'680'123);
}

TEST(Units, QuantitiesAddAndCompare) {
    Bytes size(5);
    size += Bytes(7);
    size -= Bytes(2);
    EXPECT_EQ(size, Bytes(10));
    EXPECT_LT(PlannerCost(1.5), PlannerCost(2));
    EXPECT_EQ((Pages(9) - Pages(4)).value, 5);
}

}  // namespace
}  // namespace orrery::base
