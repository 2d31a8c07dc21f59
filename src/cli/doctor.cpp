#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "engine/diagnosis.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

struct DoctorArguments {
    std::string target, tier, role;
    bool sql = false;
};

engine::Json document(const engine::DoctorReport& report) {
    engine::Json panels = engine::Json::array(), tiers = engine::Json::array();
    for (const auto& panel : report.panels)
        panels.push_back({{"name", panel.name},
                          {"tier", engine::to_string(panel.tier)},
                          {"state", engine::to_string(panel.state)},
                          {"seen", panel.seen},
                          {"why", panel.why},
                          {"unlock", panel.unlock}});
    for (const auto& script : report.tiers)
        tiers.push_back({{"tier", engine::to_string(script.tier)},
                         {"state", engine::to_string(script.state)},
                         {"about", script.about},
                         {"sql", script.sql}});
    return {{"target", report.target},   {"role", report.role},         {"server_version", report.server_version},
            {"standby", report.standby}, {"panels", std::move(panels)}, {"tiers", std::move(tiers)}};
}

/// Only one tier of the report.
void keep_tier(engine::DoctorReport& report, const std::string& tier) {
    std::erase_if(report.panels, [&](const auto& panel) { return engine::to_string(panel.tier) != tier; });
    std::erase_if(report.tiers, [&](const auto& script) { return engine::to_string(script.tier) != tier; });
}

base::Result<void> print_tables(const Invocation& invocation, const engine::DoctorReport& report) {
    Table panels{{{"panel"}, {"tier"}, {"state"}, {"seen", Align::left, true}, {"what it would take", Align::left, true}}, {}};
    for (const auto& panel : report.panels) {
        std::string remedy = panel.why;
        for (const auto& step : panel.unlock) remedy += (remedy.empty() ? "" : "\n") + step;
        panels.rows.push_back(
            {panel.name, std::string(engine::to_string(panel.tier)), std::string(engine::to_string(panel.state)), panel.seen, remedy});
    }
    if (invocation.format != Format::table) return print(invocation, panels);
    ORRERY_TRY(print(fmt::format("{} as {}, PostgreSQL {}{}\n\n", report.target, report.role, report.server_version / 10000,
                                 report.standby ? ", a standby" : "")));
    ORRERY_TRY(print(invocation, panels));
    Table tiers{{{"tier"}, {"state"}, {"what it is for", Align::left, true}}, {}};
    for (const auto& script : report.tiers)
        tiers.rows.push_back({std::string(engine::to_string(script.tier)), std::string(engine::to_string(script.state)), script.about});
    ORRERY_TRY(print("\n"));
    ORRERY_TRY(print(invocation, tiers));
    return print("\nThe SQL of a tier: orrery doctor --tier NAME --sql\n");
}

base::Result<int> show(const Invocation& invocation, const DoctorArguments& arguments) {
    ORRERY_ASSIGN(auto report, engine::diagnose(invocation.context, arguments.target, {.find_programs = {}, .role = arguments.role}));
    if (!arguments.tier.empty()) keep_tier(report, arguments.tier);
    const bool all_there = std::all_of(report.panels.begin(), report.panels.end(),
                                       [](const auto& panel) { return panel.state != engine::PanelState::missing; });
    const int code = all_there ? kOk : kPartialResult;
    if (arguments.sql) {
        for (const auto& script : report.tiers) ORRERY_TRY(print(engine::to_text(script)));
        return static_cast<int>(kOk);
    }
    if (invocation.format == Format::json)
        ORRERY_TRY(print(engine::to_text(document(report))));
    else
        ORRERY_TRY(print_tables(invocation, report));
    return code;
}

}  // namespace

void add_doctor(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("doctor", "What can be seen of a database with these rights, and the SQL that shows the rest");
    auto arguments = std::make_shared<DoctorArguments>();
    add_target(*command, arguments->target);
    std::vector<std::string> tiers;
    for (const auto tier : engine::kTiers) tiers.emplace_back(engine::to_string(tier));
    command->add_option("--tier", arguments->tier, "Only one tier of rights")->check(CLI::IsMember(tiers));
    command->add_flag("--sql", arguments->sql, "Print only the SQL that grants the tier (or all of them), as a script for psql");
    command->add_option("--role", arguments->role, "Role that the SQL is for, made when it does not exist (default: the one that asks)");
    command->callback([&invocation, arguments] { invocation.command = [&invocation, arguments] { return show(invocation, *arguments); }; });
}

}  // namespace orrery::cli
