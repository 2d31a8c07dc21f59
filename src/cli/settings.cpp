#include "config/settings.hpp"

#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

std::string_view type_name(config::SettingType type) {
    switch (type) {
        case config::SettingType::boolean: return "boolean";
        case config::SettingType::integer: return "integer";
        case config::SettingType::real: return "number";
        case config::SettingType::text: return "text";
        case config::SettingType::duration: return "duration";
        case config::SettingType::bytes: return "size";
    }
    return "text";
}

bool has_range(const config::Setting& setting) {
    return setting.type != config::SettingType::text && setting.type != config::SettingType::boolean;
}

std::string range(const config::Setting& setting) {
    return has_range(setting)
               ? fmt::format("{:g} to {:g}{}{}", setting.minimum, setting.maximum, setting.unit.empty() ? "" : " ", setting.unit)
               : "";
}

std::string markdown() {
    std::string text =
        "# Settings\n\nMade by `orrery settings --markdown`. They go into a TOML file (`--config FILE`, one table for each prefix) or onto "
        "the command line"
        " (`--set KEY=VALUE`).\n\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n";
    for (const auto& s : config::settings_table())
        text += fmt::format("| `{}` | {} | {} | {} | {} |\n", s.key, type_name(s.type),
                            s.standard.empty() ? "" : fmt::format("`{}`", s.standard), range(s), s.sentence);
    return text;
}

engine::Json document() {
    engine::Json rows = engine::Json::array();
    for (const auto& s : config::settings_table()) {
        engine::Json row{{"key", s.key}, {"type", type_name(s.type)}, {"default", s.standard}};
        row["minimum"] = has_range(s) ? engine::Json(s.minimum) : engine::Json();
        row["maximum"] = has_range(s) ? engine::Json(s.maximum) : engine::Json();
        row["unit"] = s.unit;
        row["meaning"] = s.sentence;
        rows.push_back(std::move(row));
    }
    return {{"settings", std::move(rows)}};
}

base::Result<int> show(const Invocation& invocation, bool as_markdown) {
    if (as_markdown)
        ORRERY_TRY(print(markdown()));
    else if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text(document())));
    else {
        Table table{{{"key"}, {"default", Align::right}, {"range"}, {"meaning", Align::left, true}}, {}};
        for (const auto& s : config::settings_table())
            table.rows.push_back({std::string(s.key), std::string(s.standard), range(s), std::string(s.sentence)});
        ORRERY_TRY(print(invocation, table));
    }
    return int{kOk};
}

}  // namespace

void add_settings(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("settings", "List all settings with their defaults and ranges");
    auto as_markdown = std::make_shared<bool>(false);
    command->add_flag("--markdown", *as_markdown, "As the page docs/settings.md");
    command->callback(
        [&invocation, as_markdown] { invocation.command = [&invocation, as_markdown] { return show(invocation, *as_markdown); }; });
}

}  // namespace orrery::cli
