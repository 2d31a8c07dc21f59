#include "engine/whatif.hpp"

#include <fmt/format.h>

#include <memory>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

std::string one_line(const std::string& text) {
    std::string line;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!space)
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    constexpr std::size_t kLongest = 200;
    if (display_width(line) > kLongest) line = line.substr(0, kLongest) + "...";
    return line;
}

engine::Json document(const engine::WhatIfReport& report) {
    engine::Json changes = engine::Json::array(), statements = engine::Json::array();
    for (const auto& c : report.changes)
        changes.push_back({{"sql", c.sql},
                           {"estimated_size_bytes", c.estimated_size ? engine::Json(c.estimated_size->value) : engine::Json()},
                           {"error", c.error.empty() ? engine::Json() : engine::Json(c.error)}});
    for (const auto& s : report.statements)
        statements.push_back({{"fingerprint", s.fingerprint.hex()},
                              {"text", s.text},
                              {"calls", s.calls},
                              {"cost_before", s.error.empty() ? engine::Json(s.cost_before) : engine::Json()},
                              {"cost_after", s.error.empty() ? engine::Json(s.cost_after) : engine::Json()},
                              {"used", s.used},
                              {"error", s.error.empty() ? engine::Json() : engine::Json(s.error)}});
    return {{"target", report.target}, {"cost_before", report.cost_before}, {"cost_after", report.cost_after},
            {"changes", changes},      {"statements", statements},          {"warnings", report.warnings}};
}

base::Result<int> show(const Invocation& invocation, const engine::WhatIfRequest& request) {
    ORRERY_ASSIGN(const auto report, engine::whatif(invocation.context, request));
    const int code = report.partial ? kPartialResult : kOk;
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return code;
    }
    Table table{{{"template"},
                 {"calls", Align::right},
                 {"cost before", Align::right},
                 {"cost after", Align::right},
                 {"change", Align::right},
                 {"new indexes used", Align::left, true},
                 {"statement", Align::left, true}},
                {}};
    for (const auto& s : report.statements) {
        const double change = s.cost_before > 0 ? 100 * (s.cost_after / s.cost_before - 1) : 0;
        TableCell relative = percent_cell(change);
        if (!s.error.empty()) relative = {"-", ""};
        table.rows.push_back({s.fingerprint.hex(), number_cell(s.calls, 0), number_cell(s.cost_before, 2), number_cell(s.cost_after, 2),
                              relative, fmt::format("{}", fmt::join(s.used, ", ")), one_line(s.text)});
    }
    ORRERY_TRY(print(invocation, table));
    if (invocation.format == Format::table) {
        const double saved = report.cost_before > 0 ? 100 * (1 - report.cost_after / report.cost_before) : 0;
        ORRERY_TRY(print(fmt::format("\nPlanner's cost of the workload: {:.0f} before, {:.0f} after ({:.1f} % less).\n", report.cost_before,
                                     report.cost_after, saved)));
    }
    for (const auto& c : report.changes)
        if (!c.error.empty()) base::log_warning(fmt::format("not tried: {}: {}", c.sql, c.error));
    for (const auto& s : report.statements)
        if (!s.error.empty()) base::log_warning(fmt::format("statement {} cannot be planned: {}", s.fingerprint.hex(), s.error));
    for (const auto& warning : report.warnings) base::log_warning(warning);
    return code;
}

}  // namespace

void add_whatif(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("whatif", "Cost of the workload had the database other indexes; nothing is changed");
    auto request = std::make_shared<engine::WhatIfRequest>();
    add_target(*command, request->target);
    command->add_option("--workload", request->workload, "A .sql file, or a folder of them; else what was collected")
        ->type_name("FILE|DIR");
    command->add_option("--ddl", request->ddl, "File with CREATE INDEX and DROP INDEX statements")->required()->type_name("FILE");
    command->callback([&invocation, request] { invocation.command = [&invocation, request] { return show(invocation, *request); }; });
}

}  // namespace orrery::cli
