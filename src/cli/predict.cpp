#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/folder.hpp"
#include "cli/commands.hpp"
#include "engine/json.hpp"
#include "engine/predicting.hpp"

namespace orrery::cli {
namespace {

engine::Json shares(const std::vector<domain::TimeShare>& list, const char* what) {
    engine::Json rows = engine::Json::array();
    for (const auto& share : list) {
        engine::Json row{{what, share.name}, {"ms", share.ms}};
        if (share.node >= 0) row["node"] = share.node;
        rows.push_back(std::move(row));
    }
    return rows;
}

engine::Json document(const engine::PredictReport& report) {
    const auto& p = report.explanation.prediction;
    return {{"target", report.target},
            {"fingerprint", report.fingerprint.hex()},
            {"model", report.model},
            {"trained", report.trained},
            {"ms", p.ms},
            {"low_ms", p.low_ms},
            {"high_ms", p.high_ms},
            {"route", domain::to_string(p.route)},
            {"why", p.why},
            {"planner_cost", report.planner_cost},
            {"draws_ms", report.draws_ms},
            {"base_ms", report.explanation.base_ms},
            {"operators", shares(report.explanation.operators, "operator")},
            {"features", shares(report.explanation.features, "feature")},
            {"warnings", report.warnings}};
}

void list_nodes(const domain::PlanNode& node, int depth, std::vector<int>& depths) {
    depths.push_back(depth);
    for (const auto& child : node.children) list_nodes(child, depth + 1, depths);
}

/// "██████     ": the share as a bar of ten.
std::string bar(double share) {
    constexpr int kWidth = 10;
    const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * kWidth));
    std::string text;
    for (int i = 0; i < full; ++i) text += "█";
    return text;
}

base::Result<void> print_shares(const Invocation& invocation, const engine::PredictReport& report) {
    const auto& e = report.explanation;
    std::vector<int> depths;
    list_nodes(report.plan.root, 0, depths);
    const bool bars = invocation.format == Format::table;
    Table operators{{{"operator", Align::left, true}, {"ms", Align::right}, {"share", Align::right}}, {}};
    if (bars) operators.columns.push_back({""});
    for (const auto& share : e.operators) {
        const double part = e.prediction.ms > 0 ? share.ms / e.prediction.ms : 0;
        operators.rows.push_back({std::string(2 * static_cast<std::size_t>(depths[static_cast<std::size_t>(share.node)]), ' ') + share.name,
                                  milliseconds_cell(share.ms), percent_cell(100 * part)});
        if (bars) operators.rows.back().push_back(bar(part));
    }
    ORRERY_TRY(print(invocation, operators));
    if (invocation.format != Format::table) return {};
    ORRERY_TRY(print("\n"));
    Table features{{{"what makes it so", Align::left, true}, {"ms", Align::right}}, {}};
    constexpr std::size_t kShown = 8;
    double rest = 0;
    for (std::size_t i = 0; i < e.features.size(); ++i) {
        if (i < kShown)
            features.rows.push_back({e.features[i].name, milliseconds_cell(e.features[i].ms)});
        else
            rest += e.features[i].ms;
    }
    if (e.features.size() > kShown) features.rows.push_back({fmt::format("{} more", e.features.size() - kShown), milliseconds_cell(rest)});
    return print(invocation, features);
}

base::Result<int> show(const Invocation& invocation, engine::PredictRequest request) {
    if (request.sql == "-") {
        ORRERY_ASSIGN(request.sql, base::read_file("/dev/stdin"));
    }
    ORRERY_ASSIGN(const auto report, engine::predict(invocation.context, request));
    for (const auto& warning : report.warnings)
        if (!invocation.quiet) fmt::print(stderr, "WARNING:  {}\n", warning);
    if (invocation.format == Format::json) {
        ORRERY_TRY(print(engine::to_text(document(report))));
        return int{kOk};
    }
    const auto text = [](double ms) { return base::to_text(base::Milliseconds(ms)); };
    if (invocation.format == Format::table) {
        const auto& p = report.explanation.prediction;
        ORRERY_TRY(print(fmt::format("{}, with 90 % confidence between {} and {}\n", text(p.ms), text(p.low_ms), text(p.high_ms))));
        ORRERY_TRY(print(fmt::format("by {}: {}; model: {}\n", domain::to_string(p.route), p.why, report.model)));
        if (report.draws_ms.size() > 1)
            ORRERY_TRY(print(fmt::format("the median of {} draws of its parameters, which take {} to {}\n", report.draws_ms.size(),
                                         text(report.draws_ms.front()), text(report.draws_ms.back()))));
        ORRERY_TRY(print("\n"));
    }
    ORRERY_TRY(print_shares(invocation, report));
    return int{kOk};
}

}  // namespace

void add_predict(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("predict", "How long a statement would take, with an interval and an explanation; it is not run");
    auto request = std::make_shared<engine::PredictRequest>();
    add_target(*command, request->target);
    command->add_option("--sql", request->sql, "The statement; \"-\" reads it from standard input")->required()->type_name("SQL");
    command->add_option("--scope", request->scope, "Whose model; else the target's own, then \"default\"")->type_name("NAME");
    command->callback([&invocation, request] { invocation.command = [&invocation, request] { return show(invocation, *request); }; });
}

}  // namespace orrery::cli
