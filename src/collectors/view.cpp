#include "collectors/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "collectors/embedded_file.hpp"
#include "config/settings.hpp"

namespace orrery::collectors {
namespace {

using base::ErrorKind;
using base::Result;
using domain::RollUp;
using Role = ViewColumn::Role;

constexpr std::size_t kLongestName = 48;  // a column of a table in the PostgreSQL store, with room for a suffix

std::string_view trimmed(std::string_view words) {
    constexpr std::string_view kSpace = " \t\r\n";
    const auto first = words.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return words.substr(first, words.find_last_not_of(kSpace) - first + 1);
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (text = trimmed(text); !text.empty();) {
        const auto end = std::min(text.find_first_of(" \t"), text.size());
        words.push_back(text.substr(0, end));
        text = trimmed(text.substr(end));
    }
    return words;
}

bool is_name(std::string_view name) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && name.size() <= kLongestName && name[0] >= 'a' && std::all_of(name.begin(), name.end(), fits);
}

template <typename Number>
std::optional<Number> number_of(std::string_view words) {
    Number number{};
    const auto [end, problem] = std::from_chars(words.data(), words.data() + words.size(), number);
    if (problem != std::errc() || end != words.data() + words.size()) return std::nullopt;
    return number;
}

base::Unexpected wrong(std::string what) {
    return base::unexpected(ErrorKind::invalid_input, std::move(what));
}

/// What a word means, out of a table of words.
template <typename Value, std::size_t N>
std::optional<Value> meaning(std::string_view word, const std::pair<std::string_view, Value> (&table)[N]) {
    for (const auto& [name, value] : table)
        if (name == word) return value;
    return std::nullopt;
}

constexpr std::pair<std::string_view, ColumnType> kTypes[] = {
    {"integer", ColumnType::integer}, {"real", ColumnType::real}, {"text", ColumnType::text}};
constexpr std::pair<std::string_view, Role> kRoles[] = {
    {"key", Role::key}, {"label", Role::label}, {"counter", Role::counter}, {"gauge", Role::gauge}, {"reset", Role::reset}};
constexpr std::pair<std::string_view, RollUp> kGauges[] = {
    {"mean", RollUp::mean}, {"maximum", RollUp::maximum}, {"minimum", RollUp::minimum}, {"last", RollUp::last}};

/// "datname text key", "backends integer gauge mean", "hits integer counter [blocks]".
Result<ViewColumn> parse_column(std::string_view text) {
    auto words = words_of(text);
    ViewColumn column;
    if (!words.empty() && words.back().size() > 2 && words.back().front() == '[' && words.back().back() == ']') {
        column.unit = words.back().substr(1, words.back().size() - 2);
        words.pop_back();
    }
    if (words.size() < 3) return wrong("a column needs a name, a type and a role");
    column.name = words[0];
    if (!is_name(column.name)) return wrong(fmt::format("'{}' is no name for a column", column.name));
    const auto type = meaning(words[1], kTypes);
    if (!type) return wrong(fmt::format("'{}' is no type: integer, real or text", words[1]));
    column.type = *type;
    const auto role = meaning(words[2], kRoles);
    if (!role) return wrong(fmt::format("'{}' is no role: key, label, counter, gauge or reset", words[2]));
    column.role = *role;
    if (words.size() != (column.role == Role::gauge ? 4U : 3U))
        return wrong("a gauge, and nothing else, says how it is rolled up: mean, maximum, minimum or last");
    if (column.role == Role::key || column.role == Role::label) column.roll_up = RollUp::key;
    if (column.role == Role::gauge) {
        const auto roll_up = meaning(words[3], kGauges);
        if (!roll_up) return wrong(fmt::format("'{}' is no way to roll up: mean, maximum, minimum or last", words[3]));
        column.roll_up = *roll_up;
    }
    const bool counts = column.role == Role::counter || (column.role == Role::gauge && column.roll_up != RollUp::last);
    if (column.type == ColumnType::text && counts) return wrong("a text can only be a key, a label, a reset or a gauge's last value");
    return column;
}

Result<void> parse_share(std::string_view text, View& view) {
    const auto percent = text.ends_with('%') ? number_of<double>(text.substr(0, text.size() - 1)) : std::nullopt;
    if (!percent || !(*percent > 0 && *percent <= 100)) return wrong("a share is a percentage of a core, like 0.05%");
    view.share = *percent / 100;
    return {};
}

/// One "-- key: value" above the texts.
Result<void> parse_property(std::string_view key, std::string_view value, View& view) {
    if (key == "series") {
        view.series = value;
    } else if (key == "about") {
        view.about += (view.about.empty() ? "" : " ") + std::string(value);
    } else if (key == "group") {
        view.group = value;
    } else if (key == "every") {
        ORRERY_ASSIGN(view.every, config::parse_duration(value));
    } else if (key == "share") {
        return parse_share(value, view);
    } else if (key == "scope") {
        if (value != "server" && value != "database") return wrong("a scope is server or database");
        view.per_database = value == "database";
    } else if (key == "rows") {
        if (value != "all" && value != "some") return wrong("rows are all or some");
        view.all_rows = value == "all";
    } else if (key == "store") {
        if (value != "all" && value != "changes") return wrong("all is stored, or changes");
        view.only_changes = value == "changes";
    } else if (key == "column") {
        ORRERY_ASSIGN(auto column, parse_column(value));
        const auto same = [&](const ViewColumn& other) { return other.name == column.name; };
        if (std::any_of(view.columns.begin(), view.columns.end(), same)) return wrong("the column is there twice: " + column.name);
        view.columns.push_back(std::move(column));
    } else {
        return wrong(fmt::format("'{}' is no property of a view", key));
    }
    return {};
}

Result<void> begin_variant(std::string_view value, View& view) {
    const auto major = number_of<int>(value);
    if (!major || *major < 1) return wrong("`from` names a major version");
    if (!view.variants.empty() && view.variants.back().from_major <= *major) return wrong("the newest variant comes first");
    view.variants.push_back({*major, {}});
    return {};
}

Result<void> check(std::string_view name, const View& view) {
    if (view.series != name) return wrong(fmt::format("the series '{}' does not bear the file's name", view.series));
    if (!is_name(view.series)) return wrong(fmt::format("'{}' is no name for a series", view.series));
    if (view.about.empty() || view.group.empty()) return wrong("`about` or `group` is missing");
    if (view.every <= std::chrono::milliseconds(0)) return wrong("`every` is not above zero");
    if (!view.has(Role::counter) && !view.has(Role::gauge)) return wrong("there is nothing to measure: no counter and no gauge");
    if (std::count_if(view.columns.begin(), view.columns.end(), [](const auto& c) { return c.role == Role::reset; }) > 1)
        return wrong("there is more than one reset");
    if (view.variants.empty()) return wrong("there is no text: `-- from: 13` begins one");
    return {};
}

Result<void> parse_line(std::string_view line, View& view) {
    const auto bare = trimmed(line);
    const auto colon = bare.find(": ");
    const bool property = bare.starts_with("-- ") && colon != std::string_view::npos;
    const auto key = property ? trimmed(bare.substr(3, colon - 3)) : std::string_view();
    if (key == "from") return begin_variant(trimmed(bare.substr(colon + 1)), view);
    if (view.variants.empty()) {
        if (property) return parse_property(key, trimmed(bare.substr(colon + 1)), view);
        if (!bare.empty()) return wrong("this is no property, and no text has begun");
        return {};
    }
    if (!bare.empty() && !bare.starts_with("--")) view.variants.back().sql.append(line).push_back('\n');
    return {};
}

}  // namespace

