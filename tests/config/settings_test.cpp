#include "config/settings.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

#include "base/folder.hpp"

namespace orrery::config {
namespace {

using namespace std::chrono_literals;

TEST(SettingsTable, EveryRowIsSound) {
    std::set<std::string_view> keys;
    for (const auto& row : settings_table()) {
        EXPECT_TRUE(keys.insert(row.key).second) << row.key << " is there twice";
        EXPECT_NE(row.key.find('.'), std::string_view::npos) << row.key;
        EXPECT_TRUE(row.sentence.ends_with('.')) << row.key;
        EXPECT_LE(row.minimum, row.maximum) << row.key;
        Settings settings;
        const auto done = settings.set(row.key, row.standard);
        EXPECT_TRUE(done) << row.key << ": " << done.error().to_text();
    }
    EXPECT_GE(keys.size(), 15U);
}

TEST(SettingsTable, NumbersAreHeldToTheirRange) {
    for (const auto& row : settings_table()) {
        if (row.type == SettingType::text || row.type == SettingType::boolean) continue;
        Settings settings;
        const auto number = [](double value) { return std::to_string(value); };
        const auto high = settings.set(row.key, number(row.maximum * 2 + 1));
        ASSERT_FALSE(high) << row.key;
        EXPECT_EQ(high.error().kind, base::ErrorKind::invalid_input);
        EXPECT_NE(high.error().message.find(row.key), std::string::npos);
        EXPECT_NE(high.error().hint.find("range"), std::string::npos) << high.error().to_text();
        EXPECT_FALSE(settings.set(row.key, "-1")) << row.key;
        EXPECT_FALSE(settings.set(row.key, "many")) << row.key;
        EXPECT_FALSE(settings.set(row.key, "")) << row.key;
    }
}

TEST(Settings, StartWithTheirDefaults) {
    const Settings settings;
    EXPECT_EQ(settings.duration("collect.interval"), 60s);
    EXPECT_EQ(settings.duration("session.lock_timeout"), 100ms);
    EXPECT_EQ(settings.bytes("advise.budget"), base::Bytes(500 << 20));
    EXPECT_TRUE(settings.boolean("twin.endpoints"));
    EXPECT_EQ(settings.integer("advise.max_index_width"), 3);
    EXPECT_DOUBLE_EQ(settings.real("twin.deviation_limit"), 0.1);
    EXPECT_EQ(settings.text("store.path"), "");
}

TEST(Settings, TakeValuesInTextForm) {
    Settings settings;
    ASSERT_TRUE(settings.set("collect.interval", "2min"));
    ASSERT_TRUE(settings.set("advise.budget", "1.5GB"));
    ASSERT_TRUE(settings.set("twin.endpoints", "Off"));
    ASSERT_TRUE(settings.set("advise.seed", "42"));
    ASSERT_TRUE(settings.set("store.path", "/tmp/x.db"));
    EXPECT_EQ(settings.duration("collect.interval"), 120s);
    EXPECT_EQ(settings.bytes("advise.budget").value, 1610612736);
    EXPECT_FALSE(settings.boolean("twin.endpoints"));
    EXPECT_EQ(settings.integer("advise.seed"), 42);
    EXPECT_EQ(settings.text("store.path"), "/tmp/x.db");
    EXPECT_FALSE(settings.set("advise.seed", "4.5")) << "a whole number";
    EXPECT_FALSE(settings.set("twin.endpoints", "maybe"));
    EXPECT_EQ(settings.integer("advise.seed"), 42) << "a refused value changes nothing";
}

TEST(Settings, AnUnknownKeyNamesTheNearest) {
    Settings settings;
    const auto refused = settings.set("colect.intervall", "60s");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("colect.intervall"), std::string::npos);
    EXPECT_NE(refused.error().hint.find("\"collect.interval\""), std::string::npos) << refused.error().hint;
}

class SettingsFile : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = base::TemporaryFolder::create("test");
        ASSERT_TRUE(made);
        folder_.emplace(std::move(made).value());
    }
    base::Result<void> load(Settings& settings, const std::string& toml) {
        path_ = (folder_->path() / "orrery.toml").string();
        std::ofstream(path_) << toml;
        return settings.load(path_);
    }
    std::string refusal(const std::string& toml) {
        Settings settings;
        const auto done = load(settings, toml);
        EXPECT_FALSE(done) << toml;
        if (done) return "";
        EXPECT_EQ(done.error().kind, base::ErrorKind::invalid_input);
        EXPECT_NE(done.error().message.find(path_), std::string::npos) << done.error().to_text();
        return done.error().to_text();
    }

