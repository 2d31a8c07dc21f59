#include "collectors/resource_frames.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace orrery::collectors {
namespace {

using domain::Frame;
using domain::kNullInteger;
using domain::RollUp;
using Integers = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;

Frame frame_of(Integers oids, Integers counts, Integers sizes = {}, std::int64_t minute = 0) {
    Texts names;
    for (const auto oid : oids) names.push_back("t" + std::to_string(oid));
    if (sizes.empty()) sizes = counts;
    Frame frame{.series = "things", .part = "db", .end = base::from_unix_ms(minute * 60'000)};
    frame.columns = {{"oid", RollUp::key, "", std::move(oids)},     {"name", RollUp::key, "", std::move(names)},
                     {"count", RollUp::sum, "", std::move(counts)}, {"size", RollUp::last, "", sizes},
                     {"oldest", RollUp::minimum, "", sizes},        {"newest", RollUp::maximum, "", std::move(sizes)}};
    return frame;
}
const Integers& integers(const Frame& frame, const char* column) {
    return std::get<Integers>(frame.find(column)->values);
}

TEST(KeepTop, SumsTheRestIntoOneRow) {
    const auto kept = keep_top(frame_of({1, 2, 3, 4}, {5, 50, 7, 40}), 2);
    EXPECT_EQ(integers(kept, "oid"), (Integers{2, 4, 0}));
    EXPECT_EQ(std::get<Texts>(kept.find("name")->values), (Texts{"t2", "t4", "other"}));
    EXPECT_EQ(integers(kept, "count"), (Integers{50, 40, 12}));
    EXPECT_EQ(integers(kept, "oldest"), (Integers{50, 40, 5}));
    EXPECT_EQ(integers(kept, "newest"), (Integers{50, 40, 7}));
    EXPECT_EQ(integers(keep_top(frame_of({1, 2}, {5, 50}), 2), "oid"), (Integers{1, 2}));
    EXPECT_EQ(integers(keep_top(frame_of({1, 2, 3}, {1, 2, 3}, {9, 2, 1}), 1, "size"), "oid"), (Integers{1, 0}));
}

TEST(KeepTop, UnknownStaysUnknown) {
    const auto kept = keep_top(frame_of({1, 2, 3}, {9, kNullInteger, kNullInteger}), 1);
    EXPECT_EQ(integers(kept, "count"), (Integers{9, kNullInteger}));
}

TEST(SumByParent, AddsUpOverAllLevels) {
    const auto sums = sum_by_parent(frame_of({1, 2, 3, 4}, {1, 10, 100, 1000}), "parents", {{1, 8}, {2, 8}, {8, 9}, {3, 9}},
                                    {{8, {"public", "inner"}}, {9, {"public", "outer"}}});
    ASSERT_TRUE(sums);
    EXPECT_EQ(sums->series, "parents");
    EXPECT_EQ(integers(*sums, "oid"), (Integers{8, 9}));
    EXPECT_EQ(std::get<Texts>(sums->find("name")->values), (Texts{"inner", "outer"}));
    EXPECT_EQ(integers(*sums, "partitions"), (Integers{2, 3}));
    EXPECT_EQ(integers(*sums, "count"), (Integers{11, 111}));
    EXPECT_FALSE(sum_by_parent(frame_of({1}, {1}), "parents", {}, {}));
    EXPECT_TRUE(sum_by_parent(frame_of({1}, {1}), "parents", {{1, 2}, {2, 1}}, {})) << "a ring ends";
}

TEST(ChangedRows, HandsOutWhatChangedAndAllNowAndThen) {
    ChangedRows changed(std::chrono::minutes(60));
    EXPECT_EQ(integers(*changed.changed(frame_of({1, 2}, {0, 0}, {10, 20}, 0)), "oid"), (Integers{1, 2}));
    EXPECT_FALSE(changed.changed(frame_of({1, 2}, {5, 5}, {10, 20}, 10))) << "growth alone is no change";
    EXPECT_EQ(integers(*changed.changed(frame_of({1, 2}, {0, 0}, {10, 21}, 20)), "oid"), (Integers{2}));
    EXPECT_EQ(integers(*changed.changed(frame_of({1, 2, 3}, {0, 0, 0}, {10, 21, 1}, 30)), "oid"), (Integers{3}));
    EXPECT_FALSE(changed.changed(frame_of({1, 2}, {0, 0}, {10, 21}, 40)));
    EXPECT_EQ(integers(*changed.changed(frame_of({1, 2}, {0, 0}, {10, 21}, 60)), "oid"), (Integers{1, 2}));
    EXPECT_EQ(integers(*changed.changed(frame_of({1, 2}, {0, 0}, {10, 21}, 5)), "oid"), (Integers{1, 2})) << "the clock was set back";
}

}  // namespace
}  // namespace orrery::collectors
