#include <gtest/gtest.h>

#include <filesystem>

#include "base/folder.hpp"
#include "store/full_history.hpp"
#include "store/postgres_place.hpp"
#include "store/sqlite_store.hpp"
#include "store/transfer.hpp"

namespace orrery::store {
namespace {

using namespace store_testing;
using base::ErrorKind;

class TransferTest : public testing::Test {
protected:
    SqliteStore file(const std::string& name) { return SqliteStore::open(folder.path() / name, {.clock = &clock}).value(); }
    static std::vector<TransferCheck> copy(domain::Store& source, domain::Store& target) {
        const auto checks = transfer(source, target, {.source = "the source"});
        EXPECT_TRUE(checks) << checks.error().to_text();
        for (const auto& check : checks.value_or(std::vector<TransferCheck>()))
            EXPECT_TRUE(check.equal()) << check.what << ": " << check.source << " and " << check.target;
        return checks.value_or(std::vector<TransferCheck>());
    }

    base::ManualClock clock{at(10'000)};
    base::TemporaryFolder folder = base::TemporaryFolder::create("transfer").value();
};

TEST_F(TransferTest, FromAFileToPostgresAndBackNothingIsLost) {
    auto source = file("source.db");
    fill(source);
    PostgresPlace place;
    const auto middle = place.open(clock).value();
    const auto checks = copy(source, *middle);
    EXPECT_GT(checks.size(), 12U);
    expect_same(source, *middle);
    auto back = file("back.db");
    copy(*middle, back);
    expect_same(source, back);
    EXPECT_GT(back.add_action(1, sample_action()).value(), 2) << "new actions come behind those that were brought";
}

TEST_F(TransferTest, ABrokenOffCopyIsGoneOnWith) {
    auto source = file("source.db");
    fill(source);
    PostgresPlace place;
    const auto whole = place.open(clock).value();
    copy(source, *whole);
    // As if it had been broken off: a part of everything is missing.
    for (const std::string sql :
         {"DELETE FROM ml_optimization.intervals WHERE end_at > (SELECT min(end_at) FROM ml_optimization.intervals)",
          "DELETE FROM ml_optimization.query_logs q WHERE NOT EXISTS (SELECT FROM ml_optimization.intervals i WHERE "
          "i.end_at = q.end_at)",
          "DELETE FROM ml_optimization.actions WHERE id = 2", "DELETE FROM ml_optimization.evaluations",
          "DELETE FROM ml_optimization.frames WHERE part = 'bank'", "DELETE FROM ml_optimization.series_tables WHERE part = 'bank'",
          "DELETE FROM ml_optimization.plans"})
        run_sql(place.database(), sql);
    copy(source, *whole);
    expect_same(source, *whole);
}

TEST_F(TransferTest, AStoreWithAHistoryOfItsOwnIsRefused) {
    auto source = file("source.db"), target = file("target.db");
    fill(source);
    ASSERT_TRUE(target.server("elsewhere", "1"));
    const auto refused = transfer(source, target, {.source = "the source"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    auto third = file("third.db");
    ASSERT_TRUE(transfer(source, third, {.source = "the source"}));
    EXPECT_EQ(transfer(source, third, {.source = "another source"}).error().kind, ErrorKind::conflict);
}

TEST_F(TransferTest, WhatWasLostShows) {
    auto source = file("source.db"), target = file("target.db");
    fill(source);
    copy(source, target);
    const auto server = target.server("host:5432/shop", "7001").value();
    ASSERT_TRUE(target.append(server, {.start = at(90'000), .end = at(90'060), .deltas = {}}, {.taken = at(90'060), .rows = {}}));
    const auto checks = transfer(source, target, {.source = "the source"}).value();
    EXPECT_TRUE(std::any_of(checks.begin(), checks.end(), [](const auto& check) { return !check.equal() && check.what == "intervals"; }));
}

TEST_F(TransferTest, ProgressIsTold) {
    auto source = file("source.db"), target = file("target.db");
    fill(source);
    std::vector<std::string> told;
    ASSERT_TRUE(transfer(source, target, {.source = "s", .progress = [&](std::string_view what, std::int64_t done, std::int64_t total) {
                                              EXPECT_LE(done, total);
                                              told.emplace_back(what);
                                          }}));
    EXPECT_NE(std::find(told.begin(), told.end(), "intervals of host:5432/shop"), told.end());
}

}  // namespace
}  // namespace orrery::store
