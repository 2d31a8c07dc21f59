#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>

#include "store/packing.hpp"

namespace orrery::store {
namespace {

using domain::SeriesColumn;

std::uint64_t any_bits() {
    return *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(), rc::gen::inRange<std::uint64_t>(0, 300),
                           rc::gen::map(rc::gen::inRange<std::int64_t>(-5'000'000, 5'000'000),
                                        [](std::int64_t n) { return std::bit_cast<std::uint64_t>(static_cast<double>(n) / 1e6); }));
}

std::vector<SeriesColumn> any_columns() {
    const auto rows = *rc::gen::inRange<std::size_t>(0, 40);
    std::vector<SeriesColumn> columns;
    const auto count = *rc::gen::inRange<std::size_t>(0, 6);
    for (std::size_t i = 0; i < count; ++i) {
        SeriesColumn column{.name = *rc::gen::arbitrary<std::string>(),
                            .roll_up = static_cast<domain::RollUp>(*rc::gen::inRange(0, 6)),
                            .unit = *rc::gen::arbitrary<std::string>(),
                            .values = {}};
        const auto kind = *rc::gen::inRange(0, 3);
        std::vector<std::int64_t> integers;
        std::vector<double> reals;
        std::vector<std::string> texts;
        for (std::size_t row = 0; row < rows; ++row) {
            if (kind == 0) integers.push_back(std::bit_cast<std::int64_t>(any_bits()));
            if (kind == 1) reals.push_back(std::bit_cast<double>(any_bits()));
            if (kind == 2) texts.push_back(*rc::gen::arbitrary<std::string>());
        }
        if (kind == 0) column.values = integers;
        if (kind == 1) column.values = reals;
        if (kind == 2) column.values = texts;
        columns.push_back(std::move(column));
    }
    return columns;
}

/// NaNs included.
bool same_bits(const SeriesColumn& a, const SeriesColumn& b) {
    if (a.name != b.name || a.unit != b.unit || a.roll_up != b.roll_up || a.values.index() != b.values.index()) return false;
    const auto* reals = std::get_if<std::vector<double>>(&a.values);
    if (reals == nullptr) return a.values == b.values;
    const auto& others = std::get<std::vector<double>>(b.values);
    return std::equal(reals->begin(), reals->end(), others.begin(), others.end(),
                      [](double x, double y) { return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y); });
}

RC_GTEST_PROP(PackingProperty, WhatIsUnpackedIsWhatWasPacked, ()) {
    const auto columns = any_columns();
    const auto base = pack(any_columns()).value();
    const auto packed = pack(columns).value();
    const auto read = unpack(decompress(compress(packed, base, 3).value(), base).value()).value();
    RC_ASSERT(read.size() == columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) RC_ASSERT(same_bits(read[i], columns[i]));
}

RC_GTEST_PROP(PackingProperty, DamageIsAnErrorOrATable, ()) {
    auto packed = pack(any_columns()).value();
    const auto changes = *rc::gen::inRange(1, 4);
    for (int i = 0; i < changes; ++i) packed[*rc::gen::inRange<std::size_t>(0, packed.size())] = *rc::gen::arbitrary<char>();
    const auto read = unpack(packed);
    if (!read) RC_ASSERT(read.error().kind == base::ErrorKind::corrupt);
    if (read)
        for (const auto& column : *read) RC_ASSERT(column.size() == read->front().size());
}

}  // namespace
}  // namespace orrery::store
