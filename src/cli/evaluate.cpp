#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "cli/commands.hpp"
#include "engine/applying.hpp"
#include "engine/json.hpp"

namespace orrery::cli {
namespace {

struct Options {
    std::string target, id;
};

std::string_view to_string(feedback::Decision decision) {
    switch (decision) {
        case feedback::Decision::keep: return "keep";
        case feedback::Decision::revert: return "revert";
        case feedback::Decision::undecided: return "undecided";
    }
    return "undecided";
}

/// Those that ran on both sides, the largest change of time first; JSON has them all.
std::vector<domain::TemplateEffect> by_effect(std::vector<domain::TemplateEffect> templates) {
    std::erase_if(templates, [](const auto& t) { return t.calls_before == 0 || t.calls_after == 0; });
    const auto effect = [](const auto& t) { return t.calls_before * std::abs(t.mean_after_ms - t.mean_before_ms); };
    std::stable_sort(templates.begin(), templates.end(), [&](const auto& a, const auto& b) { return effect(a) > effect(b); });
    constexpr std::size_t kMost = 20;
    if (templates.size() > kMost) templates.resize(kMost);
    return templates;
}

base::Result<int> show(const Invocation& invocation, const Options& options) {
    ORRERY_ASSIGN(const auto result, engine::evaluate(invocation.context, options.target, options.id));
    const auto& e = result.evaluation;
    const int code = e.enough_data ? kOk : kPartialResult;
    if (invocation.format == Format::json) {
        auto document = engine::to_json(e);
        document["recommendation"] = result.action.recommendation_id;
        document["state"] = domain::to_string(result.action.state);
        document["judgement"] = to_string(result.judgement.decision);
        ORRERY_TRY(print(engine::to_text(document)));
        return code;
    }
    Table table{{{"template"},
                 {"calls before", Align::right},
                 {"calls after", Align::right},
                 {"ms before", Align::right},
                 {"ms after", Align::right},
                 {"p", Align::right}},
                {}};
    for (const auto& t : by_effect(e.templates))
        table.rows.push_back({t.fingerprint.hex(), number_cell(t.calls_before, 0), number_cell(t.calls_after, 0),
                              number_cell(t.mean_before_ms, 3), number_cell(t.mean_after_ms, 3), number_cell(t.p_value, 4)});
    ORRERY_TRY(print(invocation, table));
    if (invocation.format == Format::table)
        ORRERY_TRY(print(fmt::format("\n{}\nAdvice: {}\n", e.verdict, to_string(result.judgement.decision))));
    return code;
}

}  // namespace

void add_evaluate(CLI::App& app, Invocation& invocation) {
    auto* command = app.add_subcommand("evaluate", "Compare the workload before and after an action");
    auto options = std::make_shared<Options>();
    command->add_option("id", options->id, "The action's number, or its recommendation's id")->required()->type_name("ID");
    add_target(*command, options->target);
    command->callback([&invocation, options] { invocation.command = [&invocation, options] { return show(invocation, *options); }; });
}

}  // namespace orrery::cli
