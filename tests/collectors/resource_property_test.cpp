#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "collectors/bloat.hpp"
#include "collectors/resource_frames.hpp"
#include "collectors/resource_sizes.hpp"

namespace orrery::collectors {
namespace {

using domain::Frame;
using domain::kNullInteger;
using domain::RollUp;
using Integers = std::vector<std::int64_t>;

Frame frame_of(Integers counts) {
    Integers oids(counts.size());
    std::iota(oids.begin(), oids.end(), 1);
    Frame frame{.series = "things"};
    frame.columns = {{"oid", RollUp::key, "", std::move(oids)}, {"count", RollUp::sum, "", std::move(counts)}};
    return frame;
}
const Integers& counts_of(const Frame& frame) {
    return std::get<Integers>(frame.find("count")->values);
}

RC_GTEST_PROP(KeepTopProperty, SumsStayExactAndTheLargestStay, ()) {
    const auto counts = *rc::gen::container<Integers>(rc::gen::inRange<std::int64_t>(0, 1'000));
    const auto most = *rc::gen::inRange<std::size_t>(1, 20);
    const auto kept = keep_top(frame_of(counts), most);
    const auto& left = counts_of(kept);
    RC_ASSERT(std::accumulate(left.begin(), left.end(), std::int64_t{0}) == std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
    RC_ASSERT(kept.rows() == std::min(counts.size(), most + 1));
    if (!counts.empty()) RC_ASSERT(std::count(left.begin(), left.end(), *std::max_element(counts.begin(), counts.end())) >= 1);
}

RC_GTEST_PROP(ChangedRowsProperty, WhoeverReadsTheRowsInTurnKnowsTheNewestValues, ()) {
    ChangedRows changed(std::chrono::minutes(30));
    std::map<std::int64_t, std::int64_t> known;
    for (int minute = 0; minute < 20; ++minute) {
        const auto sizes = *rc::gen::container<Integers>(5, rc::gen::inRange<std::int64_t>(0, 3));
        Frame frame{.series = "sizes", .end = base::from_unix_ms(minute * 60'000)};
        frame.columns = {{"oid", RollUp::key, "", Integers{1, 2, 3, 4, 5}}, {"size", RollUp::last, "", sizes}};
        if (const auto rest = changed.changed(frame))
            for (std::size_t row = 0; row < rest->rows(); ++row)
                known[std::get<Integers>(rest->columns[0].values)[row]] = std::get<Integers>(rest->columns[1].values)[row];
        for (std::size_t row = 0; row < sizes.size(); ++row) RC_ASSERT(known[static_cast<std::int64_t>(row) + 1] == sizes[row]);
    }
}

RC_GTEST_PROP(RelationSizesProperty, GrowthAddsUpToTheSize, ()) {
    RelationSizes sizes;
    std::int64_t bytes = 8192, written = 1, sum = 0;
    for (int round = 0; round < 12; ++round) {
        bytes = std::max<std::int64_t>(0, bytes + 8192 * *rc::gen::inRange<std::int64_t>(-2, 5));
        const bool locked = round > 0 && round < 11 && *rc::gen::arbitrary<bool>();
        RelationSizes::Round options{.taken = base::from_unix_ms(round * 60'000)};
        if (locked) options.locked = {20'000};
        const auto ask = sizes.begin({{.oid = 20'000, .schema = "s", .name = "t", .written = ++written, .changed = 1}}, options);
        RC_ASSERT(ask.size() == (locked ? 0U : 1U));
        if (!locked) sizes.measured(20'000, bytes, 0);
        const auto frames = sizes.frames("db");
        const auto grown = std::get<Integers>(frames.tables.find("grown")->values)[0];
        if (round == 0) sum = bytes;
        RC_ASSERT((grown == kNullInteger) == (locked || round == 0));
        if (grown != kNullInteger) sum += grown;
    }
    RC_ASSERT(sum == bytes);
}

RC_GTEST_PROP(BloatProperty, EstimatesAreSane, ()) {
    std::vector<StoredColumn> columns;
    const auto count = *rc::gen::inRange(1, 12);
    for (int i = 0; i < count; ++i) {
        const int alignment = 1 << *rc::gen::inRange(0, 4);
        const bool varies = *rc::gen::arbitrary<bool>();
        columns.push_back({.length = varies ? -1 : alignment,
                           .alignment = alignment,
                           .width = *rc::gen::inRange(1, 500),
                           .null_share = *rc::gen::inRange(0, 11) / 10.0,
                           .distinct = *rc::gen::inRange(-10, 1'000) / 10.0});
    }
    const double rows = *rc::gen::inRange(0, 100'000);
    TableShape table{
        .rows = rows, .pages = base::Pages(*rc::gen::inRange(0, 10'000)), .fillfactor = *rc::gen::inRange(10, 101), .columns = columns};
    const auto some = estimate_bloat(table);
    table.rows = rows * 2;
    const auto more = estimate_bloat(table);
    RC_ASSERT(some && more);
    RC_ASSERT(some->wasted.value >= 0 && some->wasted.value <= table.pages.value * table.block_size);
    RC_ASSERT(more->needed >= some->needed);
    IndexShape index{.rows = rows, .pages = table.pages, .fillfactor = table.fillfactor, .columns = columns};
    const auto plain = estimate_bloat(index);
    index.deduplicates = true;
    const auto shared = estimate_bloat(index);
    RC_ASSERT(plain && shared);
    RC_ASSERT(plain->wasted.value >= 0 && plain->needed.value >= 1 && shared->needed.value >= 1);
}

}  // namespace
}  // namespace orrery::collectors
