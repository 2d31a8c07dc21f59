#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "engine/diagnosis.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

engine::Json document(const engine::DoctorReport& report) {
    engine::Json panels = engine::Json::array();
    for (const auto& panel : report.panels)
        panels.push_back({{"name", panel.name},
                          {"state", engine::to_string(panel.state)},
                          {"seen", panel.seen},
                          {"why", panel.why},
                          {"unlock", panel.unlock}});
    return {{"target", report.target},
            {"role", report.role},
            {"server_version", report.server_version},
            {"standby", report.standby},
            {"panels", std::move(panels)}};
}

base::Result<int> show(const Invocation& invocation, const std::string& target) {
    ORRERY_ASSIGN(const auto report, engine::diagnose(invocation.context, target));
    const bool all_there = std::all_of(report.panels.begin(), report.panels.end(),
                                       [](const auto& panel) { return panel.state != engine::PanelState::missing; });
    const int code = all_there ? kOk : kPartialResult;
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return code;
    }
    Table table{{{"panel"}, {"state"}, {"seen", Align::left, true}, {"what it would take", Align::left, true}}, {}};
    for (const auto& panel : report.panels) {
        std::string remedy = panel.why;
        for (const auto& step : panel.unlock) remedy += (remedy.empty() ? "" : "\n") + step;
        table.rows.push_back({panel.name, std::string(engine::to_string(panel.state)), panel.seen, remedy});
    }
    if (invocation.format == Format::table)
        ORRERY_TRY(print(fmt::format("{} as {}, PostgreSQL {}{}\n\n", report.target, report.role, report.server_version / 10000,
                                     report.standby ? ", a standby" : "")));
    ORRERY_TRY(print(invocation, table));
    return code;
}

}  // namespace

void add_doctor(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("doctor", "What can be seen of a database with these rights, and the SQL that shows the rest");
    auto target = std::make_shared<std::string>();
    add_target(*command, *target);
    command->callback([&invocation, target] { invocation.command = [&invocation, target] { return show(invocation, *target); }; });
}

}  // namespace orrery::cli