const ViewVariant* View::variant_for(int server_version) const {
    const int major = server_version / 10'000;
    const auto found = std::find_if(variants.begin(), variants.end(), [&](const ViewVariant& v) { return v.from_major <= major; });
    return found == variants.end() || found->sql.empty() ? nullptr : &*found;
}

bool View::has(ViewColumn::Role role) const {
    return std::any_of(columns.begin(), columns.end(), [&](const ViewColumn& column) { return column.role == role; });
}

Result<View> parse_view(std::string_view name, std::string_view text) {
    View view;
    std::size_t number = 0;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        ++number;
        if (auto read = parse_line(line, view); !read)
            return base::unexpected(std::move(read).error().within(fmt::format("view {}, line {}", name, number)));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    if (auto sound = check(name, view); !sound) return base::unexpected(std::move(sound).error().within(fmt::format("view {}", name)));
    for (auto& variant : view.variants) {
        auto sql = trimmed(variant.sql);
        while (!sql.empty() && sql.back() == ';') sql = trimmed(sql.substr(0, sql.size() - 1));
        variant.sql = std::string(sql);
    }
    return view;
}

std::span<const View> views() {
    static const auto all = [] {
        std::vector<View> parsed;
        for (const auto& file : view_files())
            if (auto view = parse_view(file.name, file.text)) parsed.push_back(std::move(view).value());
        std::sort(parsed.begin(), parsed.end(), [](const View& a, const View& b) { return a.series < b.series; });
        return parsed;
    }();
    return all;
}

const View* find_view(std::string_view series) {
    const auto all = views();
    const auto found =
        std::lower_bound(all.begin(), all.end(), series, [](const View& view, std::string_view s) { return view.series < s; });
    return found == all.end() || found->series != series ? nullptr : &*found;
}

}  // namespace orrery::collectors