private:
    std::optional<base::TemporaryFolder> folder_;
    std::string path_;
};

TEST_F(SettingsFile, IsApplied) {
    Settings settings;
    const auto done = load(settings,
                           "# a comment\n[collect]\ninterval = \"5min\"\nstore_texts = false\n\n[advise]\nbudget = \"64MB\"\nseed = 7\n"
                           "minimum_benefit = 2.5\ntime_limit = 90\n");
    ASSERT_TRUE(done) << done.error().to_text();
    EXPECT_EQ(settings.duration("collect.interval"), 300s);
    EXPECT_FALSE(settings.boolean("collect.store_texts"));
    EXPECT_EQ(settings.bytes("advise.budget").value, 64 << 20);
    EXPECT_EQ(settings.integer("advise.seed"), 7);
    EXPECT_DOUBLE_EQ(settings.real("advise.minimum_benefit"), 2.5);
    EXPECT_EQ(settings.duration("advise.time_limit"), 90s) << "a bare number is seconds";
}

TEST_F(SettingsFile, ErrorsNameTheLine) {
    EXPECT_NE(refusal("[collect]\n\ninterval = \"soon\"\n").find("line 3"), std::string::npos);
    EXPECT_NE(refusal("[advise]\nbudget = \"1GB\"\nbudgett = \"2GB\"\n").find("line 3"), std::string::npos);
    EXPECT_NE(refusal("[advise]\nbudgett = \"2GB\"\n").find("\"advise.budget\""), std::string::npos);
    EXPECT_NE(refusal("[advise]\nbudget = \n").find("line 2"), std::string::npos);
    EXPECT_NE(refusal("[advise]\nseed = -3\n").find("line 2"), std::string::npos);
    EXPECT_NE(refusal("\ninterval = 5\n").find("line 2"), std::string::npos) << "outside of a section";
    EXPECT_NE(refusal("[store]\npath = [\"a\", \"b\"]\n").find("line 2"), std::string::npos) << "a list is no value";
    EXPECT_NE(refusal("[store.path]\nx = 1\n").find("line 1"), std::string::npos) << "nor is a section";
}

TEST_F(SettingsFile, ThatIsNotThereIsAnError) {
    Settings settings;
    const auto done = settings.load("/nowhere/orrery.toml");
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().message.find("/nowhere/orrery.toml"), std::string::npos);
}

TEST(Parse, Durations) {
    EXPECT_EQ(parse_duration("250ms").value(), 250ms);
    EXPECT_EQ(parse_duration("60s").value(), 60s);
    EXPECT_EQ(parse_duration("5min").value(), 300s);
    EXPECT_EQ(parse_duration(" 1.5 h ").value(), 5400s);
    EXPECT_EQ(parse_duration("1d").value(), 24h);
    EXPECT_EQ(parse_duration("2").value(), 2s);
    for (const char* text : {"", "ms", "5 parsecs", "-1s", "1s2", "1e400s", "nan", "inf"}) EXPECT_FALSE(parse_duration(text)) << text;
    EXPECT_NE(parse_duration("x").error().hint.find("60s"), std::string::npos);
}

TEST(Parse, Bytes) {
    EXPECT_EQ(parse_bytes("64kB").value().value, 65536);
    EXPECT_EQ(parse_bytes("500MB").value().value, 500 << 20);
    EXPECT_EQ(parse_bytes("1.5gb").value().value, 1610612736);
    EXPECT_EQ(parse_bytes("7").value().value, 7);
    for (const char* text : {"", "MB", "5 apples", "-1", "0x10", "1e999GB"}) EXPECT_FALSE(parse_bytes(text)) << text;
}

}  // namespace
}  // namespace orrery::config
