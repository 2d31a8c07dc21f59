#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "store/record.hpp"

namespace orrery::store {
namespace {

using domain::QueryLogCursor;
using domain::QueryLogInterval;

domain::StatementCounters any_counters() {
    domain::StatementCounters counters;
    const auto fill = [](auto& field) {
        if (*rc::gen::inRange(0, 3) == 0) field = *rc::gen::arbitrary<std::remove_reference_t<decltype(field)>>();
    };
    std::apply([&](auto&... field) { (fill(field), ...); }, domain::fields_of(counters));
    return counters;
}

domain::StatementKey any_key() {
    return {.query_id = *rc::gen::arbitrary<std::int64_t>(),
            .database = *rc::gen::arbitrary<domain::Oid>(),
            .user = *rc::gen::arbitrary<domain::Oid>(),
            .toplevel = *rc::gen::arbitrary<bool>()};
}

base::WallTime any_time() {
    return base::from_unix_ms(*rc::gen::inRange<std::int64_t>(-1'000'000'000, 4'000'000'000'000));
}

TEST(Record, AnIntervalAndItsCursorComeBack) {
    EXPECT_TRUE(rc::check([] {
        QueryLogInterval interval{.start = any_time(),
                                  .end = any_time(),
                                  .known_exec_ms = 1.5,
                                  .total_exec_ms = 1.0 / 3,
                                  .lower_bound = *rc::gen::arbitrary<bool>(),
                                  .deltas = {}};
        QueryLogCursor cursor{
            .taken = any_time(), .scope = *rc::gen::arbitrary<std::string>(), .server_us = *rc::gen::arbitrary<std::int64_t>(), .rows = {}};
        for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
            interval.deltas.push_back({any_key(), any_counters(), *rc::gen::arbitrary<bool>()});
            cursor.rows.push_back({any_key(), any_counters(), *rc::gen::arbitrary<std::int64_t>()});
        }
        const auto back = unpack_interval(pack(interval, cursor));
        RC_ASSERT(back.has_value());
        RC_ASSERT(back->interval.start == interval.start);
        RC_ASSERT(back->interval.end == interval.end);
        RC_ASSERT(back->interval.total_exec_ms == interval.total_exec_ms);
        RC_ASSERT(back->interval.lower_bound == interval.lower_bound);
        RC_ASSERT(back->interval.deltas.size() == interval.deltas.size());
        RC_ASSERT(back->next.scope == cursor.scope);
        RC_ASSERT(back->next.server_us == cursor.server_us);
        for (std::size_t i = 0; i < cursor.rows.size(); ++i) {
            RC_ASSERT(back->interval.deltas[i].key == interval.deltas[i].key);
            RC_ASSERT(back->interval.deltas[i].counters == interval.deltas[i].counters);
            RC_ASSERT(back->interval.deltas[i].lower_bound == interval.deltas[i].lower_bound);
            RC_ASSERT(back->next.rows[i].key == cursor.rows[i].key);
            RC_ASSERT(back->next.rows[i].counters == cursor.rows[i].counters);
            RC_ASSERT(back->next.rows[i].since_us == cursor.rows[i].since_us);
        }
    }));
}

TEST(Record, ABatchComesBack) {
    domain::Batch batch{.frames = {{.series = "tables",
                                    .part = "shop",
                                    .start = base::from_unix_ms(5),
                                    .end = base::from_unix_ms(10),
                                    .lower_bound = true,
                                    .readings = 3,
                                    .columns = {{"table", domain::RollUp::key, "", std::vector<std::string>{"a", ""}},
                                                {"n", domain::RollUp::sum, "rows", std::vector<std::int64_t>{domain::kNullInteger, -1}},
                                                {"x", domain::RollUp::mean, "ms", std::vector<double>{NAN, 0.1}}}}},
                        .plans = {{.fingerprint = {7},
                                   .database = "d",
                                   .shape_hash = ~0ULL,
                                   .seen = base::from_unix_ms(1),
                                   .execution_ms = 2.5,
                                   .document = "{}"},
                                  {.fingerprint = {8}, .document = ""}},
                        .events = {{base::from_unix_ms(3), "restart", "server", "It was."}},
                        .state = {{"server_log", "17"}}};
    const auto back = unpack_batch(pack(batch));
    ASSERT_TRUE(back) << back.error().to_text();
    ASSERT_EQ(back->frames.size(), 1U);
    const auto& frame = back->frames[0];
    EXPECT_EQ(frame.series, "tables");
    EXPECT_EQ(frame.part, "shop");
    EXPECT_EQ(frame.end, base::from_unix_ms(10));
    EXPECT_TRUE(frame.lower_bound);
    EXPECT_EQ(frame.readings, 3);
    ASSERT_EQ(frame.columns.size(), 3U);
    EXPECT_EQ(std::get<2>(frame.columns[0].values), (std::vector<std::string>{"a", ""}));
    EXPECT_EQ(std::get<0>(frame.columns[1].values), (std::vector<std::int64_t>{domain::kNullInteger, -1}));
    EXPECT_EQ(frame.columns[1].unit, "rows");
    EXPECT_EQ(frame.columns[2].roll_up, domain::RollUp::mean);
    EXPECT_TRUE(std::isnan(std::get<1>(frame.columns[2].values)[0]));
    EXPECT_EQ(std::get<1>(frame.columns[2].values)[1], 0.1);
    ASSERT_EQ(back->plans.size(), 2U);
    EXPECT_EQ(back->plans[0].shape_hash, ~0ULL);
    EXPECT_EQ(back->plans[0].execution_ms, 2.5);
    EXPECT_FALSE(back->plans[1].execution_ms.has_value());
    EXPECT_EQ(back->events.at(0).kind, "restart");
    EXPECT_EQ(back->state.at(0).second, "17");
}

TEST(Record, AKindOfRollUpThatIsNotKnownIsAnError) {
    const domain::Batch batch{
        .frames = {{.series = "tables", .columns = {{"n", static_cast<domain::RollUp>(9), "", std::vector<std::int64_t>{1}}}}}};
    const auto back = unpack_batch(pack(batch));
    ASSERT_FALSE(back.has_value());
    EXPECT_EQ(back.error().kind, base::ErrorKind::corrupt);
}

TEST(Record, DamagedBytesAreAnErrorNeverACrash) {
    QueryLogCursor cursor{.scope = "all", .rows = {}};
    for (int i = 0; i < 50; ++i) cursor.rows.push_back({{.query_id = i}, {.calls = i}, 0});
    const auto whole = pack(cursor);
    for (std::size_t length = 0; length < whole.size(); ++length)
        EXPECT_FALSE(unpack_cursor(std::string_view(whole).substr(0, length)).has_value()) << length;
    EXPECT_TRUE(rc::check([&] {
        auto damaged = whole;
        for (int i = *rc::gen::inRange(1, 4); i > 0; --i)
            damaged[*rc::gen::inRange<std::size_t>(0, damaged.size())] = *rc::gen::arbitrary<char>();
        const auto outcome = unpack_cursor(damaged);
        const bool told = outcome.has_value() ? damaged == whole : outcome.error().kind == base::ErrorKind::corrupt;
        RC_ASSERT(told);
    }));
    EXPECT_EQ(unpack_batch("nonsense").error().kind, base::ErrorKind::corrupt);
}

}  // namespace
}  // namespace orrery::store
