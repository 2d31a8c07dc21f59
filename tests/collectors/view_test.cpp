#include "collectors/view.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "collectors/embedded_file.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using domain::RollUp;
using Role = ViewColumn::Role;

constexpr std::string_view kText = R"(-- series: weather
-- about: Rain and sun
-- about: of each town.
-- group: performance
-- every: 5min
-- share: 0.05%
-- scope: database
-- rows: all
-- store: changes
-- column: town text key
-- column: mayor text label
-- column: rain real counter [mm]
-- column: warmth integer gauge maximum [kelvin]
-- column: since text reset

-- from: 16
SELECT town, mayor,
-- for readers: not sent
       rain, warmth, since FROM weather;
-- from: 14
SELECT 1
-- from: 13
)";

std::string with(std::string_view old, std::string_view replacement) {
    std::string text(kText);
    const auto place = text.find(old);
    EXPECT_NE(place, std::string::npos) << old;
    return text.replace(place, old.size(), replacement);
}

TEST(ParseView, ReadsEveryProperty) {
    const auto view = parse_view("weather", kText);
    ASSERT_TRUE(view) << view.error().to_text();
    EXPECT_EQ(view->series, "weather");
    EXPECT_EQ(view->about, "Rain and sun of each town.");
    EXPECT_EQ(view->group, "performance");
    EXPECT_EQ(view->every, std::chrono::minutes(5));
    EXPECT_DOUBLE_EQ(view->share, 0.0005);
    EXPECT_TRUE(view->per_database);
    EXPECT_TRUE(view->all_rows);
    EXPECT_TRUE(view->only_changes);
    ASSERT_EQ(view->columns.size(), 5U);
    const auto expect = [&](std::size_t i, std::string_view name, ColumnType type, Role role, RollUp roll_up, std::string_view unit) {
        EXPECT_EQ(view->columns[i].name, name);
        EXPECT_EQ(view->columns[i].type, type) << name;
        EXPECT_EQ(view->columns[i].role, role) << name;
        EXPECT_EQ(view->columns[i].roll_up, roll_up) << name;
        EXPECT_EQ(view->columns[i].unit, unit) << name;
    };
    expect(0, "town", ColumnType::text, Role::key, RollUp::key, "");
    expect(1, "mayor", ColumnType::text, Role::label, RollUp::key, "");
    expect(2, "rain", ColumnType::real, Role::counter, RollUp::sum, "mm");
    expect(3, "warmth", ColumnType::integer, Role::gauge, RollUp::maximum, "kelvin");
    EXPECT_EQ(view->columns[4].role, Role::reset);
}

TEST(ParseView, TheNewestVariantThatTheServerReachesIsChosen) {
    const auto view = parse_view("weather", kText).value();
    EXPECT_EQ(view.variant_for(180'001)->sql, "SELECT town, mayor,\n       rain, warmth, since FROM weather");
    EXPECT_EQ(view.variant_for(160'000)->from_major, 16);
    EXPECT_EQ(view.variant_for(159'999)->sql, "SELECT 1");
    EXPECT_EQ(view.variant_for(140'000)->from_major, 14);
    EXPECT_EQ(view.variant_for(130'020), nullptr) << "an empty text: the view is not there";
    EXPECT_EQ(view.variant_for(120'000), nullptr);
}

TEST(ParseView, DefaultsAreTheCarefulOnes) {
    const auto view = parse_view("weather", with("-- scope: database\n-- rows: all\n-- store: changes\n", "")).value();
    EXPECT_FALSE(view.per_database);
    EXPECT_FALSE(view.all_rows);
    EXPECT_FALSE(view.only_changes);
}

TEST(ParseView, WhatIsWrongIsNamed) {
    const auto refused = [](const std::string& text, std::string_view words) {
        const auto view = parse_view("weather", text);
        ASSERT_FALSE(view) << words;
        EXPECT_EQ(view.error().kind, ErrorKind::invalid_input);
        EXPECT_NE(view.error().to_text().find(words), std::string::npos) << view.error().to_text();
    };
    refused(with("-- column: town text key", "-- column: town words key"), "line 10: 'words' is no type");
    refused(with("-- column: town text key", "-- column: town text door"), "'door' is no role");
    refused(with("-- column: town text key", "-- column: town text key last"), "a gauge, and nothing else");
    refused(with("-- column: town text key", "-- column: town text counter"), "a text can only be");
    refused(with("-- column: town text key", "-- column: Town text key"), "no name");
    refused(with("-- column: town text key", "-- column: town text"), "needs a name");
    refused(with("gauge maximum", "gauge"), "a gauge, and nothing else");
    refused(with("gauge maximum", "gauge median"), "'median'");
    refused(with("-- column: mayor text label", "-- column: town text label"), "twice");
    refused(with("-- column: mayor text label", "-- column: before text reset"), "more than one reset");
    refused(with("0.05%", "0.05"), "percentage");
    refused(with("0.05%", "0%"), "percentage");
    refused(with("5min", "5 minutes ago"), "line 5");
    refused(with("5min", "0s"), "`every`");
    refused(with("scope: database", "scope: universe"), "scope");
    refused(with("rows: all", "rows: few"), "rows");
    refused(with("store: changes", "store: some"), "stored");
    refused(with("-- group: performance\n", ""), "`group` is missing");
    refused(with("-- series: weather", "-- series: climate"), "file's name");
    refused(with("-- about: of each", "-- colour: of each"), "'colour' is no property");
    refused(with("-- from: 16", "-- from: 12"), "newest variant comes first");
    refused(with("-- from: 16", "-- from: now"), "major version");
    refused(with("-- from: 16", "SELECT"), "no text has begun");
    refused(std::string(kText.substr(0, kText.find("-- from"))), "there is no text");
    refused("", "file's name");
}

TEST(Views, EveryEmbeddedFileIsOne) {
    std::set<std::string_view> names;
    for (const auto& file : view_files()) {
        const auto view = parse_view(file.name, file.text);
        EXPECT_TRUE(view) << view.error().to_text();
        names.insert(file.name);
    }
    EXPECT_GE(names.size(), 20U);
    EXPECT_EQ(views().size(), names.size());
    for (const auto& view : views()) {
        EXPECT_TRUE(names.contains(view.series));
        EXPECT_EQ(find_view(view.series), &view);
        EXPECT_TRUE(view.group == "performance" || view.group == "resources") << view.series;
        EXPECT_LE(view.share, 0.002) << view.series;
        EXPECT_NE(view.variant_for(180'000), nullptr) << view.series << " is not there on the newest servers";
    }
    EXPECT_EQ(find_view("nothing"), nullptr);
    EXPECT_EQ(find_view("zzz"), nullptr);
}

}  // namespace
}  // namespace orrery::collectors
