#include "store/packing.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "store/counter_table.hpp"

namespace orrery::store {
namespace {

using domain::RollUp;
using domain::SeriesColumn;
using Integers = std::vector<std::int64_t>;
using Reals = std::vector<double>;
using Texts = std::vector<std::string>;

std::vector<std::uint64_t> bits_of(const Reals& values) {
    std::vector<std::uint64_t> bits;
    for (const auto value : values) bits.push_back(std::bit_cast<std::uint64_t>(value));
    return bits;
}

template <typename Values>
Values through(const Values& values) {
    const std::vector<SeriesColumn> columns{{"x", RollUp::mean, "ms", values}};
    const auto packed = pack(columns);
    EXPECT_TRUE(packed);
    const auto read = unpack(*packed);
    EXPECT_TRUE(read) << read.error().to_text();
    EXPECT_EQ(read->at(0).name, "x");
    EXPECT_EQ(read->at(0).roll_up, RollUp::mean);
    EXPECT_EQ(read->at(0).unit, "ms");
    return std::get<Values>(read->at(0).values);
}

std::size_t size_of(domain::ColumnValues values) {
    const std::vector<SeriesColumn> columns{{"x", RollUp::sum, "", std::move(values)}};
    return pack(columns).value().size();
}

TEST(Packing, IntegersComeBack) {
    constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
    for (const auto& values :
         {Integers{}, Integers{0}, Integers{-1, 1, 63, 64, -64, -65, 1'000'000}, Integers{5, 5, 6, 7, 1'000'000'000'000},
          Integers{kLargest, domain::kNullInteger, kLargest, -kLargest, 0, domain::kNullInteger}})
        EXPECT_EQ(through(values), values);
}

TEST(Packing, RealsComeBackBitForBit) {
    const double odd_nan = std::bit_cast<double>(std::uint64_t{0x7ff4'dead'beef'0001});
    for (const auto& values :
         {Reals{}, Reals{0, 1, -2.5, 0.001, 12.345678}, Reals{1.0 / 3, 0.1 + 0.2, 1e300}, Reals{0.0, -0.0}, Reals{NAN, odd_nan, -NAN},
          Reals{INFINITY, -INFINITY, std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::max()},
          Reals{9'007'199'254'740'993.0, 9'007'199'254.740'993}})
        EXPECT_EQ(bits_of(through(values)), bits_of(values));
}

TEST(Packing, TextComesBack) {
    const Texts values{"", "orders", std::string("nul\0inside", 10), "ünïcödé", std::string(300, 'x'), ""};
    EXPECT_EQ(through(values), values);
}

TEST(Packing, SmallAndSteadyNumbersTakeFewBytes) {
    const auto head = size_of(Integers{});
    EXPECT_EQ(size_of(Integers(1'000, 1)), head + 1'000 + 1) << "a byte each, and one more for the count of rows";
    EXPECT_LE(size_of(Integers{1'000'000'000'000, 1'000'000'000'001, 1'000'000'000'002}), head + 6 + 2) << "differences";
    EXPECT_LE(size_of(Reals(1'000, 0.25)), head + 2'100U) << "a quarter is 250 thousandths";
    EXPECT_EQ(size_of(Reals{1.0 / 3}), head + 8) << "and what is no decimal is kept as it is";
}

TEST(Packing, ColumnsOfDifferentLengthsAreRefused) {
    const std::vector<SeriesColumn> columns{{"a", RollUp::key, "", Integers{1, 2}}, {"b", RollUp::sum, "", Reals{1}}};
    const auto refused = pack(columns);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, base::ErrorKind::invalid_input);
    EXPECT_NE(refused.error().detail.find("\"b\" 1"), std::string::npos) << refused.error().detail;
}

const std::vector<SeriesColumn>& sample() {
    static const std::vector<SeriesColumn> kSample{{"table", RollUp::key, "", Texts{"orders", "users", "items"}},
                                                   {"rows", RollUp::sum, "rows", Integers{1, -300, 1'000'000}},
                                                   {"ms", RollUp::sum, "ms", Reals{0.5, 2, 1'000.001}},
                                                   {"share", RollUp::mean, "", Reals{1.0 / 3, NAN, 1e300}}};
    return kSample;
}

TEST(Packing, EveryTruncationIsFound) {
    const auto packed = pack(sample()).value();
    for (std::size_t length = 0; length < packed.size(); ++length) {
        const auto read = unpack(std::string_view(packed).substr(0, length));
        ASSERT_FALSE(read) << length;
        EXPECT_EQ(read.error().kind, base::ErrorKind::corrupt);
    }
    EXPECT_FALSE(unpack(packed + "x")) << "and what is too much";
}

TEST(Packing, ACountThatTheBytesDoNotBackAllocatesNothing) {
    const std::string rows("\1\1\xff\xff\xff\xff\xff\xff\xff\xff\x7f\1a\1\0\0", 15), columns("\1\xff\xff\xff\xff\x7f\0", 7);
    EXPECT_FALSE(unpack(rows));
    EXPECT_FALSE(unpack(columns));
}

TEST(Packing, EveryFlippedBitOfCompressedBytesIsFound) {
    const auto packed = pack(sample()).value();
    const std::string base = packed.substr(0, packed.size() / 2);
    for (const auto& against : {std::string(), base}) {
        auto compressed = compress(packed, against, 3).value();
        ASSERT_EQ(decompress(compressed, against).value(), packed);
        for (std::size_t bit = 0; bit < compressed.size() * 8; ++bit) {
            compressed[bit / 8] = static_cast<char>(compressed[bit / 8] ^ (1 << (bit % 8)));
            const auto read = decompress(compressed, against);
            EXPECT_TRUE(!read || *read == packed) << "only a bit of the head that says nothing may pass";
            compressed[bit / 8] = static_cast<char>(compressed[bit / 8] ^ (1 << (bit % 8)));
        }
    }
}

TEST(Packing, ABaseSparesWhatIsAlike) {
    Integers sizes;
    for (std::int64_t i = 0; i < 1'000; ++i) sizes.push_back(i * 7'919'000'001 % 1'000'003 * 8'192);
    const std::vector<SeriesColumn> before{{"size", RollUp::last, "bytes", sizes}};
    sizes[500] += 8'192;
    const std::vector<SeriesColumn> after{{"size", RollUp::last, "bytes", sizes}};
    const auto base = pack(before).value(), packed = pack(after).value();
    const auto alone = compress(packed, {}, 3).value(), compressed = compress(packed, base, 3).value();
    EXPECT_LT(compressed.size() * 20, alone.size());
    EXPECT_EQ(decompress(compressed, base).value(), packed);
    EXPECT_FALSE(decompress(compressed, {})) << "another base";
}

TEST(CounterTables, ComeBackSortedByStatement) {
    CounterTable table{
        .statements = {9, 2}, .marks = {1, -5}, .counters = {{.calls = 3, .exec_ms = 0.1}, {.rows = 7, .jit_deform_ms = 1.0 / 3}}};
    const auto read = unpack_counters(pack_counters(table, 1).value()).value();
    EXPECT_EQ(read.statements, (Integers{2, 9}));
    EXPECT_EQ(read.marks, (Integers{-5, 1}));
    EXPECT_EQ(read.counters[0], table.counters[1]);
    EXPECT_EQ(read.counters[1], table.counters[0]);
}

TEST(CounterTables, ACounterOfANewerBuildIsPassedOver) {
    const std::vector<SeriesColumn> columns{{"statement", RollUp::key, "", Integers{4}},
                                            {"mark", RollUp::last, "", Integers{0}},
                                            {"from_the_future", RollUp::sum, "", Reals{5}},
                                            {"rows", RollUp::sum, "", Integers{6}}};
    const auto read = unpack_counters(compress(pack(columns).value(), {}, 1).value()).value();
    EXPECT_EQ(read.counters.at(0), (domain::StatementCounters{.rows = 6}));
}

TEST(CounterTables, AnotherTableIsDamage) {
    const auto foreign = compress(pack(sample()).value(), {}, 1).value();
    EXPECT_EQ(unpack_counters(foreign).error().kind, base::ErrorKind::corrupt);
    const std::vector<SeriesColumn> columns{
        {"statement", RollUp::key, "", Integers{4}}, {"mark", RollUp::last, "", Integers{0}}, {"rows", RollUp::sum, "", Reals{6}}};
    EXPECT_EQ(unpack_counters(compress(pack(columns).value(), {}, 1).value()).error().kind, base::ErrorKind::corrupt) << "rows as reals";
}

TEST(CounterSums, KeepTheLastDigits) {
    CounterSum sum;
    sum.add({.calls = 1, .exec_ms = 1e16});
    for (int i = 0; i < 1'000; ++i) sum.add({.calls = 1, .exec_ms = 1});
    EXPECT_EQ(sum.value().exec_ms, 1e16 + 1'000);
    EXPECT_EQ(sum.value().calls, 1'001);
}

}  // namespace
}  // namespace orrery::store
