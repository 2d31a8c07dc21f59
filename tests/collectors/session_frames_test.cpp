#include "collectors/session_frames.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <string>

namespace orrery::collectors {
namespace {

using domain::Fingerprint;

SessionKey key(const std::string& wait_class, std::uint64_t fingerprint) {
    return {wait_class, wait_class == "CPU" ? "" : "event", Fingerprint{fingerprint}, "shop", "app", "active"};
}

const std::vector<std::int64_t>& numbers(const domain::Frame& frame, const std::string& column) {
    return std::get<std::vector<std::int64_t>>(frame.find(column)->values);
}
const std::vector<std::string>& texts(const domain::Frame& frame, const std::string& column) {
    return std::get<std::vector<std::string>>(frame.find(column)->values);
}
std::int64_t sum(const domain::Frame& frame, const std::string& column) {
    const auto& values = numbers(frame, column);
    return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

const SampledStretch kStretch{base::from_unix_ms(20'000), base::from_unix_ms(30'000), 9, 1, false};

TEST(SessionCounts, EqualKeysAreOneRowAndTheHeaviestComeFirst) {
    SessionCounts counts(10);
    counts.add(key("CPU", 1), 2);
    counts.add(key("IO", 1), 1);
    counts.add(key("CPU", 1), 3);
    counts.add(key("CPU", 0), 4);
    const auto frame = counts.frame(kStretch);
    EXPECT_EQ(frame.series, "sessions");
    EXPECT_EQ(frame.start, kStretch.start);
    EXPECT_EQ(frame.end, kStretch.end);
    EXPECT_EQ(texts(frame, "wait_class"), (std::vector<std::string>{"", "CPU", "CPU", "IO"}));
    EXPECT_EQ(texts(frame, "fingerprint"), (std::vector<std::string>{"", "0000000000000001", "", "0000000000000001"}));
    EXPECT_EQ(numbers(frame, "samples"), (std::vector<std::int64_t>{0, 5, 4, 1}));
    EXPECT_EQ(numbers(frame, "taken"), (std::vector<std::int64_t>{9, 0, 0, 0}));
    EXPECT_EQ(numbers(frame, "missed"), (std::vector<std::int64_t>{1, 0, 0, 0}));
    for (const auto& column : frame.columns) EXPECT_EQ(column.size(), 4U) << column.name;
}

TEST(SessionCounts, AnIdleServerHasAFrameToo) {
    const auto frame = SessionCounts(10).frame(kStretch);
    EXPECT_EQ(frame.rows(), 1U);
    EXPECT_EQ(sum(frame, "taken"), 9);
    EXPECT_EQ(sum(frame, "samples"), 0);
}

TEST(SessionCounts, ThousandsOfKeysAreFoldedByWaitClassWithoutLosingAny) {
    SessionCounts counts(20);
    std::map<std::string, std::int64_t> truth;
    for (int i = 0; i < 5'000; ++i) {
        const std::string wait_class = i % 3 == 0 ? "CPU" : i % 3 == 1 ? "IO" : "Lock";
        const std::int64_t sessions = i < 15 ? 1'000 : 1 + i % 2;
        counts.add(key(wait_class, static_cast<std::uint64_t>(i) + 1), sessions);
        truth[wait_class] += sessions;
        EXPECT_LE(counts.size(), 83U) << "20 keys four times, and what is folded of three classes";
    }
    const auto frame = counts.frame(kStretch);
    EXPECT_LE(frame.rows(), 1U + 20 + 3);
    std::map<std::string, std::int64_t> told;
    std::size_t folded = 0;
    for (std::size_t row = 1; row < frame.rows(); ++row) {
        told[texts(frame, "wait_class")[row]] += numbers(frame, "samples")[row];
        folded += texts(frame, "datname")[row] == kOther ? 1 : 0;
    }
    EXPECT_EQ(told, truth);
    EXPECT_EQ(folded, 3U) << "one row of each class, however the keys came to be folded";
}

TEST(BlockingCounts, WaitsOfOneKindAreOneRow) {
    InvolvedSession root{1, {}, "idle in transaction", "shop", "batch", "psql", {}, 9'000, "", "", "", 0};
    InvolvedSession waiting{2, {1}, "active", "shop", "app", "web", Fingerprint{7}, 100, "relation", "ShareLock", "shop.orders", 800};
    BlockingCounts counts(10);
    EXPECT_TRUE(counts.empty());
    counts.add({&waiting, &root, 1, false});
    waiting.wait_ms = 1'800;
    counts.add({&waiting, &root, 2, false});
    waiting.wait_ms = 100;
    counts.add({&waiting, &root, 1, true});
    const auto frame = counts.frame(kStretch);
    EXPECT_EQ(frame.series, "blocking");
    ASSERT_EQ(frame.rows(), 1U);
    EXPECT_EQ(numbers(frame, "samples").front(), 3);
    EXPECT_EQ(numbers(frame, "depth").front(), 2);
    EXPECT_EQ(numbers(frame, "deadlocks").front(), 1);
    EXPECT_EQ(numbers(frame, "root_pid").front(), 1);
    EXPECT_EQ(texts(frame, "root_state").front(), "idle in transaction");
    EXPECT_EQ(texts(frame, "root_application").front(), "psql");
    EXPECT_EQ(texts(frame, "relation").front(), "shop.orders");
    EXPECT_EQ(std::get<std::vector<double>>(frame.find("wait_ms")->values).front(), 1'800);
    EXPECT_TRUE(frame.lower_bound) << "a sample was missed";
}

TEST(BlockingCounts, ManyKindsAreFolded) {
    BlockingCounts counts(5);
    for (int i = 0; i < 100; ++i) {
        InvolvedSession waiting{2, {0},        "active", "shop", "app", "", Fingerprint{static_cast<std::uint64_t>(i)},
                                0, "relation", "m",      "r",    1};
        counts.add({&waiting, nullptr, 1, false});
    }
    const auto frame = counts.frame(kStretch);
    EXPECT_EQ(frame.rows(), 6U);
    EXPECT_EQ(sum(frame, "samples"), 100);
}

}  // namespace
}  // namespace orrery::collectors
