#include "engine/storing.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/folder.hpp"
#include "support/scoped_variable.hpp"

namespace orrery::engine {
namespace {

using namespace std::chrono_literals;
using base::ErrorKind;

TEST(Retention, TheDefaultIsFourTiers) {
    const auto policy = retention_policy(config::Settings()).value();
    ASSERT_EQ(policy.size(), 4U);
    EXPECT_EQ(policy[0].width, 10s);
    EXPECT_EQ(policy[0].keep, 48h);
    EXPECT_EQ(policy[1].width, 1min);
    EXPECT_EQ(policy[3].width, 24h);
    EXPECT_EQ(policy[3].keep, 730 * 24h);
}

TEST(Retention, SpacesDoNotMatterAndOneTierIsEnough) {
    EXPECT_EQ(parse_retention(" 10s : 48h ,1min:14d").value().size(), 2U);
    EXPECT_EQ(parse_retention("1min:7d").value().front().keep, 7 * 24h);
}

TEST(Retention, WhatMakesNoSenseIsRefusedWithTheReason) {
    for (const std::string& text :
         std::vector<std::string>{"", "10s", "10s:", ":48h", "10s:48h,,1min:14d", "0s:48h", "1min:10s", "10s:48h, 10s:14d",
                                  "10s:48h, 1min:24h", "10s:48h, 25s:14d", "10 parsecs:48h", "10s:48h; 1min:14d"}) {
        const auto policy = parse_retention(text);
        ASSERT_FALSE(policy) << text;
        EXPECT_EQ(policy.error().kind, ErrorKind::invalid_input) << text;
        EXPECT_FALSE(policy.error().hint.empty()) << text;
    }
    config::Settings settings;
    ASSERT_TRUE(settings.set("store.retention", "never"));
    EXPECT_NE(retention_policy(settings).error().message.find("store.retention"), std::string::npos);
}

TEST(StoreNames, NeverShowAPassword) {
    EXPECT_EQ(describe_store("postgresql://me:secret@db.example:5433/history").value(), "db.example:5433/history");
    const auto unknown = describe_store("mysql://me:secret@db.example/history");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().to_text().find("secret"), std::string::npos);
    const auto broken = describe_store("postgresql://me:secret@db.example/history?nonsense=1");
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().to_text().find("secret"), std::string::npos) << broken.error().to_text();
}

TEST(StoreNames, EachPostgresStoreHasASpoolOfItsOwn) {
    const auto folder = base::TemporaryFolder::create("names").value();
    const testing::ScopedVariable state("XDG_STATE_HOME", folder.path().string());
    Context one, two, file;
    one.store = "postgresql://me:secret@db.example/history";
    two.store = "postgresql://me:secret@db.example/other";
    file.store = "/tmp/history.db";
    const auto spool = spool_file(one).value();
    ASSERT_TRUE(spool.has_value());
    EXPECT_NE(*spool, *spool_file(two).value());
    one.store = "postgresql://me:changed@db.example/history";
    EXPECT_EQ(*spool, *spool_file(one).value()) << "a new password is the same store";
    EXPECT_FALSE(spool_file(file).value().has_value());
}

}  // namespace
}  // namespace orrery::engine
